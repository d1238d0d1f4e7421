"""One valid call of every public operation, for the tests that hold for all of them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from cnnlite import ops


@dataclass
class Case:
    """An operation and arrays that it accepts.

    ``call(*arrays)`` calls it; ``floats`` names the arguments that must be
    floating-point arrays of one dtype, ``batched`` those whose first axis is the
    batch, ``has_out`` tells whether it takes ``out=``.
    """

    name: str
    call: Callable[..., Any]
    arrays: dict[str, np.ndarray]
    has_out: bool = True
    batched: tuple[str, ...] = ()
    optional: tuple[str, ...] = ("bias", "weights", "mask")  # what may be None
    where: str = ""  # how its errors name it, if not by its name
    any_rank: tuple[str, ...] = ()  # arguments to which more axes may be added
    floats: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.where = self.where or self.name
        self.floats = tuple(k for k, a in self.arrays.items() if a.dtype.kind == "f")


def _array(*shape: int) -> np.ndarray:
    """Return other float32 values on every call, the same ones in every process."""
    _array.calls += 1  # type: ignore[attr-defined]
    return np.random.default_rng(_array.calls).normal(size=shape).astype("float32")  # type: ignore[attr-defined]


_array.calls = 0  # type: ignore[attr-defined]


def _batch(dy: Any) -> int:
    return len(dy) if isinstance(dy, np.ndarray) else 3


def _positive(*shape: int) -> np.ndarray:
    a = np.abs(_array(*shape)) + np.float32(0.1)
    return a / a.sum(axis=-1, keepdims=True)


LABELS = np.array([0, 3, 2], "int32")
IMAGE = {"strides": (2, 1), "padding": ((1, 0), (2, 1)), "dilation": (1, 2), "groups": 2}
X_SHAPE, W_SHAPE, Y_SHAPE = (3, 6, 5, 4), (3, 2, 2, 6), (3, 3, 6, 6)
POOL = {"pool_size": (3, 2), "strides": (2, 1), "padding": "same"}
POOLED = (3, 3, 5, 4)


def _two(name: str, shape: tuple[int, ...] = (3, 4), second: str = "y") -> Case:
    arrays = {"dy": _array(*shape), second: _positive(*shape)}
    return Case(name, getattr(ops, name), arrays, batched=("dy", second))


def _loss(name: str, sparse: bool, function: str | None = None) -> list[Case]:
    """Return the cases of a loss's forward and backward operation, or of a family's member."""

    def called(operation: str) -> Callable[..., Any]:
        run = getattr(ops, operation)
        if function is None:
            return run
        return lambda x, t, *weights, **kw: run(x, t, function, *weights, **kw)

    second = {"labels": LABELS} if sparse else {"target": _positive(3, 4)}
    first = next(iter(second))
    arrays = {"prediction": _positive(3, 4), **second}
    weights = {"weights": np.array([0.5, 2.0, 0.0], "float32")}
    return [
        Case(
            f"{name}_forward",
            called(f"{name}_forward"),
            arrays,
            has_out=False,
            batched=("prediction", first),
            where=name,
        ),
        Case(
            f"{name}_backward",
            called(f"{name}_backward"),
            arrays | weights,
            batched=("prediction", first, "weights"),
        ),
    ]


def _image_cases() -> list[Case]:
    """Return the cases of frames, enlargements, flips and shifts of (3, 4, 3, 2) images."""
    small, large = (3, 4, 3, 2), (3, 8, 9, 2)
    shift = {"interpolation": "bilinear", "fill_mode": "reflect"}
    shifts = {"down": _array(3), "right": _array(3)}
    draws = np.array([0.2, 0.7, 0.5], "float32")
    batched = ("down", "right")
    return [
        Case(
            "pad2d",
            lambda x, **kw: ops.pad2d(x, ((1, -2), (0, 3)), **kw),
            {"x": _array(*small)},
            batched=("x",),
        ),
        Case(
            "upsample2d_forward",
            lambda x, **kw: ops.upsample2d_forward(x, (2, 3), "bilinear", **kw),
            {"x": _array(*small)},
            batched=("x",),
            where="upsample2d",
        ),
        Case(
            "upsample2d_backward",
            lambda dy, **kw: ops.upsample2d_backward(
                dy, (_batch(dy), *small[1:]), (2, 3), "bilinear", **kw
            ),
            {"dy": _array(*large)},
            batched=("dy",),
        ),
        Case(
            "flip2d",
            lambda x, draws, **kw: ops.flip2d(x, draws, rows=True, columns=True, **kw),
            {"x": _array(*small), "draws": draws},
            batched=("x", "draws"),
        ),
        Case(
            "translate2d_forward",
            lambda x, down, right, **kw: ops.translate2d_forward(x, down, right, **shift, **kw),
            {"x": _array(*small), **shifts},
            batched=("x", *batched),
            where="translate2d",
        ),
        Case(
            "translate2d_backward",
            lambda dy, down, right, **kw: ops.translate2d_backward(dy, down, right, **shift, **kw),
            {"dy": _array(*small), **shifts},
            batched=("dy", *batched),
        ),
    ]


ARITHMETIC = (
    *("add", "subtract", "multiply", "divide", "maximum", "minimum"),
    *("greater_equal", "divide_by_root"),
)

CASES = [
    *(Case(f, getattr(ops, f), {"x": _array(3, 4)}, batched=("x",)) for f in ops.ACTIVATIONS),
    *(_two(f"{f}_backward") for f in ops.ACTIVATIONS),
    *(
        Case(
            f,
            getattr(ops, f),
            {"a": _array(3, 4), "b": _positive(3, 4)},
            batched=("a", "b"),
            any_rank=("a", "b"),
        )
        for f in ARITHMETIC
    ),
    Case(
        "reduce_to",
        lambda dy, **kw: ops.reduce_to(
            dy, (dy.shape[0] if hasattr(dy, "shape") else 3, 1, 4), **kw
        ),
        {"dy": _array(3, 2, 4)},
        batched=("dy",),
    ),
    *(
        Case(
            f,
            lambda x, f=f, **kw: getattr(ops, f)(x, -1, **kw),
            {"x": _array(3, 4)},
            batched=("x",),
        )
        for f in ("sum", "mean", "max")
    ),
    Case(
        "transpose",
        lambda x, **kw: ops.transpose(x, (0, 2, 1), **kw),
        {"x": _array(3, 4, 2)},
        batched=("x",),
    ),
    Case(
        "cast", lambda x, **kw: ops.cast(x, "uint8", **kw), {"x": 9 * _array(3, 4)}, batched=("x",)
    ),
    Case(
        "where",
        lambda mask, x, **kw: ops.where(mask, x, -1.0, **kw),
        {"mask": np.array([[1, 0, 0, 1]] * 3, "uint8"), "x": _array(3, 4)},
        batched=("mask", "x"),
        any_rank=("mask", "x"),
    ),
    *(
        Case(
            f,
            getattr(ops, f),
            {
                name: np.array([row] * 3, "uint8")
                for name, row in (("a", [1, 0, 1]), ("b", [1, 0, 0]))
            },
            batched=("a", "b"),
            any_rank=("a", "b"),
        )
        for f in ("logical_and", "logical_or")
    ),
    *(
        Case(
            f,
            lambda x, f=f, **kw: getattr(ops, f)(x, 0, **kw),
            {"x": np.eye(3, 4, dtype="float32")},
            batched=("x",),
        )
        for f in ("not_equal", "any_not_equal")
    ),
    Case(
        "logical_not",
        ops.logical_not,
        {"mask": np.array([[1, 0, 0, 1]] * 3, "uint8")},
        batched=("mask",),
    ),
    Case(
        "gather",
        ops.gather,
        {"table": _array(5, 4), "ids": np.array([4, 0, 4], "int32")},
        batched=("ids",),
        any_rank=("ids",),
    ),
    Case(
        "scatter_add",
        lambda dy, ids, **kw: ops.scatter_add(dy, ids, 5, **kw),
        {"dy": _array(3, 4), "ids": np.array([4, 0, 4], "int32")},
        batched=("dy", "ids"),
    ),
    Case(
        "batch_matmul",
        lambda a, b, **kw: ops.batch_matmul(a, b, transpose_b=True, **kw),
        {"a": _array(3, 2, 4), "b": _array(3, 5, 4)},
        batched=("a", "b"),
    ),
    Case(
        "concatenate",
        lambda a, b, **kw: ops.concatenate([a, b], 1, **kw),
        {"xs[0]": _array(3, 2, 2), "xs[1]": _array(3, 4, 2)},
        batched=("xs[0]", "xs[1]"),
    ),
    Case(
        "split",
        lambda y: ops.split(y, [1, 3], 1),
        {"y": _array(3, 4, 2)},
        has_out=False,
        batched=("y",),
    ),
    Case(
        "matmul",
        lambda a, b, bias, **kw: ops.matmul(a, b, bias=bias, activation="tanh", **kw),
        {"a": _array(3, 5), "b": _array(5, 4), "bias": _array(4)},
        batched=("a",),
        any_rank=("a",),  # more dimensions count as rows
    ),
    Case("bias_gradient", ops.bias_gradient, {"dy": _array(3, 2, 4)}, batched=("dy",)),
    Case(
        "conv2d_forward",
        lambda x, w, bias, **kw: ops.conv2d_forward(x, w, bias, **IMAGE, activation="relu", **kw),
        {"x": _array(*X_SHAPE), "w": _array(*W_SHAPE), "bias": _array(6)},
        batched=("x",),
        where="conv2d",
    ),
    Case(
        "conv2d_backward_input",
        lambda dy, w, **kw: ops.conv2d_backward_input(
            dy, w, (_batch(dy), *X_SHAPE[1:]), **IMAGE, **kw
        ),
        {"dy": _array(*Y_SHAPE), "w": _array(*W_SHAPE)},
        batched=("dy",),
    ),
    Case(
        "conv2d_backward_weight",
        lambda dy, x, **kw: ops.conv2d_backward_weight(dy, x, W_SHAPE, **IMAGE, **kw),
        {"dy": _array(*Y_SHAPE), "x": _array(*X_SHAPE)},
        batched=("dy", "x"),
    ),
    Case(
        "maxpool2d_forward",
        lambda x, **kw: ops.maxpool2d_forward(x, **POOL, **kw),
        {"x": _array(*X_SHAPE)},
        batched=("x",),
        where="maxpool2d",
    ),
    Case(
        "maxpool2d_backward",
        lambda dy, argmax, **kw: ops.maxpool2d_backward(
            dy, argmax, (_batch(dy), *X_SHAPE[1:]), **POOL, **kw
        ),
        {"dy": _array(*POOLED), "argmax": ops.maxpool2d_forward(_array(*X_SHAPE), **POOL)[1]},
        batched=("dy", "argmax"),
    ),
    Case(
        "averagepool2d_forward",
        lambda x, **kw: ops.averagepool2d_forward(x, **POOL, **kw),
        {"x": _array(*X_SHAPE)},
        batched=("x",),
        where="averagepool2d",
    ),
    Case(
        "averagepool2d_backward",
        lambda dy, **kw: ops.averagepool2d_backward(dy, (_batch(dy), *X_SHAPE[1:]), **POOL, **kw),
        {"dy": _array(*POOLED)},
        batched=("dy",),
    ),
    *_image_cases(),
    *_loss("softmax_crossentropy", False),
    *_loss("sparse_softmax_crossentropy", True),
    *_loss("categorical_crossentropy", False),
    *_loss("sparse_categorical_crossentropy", True),
    *_loss("elementwise_loss", False, "log_cosh"),
    *_loss("row_loss", False, "cosine_similarity"),
    Case(
        "map_targets",
        lambda target, **kw: ops.map_targets(target, 0.9, 0.05, **kw),
        {"target": _positive(3, 4)},
        batched=("target",),
    ),
    Case(
        "label_mask",
        lambda labels, mask: ops.label_mask(labels, 3, mask),
        {"labels": LABELS, "mask": np.array([1, 1, 0], "uint8")},
        has_out=False,
        batched=("labels", "mask"),
    ),
    *(
        Case(
            name,
            getattr(ops, name),
            {"prediction": _positive(3, 4), "labels": LABELS},
            has_out=False,
            batched=("prediction", "labels"),
        )
        for name in ("sparse_categorical_accuracy", "sparse_top_k_categorical_accuracy")
    ),
    *(
        Case(
            name,
            getattr(ops, name),
            {"prediction": _positive(3, 4), "target": _positive(3, 4)},
            has_out=False,
            batched=("prediction", "target"),
        )
        for name in (
            "categorical_accuracy",
            "binary_accuracy",
            "accuracy",
            "top_k_categorical_accuracy",
        )
    ),
    Case(
        "loss_weights",
        lambda weights, mask, **kw: ops.loss_weights(weights, mask, rows=_batch(weights), **kw),
        {"weights": _array(3), "mask": np.array([1, 0, 1], "uint8")},
        batched=("weights", "mask"),
    ),
    Case(
        "weighted_mean",
        ops.weighted_mean,
        {"values": _array(3), "weights": _array(3)},
        has_out=False,
        batched=("values", "weights"),
    ),
    Case(
        "dropout_forward",
        lambda x, **kw: ops.dropout_forward(x, 0.5, ops.clock(3, 1), stream=2, **kw),
        {"x": _array(3, 4)},
        batched=("x",),
        where="dropout",
    ),
    Case(
        "dropout_backward",
        lambda dy, mask, **kw: ops.dropout_backward(dy, mask, 0.25, **kw),
        {"dy": _array(3, 4), "mask": np.array([[0, 1, 1, 0]] * 3, "uint8")},
        batched=("dy", "mask"),
        optional=(),
    ),
    Case(
        "penalty_forward",
        partial(ops.penalty_forward, l1=0.5, l2=0.2),
        {"x": _array(3, 4)},
        has_out=False,  # of another dtype, and added to: tests/ops/test_penalties.py
        batched=("x",),
    ),
    Case(
        "penalty_backward",
        partial(ops.penalty_backward, l1=0.5, l2=0.2),
        {"x": _array(3, 4)},
        batched=("x",),
    ),
    Case(
        "batchnorm_forward",
        ops.batchnorm_forward,
        {"x": _array(3, 4), "gamma": _array(4), "beta": _array(4)},
        optional=("gamma", "beta"),
        batched=("x",),
        where="batchnorm",
        any_rank=("x",),
    ),
    Case(
        "batchnorm_inference",
        ops.batchnorm_inference,
        {"x": _array(3, 4), "mean": _array(4), "variance": _positive(4), "gamma": _array(4)},
        optional=("gamma", "beta"),
        batched=("x",),
        any_rank=("x",),
    ),
    Case(
        "batchnorm_backward",
        ops.batchnorm_backward,
        {
            "dy": _array(3, 4),
            "x": _array(3, 4),
            "mean": _array(4),
            "variance": _positive(4),
            "gamma": _array(4),
        },
        optional=("gamma",),
        batched=("dy", "x"),
    ),
    Case(
        "layernorm_forward",
        ops.layernorm_forward,
        {"x": _array(3, 4), "gamma": _array(4), "beta": _array(4)},
        optional=("gamma", "beta"),
        batched=("x",),
        where="layernorm",
        any_rank=("x",),
    ),
    Case(
        "layernorm_backward",
        ops.layernorm_backward,
        {
            "dy": _array(3, 4),
            "x": _array(3, 4),
            "mean": _array(3),
            "inverse": _positive(3),
            "gamma": _array(4),
        },
        optional=("gamma",),
        batched=("dy", "x", "mean", "inverse"),
    ),
    Case("lrn_forward", ops.lrn_forward, {"x": _array(3, 4)}, batched=("x",), where="lrn"),
    _two("lrn_backward", second="x"),
]


def _recurrent() -> list[Case]:
    """Return the cases of LSTM, GRU and simple RNN: batch 3, 2 steps, 4 features, 5 units."""
    n, t, f, u = 3, 2, 4, 5
    mask = {"mask": np.array([[1, 1], [1, 0], [0, 1]], "uint8")}
    found = []
    for name, gates in (("lstm", 4), ("gru", 3), ("simple_rnn", 1)):
        steps = {"x": _array(n, t, f)}
        weights = {"kernel": _array(f, gates * u), "recurrent_kernel": _array(u, gates * u)}
        bias = {"bias": _array(*((2, gates * u) if name == "gru" else (gates * u,)))}
        starts = {"h0": _array(n, u)} | ({"c0": _array(n, u)} if name == "lstm" else {})
        names = {"lstm": ("states", "cells"), "gru": ("states", "inner")}.get(name, ("states",))
        kept = {"gates": _positive(n, t, gates * u)} | {k: _array(n, t, u) for k in names}

        def masked(*arrays: Any, name: str = "", **kwargs: Any) -> Any:
            return getattr(ops, name)(*arrays[:-1], mask=arrays[-1], **kwargs)

        call = functools.partial(masked, name=f"{name}_forward")
        arrays = steps | weights | bias | starts | mask
        case = Case(f"{name}_forward", call, arrays, where=name)
        case.batched, case.optional = ("x", *starts, "mask"), ("bias", *starts, "mask")
        found.append(case)

        call = functools.partial(masked, name=f"{name}_backward")
        arrays = {"dy": _array(n, t, u)} | steps | weights | kept | mask
        case = Case(f"{name}_backward", call, arrays)
        case.batched, case.optional = ("dy", "x", *kept, "mask"), ("dy", "mask")
        found.append(case)

        start = {"x": _array(n, f), "h": _array(n, u)}
        start |= {"c": _array(n, u)} if name == "lstm" else {}
        where, call = f"{name}_cell", getattr(ops, f"{name}_cell_forward")
        arrays = start | weights | bias
        found.append(Case(f"{where}_forward", call, arrays, batched=tuple(start), where=where))

        kept = {"new_h" if gates == 1 else "gates": _positive(n, gates * u)}
        kept |= {"inner": _array(n, u)} if name == "gru" else {}
        ends = {f"d{k}": _array(n, u) for k in start if k != "x"}
        call = getattr(ops, f"{name}_cell_backward")
        case = Case(f"{where}_backward", call, ends | start | weights | kept, has_out=False)
        case.batched = (*ends, *start, *kept)
        found.append(case)
    return found


CASES += _recurrent()

# Public names that are no operation on arrays of one batch, with tests of their own.
OTHERS = {
    "ACTIVATIONS", "ACTIVATION_GRADIENTS", "Buffer", "Gradient", "NEEDS_INPUT", "Parameter",
    "Tensor", "UPDATE_RULES", "average_update", "batchnorm_update", "clip_scales", "clock", "full",
    "is_recording",
    "mean_update", "orthogonal_penalty_backward", "orthogonal_penalty_forward", "project_norms",
    "random_normal", "random_uniform", "recording", "reshape", "update",
    "class_update", "confusion_update", "regression_update", "threshold_update",
}  # fmt: skip


def results(value: Any) -> list[np.ndarray]:
    """Return an operation's results as a list."""
    return list(value) if isinstance(value, list | tuple) else [value]


def assert_same_bits(a: Any, b: Any) -> None:
    """Raise unless two operations gave equal shapes, dtypes and bytes."""
    for left, right in zip(results(a), results(b), strict=True):
        assert (left.shape, left.dtype) == (right.shape, right.dtype)
        assert left.tobytes() == right.tobytes()
