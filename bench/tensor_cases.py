"""The lists of cases of :mod:`bench.tensors`: edges, and work that is shared among threads."""

from __future__ import annotations

from itertools import permutations, product

from bench.case import Case
from bench.tensors import BatchMatmul, Binary, Convert, Lookup, Masked, Reduce, Transpose

FUNCTIONS = (
    *("add", "subtract", "multiply", "divide", "maximum", "minimum"),
    *("greater_equal", "divide_by_root"),
)
SIZES = (0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33, 67, 130)
BROADCASTS = [
    ((3, 5), (5,)),  # a vector to every row
    ((3, 17), (3, 1)),  # a number to every row
    ((1,), (4, 9)),
    ((), (3, 5)),
    ((5, 1), (1, 7)),  # both are repeated
    ((2, 3, 4), (3, 1)),
    ((2, 1, 4, 1), (3, 1, 5)),
    ((2, 3, 1, 5), (1, 4, 1)),
    ((0, 3), (3,)),
    ((1, 1), (1,)),
    ((2, 1, 3, 1, 2, 1, 3, 1), (1, 2, 1, 2, 1, 3, 1, 2)),  # eight axes, none to merge
]
HEADS = list(product((1, 2), repeat=3))


def _binary_edges() -> list[Case]:
    cases: list[Case] = [
        Binary(function=f, a=(size,), b=(size,)) for f, size in product(FUNCTIONS, SIZES)
    ]
    for (a, b), f in product(BROADCASTS, FUNCTIONS):
        cases += [Binary(function=f, a=a, b=b), Binary(function=f, a=b, b=a)]
    for a, b in [*BROADCASTS, ((33,), (33,)), ((5, 16), (5, 16))]:
        cases += [
            Masked(operation="where", a=a, b=b),
            Masked(operation="logical", a=a, b=b, function="and"),
            Masked(operation="logical", a=b, b=a, function="or"),
        ]
        if a != b:
            cases.append(Masked(operation="where", a=b, b=a, value=2.5))
    return cases


def _transpose_edges() -> list[Case]:
    cases: list[Case] = [Transpose(shape=(2, 3, 4), axes=axes) for axes in permutations(range(3))]
    cases += [Transpose(shape=(2, 3, 1, 5), axes=axes) for axes in permutations(range(4))]
    sides = (1, 3, 4, 5, 31, 32, 33, 65)
    cases += [Transpose(shape=shape, axes=(1, 0)) for shape in product(sides, sides)]
    cases += [
        Transpose(shape=(), axes=()),
        Transpose(shape=(7,), axes=(0,)),
        Transpose(shape=(0, 3), axes=(1, 0)),
        Transpose(shape=(2, 3, 35), axes=(1, 0, 2)),
        Transpose(shape=(2, 3, 4, 5, 2, 3), axes=(5, 0, 4, 2, 1, 3)),
        Transpose(shape=(1, 2, 3, 2, 1, 2, 2, 2), axes=(7, 5, 3, 1, 0, 2, 4, 6)),
        *(
            Transpose(shape=(3, 5, 37), axes=axes, kind=kind)
            for kind, axes in product(("int32", "uint8"), permutations(range(3)))
        ),
    ]
    return cases


def _reduce_edges() -> list[Case]:
    places = [
        *(((size,), (0,)) for size in SIZES),
        *(((3, size), (1,)) for size in (1, 2, 5, 15, 16, 17, 64, 65, 200, 1100)),
        *(((size, width), (0,)) for size in (1, 2, 70, 130) for width in (1, 3, 17, 127, 129)),
        ((3, 4, 5), ()),
        ((3, 4, 5), (0, 1, 2)),
        ((3, 4, 5), (1,)),
        ((3, 4, 5), (0, 2)),
        ((3, 1, 5), (1,)),
        ((3, 4, 1), (0,)),
        ((2, 3, 2, 3, 2, 3), (0, 2, 4)),
        ((2, 3, 2, 3, 2, 3), (1, 3, 5)),
        ((2, 2, 2, 2, 2, 2, 2, 2), (0, 3, 4, 7)),
        ((), ()),
        ((0, 3), (0,)),
        ((3, 0), (0,)),
        ((3, 0), (1,)),
    ]
    return [
        Reduce(function=f, shape=shape, axes=axes)
        for f, (shape, axes) in product(("sum", "mean", "max"), places)
    ]


def _batch_edges() -> list[Case]:
    flags = [{"transpose_a": a, "transpose_b": b} for a, b in product((False, True), repeat=2)]
    sizes = [
        (1, 1, 1, 1, 1),
        (2, 3, 5, 4, 7),
        (3, 1, 13, 9, 33),
        (1, 2, 7, 17, 65),
        (2, 2, 6, 1, 4),
    ]
    cases: list[Case] = []
    for (batch, h, m, k, n), flag, heads in product(sizes, flags, HEADS):
        cases.append(BatchMatmul(batch=batch, h=h, m=m, k=k, n=n, heads=heads, **flag))
    empty = [(0, 2, 3, 4, 5), (2, 0, 3, 4, 5), (2, 3, 0, 4, 5), (2, 3, 4, 0, 5), (2, 3, 4, 5, 0)]
    for batch, h, m, k, n in empty:
        sizes_ = {"batch": batch, "h": h, "m": m, "k": k, "n": n}
        cases.append(BatchMatmul(**sizes_, transpose_b=True, heads=(2, 1, 2)))
    return cases


def _other_edges() -> list[Case]:
    cases: list[Case] = []
    for operation, (rows, v, k) in product(
        ("gather", "scatter_add"),
        [(0, 3, 4), (1, 1, 1), (7, 5, 3), (40, 3, 17), (5, 40, 16), (9, 20, 0), (6, 2, 33)],
    ):
        cases.append(Lookup(operation=operation, rows=rows, v=v, k=k))
    types = ("float", "float32", "float64", "int32", "uint8")
    for to, source, size in product(types, types, (0, 1, 5, 33)):
        cases.append(Convert(operation="cast", to=to, source=source, shape=(size,)))
    for to, value, size in product(types, (3.0, 0.0), (0, 1, 5, 33)):
        cases.append(Convert(operation="fill", to=to, value=value, shape=(size,)))
    for source, value, shape in product(
        ("float", "int32", "uint8"), (0.0, 1.0), ((0, 2), (7, 1), (9, 2), (5, 0), (3, 20))
    ):
        cases.append(Convert(operation="differs", source=source, value=value, shape=shape))
    return cases


TENSOR_EDGES: list[Case] = [
    *_binary_edges(),
    *_transpose_edges(),
    *_reduce_edges(),
    *_batch_edges(),
    *_other_edges(),
]

TENSOR_SHARED: list[Case] = [
    *(Binary(function=f, a=(400_003,), b=(400_003,)) for f in FUNCTIONS),
    Binary(function="add", a=(900, 450), b=(450,)),
    Binary(function="multiply", a=(90, 10, 450), b=(90, 1, 1)),
    Masked(operation="where", a=(40, 1, 100, 100), b=(40, 2, 100, 100)),
    Masked(operation="logical", a=(400, 1, 1000), b=(10, 1), function="and"),
    Transpose(shape=(70, 65, 130), axes=(0, 2, 1)),
    Transpose(shape=(50, 65, 130), axes=(1, 0, 2)),
    Reduce(function="sum", shape=(700_001,), axes=(0,)),
    Reduce(function="mean", shape=(5001, 130), axes=(0,)),
    Reduce(function="max", shape=(3001, 200), axes=(1,)),
    Reduce(function="sum", shape=(200, 41, 77), axes=(1,)),
    Reduce(function="mean", shape=(200, 41, 77), axes=(0, 2)),
    BatchMatmul(batch=4, h=8, m=70, k=33, n=65, transpose_b=True, heads=(1, 2, 2)),
    BatchMatmul(batch=4, h=8, m=70, k=65, n=33, heads=(2, 1, 2)),
    BatchMatmul(batch=40, m=100, k=130, n=260, transpose_a=True),
    BatchMatmul(batch=3, m=150, k=140, n=130, transpose_b=True),  # each shared by itself
    Lookup(operation="gather", rows=5000, v=700, k=100),
    Lookup(operation="scatter_add", rows=5000, v=700, k=100),
    Convert(operation="cast", to="int32", shape=(400_003,)),
    Convert(operation="fill", value=3.0, shape=(4_000_003,)),
    Convert(operation="differs", shape=(40_003, 20)),
]
