"""What an object says whose class forgot ``super().__init__()``."""

from __future__ import annotations

from typing import Any

__all__ = ["NeedsInit"]


class NeedsInit:
    """A base whose own attributes, where a constructor has not set them, say what is missing.

    Examples
    --------
    >>> from cnnlite import layers
    >>> class Mine(layers.Layer):
    ...     def __init__(self):
    ...         self.units = 3
    >>> Mine().name
    Traceback (most recent call last):
    RuntimeError: Mine: the base's __init__ has not run. Begin __init__ with super().__init__().
    """

    set_by_init: frozenset[str] = frozenset()

    def __getattr__(self, name: str) -> Any:
        if name in self.set_by_init:
            raise RuntimeError(
                f"{type(self).__name__}: the base's __init__ has not run. "
                "Begin __init__ with super().__init__()."
            )
        return object.__getattribute__(self, name)  # raises; of a property, its own error
