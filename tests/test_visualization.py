"""The charts: drawn headless, on a given axis or a new one, with labelled axes."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnnlite import visualization
from tests.test_applications import figures

figure_module = pytest.importorskip(
    "matplotlib.figure", reason='figures need matplotlib: pip install "cnnlite-engine[plot]"'
)


@pytest.mark.parametrize(
    "plot", [visualization.plot_cnn_comparison, visualization.plot_depth_and_error]
)
def test_charts_of_the_networks(plot, tmp_path: Path):
    """Every network's name is on the chart, the axes say what they show, a PNG comes out."""
    found = figures()
    figure = plot(found)
    texts = [t.get_text() for ax in figure.axes for t in ax.texts]
    texts += [t.get_text() for t in figure.axes[0].get_xticklabels()]
    shown = [f.name for f in found if any(f.name in t for t in texts)]
    expected = [f.name for f in found if f.published.top5_error or "comparison" in plot.__name__]
    assert shown == expected
    assert all(ax.get_ylabel() for ax in figure.axes)
    figure.savefig(tmp_path / "chart.png")
    assert (tmp_path / "chart.png").stat().st_size > 5000
    ax = figure_module.Figure().subplots()
    assert plot(found, ax) is ax.figure
