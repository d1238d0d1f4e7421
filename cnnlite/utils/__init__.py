"""Keras's public ``utils`` namespace."""

from cnnlite.random_state import set_random_seed

__all__ = ["set_random_seed"]
