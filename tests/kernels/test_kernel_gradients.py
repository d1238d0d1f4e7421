"""Every backward kernel of the reference against central differences, in float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bench.case import unwritten
from bench.cases import ACTIVATIONS
from bench.elements import clock
from bench.rows import WITH_LABELS, softmax
from bench.windows import output_size, same
from cnnlite.kernels import reference
from cnnlite.kernels.reference.elementwise import FROM_INPUT
from cnnlite.kernels.reference.losses import ELEMENTWISE

Loss = Callable[[], float]


def numeric(loss: Loss, x: np.ndarray) -> np.ndarray:
    """Return d loss / d x, element by element: (loss(x + h) - loss(x - h)) / 2h."""
    gradient, h = np.empty_like(x), 1e-5
    for i in np.ndindex(x.shape):
        kept = x[i]
        x[i] = kept + h
        above = loss()
        x[i] = kept - h
        below = loss()
        x[i] = kept
        gradient[i] = (above - below) / (2 * h)
    return gradient


def assert_gradient(analytic: np.ndarray, loss: Loss, x: np.ndarray) -> None:
    n = numeric(loss, x)
    norm = np.linalg.norm
    assert norm(n) > 0
    assert norm(analytic - n) / (norm(analytic) + norm(n)) < 1e-6


def projected(forward: Callable[[np.ndarray], None], y: np.ndarray, r: np.ndarray) -> Loss:
    """Return the number ``sum r * forward()``, whose gradient to the output is r."""

    def loss() -> float:
        forward(y)
        return float((y * r).sum())

    return loss


@pytest.mark.parametrize(("function", "parameters"), ACTIVATIONS)
def test_unary(function: str, parameters: tuple, rng: np.random.Generator):
    x = rng.uniform(0.1, 2, (3, 5)) * rng.choice([-1, 1], (3, 5))  # away from relu's kink
    x = np.abs(x) if function == "log" else x
    y, dy, dx = np.empty_like(x), rng.standard_normal(x.shape), unwritten(x.shape, x.dtype)
    params = {"function": function, "parameters": parameters}
    loss = projected(lambda y: reference.unary(y, x, **params), y, dy)
    loss()
    reference.unary_backward(dx, dy, x if function in FROM_INPUT else y, **params)
    assert_gradient(dx, loss, x)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax(name: str, rng: np.random.Generator):
    x, dy = rng.standard_normal((3, 5)), rng.standard_normal((3, 5))
    y, dx = np.empty_like(x), unwritten(x.shape, x.dtype)
    loss = projected(lambda y: getattr(reference, f"{name}_forward")(y, x), y, dy)
    loss()
    getattr(reference, f"{name}_backward")(dx, dy, y)
    assert_gradient(dx, loss, x)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "name",
    [
        "softmax_crossentropy",
        "sparse_softmax_crossentropy",
        "categorical_crossentropy",
        "sparse_categorical_crossentropy",
        *ELEMENTWISE,
        "categorical_hinge",
        "cosine_similarity",
    ],
)
def test_loss(name: str, weighted: bool, rng: np.random.Generator):
    """The gradient is that of the batch's weighted mean."""
    rows, classes = 4, 5
    weights = rng.uniform(0.5, 2, rows) if weighted else None
    target = rng.uniform(0, 1, (rows, classes))
    if f"{name}_forward" in WITH_LABELS:
        target = np.array([0, 4, 2, 2], np.int32)
    x = rng.standard_normal((rows, classes))
    if name in ("categorical_crossentropy", "sparse_categorical_crossentropy"):
        x = softmax(x)
        x *= 1.5  # probabilities are divided by their sum
    if name in ("binary_crossentropy", "kl_divergence", "poisson"):
        x = rng.uniform(0.1, 0.9, (rows, classes))
    each, p, mean = np.empty(rows), np.empty((rows, classes)), np.empty(1)
    outputs = [each, p] if "softmax" in name else [each]
    family, params = name, {}
    if name in ELEMENTWISE:
        family, params = "elementwise_loss", {"function": name, "delta": 0.7}
    elif f"{name}_forward" not in reference.KERNELS:
        family, params = "row_loss", {"function": name}

    def loss() -> float:
        getattr(reference, f"{family}_forward")(*outputs, x, target, **params)
        reference.weighted_mean(mean, each, weights)
        return float(mean[0])

    loss()
    kept = p.copy() if "softmax" in name else x
    dx = unwritten(x.shape, x.dtype)
    getattr(reference, f"{family}_backward")(dx, kept, target, weights, **params)
    assert_gradient(dx, loss, x)


@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("transpose_b", [False, True])
def test_matmul(transpose_a: bool, transpose_b: bool, rng: np.random.Generator):
    """A dense layer's gradients: dA = dY op(B)^T, dB = op(A)^T dY, and the bias's."""
    a = rng.standard_normal((4, 3) if transpose_a else (3, 4))
    b = rng.standard_normal((2, 4) if transpose_b else (4, 2))
    bias, dy, y = rng.standard_normal(2), rng.standard_normal((3, 2)), np.empty((3, 2))
    flags = {"transpose_a": transpose_a, "transpose_b": transpose_b}
    loss = projected(lambda y: reference.matmul(y, a, b, bias, **flags), y, dy)
    da, db, dbias = (unwritten(v.shape, v.dtype) for v in (a, b, bias))
    if transpose_a:
        reference.matmul(da, b, dy, None, transpose_a=transpose_b, transpose_b=True)
    else:
        reference.matmul(da, dy, b, None, transpose_b=not transpose_b)
    if transpose_b:
        reference.matmul(db, dy, a, None, transpose_a=True, transpose_b=transpose_a)
    else:
        reference.matmul(db, a, dy, None, transpose_a=not transpose_a)
    reference.bias_gradient(dbias, dy)
    for gradient, x in ((da, a), (db, b), (dbias, bias)):
        assert_gradient(gradient, loss, x)


GEOMETRIES = {
    "plain": {},
    "same": {"padding": same((5, 6), (3, 2))},
    "strides": {"strides": (2, 3), "padding": ((0, 1), (2, 0))},
    "sparse": {"strides": (4, 3)},
    "dilation": {"dilation": (2, 1), "padding": ((1, 1), (0, 0))},
    "groups": {"groups": 2, "strides": (1, 2)},
    "depthwise": {"groups": 4},
}


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_conv2d(geometry: str, rng: np.random.Generator):
    params = {"strides": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}
    params |= GEOMETRIES[geometry]
    out = output_size((5, 6), (3, 2), params["strides"], params["padding"], params["dilation"])
    x, dy = rng.standard_normal((2, 5, 6, 4)), rng.standard_normal((2, *out, 4))
    w, bias = rng.standard_normal((3, 2, 4 // params["groups"], 4)), rng.standard_normal(4)
    y = np.empty_like(dy)
    loss = projected(lambda y: reference.conv2d_forward(y, x, w, bias, **params), y, dy)
    dx, dw, db = (unwritten(v.shape, v.dtype) for v in (x, w, bias))
    reference.conv2d_backward_input(dx, dy, w, **params)
    reference.conv2d_backward_weight(dw, db, dy, x, **params)
    for gradient, v in ((dx, x), (dw, w), (db, bias)):
        assert_gradient(gradient, loss, v)


@pytest.mark.parametrize("kind", ["max", "average"])
@pytest.mark.parametrize(
    ("pool_size", "strides", "padding"),
    [
        ((2, 2), (2, 2), ((0, 0), (0, 0))),
        ((3, 2), (1, 2), ((1, 1), (0, 1))),
        ((2, 2), (3, 3), ((0, 0), (1, 0))),
    ],
)
def test_pooling(kind: str, pool_size, strides, padding, rng: np.random.Generator):
    params = {"pool_size": pool_size, "strides": strides, "padding": padding}
    out = output_size((5, 6), pool_size, strides, padding, (1, 1))
    # A permutation: no two values are closer than h, so no maximum changes hands.
    x = rng.permutation(2 * 5 * 6 * 3).reshape(2, 5, 6, 3) / 100.0
    dy = rng.standard_normal((2, *out, 3))
    y, dx, argmax = np.empty_like(dy), unwritten(x.shape, x.dtype), np.empty(dy.shape, np.uint8)
    if kind == "max":
        loss = projected(lambda y: reference.maxpool2d_forward(y, argmax, x, **params), y, dy)
        loss()
        reference.maxpool2d_backward(dx, dy, argmax, **params)
    else:
        loss = projected(lambda y: reference.averagepool2d_forward(y, x, **params), y, dy)
        reference.averagepool2d_backward(dx, dy, **params)
    assert_gradient(dx, loss, x)


def test_dropout(rng: np.random.Generator):
    x, dy = rng.standard_normal((6, 5)), rng.standard_normal((6, 5))
    y, mask, dx = np.empty_like(x), np.empty(x.shape, np.uint8), unwritten(x.shape, x.dtype)
    params = {"rate": 0.4, "stream": 1}
    loss = projected(lambda y: reference.dropout_forward(y, mask, x, clock(), **params), y, dy)
    loss()
    reference.dropout_backward(dx, dy, mask, rate=0.4)
    assert_gradient(dx, loss, x)


def test_concatenate(rng: np.random.Generator):
    xs = [rng.standard_normal((2, n, 3)) for n in (1, 3, 2)]
    dy, y = rng.standard_normal((2, 6, 3)), np.empty((2, 6, 3))
    dxs = [unwritten(x.shape, x.dtype) for x in xs]
    reference.split(dxs, dy, axis=1)
    for dx, x in zip(dxs, xs, strict=True):
        assert_gradient(dx, projected(lambda y: reference.concatenate(y, xs, axis=1), y, dy), x)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_upsampling(interpolation: str, rng: np.random.Generator):
    x, dy = rng.standard_normal((2, 3, 4, 2)), rng.standard_normal((2, 6, 12, 2))
    y, dx = np.empty_like(dy), unwritten(x.shape, x.dtype)
    params = {"size": (2, 3), "interpolation": interpolation}
    loss = projected(lambda y: reference.upsample2d_forward(y, x, **params), y, dy)
    reference.upsample2d_backward(dx, dy, **params)
    assert_gradient(dx, loss, x)


def test_padding_and_cropping(rng: np.random.Generator):
    x, dy = rng.standard_normal((2, 3, 4, 2)), rng.standard_normal((2, 4, 5, 2))
    y, dx = np.empty_like(dy), unwritten(x.shape, x.dtype)
    loss = projected(lambda y: reference.pad2d(y, x, padding=((2, -1), (-1, 2))), y, dy)
    reference.pad2d(dx, dy, padding=((-2, 1), (1, -2)))
    assert_gradient(dx, loss, x)


def test_flips(rng: np.random.Generator):
    x, dy = rng.standard_normal((3, 3, 4, 2)), rng.standard_normal((3, 3, 4, 2))
    y, dx, draws = np.empty_like(x), unwritten(x.shape, x.dtype), np.array([0.5, 0.6, 0.1])
    loss = projected(lambda y: reference.flip2d(y, x, draws, rows=True, columns=True), y, dy)
    reference.flip2d(dx, dy, draws, rows=True, columns=True)
    assert_gradient(dx, loss, x)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("fill_mode", ["constant", "nearest", "reflect", "wrap"])
def test_translations(fill_mode: str, interpolation: str, rng: np.random.Generator):
    x, dy = rng.standard_normal((3, 3, 4, 2)), rng.standard_normal((3, 3, 4, 2))
    y, dx = np.empty_like(x), unwritten(x.shape, x.dtype)
    shifts = np.array([0.3, -2.0, 1.7]), np.array([-1.4, 5.2, 0.0])
    params = {"interpolation": interpolation, "fill_mode": fill_mode}
    loss = projected(
        lambda y: reference.translate2d_forward(y, x, *shifts, fill_value=2.0, **params), y, dy
    )
    reference.translate2d_backward(dx, dy, *shifts, **params)
    assert_gradient(dx, loss, x)


@pytest.mark.parametrize("function", ["sum", "mean"])
@pytest.mark.parametrize("axes", [(0,), (1,), (0, 2), (0, 1, 2), ()])
def test_reduce(function: str, axes: tuple[int, ...], rng: np.random.Generator):
    """The gradient is that of the result, repeated along the axes (over their size, a mean)."""
    x = rng.standard_normal((2, 3, 4))
    kept = tuple(n for axis, n in enumerate(x.shape) if axis not in axes)
    y, dy = np.empty(kept), np.array(rng.standard_normal(kept))
    loss = projected(lambda y: reference.reduce(y, x, function=function, axes=axes), y, dy)
    dx = unwritten(x.shape, x.dtype)
    count = np.array(x.size / max(y.size, 1) if function == "mean" else 1.0)
    reference.binary(dx, np.expand_dims(dy, axes), count, function="divide")
    assert_gradient(dx, loss, x)


@pytest.mark.parametrize("function", ["add", "subtract", "multiply", "divide", "maximum"])
def test_binary_that_broadcasts(function: str, rng: np.random.Generator):
    """The gradient of the repeated operand is summed over its repetitions."""
    a, b = rng.uniform(1, 2, (2, 3, 4)), rng.uniform(1, 2, (3, 1))
    y, dy = np.empty(a.shape), rng.standard_normal(a.shape)
    loss = projected(lambda y: reference.binary(y, a, b, function=function), y, dy)
    wins = np.empty(a.shape)
    reference.binary(wins, a, b, function="greater_equal")
    da, db = {
        "add": (dy, dy),
        "subtract": (dy, -dy),
        "multiply": (dy * b, dy * a),
        "divide": (dy / b, -dy * a / b**2),
        "maximum": (dy * wins, dy * (1 - wins)),
    }[function]
    summed = unwritten((3,), b.dtype)
    reference.reduce(summed, db, function="sum", axes=(0, 2))
    assert_gradient(da, loss, a)
    assert_gradient(summed.reshape(3, 1), loss, b)


def test_gather(rng: np.random.Generator):
    """A row that is looked up twice gets both gradients, one that is not gets none."""
    table, ids = rng.standard_normal((4, 3)), np.array([2, 0, 2, 3], np.int32)
    y, dy = np.empty((4, 3)), rng.standard_normal((4, 3))
    loss = projected(lambda y: reference.gather(y, table, ids), y, dy)
    dtable = unwritten(table.shape, table.dtype)
    reference.scatter_add(dtable, dy, ids)
    assert_gradient(dtable, loss, table)
    assert not dtable[1].any()


@pytest.mark.parametrize("heads", [(1, 1, 1), (1, 2, 2), (2, 1, 2)])
def test_batch_matmul(heads: tuple[int, int, int], rng: np.random.Generator):
    """dA = dY B^T and dB = A^T dY in each batch, each where its heads lie."""

    def drawn(rows: int, columns: int, at: int) -> np.ndarray:
        return rng.standard_normal((2, 3, rows, columns) if at == 1 else (2, rows, 3, columns))

    of_y, of_a, of_b = heads
    a, b, dy = drawn(4, 5, of_a), drawn(5, 2, of_b), drawn(4, 2, of_y)
    y = np.empty_like(dy)
    loss = projected(lambda y: reference.batch_matmul(y, a, b, heads=heads), y, dy)
    da, db = unwritten(a.shape, a.dtype), unwritten(b.shape, b.dtype)
    reference.batch_matmul(da, dy, b, transpose_b=True, heads=(of_a, of_y, of_b))
    reference.batch_matmul(db, a, dy, transpose_a=True, heads=(of_b, of_a, of_y))
    assert_gradient(da, loss, a)
    assert_gradient(db, loss, b)
