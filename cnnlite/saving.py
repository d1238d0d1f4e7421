"""Keras's public ``saving`` namespace: models in files, and classes of one's own in them."""

from __future__ import annotations

from cnnlite.models import load_model, save_model
from cnnlite.serialization import custom_object_scope, register_keras_serializable

__all__ = ["custom_object_scope", "load_model", "register_keras_serializable", "save_model"]
