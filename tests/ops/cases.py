"""One valid call of every public operation, for the tests that hold for all of them."""

from __future__ import annotations

from functools import partial

import numpy as np

from cnnlite import ops
from tests.ops.case import Case, array, gradient_case, positive
from tests.ops.image_cases import IMAGE_CASES
from tests.ops.loss_cases import LOSS_CASES
from tests.ops.recurrent_cases import recurrent_cases

ARITHMETIC = (
    *("add", "subtract", "multiply", "divide", "maximum", "minimum"),
    *("greater_equal", "divide_by_root"),
)

CASES = [
    *(Case(f, getattr(ops, f), {"x": array(3, 4)}, batched=("x",)) for f in ops.ACTIVATIONS),
    *(gradient_case(f"{f}_backward") for f in ops.ACTIVATIONS),
    *(Case(f.__name__, f, {"x": positive(3, 4)}, batched=("x",)) for f in (ops.log, ops.erf)),
    *(gradient_case(name, second="x") for name in ("log_backward", "erf_backward")),
    *(
        Case(
            f,
            getattr(ops, f),
            {"a": array(3, 4), "b": positive(3, 4)},
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
        {"dy": array(3, 2, 4)},
        batched=("dy",),
    ),
    *(
        Case(
            f,
            lambda x, f=f, **kw: getattr(ops, f)(x, -1, **kw),
            {"x": array(3, 4)},
            batched=("x",),
        )
        for f in ("sum", "mean", "max")
    ),
    Case(
        "transpose",
        lambda x, **kw: ops.transpose(x, (0, 2, 1), **kw),
        {"x": array(3, 4, 2)},
        batched=("x",),
    ),
    Case(
        "cast", lambda x, **kw: ops.cast(x, "uint8", **kw), {"x": 9 * array(3, 4)}, batched=("x",)
    ),
    Case(
        "where",
        lambda mask, x, **kw: ops.where(mask, x, -1.0, **kw),
        {"mask": np.array([[1, 0, 0, 1]] * 3, "uint8"), "x": array(3, 4)},
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
        {"table": array(5, 4), "ids": np.array([4, 0, 4], "int32")},
        batched=("ids",),
        any_rank=("ids",),
    ),
    Case(
        "scatter_add",
        lambda dy, ids, **kw: ops.scatter_add(dy, ids, 5, **kw),
        {"dy": array(3, 4), "ids": np.array([4, 0, 4], "int32")},
        batched=("dy", "ids"),
    ),
    Case(
        "batch_matmul",
        lambda a, b, **kw: ops.batch_matmul(a, b, transpose_b=True, **kw),
        {"a": array(3, 2, 4), "b": array(3, 5, 4)},
        batched=("a", "b"),
    ),
    Case(
        "concatenate",
        lambda a, b, **kw: ops.concatenate([a, b], 1, **kw),
        {"xs[0]": array(3, 2, 2), "xs[1]": array(3, 4, 2)},
        batched=("xs[0]", "xs[1]"),
    ),
    Case(
        "split",
        lambda y: ops.split(y, [1, 3], 1),
        {"y": array(3, 4, 2)},
        has_out=False,
        batched=("y",),
    ),
    Case(
        "matmul",
        lambda a, b, bias, **kw: ops.matmul(a, b, bias=bias, activation="tanh", **kw),
        {"a": array(3, 5), "b": array(5, 4), "bias": array(4)},
        batched=("a",),
        any_rank=("a",),  # more dimensions count as rows
    ),
    Case("bias_gradient", ops.bias_gradient, {"dy": array(3, 2, 4)}, batched=("dy",)),
    *IMAGE_CASES,
    *LOSS_CASES,
    Case(
        "dropout_forward",
        lambda x, **kw: ops.dropout_forward(x, 0.5, ops.clock(3, 1), stream=2, **kw),
        {"x": array(3, 4)},
        batched=("x",),
        where="dropout",
    ),
    Case(
        "dropout_backward",
        lambda dy, mask, **kw: ops.dropout_backward(dy, mask, 0.25, **kw),
        {"dy": array(3, 4), "mask": np.array([[0, 1, 1, 0]] * 3, "uint8")},
        batched=("dy", "mask"),
        optional=(),
    ),
    Case(
        "penalty_forward",
        partial(ops.penalty_forward, l1=0.5, l2=0.2),
        {"x": array(3, 4)},
        has_out=False,  # of another dtype, and added to: tests/ops/test_penalties.py
        batched=("x",),
    ),
    Case(
        "penalty_backward",
        partial(ops.penalty_backward, l1=0.5, l2=0.2),
        {"x": array(3, 4)},
        batched=("x",),
    ),
    Case(
        "batchnorm_forward",
        ops.batchnorm_forward,
        {"x": array(3, 4), "gamma": array(4), "beta": array(4)},
        optional=("gamma", "beta"),
        batched=("x",),
        where="batchnorm",
        any_rank=("x",),
    ),
    Case(
        "batchnorm_inference",
        ops.batchnorm_inference,
        {"x": array(3, 4), "mean": array(4), "variance": positive(4), "gamma": array(4)},
        optional=("gamma", "beta"),
        batched=("x",),
        any_rank=("x",),
    ),
    Case(
        "batchnorm_backward",
        ops.batchnorm_backward,
        {
            "dy": array(3, 4),
            "x": array(3, 4),
            "mean": array(4),
            "variance": positive(4),
            "gamma": array(4),
        },
        optional=("gamma",),
        batched=("dy", "x"),
    ),
    Case(
        "layernorm_forward",
        ops.layernorm_forward,
        {"x": array(3, 4), "gamma": array(4), "beta": array(4)},
        optional=("gamma", "beta"),
        batched=("x",),
        where="layernorm",
        any_rank=("x",),
    ),
    Case(
        "layernorm_backward",
        ops.layernorm_backward,
        {
            "dy": array(3, 4),
            "x": array(3, 4),
            "mean": array(3),
            "inverse": positive(3),
            "gamma": array(4),
        },
        optional=("gamma",),
        batched=("dy", "x", "mean", "inverse"),
    ),
    Case("lrn_forward", ops.lrn_forward, {"x": array(3, 4)}, batched=("x",), where="lrn"),
    gradient_case("lrn_backward", second="x"),
    *recurrent_cases(),
]


# Public names that are no operation on arrays of one batch, with tests of their own.
OTHERS = {
    "ACTIVATIONS", "ACTIVATION_GRADIENTS", "Buffer", "Gradient", "NEEDS_INPUT", "Parameter",
    "Tensor", "UPDATE_RULES", "average_update", "batchnorm_update", "clip_scales", "clock", "full",
    "is_recording",
    "mean_update", "orthogonal_penalty_backward", "orthogonal_penalty_forward", "project_norms",
    "random_normal", "random_uniform", "recording", "reshape", "update",
    "class_update", "confusion_update", "regression_update", "threshold_update",
}  # fmt: skip
