"""The loss "crossentropy", chosen by the shapes of targets and predictions."""

from __future__ import annotations

import numpy as np
import pytest

import cnnlite
from cnnlite import Input, layers
from tests.models.keras_models import SPARSE, A, X, Z, two_outputs, with_numbers

CROSSENTROPIES = [
    (1, A > 0, "binary_crossentropy"),
    (1, (A > 0)[:, None], "binary_crossentropy"),
    (3, A, SPARSE),
    (3, A[:, None], SPARSE),
    (3, np.eye(3)[A], "categorical_crossentropy"),
]


@pytest.mark.parametrize(("units", "y", "full_name"), CROSSENTROPIES)
@pytest.mark.parametrize("name", ["crossentropy", "ce", "CE"])
def test_crossentropy_is_chosen_by_the_shapes(tmp_path, units: int, y, full_name: str, name: str):
    """As Keras 3.15 chooses it: the logs are those of the loss's full name."""
    logs = []
    for loss in (name, full_name):
        cnnlite.set_random_seed(1)
        activation = "sigmoid" if units == 1 else "softmax"
        model = with_numbers(cnnlite.Sequential([Input((3,)), layers.Dense(units, activation)]))
        model.compile("sgd", loss, metrics=["accuracy"])
        assert model.metrics_names == ["loss", "accuracy"]  # before any targets are seen
        model.save(tmp_path / "before.safetensors")
        restored = cnnlite.load_model(tmp_path / "before.safetensors")
        for copy in (model, restored):
            history = copy.fit(X, y, batch_size=3, epochs=2, validation_data=(X, y), verbose=0)
            logs.append(history.history)
        model.save(tmp_path / "after.safetensors")
        model = cnnlite.load_model(tmp_path / "after.safetensors")
        logs.append(model.evaluate(X, y, verbose=0, return_dict=True))
    for chosen, named in zip(logs[:3], logs[3:], strict=True):
        assert chosen == named


def test_crossentropy_of_each_output():
    """One name serves outputs of different targets; a second set of targets must be alike."""
    model = two_outputs()
    model.compile("sgd", {"a": "ce", "b": "ce"}, metrics={"a": ["accuracy"]})
    chosen = np.eye(2)[A % 2]
    found = model.evaluate([X, Z], [A, chosen], verbose=0, return_dict=True)
    other = two_outputs()
    other.compile("sgd", [SPARSE, "categorical_crossentropy"], metrics=[["accuracy"], []])
    assert found == other.evaluate([X, Z], [A, chosen], verbose=0, return_dict=True)
    assert [loss.name for loss in model.loss] == [SPARSE, "categorical_crossentropy"]
    with pytest.raises(ValueError, match=SPARSE):
        model.evaluate([X, Z], [np.eye(3)[A], chosen], verbose=0)


def test_crossentropy_of_a_batch_where_an_output_has_no_loss():
    """The output without a loss has no targets."""
    model = two_outputs()
    model.compile("sgd", ["ce", None], metrics=[["accuracy"], None])
    logs = model.test_on_batch([X, Z], [A], return_dict=True)
    other = two_outputs()
    other.compile("sgd", [SPARSE, None], metrics=[["accuracy"], None])
    assert logs == other.test_on_batch([X, Z], [A], return_dict=True)


def test_targets_that_do_not_fit_decide_nothing():
    """After the error, the targets that were meant choose."""
    model = with_numbers(cnnlite.Sequential([Input((3,)), layers.Dense(3, "softmax")]))
    model.compile("sgd", "crossentropy", metrics=["accuracy"])
    with pytest.raises(cnnlite.errors.ShapeError, match="categorical_crossentropy"):
        model.fit(X, np.eye(4)[A], verbose=0)
    found = model.evaluate(X, A, verbose=0)
    model.compile("sgd", SPARSE, metrics=["accuracy"])
    assert found == model.evaluate(X, A, verbose=0)
