"""The lists of cases.

``EDGES`` are small and straddle the edges of vectors (4, 8, 16 floats) and of
register tiles (6 and 12 rows; 8, 16, 32, 64 columns).  ``SHARED`` holds, for
every operation, work that is large enough to be shared among threads.
``BENCHMARKS`` are the operations that the project measures itself by.
"""

from __future__ import annotations

import math
from itertools import product

from bench import normalization
from bench.case import Case
from bench.counts import COUNT_EDGES, COUNT_SHARED
from bench.elements import Draw, Dropout, Elementwise, Join, LossWeights, Mean
from bench.image_cases import IMAGE_EDGES, IMAGE_SHARED
from bench.losses import LOSS_EDGES, LOSS_SHARED
from bench.products import BiasGradient, Matmul
from bench.recurrent import RECURRENT_SHARED, recurrent_edges
from bench.rows import Rows
from bench.tensor_cases import TENSOR_EDGES, TENSOR_SHARED
from bench.update_cases import UPDATE_EDGES, UPDATE_SHARED
from bench.updates import Update
from bench.window_cases import WINDOW_EDGES, WINDOW_SHARED, conv, pool
from bench.windows import VALID

ACTIVATIONS: tuple[tuple[str, tuple[float, ...]], ...] = (
    *((name, ()) for name in ("relu", "sigmoid", "tanh", "gelu", "gelu_tanh", "hard_sigmoid")),
    *((name, ()) for name in ("silu", "softplus", "softsign", "exponential", "log", "erf")),
    ("leaky_relu", (0.3, math.inf, 0.0)),
    ("leaky_relu", (0.25, 2.0, 0.5)),
    ("leaky_relu", (0.0, 6.0, 0.0)),
    ("elu", (1.3, 1.0)),
    ("elu", (1.6732632423543772, 1.0507009873554805)),
)
ELEMENTWISE = (
    *(
        {"operation": operation, "function": function, "parameters": parameters}
        for operation in ("unary", "unary_backward")
        for function, parameters in ACTIVATIONS
    ),
)
WITH_WEIGHTS = (
    "softmax_crossentropy_backward",
    "sparse_softmax_crossentropy_backward",
    "categorical_crossentropy_backward",
    "sparse_categorical_crossentropy_backward",
)
ROW_OPERATIONS = (
    "softmax_forward",
    "softmax_backward",
    "log_softmax_forward",
    "log_softmax_backward",
    *(name.replace("backward", "forward") for name in WITH_WEIGHTS),
    *WITH_WEIGHTS,
    "sparse_categorical_accuracy",
    "categorical_accuracy",
    "binary_accuracy",
    "accuracy",
    "top_k_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
)
FROM_LOGITS = (
    "softmax_forward",
    "log_softmax_forward",
    "softmax_crossentropy_forward",
    "sparse_softmax_crossentropy_forward",
)
LENET = (
    *((5, 5, 1, 6), (6,), (5, 5, 6, 16), (16,)),
    *((400, 120), (120,), (120, 84), (84,), (84, 10), (10,)),
)


def _matmul_edges() -> list[Case]:
    sizes = [(1, 1, 1), (1, 10, 84), (5, 7, 3), (6, 16, 4), (7, 17, 5), (12, 64, 9), (13, 65, 33)]
    sizes += [(11, 63, 2), (3, 31, 129), (2, 33, 8), (64, 9, 15), (64, 8, 1), (3, 5, 0), (0, 4, 3)]
    sizes += [(5, 1, 67), (70, 1, 130), (1, 66, 97), (1, 1, 64), (1, 0, 70)]  # dot products
    cases: list[Case] = []
    for (m, n, k), (ta, tb) in product(sizes, product((False, True), repeat=2)):
        cases.append(Matmul(m=m, n=n, k=k, transpose_a=ta, transpose_b=tb))
    for (m, n, k), activation in product(sizes, (None, "relu", "sigmoid", "tanh")):
        cases.append(Matmul(m=m, n=n, k=k, bias=True, activation=activation))
    cases += [Matmul(m=7, n=17, k=5, activation="tanh"), Matmul(m=4, n=0, k=3)]
    for activation in (None, "relu", "sigmoid"):
        cases.append(Matmul(m=1, n=66, k=97, transpose_b=True, bias=True, activation=activation))
    cases += [BiasGradient(rows=r, f=f) for r, f in product((0, 1, 7, 33), (1, 4, 15, 16, 17, 65))]
    return cases


def _element_edges() -> list[Case]:
    cases: list[Case] = []
    for fields, size in product(ELEMENTWISE, (0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33, 67, 130)):
        cases.append(Elementwise(shape=(size,), **fields))
    joins = [
        (((2, 3), (2, 3)), 1),
        (((2, 3, 4), (1, 3, 4), (0, 3, 4)), 0),
        (((2, 3, 17), (2, 3, 1), (2, 3, 33)), 2),
        (((3, 2, 5), (3, 4, 5)), 1),
        (((4, 16),), 1),
    ]
    for operation, (shapes, axis) in product(("concatenate", "split"), joins):
        cases.append(Join(operation=operation, shapes=shapes, axis=axis))
    for rows, weights in product((0, 1, 5, 16, 33, 1000), (True, False)):
        cases.append(Mean(operation="weighted_mean", rows=rows, weights=weights))
        cases.append(Mean(operation="mean_update", rows=rows, weights=weights))
    cases.append(Mean(operation="mean_update", rows=9, count_rows=True))
    cases.append(Mean(operation="mean_update", rows=12, scale=0.3))
    for reduction, (weights, mask) in product(
        ("sum_over_batch_size", "mean_with_sample_weight", "sum"),
        ((0, 0), (1, 0), (0, 1), (1, 1), (3, 1), (1, 3), (2, 3)),
    ):
        fields = {"reduction": reduction, "weight_rows": weights, "mask_rows": mask}
        cases += [LossWeights(rows=rows, **fields) for rows in (0, 6, 36)]  # type: ignore[arg-type]
        if mask:
            cases.append(LossWeights(rows=12, used=False, **fields))  # type: ignore[arg-type]
    for shape, rate in product(((0,), (1,), (5,), (17,), (3, 5, 7), (64, 10)), (0.0, 0.4, 0.999)):
        cases.append(Dropout(operation="dropout_forward", shape=shape, rate=rate))
        cases.append(Dropout(operation="dropout_backward", shape=shape, rate=rate))
    # 1 - 2^-40: the threshold would not fit into 32 bits.
    cases.append(Dropout(operation="dropout_forward", shape=(40,), rate=1 - 2**-40))
    # The first word of stream 3 is the threshold itself, so the element is kept.
    cases.append(Dropout(operation="dropout_forward", shape=(9,), rate=0x7A0EF614 / 2**32))
    high = {"stream": 2**32 - 1, "step": 2**32 + 5}  # of the step, the low 32 bits count
    cases.append(Dropout(operation="dropout_forward", shape=(40,), rate=0.5, **high))
    for shape in ((0,), (1,), (5,), (16,), (17,), (3, 5, 7)):
        cases.append(Draw(operation="random_uniform", shape=shape, a=-0.05, b=0.05))
        cases.append(Draw(operation="random_normal", shape=shape, a=0.25, b=0.5))
        cases.append(Draw(operation="random_normal", shape=shape, a=-1, b=2, truncated=True))
    cases.append(Draw(operation="random_uniform", shape=(9,), a=0, b=1, **high))
    cases.append(Draw(operation="random_normal", shape=(9,), a=0, b=1, truncated=True, **high))
    return cases


def _row_edges() -> list[Case]:
    sizes = [(0, 3), (1, 1), (3, 2), (4, 4), (1, 5), (7, 9), (5, 10), (2, 15), (3, 16), (2, 17)]
    sizes += [(17, 3), (3, 33), (2, 257)]
    cases: list[Case] = [
        Rows(operation=operation, rows=rows, classes=classes)
        for operation, (rows, classes) in product(ROW_OPERATIONS, sizes)
    ]
    cases += [Rows(operation=op, rows=5, classes=10, weights=False) for op in WITH_WEIGHTS]
    for op in (name for name in ROW_OPERATIONS if name.startswith("sparse")):
        if "crossentropy" in op:
            cases += [Rows(operation=op, rows=9, classes=10, ignore_class=c) for c in (-1, 3)]
    for op in ("top_k_categorical_accuracy", "sparse_top_k_categorical_accuracy"):
        cases += [Rows(operation=op, rows=9, classes=5, top_k=k) for k in (1, 4, 5, 9)]
    # Logits that cancel, overflow or vanish unless the largest is subtracted first.
    for operation, (scale, offset) in product(FROM_LOGITS, ((3, 1e4), (3, -1e4), (60, 0))):
        cases.append(Rows(operation=operation, rows=5, classes=10, scale=scale, offset=offset))
    return cases


EDGES: list[Case] = [
    *_matmul_edges(),
    *WINDOW_EDGES,
    *IMAGE_EDGES,
    *_element_edges(),
    *_row_edges(),
    *normalization.edges(),
    *LOSS_EDGES,
    *COUNT_EDGES,
    *UPDATE_EDGES,
    *TENSOR_EDGES,
    *recurrent_edges(),
]

SHARED: list[Case] = [
    Matmul(m=131, n=150, k=300),
    Matmul(m=131, n=150, k=300, bias=True, activation="tanh"),
    Matmul(m=257, n=129, k=65, transpose_a=True),
    Matmul(m=257, n=129, k=65, transpose_b=True),
    Matmul(m=20, n=30, k=20_000, transpose_a=True),  # a sum over a long batch
    Matmul(m=1003, n=1, k=300, bias=True),
    Matmul(m=1, n=1003, k=300, transpose_b=True),
    BiasGradient(rows=5000, f=100),
    *WINDOW_SHARED,
    *IMAGE_SHARED,
    *(Elementwise(shape=(400_003,), **fields) for fields in ELEMENTWISE),
    Join(operation="concatenate", shapes=((900, 400), (900, 333)), axis=1),
    Join(operation="split", shapes=((900, 400), (900, 333)), axis=1),
    *(Rows(operation=operation, rows=2001, classes=110) for operation in ROW_OPERATIONS),
    *LOSS_SHARED,
    *COUNT_SHARED,
    *normalization.shared(),
    Mean(operation="weighted_mean", rows=1_000_003),
    Mean(operation="mean_update", rows=1_000_003),
    LossWeights(rows=100_002, mask_rows=3),
    Dropout(operation="dropout_forward", shape=(400_003,), rate=0.4),
    Dropout(operation="dropout_backward", shape=(400_003,), rate=0.4),
    Draw(operation="random_uniform", shape=(400_003,), a=-1, b=1),
    Draw(operation="random_normal", shape=(100_003,), a=0, b=1),
    Draw(operation="random_normal", shape=(100_003,), a=0, b=1, truncated=True),
    *TENSOR_SHARED,
    *UPDATE_SHARED,
    *RECURRENT_SHARED,
]


def _named_conv(name: str, n: int, side: int, c: int, f: int, k: int, s: int = 1) -> list[Case]:
    # Equal on all sides, as in the original networks: PyTorch knows no other padding.
    padding = (((k - 1) // 2, (k - 1) // 2),) * 2
    return conv(
        name=name, n=n, size=(side, side), c=c, f=f, kernel=(k, k), strides=(s, s), padding=padding
    )


BENCHMARKS: list[Case] = [
    *(
        Matmul(name=f"matmul {side}^3", m=side, n=side, k=side)
        for side in (2048, 1024, 512, 256, 128, 64)
    ),
    Matmul(name="matmul 64x784x256 bias relu", m=64, k=784, n=256, bias=True, activation="relu"),
    *_named_conv("conv 3x3 N64 32x32 64->64", 64, 32, 64, 64, 3),
    *_named_conv("conv 3x3 N64 8x8 256->256", 64, 8, 256, 256, 3),
    *_named_conv("conv 3x3 N1 56x56 64->64", 1, 56, 64, 64, 3),
    *_named_conv("conv 1x1 N16 14x14 256->1024", 16, 14, 256, 1024, 1),
    *_named_conv("conv 3x3 N64 32x32 3->64", 64, 32, 3, 64, 3),
    *_named_conv("conv 5x5 LeNet 1", 64, 28, 1, 6, 5),
    *conv(name="conv 5x5 LeNet 2", n=64, size=(14, 14), c=6, f=16, kernel=(5, 5), padding=VALID),
    *_named_conv("conv 7x7 s2 N1 224x224 3->64", 1, 224, 3, 64, 7, 2),
    *conv(
        name="depthwise 3x3 N32 32x32 64",
        n=32,
        size=(32, 32),
        c=64,
        f=64,
        kernel=(3, 3),
        padding=((1, 1), (1, 1)),
        groups=64,
    ),
    *pool(
        name="pool 2x2 N64 32x32 64", n=64, size=(32, 32), c=64, pool_size=(2, 2), strides=(2, 2)
    ),
    Rows(
        operation="sparse_softmax_crossentropy_forward",
        name="softmax cross-entropy 64x10",
        rows=64,
        classes=10,
    ),
    Rows(
        operation="sparse_softmax_crossentropy_backward",
        name="softmax cross-entropy 64x10",
        rows=64,
        classes=10,
        weights=False,
    ),
    Update(name="adam LeNet-5", rule="adam", shapes=LENET),
]
