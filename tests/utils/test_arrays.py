"""to_categorical, normalize, pad_sequences: figures of Keras 3.15, and bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cnnlite.errors import DtypeError, ShapeError
from cnnlite.utils import normalize, pad_sequences, to_categorical

# ---- to_categorical


@pytest.mark.parametrize(
    ("x", "classes", "expected"),
    [
        ([0, 2, 1], None, [[1, 0, 0], [0, 0, 1], [0, 1, 0]]),
        ([[0], [1]], None, [[1, 0], [0, 1]]),  # a last axis of length 1 goes
        ([[0, 1], [2, 0]], None, [[[1, 0, 0], [0, 1, 0]], [[0, 0, 1], [1, 0, 0]]]),
        ([0, 1], 4, [[1, 0, 0, 0], [0, 1, 0, 0]]),
        (3, None, [0, 0, 0, 1]),
        ([[[1]]], None, [[[0, 1]]]),
        (np.array([1.0, 0.0], np.float32), None, [[0, 1], [1, 0]]),
        (np.array([[7], [0]], np.uint8), 8, [[0] * 7 + [1], [1] + [0] * 7]),
        ([True, False], None, [[0, 1], [1, 0]]),
    ],
)
def test_to_categorical_as_keras_gives(x: Any, classes: int | None, expected: Any):
    result = to_categorical(x, classes)
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result, expected)


def test_to_categorical_of_nothing():
    assert to_categorical([], 2).shape == (0, 2)
    assert to_categorical([[]], 2).shape == (1, 0, 2)


@pytest.mark.parametrize(
    ("x", "classes", "error", "message"),
    [
        ([], None, ValueError, "x is empty. Pass num_classes"),
        ([3], 3, ValueError, "a class must lie in 0 to 2. Got 3 to 3"),
        ([-1, 0], None, ValueError, "a class must lie in 0 to 0. Got -1 to 0"),
        ([0], 0, ValueError, "num_classes must be a positive integer"),
        ([0], 2.0, ValueError, "num_classes must be a positive integer"),
        ([0.5], None, DtypeError, "must hold whole numbers"),
        ([float("nan")], None, DtypeError, "must hold whole numbers"),
        (["a"], None, DtypeError, "must hold whole numbers"),
    ],
)
def test_to_categorical_bad_input(x: Any, classes: Any, error: type[Exception], message: str):
    with pytest.raises(error, match=f"to_categorical: .*{message}"):
        to_categorical(x, classes)


# ---- normalize


@pytest.mark.parametrize(
    ("x", "options", "expected"),
    [
        ([[3.0, 4.0], [0.0, 0.0]], {}, [[0.6, 0.8], [0, 0]]),
        ([[3.0, -4.0]], {"order": 1}, [[3 / 7, -4 / 7]]),
        ([[3.0, -4.0]], {"order": np.inf}, [[0.75, -1]]),
        ([[3.0, -4.0]], {"order": 0}, [[1.5, -2]]),
        ([[3.0, -4.0]], {"order": 3}, [[3 / 91 ** (1 / 3), -4 / 91 ** (1 / 3)]]),
        # The last one by hand: columns of norm sqrt(10) and 4.
        ([[3, 4], [1, 0]], {"axis": 0}, [[3 / 10**0.5, 1], [1 / 10**0.5, 0]]),
        ([3.0, 4.0], {}, [0.6, 0.8]),
    ],
)
def test_normalize_as_keras_gives(x: Any, options: dict[str, Any], expected: Any):
    result = normalize(np.array(x), **options)
    np.testing.assert_allclose(result, expected, rtol=1e-15)


def test_normalize_of_three_axes():
    """Keras 3.15 gives these for axis 1 of the numbers 1 to 8."""
    expected = [
        [[0.31622777, 0.4472136], [0.9486833, 0.89442719]],
        [[0.58123819, 0.6], [0.81373347, 0.8]],
    ]
    result = normalize(np.arange(1.0, 9).reshape(2, 2, 2), axis=1)
    np.testing.assert_allclose(result, expected, atol=5e-9)


def test_normalize_dtypes_and_copies():
    x = np.array([[0.0, 0.0]], np.float32)
    result = normalize(x)
    assert result.dtype == np.float32 and not np.shares_memory(result, x)
    assert normalize([[3, 4]]).dtype == np.float64
    assert normalize(np.zeros((0, 3))).shape == (0, 3)
    assert np.isnan(normalize([[np.nan, 1.0]])).all()


@pytest.mark.parametrize(
    ("x", "options", "error", "message"),
    [
        (["a"], {}, DtypeError, "x must be numbers"),
        (3.0, {}, ShapeError, "must have an axis"),
        ([1.0], {"axis": 1}, ShapeError, "no such axis"),
        ([1.0], {"axis": None}, ShapeError, "no such axis"),
        ([1.0], {"order": "fro"}, ValueError, "order must be a number"),
    ],
)
def test_normalize_bad_input(x: Any, options: dict[str, Any], error: type[Exception], message: str):
    with pytest.raises(error, match=f"normalize: .*{message}"):
        normalize(x, **options)


# ---- pad_sequences

RAGGED = [[1], [2, 3], [4, 5, 6], []]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [[0, 0, 1], [0, 2, 3], [4, 5, 6], [0, 0, 0]]),
        ({"maxlen": 2}, [[0, 1], [2, 3], [5, 6], [0, 0]]),
        (
            {"maxlen": 2, "truncating": "post", "padding": "post", "value": -1},
            [[1, -1], [2, 3], [4, 5], [-1, -1]],
        ),
        ({"dtype": "float32", "value": 0.5}, [[0.5, 0.5, 1], [0.5, 2, 3], [4, 5, 6], [0.5] * 3]),
        ({"maxlen": 4, "padding": "post"}, [[1, 0, 0, 0], [2, 3, 0, 0], [4, 5, 6, 0], [0] * 4]),
    ],
)
def test_pad_sequences_as_keras_gives(options: dict[str, Any], expected: Any):
    result = pad_sequences(RAGGED, **options)
    assert result.dtype == options.get("dtype", "int32")
    np.testing.assert_array_equal(result, expected)


def test_pad_sequences_of_vectors_text_and_fractions():
    result = pad_sequences([[[1, 2]], [[3, 4], [5, 6]]])
    assert result.tolist() == [[[0, 0], [1, 2]], [[3, 4], [5, 6]]]
    result = pad_sequences([["a"], ["b", "c"]], dtype=object, value="pad")
    assert result.tolist() == [["pad", "a"], ["b", "c"]]
    assert pad_sequences([[1.7, -1.7]]).tolist() == [[1, -1]]
    x = np.arange(6).reshape(2, 3)
    padded = pad_sequences(x)
    assert padded.tolist() == x.tolist() and not np.shares_memory(padded, x)


@pytest.mark.parametrize(
    ("sequences", "options", "shape"),
    [
        ([], {}, (0, 0)),
        ([], {"maxlen": 3}, (0, 3)),
        ([[]], {}, (1, 0)),
        ([[]], {"maxlen": 3}, (1, 3)),
        ([[1, 2], [3]], {"maxlen": 0}, (2, 0)),
    ],
)
def test_pad_sequences_of_length_zero(
    sequences: Any, options: dict[str, Any], shape: tuple[int, ...]
):
    result = pad_sequences(sequences, **options)
    assert result.shape == shape and not result.any()


@pytest.mark.parametrize(
    ("sequences", "options", "error", "message"),
    [
        ([1, 2], {}, ValueError, "element 0 is no sequence. Got 1"),
        (5, {}, ValueError, "sequences must have a length. Got int"),
        (iter([[1]]), {}, ValueError, "sequences must have a length"),
        ([[1]], {"maxlen": -1}, ValueError, "maxlen must be an integer, 0 or more"),
        ([[1]], {"maxlen": 1.0}, ValueError, "maxlen must be an integer, 0 or more"),
        ([[1]], {"padding": "both"}, ValueError, 'padding must be "pre" or "post"'),
        ([[1]], {"truncating": None}, ValueError, 'truncating must be "pre" or "post"'),
        ([["a"]], {}, ValueError, "sequence 0 does not become an array of int32"),
        ([[1], [[2], [3, 4]]], {}, ValueError, "sequence 1 does not become an array"),
        ([[[1, 2]], [[1, 2, 3]]], {}, ShapeError, r"Got \(3,\) in sequence 1, \(2,\) before"),
        ([[1]], {"value": "x"}, DtypeError, "dtype int32 cannot hold the padding"),
        ([[1]], {"value": 0.5}, DtypeError, "dtype int32 cannot hold the padding"),
        ([[1]], {"value": float("nan")}, DtypeError, "dtype int32 cannot hold the padding"),
        ([[1]], {"value": float("inf")}, DtypeError, "dtype int32 cannot hold the padding"),
        ([[1]], {"value": -1, "dtype": "uint8"}, DtypeError, "dtype uint8 cannot hold"),
    ],
)
def test_pad_sequences_bad_input(
    sequences: Any, options: dict[str, Any], error: type[Exception], message: str
):
    with pytest.raises(error, match=f"pad_sequences: .*{message}"):
        pad_sequences(sequences, **options)
