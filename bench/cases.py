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
from bench.images import Flip2d, Pad2d, Translate2d, Upsample2d
from bench.losses import LOSS_EDGES, LOSS_SHARED
from bench.penalties import Orthogonal, Penalty, PenaltyGradient, Projection
from bench.products import BiasGradient, Matmul
from bench.recurrent import RECURRENT_SHARED, recurrent_edges
from bench.rows import Rows
from bench.tensor_cases import TENSOR_EDGES, TENSOR_SHARED
from bench.updates import FORMULAS, Average, ClipScales, Update
from bench.windows import VALID, Conv2d, Pool2d, same

CONV_PASSES = ("conv2d_forward", "conv2d_backward_input", "conv2d_backward_weight")
MAX_PASSES = ("maxpool2d_forward", "maxpool2d_backward")
AVERAGE_PASSES = ("averagepool2d_forward", "averagepool2d_backward")
ACTIVATIONS: tuple[tuple[str, tuple[float, ...]], ...] = (
    *((name, ()) for name in ("relu", "sigmoid", "tanh", "gelu", "gelu_tanh", "hard_sigmoid")),
    *((name, ()) for name in ("silu", "softplus", "softsign", "exponential")),
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

LARGE = ((300_001,), (3,), (200, 500))


def conv(passes: tuple[str, ...] = CONV_PASSES, **fields: object) -> list[Case]:
    return [Conv2d(operation=operation, **fields) for operation in passes]  # type: ignore[arg-type]


def pool(passes: tuple[str, ...] = MAX_PASSES + AVERAGE_PASSES, **fields: object) -> list[Case]:
    return [Pool2d(operation=operation, **fields) for operation in passes]  # type: ignore[arg-type]


def _matmul_edges() -> list[Case]:
    sizes = [(1, 1, 1), (1, 10, 84), (5, 7, 3), (6, 16, 4), (7, 17, 5), (12, 64, 9), (13, 65, 33)]
    sizes += [(11, 63, 2), (3, 31, 129), (2, 33, 8), (64, 9, 15), (64, 8, 1), (3, 5, 0), (0, 4, 3)]
    cases: list[Case] = []
    for (m, n, k), (ta, tb) in product(sizes, product((False, True), repeat=2)):
        cases.append(Matmul(m=m, n=n, k=k, transpose_a=ta, transpose_b=tb))
    for (m, n, k), activation in product(sizes, (None, "relu", "sigmoid", "tanh")):
        cases.append(Matmul(m=m, n=n, k=k, bias=True, activation=activation))
    cases += [Matmul(m=7, n=17, k=5, activation="tanh"), Matmul(m=4, n=0, k=3)]
    cases += [BiasGradient(rows=r, f=f) for r, f in product((0, 1, 7, 33), (1, 4, 15, 16, 17, 65))]
    return cases


def _conv_edges() -> list[Case]:
    small = {"n": 2, "size": (5, 7), "c": 3, "f": 4, "kernel": (3, 3)}
    odd = ((0, 1), (2, 1))
    cases = [
        *conv(**small),
        *conv(**small | {"bias": False}),
        *conv(**small | {"n": 0, "padding": odd}),
        *conv(**small | {"padding": same((5, 7), (3, 3))}),
        *conv(**small | {"padding": odd, "strides": (2, 1)}),
        *conv(**small | {"padding": odd, "strides": (1, 3)}),
        *conv(**small | {"padding": odd, "dilation": (2, 1)}),
        *conv(**small | {"padding": ((4, 3), (2, 5)), "dilation": (3, 2), "strides": (2, 3)}),
        *conv(**small | {"kernel": (2, 4), "padding": same((5, 7), (2, 4))}),
        *conv(**small | {"kernel": (2, 2), "strides": (3, 4)}),  # pixels that no window sees
        *conv(**small | {"kernel": (5, 7)}),
        *conv(**small | {"kernel": (6, 8), "padding": ((1, 2), (0, 2))}),
        *conv(**small | {"kernel": (2, 2), "padding": ((3, 2), (0, 4))}),  # windows of padding
        *conv(**small | {"kernel": (1, 1), "padding": ((1, 0), (0, 2)), "strides": (2, 2)}),
        *conv(**small | {"c": 4, "f": 6, "groups": 2, "padding": odd}),
        *conv(**small | {"c": 6, "f": 9, "groups": 3, "strides": (2, 2), "dilation": (1, 2)}),
        *conv(**small | {"c": 5, "f": 5, "groups": 5, "padding": odd}),  # depthwise
        *conv(**small | {"c": 17, "f": 34, "groups": 17, "padding": odd, "strides": (2, 2)}),
        *conv(n=1, size=(1, 1), c=1, f=1, kernel=(1, 1)),
        *conv(n=3, size=(4, 5), c=17, f=33, kernel=(1, 1)),
        *conv(n=1, size=(8, 8), c=1, f=6, kernel=(5, 5), padding=same((8, 8), (5, 5))),
        *conv(n=2, size=(7, 7), c=6, f=16, kernel=(5, 5)),
        *conv(n=1, size=(9, 9), c=3, f=8, kernel=(7, 7), strides=(2, 2), padding=((3, 3), (3, 3))),
    ]
    for activation in ("relu", "sigmoid", "tanh"):
        cases += conv(CONV_PASSES[:1], **small | {"padding": odd, "activation": activation})
    for f, c in zip(
        (1, 7, 8, 9, 15, 16, 17, 31, 32, 33), (1, 2, 8, 15, 16, 17, 4, 3, 5, 1), strict=True
    ):
        cases += conv(n=1, size=(3, 4), c=c, f=f, kernel=(3, 3), padding=same((3, 4), (3, 3)))
    for f, width in product((63, 64, 65), (1, 5, 6, 7)):
        cases += conv(n=1, size=(2, width), c=2, f=f, kernel=(1, 3), padding=((0, 0), (1, 1)))
    for width in (11, 12, 13, 25):
        cases += conv(n=1, size=(2, width), c=2, f=20, kernel=(2, 3), padding=((1, 0), (1, 1)))
    return cases


def _pool_edges() -> list[Case]:
    return [
        *pool(n=2, size=(6, 8), c=5, pool_size=(2, 2), strides=(2, 2)),
        *pool(
            n=1, size=(7, 5), c=3, pool_size=(2, 2), strides=(2, 2)
        ),  # a rest that no window sees
        *pool(n=1, size=(7, 5), c=4, pool_size=(2, 2), strides=(2, 2), padding=((0, 1), (0, 1))),
        *pool(n=2, size=(7, 8), c=9, pool_size=(3, 3), strides=(2, 2)),  # overlapping
        *pool(n=1, size=(5, 6), c=8, pool_size=(3, 2), strides=(1, 1), padding=((2, 1), (0, 1))),
        *pool(n=1, size=(5, 6), c=2, pool_size=(3, 4), strides=(2, 3), padding=((1, 2), (3, 2))),
        *pool(n=1, size=(7, 9), c=3, pool_size=(2, 2), strides=(3, 4)),
        *pool(n=3, size=(4, 5), c=17, pool_size=(4, 5), strides=(1, 1)),
        *pool(n=1, size=(16, 17), c=2, pool_size=(16, 16), strides=(1, 1)),  # 256 places: uint8
        *pool(n=1, size=(17, 18), c=2, pool_size=(17, 17), strides=(1, 1)),  # 289: int32
        *pool(n=1, size=(9, 40), c=1, pool_size=(8, 33), strides=(1, 5), padding=((3, 4), (9, 0))),
        *pool(n=0, size=(6, 8), c=5, pool_size=(2, 2), strides=(2, 2)),
        *pool(n=1, size=(1, 1), c=1, pool_size=(1, 1), strides=(1, 1)),
        *(
            case
            for c in (1, 4, 7, 15, 16, 31, 32, 33, 65)
            for case in pool(n=1, size=(4, 5), c=c, pool_size=(2, 2), strides=(2, 2))
        ),
    ]


def _image_edges() -> list[Case]:
    channels = (1, 3, 4, 15, 16, 17, 33)
    frames = [((1, 2), (0, 3)), ((-1, 2), (3, -2)), ((-2, -1), (-1, -3)), ((0, 0), (0, 0))]
    frames += [((-5, 2), (1, 1)), ((2, -7), (-4, 9)), ((2, 1), (-7, 1)), ((-5, 0), (0, 0))]
    cases: list[Case] = [Pad2d(n=2, size=(5, 7), c=c, padding=p) for c in (3, 17) for p in frames]
    cases += [Pad2d(n=1, size=(3, 2), c=c, padding=frames[1]) for c in channels]
    cases += [Pad2d(n=n, size=(0, 2), c=3, padding=frames[0]) for n in (0, 2)]
    for way, interpolation in product(("forward", "backward"), ("nearest", "bilinear")):
        fields = {"operation": f"upsample2d_{way}", "interpolation": interpolation}
        for factor in ((1, 1), (2, 2), (3, 2), (1, 4), (5, 3)):
            cases.append(Upsample2d(n=2, size=(4, 5), c=3, factor=factor, **fields))  # type: ignore[arg-type]
        cases += [Upsample2d(n=1, size=(2, 3), c=c, factor=(2, 3), **fields) for c in channels]  # type: ignore[arg-type]
        for n, size in ((1, (1, 1)), (1, (1, 6)), (0, (2, 2)), (2, (0, 3)), (2, (3, 0))):
            cases.append(Upsample2d(n=n, size=size, c=2, factor=(2, 3), **fields))  # type: ignore[arg-type]
    for rows, columns in ((False, False), (True, False), (False, True), (True, True)):
        cases.append(Flip2d(shape=(4, 3, 5, 2), rows=rows, columns=columns))
    cases += [Flip2d(shape=(3, 2, 4, c), rows=True, columns=True) for c in channels]
    cases.append(Flip2d(shape=(0, 3, 5, 2), rows=True, columns=True))
    for way, interpolation in product(("forward", "backward"), ("nearest", "bilinear")):
        fields = {"operation": f"translate2d_{way}", "interpolation": interpolation}
        for mode in ("constant", "nearest", "reflect", "wrap"):
            cases.append(Translate2d(shape=(6, 4, 5, 3), fill_mode=mode, **fields))  # type: ignore[arg-type]
            far = fields | {"farthest": 4.0, "fill_mode": mode}
            cases.append(Translate2d(shape=(5, 3, 2, 17), **far))  # type: ignore[arg-type]
            cases.append(Translate2d(shape=(3, 1, 1, 1), **far))  # type: ignore[arg-type]
        for c in channels:
            cases.append(Translate2d(shape=(3, 3, 4, c), fill_mode="reflect", **fields))  # type: ignore[arg-type]
        for shape in ((0, 3, 4, 2), (2, 0, 4, 2), (2, 3, 0, 2)):
            cases.append(Translate2d(shape=shape, fill_mode="wrap", **fields))  # type: ignore[arg-type]
    valued = {"fill_mode": "constant", "fill_value": -2.5}
    for interpolation in ("nearest", "bilinear"):
        fields = {"operation": "translate2d_forward", "interpolation": interpolation}
        cases.append(Translate2d(shape=(5, 4, 5, 3), **fields, **valued))  # type: ignore[arg-type]
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


def _update_edges() -> list[Case]:
    shapes = ((1,), (3,), (4,), (17,), (5, 7), (0,), (2, 3, 4), (65,))
    options = {"scaled": True, "decayed": True, "clip_value": 0.5}
    momentum = (("momentum", 0.9),)
    nesterov = (*momentum, ("nesterov", True))
    cases: list[Case] = []
    for rule, kind in product(FORMULAS, ({}, {"t": 1000}, options, {"decayed": True, "t": 3})):
        cases.append(Update(rule=rule, shapes=shapes, **kind))
    for rule, slots, settings in (
        *(("sgd", "n", s) for s in (momentum, nesterov, ())),
        *(("rmsprop", slots, momentum) for slots in ("sn", "s-n", "snn")),
        ("adam", "nss", (("beta_2", 0.9),)),
    ):
        kind = {"slots": slots, "settings": settings}
        cases.append(Update(rule=rule, shapes=shapes, **kind))
        cases.append(Update(rule=rule, shapes=shapes, t=2, **kind, **options))
    cases += [Update(rule="adam", shapes=()), Update(rule="adam", shapes=((4099,),), t=2)]
    settings = (("beta_1", 0.5), ("beta_2", 0.9), ("epsilon", 0.1))
    cases.append(Update(rule="adam", shapes=((33,),), t=3, settings=settings))
    for together, norm in product((False, True), (2.0, 1e6)):
        cases.append(ClipScales(shapes=shapes, clip_norm=norm, together=together))
    cases += [ClipScales(shapes=((4099,), (0,), (4096,))), ClipScales(shapes=((0,),), clip_norm=1)]
    for t, frequency in product((1, 2, 6), (None, 2)):
        cases.append(Average(shapes=shapes, t=t, overwrite_frequency=frequency))
    return cases


def _penalty_edges() -> list[Case]:
    shapes = ((1,), (3,), (17,), (5, 7), (0,), (2, 3, 4), (65,))
    kinds = ({"l1": 0.3}, {"l2": 0.2}, {"l1": 0.3, "l2": 0.2, "scale": 0.25}, {})
    cases: list[Case] = [Penalty(shapes=shapes, **kind) for kind in kinds]
    cases += [Penalty(shapes=(), l1=1.0), Penalty(shapes=((4099,),), l1=1.0, l2=1.0)]
    cases += [PenaltyGradient(shape=shape, **kind) for shape, kind in product(shapes, kinds)]
    for operation, n in product(("forward", "backward"), (0, 1, 2, 5, 17)):
        cases.append(Orthogonal(operation=f"orthogonal_penalty_{operation}", n=n))
    for operation in ("forward", "backward"):
        cases.append(Orthogonal(operation=f"orthogonal_penalty_{operation}", n=4, short=True))
    norms = ({}, {"min_value": 1.0}, {"min_value": 0.5, "max_value": 2.0, "rate": 0.25})
    places = (((5, 7), (0,)), ((5, 7), (1,)), ((5, 7), (0, 1)), ((3, 2, 4, 6), (0, 1, 2)))
    places += (((3, 2, 4, 17), (0, 2)), ((3, 2, 4, 17), (1, 3)), ((130,), (0,)), ((2, 130), (0,)))
    places += (((4, 1, 3), (1,)), ((0, 3), (0,)), ((3, 0), (0,)))
    cases += [Projection(shape=s, axes=a, **n) for (s, a), n in product(places, norms)]
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
    *_conv_edges(),
    *_pool_edges(),
    *_image_edges(),
    *_element_edges(),
    *_row_edges(),
    *normalization.edges(),
    *LOSS_EDGES,
    *COUNT_EDGES,
    *_update_edges(),
    *_penalty_edges(),
    *TENSOR_EDGES,
    *recurrent_edges(),
]

SHARED: list[Case] = [
    Matmul(m=131, n=150, k=300),
    Matmul(m=131, n=150, k=300, bias=True, activation="tanh"),
    Matmul(m=257, n=129, k=65, transpose_a=True),
    Matmul(m=257, n=129, k=65, transpose_b=True),
    Matmul(m=20, n=30, k=20_000, transpose_a=True),  # a sum over a long batch
    BiasGradient(rows=5000, f=100),
    *conv(n=5, size=(17, 19), c=20, f=40, kernel=(3, 3), padding=same((17, 19), (3, 3))),
    *conv(n=1, size=(40, 41), c=3, f=70, kernel=(5, 5), strides=(2, 2)),
    *conv(n=9, size=(28, 28), c=1, f=6, kernel=(5, 5), padding=same((28, 28), (5, 5))),
    *conv(n=5, size=(20, 20), c=64, f=64, kernel=(3, 3), groups=64),
    *conv(n=4, size=(14, 14), c=64, f=48, kernel=(1, 1)),
    *pool(n=7, size=(33, 31), c=48, pool_size=(2, 2), strides=(2, 2)),
    *pool(n=7, size=(33, 31), c=48, pool_size=(3, 3), strides=(2, 2), padding=((1, 1), (0, 1))),
    Pad2d(n=7, size=(33, 31), c=65, padding=((2, 1), (0, 3))),
    *(
        Upsample2d(
            operation=f"upsample2d_{way}",
            n=5,
            size=(17, 19),
            c=33,
            factor=(2, 3),
            interpolation="bilinear",
        )
        for way in ("forward", "backward")
    ),
    Flip2d(shape=(9, 33, 31, 65), rows=True, columns=True),
    *(
        Translate2d(
            operation=f"translate2d_{way}",
            shape=(9, 33, 31, 33),
            fill_mode="reflect",
            interpolation="bilinear",
        )
        for way in ("forward", "backward")
    ),
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
    Penalty(shapes=LARGE, l1=0.3, l2=0.2),
    PenaltyGradient(shape=(400_003,), l1=0.3, l2=0.2),
    Orthogonal(operation="orthogonal_penalty_forward", n=300),
    Orthogonal(operation="orthogonal_penalty_backward", n=300),
    Projection(shape=(400, 1001), axes=(0,)),
    Projection(shape=(401, 1000), axes=(1,)),
    *TENSOR_SHARED,
    *(Update(rule=rule, shapes=LARGE, t=3) for rule in FORMULAS),
    Update(rule="rmsprop", shapes=LARGE, slots="snn", settings=(("momentum", 0.9),), scaled=True),
    ClipScales(shapes=LARGE),
    ClipScales(shapes=LARGE, together=True),
    Average(shapes=LARGE, overwrite_frequency=2),
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
