"""``build`` called by hand: the weights are made once, and those set stay."""

from __future__ import annotations

import numpy as np
import pytest

from cnnlite import Input, Sequential, initializers, layers
from cnnlite.errors import ShapeError


def test_build_by_hand_makes_the_weights_once():
    layer = layers.Dense(2)
    layer.build((None, 3))
    assert layer.built
    layer.set_weights([np.ones((3, 2)), np.zeros(2)])
    np.testing.assert_array_equal(layer(np.ones((1, 3), "float32")), [[3, 3]])
    model = Sequential([Input((3,)), layer])
    assert len(model.get_weights()) == 2
    np.testing.assert_array_equal(model.predict(np.ones((1, 3)), verbose=0), [[3, 3]])


def test_build_of_a_subclass_may_call_its_base():
    class Scaled(layers.Dense):
        def build(self, input_shape):
            super().build(input_shape)
            self.scale = self.add_weight((), "ones", name="scale")

    layer = Scaled(2)
    layer.build((None, 3))
    assert [w.shape for w in layer.weights] == [(3, 2), (2,), ()]


def test_build_twice_says_what_to_do():
    layer = layers.BatchNormalization(name="norm")
    layer.build((None, 3))
    with pytest.raises(ValueError, match=r"norm: build: .*already.*\(None, 4\).*new layer"):
        layer.build((None, 4))
    assert len(layer.weights) == 4


@pytest.mark.parametrize("error", [ShapeError, KeyboardInterrupt])
def test_a_build_that_fails_leaves_no_weights(error: type[BaseException]):
    """The next call makes each once, also in a layer that had one from the beginning."""

    class Own(layers.Dense):
        def __init__(self, units: int):
            super().__init__(units)
            self.first = self.add_weight((), "ones", name="first")

    def fail(shape, dtype):
        raise error("stop")

    layer = Own(2)
    layer.bias_initializer = fail
    with pytest.raises(error):
        layer(np.ones((1, 3), "float32"))
    assert layer.weights == [layer.first] and not layer.built
    layer.bias_initializer = initializers.Zeros()
    layer(np.ones((1, 3), "float32"))
    assert [w.shape for w in layer.weights] == [(), (3, 2), (2,)]
