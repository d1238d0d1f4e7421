"""Models: graphs of layers, the plans they run by, training and saving."""

from cnnlite.models.architecture import model_from_json
from cnnlite.models.cloning import clone_model
from cnnlite.models.model import Model
from cnnlite.models.saving import load_model, save_model
from cnnlite.models.sequential import Sequential

__all__ = [
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_json",
    "save_model",
]
