"""Charts that compare the networks of the literature."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cnnlite.applications.comparison import Figures
from cnnlite.optional import require

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Box = tuple[float, float, float, float]  # left, right, bottom, top
_AREA = 8  # of a bubble, in square points, for a million parameters


def _axis(ax: Any) -> Any:
    """Return the axis to draw on, a new one if None was given."""
    if ax is not None:
        return ax
    figure = require("matplotlib.figure", "plot", "visualization")
    return figure.Figure(figsize=(7, 5), layout="constrained").subplots()


def plot_cnn_comparison(figures: Sequence[Figures], ax: Any = None) -> Figure:
    """Draw published accuracy over operations, each bubble's area the number of parameters.

    Parameters
    ----------
    figures : sequence of Figures
        From ``applications.comparison.compare``.
    ax : matplotlib axis, optional

    Returns
    -------
    matplotlib.figure.Figure

    References
    ----------
    After figure 2 of Canziani, Paszke, Culurciello, "An analysis of deep neural network
    models for practical applications", arXiv 1605.07678, 2017.
    """
    ax = _axis(ax)
    for f in figures:
        area = _AREA * f.parameters / 1e6
        ax.scatter(f.multiply_adds / 1e9, f.published.top1, s=area, alpha=0.5, linewidths=0)
    ax.set_xlabel("multiply-adds of one image (G)")
    ax.set_ylabel("ImageNet top-1 accuracy, as published (%)")
    ax.set_title("Accuracy over operations; area: parameters")
    ax.margins(0.15)
    ax.grid(alpha=0.3)
    _label_bubbles(figures, ax)
    return ax.figure


def _label_bubbles(figures: Sequence[Figures], ax: Any) -> None:
    """Write each network's name and size beside its bubble, where it covers nothing."""
    ax.figure.draw_without_rendering()  # gives the axis its size, so that points can be told
    scale = 72 / ax.figure.dpi
    taken: list[Box] = []
    for f in figures:
        x, y = scale * ax.transData.transform((f.multiply_adds / 1e9, f.published.top1))
        rim = _rim(f)
        taken.append((x - rim, x + rim, y - rim, y + rim))
    for k, f in enumerate(figures):
        text, rim = f"{f.name} {f.parameters / 1e6:.0f} M", _rim(f) + 3
        x, y = (taken[k][0] + taken[k][1]) / 2, (taken[k][2] + taken[k][3]) / 2
        wide, high = 4.6 * len(text), 9.0  # of 8-point letters, in points
        boxes: list[Box] = [
            (x - wide / 2, x + wide / 2, y + rim, y + rim + high),
            (x - wide / 2, x + wide / 2, y - rim - high, y - rim),
            (x + rim, x + rim + wide, y - high / 2, y + high / 2),
            (x - rim - wide, x - rim, y - high / 2, y + high / 2),
        ]
        free = [box for box in boxes if not any(_overlap(box, other) for other in taken)]
        box = (free or boxes)[0]
        taken.append(box)
        middle = (box[0] + box[1]) / 2 - x, (box[2] + box[3]) / 2 - y
        ax.annotate(
            text,
            (f.multiply_adds / 1e9, f.published.top1),
            xytext=middle,
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=8,
        )


def _rim(f: Figures) -> float:
    """Return a bubble's radius in points."""
    return math.sqrt(_AREA * f.parameters / 1e6 / math.pi)


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]


def plot_depth_and_error(figures: Sequence[Figures], ax: Any = None) -> Figure:
    """Draw the depth of the networks of ILSVRC and their published top-5 error, year by year.

    Parameters
    ----------
    figures : sequence of Figures
        From ``applications.comparison.compare``; those without a published error of
        the competition are left out.
    ax : matplotlib axis, optional

    Returns
    -------
    matplotlib.figure.Figure
    """
    ax = _axis(ax)
    entries = [f for f in figures if f.published.top5_error is not None]
    labels = [f"{f.name}\n{f.published.year}" for f in entries]
    # Linear from zero, for bars are compared by their lengths.
    bars = ax.bar(labels, [f.depth for f in entries], color="tab:blue", alpha=0.6)
    ax.bar_label(bars, [f"{f.depth} layers" for f in entries], padding=2, fontsize=8)
    ax.set_ylim(0, 1.12 * max((f.depth for f in entries), default=1))
    ax.set_ylabel("layers with weights", color="tab:blue")
    other = ax.twinx()
    errors = [f.published.top5_error or 0.0 for f in entries]
    other.plot(labels, errors, "o-", color="tab:red")
    for label, error in zip(labels, errors, strict=True):
        other.annotate(
            f"{error} %",
            (label, error),
            xytext=(7, 8),  # off the line, which falls from year to year
            textcoords="offset points",
            ha="left",
            color="tab:red",
            fontsize=8,
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"},
        )
    other.set_ylim(0, 20)
    other.set_ylabel("ILSVRC top-5 error, as published (%)", color="tab:red")
    ax.set_title("Deeper each year, and better")
    return ax.figure
