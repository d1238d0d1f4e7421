"""What layers over sequences and images share: arguments, sizes, sequences as images.

A sequence (N, T, C) is an image (N, 1, T, C) of one row, so layers over both share their
operations; ``rank`` is 1 or 2, the number of axes that a window moves along.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from cnnlite import ops
from cnnlite.errors import ShapeError
from cnnlite.layers.base import Layer, check_rank
from cnnlite.layers.symbolic import Shape
from cnnlite.ops.core import Tensor
from cnnlite.shapes import Pads, Pair, window_output, window_pads

MEANINGS = {1: "(batch, steps, channels)", 2: "(batch, height, width, channels)"}
AXES = {1: ("steps",), 2: ("height", "width")}  # what a window moves along, from axis 1


def checked_padding(padding: Any, where: str, allowed: Sequence[str] = ("valid", "same")) -> str:
    """Return "valid", "same" (or "causal", where that is allowed), or raise."""
    if not isinstance(padding, str) or padding.lower() not in allowed:
        names = " or ".join(f'"{name}"' for name in allowed)
        raise ValueError(f"{where}: padding must be {names}. Got {padding!r}.")
    return padding.lower()


def checked_data_format(data_format: Any, where: str) -> str:
    """Return "channels_last", or raise: it is the layout of every layer."""
    if data_format not in (None, "channels_last"):
        raise ValueError(
            f'{where}: only data_format="channels_last", (N, H, W, C), is supported. '
            f"Got {data_format!r}. Move the channels: x.transpose(0, 2, 3, 1)."
        )
    return "channels_last"


def spatial_sizes(input_shape: Shape, rank: int, layer: Layer) -> tuple[int | None, ...]:
    """Return (T,) or (H, W) of a layer's input, None where unknown; raise on another rank."""
    check_rank(input_shape, rank + 2, layer, MEANINGS[rank])
    return tuple(input_shape[1:-1])


def as_pair(values: Sequence[Any], first: Any = 1) -> tuple[Any, Any]:
    """Return what belongs to one or two axes as that of an image's two.

    Examples
    --------
    >>> as_pair((3,)), as_pair((3, 2))
    ((1, 3), (3, 2))
    """
    return (first, values[0]) if len(values) == 1 else (values[0], values[1])


def as_images(x: Tensor) -> Tensor:
    """Return (N, T, C) as (N, 1, T, C), sharing its memory; images as they are."""
    return ops.reshape(x, (x.shape[0], 1, *x.shape[1:])) if x.ndim == 3 else x


def as_rank(y: Tensor, rank: int) -> Tensor:
    """Return images as what they were made from: (N, 1, T, C) as (N, T, C) for rank 1."""
    return ops.reshape(y, (y.shape[0], *y.shape[2:])) if rank == 1 else y


def window_sizes(
    sizes: Sequence[int | None],
    taps: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
    padding: str,
    where: str,
) -> tuple[int | None, ...]:
    """Return the output's sizes along the axes that a window moves along; None stays None.

    Of no steps "same" and "causal" make none; "valid" raises, as of any that no window fits.
    """
    for axis, (n, k, d) in enumerate(zip(sizes, taps, dilation, strict=True), 1):
        if padding == "valid" and n is not None and n < d * (k - 1) + 1:
            raise ShapeError(
                f"{where}: a window of {tuple(taps)} with dilation {tuple(dilation)} does not "
                f"fit axis {axis}, the {AXES[len(sizes)][axis - 1]}. Got a size of {n} there. "
                'Make the window smaller or the input larger, or use padding="same".'
            )
    # An unknown size is taken to be that of one window.
    axes = zip(sizes, taps, dilation, strict=True)
    known = [d * (k - 1) + 1 if n is None else n for n, k, d in axes]
    geometry = (as_pair(taps), as_pair(strides), as_pair(dilation))
    pads = pads_of(padding, as_pair(known), *geometry, where)
    out: tuple[int, ...] = window_output(as_pair(known), *geometry, pads, where)
    out = out[2 - len(known) :]
    return tuple(None if n is None else o for n, o in zip(sizes, out, strict=True))


def pads_of(
    padding: str, size: Sequence[int], taps: Pair, strides: Pair, dilation: Pair, where: str
) -> Pads:
    """Return the zeros around an image; "causal" puts all of them before a sequence's start."""
    if padding == "causal":
        return (0, 0), (dilation[1] * (taps[1] - 1), 0)
    return window_pads(padding, size, taps, strides, dilation, where)


def known_product(*values: int | None) -> int:
    """Return the product of sizes; 0 where one is unknown."""
    known = [n for n in values if n is not None]
    return math.prod(known) if len(known) == len(values) else 0


def checked_channels(input_shape: Shape, layer: Layer, built_for: int | None) -> int:
    """Return the number of channels of a layer's input; raise unless it is the built one."""
    channels = input_shape[-1]
    if channels is None or channels < 1:
        raise ShapeError(
            f"{layer.name}: the number of channels must be known and positive. "
            f"Got shape {tuple(input_shape)}."
        )
    if built_for not in (None, channels):
        raise ShapeError(
            f"{layer.name}: built for {built_for} channels. Got shape {tuple(input_shape)}."
        )
    return channels
