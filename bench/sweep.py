"""``python -m bench sweep``: GFLOP/s over random shapes, to find those that fall behind.

cnnlite alone, in this process: the yardstick is the FMA peak, probed again every few shapes.
A share may pass 100%: Winograd's convolution needs fewer products than are counted.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from bench.case import Case
from bench.contestants import machine
from bench.job import Job, sample, turn, warm_up
from bench.products import Matmul
from bench.windows import Conv2d
from cnnlite.config import checked_thread_count, cpu_limits
from cnnlite.kernels import native, threads
from cnnlite.kernels.native import dispatch
from cnnlite.optional import require

SIDES = (4, 5, 7, 8, 11, 14, 16, 23, 28, 32, 45, 56, 64, 97, 112)
CHANNELS = (1, 3, 6, 8, 16, 17, 24, 32, 33, 48, 50, 64, 96, 100, 128, 192, 256, 384, 512)
IMAGES = (1, 1, 2, 8, 16, 32, 64, 128)
KERNELS = (1, 3, 3, 3, 5, 7)
PRODUCTS = (1, 8, 17, 33, 50, 64, 100, 128, 256, 333, 512, 784, 1000, 1024)
LEAST_FLOPS, MOST_FLOPS = 1e6, 2e9  # less is mostly the call's cost, more takes too long
PASSES = ("conv2d_forward", "conv2d_backward_input", "conv2d_backward_weight")
PROBE_EVERY = 10
SECONDS = 0.02  # of a measurement


def kind(case: Case) -> str:
    """Return the class of shapes that a case belongs to, as the figure shows them."""
    if isinstance(case, Matmul):
        return "product"
    assert isinstance(case, Conv2d)
    if min(case.c, case.f) < 16:
        return "fewer than 16 channels"
    if case.kernel == (1, 1):
        return "1 x 1"
    return "3 x 3, stride 1" if case.kernel == (3, 3) and case.strides == (1, 1) else "other"


def describe(case: Case) -> str:
    """Return a line that names a case by its sizes."""
    if isinstance(case, Matmul):
        return f"matmul {case.m} x {case.k} x {case.n}"
    assert isinstance(case, Conv2d)
    size, taps = "x".join(map(str, case.size)), "x".join(map(str, case.kernel))
    stride = f" stride {case.strides[0]}" if case.strides != (1, 1) else ""
    name = case.operation.removeprefix("conv2d_").replace("_", " ")
    return f"conv {taps}{stride} N{case.n} {size} {case.c}->{case.f} {name}"


def shapes(count: int, seed: int) -> Iterator[Case]:
    """Yield so many random cases: a quarter products, the rest passes of convolutions."""
    rng = np.random.default_rng(seed)

    def pick(options: Sequence[Any]) -> Any:
        return options[int(rng.integers(len(options)))]

    while count:
        case: Case
        if rng.random() < 0.25:
            case = Matmul(m=pick(PRODUCTS), n=pick(PRODUCTS), k=pick(PRODUCTS))
        else:
            taps, stride = pick(KERNELS), pick((1, 1, 1, 2))
            before = taps // 2
            case = Conv2d(
                operation=pick(PASSES),
                n=pick(IMAGES),
                size=(pick(SIDES),) * 2,
                c=pick(CHANNELS),
                f=pick(CHANNELS),
                kernel=(taps, taps),
                strides=(stride, stride),
                padding=((before, before), (before, before)),
            )
        if LEAST_FLOPS <= case.flops() <= MOST_FLOPS:
            count -= 1
            yield case


@dataclass(frozen=True)
class Point:
    """One measured shape; ``rate`` and ``peak`` in FLOP/s."""

    case: Case
    rate: float
    peak: float

    @property
    def share(self) -> float:
        return self.rate / self.peak

    def __str__(self) -> str:
        return f"{describe(self.case):52} {self.rate / 1e9:7.1f} GFLOP/s  {self.share:5.0%}"


def measure(case: Case) -> float:
    """Return the FLOP/s of a case's kernel: the median of a few samples."""
    arguments = case.arguments(np.random.default_rng(0), np.dtype(np.float32))
    kernel = native.KERNELS[case.operation]
    job = Job(lambda: kernel(*arguments.outputs, *arguments.inputs, **arguments.params))
    runs = warm_up(job, SECONDS / 4)
    return case.flops() / median(turn(job, runs, SECONDS))


def peak() -> float:
    """Return the FMA peak of the threads and the SIMD level in use, in FLOP/s."""
    job = machine.prepare({"kind": "fma", "level": dispatch.level()}, {})
    return 1 / min(sample(job, 1) for _ in range(9))


def sweep(cases: Sequence[Case]) -> Iterator[Point]:
    """Measure every case, and the machine's peak in between."""
    limit = 0.0
    for i, case in enumerate(cases):
        if i % PROBE_EVERY == 0:
            limit = peak()
        yield Point(case, measure(case), limit)


def draw(points: Sequence[Point], title: str) -> Any:
    """Draw the share of the peak over the size of the work; return the figure."""
    figure = require("matplotlib.figure", "plot", "bench sweep")
    ax = figure.Figure(figsize=(9, 5.5), layout="constrained").subplots()
    for name in sorted({kind(p.case) for p in points}):
        some = [p for p in points if kind(p.case) == name]
        ax.scatter(
            [p.case.flops() for p in some], [100 * p.share for p in some], s=18, alpha=0.7,
            label=name, linewidths=0,
        )  # fmt: skip
    ax.axhline(100, color="0.4", linewidth=1)
    ax.set(xscale="log", xlabel="FLOP of a call", ylabel="% of the FMA peak", title=title)
    ax.set_ylim(bottom=0)
    ax.grid(alpha=0.3)
    ax.legend()
    return ax.figure


def main(argv: list[str]) -> int:
    """Run ``python -m bench sweep``; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench sweep", description=__doc__)
    add = parser.add_argument
    add("--shapes", type=int, default=300, metavar="N")
    add("--seed", type=int, default=0)
    add("--threads", type=int, default=min(cpu_limits().values()), metavar="N")
    add("--worst", type=int, default=10, metavar="N", help="how many shapes to name")
    add("--figure", type=Path, default=Path("bench-sweep.png"), metavar="FILE")
    add("--json", type=Path, default=Path("bench-sweep.json"), metavar="FILE")
    arguments = parser.parse_args(argv)
    if min(arguments.shapes, arguments.worst) < 1:
        parser.error("--shapes and --worst must be at least 1.")
    try:
        checked_thread_count(arguments.threads, "--threads")
        require("matplotlib.figure", "plot", "bench sweep")
    except (ValueError, ImportError) as error:
        parser.error(str(error))

    points = []
    with threads.threads(arguments.threads):
        for point in sweep(list(shapes(arguments.shapes, arguments.seed))):
            points.append(point)
            print(f"{len(points):4} {point}", flush=True)
    points.sort(key=lambda p: p.share)
    print(f"\nThe worst {min(arguments.worst, len(points))}:")
    for point in points[: arguments.worst]:
        print(point)
    middle = median(p.share for p in points)
    print(f"\nMedian {middle:.0%} of the FMA peak, {arguments.threads} thread(s).")
    title = f"{len(points)} random shapes, {arguments.threads} thread(s)"
    draw(points, title).savefig(arguments.figure, dpi=120)
    found = [{"case": describe(p.case), "rate": p.rate, "peak": p.peak} for p in points]
    arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    print(f"Wrote {arguments.figure} and {arguments.json}.")
    return 0
