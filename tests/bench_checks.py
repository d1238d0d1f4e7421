"""Small rows of every kind of kernel, and what their results must be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import cnnlite
from bench.products import Matmul
from bench.sequences import GATES, Sequences
from bench.suite import (
    Row,
    batchnorm_row,
    kernel_rows,
    layernorm_row,
    sequence_row,
    softmax_row,
    update_row,
)
from bench.window_cases import conv, pool
from cnnlite import ops
from cnnlite.kernels import reference
from tests.comparison import NUMPY_ULPS, assert_within, leaves, right_outputs

Arrays = dict[str, np.ndarray]

BOTH = ((1, 1), (1, 1))
CASES: list[list[Any]] = [
    [Matmul(name="eager", m=7, n=5, k=9)],
    [Matmul(name="plain", m=65, n=5, k=9)],
    [Matmul(name="fused", m=65, n=5, k=9, bias=True, activation="relu")],
    conv(name="padded", n=3, size=(6, 5), c=4, f=5, kernel=(3, 3), padding=BOTH),
    conv(name="valid", n=3, size=(6, 7), c=4, f=5, kernel=(3, 2)),
    conv(name="strided", n=2, size=(8, 9), c=4, f=5, kernel=(3, 3), padding=BOTH, strides=(2, 2)),
    conv(name="first", n=2, size=(8, 9), c=3, f=5, kernel=(5, 5), padding=((2, 2), (2, 2))),
    conv(name="1x1", n=3, size=(4, 5), c=4, f=6, kernel=(1, 1)),
    conv(name="depthwise", n=3, size=(6, 5), c=4, f=4, kernel=(3, 3), padding=BOTH, groups=4),
    pool(name="pool", n=3, size=(4, 6), c=5, pool_size=(2, 2), strides=(2, 2)),
]
OUTPUTS = {
    "matmul": ["y"],
    "conv2d_forward": ["y"],
    "conv2d_backward_weight": ["dw", "db"],
    "conv2d_backward_input": ["dx"],
    "maxpool2d_forward": ["y", None],  # what marks the winners is each contestant's own affair
    "maxpool2d_backward": ["dx"],
}


def passes(row: Row) -> set[str]:
    kind = row.work["kind"]
    if kind == "conv2d":
        return {f"conv2d_{p}" for p in row.work["passes"]}
    return {"matmul"} if kind == "matmul" else {"maxpool2d_forward", "maxpool2d_backward"}


def _check_cases(cases: list[Any], row: Row, found: Arrays) -> None:
    """Compare with the reference in float64, within the cases' tolerances."""
    for case in cases:
        if case.operation not in passes(row):
            continue
        arguments = case.arguments(np.random.default_rng(0), np.float32)
        judge = reference.KERNELS[case.operation]
        expected, bounds = right_outputs(case, judge, arguments, np.float32, NUMPY_ULPS)
        limits = iter(bounds)  # one for each array
        for name, right in zip(OUTPUTS[case.operation], expected, strict=True):
            own = [next(limits) for _ in leaves(right)]
            if name is not None:
                assert found[name].dtype == np.float32
                assert_within(found[name], right, own)


def _check(expected: Arrays, found: Arrays, atol: float) -> None:
    for name, right in expected.items():
        np.testing.assert_allclose(found[name], right, rtol=0, atol=atol, err_msg=name)


def _doubles(row: Row) -> Arrays:
    return {name: a.astype(np.float64) for name, a in row.data().items()}


def _check_recurrent(row: Row, found: Arrays) -> None:
    """Compare with the operation in float64; the sums are short, so few roundings count."""
    kind, backward = row.work["kind"], row.work["backward"]
    x, w, u, bias, dy = _doubles(row).values()
    with cnnlite.using_backend("reference"):
        y, *others = getattr(ops, f"{kind}_forward")(x, w, u, bias)
        saved = others[2:] if kind == "lstm" else others[1:]
        gradients = getattr(ops, f"{kind}_backward")(dy, x, w, u, *saved)
    names = ("dx", "dw", "du", "db") if backward else ()
    _check({"y": y, **dict(zip(names, gradients, strict=False))}, found, 1e-5)


def _normal(x: np.ndarray, axes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    inverse = 1 / np.sqrt(x.var(axes, keepdims=True) + 1e-3)
    return (x - x.mean(axes, keepdims=True)) * inverse, inverse


def _check_batchnorm(row: Row, found: Arrays) -> None:
    """Compare with the formulas of Ioffe and Szegedy's algorithm 1 in float64."""
    x, dy, gamma, beta = _doubles(row).values()
    axes = (0, 1, 2)
    normal, inverse = _normal(x, axes)
    y = np.maximum(normal * gamma + beta, 0)
    dy = dy * (y > 0)
    dbeta, dgamma = dy.sum(axes), (dy * normal).sum(axes)
    rows = x.size // x.shape[-1]
    dx = gamma * inverse * (dy - (dbeta + normal * dgamma) / rows)
    _check({"y": y, "dx": dx, "dgamma": dgamma, "dbeta": dbeta}, found, 2e-5)


def _check_layernorm(row: Row, found: Arrays) -> None:
    x, dy, gamma, beta = _doubles(row).values()
    normal, inverse = _normal(x, (1,))
    d = dy * gamma
    along = (d * normal).mean(1, keepdims=True)
    dx = inverse * (d - d.mean(1, keepdims=True) - normal * along)
    expected = {"y": normal * gamma + beta, "dx": dx}
    _check(expected | {"dgamma": (dy * normal).sum(0), "dbeta": dy.sum(0)}, found, 2e-5)


def _check_softmax(row: Row, found: Arrays) -> None:
    powers = np.exp(_doubles(row)["x"])
    _check({"y": powers / powers.sum(1, keepdims=True)}, found, 1e-6)


def _check_update(row: Row, found: Arrays) -> None:
    """Two steps of Kingma and Ba's algorithm 1 with the rearrangement of its section 2."""
    arrays = _doubles(row)
    for name in (n for n in arrays if n[0] == "w"):
        w, g = arrays[name].copy(), arrays[f"g{name[1:]}"]
        m, v = np.zeros_like(w), np.zeros_like(w)
        for t in (1, 2):
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
            alpha = 1e-3 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
            w -= alpha * m / (np.sqrt(v) + 1e-7)
        # Weights of up to 4 are rounded twice, by 2.4e-7 each time.  Algorithm 1 itself, which
        # PyTorch keeps to, has an epsilon of 1 / sqrt(1 - 0.999^t) times less at step t.
        bound = 5e-7 + 2 * 1e-3 * 1e-7 / np.sqrt(0.001) / np.abs(g)
        assert np.all(np.abs(found[name] - w) <= bound)


def _bound(check: Callable[..., None], *given: Any) -> Callable[[Arrays], None]:
    return lambda found: check(*given, found)


SMALL_ROWS: list[tuple[Row, Callable[[Arrays], None]]] = [
    (row, _bound(_check_cases, cases, row)) for cases in CASES for row in kernel_rows(cases)
]
for _check_row, _rows in {
    _check_recurrent: [
        sequence_row(Sequences(3, 4, 5, 6, backward, 1, cell))
        for cell in GATES
        for backward in (False, True)
    ],
    _check_batchnorm: [batchnorm_row((3, 4, 5, 6))],
    _check_layernorm: [layernorm_row(7, 9)],
    _check_softmax: [softmax_row(7, 9)],
    _check_update: [update_row("two", [(3, 5), (7,)])],
}.items():
    SMALL_ROWS += [(row, _bound(_check_row, row)) for row in _rows]
