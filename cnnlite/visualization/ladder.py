"""The ladder of one operation: the roofline with the rungs on it, and the rungs as bars."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cnnlite.ladder.report import percent, significant, times
from cnnlite.ladder.rungs import LEVEL_NAMES
from cnnlite.optional import require

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cnnlite.ladder.results import Ladder, Result

INK, SOFT, FAINT = "#22272e", "#6b7280", "#d5d9e0"
FAMILIES = {
    "python": "#8a8f98",
    "numpy": "#e08a1e",
    "numba": "#3a9d5d",
    "cython": "#8e5bb5",
    "cuda": "#6fae2d",
    "torch": "#d6453d",
}
# Of the native back end, the darker the wider; one hue.
NATIVE = {"baseline": "#8fc1e8", "avx2": "#4a93d1", "avx512": "#1f62a8", None: "#0c3a70"}
BADGE = 15.0  # points from the middle of a badge to the next


def _color(result: Result) -> str:
    family, level = result.rung.family, result.rung.options.get("level")
    return NATIVE[level] if family == "native" else FAMILIES.get(family, INK)


def _numbered(ladder: Ladder) -> list[tuple[int, Result]]:
    return [(n, r) for n, r in enumerate(ladder.rungs, 1) if r.status == "measured"]


def _count(threads: int) -> str:
    return f"{threads} thread{'s' if threads > 1 else ''}"


def _rate(result: Result) -> float:
    assert result.gflops is not None
    return result.gflops


def plot_roofline(ladder: Ladder, ax: Any = None) -> Figure:
    """Draw the roofline of the machine and on it the rungs of a ladder, by their numbers.

    The roof is the lower of what the multiply-add units and what the memory can do, as they were
    probed.  All rungs do the same work, so that they lie above each other; extrapolated ones
    are hollow.

    Parameters
    ----------
    ladder : Ladder
        From ``cnnlite.ladder.climb``.
    ax : matplotlib axis, optional

    Returns
    -------
    matplotlib.figure.Figure

    References
    ----------
    Williams, Waterman, Patterson, "Roofline: an insightful visual performance model for multicore
    architectures", Communications of the ACM 52(4), 2009.

    Examples
    --------
    >>> from cnnlite.ladder import climb
    >>> found = climb("softmax", "4x3", rounds=1, turn=0.01, only=["reference"])
    >>> plot_roofline(found).axes[0].get_ylabel()
    'GFLOP/s'
    """
    ax = _axis(ax, (8, 7))
    _dress(ax)
    ax.set_xscale("log")
    ax.set_yscale("log")
    _set_limits(ladder, ax)
    ax.set_xlabel("arithmetic intensity (FLOP per byte)", color=SOFT)
    ax.set_ylabel("GFLOP/s", color=SOFT)
    ax.grid(which="major", color=FAINT, linewidth=0.6)
    for axis in (ax.xaxis, ax.yaxis):
        _plain_numbers(axis)
    ax.figure.draw_without_rendering()  # gives the axis its size, by which slopes are told
    _draw_roofs(ladder, ax)
    _draw_points(ladder, ax)
    return ax.figure


def _axis(ax: Any, size: tuple[float, float]) -> Any:
    if ax is not None:
        return ax
    figure = require("matplotlib.figure", "plot", "visualization")
    return figure.Figure(figsize=size, layout="constrained").subplots()


def _dress(ax: Any) -> None:
    ax.set_axisbelow(True)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(FAINT)
    ax.tick_params(which="both", color=FAINT, labelcolor=SOFT)


def _plain_numbers(axis: Any) -> None:
    """0.01 and 1,000 instead of powers of ten."""
    axis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
    axis.set_minor_formatter(lambda value, _: "")


def _set_limits(ladder: Ladder, ax: Any) -> None:
    """Room for the rungs, for both parts of the roof, and for the labels."""
    ridge = ladder.peak(ladder.threads) / ladder.bandwidths[ladder.threads]
    left, right = min(ladder.intensity, ridge) / 5, max(6 * ladder.intensity, 40 * ridge)
    rates = [_rate(r) for r in ladder.measured()]
    ax.set_xlim(left, right)
    ax.set_ylim(min(rates) / 2.5, max([*rates, ladder.peak(ladder.threads) / 1e9]) * 6)


def _limits(ladder: Ladder) -> list[tuple[int, str]]:
    """The numbers of threads that have a roof, and how it is drawn."""
    return [(ladder.threads, "-"), (1, "--")] if ladder.threads > 1 else [(1, "-")]


def _draw_roofs(ladder: Ladder, ax: Any) -> None:
    """For one thread and for all; the peaks of lower levels are thin lines."""
    left, right = ax.get_xlim()
    labels: list[tuple[float, str]] = []
    for threads, style in _limits(ladder):
        peak, bandwidth = ladder.peak(threads) / 1e9, ladder.bandwidths[threads] / 1e9
        is_main = threads == ladder.threads
        ax.plot(
            [left, peak / bandwidth, right],
            [left * bandwidth, peak, peak],
            style,
            color=INK if is_main else SOFT,
            linewidth=1.8 if is_main else 1.2,
            zorder=2,
        )
        level = max(ladder.levels, key=lambda name: ladder.peaks[name, threads])
        labels.append((peak, f"{_count(threads)}: {peak:.0f} GFLOP/s, {LEVEL_NAMES[level]}"))
        _label_slope(ax, f"{_count(threads)}: {bandwidth:.0f} GB/s", bandwidth, is_main)
    for level in ladder.levels[:-1]:
        peak = ladder.peaks[level, 1] / 1e9
        if all(abs(math.log(peak / other)) > 0.3 for other, _ in labels):
            start = peak / (ladder.bandwidths[1] / 1e9)
            ax.plot([start, right], [peak, peak], ":", color=SOFT, linewidth=1, zorder=1)
            labels.append((peak, f"1 thread: {peak:.0f} GFLOP/s, {LEVEL_NAMES[level]}"))
    _label_peaks(ladder, ax, labels)


def _label_peaks(ladder: Ladder, ax: Any, labels: Sequence[tuple[float, str]]) -> None:
    """Above the flat parts, at the end where the rungs are not, none on another."""
    at_left = not ladder.is_memory_bound
    ridge = ladder.peak(ladder.threads) / ladder.bandwidths[ladder.threads]
    x = ridge * 1.15 if at_left else ax.get_xlim()[1]
    scale = 72 / ax.figure.dpi
    heights = [scale * ax.transData.transform((x, peak))[1] + 6 for peak, _ in labels]
    for (peak, text), height, place in zip(labels, heights, spread(heights, 13), strict=True):
        ax.annotate(
            text,
            (x, peak),
            xytext=(0, 6 + place - height),
            textcoords="offset points",
            ha="left" if at_left else "right",
            va="center",
            fontsize=8,
            color=SOFT,
            bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"},
            zorder=3,
        )


def _label_slope(ax: Any, text: str, bandwidth: float, is_above: bool) -> None:
    """Along the slanted part, near its lower end."""
    left, right = ax.get_xlim()
    low, high = ax.get_ylim()
    box = ax.get_window_extent()
    decade_x = box.width / math.log10(right / left)
    decade_y = box.height / math.log10(high / low)
    start = max(left, low / bandwidth) * 1.25
    ax.annotate(
        text,
        (start, start * bandwidth),
        xytext=(-4, 4) if is_above else (4, -4),
        textcoords="offset points",
        rotation=math.degrees(math.atan2(decade_y, decade_x)),
        rotation_mode="anchor",
        ha="left",
        va="bottom" if is_above else "top",
        fontsize=8,
        color=SOFT,
    )


def spread(wanted: Sequence[float], gap: float) -> list[float]:
    """Return places close to those wanted, in their order, none closer than a gap to the next.

    Examples
    --------
    >>> spread([0, 0, 10], 2)
    [-1.0, 1.0, 10.0]
    """
    order = sorted(range(len(wanted)), key=lambda k: wanted[k])
    groups: list[list[float]] = []  # of neighbours that touch: [middle, how many]
    for k in order:
        groups.append([wanted[k], 1])
        while len(groups) > 1:
            (below, m), (above, n) = groups[-2:]
            if above - (n - 1) * gap / 2 - (below + (m - 1) * gap / 2) >= gap:
                break
            groups[-2:] = [[(m * below + n * above) / (m + n), m + n]]
    flat = [mid + gap * (i - (n - 1) / 2) for mid, n in groups for i in range(int(n))]
    places = [0.0] * len(wanted)
    for k, place in zip(order, flat, strict=True):
        places[k] = float(place)
    return places


def _draw_points(ladder: Ladder, ax: Any) -> None:
    """Points where they belong; their numbers in a column beside them, none on another."""
    rungs, x = _numbered(ladder), ladder.intensity
    ax.axvline(x, color=FAINT, linewidth=1, zorder=0)
    scale = 72 / ax.figure.dpi
    heights = [scale * ax.transData.transform((x, _rate(r)))[1] for _, r in rungs]
    places = spread(heights, BADGE)
    box = ax.get_window_extent()
    low, high = scale * box.y0 + BADGE / 2, scale * box.y1 - BADGE / 2
    shift = min(0.0, high - max(places)) + max(0.0, low - min(places))
    for (number, result), height, place in zip(rungs, heights, places, strict=True):
        color = _color(result)
        ax.plot(
            [x],
            [_rate(result)],
            "o",
            markersize=8,
            markerfacecolor="white" if result.extrapolated else color,
            markeredgecolor=color,
            markeredgewidth=1.5,
            zorder=4,
            clip_on=False,
        )
        line = {"arrowstyle": "-", "color": color, "linewidth": 0.9, "shrinkA": 0}
        _badge(ax, number, color, (x, _rate(result)), (34, place + shift - height), line)


def _badge(ax: Any, number: int, color: str, at: Any, offset: Any, line: Any, **how: Any) -> None:
    """A rung's number in its colour."""
    ax.annotate(
        str(number),
        at,
        xytext=offset,
        textcoords="offset points",
        ha="center",
        va="center",
        fontsize=8,
        fontweight="bold",
        color="white",
        bbox={"boxstyle": "round,pad=0.28", "facecolor": color, "edgecolor": "none"},
        arrowprops=line,
        zorder=5,
        **how,
    )


def _limit(ladder: Ladder, threads: int) -> float:
    """GFLOP/s that so many threads can reach at the most."""
    rate, work = ladder.limit_of(threads)
    return rate / work * ladder.flops / 1e9


def plot_rungs(ladder: Ladder, ax: Any = None) -> Figure:
    """Draw the rungs of a ladder as bars of GFLOP/s on a logarithmic scale, the lowest at the foot.

    Parameters
    ----------
    ladder : Ladder
        From ``cnnlite.ladder.climb``.
    ax : matplotlib axis, optional

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from cnnlite.ladder import climb
    >>> found = climb("softmax", "4x3", rounds=1, turn=0.01, only=["reference"])
    >>> [label.get_text() for label in plot_rungs(found).axes[0].get_yticklabels()]
    ['NumPy reference, ... thread...']
    """
    ax = _axis(ax, (8, 7))
    _dress(ax)
    rungs = _numbered(ladder)
    rates = [_rate(r) for _, r in rungs]
    limits = [_limit(ladder, threads) for threads, _ in _limits(ladder)]
    low, high = min(rates) / 2, max([*rates, *limits])
    ax.set_xscale("log")
    ax.set_xlim(low, high * (high / low) ** 0.06)
    ax.set_ylim(-0.7, len(rungs) - 0.2)
    bars = ax.barh(range(len(rungs)), rates, color=[_color(r) for _, r in rungs], height=0.7)
    for (threads, style), limit in zip(_limits(ladder), limits, strict=True):
        ax.axvline(limit, linestyle=style, color=SOFT, linewidth=1, zorder=0)
        what = "bandwidth" if ladder.is_memory_bound else "peak"
        is_outer = limit == max(limits)
        ax.annotate(
            f"{what}, {_count(threads)}",
            (limit, -0.6),
            xytext=(4 if is_outer else -4, 0),
            textcoords="offset points",
            rotation=90,
            ha="left" if is_outer else "right",
            va="bottom",
            fontsize=8,
            color=SOFT,
            zorder=1,
        )
    for bar, (number, result) in zip(bars, rungs, strict=True):
        middle = bar.get_y() + bar.get_height() / 2
        at = ax.get_yaxis_transform()
        _badge(ax, number, _color(result), (0, middle), (-13, 0), None, xycoords=at)
        if result.extrapolated:
            bar.set(facecolor="white", edgecolor=_color(result), hatch="////")
        _columns(ax, middle, _figures(result), INK)
    _columns(ax, len(rungs) - 0.3, ("GFLOP/s", "share", "over below"), SOFT)
    ax.set_yticks(range(len(rungs)), [_name(r) for _, r in rungs])
    ax.tick_params(axis="y", length=0, pad=24, labelcolor=INK)
    _plain_numbers(ax.xaxis)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("GFLOP/s", color=SOFT)
    ax.grid(axis="x", color=FAINT, linewidth=0.6)
    return ax.figure


def _name(result: Result) -> str:
    return f"{result.rung.label}, {_count(result.rung.threads)}"


def _figures(result: Result) -> tuple[str, str, str]:
    """Rate, share, and the step from the rung that it is compared with."""
    sign = "~" if result.extrapolated else ""
    share = "" if result.share is None else sign + percent(result.share)
    step = "" if result.speedup is None else times(result.speedup)
    return sign + significant(_rate(result)), share, step


def _columns(ax: Any, height: float, texts: Sequence[str], color: str) -> None:
    """Write figures to the right of the axis, each in its column."""
    for column, text in zip((0.16, 0.32, 0.54), texts, strict=True):
        ax.text(
            1 + column,
            height,
            text,
            transform=ax.get_yaxis_transform(),
            ha="right",
            va="center",
            fontsize=9,
            color=color,
        )


def draw_ladder(ladder: Ladder) -> Figure:
    """Draw the roofline, and the rungs as bars beside it, with what they share as a title.

    Parameters
    ----------
    ladder : Ladder
        From ``cnnlite.ladder.climb``.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from cnnlite.ladder import climb
    >>> found = climb("softmax", "4x3", rounds=1, turn=0.01, only=["reference"])
    >>> len(draw_ladder(found).axes)
    2
    """
    figure = require("matplotlib.figure", "plot", "draw_ladder").Figure(
        figsize=(15, 7.6), layout="constrained", facecolor="white"
    )
    figure.get_layout_engine().set(w_pad=0.15, h_pad=0.1)
    left, right = figure.subplots(1, 2, width_ratios=(11, 9))
    sizes = ", ".join(f"{k} = {v}" for k, v in ladder.shape.items())
    figure.suptitle(
        f"{ladder.operation.name}: {ladder.operation.title}",
        x=0.012,
        ha="left",
        fontsize=15,
        fontweight="bold",
        color=INK,
    )
    left.set_title(f"{sizes}", loc="left", color=SOFT, fontsize=10)
    hollow = any(r.extrapolated for r in ladder.measured())
    figure.supxlabel(
        ", ".join([str(ladder.machine.get("cpu", "")), "float32"])
        + "; "
        + ", ".join(f"{name} {version}" for name, version in sorted(ladder.versions.items()))
        + ("; hollow: extrapolated from a slice" if hollow else ""),
        x=0.012,
        ha="left",
        fontsize=8,
        color=SOFT,
    )
    plot_rungs(ladder, right)
    plot_roofline(ladder, left)
    return figure
