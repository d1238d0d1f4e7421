"""Layers: bookkeeping and the chain rule, each with its derivative beside it."""

from cnnlite.layers.activation import Activation, ReLU, Softmax
from cnnlite.layers.base import Layer
from cnnlite.layers.configuration import deserialize
from cnnlite.layers.conv2d import Conv2D
from cnnlite.layers.dense import Dense
from cnnlite.layers.dropout import Dropout
from cnnlite.layers.flatten import Flatten
from cnnlite.layers.merge import Add, Concatenate
from cnnlite.layers.pooling import AveragePooling2D, MaxPooling2D
from cnnlite.layers.symbolic import Input
from cnnlite.serialization import serialize

__all__ = [
    "Activation",
    "Add",
    "AveragePooling2D",
    "Concatenate",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "Input",
    "Layer",
    "MaxPooling2D",
    "ReLU",
    "Softmax",
    "deserialize",
    "serialize",
]
