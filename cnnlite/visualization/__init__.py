"""Figures, drawn with matplotlib (``pip install "cnnlite-engine[plot]"``)."""

from cnnlite.visualization.ladder import draw_ladder, plot_roofline, plot_rungs
from cnnlite.visualization.networks import plot_cnn_comparison, plot_depth_and_error

__all__ = [
    "draw_ladder",
    "plot_cnn_comparison",
    "plot_depth_and_error",
    "plot_roofline",
    "plot_rungs",
]
