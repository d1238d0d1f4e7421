"""What a row must reach: the figures of the project's table of goals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """What was measured of one row: cnnlite's figures and the peers' ratios to it.

    Attributes
    ----------
    seconds : float
        cnnlite's time per unit.
    ratios : mapping of str to float
        Each peer's time over cnnlite's.
    of_peak : float, optional
        cnnlite's FLOP/s over the machine's.
    """

    seconds: float
    ratios: Mapping[str, float]
    of_peak: float | None = None


@dataclass(frozen=True)
class Goal:
    """One figure to reach.

    ``measure`` returns the figure of an outcome, or None where what it takes was not
    measured (a peer that is not installed).
    """

    text: str
    bound: float
    measure: Callable[[Outcome], float | None]
    at_most: bool = False

    def is_met(self, outcome: Outcome) -> bool | None:
        """Whether it is reached; None where that was not measured."""
        value = self.measure(outcome)
        if value is None:
            return None
        return value <= self.bound if self.at_most else value >= self.bound


def _against(chosen: Callable[[str], bool], all_of: str = "") -> Callable[[Outcome], float | None]:
    """The ratio of the fastest among some peers; one whose name starts so must be there."""

    def measure(outcome: Outcome) -> float | None:
        found = {name: ratio for name, ratio in outcome.ratios.items() if chosen(name)}
        if not any(name.startswith(all_of) for name in found):
            return None
        return min(found.values())

    return measure


def best_peer(ratio: float) -> Goal:
    """So many times as fast as the best peer; not known without PyTorch."""
    return Goal(f"{ratio:g}x best", ratio, _against(lambda name: True, "torch"))


def numpy(ratio: float) -> Goal:
    """So many times as fast as NumPy as installed."""
    return Goal(f"{ratio:g}x numpy", ratio, _against(lambda name: name == "numpy"))


def hand_written(ratio: float) -> Goal:
    """So many times as fast as the best hand-written NumPy."""
    names = ("numpy", "numpy-best")
    return Goal(f"{ratio:g}x hand-written", ratio, _against(lambda name: name in names))


def peak(fraction: float) -> Goal:
    """So much of the machine's FMA peak."""
    return Goal(f"{fraction:.0%} of peak", fraction, lambda outcome: outcome.of_peak)


def time(seconds: float, text: str) -> Goal:
    """No more than so many seconds."""
    return Goal(text, seconds, lambda outcome: outcome.seconds, at_most=True)
