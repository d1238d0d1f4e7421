"""Reader of IDX files, the format that MNIST and its relatives come in.

An IDX file is a header and then the elements in C order, all big-endian::

    bytes 0-1    0
    byte  2      type: 08 uint8, 09 int8, 0B int16, 0C int32, 0D float32, 0E float64
    byte  3      D, the number of dimensions
    D x 4 bytes  the dimensions, uint32
    the rest     the elements

The header is not to be trusted: its sizes are checked against the length of
the file before anything of that size is allocated.

Source: Y. LeCun, C. Cortes and C. Burges, "The MNIST database of handwritten
digits", section "The IDX file format".
"""

from __future__ import annotations

import contextlib
import gzip
import io
import math
import os
import stat
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnlite.errors import DataNotFoundError, FileFormatError

__all__ = ["ImagesAndLabels", "read_idx", "read_images_and_labels"]

ImagesAndLabels = tuple[NDArray[np.uint8], NDArray[np.uint8]]

_DTYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype(np.uint8),
    0x09: np.dtype(np.int8),
    0x0B: np.dtype(np.int16),
    0x0C: np.dtype(np.int32),
    0x0D: np.dtype(np.float32),
    0x0E: np.dtype(np.float64),
}
_GZIP_MAGIC = b"\x1f\x8b"
# Deflate's shortest code for its longest match: 258 bytes in 2 bits.
_GZIP_MAX_RATIO = 1032
_MAX_RANK = 32  # NumPy 1's limit, the least of those we run on
_CHUNK = 1 << 18  # bytes read at once
_AGAIN = "Copy or download the file again."


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read one IDX file, plain or compressed with gzip.

    Whether it is compressed is told by its first bytes, not by its name.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    array : ndarray
        New, writable and C-contiguous, of the file's shape and of dtype uint8,
        int8, int16, int32, float32 or float64 in native byte order.

    Raises
    ------
    DataNotFoundError
        There is no such file.
    FileFormatError
        The file is not IDX, is cut short, too long or damaged, or its header
        declares sizes that do not fit its length; or ``path`` is a directory.

    Notes
    -----
    Memory: the array and about 1 MiB. A plain file must be exactly as long as
    its header says before the array is allocated. A gzip file must be long
    enough for gzip's largest ratio, 1032:1, to reach the declared size, and no
    more than that size and one byte is decompressed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name, "three-idx1-ubyte")
    >>> size = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9]))
    >>> read_idx(path)
    array([7, 8, 9], dtype=uint8)
    >>> folder.cleanup()
    """
    where = f"read_idx: {os.fspath(path)!r}"
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(_open(path, where))
        length = os.fstat(file.fileno()).st_size
        compressed = file.read(2) == _GZIP_MAGIC
        file.seek(0)
        stream: io.BufferedIOBase = file
        if compressed:
            stream = stack.enter_context(gzip.GzipFile(fileobj=file))
        return _read_stream(stream, length, compressed, where)


def read_images_and_labels(
    images_path: str | os.PathLike[str],
    labels_path: str | os.PathLike[str],
    *,
    classes: int = 10,
) -> ImagesAndLabels:
    """Read a file of images and the file of their labels.

    Parameters
    ----------
    images_path : str or path-like
        IDX file of shape ``(N, H, W)``, uint8.
    labels_path : str or path-like
        IDX file of shape ``(N,)``, uint8, each label below ``classes``.
    classes : int
        Number of classes.

    Returns
    -------
    images : (N, H, W) uint8
    labels : (N,) uint8
        Both new and writable.

    Raises
    ------
    DataNotFoundError
        One of the files is missing.
    FileFormatError
        A file is damaged (see :func:`read_idx`), or the two do not fit.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> images_path = pathlib.Path(folder.name, "images")
    >>> labels_path = pathlib.Path(folder.name, "labels")
    >>> header = bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2])
    >>> size = images_path.write_bytes(header + bytes([10, 20, 30, 40]))
    >>> size = labels_path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 1, 5]))
    >>> images, labels = read_images_and_labels(images_path, labels_path)
    >>> images.shape, labels
    ((1, 2, 2), array([5], dtype=uint8))
    >>> folder.cleanup()
    """
    images = _read_uint8(images_path, rank=3, what="images (N, H, W)")
    labels = _read_uint8(labels_path, rank=1, what="labels (N,)")
    where = f"read_images_and_labels: {os.fspath(labels_path)!r}"
    if len(images) != len(labels):
        raise FileFormatError(
            f"{where} holds {len(labels)} labels but {os.fspath(images_path)!r} holds "
            f"{len(images)} images. Pass the two files of one set."
        )
    largest = int(labels.max(initial=0))
    if largest >= classes:
        raise FileFormatError(
            f"{where} holds a label that is no class. Expected labels 0 to {classes - 1}, "
            f"got {largest}. Pass the labels of this set, or copy the file again."
        )
    return images, labels


def _read_uint8(path: str | os.PathLike[str], *, rank: int, what: str) -> NDArray[np.uint8]:
    array = read_idx(path)
    if array.ndim != rank or array.dtype != np.uint8:
        raise FileFormatError(
            f"read_images_and_labels: {os.fspath(path)!r} does not hold {what} of uint8. "
            f"Got shape {array.shape} of {array.dtype}. Are the two files swapped?"
        )
    return array


def _open(path: str | os.PathLike[str], where: str) -> io.BufferedReader:
    try:
        # Before opening: to open a pipe would block, and its length means nothing.
        mode = Path(path).stat().st_mode
        if not stat.S_ISREG(mode):
            kind = "a directory" if stat.S_ISDIR(mode) else "not a regular file"
            raise FileFormatError(f"{where} is {kind}. Pass the path of one IDX file.")
        return Path(path).open("rb")
    except (FileNotFoundError, NotADirectoryError):
        raise DataNotFoundError(f"{where}: there is no such file. Check the path.") from None


def _read_stream(
    stream: io.BufferedIOBase, length: int, compressed: bool, where: str
) -> NDArray[Any]:
    """Read the array from ``stream``, whose file is ``length`` bytes long."""
    dtype, shape = _read_header(stream, where)
    header_size = 4 + 4 * len(shape)
    size = header_size + math.prod(shape) * dtype.itemsize
    # NumPy refuses a shape by its product without the zeros.
    addressed = math.prod(n for n in shape if n) * dtype.itemsize
    expected = f"Expected {size} bytes ({header_size} of header, then shape {shape} of {dtype})"
    if not compressed and size != length:
        fault = "is cut short" if length < size else "is too long"
        raise FileFormatError(f"{where} {fault}. {expected}, got {length}. {_AGAIN}")
    if compressed and size > length * _GZIP_MAX_RATIO:
        raise FileFormatError(
            f"{where} declares more than it can hold. {expected} after decompression, got "
            f"a gzip file of {length} bytes, which holds at most {length * _GZIP_MAX_RATIO}. "
            f"{_AGAIN}"
        )
    if addressed > np.iinfo(np.intp).max:
        raise FileFormatError(
            f"{where} declares a shape too large for any array. Got shape {shape} of "
            f"{dtype}. {_AGAIN}"
        )

    array = np.empty(shape, dtype)
    _read_exactly(stream, array.reshape(-1).view(np.uint8).data, header_size, expected, where)
    # Past the last element there must be the end. Reaching it also makes gzip
    # compare its checksum.
    count, damage = _fill(stream, memoryview(bytearray(1)))
    if count:
        raise FileFormatError(f"{where} is too long. {expected}, got more. {_AGAIN}")
    if damage:
        raise FileFormatError(f"{where} {damage}. {expected}, got {size}. {_AGAIN}")
    if sys.byteorder == "little":
        array.byteswap(inplace=True)
    return array


def _read_header(stream: io.BufferedIOBase, where: str) -> tuple[np.dtype[Any], tuple[int, ...]]:
    magic = bytearray(4)
    _read_exactly(stream, memoryview(magic), 0, "Expected at least 4 bytes of header", where)
    zeros, code, rank = struct.unpack(">HBB", magic)
    if zeros != 0 or code not in _DTYPES or rank > _MAX_RANK:
        raise FileFormatError(
            f"{where} is not an IDX file. Expected it to begin with 00 00, a type "
            f"(08, 09, 0b, 0c, 0d or 0e) and a number of dimensions up to {_MAX_RANK}, "
            f"got {magic.hex(' ')}. Pass the path of an IDX file."
        )
    dims = bytearray(4 * rank)
    expected = f"Expected at least {4 + len(dims)} bytes of header"
    _read_exactly(stream, memoryview(dims), 4, expected, where)
    return _DTYPES[code], struct.unpack(f">{rank}I", dims)


def _read_exactly(
    stream: io.BufferedIOBase, target: memoryview, before: int, expected: str, where: str
) -> None:
    """Fill ``target``, which begins ``before`` bytes into the stream, or raise."""
    count, damage = _fill(stream, target)
    if count < len(target):
        fault = damage or "is cut short"
        raise FileFormatError(f"{where} {fault}. {expected}, got {before + count}. {_AGAIN}")


def _fill(stream: io.BufferedIOBase, target: memoryview) -> tuple[int, str]:
    """Read into ``target`` until it is full, the stream ends or proves damaged.

    Returns the number of bytes read and what is wrong with the stream, or "".
    """
    count = 0
    while count < len(target):
        try:
            # readinto1 hands over what came before the damage; readinto loses it.
            got = stream.readinto1(target[count : count + _CHUNK])
        except EOFError:
            return count, "is a gzip file that is cut short"
        except (gzip.BadGzipFile, zlib.error) as error:
            return count, f"is a damaged gzip file ({error})"
        if got == 0:
            break
        count += got
    return count, ""
