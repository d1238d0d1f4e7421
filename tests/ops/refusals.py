"""What the tests of bad calls share: how an operation refuses."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

BadCall = tuple[str, Callable[[], Any], type[Exception], str]


def zeros(*shape: int, dtype: str = "float32") -> np.ndarray:
    return np.zeros(shape, dtype)


def message_of(error: pytest.ExceptionInfo) -> str:
    """Return an error's message, which must be sentences and hold no line of NumPy's."""
    text = str(error.value)
    assert text.endswith((".", "None.")), text
    assert "ufunc" not in text and "memoryview" not in text, text
    return text


def bad_calls(cases: list[BadCall]) -> pytest.MarkDecorator:
    """Parametrize a test over ``call, error, match`` of named bad calls."""
    return pytest.mark.parametrize(
        ("call", "error", "match"), [case[1:] for case in cases], ids=[case[0] for case in cases]
    )


def assert_refused(call: Callable[[], Any], error: type[Exception], match: str) -> None:
    """Raise unless ``call`` raises ``error``, saying where it was and what it got."""
    with pytest.raises(error, match=match) as caught:
        call()
    assert re.match(r"[a-z0-9_]+: ", message_of(caught)) or "[0]" in message_of(caught)
