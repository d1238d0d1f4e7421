"""What a run of the ladder found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cnnlite.ladder.operations import Operation, written
from cnnlite.ladder.rungs import Rung

__all__ = ["Ladder", "Result"]


@dataclass
class Result:
    """What became of one rung.

    Attributes
    ----------
    rung : Rung
    status : {"measured", "skipped", "wrong", "failed"}
    reason : str
        Why it was not measured.
    seconds : float or None
        Of the whole work: the median over all rounds.
    rounds : list of float
        The median of each round.
    fraction : float
        The share of the work that was done; below 1, the time is extrapolated.
    error, of_tolerance : float or None
        The check's largest error: absolute, and as a share of what it may be.
    gflops, share : float or None
        Rate, and the rate over the peak or the bandwidth that the rung's threads can reach.
    below : str
        The rung that it is compared with.
    speedup : float or None
        Over that rung.
    explanation : str
    """

    rung: Rung
    status: str = "measured"
    reason: str = ""
    seconds: float | None = None
    rounds: list[float] = field(default_factory=list)
    fraction: float = 1.0
    error: float | None = None
    of_tolerance: float | None = None
    gflops: float | None = None
    share: float | None = None
    below: str = ""
    speedup: float | None = None
    explanation: str = ""

    @property
    def extrapolated(self) -> bool:
        """Whether a slice was timed."""
        return self.fraction < 1


@dataclass
class Ladder:
    """One operation on one shape, rung by rung.

    Attributes
    ----------
    operation : Operation
    shape : dict
        Size by letter.
    threads : int
    rungs : list of Result
        From the lowest up.
    peaks : dict
        FLOP/s by (SIMD level, threads), the levels in rising order.
    bandwidths : dict
        Bytes/s by threads.
    machine, versions : dict
    """

    operation: Operation
    shape: dict[str, int]
    threads: int
    rungs: list[Result]
    peaks: dict[tuple[str, int], float] = field(default_factory=dict)
    bandwidths: dict[int, float] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def flops(self) -> int:
        """Floating-point operations, as the operation counts them."""
        return self.operation.flops(self.shape)

    @property
    def nbytes(self) -> int:
        """The least that must be read and written, in bytes."""
        return self.operation.nbytes(self.shape)

    @property
    def intensity(self) -> float:
        """FLOP per byte."""
        return self.flops / self.nbytes

    @property
    def levels(self) -> list[str]:
        """The SIMD levels that were probed, in rising order."""
        return list(dict.fromkeys(level for level, _ in self.peaks))

    def peak(self, threads: int) -> float:
        """Return the highest FLOP/s that so many threads reached."""
        return max(p for (_, count), p in self.peaks.items() if count == threads)

    @property
    def is_memory_bound(self) -> bool:
        """Whether on all threads memory limits more than arithmetic."""
        return self.intensity * self.bandwidths[self.threads] < self.peak(self.threads)

    @property
    def fits_cache(self) -> bool:
        """Whether a cache holds what is read and written, so that memory is no limit."""
        cache = self.machine.get("cache_bytes")
        return cache is not None and self.nbytes <= cache

    @property
    def is_right(self) -> bool:
        """Whether no rung was wrong and none failed."""
        return all(r.status in ("measured", "skipped") for r in self.rungs)

    def measured(self) -> list[Result]:
        """Return the rungs that have a time."""
        return [r for r in self.rungs if r.status == "measured"]

    def compare(self) -> None:
        """Fill in rates, shares and speed-ups from the times."""
        done: dict[str, Result] = {}
        for result in self.measured():
            assert result.seconds is not None
            rate = 1 / result.seconds
            result.gflops = self.flops * rate / 1e9
            limit, work = self.limit_of(result.rung.threads)
            if result.rung.family != "cuda":  # the limits are the CPU's
                result.share = work * rate / limit
            below = result.rung.below if result.rung.below in done else next(reversed(done), "")
            if below:
                result.below = below
                result.speedup = (done[below].seconds or 0) * rate
            done[result.rung.key] = result

    def limit_of(self, threads: int) -> tuple[float, int]:
        """Return the rate that limits so many threads, and the work that it is a rate of."""
        threads = threads if threads in self.bandwidths else self.threads
        if self.is_memory_bound:
            return self.bandwidths[threads], self.nbytes
        return self.peak(threads), self.flops

    def find(self, key: str) -> Result | None:
        """Return a rung that has a time, by its key."""
        return next((r for r in self.measured() if r.rung.key == key), None)

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as what JSON can hold: seconds, bytes, FLOP/s."""
        return {
            "operation": self.operation.name,
            "title": self.operation.title,
            "shape": self.shape,
            "written": written(self.operation, self.shape),
            "dtype": "float32",
            "threads": self.threads,
            "flops": self.flops,
            "bytes": self.nbytes,
            "counted": self.operation.counted,
            "intensity": self.intensity,
            "bound": "memory" if self.is_memory_bound else "arithmetic",
            "fits_cache": self.fits_cache,
            "machine": self.machine,
            "versions": self.versions,
            "peaks": [
                {"level": level, "threads": count, "flops_per_second": peak}
                for (level, count), peak in self.peaks.items()
            ],
            "bandwidths": [
                {"threads": count, "bytes_per_second": bandwidth}
                for count, bandwidth in self.bandwidths.items()
            ],
            "rungs": [_rung_as_dict(number, r) for number, r in enumerate(self.rungs, 1)],
        }


def _rung_as_dict(number: int, r: Result) -> dict[str, Any]:
    return {
        "number": number,
        "key": r.rung.key,
        "name": r.rung.label,
        "threads": r.rung.threads,
        "status": r.status,
        "reason": r.reason or None,
        "seconds": r.seconds,
        "rounds": r.rounds,
        "extrapolated": r.extrapolated,
        "fraction": r.fraction,
        "gflops": r.gflops,
        "share": r.share,
        "below": r.below or None,
        "speedup": r.speedup,
        "error": None if r.error == float("inf") else r.error,  # JSON has no infinity
        "error_of_tolerance": None if r.of_tolerance == float("inf") else r.of_tolerance,
        "explanation": r.explanation,
    }
