"""What fit, evaluate and predict print while they run."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

REFRESH_SECONDS = 0.1  # a person reads no faster; drawing costs 100 us


def show(logs: dict[str, Any]) -> str:
    """Return logs as text.

    Examples
    --------
    >>> show({"loss": 0.25, "accuracy": 0.9})
    'loss: 0.2500 - accuracy: 0.9000'
    >>> show({"f1_score": np.array([0.5, 2 / 3])})
    'f1_score: [0.5000, 0.6667]'
    """
    return " - ".join(f"{name}: {_shown(value)}" for name, value in logs.items())


def _shown(value: Any) -> str:
    """Return a figure as text; of an array of more than ten numbers, the ends of each axis."""
    if np.ndim(value):
        text = np.array2string(
            value, precision=4, floatmode="fixed", separator=", ", threshold=10, edgeitems=1
        )
        return " ".join(text.split())
    return f"{value:.4f}" if abs(value) >= 1e-3 or value == 0 else f"{value:.4e}"


class Progress:
    """A bar (verbose 1) that begins with ``done`` steps, one line at the end (2), or nothing."""

    def __init__(self, title: str, steps: int | None, verbose: int, done: int = 0) -> None:
        self.title, self.verbose = title, verbose
        self._start = self._drawn = time.perf_counter()
        self._bar: Any = None
        if verbose == 1:
            from tqdm import tqdm  # here, as importing it takes longer than importing cnnlite

            self._bar = tqdm(
                total=steps,
                initial=done,
                desc=title,
                file=sys.stdout,
                unit="batch",
                dynamic_ncols=True,
                mininterval=REFRESH_SECONDS,
            )

    def advance(self, logs: Callable[[], dict[str, Any]]) -> None:
        """Count one batch; ``logs`` is called only when the bar is drawn."""
        if self._bar is None:
            return
        now = time.perf_counter()
        if now - self._drawn > REFRESH_SECONDS:
            self._drawn = now
            self._bar.set_postfix_str(show(logs()), refresh=False)
        self._bar.update()

    def finish(self, logs: dict[str, Any]) -> None:
        """Draw the last state."""
        if self._bar is not None:
            self._bar.set_postfix_str(show(logs))
            self._bar.close()
        elif self.verbose == 2:
            seconds = time.perf_counter() - self._start
            print(f"{self.title} - {seconds:.1f}s - {show(logs)}", flush=True)

    def abandon(self) -> None:
        """Close the bar after an error."""
        if self._bar is not None:
            self._bar.close()


def checked_verbose(verbose: object, where: str) -> int:
    """Return 0, 1 or 2 ("auto" is 1), or raise."""
    if verbose == "auto":
        return 1
    if verbose not in (0, 1, 2):
        raise ValueError(f'{where}: verbose must be 0, 1, 2 or "auto". Got {verbose!r}.')
    return int(verbose)  # type: ignore[call-overload]
