"""Networks of the literature, as their papers describe them."""

from cnnlite.applications.alexnet import alexnet
from cnnlite.applications.googlenet import googlenet
from cnnlite.applications.inception_v4 import inception_v4
from cnnlite.applications.lenet import lenet5
from cnnlite.applications.resnet import resnet18, resnet34, resnet50, resnet101, resnet152
from cnnlite.applications.vgg import vgg16, vgg19

__all__ = [
    "alexnet",
    "googlenet",
    "inception_v4",
    "lenet5",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "vgg16",
    "vgg19",
]
