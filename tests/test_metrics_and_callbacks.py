"""Metrics by themselves, and the list of callbacks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cnnlite import losses, metrics
from cnnlite.callbacks import Callback, CallbackList
from cnnlite.losses.base import floats

P = np.array([[0.1, 0.7, 0.2], [0.5, 0.5, 0.0], [0.3, 0.3, 0.4], [np.nan, 0.9, 0.1]], "float32")
LABELS = np.array([1, 1, 2, 1])
WEIGHTS = np.array([1.0, 2.0, 3.0, 4.0])


@pytest.mark.parametrize(
    ("metric", "y", "hits"),
    [
        (metrics.SparseCategoricalAccuracy(), LABELS, [1, 0, 1, 0]),
        (metrics.CategoricalAccuracy(), np.eye(3)[LABELS], [1, 0, 1, 0]),
        (metrics.BinaryAccuracy(), np.eye(3)[LABELS], [1, 2 / 3, 2 / 3, 2 / 3]),
        (metrics.BinaryAccuracy(threshold=0.25), np.eye(3)[LABELS], [1, 2 / 3, 1 / 3, 2 / 3]),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_running_means(metric: metrics.Metric, y: np.ndarray, hits: list):
    """Over several batches, weighted, and reset: sum(w v) / sum(w); a NaN is a miss."""
    assert metric.result() == 0.0
    for part in (slice(0, 1), slice(1, 4)):
        metric.update_state(y[part], P[part])
    assert metric.result() == pytest.approx(np.mean(hits), rel=1e-6)
    metric.reset_state()
    metric.update_state(y, P, WEIGHTS)
    assert metric.result() == pytest.approx(np.average(hits, weights=WEIGHTS), rel=1e-6)
    again = type(metric).from_config(metric.get_config())
    assert again.name == metric.name and again.result() == 0.0
    again.update_state(y, P, WEIGHTS)
    assert again.result() == metric.result()


def test_mean_squared_error():
    metric = metrics.MeanSquaredError()
    metric.update_state([[0, 0], [1, 1]], [[1, 3], [1, 1]])
    assert metric.result() == 2.5


@pytest.mark.parametrize(
    ("identifier", "match"),
    [("area", "'area'"), (3, "3"), ({"class_name": "eval"}, "eval"), (None, "None")],
)
def test_unknown_metrics(identifier: Any, match: str):
    with pytest.raises(ValueError, match=match):
        metrics.get(identifier, losses.MeanSquaredError(), (None, 2))


def test_lists_given_to_losses_and_metrics_are_float32():
    """Python numbers mean the working type, float32, as everywhere else."""
    assert floats([[0.5]]).dtype == np.float32
    assert floats(np.array([[0.5]])).dtype == np.float64
    assert floats(np.array([[1]])).dtype == np.float32


def test_batch_logs_are_gathered_only_for_those_who_listen():
    """wants() tells overridden hooks from inherited ones, the older names included."""

    class Quiet(Callback):
        def on_epoch_end(self, epoch, logs=None): ...

    class Loud(Callback):
        def on_batch_end(self, batch, logs=None): ...

    hooks = ("on_train_batch_end", "on_batch_end")
    assert not CallbackList([Quiet()], None, {}).wants(*hooks)
    assert CallbackList([Quiet(), Loud()], None, {}).wants(*hooks)
    assert CallbackList([Quiet()], None, {}).wants("on_epoch_end")
    assert not CallbackList(None, None, {}).wants("on_epoch_end")
