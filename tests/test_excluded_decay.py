"""Weights that an optimizer is told not to decay."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cnnlite import ops, optimizers

NAMES = ("bias_net/kernel", "bias_net/bias", "dense/kernel")


@pytest.mark.parametrize(
    ("options", "decayed"),
    [
        ({}, [True, True, True]),
        ({"var_names": ["bias"]}, [True, False, True]),  # the weight's name, not its layer's
        ({"var_names": ["^ker", "x"]}, [False, True, False]),
        ({"var_list": [2]}, [True, True, False]),
        ({"var_list": [0], "var_names": ["bias"]}, [False, False, True]),
    ],
    ids=str,
)
def test_who_decays(options: dict[str, Any], decayed: list[bool]):
    """A step with gradients of 0: what decays goes from 1 to 1 - 0.5 * 0.5."""
    weights = [ops.Parameter(np.ones(2, "float32"), name) for name in NAMES]
    options = dict(options)
    if "var_list" in options:
        options["var_list"] = [weights[i] for i in options["var_list"]]
    optimizer = optimizers.SGD(0.5, weight_decay=0.5)
    if options:
        optimizer.exclude_from_weight_decay(**options)
    optimizer.apply_gradients([(np.zeros(2, "float32"), w) for w in weights])
    assert [w.numpy().tolist() for w in weights] == [[0.75 if d else 1.0] * 2 for d in decayed]
