"""The networks side by side: what they cost, here, and what they reached, as published."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnlite import applications
from cnnlite.layers import Activation, BatchNormalization, Conv2D, Dense, Dropout, Flatten
from cnnlite.models import Model

__all__ = ["NETWORKS", "Figures", "Published", "compare", "table", "verdicts"]

# What a forward pass can do in place, so that it makes no activations of its own.
_IN_PLACE = (Activation, BatchNormalization, Dropout, Flatten)


@dataclass(frozen=True)
class Published:
    """What a network's authors and others reported.

    Attributes
    ----------
    top1 : float
        Accuracy on ImageNet in percent, one crop; the values of COURSE's table, after
        Canziani, Paszke, Culurciello 2017.
    year : int
    top5_error : float or None
        Of the entry that won (or came second in) that year's ILSVRC, in percent.
    """

    top1: float
    year: int
    top5_error: float | None = None


# Errors of ILSVRC: Russakovsky et al. 2015 (to 2014), He et al. 2015 (an ensemble).
NETWORKS = {
    "alexnet": Published(56.5, 2012, 16.4),
    "vgg16": Published(71.6, 2014),
    "vgg19": Published(72.4, 2014, 7.3),
    "googlenet": Published(69.8, 2014, 6.7),
    "resnet18": Published(69.8, 2015),
    "resnet34": Published(73.3, 2015),
    "resnet50": Published(76.1, 2015),
    "resnet101": Published(77.4, 2015),
    "resnet152": Published(78.3, 2015, 3.57),
    "inception_v4": Published(80.0, 2016),
}


@dataclass(frozen=True)
class Figures:
    """What was counted and measured of one network.

    Attributes
    ----------
    name : str
    depth : int
        Convolutions and dense layers on the longest way from image to class.
    parameters : int
        Trainable ones.
    multiply_adds : int
        Of one image.
    activation_bytes : int
        Outputs of all layers for one image in float32, those that can be computed in
        place (activations, batch normalization, dropout) not counted.
    seconds : float
        Median time to predict one image.
    published : Published
    """

    name: str
    depth: int
    parameters: int
    multiply_adds: int
    activation_bytes: int
    seconds: float
    published: Published

    @property
    def memory_bytes(self) -> int:
        """Parameters and activations."""
        return 4 * self.parameters + self.activation_bytes


def activation_bytes(model: Model) -> int:
    """Return the size of what a forward pass of one image makes, in bytes."""
    made = [n for n in model.graph.nodes if not isinstance(n.layer, _IN_PLACE)]
    return 4 * sum(math.prod(n or 1 for n in t.shape[1:]) for node in made for t in node.outputs)


def depth(model: Model) -> int:
    """Return the number of convolutions and dense layers on the longest way through."""
    reached: dict[int, int] = {}
    for node in model.graph.nodes:
        before = max((reached.get(id(t), 0) for t in node.inputs), default=0)
        counts = isinstance(node.layer, Conv2D | Dense)
        reached |= {id(t): before + counts for t in node.outputs}
    return max(reached[id(t)] for t in model.outputs)


def measure(name: str, repeats: int = 5) -> Figures:
    """Build a network with random weights; count it, and time it on one image."""
    model: Model = getattr(applications, name)()
    image = np.random.default_rng(0).normal(size=(1, *model.input_shape[1:])).astype("float32")
    model.predict_on_batch(image)  # records the plan
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        model.predict_on_batch(image)
        times.append(time.perf_counter() - start)
    return Figures(
        name,
        depth(model),
        sum(w.value.size for w in model.trainable_weights),
        model.multiply_adds,
        activation_bytes(model),
        statistics.median(times),
        NETWORKS[name],
    )


def compare(names: Sequence[str] = tuple(NETWORKS), repeats: int = 5) -> Iterator[Figures]:
    """Measure networks one after the other, yielding each as it is done.

    Raises
    ------
    ValueError
        If a name is none of the networks.
    """
    for name in names:
        if name not in NETWORKS:
            raise ValueError(f"no network {name!r} to compare. Choose from {', '.join(NETWORKS)}.")
    for name in names:
        yield measure(name, repeats)


HEADER = (
    "network", "depth", "parameters", "multiply-adds",
    "activations", "memory", "inference", "top-1*",
)  # fmt: skip


def row(f: Figures) -> tuple[str, ...]:
    """Return one line of the table, by the columns of ``HEADER``."""
    return (
        f.name,
        f"{f.depth}",
        f"{f.parameters:,}",
        f"{f.multiply_adds / 1e9:.2f} G",
        f"{f.activation_bytes / 2**20:.1f} MiB",
        f"{f.memory_bytes / 2**20:.0f} MiB",
        f"{f.seconds * 1e3:.1f} ms",
        f"{f.published.top1:.1f} %",
    )


def table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Yield lines of text with aligned columns, the header first."""
    lines = [HEADER, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADER))]
    for line in lines:
        first, *rest = zip(line, widths, strict=True)
        yield "  ".join([first[0].ljust(first[1]), *(t.rjust(w) for t, w in rest)])


def verdicts(figures: Sequence[Figures]) -> list[tuple[str, bool]]:
    """Return the four verdicts of Canziani et al. 2017, and whether these figures bear them out.

    Needs all networks of ``NETWORKS``.
    """
    by_name = {f.name: f for f in figures}
    vgg = [f for f in figures if f.name.startswith("vgg")]
    resnets = [f for f in figures if f.name.startswith("resnet")]
    others = [f for f in figures if f not in vgg]
    alexnet, googlenet = by_name["alexnet"], by_name["googlenet"]

    def most(key: Callable[[Figures], Any]) -> bool:
        return min(map(key, vgg)) > max(map(key, others))

    def density(f: Figures) -> float:
        return f.published.top1 / f.parameters

    good = [f for f in figures if f.published.top1 > 65]
    return [
        (
            "VGG needs the most memory and the most operations",
            most(lambda f: f.memory_bytes) and most(lambda f: f.multiply_adds),
        ),
        (
            "GoogLeNet is very efficient: the most accuracy per parameter, and the fewest "
            "operations of all above 65 %",
            googlenet == max(figures, key=density)
            and googlenet == min(good, key=lambda f: f.multiply_adds),
        ),
        (
            "AlexNet has the fewest operations, but more parameters than all but VGG, and the "
            "lowest accuracy",
            alexnet == min(figures, key=lambda f: f.multiply_adds)
            and alexnet == max(others, key=lambda f: f.parameters)
            and alexnet == min(figures, key=lambda f: f.published.top1),
        ),
        (
            "ResNet is of moderate efficiency (per parameter between GoogLeNet and VGG), and from "
            "50 layers on more accurate than both, with fewer operations than VGG",
            all(density(vgg[0]) < density(f) < density(googlenet) for f in resnets)
            and all(
                f.published.top1 > max(v.published.top1 for v in [*vgg, googlenet])
                and f.multiply_adds < min(v.multiply_adds for v in vgg)
                for f in resnets
                if f.depth >= 50
            ),
        ),
    ]
