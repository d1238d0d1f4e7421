"""Merging, reshaping, embedding, masking and attention: back ends, batches, bad input."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import layers
from cnnlite.errors import ShapeError
from tests.figures import waves

X = waves(3, 4, 6)
CALLS: dict[str, Callable[[np.ndarray], Any]] = {
    "Add": lambda x: layers.Add()([x, x]),
    "Average": lambda x: layers.Average()([x, x[:, :1]]),
    "Subtract": lambda x: layers.Subtract()([x, x[:, 0]]),
    "Multiply": lambda x: layers.Multiply()([x, x, x]),
    "Maximum": lambda x: layers.Maximum()([x, -x]),
    "Minimum": lambda x: layers.Minimum()([x, -x]),
    "Concatenate": lambda x: layers.Concatenate(axis=1)([x, x]),
    "Dot": lambda x: layers.Dot(axes=2)([x, x]),
    "Dot normalized": lambda x: layers.Dot(axes=1, normalize=True)([x, x]),
    "Reshape": lambda x: layers.Reshape((2, 12))(x),
    "Permute": lambda x: layers.Permute((2, 1))(x),
    "RepeatVector": lambda x: layers.RepeatVector(3)(x[:, 0]),
    "Embedding": lambda x: layers.Embedding(5, 2)(np.abs(x * 4).astype("int32")),
    "Masking": lambda x: layers.Masking()(x),
    "Attention": lambda x: layers.Attention()([x, x[:, :2]], use_causal_mask=True),
    "AdditiveAttention": lambda x: layers.AdditiveAttention()([x, x]),
    "MultiHeadAttention": lambda x: layers.MultiHeadAttention(2, 4)(x, x[:, :2]),
}


@pytest.mark.parametrize("name", CALLS)
def test_native_results_are_the_reference_s(name: str):
    """On several samples, on one and on none."""
    results = {}
    for backend in ("native", "reference"):
        with cnnlite.using_backend(backend):
            cnnlite.set_random_seed(5)
            results[backend] = CALLS[name](X)
            cnnlite.set_random_seed(5)
            assert CALLS[name](X[:1]).shape == (1, *results[backend].shape[1:])
            assert CALLS[name](X[:0]).shape == (0, *results[backend].shape[1:])
    # Sums of at most 24 products of numbers under 1, through softmax and one layer more.
    np.testing.assert_allclose(results["native"], results["reference"], rtol=1e-5, atol=1e-5)


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, "float32")


BAD: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: layers.Add()(ones(2, 3)), ShapeError, "needs a list of inputs"),
    (lambda: layers.Add()([ones(2, 3), ones(2, 4)]), ShapeError, "3 against 4"),
    (lambda: layers.Add()([ones(2, 3), ones(3, 3)]), ShapeError, "batches differ"),
    (lambda: layers.Subtract()([ones(2, 3)] * 3), ShapeError, "2 inputs"),
    (lambda: layers.Dot(axes=0)([ones(2, 3)] * 2), ShapeError, "not the batch"),
    (lambda: layers.Dot(axes=3)([ones(2, 3)] * 2), ShapeError, "an axis of each"),
    (lambda: layers.Dot(axes=1)([ones(2, 3), ones(2, 4)]), ShapeError, "3 against 4"),
    (lambda: layers.Dot(axes="a"), ShapeError, "axes.*'a'"),
    (lambda: layers.Dot(axes=(1, 2, 3)), ShapeError, "axes"),
    (lambda: layers.Dot(1)([ones(2, 3)]), ShapeError, "2 inputs"),
    (lambda: layers.Concatenate(axis=0)([ones(2, 3)] * 2), ShapeError, "the batch"),
    (lambda: layers.Concatenate(axis=1)([ones(2, 3), ones(2, 3, 1)]), ShapeError, "alone"),
    (lambda: layers.Reshape((2, 2))(ones(2, 3)), ShapeError, "3 elements"),
    (lambda: layers.Reshape((-1, -1)), ShapeError, "one may be -1"),
    (lambda: layers.Reshape(3), ShapeError, "Got 3"),
    (lambda: layers.Reshape((-1, 2))(ones(2, 3)), ShapeError, "3 elements"),
    (lambda: layers.Permute((0, 1)), ShapeError, "batch, axis 0"),
    (lambda: layers.Permute((1, 3)), ShapeError, "permutation"),
    (lambda: layers.Permute((2, 1))(ones(2, 3)), ShapeError, "3 dimensions"),
    (lambda: layers.RepeatVector(0), ShapeError, "n must be"),
    (lambda: layers.RepeatVector(2)(ones(2, 3, 4)), ShapeError, "2 dimensions"),
    (lambda: layers.Embedding(0, 2), ShapeError, "input_dim"),
    (lambda: layers.Embedding(2, 1.5), ShapeError, "output_dim.*1.5"),
    (lambda: layers.Embedding(2, 2, weights=ones(3, 2)), ShapeError, "do not fit"),
    (lambda: layers.Embedding(2, 2, "no_such"), ValueError, "no_such"),
    (lambda: layers.Masking("0"), TypeError, "mask_value.*'0'"),
    (lambda: layers.Masking()(ones(3)), ShapeError, "Masking needs"),
    (lambda: layers.Attention(score_mode="sum"), ValueError, "score_mode.*'sum'"),
    (lambda: layers.Attention(dropout=1), ValueError, "dropout.*Got 1"),
    (lambda: layers.Attention(seed=-1), ValueError, "seed.*-1"),
    (lambda: layers.Attention()(ones(2, 3, 4)), ShapeError, r"list \[query, value\]"),
    (lambda: layers.Attention()([ones(2, 3), ones(2, 3)]), ShapeError, "steps, features"),
    (lambda: layers.Attention()([ones(2, 3, 4), ones(2, 3, 5)]), ShapeError, "4 against 5"),
    (
        lambda: layers.Attention()([ones(2, 3, 4), ones(2, 3, 4), ones(2, 2, 4)]),
        ShapeError,
        "value and key differ, 3 against 2",
    ),
    (lambda: layers.MultiHeadAttention(0, 2), ShapeError, "num_heads"),
    (lambda: layers.MultiHeadAttention(2, "a"), ShapeError, "key_dim"),
    (lambda: layers.MultiHeadAttention(2, 2, output_shape=(2, 0)), ShapeError, "output_shape"),
    (lambda: layers.MultiHeadAttention(2, 2, attention_axes=(1, 2)), ValueError, "attention_axes"),
    (lambda: layers.MultiHeadAttention(2, 2, use_gate=True), ValueError, "not available"),
    (lambda: layers.MultiHeadAttention(2, 2, sliding_window=0), ShapeError, "sliding_window"),
    (lambda: layers.MultiHeadAttention(2, 2)(ones(1, 2, 3)), TypeError, "query and a value"),
    (lambda: layers.MultiHeadAttention(2, 2)(ones(2, 3), ones(2, 3)), ShapeError, "features"),
    (
        lambda: layers.MultiHeadAttention(2, 2)(ones(1, 2, 3), ones(1, 2, 3), ones(1, 3, 3)),
        ShapeError,
        "steps of value and key",
    ),
    (
        lambda: layers.MultiHeadAttention(2, 2)(
            ones(1, 2, 3), ones(1, 2, 3), attention_mask=ones(1, 2, 4)
        ),
        ShapeError,
        "attention_mask must be",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "match"), BAD)
def test_bad_input(call: Callable[[], Any], error: type[Exception], match: str):
    """Each mistake has its exception, and its message says where, what and how to mend it."""
    with pytest.raises(error, match=match) as caught:
        call()
    assert re.match(r"[a-z_0-9]+: ", str(caught.value))
