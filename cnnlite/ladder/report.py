"""The ladder as a table, at most 100 columns wide."""

from __future__ import annotations

import math
import textwrap

from cnnlite.ladder.results import Ladder, Result

__all__ = ["table"]

WIDTH = 100
LABEL, BAR = 26, 15
EIGHTHS = " ▏▎▍▌▋▊▉█"
BUSY = 1.5  # rounds of a rung that differ by more
LOAD = 0.5  # cores that other programs took before the run

Styles = dict[str, str]
PLAIN: Styles = dict.fromkeys(("bold", "dim", "good", "bad", "bar", "end"), "")
COLOUR: Styles = {
    "bold": "\x1b[1m",
    "dim": "\x1b[2m",
    "good": "\x1b[32m",
    "bad": "\x1b[31m",
    "bar": "\x1b[36m",
    "end": "\x1b[0m",
}


def table(ladder: Ladder, *, colour: bool = False, unicode: bool = True) -> list[str]:
    """Return the lines of the table.

    Parameters
    ----------
    ladder : Ladder
    colour : bool
        With the escape sequences of a terminal.
    unicode : bool
        With bars.

    Returns
    -------
    list of str

    Examples
    --------
    >>> from cnnlite.ladder import climb
    >>> found = climb("softmax", "4x3", rounds=1, turn=0.01, only=["reference"])
    >>> table(found)[0]
    'softmax: softmax of every row'
    """
    style = COLOUR if colour else PLAIN
    lines = _head(ladder, style)
    share = "of bandw." if ladder.is_memory_bound else "of peak"
    head = f" #  {'rung':{LABEL}} thr  {'time':>9}  {'GFLOP/s':>8}  {share:>9}  over below"
    lines += ["", f"{style['bold']}{head}{style['end']}", _rule(unicode)]
    for number, result in enumerate(ladder.rungs, 1):
        lines += _rung(ladder, number, result, style, unicode)
    return [*lines, _rule(unicode), *_foot(ladder, style)]


def _rule(unicode: bool) -> str:
    return ("─" if unicode else "-") * WIDTH


def _head(ladder: Ladder, style: Styles) -> list[str]:
    operation, n = ladder.operation, ladder.threads
    limit = "memory" if ladder.is_memory_bound else "arithmetic"
    sizes = " ".join(f"{k}={v}" for k, v in ladder.shape.items())
    alone = f"peak {ladder.peak(1) / 1e9:.0f} GFLOP/s, memory {ladder.bandwidths[1] / 1e9:.0f} GB/s"
    both = f"{ladder.peak(n) / 1e9:.0f} GFLOP/s, {ladder.bandwidths[n] / 1e9:.0f} GB/s"
    return [
        f"{style['bold']}{operation.name}{style['end']}: {operation.title}",
        f"{sizes}, float32: {_si(ladder.flops, 'FLOP')}, {_si(ladder.nbytes, 'B')}, "
        f"{significant(ladder.intensity)} FLOP/B: the limit is {limit}",
        f"{ladder.machine.get('cpu', 'CPU')}: one thread {alone}"
        + (f"; {n}: {both}" if n > 1 else ""),
    ]


def _rung(ladder: Ladder, number: int, result: Result, style: Styles, unicode: bool) -> list[str]:
    start = f"{number:2}  {result.rung.label:{LABEL}}"
    if result.status != "measured":
        mark = {"skipped": "not run:", "wrong": "WRONG:", "failed": "FAILED:"}[result.status]
        look = style["dim"] if result.status == "skipped" else style["bad"] + style["bold"]
        text = f"{mark} {result.reason}"
        rest = textwrap.wrap(text, WIDTH - len(start) - 1, break_long_words=True) or [text]
        indent = " " * (len(start) + 1)
        return [f"{look}{start} {rest[0]}{style['end']}"] + [
            f"{look}{indent}{line}{style['end']}" for line in rest[1:]
        ]
    assert result.seconds is not None and result.gflops is not None
    sign = "~" if result.extrapolated else ""
    share = "" if result.share is None else sign + percent(result.share)
    cells = (
        f"{result.rung.threads:3}  {sign + duration(result.seconds):>9}  "
        f"{sign + significant(result.gflops):>8}  {share:>9}  "
    )
    bar = _bar(ladder, result.gflops) if unicode else ""
    line = (
        f"{style['bold']}{start}{style['end']} {cells}"
        f"{_speedup(ladder, number, result, style)} {style['bar']}{bar}{style['end']}"
    )
    told = textwrap.wrap(result.explanation, WIDTH - 4)
    return [line.rstrip(), *(f"    {style['dim']}{t}{style['end']}" for t in told)]


def _speedup(ladder: Ladder, number: int, result: Result, style: Styles) -> str:
    """The speed-up, and over which rung, where that is not the measured one just below."""
    if result.speedup is None:
        return " " * 11
    text = times(result.speedup)
    before = [r for r in ladder.rungs[: number - 1] if r.status == "measured"]
    if before[-1].rung.key != result.below:
        numbers = {r.rung.key: k for k, r in enumerate(ladder.rungs, 1)}
        text += f" (#{numbers[result.below]})"
    look = style["good"] if result.speedup >= 1.1 else style["bad"] if result.speedup < 0.9 else ""
    return f"{look}{text:11}{style['end'] if look else ''}"


def _bar(ladder: Ladder, gflops: float) -> str:
    """A bar on a logarithmic scale, from the slowest rung to the fastest."""

    rates = [r.gflops or 0 for r in ladder.measured()]
    low, high = math.log(min(rates)), math.log(max(rates))
    share = (math.log(gflops) - low) / (high - low) if high > low else 1.0
    eighths = max(1, round(8 * BAR * share))
    return EIGHTHS[8] * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def _foot(ladder: Ladder, style: Styles) -> list[str]:
    lines = []
    limit = "the bandwidth (triad)" if ladder.is_memory_bound else "the multiply-add peak"
    lines.append(
        f"Counted: {ladder.operation.counted}. Shares are of {limit} of as many threads, "
        "probed in the same turns."
    )
    checked = [r.of_tolerance for r in ladder.measured() if r.of_tolerance is not None]
    if checked:
        lines.append(
            "All rungs with a time equal the reference (float64): the largest error is "
            f"{percent(max(checked))} of what rounding may cost."
        )
    slices = [r for r in ladder.measured() if r.extrapolated]
    lines += [
        f"~ extrapolated from a slice: {percent(r.fraction)} of the work was done." for r in slices
    ]
    if ladder.is_memory_bound and ladder.fits_cache:
        lines.append(
            "The largest cache holds all that is read and written here, so that the memory's "
            "bandwidth is no limit, and shares of it may exceed 100%."
        )
    spread = [max(r.rounds) / min(r.rounds) for r in ladder.measured() if len(r.rounds) > 1]
    unsteady = sum(s > BUSY for s in spread)
    if unsteady > len(spread) / 4:
        lines.append(
            f"The machine was busy: in {unsteady} of {len(spread)} rungs the rounds differ by more "
            f"than {BUSY} times (medians are shown; the limits are the best that was seen)."
        )
    load = ladder.machine.get("load", 0.0)
    if load > LOAD:
        lines.append(
            f"Other programs kept {load:.1f} cores busy in the minute before: rungs on all "
            "threads had less than all cores."
        )
    wrapped = [part for line in lines for part in textwrap.wrap(line, WIDTH)]
    return [f"{style['dim']}{line}{style['end']}" for line in wrapped]


def significant(value: float) -> str:
    """Return a number with three significant digits.

    Examples
    --------
    >>> significant(1234.5), significant(87.05), significant(0.00895)
    ('1,234', '87.0', '0.00895')
    """
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 1 else f"{value:.3g}"


def percent(share: float) -> str:
    """Return a share in percent.

    Examples
    --------
    >>> percent(2.45), percent(0.026), percent(0.00008)
    ('245%', '2.6%', '0.008%')
    """
    value = 100 * share
    if value >= 9.95:
        return f"{value:.0f}%"
    return f"{value:.1f}%" if value >= 0.95 else f"{value:.1g}%"


def times(factor: float) -> str:
    """Return a factor.

    Examples
    --------
    >>> times(2099.4), times(16.7), times(0.941)
    ('2,099x', '16.7x', '0.94x')
    """
    if factor >= 100:
        return f"{factor:,.0f}x"
    return f"{factor:.1f}x" if factor >= 10 else f"{factor:.2f}x"


def duration(seconds: float) -> str:
    """Return a time in the unit that suits it.

    Examples
    --------
    >>> duration(539.9), duration(0.0555), duration(2.5e-6)
    ('540 s', '55.5 ms', '2.50 us')
    """
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{significant(seconds / size)} {unit}"
    return f"{significant(seconds * 1e6)} us"


def _si(value: float, unit: str) -> str:
    for prefix, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{significant(value / size)} {prefix}{unit}"
    return f"{value:.0f} {unit}"
