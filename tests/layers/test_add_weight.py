"""add_weight with Keras 3.15's arguments, and the other names of weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cnnlite import Input, Sequential, constraints, layers, regularizers
from cnnlite.errors import DtypeError


def test_arguments_in_keras_s_order():
    """(shape, initializer, dtype, trainable, ...): a number, Glorot's, by default."""
    layer = layers.Layer(name="own")
    one, two = layer.add_weight(), layer.add_weight((2,), "ones", "float32", False, name="two")
    assert (one.shape, one.name, one.trainable) == ((), "own/weight", True)
    assert (two.numpy().tolist(), two.name, two.trainable) == ([1, 1], "own/two", False)
    assert layer.variables == [one, two]
    assert layer.trainable_variables == [one] and layer.non_trainable_variables == [two]
    assert layers.Layer(dtype="float64").add_weight((1,), "ones", np.float64).dtype == np.float64


@pytest.mark.parametrize("dtype", ["float64", "int32", "float99", np.float64, True])
def test_another_dtype_is_refused(dtype: Any):
    with pytest.raises(
        DtypeError, match=r"own/weight: .*layer's dtype, float32. Got .*Leave it out"
    ):
        layers.Layer(name="own").add_weight((2,), "zeros", dtype)


def test_a_model_has_the_names_too():
    model = Sequential([Input((3,)), layers.Dense(2), layers.BatchNormalization()])
    assert model.variables == model.weights and len(model.variables) == 6
    assert model.trainable_variables == model.trainable_weights
    assert model.non_trainable_variables == model.non_trainable_weights
    assert len(model.non_trainable_variables) == 2


def test_regularizer_and_constraint_by_name():
    layer = layers.Layer(name="own")
    one = layer.add_weight((2,), "ones", regularizer="l2", constraint={"class_name": "NonNeg"})
    assert isinstance(one.regularizer, regularizers.L2)
    assert isinstance(one.constraint, constraints.NonNeg)
    two = layer.add_weight((2,), regularizer=one.regularizer, constraint=one.constraint)
    assert (two.regularizer, two.constraint) == (one.regularizer, one.constraint)
    for wrong in ({"regularizer": "l9"}, {"constraint": "non_positive"}):
        with pytest.raises(ValueError, match=r"own/w: .*no such .*Got 'l9'|own/w: .*'non_pos"):
            layer.add_weight((2,), name="w", **wrong)
    assert layer.weights == [one, two]
