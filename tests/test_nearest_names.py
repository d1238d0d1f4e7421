"""A name that does not exist: the error says which was probably meant."""

from __future__ import annotations

import re
from typing import Any

import pytest

import cnnlite
from cnnlite import (
    Input,
    Sequential,
    activations,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
)


@pytest.mark.parametrize(
    ("module", "given", "meant"),
    [
        (losses, "sparse_categorical_crosentropy", "sparse_categorical_crossentropy"),
        (metrics, "acuracy", "accuracy"),
        (optimizers, "Addam", "adam"),
        (activations, "sofmax", "softmax"),
        (initializers, "he_norml", "he_normal"),
        (regularizers, "l1__l2", "l1_l2"),
        (constraints, "unitnorm", "unit_norm"),
    ],
)
def test_guesses(module: Any, given: str, meant: str):
    with pytest.raises(ValueError, match=f"{given!r}.*{re.escape(f'Did you mean {meant!r}?')}$"):
        module.get(given)
    with pytest.raises(ValueError, match=r"Got 'qqq'.*[^?]$"):
        module.get("qqq")


@pytest.mark.parametrize("kind", ["metrics", "weighted_metrics"])
@pytest.mark.parametrize(
    "given", [["acuracy"], [["mse", "acuracy"]], {"out": "acuracy"}, {"out": ["acuracy"]}]
)
def test_compile_refuses_unknown_metrics(kind: str, given: Any):
    """At once, with or without an Input, and the model stays as it was."""
    for first in ([Input((3,))], []):
        model = Sequential([*first, layers.Dense(2, name="out")])
        with pytest.raises(ValueError, match=f"^compile: {kind}: .*'acuracy'.*'accuracy'"):
            model.compile("sgd", "mse", **{kind: given})
        assert model.optimizer is None


def test_compile_takes_configurations_of_metrics():
    config = metrics.serialize(cnnlite.metrics.AUC(curve="PR"))
    Sequential([Input((3,)), layers.Dense(1)]).compile("sgd", "mse", metrics=[config, "acc"])
