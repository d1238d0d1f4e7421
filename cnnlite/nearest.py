"""The name that was probably meant by one that does not exist."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

__all__ = ["did_you_mean"]


def did_you_mean(given: Any, names: Iterable[str]) -> str:
    """Return a question after a space, to end an error with; "" where no name is near.

    Parameters
    ----------
    given : object
        What was passed as a name; only a string is near another.
    names : iterable of str

    Examples
    --------
    >>> did_you_mean("Addam", ["adam", "sgd"])
    " Did you mean 'adam'?"
    """
    if not isinstance(given, str):
        return ""
    of_lower = {name.lower(): name for name in reversed(list(names))}
    near = get_close_matches(given.lower(), of_lower, 1)
    return f" Did you mean {of_lower[near[0]]!r}?" if near else ""
