"""What tests compare of a model's weights."""

from __future__ import annotations

from typing import Any


def bits(model: Any) -> list[bytes]:
    """Return the bytes of each weight of a model."""
    return [w.tobytes() for w in model.get_weights()]
