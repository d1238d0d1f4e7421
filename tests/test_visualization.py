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


def test_bars_are_lengths_and_labels_stand_free():
    """Depths on a linear axis from zero, with plain ticks; no label on a bubble or another."""
    found = figures()
    for some in (found, [f for f in found if f.name in ("vgg19", "googlenet")]):
        bars = visualization.plot_depth_and_error(some).axes[0]
        assert bars.get_yscale() == "linear" and bars.get_ylim()[0] == 0
    sheet = figure_module.Figure((14, 6), layout="constrained")
    left, right = sheet.subplots(1, 2)
    visualization.plot_cnn_comparison(found, left)
    visualization.plot_depth_and_error(found, right)
    sheet.draw_without_rendering()
    boxes = [text.get_window_extent() for text in left.texts]
    for k, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[k + 1 :])
        for bubble in left.collections:
            (center,) = left.transData.transform(bubble.get_offsets())
            radius = (bubble.get_sizes()[0] / 3.141593) ** 0.5 * sheet.dpi / 72
            nearest = center.clip(box.min, box.max)
            assert ((nearest - center) ** 2).sum() ** 0.5 > radius, left.texts[k].get_text()
