"""What fit, evaluate and predict refuse, and labels of every type."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cnnlite import Input, Sequential, layers
from cnnlite.callbacks import Callback
from cnnlite.errors import ShapeError
from tests.models.small_model import LABELS, X, Y, make
from tests.weights import bits

BAD = [
    (lambda m: Sequential([Input((3,)), layers.Dense(2)]).fit(X, Y), ValueError, "not compiled"),
    (lambda m: m.compile("sgd") or m.fit(X, Y), ValueError, "no loss"),
    (lambda m: m.fit(None, Y), ValueError, "fit.*x=None"),
    (lambda m: m.fit(X, None), ValueError, "fit.*y=None"),
    (lambda m: m.fit(X), ValueError, "fit.*y=None"),
    (lambda m: m.fit(X[:0], Y[:0]), ShapeError, "no samples"),
    (lambda m: m.fit(X, Y[:, :1]), ShapeError, r"\(10, 1\).*\(10, 2\)"),
    (lambda m: m.fit(X, Y[:9]), ShapeError, "10 samples.*9"),
    (lambda m: m.fit(X, np.array([["a", "b"]] * 10)), TypeError, "targets must be numbers"),
    (lambda m: m.fit(X[:, :2], Y), ShapeError, r"\(10, 2\).*\(batch, 3\)"),
    (lambda m: m.fit(X, Y, batch_size=0), ValueError, "batch_size.*0"),
    (lambda m: m.fit(X, Y, batch_size=2.5), ValueError, "batch_size.*2.5"),
    (lambda m: m.fit(X, Y, batch_size=True), ValueError, "batch_size.*True"),
    (lambda m: m.fit(X, Y, epochs=-1), ValueError, "epochs.*-1"),
    (lambda m: m.fit(X, Y, epochs=1.5), ValueError, "epochs.*1.5"),
    (lambda m: m.fit(X, Y, initial_epoch=-1), ValueError, "initial_epoch.*-1"),
    (lambda m: m.fit(X, Y, verbose=3), ValueError, "verbose.*3"),
    (lambda m: m.fit(X, Y, verbose="quiet"), ValueError, "verbose.*'quiet'"),
    (lambda m: m.fit(X, Y, validation_split=1.0), ValueError, "validation_split.*1.0"),
    (lambda m: m.fit(X, Y, validation_split=-0.1), ValueError, "validation_split.*-0.1"),
    (lambda m: m.fit(X, Y, validation_split=0.95), ValueError, "empty"),
    (lambda m: m.fit(X, Y, validation_split="a"), ValueError, "validation_split.*'a'"),
    (lambda m: m.fit(X, Y, validation_data=(X[:0], Y[:0])), ShapeError, "validation_data.*no s"),
    (lambda m: m.fit(X, Y, validation_data=X), ValueError, "validation_data must be"),
    (lambda m: m.fit(X, Y, validation_data=(X, Y[:3])), ShapeError, "validation_data.*10.*3"),
    (lambda m: m.fit(X, Y, validation_batch_size=0), ValueError, "validation_batch_size.*0"),
    (lambda m: m.fit(X, Y, sample_weight=np.ones(9)), ShapeError, r"sample_weight.*\(9,\).*\(10,"),
    (lambda m: m.fit(X, Y, sample_weight=np.ones((10, 2))), ShapeError, "sample_weight"),
    (lambda m: m.fit(X, Y, sample_weight=2.0), ShapeError, "sample_weight"),
    (lambda m: m.fit(X, Y, sample_weight=["a"] * 10), TypeError, "sample_weight"),
    (lambda m: m.fit(X, Y, callbacks=["stop"]), TypeError, "callbacks.*'stop'"),
    (lambda m: m.fit(X, Y, callbacks=[Callback]), TypeError, "callbacks"),
    (lambda m: m.evaluate(X, Y[:3]), ShapeError, "evaluate.*10.*3"),
    (lambda m: m.evaluate(X, Y, batch_size=-1), ValueError, "evaluate: batch_size.*-1"),
    (lambda m: m.predict(X, batch_size=0), ValueError, "predict: batch_size.*0"),
    (lambda m: m.train_on_batch(X), ValueError, "train_on_batch.*y=None"),
    (lambda m: m.compile("sgd", "mse", metrics=["area"]) or m.fit(X, Y), ValueError, "'area'"),
    (
        lambda m: m.compile("sgd", "mse", metrics=["sparse_categorical_accuracy"]) or m.fit(X, Y),
        ValueError,
        "different targets",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "match"), BAD, ids=[f"{m}" for *_, m in BAD])
def test_bad_calls(call: Any, error: type[Exception], match: str):
    """The error says where and what, before anything is trained."""
    model = make()
    before = bits(model)
    with pytest.raises(error, match=match):
        call(model)
    assert bits(model) == before


@pytest.mark.parametrize(
    ("y", "error", "match"),
    [
        (np.full(10, 2), ValueError, r"0\.\.1.*2\.\.2"),
        (np.full(10, -1), ValueError, "-1"),
        (np.full(10, 0.5), ValueError, "whole"),
        (np.full(10, np.nan), ValueError, "nan"),
        (np.full(10, 2**40), ValueError, "1099511627776"),
        (np.eye(2)[LABELS], ShapeError, '"categorical_crossentropy"'),
        (LABELS[:4], ShapeError, "10 samples.*4"),
    ],
)
def test_labels_out_of_range(y: np.ndarray, error: type[Exception], match: str):
    """Class numbers are checked before the first step, in any dtype."""
    model = make(loss="sparse_categorical_crossentropy")
    before = bits(model)
    with pytest.raises(error, match=match):
        model.fit(X, y, verbose=0)
    assert bits(model) == before


@pytest.mark.parametrize("shape", [(10,), (10, 1)])
@pytest.mark.parametrize("dtype", ["int64", "uint8", "float32", "bool"])
def test_labels_of_any_number_type(shape: tuple, dtype: str):
    """(N,) and (N, 1), integers or whole floats: the same training."""
    model, other = (make(loss="sparse_categorical_crossentropy") for _ in range(2))
    model.fit(X, LABELS, verbose=0)
    other.fit(X, LABELS.reshape(shape).astype(dtype), verbose=0)
    assert bits(model) == bits(other)


def test_one_hot_labels_hint():
    model = make(loss="categorical_crossentropy")
    with pytest.raises(ShapeError, match="sparse_categorical_crossentropy"):
        model.fit(X, LABELS)
