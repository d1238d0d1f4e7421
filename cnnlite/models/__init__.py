"""Models: graphs of layers, the plans they run by, training and saving."""

from cnnlite.models.model import Model
from cnnlite.models.saving import load_model, save_model
from cnnlite.models.sequential import Sequential

__all__ = ["Model", "Sequential", "load_model", "save_model"]
