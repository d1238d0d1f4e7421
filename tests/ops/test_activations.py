"""Activations at -3, 0.5 and 3: figures that Keras 3.15 gives."""

from __future__ import annotations

import numpy as np
import pytest

from cnnlite import activations, layers, ops

FIGURES = {
    "relu": [0, 0.5, 3],
    "leaky_relu": [-0.6, 0.5, 3],
    "elu": [-0.9502129554748535, 0.5, 3],
    "selu": [-1.6705687046051025, 0.5253505110740662, 3.1521029472351074],
    "gelu": [-0.004050225019454956, 0.3457312285900116, 2.9959497451782227],
    "sigmoid": [0.04742587357759476, 0.622459352016449, 0.9525741338729858],
    "hard_sigmoid": [0, 0.5833333134651184, 1],
    "silu": [-0.14227761328220367, 0.3112296760082245, 2.857722520828247],
    "softplus": [0.04858735203742981, 0.9740769863128662, 3.0485873222351074],
    "softsign": [-0.75, 0.3333333432674408, 0.75],
    "tanh": [-0.9950547814369202, 0.46211716532707214, 0.9950547814369202],
    "exponential": [0.049787066876888275, 1.6487212181091309, 20.08553695678711],
}
X = np.float32([-3, 0.5, 3])


@pytest.mark.parametrize("name", FIGURES)
def test_figures_of_keras(name: str):
    # Keras's gelu of -3 has an absolute error of 5.3e-7.
    np.testing.assert_allclose(getattr(ops, name)(X), FIGURES[name], rtol=1e-6, atol=6e-7)


def test_figures_of_keras_with_arguments():
    x = np.float32([-3, -1, 0.5, 1, 3])
    y = ops.relu(x, negative_slope=0.5, max_value=2, threshold=1)
    assert y.tolist() == [-2, -1, -0.25, 0, 2]
    approximate = ops.gelu(x, approximate=True)
    figures = [-0.0036374330520629883, -0.15880799293518066, 0.3457140028476715]
    np.testing.assert_allclose(approximate[:3], figures, rtol=1e-6, atol=6e-7)


def test_softmax_along_the_first_axis_is_that_of_the_transposed():
    x = np.arange(6, dtype="float32").reshape(2, 3) ** 2
    for function in (ops.softmax, ops.log_softmax):
        np.testing.assert_array_equal(function(x, 0), function(x.T.copy()).T)


@pytest.mark.parametrize("bad", [-1, "a", None, True])
def test_constants_must_be_numbers_of_at_least_0(bad: object):
    with pytest.raises((TypeError, ValueError), match="negative_slope"):
        ops.leaky_relu(X, negative_slope=bad)


def test_layers_take_the_functions_of_the_module():
    assert layers.Dense(2, activation=activations.gelu).get_config()["activation"] == "gelu"
    assert layers.Activation("swish").activation == "silu"
    assert activations.get(None) is activations.linear
    with pytest.raises(ValueError, match="swosh"):
        activations.get("swosh")
    with pytest.raises(ValueError, match="no function"):
        activations.serialize(len)
