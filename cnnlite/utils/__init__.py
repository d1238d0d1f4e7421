"""Keras's public ``utils`` namespace."""

from cnnlite.models.py_dataset import PyDataset
from cnnlite.random_state import set_random_seed

Sequence = PyDataset  # Keras's older name of it

__all__ = ["PyDataset", "Sequence", "set_random_seed"]
