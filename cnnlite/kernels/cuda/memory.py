"""Memory of the device, and copies between it and the host.

Launches and copies stand in one queue, the device's default stream, and are done in order.
So memory may serve the next operation as soon as the last one is launched, and copies wait
for nothing: the host waits in :func:`finish` alone.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numba import config, cuda

__all__ = [
    "Arrays", "address", "as_arrays", "borrowed", "copy_of", "empty", "finish", "flat", "given",
    "is_of_host", "numbers", "read", "scratch", "scratch_of_its_own", "scratch_used", "staging",
    "view", "write",
]  # fmt: skip

# Elements of a piece of one of several arrays, which a block of threads works on: 4 for each
# of 256 threads, enough to be worth the block's start, and many pieces of a small network.
PIECE = 1024


def empty(nbytes: int) -> Any:
    """Return so many bytes of the device's memory, of any content."""
    return cuda.device_array(max(nbytes, 1), np.uint8)


def view(raw: Any, start: int, shape: Sequence[int], dtype: np.dtype) -> Any:
    """Return an array in the bytes of ``raw`` from ``start`` on."""
    size = int(np.prod(shape, dtype=np.intp)) * dtype.itemsize
    if size == 0:
        return cuda.device_array(tuple(shape), dtype)
    return raw[start : start + size].view(dtype).reshape(tuple(shape))


def copy_of(array: np.ndarray) -> Any:
    """Return a copy of the host's array on the device."""
    return cuda.to_device(array)


def staging(shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
    """Return an array of the host that copies to the device quickly: pages that stay in place."""
    return cuda.pinned_array(tuple(shape), dtype)


def _queue() -> Any:
    """Return the default stream as an object, without which a copy waits for all work before."""
    return 0 if config.ENABLE_CUDASIM else cuda.default_stream()


def write(there: Any, here: np.ndarray) -> None:
    """Copy an array of the host to one of the device.

    An array of :func:`staging` must stay as it is until :func:`finish`; of another the driver
    takes a copy first.
    """
    if here.size:
        there.copy_to_device(here, stream=_queue())


def read(there: Any, here: np.ndarray) -> None:
    """Copy an array of the device to one of the host, whose values count after :func:`finish`."""
    if here.size:
        there.copy_to_host(here, stream=_queue())


def finish() -> None:
    """Wait until the device has done all work so far."""
    cuda.synchronize()


def is_of_host(value: Any) -> bool:
    """Return whether an argument is an array of the host, or a sequence of such."""
    if isinstance(value, list | tuple):
        return any(isinstance(item, np.ndarray) for item in value)
    return isinstance(value, np.ndarray)


@contextmanager
def borrowed(arguments: Sequence[Any], outputs: int) -> Iterator[list[Any]]:
    """Lend arrays of the host to the device; copy those written, the first ones, back.

    An array that stands for two arguments is lent once, so that it is one on the device too.
    """
    lent: dict[tuple[int, tuple[int, ...]], Any] = {}
    written: dict[int, tuple[np.ndarray, Any]] = {}

    def lend(value: Any, writes: bool) -> Any:
        if isinstance(value, list | tuple):
            return as_arrays([lend(item, writes) for item in value])
        if not isinstance(value, np.ndarray):
            return value
        key = (value.ctypes.data, value.shape)
        if key not in lent or not value.size:
            lent[key] = cuda.to_device(value)
        if writes:
            written[id(value)] = (value, lent[key])
        return lent[key]

    yield [lend(value, n < outputs) for n, value in enumerate(arguments)]
    for array, copy in written.values():
        if array.size:
            copy.copy_to_host(array)


# ---- what operations need for themselves


class _Scratch(threading.local):
    """Memory of a plan's operations, each of which may use all of it; None outside of plans."""

    def __init__(self) -> None:
        self.block: Any = None
        self.used = 0
        self.is_kept = False


_scratch = _Scratch()


@contextmanager
def scratch_of_its_own() -> Iterator[None]:
    """Take the scratch memory of the operations called within from one block, kept by them."""
    _scratch.is_kept = True
    try:
        yield
    finally:
        _scratch.block, _scratch.used, _scratch.is_kept = None, 0, False


@contextmanager
def scratch_used() -> Iterator[None]:
    """Free what the operation called within has taken."""
    before = _scratch.used
    try:
        yield
    finally:
        _scratch.used = before


def scratch(shape: int | tuple[int, ...], dtype: Any) -> Any:
    """Return an array of any content for the operation that runs."""
    shape, dtype = (shape,) if isinstance(shape, int) else shape, np.dtype(dtype)
    if not _scratch.is_kept:
        return cuda.device_array(shape, dtype)
    start = -(-_scratch.used // 256) * 256  # where memory that the driver gives begins, too
    stop = start + int(np.prod(shape, dtype=np.intp)) * dtype.itemsize
    if _scratch.block is None or stop > _scratch.block.nbytes:
        _scratch.block = empty(stop)  # the old one lives on in the arrays made of it
    _scratch.used = stop
    return view(_scratch.block, start, shape, dtype)


@functools.cache
def _nothing(ndim: int, dtype: np.dtype) -> Any:
    return cuda.device_array((0,) * ndim, dtype)


def given(array: Any, dtype: Any, ndim: int = 1) -> Any:
    """Return the array, or one without elements that stands for None."""
    return _nothing(ndim, np.dtype(dtype)) if array is None else array


def flat(array: Any) -> Any:
    """Return the array's elements in one dimension."""
    return array if array.ndim == 1 else array.reshape(array.size)


def address(array: Any) -> int:
    """Return where in memory an array begins."""
    if config.ENABLE_CUDASIM or isinstance(array, np.ndarray):
        return array.ctypes.data
    return array.device_ctypes_pointer.value or 0


class Arrays(list):
    """Arrays of the device that one launch works on, whatever their number and their shapes.

    A kernel finds their elements by address (``load_at`` and ``store_at`` of :mod:`.vectors`).

    Attributes
    ----------
    addresses : array of the device, (count,) int64
    pieces : array of the device, (pieces, 3) int64
        Of each piece, of at most PIECE elements: which array it is of, its first element, and
        the one after its last.
    cuts : array of the device, (count + 1,) int64
        The first piece of each array, and the number of pieces.
    """

    @functools.cached_property
    def addresses(self) -> Any:
        return cuda.to_device(np.array([address(array) for array in self], np.int64))

    @functools.cached_property
    def pieces(self) -> Any:
        rows = [
            (n, start, min(start + PIECE, array.size))
            for n, array in enumerate(self)
            for start in range(0, array.size, PIECE)
        ]
        return cuda.to_device(np.array(rows, np.int64).reshape(-1, 3))

    @functools.cached_property
    def cuts(self) -> Any:
        counts = [0, *(-(-array.size // PIECE) for array in self)]
        return cuda.to_device(np.cumsum(counts, dtype=np.int64))


def as_arrays(arrays: Sequence[Any] | None) -> Arrays | None:
    """Return arrays of the device as one thing that a kernel can take; None for none."""
    return arrays if arrays is None or isinstance(arrays, Arrays) else Arrays(arrays)


@functools.cache
def numbers(*values: int) -> Any:
    """Return an array of the device with these numbers, int64."""
    return cuda.to_device(np.array(values, np.int64))
