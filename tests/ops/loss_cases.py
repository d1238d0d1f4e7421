"""Valid calls of losses, accuracies and the weights of rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnnlite import ops
from tests.ops.case import Case, array, batch, positive

LABELS = np.array([0, 3, 2], "int32")


def _loss(name: str, sparse: bool, function: str | None = None) -> list[Case]:
    """Return the cases of a loss's forward and backward operation, or of a family's member."""

    def called(operation: str) -> Callable[..., Any]:
        run = getattr(ops, operation)
        if function is None:
            return run
        return lambda x, t, *weights, **kw: run(x, t, function, *weights, **kw)

    second = {"labels": LABELS} if sparse else {"target": positive(3, 4)}
    first = next(iter(second))
    arrays = {"prediction": positive(3, 4), **second}
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


LOSS_CASES = [
    *_loss("softmax_crossentropy", False),
    *_loss("sparse_softmax_crossentropy", True),
    *_loss("categorical_crossentropy", False),
    *_loss("sparse_categorical_crossentropy", True),
    *_loss("elementwise_loss", False, "log_cosh"),
    *_loss("row_loss", False, "cosine_similarity"),
    Case(
        "map_targets",
        lambda target, **kw: ops.map_targets(target, 0.9, 0.05, **kw),
        {"target": positive(3, 4)},
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
            {"prediction": positive(3, 4), "labels": LABELS},
            has_out=False,
            batched=("prediction", "labels"),
        )
        for name in ("sparse_categorical_accuracy", "sparse_top_k_categorical_accuracy")
    ),
    *(
        Case(
            name,
            getattr(ops, name),
            {"prediction": positive(3, 4), "target": positive(3, 4)},
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
        lambda weights, mask, **kw: ops.loss_weights(weights, mask, rows=batch(weights), **kw),
        {"weights": array(3), "mask": np.array([1, 0, 1], "uint8")},
        batched=("weights", "mask"),
    ),
    Case(
        "weighted_mean",
        ops.weighted_mean,
        {"values": array(3), "weights": array(3)},
        has_out=False,
        batched=("values", "weights"),
    ),
]
