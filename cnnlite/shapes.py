"""Arithmetic of shapes: pairs, padding, output sizes of windows.

Output size of a window of ``k`` taps, dilation ``d`` and stride ``s`` over an
extent ``n`` with ``p`` zeros in all: ``floor((n + p - d (k - 1) - 1) / s) + 1``.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from cnnlite.errors import ShapeError

__all__ = [
    "Pads",
    "Pair",
    "broadcast_shape",
    "is_int",
    "normalize_axes",
    "normalize_axis",
    "pair",
    "sizes",
    "transposed_window",
    "window_output",
    "window_pads",
]

Pair = tuple[int, int]
Pads = tuple[Pair, Pair]


def is_int(value: Any) -> bool:
    """Return whether ``value`` is a whole number, of Python or NumPy; True and False are none."""
    if isinstance(value, bool):
        return False
    try:
        operator.index(value)
    except TypeError:
        return False
    return True


def pair(value: Any, where: str, *, minimum: int = 1) -> Pair:
    """Return an int or a pair of ints as a pair.

    Raises
    ------
    ShapeError
        If it is neither, or an entry is less than ``minimum``.

    Examples
    --------
    >>> pair(2, "strides")
    (2, 2)
    """
    both = (value, value) if is_int(value) else value
    if not isinstance(both, list | tuple) or len(both) != 2 or not all(map(is_int, both)):
        raise ShapeError(f"{where}: not an integer or a pair of them. Got {value!r}.")
    first, second = int(both[0]), int(both[1])
    if min(first, second) < minimum:
        raise ShapeError(f"{where}: must be at least {minimum}. Got {value!r}.")
    return first, second


def sizes(value: Any, count: int, where: str, *, minimum: int = 1) -> tuple[int, ...]:
    """Return an int, or ``count`` ints, as a tuple of ``count``.

    Raises
    ------
    ShapeError
        If it is neither, or an entry is less than ``minimum``.

    Examples
    --------
    >>> sizes(3, 1, "strides"), sizes([3], 1, "strides"), sizes(3, 2, "strides")
    ((3,), (3,), (3, 3))
    """
    if count == 2:
        return pair(value, where, minimum=minimum)
    alone = value[0] if isinstance(value, list | tuple) and len(value) == 1 else value
    if not is_int(alone):
        raise ShapeError(f"{where}: not an integer or a tuple of one. Got {value!r}.")
    if alone < minimum:
        raise ShapeError(f"{where}: must be at least {minimum}. Got {value!r}.")
    return (int(alone),)


def window_pads(
    padding: Any, size: Sequence[int], taps: Pair, strides: Pair, dilation: Pair, where: str
) -> Pads:
    """Return the zeros around an image as ((top, bottom), (left, right)).

    ``padding`` is "valid" (none), "same" (output ``ceil(n / s)``: in all
    ``max((ceil(n / s) - 1) s + d (k - 1) + 1 - n, 0)``, the odd one after), one
    int, or explicit ``((top, bottom), (left, right))``.

    Examples
    --------
    >>> window_pads("same", (28, 28), (5, 5), (1, 1), (1, 1), "conv2d: padding")
    ((2, 2), (2, 2))
    >>> window_pads("same", (5, 5), (2, 2), (2, 2), (1, 1), "maxpool2d: padding")
    ((0, 1), (0, 1))
    """
    if isinstance(padding, str):
        name = padding.lower()
        if name == "valid":
            return (0, 0), (0, 0)
        if name == "same":
            totals = [
                max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
                for n, k, s, d in zip(size, taps, strides, dilation, strict=True)
            ]
            return (totals[0] // 2, -(-totals[0] // 2)), (totals[1] // 2, -(-totals[1] // 2))
    elif is_int(padding):
        rows = columns = pair(padding, where, minimum=0)
        return rows, columns
    elif isinstance(padding, list | tuple) and len(padding) == 2:
        rows, columns = (pair(p, where, minimum=0) for p in padding)
        return rows, columns
    raise ShapeError(
        f"{where}: unknown padding. Got {padding!r}. "
        'Use "valid", "same", an integer, or ((top, bottom), (left, right)).'
    )


def window_output(
    size: Sequence[int], taps: Pair, strides: Pair, dilation: Pair, pads: Pads, where: str
) -> Pair:
    """Return (OH, OW); an extent of 0 may give 0, as "same" padding does.

    Raises
    ------
    ShapeError
        If the window is larger than the padded image.

    Examples
    --------
    >>> window_output((28, 28), (5, 5), (1, 1), (1, 1), ((0, 0), (0, 0)), "conv2d")
    (24, 24)
    >>> window_output((28, 0), (5, 5), (1, 1), (1, 1), ((2, 2), (2, 2)), "conv2d")
    (28, 0)
    """
    out = [
        (n + sum(p) - d * (k - 1) - 1) // s + 1
        for n, k, s, d, p in zip(size, taps, strides, dilation, pads, strict=True)
    ]
    if any(o < min(n, 1) for o, n in zip(out, size, strict=True)):
        raise ShapeError(
            f"{where}: a window of {taps} with dilation {dilation} does not fit an image of "
            f"{tuple(size)} with padding {pads}. Use a smaller window, more padding or a "
            f"larger image."
        )
    return out[0], out[1]


def transposed_window(
    extent: int,
    taps: int,
    stride: int,
    dilation: int,
    padding: str,
    output_padding: int | None,
    where: str,
) -> tuple[int, Pair]:
    """Return the size of a transposed convolution along one axis, and its padding.

    It is the gradient of a convolution of the output to the input, with that padding; an
    extent of 0 gives 0.  With ``k = dilation (taps - 1) + 1``:

    - "valid": size ``(n - 1) s + k + p``; the output padding p is ``max(s - k, 0)`` by
      default; no padding.
    - "same": size ``n s``, the padding ``max(k - s, 0)``, the odd one after, as a
      convolution's; with an output padding, size ``(n - 1) s + k % 2 + p``, and
      ``k - 1 - min(ceil((k + k % 2 - 2 + p) / 2), k - 1)`` before.

    (This is Keras's rule on TensorFlow and JAX; on PyTorch it may pad the other side.)

    Examples
    --------
    >>> transposed_window(4, 3, 2, 1, "valid", None, "conv2d_transpose")
    (9, (0, 0))
    >>> transposed_window(4, 3, 2, 1, "same", None, "conv2d_transpose")
    (8, (0, 1))
    """
    k = dilation * (taps - 1) + 1
    if padding == "valid":
        before = 0
        size = (
            (extent - 1) * stride
            + k
            + (max(stride - k, 0) if output_padding is None else output_padding)
        )
    else:
        if output_padding is None:
            size, total = extent * stride, stride + k - 2
        else:
            size = (extent - 1) * stride + k % 2 + output_padding
            total = k + k % 2 - 2 + output_padding
        before = k - 1 - min(-(-total // 2), k - 1)
    if extent == 0:
        return 0, (k - 1, 0)  # as many zeros as leave no window
    if size < 1:
        raise ShapeError(
            f"{where}: the output would have no elements. Got an extent of {extent}, "
            f"kernel {taps}, stride {stride}, output_padding {output_padding}."
        )
    # What is left after the last window is no padding but not covered by any.
    return size, (before, max((extent - 1) * stride + k - before - size, 0))


def normalize_axis(axis: int, ndim: int, where: str) -> int:
    """Return ``axis`` counted from the front.

    Examples
    --------
    >>> normalize_axis(-1, 4, "concatenate")
    3
    """
    if not is_int(axis) or not -ndim <= axis < ndim:
        raise ShapeError(f"{where}: no such axis. Got {axis!r} for {ndim} dimensions.")
    return int(axis) % ndim


def normalize_axes(axis: Any, ndim: int, where: str) -> tuple[int, ...]:
    """Return one axis, a sequence of them or None (all) as ascending axes from the front.

    Examples
    --------
    >>> normalize_axes((-1, 0), 3, "sum")
    (0, 2)
    >>> normalize_axes(None, 3, "sum")
    (0, 1, 2)
    """
    if axis is None:
        return tuple(range(ndim))
    axes = [axis] if is_int(axis) or not isinstance(axis, Sequence) else axis
    found = sorted(normalize_axis(a, ndim, f"{where}: axis") for a in axes)
    if len(set(found)) < len(found):
        raise ShapeError(f"{where}: axis names an axis twice. Got {axis!r} for {ndim} dimensions.")
    return tuple(found)


def broadcast_shape(a: Sequence[Any], b: Sequence[Any], where: str) -> tuple:
    """Return the shape that two shapes broadcast to: sizes are equal, or one of them is 1.

    A size may be None, unknown: it stands for any but 1.

    Examples
    --------
    >>> broadcast_shape((4, 1, 3), (5, 1), "add")
    (4, 5, 3)
    >>> broadcast_shape((None, 3), (1, 3), "add")
    (None, 3)
    """
    shape = [*a[: max(len(a) - len(b), 0)], *b[: max(len(b) - len(a), 0)]]
    common = min(len(a), len(b))
    for m, n in zip(a[len(a) - common :], b[len(b) - common :], strict=True):
        if m == n or n == 1:
            shape.append(m)
        elif m == 1 or m is None:
            shape.append(n)
        elif n is None:
            shape.append(m)
        else:
            raise ShapeError(
                f"{where}: the shapes do not broadcast, {m} against {n}. "
                f"Got {tuple(a)} and {tuple(b)}. Make the sizes equal, or one of them 1."
            )
    return tuple(shape)
