"""The table, on the screen and in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.contestants import CONTESTANTS, OURS, PEERS

COLUMNS = ("row", "threads", "cnnlite", "rate", "best peer", "at least")
WIDTHS = (46, 7, 16, 19, 23, 0)

EXPLANATION = """\
Times are medians over rounds, with the distance between the quartiles in per cent.
A ratio is the peer's time over cnnlite's, taken round by round: above 1x, cnnlite is
faster. Rates are followed by their share of the FMA peak, or of the triad's bandwidth,
the best that the machine reached in the same rounds with as many threads."""


def time(seconds: float) -> str:
    """Return a time with three digits and its unit.

    >>> time(0.00123456)
    '1.23 ms'
    """
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{_digits(seconds / size)} {unit}"
    return f"{_digits(seconds / 1e-9)} ns"


def _digits(x: float) -> str:
    """Three digits, without an exponent."""
    return f"{x:.0f}" if x >= 99.95 else f"{x:.1f}" if x >= 9.995 else f"{x:.2f}"


def _spread(times: dict[str, Any]) -> str:
    return f"{time(times['seconds'])} ±{times['spread']:.0%}"


def _rate(figures: dict[str, Any], unit: str) -> str:
    share = f" {figures['of_limit']:.0%}" if "of_limit" in figures else ""
    return f"{_digits(figures['rate'] / 1e9)} {unit}{share}"


def _unit(result: dict[str, Any]) -> str:
    return "GFLOP/s" if result["flops"] else "GB/s"


def rate(result: dict[str, Any]) -> str:
    """Return GFLOP/s or GB/s with the share of the limit, or images a second."""
    if "rate" in result:
        return _rate(result, _unit(result))
    if "images_per_second" in result:
        return f"{result['images_per_second']:,.0f} images/s"
    return ""


def best(result: dict[str, Any]) -> str:
    """Return the best peer and its ratio."""
    name = result["best_peer"]
    return f"{name} {_digits(result['contestants'][name]['ratio'])}x" if name else ""


def goals(result: dict[str, Any]) -> str:
    """Return the goals, each with whether it is met; ? where that was not measured."""
    marks = {True: "yes", False: "NO", None: "?"}
    return ", ".join(f"{goal['text']}: {marks[goal['met']]}" for goal in result["goals"])


def cells(result: dict[str, Any]) -> list[str]:
    """Return a row's cells in the order of COLUMNS."""
    start = [result["row"], str(result["threads"])]
    if "error" in result:
        return [*start, "failed", result["error"], "", ""]
    own = _spread(result["contestants"][OURS])
    return [*start, own, rate(result), best(result), goals(result)]


def _peer(times: dict[str, Any] | None) -> str:
    if times is None:
        return ""
    if "error" in times:
        return "failed"
    return f"{_spread(times)} {_digits(times['ratio'])}x"


def _padded(row: Sequence[str]) -> str:
    return "  ".join(cell.ljust(n) for cell, n in zip(row, WIDTHS, strict=True)).rstrip()


def heading() -> str:
    return _padded(COLUMNS)


def _variant(times: dict[str, Any], result: dict[str, Any]) -> str:
    """cnnlite at another SIMD level, with the share of its own peak, or by another back end."""
    if "error" in times:
        return "failed"
    own = f" {_rate(times, _unit(result))}" if "rate" in times else ""
    return f"{_spread(times)}{own} {_digits(times['ratio'])}x"


def lines(result: dict[str, Any]) -> str:
    """Return a row for the screen: cnnlite's line; below it all peers, and its variants."""
    found, variants = result["contestants"], result.get("variants", {})
    peers = [f"{name} {_peer(found[name])}" for name in PEERS if name in found]
    others = [f"{name} {_variant(times, result)}" for name, times in variants.items()]
    below = ["    " + " | ".join(line) for line in (peers, others) if line]
    return "\n".join([_padded(cells(result)), *below])


def limits(machine: dict[str, Any]) -> list[str]:
    """Return the machine's limits as lines: per SIMD level, and of memory."""
    out = [f"CPU: {machine['cpu']}, {machine['cpus']} CPUs for this process"]
    for threads, found in machine["limits"].items():
        peaks = ", ".join(
            f"{level} {_digits(peak / 1e9)} GFLOP/s" for level, peak in found["fma"].items()
        )
        triad = _digits(found["triad"] / 1e9)
        out.append(f"{threads} thread(s): FMA peak {peaks}; triad {triad} GB/s")
    return out


def scaling(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return, of each training row run on several numbers of threads, the fewest's time over
    the others': that of two runs, some minutes apart."""
    times: dict[str, dict[int, float]] = {}
    for r in rows:
        if r["images"] and "error" not in r:
            times.setdefault(r["row"], {})[r["threads"]] = r["contestants"][OURS]["seconds"]
    out = []
    for row, by_threads in times.items():
        (fewest, slowest), *others = sorted(by_threads.items())
        out += [
            f"{row}: {n} threads are {_digits(slowest / seconds)}x as fast as {fewest}"
            for n, seconds in others
        ]
    return out


def markdown(report: dict[str, Any]) -> str:
    """Return the whole report as Markdown, every contestant in a column of its own."""
    rows = report["rows"]
    used = [p for p in PEERS if any(p in r["contestants"] for r in rows)]
    variants = [n for n in CONTESTANTS if any(n in r.get("variants", {}) for r in rows)]
    table = [[*COLUMNS, *used, *variants], ["---"] * (len(COLUMNS) + len(used) + len(variants))]
    for r in rows:
        shown = r.get("variants", {})
        others = [_variant(shown[n], r) if n in shown else "" for n in variants]
        table.append([*cells(r), *(_peer(r["contestants"].get(p)) for p in used), *others])
    body = ["| " + " | ".join(c.replace("|", "\\|") for c in row) + " |" for row in table]
    notes = [f"- {line}" for line in limits(report["machine"])]
    threads = [f"- {line}" for line in scaling(rows)]
    return "\n".join([EXPLANATION, "", *notes, "", *body, "", *threads, ""])
