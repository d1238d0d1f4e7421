"""Networks of the literature, as their papers describe them."""

from cnnlite.applications.lenet import lenet5

__all__ = ["lenet5"]
