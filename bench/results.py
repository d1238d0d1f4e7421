"""From times to figures: medians, spreads, ratios, rates, goals.

Everything here is plain dictionaries and numbers, as written to the JSON file.
"""

from __future__ import annotations

from statistics import median, quantiles
from typing import Any

from bench.contestants import CONTESTANTS, MACHINE, OURS, PEERS, at_level
from bench.driver import Measured
from bench.goals import Outcome
from bench.suite import Row


def spread(rounds: list[float]) -> float:
    """Return the distance between the quartiles over the median; 0 of a single round."""
    if len(rounds) < 2:
        return 0.0
    low, _, high = quantiles(rounds, n=4, method="inclusive")
    return (high - low) / median(rounds)


def paired(theirs: list[float], ours: list[float]) -> float:
    """Return the median, over the rounds, of their time over ours.

    Both times of a pair were taken within seconds, so a machine that slows down for a
    while changes both.
    """
    return median(t / o for t, o in zip(theirs, ours, strict=True))


def _times(measured: Measured, ours: list[float]) -> dict[str, Any]:
    if measured.error is not None:
        return {"error": measured.error}
    return {
        "seconds": median(measured.rounds),
        "spread": spread(measured.rounds),
        "ratio": paired(measured.rounds, ours),
        "rounds": measured.rounds,
    }


def _rates(row: Row, seconds: float, limit: Measured | None) -> dict[str, float]:
    """FLOP or bytes per second, and their share of the machine's limit where it was measured.

    The machine's unit is one FLOP or byte.  A limit is the best that was seen: other
    programs only ever slow it down, and no claim should rest on their doing so.
    """
    amount = row.flops or row.nbytes
    if not amount:
        return {}
    rate = amount / seconds
    if limit is None or limit.error is not None:
        return {"rate": rate}
    best = 1 / min(limit.rounds)
    return {"rate": rate, "limit": best, "of_limit": rate / best}


def summary(row: Row, threads: int, measured: dict[str, Measured]) -> dict[str, Any]:
    """Return the figures of one row.

    ``ratio`` is a contestant's time over cnnlite's: above 1, cnnlite is faster.  Rates
    are per second; ``of_limit`` is their share of the FMA peak (or of the triad's
    bandwidth), the best of the same rounds with as many threads.
    """
    result: dict[str, Any] = {
        "row": row.name,
        "threads": threads,
        "flops": row.flops,
        "bytes": row.nbytes,
        "images": row.images,
    }
    failed = measured[OURS].error
    if failed is not None:
        return {**result, "error": failed, "contestants": {}, "goals": []}
    ours = measured[OURS].rounds
    seconds = median(ours)
    result |= _rates(row, seconds, measured.get(MACHINE))
    if row.images:
        result["images_per_second"] = row.images / seconds
    found = {n: _times(m, ours) for n, m in measured.items() if CONTESTANTS[n].module != MACHINE}
    variants = {n: times for n, times in found.items() if CONTESTANTS[n].is_variant}
    for name, times in variants.items():
        level = CONTESTANTS[name].level
        limit = at_level(MACHINE, level) if level and row.flops else MACHINE
        if "seconds" in times:
            times |= _rates(row, times["seconds"], measured.get(limit))
    result["variants"] = variants
    result["contestants"] = {n: times for n, times in found.items() if n not in variants}
    ratios = {
        name: times["ratio"]
        for name, times in result["contestants"].items()
        if name != OURS and "ratio" in times
    }
    result["best_peer"] = min(ratios, key=lambda name: ratios[name], default=None)
    result["absent"] = [
        name
        for name in row.contestants
        if name in PEERS and name not in ratios and (name in measured or CONTESTANTS[name].peer)
    ]
    of_peak = result.get("of_limit") if row.flops else None
    outcome = Outcome(seconds, ratios, of_peak, result["absent"])
    result["goals"] = [
        {"text": goal.text, "value": goal.measure(outcome), "met": goal.is_met(outcome)}
        for goal in row.goals
    ]
    return result
