"""Keras's public ``utils`` namespace."""

from __future__ import annotations

from cnnlite.models.py_dataset import PyDataset
from cnnlite.random_state import set_random_seed
from cnnlite.serialization import custom_object_scope, register_keras_serializable
from cnnlite.utils.image_dataset import image_dataset_from_directory
from cnnlite.utils.numerical import normalize, to_categorical
from cnnlite.utils.sequences import pad_sequences
from cnnlite.utils.splitting import split_dataset
from cnnlite.utils.timeseries import timeseries_dataset_from_array

Sequence = PyDataset  # Keras's older name of it

__all__ = [
    "PyDataset",
    "Sequence",
    "custom_object_scope",
    "image_dataset_from_directory",
    "normalize",
    "pad_sequences",
    "register_keras_serializable",
    "set_random_seed",
    "split_dataset",
    "timeseries_dataset_from_array",
    "to_categorical",
]
