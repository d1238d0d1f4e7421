"""Cases of convolution and pooling."""

from __future__ import annotations

from itertools import product
from typing import Any

from bench.case import Case
from bench.windows import Conv2d, Conv2dBatchNorm, Pool2d, same

CONV_PASSES = ("conv2d_forward", "conv2d_backward_input", "conv2d_backward_weight")
MAX_PASSES = ("maxpool2d_forward", "maxpool2d_backward")
AVERAGE_PASSES = ("averagepool2d_forward", "averagepool2d_backward")


def conv(passes: tuple[str, ...] = CONV_PASSES, **fields: object) -> list[Case]:
    return [Conv2d(operation=operation, **fields) for operation in passes]  # type: ignore[arg-type]


def pool(passes: tuple[str, ...] = MAX_PASSES + AVERAGE_PASSES, **fields: object) -> list[Case]:
    return [Pool2d(operation=operation, **fields) for operation in passes]  # type: ignore[arg-type]


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
    many = {"n": 2, "size": (5, 7), "kernel": (3, 2)}  # channels, to a few filters
    for c, f in ((16, 1), (33, 2), (17, 3), (20, 4), (16, 5)):
        cases += conv(CONV_PASSES[::2], **many, c=c, f=f, padding=odd)
        cases += conv(CONV_PASSES[2:], **many, c=c, f=f, dilation=(2, 3), bias=False)
    for padding in (((0, 0), (0, 0)), ((3, 2), (0, 4)), ((0, 3), (2, 0))):
        cases += conv(CONV_PASSES[::2], **many, c=18, f=2, padding=padding)
    for activation in ("relu", "sigmoid", "tanh"):
        cases += conv(CONV_PASSES[:1], **many, c=18, f=2, padding=odd, activation=activation)
    swapped = {"n": 2, "kernel": (3, 3)}  # large enough for the gradient along the channels
    cases += conv(CONV_PASSES[2:], **swapped, size=(12, 13), c=40, f=5, padding=odd)
    cases += conv(CONV_PASSES[2:], **swapped, size=(17, 15), c=33, f=3, dilation=(2, 1), bias=False)
    cases += conv(CONV_PASSES[2:], n=8, size=(16, 16), c=40, f=7, kernel=(1, 1))
    for f, width in product((63, 64, 65), (1, 5, 6, 7)):
        cases += conv(n=1, size=(2, width), c=2, f=f, kernel=(1, 3), padding=((0, 0), (1, 1)))
    for width in (11, 12, 13, 25):
        cases += conv(n=1, size=(2, width), c=2, f=20, kernel=(2, 3), padding=((1, 0), (1, 1)))
    return cases + _normalized_edges()


def _normalized_edges() -> list[Case]:
    small: dict[str, Any] = {"n": 2, "size": (5, 7), "c": 3, "f": 9, "kernel": (3, 3)}
    fields: list[dict[str, Any]] = [
        {},
        {"activation": "relu", "padding": same((5, 7), (3, 3))},
        {"bias": False, "beta": False, "strides": (2, 1)},
        {"gamma": False, "activation": "relu", "dilation": (1, 2)},
        {"n": 0},
        {"f": 3, "activation": "relu"},  # in planes
        {"c": 17, "f": 2},  # to few filters
        {"c": 4, "f": 6, "groups": 2},
        {"c": 17, "f": 17, "groups": 17, "activation": "relu"},  # depthwise
        {"c": 17, "f": 70, "kernel": (1, 1), "activation": "relu"},
        {"n": 4, "size": (9, 10), "c": 33, "f": 50, "activation": "relu"},  # Winograd's way
    ]
    return [Conv2dBatchNorm(**small | given) for given in fields]


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


WINDOW_EDGES = [*_conv_edges(), *_pool_edges()]

WINDOW_SHARED = [
    *conv(n=5, size=(17, 19), c=20, f=40, kernel=(3, 3), padding=same((17, 19), (3, 3))),
    *conv(n=1, size=(40, 41), c=3, f=70, kernel=(5, 5), strides=(2, 2)),
    *conv(n=9, size=(28, 28), c=1, f=6, kernel=(5, 5), padding=same((28, 28), (5, 5))),
    *conv(n=5, size=(20, 20), c=64, f=64, kernel=(3, 3), groups=64),
    *conv(n=4, size=(14, 14), c=64, f=48, kernel=(1, 1)),
    *conv(CONV_PASSES[::2], n=5, size=(20, 21), c=40, f=3, kernel=(3, 3)),
    Conv2dBatchNorm(n=5, size=(17, 19), c=20, f=40, kernel=(5, 3), activation="relu"),
    *pool(n=7, size=(33, 31), c=48, pool_size=(2, 2), strides=(2, 2)),
    *pool(n=7, size=(33, 31), c=48, pool_size=(3, 3), strides=(2, 2), padding=((1, 1), (0, 1))),
]
