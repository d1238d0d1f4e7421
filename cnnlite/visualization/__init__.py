"""Figures, drawn with matplotlib (``pip install "cnnlite-engine[plot]"``)."""

from cnnlite.visualization.networks import plot_cnn_comparison, plot_depth_and_error

__all__ = ["plot_cnn_comparison", "plot_depth_and_error"]
