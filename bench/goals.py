"""What a row must reach: the figures of the project's table of goals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    absent : sequence of str
        Peers of the row that were not measured: not installed, or failed.
    """

    seconds: float
    ratios: Mapping[str, float]
    of_peak: float | None = None
    absent: Sequence[str] = ()


@dataclass(frozen=True)
class Goal:
    """One figure to reach.

    ``measure`` returns the figure of an outcome, or None where what it takes was not
    measured.  A goal that is ``against_all`` peers can be missed but not met while one of
    them is absent.
    """

    text: str
    bound: float
    measure: Callable[[Outcome], float | None]
    at_most: bool = False
    against_all: bool = False

    def is_met(self, outcome: Outcome) -> bool | None:
        """Whether it is reached; None where that was not measured."""
        value = self.measure(outcome)
        if value is None:
            return None
        met = value <= self.bound if self.at_most else value >= self.bound
        return None if met and self.against_all and outcome.absent else met


def _against(chosen: Callable[[str], bool]) -> Callable[[Outcome], float | None]:
    """The ratio of the fastest among some peers."""

    def measure(outcome: Outcome) -> float | None:
        found = [ratio for name, ratio in outcome.ratios.items() if chosen(name)]
        return min(found, default=None)

    return measure


def best_peer(ratio: float) -> Goal:
    """So many times as fast as the best peer."""
    return Goal(f"{ratio:g}x best", ratio, _against(lambda name: True), against_all=True)


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
