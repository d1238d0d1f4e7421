"""Inputs that fit in shape and dtype and yet make no sense; out= everywhere."""

import numpy as np
import pytest

from cnnlite import ops, using_backend
from cnnlite.errors import ShapeError
from tests.backends import ON_CPU


@pytest.mark.parametrize("backend", ON_CPU)
@pytest.mark.parametrize(("place", "dtype"), [(255, "uint8"), (4, "uint8"), (-1, "int32")])
def test_a_winner_outside_its_window_gets_nothing(backend: str, place: int, dtype: str):
    """The gradient is dropped; nothing beside the image is written."""
    pool = 2 if dtype == "uint8" else 17  # over 256 places take int32
    argmax = np.full((1, 1, 1, 1), place, dtype)
    shape = (1, pool, pool, 1)
    with using_backend(backend):
        dx = ops.maxpool2d_backward(np.ones((1, 1, 1, 1), "float32"), argmax, shape, pool)
    assert dx.shape == shape and not dx.any()


@pytest.mark.parametrize("shape", [(1, 0, 4, 1), (1, 4, 0, 1)])
def test_pooling_an_image_without_pixels_is_refused(shape: tuple):
    """Padding alone would give windows that hold nothing."""
    x = np.zeros(shape, "float32")
    for pool in (ops.maxpool2d_forward, ops.averagepool2d_forward):
        with pytest.raises(ShapeError, match="no pixels"):
            pool(x, 2, padding=1)


CLOCK = ops.clock(1)
X = np.linspace(0.1, 0.9, 6, dtype="float32").reshape(2, 3)
TARGET = np.full((2, 3), 1 / 3, "float32")
CALLS = {
    "random_uniform": lambda out: ops.random_uniform((4,), clock=CLOCK, out=out),
    "random_normal": lambda out: ops.random_normal((4,), clock=CLOCK, out=out),
    "squared_error": lambda out: ops.elementwise_loss_forward(X, TARGET, "squared_error", out=out),
    "cosine": lambda out: ops.row_loss_forward(X, TARGET, "cosine_similarity", out=out),
    "loss_weights": lambda out: ops.loss_weights([1.0, 2.0], rows=2, out=out),
    "softmax": lambda out: ops.softmax_crossentropy_forward(X, TARGET, out=out)[0],
    "sparse": lambda out: ops.sparse_categorical_crossentropy_forward(X, [0, 2], out=out),
    "accuracy": lambda out: ops.categorical_accuracy(X, TARGET, out=out),
    "binary_accuracy": lambda out: ops.binary_accuracy(X, TARGET, out=out),
    "weighted_mean": lambda out: ops.weighted_mean(X, out=out),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_out_receives_the_result(call):
    """The same numbers as without, in the caller's array, contiguous or not."""
    expected = call(None)
    for out in (np.full_like(expected, np.nan), np.full(2 * len(expected), np.nan, "f4")[::2]):
        assert call(out) is out
        np.testing.assert_array_equal(out, expected)
