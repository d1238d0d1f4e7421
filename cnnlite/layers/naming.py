"""The names that layers and models get where none is given."""

from __future__ import annotations

import re
from collections import Counter

_names: Counter[str] = Counter()


def unique_name(stem: str) -> str:
    """Return ``stem``, ``stem_1``, ``stem_2``, ...

    Examples
    --------
    >>> first, second = unique_name("example"), unique_name("example")
    >>> second
    'example_1'
    """
    count = _names[stem]
    _names[stem] += 1
    return f"{stem}_{count}" if count else stem


def snake_case(name: str) -> str:
    """Return a class's name as Keras writes it: MaxPooling2D is max_pooling2d."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
