"""Charts that compare the networks of the literature."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cnnlite.applications.comparison import Figures
from cnnlite.optional import require

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
    labelled: list[tuple[float, float]] = []
    for f in figures:
        x, y = f.multiply_adds / 1e9, f.published.top1
        millions = f.parameters / 1e6
        ax.scatter(x, y, s=8 * millions, alpha=0.5, linewidths=0)
        # The label stands above the bubble's rim (s is its area in square points), or
        # below it where another network's stands already.
        rim = (8 * millions / math.pi) ** 0.5 + 3
        crowded = any(abs(x - u) < 2 and abs(y - v) < 1 for u, v in labelled)
        labelled.append((x, y))
        ax.annotate(
            f"{f.name} {millions:.0f} M",
            (x, y),
            xytext=(0, -rim if crowded else rim),
            textcoords="offset points",
            ha="center",
            va="top" if crowded else "bottom",
            fontsize=8,
        )
    ax.set_xlabel("multiply-adds of one image (G)")
    ax.set_ylabel("ImageNet top-1 accuracy, as published (%)")
    ax.set_title("Accuracy over operations; area: parameters")
    ax.margins(0.15)
    ax.grid(alpha=0.3)
    return ax.figure


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
    ax.bar(labels, [f.depth for f in entries], color="tab:blue", alpha=0.6)
    for label, f in zip(labels, entries, strict=True):
        ax.annotate(
            f"{f.depth} layers",
            (label, 0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 5),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
    ax.set_yscale("log")
    ax.set_ylabel("layers with weights", color="tab:blue")
    other = ax.twinx()
    errors = [f.published.top5_error or 0.0 for f in entries]
    other.plot(labels, errors, "o-", color="tab:red")
    for label, error in zip(labels, errors, strict=True):
        other.annotate(
            f"{error} %",
            (label, error),
            xytext=(0, 7),
            textcoords="offset points",
            ha="center",
            color="tab:red",
            fontsize=8,
        )
    other.set_ylim(0, 20)
    other.set_ylabel("ILSVRC top-5 error, as published (%)", color="tab:red")
    ax.set_title("Deeper each year, and better")
    return ax.figure
