"""The rows of the benchmark: work, data, FLOP, goals.

A row's work is a plain dictionary, so a contestant of any interpreter understands it.
Kernels come from the cases of :mod:`bench.cases`, which the tests check.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

import cnnlite
from bench import goals
from bench.case import Case
from bench.cases import BENCHMARKS
from bench.contestants import CONTESTANTS
from bench.contestants.ours_networks import new_model
from bench.goals import Goal
from bench.products import Matmul
from bench.sequences import SEQUENCES, Sequences
from bench.windows import Conv2d, Pool2d

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    name : str
    work : dict
        What a contestant is told; ``work["kind"]`` says who takes part.
    data : callable
        Makes the arrays, the same ones for every contestant, in cnnlite's layout.
    goals : sequence of Goal
    flops, nbytes : int
        Floating-point operations per unit, or least memory traffic; 0 where neither counts.
    images : int
        Images per unit, for rows that say how many a second are trained.
    without : sequence of str
        Contestants that would only do again what another one does.
    uses_threads : bool
        Whether the number of threads matters; if not, the row is run once.
    """

    name: str
    work: dict[str, Any]
    data: Callable[[], Arrays]
    goals: Sequence[Goal] = ()
    flops: int = 0
    nbytes: int = 0
    images: int = 0
    without: Sequence[str] = ()
    uses_threads: bool = True

    @property
    def contestants(self) -> list[str]:
        """Who would take part if everything were installed, at every SIMD level."""
        gradients = bool(self.work.get("backward")) or len(self.work.get("passes", ())) > 1
        return [
            name
            for name, contestant in CONTESTANTS.items()
            if self.work["kind"] in contestant.kinds
            and name not in self.without
            and not (gradients and contestant.inference_only)
        ]


def _draw(case: Case) -> Any:
    # The passes of one convolution draw the same numbers in the same order.
    return case.arguments(np.random.default_rng(0), np.float32)


# -- kernels


def _matmul_goals(case: Matmul) -> list[Goal]:
    least = min(case.m, case.n, case.k)
    if case.bias:
        return [goals.numpy(2)]
    if least >= 512:
        return [goals.peak(0.9), goals.numpy(1.7)]
    return [goals.peak(0.7)] if least >= 128 else [goals.numpy(1)]


def matmul_row(case: Matmul) -> Row:
    """A product; one of 64^3 or less is a whole eager call, whose cost is what matters."""
    eager = max(case.m, case.n, case.k) <= 64

    def data() -> Arrays:
        names = ("a", "b", "bias") if case.bias else ("a", "b")
        return dict(zip(names, _draw(case).inputs, strict=False))

    return Row(
        case.name + (" eager call" if eager else ""),
        {"kind": "matmul", "eager": eager, "activation": case.activation},
        data,
        _matmul_goals(case),
        flops=case.flops(),
    )


def _is_first_layer(case: Conv2d) -> bool:
    return case.c in (1, 3)


def _conv_goals(case: Conv2d, backward: bool) -> list[Goal]:
    hand_written = goals.hand_written(5)
    if case.groups > 1:
        return [goals.best_peer(1.3 if backward else 1)]
    if min(case.c, case.f) >= 64:
        if backward:
            return [goals.best_peer(1.1), hand_written]
        if case.n == 1:
            return [goals.best_peer(1.3), hand_written]
        return [goals.best_peer(1), goals.peak(0.9), hand_written]
    return [goals.best_peer(2.5), hand_written] if backward else [hand_written]


def conv_rows(cases: Sequence[Conv2d]) -> list[Row]:
    """Forward, and forward with backward.

    Backward means the gradients of input, weights and bias; in a network's first layer
    (one or three channels) nobody asks for the input's, so its rows leave that out.
    """
    by_pass = {case.operation.removeprefix("conv2d_"): case for case in cases}
    forward = by_pass["forward"]
    passes = ["forward", "backward_weight", "backward_input"]
    if _is_first_layer(forward):
        passes.remove("backward_input")

    def data() -> Arrays:
        x, w, bias = _draw(forward).inputs
        return {"x": x, "w": w, "bias": bias, "dy": _draw(by_pass["backward_weight"]).inputs[0]}

    def row(suffix: str, chosen: list[str]) -> Row:
        work = {"kind": "conv2d", "strides": forward.strides, "padding": forward.padding}
        work["groups"] = forward.groups
        return Row(
            f"{forward.name} {suffix}",
            {**work, "passes": chosen},
            data,
            _conv_goals(forward, len(chosen) > 1),
            flops=sum(by_pass[p].flops() for p in chosen),
            without=("numpy", "numpy-best") if forward.groups > 1 else (),
        )

    backward = "forward+weight gradient" if _is_first_layer(forward) else "forward+backward"
    return [row("forward", passes[:1]), row(backward, passes)]


def pool_row(cases: Sequence[Pool2d]) -> Row:
    """Maximum pooling, forward with backward."""
    by_operation = {case.operation: case for case in cases}
    forward, backward = (by_operation[f"maxpool2d_{p}"] for p in ("forward", "backward"))
    work = {"pool_size": forward.pool_size, "strides": forward.strides, "padding": forward.padding}
    return Row(
        f"max-{forward.name} forward+backward",
        {"kind": "maxpool2d", **work},
        lambda: {"x": _draw(forward).inputs[0], "dy": _draw(backward).inputs[0]},
        [goals.best_peer(2), goals.hand_written(5)],
        nbytes=forward.bytes() + backward.bytes(),
    )


def kernel_rows(cases: Sequence[Case]) -> list[Row]:
    """The rows of named cases; those of one name belong together."""
    rows: list[Row] = []
    for _, same_name in groupby(cases, key=lambda case: case.name):
        group: list[Any] = list(same_name)
        if isinstance(group[0], Matmul):
            rows += map(matmul_row, group)
        elif isinstance(group[0], Conv2d):
            rows += conv_rows(group)
        elif isinstance(group[0], Pool2d):
            rows.append(pool_row(group))
    return rows


# -- recurrent networks


def sequence_row(case: Sequences) -> Row:
    """A recurrent layer; backward means the gradients of x, both kernels and the bias."""
    work = {"kind": case.cell, "backward": case.backward}
    reached = [goals.best_peer(case.ratio)]
    if case.cell == "lstm":
        reached.append(goals.hand_written(5))
    return Row(case.name, work, case.data, reached, flops=case.flops)


# -- normalization, softmax, updates


def _scaled(shape: tuple[int, ...]) -> Callable[[], Arrays]:
    """x and its output's gradient, and the factors and shifts of its last axis."""

    def data() -> Arrays:
        rng = np.random.default_rng(0)
        vectors = {name: rng.uniform(0.5, 2, shape[-1:]) for name in ("gamma", "beta")}
        images = {name: rng.standard_normal(shape) for name in ("x", "dy")}
        return {k: a.astype(np.float32) for k, a in {**images, **vectors}.items()}

    return data


def batchnorm_row(shape: tuple[int, ...]) -> Row:
    """Batch normalization and ReLU in training, with the gradients of x, gamma and beta."""
    name = f"batch norm relu N{shape[0]} {shape[1]}x{shape[2]} {shape[3]} forward+backward"
    size = 4 * 4 * math.prod(shape)  # x, y, dy and dx once each: least traffic
    reached = [goals.best_peer(2), goals.hand_written(5)]
    return Row(name, {"kind": "batchnorm"}, _scaled(shape), reached, nbytes=size)


def layernorm_row(n: int, k: int) -> Row:
    """Layer normalization of rows, with the gradients of x, gamma and beta."""
    work, size = {"kind": "layernorm"}, 4 * 4 * n * k
    name = f"layer norm {n}x{k} forward+backward"
    return Row(name, work, _scaled((n, k)), [goals.best_peer(1)], nbytes=size)


def softmax_row(n: int, k: int) -> Row:
    def data() -> Arrays:
        return {"x": np.random.default_rng(0).standard_normal((n, k), np.float32)}

    work, size = {"kind": "softmax"}, 2 * 4 * n * k
    return Row(f"softmax {n}x{k}", work, data, [goals.best_peer(1)], nbytes=size)


def update_row(name: str, shapes: Sequence[tuple[int, ...]]) -> Row:
    """A step of Adam over weights w0, w1, ... with gradients g0, g1, ..."""

    def data() -> Arrays:
        rng = np.random.default_rng(0)
        named = [(f"{kind}{i}", s) for kind in "wg" for i, s in enumerate(shapes)]
        return {key: rng.standard_normal(shape, np.float32) for key, shape in named}

    # Weights and both moments are read and written, gradients read.
    size = 7 * 4 * sum(map(math.prod, shapes))
    return Row(f"Adam over {name}", {"kind": "update"}, data, [goals.best_peer(1)], nbytes=size)


# -- networks


def images(n: int, shape: tuple[int, ...]) -> Callable[[], Arrays]:
    """Random pictures with random labels of ten classes: what they show costs no time."""

    def data() -> Arrays:
        rng = np.random.default_rng(0)
        x = rng.standard_normal((n, *shape), np.float32)
        return {"x": x, "y": rng.integers(0, 10, n).astype(np.int32)}

    return data


def points(n: int) -> Callable[[], Arrays]:
    """Points of the plane, one above the diagonal and zero below."""

    def data() -> Arrays:
        x = np.random.default_rng(0).standard_normal((n, 2), np.float32)
        return {"x": x, "y": (x[:, :1] > x[:, 1:]).astype(np.float32)}

    return data


def from_weights(network: str, data: Callable[[], Arrays]) -> Callable[[], Arrays]:
    """The data, and the weights w0, w1, ... that every contestant starts from."""

    def made() -> Arrays:
        cnnlite.set_random_seed(0)
        weights = new_model(network).get_weights()
        return data() | {f"w{i}": w for i, w in enumerate(weights)}

    return made


def training_row(
    name: str, network: str, batch: int, data: Callable[[], Arrays], ratio: float, **fields: Any
) -> Row:
    same_batch = fields.pop("same_batch", False)
    work = {"kind": "train", "network": network, "batch": batch, "same_batch": same_batch}
    reached = [goals.best_peer(ratio)]
    made = from_weights(network, data)
    return Row(f"train {name}", work, made, reached, images=batch, **fields)


# An epoch has so many batches that what is done once an epoch is little per step.
FLAT = {"without": ("torch-nhwc",)}  # no images whose channels could come last

NETWORK_ROWS = [
    training_row("LeNet-5 N64 SGD momentum", "lenet5", 64, images(64 * 64, (28, 28, 1)), 3),
    training_row(
        "LeNet-5 N64 one batch", "lenet5", 64, images(64, (28, 28, 1)), 3, same_batch=True
    ),
    training_row("MLP 784-256-128-10 N64 Adam", "mlp", 64, images(64 * 64, (784,)), 4, **FLAT),
    training_row("CNN 32-64-128-10 N128 Adam", "cnn", 128, images(128 * 4, (28, 28, 1)), 1.5),
    training_row(
        "CNN 64-128-256 BN N64 SGD",
        "cnn_bn",
        64,
        images(64 * 4, (32, 32, 3)),
        1.2,
        without=("tensorflow-epoch",),  # four steps took minutes there
    ),
    training_row("LSTM 128 28x28 N64 Adam", "lstm", 64, images(64 * 8, (28, 28)), 2, **FLAT),
    training_row("toy 2-3-1 N32 SGD", "toy", 32, points(32 * 512), 5, **FLAT),
    Row(
        "predict LeNet-5 one image",
        {"kind": "predict", "network": "lenet5", "batch": 1},
        from_weights("lenet5", images(1, (28, 28, 1))),
        [goals.best_peer(4)],
    ),
    *(
        Row(
            f"predict CNN 64-128-256 BN N{batch}",
            {"kind": "predict", "network": "cnn_bn", "batch": batch},
            from_weights("cnn_bn", images(batch, (32, 32, 3))),
            [goals.best_peer(1)],
        )
        for batch in (1, 64)
    ),
]

# -- overhead


def _sixteen_floats() -> Arrays:
    return {"x": np.random.default_rng(0).standard_normal(16, np.float32)}


# All that a program uses that builds and trains a model; `import cnnlite` loads it lazily.
EVERYTHING = "import cnnlite; cnnlite.Sequential; cnnlite.layers; cnnlite.applications"

OVERHEAD_ROWS = [
    Row(
        "relu of 16 floats, eager",
        {"kind": "eager"},
        _sixteen_floats,
        [goals.time(5e-6, "5 us")],
        uses_threads=False,
    ),
    Row(
        "relu of 16 floats, in a plan",
        {"kind": "plan"},
        _sixteen_floats,
        [goals.time(1e-6, "1 us")],
        uses_threads=False,
    ),
    Row(
        "import beyond NumPy",
        {"kind": "import", "cnnlite": "import cnnlite"},
        dict,
        [goals.time(0.06, "60 ms")],
        uses_threads=False,
    ),
    Row(
        "import beyond NumPy, all modules",
        {"kind": "import", "cnnlite": EVERYTHING},
        dict,
        [goals.time(0.06, "60 ms")],
        uses_threads=False,
    ),
]

LENET5 = [
    *((5, 5, 1, 6), (6,), (5, 5, 6, 16), (16,)),
    *((400, 120), (120,), (120, 84), (84,), (84, 10), (10,)),
]

ROWS: list[Row] = [
    *kernel_rows(BENCHMARKS),
    *map(sequence_row, SEQUENCES),
    batchnorm_row((64, 32, 32, 64)),
    layernorm_row(4096, 768),
    softmax_row(4096, 1000),
    update_row("10 million weights", [(10_000_000,)]),
    update_row("LeNet-5", LENET5),
    *NETWORK_ROWS,
    *OVERHEAD_ROWS,
]
