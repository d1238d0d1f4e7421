"""LeNet-5: its size by the course's table, and what it learns on real digits."""

from __future__ import annotations

import numpy as np
import pytest

import cnnlite
from cnnlite import applications
from cnnlite.datasets import mnist5k
from cnnlite.kernels.registry import get_backend, kernel_table


def test_parameters_and_multiply_adds():
    """61,706 parameters; 416,520 multiply-adds of one 28 x 28 image, layer by layer."""
    model = applications.lenet5()
    assert model.count_params() == 61_706
    parts = [layer.count_params() for layer in model.layers]
    assert parts == [156, 0, 2416, 0, 0, 48_120, 10_164, 850]
    assert model.multiply_adds == 416_520
    assert model.multiply_adds == (
        28 * 28 * 6 * 25 + 10 * 10 * 16 * 25 * 6 + 400 * 120 + 120 * 84 + 84 * 10
    )
    assert model.output_shape == (None, 10)


def test_other_sizes():
    """Other images and classes change the dense layers alone."""
    model = applications.lenet5((32, 32, 3), classes=4)
    assert model.output_shape == (None, 4)
    assert model.layers[0].count_params() == 5 * 5 * 3 * 6 + 6
    y = model.predict(np.zeros((2, 32, 32, 3)), verbose=0)
    np.testing.assert_allclose(y.sum(axis=1), 1, rtol=1e-6)


@pytest.mark.skipif(
    get_backend() != "native" or ("conv2d_forward", "float32", "native") not in kernel_table(),
    reason="twelve epochs take minutes without native convolutions",
)
def test_it_reads_handwritten_digits():
    """Twelve epochs of Adam on 4,000 digits: at least 96% of 1,000 others, from seed 0."""
    (x, y), (x_test, y_test) = mnist5k.load_data()
    x, x_test = (a[..., None].astype("float32") / 255 for a in (x, x_test))
    cnnlite.set_random_seed(0)
    model = applications.lenet5()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, batch_size=64, epochs=12, verbose=0).history
    assert history["loss"][-1] < history["loss"][0] / 5
    assert model.evaluate(x_test, y_test, verbose=0)[1] >= 0.96
