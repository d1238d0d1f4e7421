"""IDX files: every type round-trips, every damage is an error, none costs memory."""

from __future__ import annotations

import gzip
import os
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from cnnlite.datasets.idx import _CHUNK, read_idx, read_images_and_labels
from cnnlite.errors import DataNotFoundError, FileFormatError

CODES = {
    "uint8": 0x08,
    "int8": 0x09,
    "int16": 0x0B,
    "int32": 0x0C,
    "float32": 0x0D,
    "float64": 0x0E,
}
MIB = 1 << 20


def header(code: int, *shape: int) -> bytes:
    return struct.pack(f">HBB{len(shape)}I", 0, code, len(shape), *shape)


def idx(array: np.ndarray) -> bytes:
    """Return the IDX file of ``array``."""
    swapped = array.astype(array.dtype.newbyteorder(">"))
    return header(CODES[array.dtype.name], *array.shape) + swapped.tobytes()


def zeros_gz(prefix: bytes, zeros: int) -> bytes:
    """Return the gzip file of ``prefix`` and then zeros, made without holding them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [packer.compress(prefix)]
    parts += [packer.compress(bytes(MIB)) for _ in range(zeros // MIB)]
    return b"".join([*parts, packer.compress(bytes(zeros % MIB)), packer.flush()])


def reject(path: Path, content: bytes, pattern: str) -> None:
    """Check that the file is refused by name and that no 1 MiB is allocated for it."""
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(FileFormatError, match=pattern) as caught:
            read_idx(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert str(path) in str(caught.value)
    assert peak < MIB


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some-idx-file"


SHAPES = npst.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4)
ARRAYS = st.sampled_from(sorted(CODES)).flatmap(lambda dtype: npst.arrays(dtype, SHAPES))


@given(array=ARRAYS, compress=st.booleans())
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, array: np.ndarray, compress: bool):
    path = tmp_path_factory.getbasetemp() / "round-trip"
    path.write_bytes(gzip.compress(idx(array)) if compress else idx(array))
    result = read_idx(path)
    assert result.dtype == array.dtype
    assert result.dtype.isnative
    assert result.shape == array.shape
    assert result.tobytes() == array.tobytes()  # NaN payloads included
    assert result.flags.writeable and result.flags.c_contiguous and result.flags.owndata


@given(content=st.binary(max_size=64), compress=st.booleans())
def test_any_bytes_are_an_array_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, compress: bool
):
    path = tmp_path_factory.getbasetemp() / "any-bytes"
    path.write_bytes(gzip.compress(content) if compress else content)
    try:
        assert read_idx(path).nbytes <= len(content)
    except FileFormatError as error:
        assert "any-bytes" in str(error)


@pytest.mark.parametrize("compress", [False, True])
def test_big_endian_by_hand(path: Path, compress: bool):
    content = bytes([0, 0, 0x0B, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0x01, 0x02, 0xFF, 0xFE])
    path.write_bytes(gzip.compress(content) if compress else content)
    np.testing.assert_array_equal(read_idx(path), [[258, -2]])


@pytest.mark.parametrize("name", ["misleading.gz", "plain"])
def test_compression_is_told_by_content_not_by_name(tmp_path: Path, name: str):
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    for content in (idx(array), gzip.compress(idx(array))):
        (tmp_path / name).write_bytes(content)
        np.testing.assert_array_equal(read_idx(str(tmp_path / name)), array)


def test_gzip_of_several_members(path: Path):
    content = idx(np.arange(100, dtype=np.uint8))
    path.write_bytes(
        b"".join(gzip.compress(part) for part in (content[:5], content[5:50], content[50:]))
    )
    np.testing.assert_array_equal(read_idx(path), np.arange(100))


@pytest.mark.parametrize("count", [_CHUNK - 1, _CHUNK, _CHUNK + 1, 3 * _CHUNK])
def test_sizes_about_chunks(path: Path, count: int):
    array = np.resize(np.arange(251, dtype=np.uint8), count)
    for content in (idx(array), gzip.compress(idx(array), 1)):
        path.write_bytes(content)
        np.testing.assert_array_equal(read_idx(path), array)


def test_results_are_independent(path: Path):
    path.write_bytes(idx(np.zeros(3, np.uint8)))
    first = read_idx(path)
    first[:] = 7
    assert not read_idx(path).any()


# ---- damage


@pytest.mark.parametrize(
    ("content", "pattern"),
    [
        (b"", r"is cut short\. Expected at least 4 bytes of header, got 0"),
        (b"\x00\x00\x08", r"is cut short\. Expected at least 4 bytes of header, got 3"),
        (header(8, 5)[:7], r"is cut short\. Expected at least 8 bytes of header, got 7"),
        (header(8, 5) + bytes(4), r"is cut short\. Expected 13 bytes .*\(5,\) of uint8\), got 12"),
        (header(8, 5) + bytes(6), r"is too long\. Expected 13 bytes .*, got 14"),
        (header(8, 0, 5) + bytes(1), r"is too long\. Expected 12 bytes .*, got 13"),
        (header(0x0A, 5) + bytes(5), r"is not an IDX file.*got 00 00 0a 01"),
        (b"\x01\x00\x08\x01", r"is not an IDX file.*got 01 00 08 01"),
        (b"\x00\x01\x08\x01", r"is not an IDX file.*got 00 01 08 01"),
        (header(8, *[1] * 33) + bytes(1), r"dimensions up to 32, got 00 00 08 21"),
        (b"<html>Not found</html>", r"is not an IDX file.*got 3c 68 74 6d"),
        (b"PK\x03\x04" + bytes(20), r"is not an IDX file"),
    ],
)
def test_damage(path: Path, content: bytes, pattern: str):
    reject(path, content, pattern)


def test_every_truncation_of_a_plain_file(path: Path):
    content = idx(np.arange(12, dtype=np.int16).reshape(3, 4))
    for length in range(len(content)):
        reject(path, content[:length], f"is cut short.*got {length}")


def test_every_truncation_of_a_gzip_file(path: Path):
    content = gzip.compress(idx(np.arange(12, dtype=np.int16).reshape(3, 4)))
    for length in range(2, len(content)):
        reject(path, content[:length], "cut short")


def test_cut_gzip_file_tells_how_much_it_held(path: Path):
    noise = np.random.default_rng(0).integers(0, 256, 60000, dtype=np.uint8)  # does not compress
    reject(path, gzip.compress(idx(noise))[:30000], r"Expected 60008 bytes .*, got 2\d{4}\.")


def test_every_changed_byte_of_a_gzip_file(path: Path):
    array = np.arange(12, dtype=np.int16).reshape(3, 4)
    content = bytearray(gzip.compress(idx(array), mtime=0))
    refused = 0
    for place in range(len(content)):
        damaged = content.copy()
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        try:
            np.testing.assert_array_equal(read_idx(path), array)  # time stamp and the like
        except FileFormatError:
            refused += 1
    assert refused >= len(content) - 6  # bytes 4 to 9: time, extra flags, system


@pytest.mark.parametrize(
    ("content", "pattern"),
    [
        (gzip.compress(b""), r"is cut short.*got 0"),
        (gzip.compress(header(8, 5)[:6]), r"Expected at least 8 bytes of header, got 6"),
        (gzip.compress(header(8, 50) + bytes(49)), r"is cut short\. Expected 58 bytes .*got 57"),
        (gzip.compress(header(8, 50) + bytes(51)), r"is too long\. Expected 58 bytes .*got more"),
        (gzip.compress(header(8, 5) + bytes(5)) + b"rubbish", r"is a damaged gzip file"),
        (gzip.compress(gzip.compress(header(8, 1) + bytes(1))), r"is not an IDX file.*got 1f 8b"),
        (b"\x1f\x8b\x07" + bytes(20), r"is a damaged gzip file"),
        (b"\x1f\x8b", r"is a gzip file that is cut short"),
        (gzip.compress(header(8, 5) + bytes(5))[:-8] + bytes(8), r"damaged gzip file \(CRC"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # the bytes hold the time
)
def test_gzip_damage(path: Path, content: bytes, pattern: str):
    reject(path, content, pattern)


HUGE = 0xFFFFFFFF


@pytest.mark.parametrize(
    ("code", "shape"),
    [
        (0x08, (HUGE,)),
        (0x0E, (HUGE,)),
        (0x08, (60000, 28, 28)),
        (0x08, (HUGE, HUGE)),
        (0x0E, (HUGE, HUGE, HUGE)),
        (0x08, (1 << 31, 1 << 31, 4)),  # 2**64: zero where products wrap at 64 bits
        (0x0E, (1 << 31, 1 << 30)),  # 2**64 bytes
        (0x08, (HUGE,) * 32),
    ],
)
def test_lying_header(path: Path, code: int, shape: tuple[int, ...]):
    content = header(code, *shape) + bytes(8)
    size = 4 + 4 * len(shape) + int(np.prod(np.array(shape, object))) * (8 if code == 0x0E else 1)
    reject(path, content, rf"is cut short\. Expected {size} bytes .*got {len(content)}\b")
    reject(path, gzip.compress(content), rf"declares more than it can hold\. Expected {size} bytes")


@pytest.mark.parametrize("shape", [(0, HUGE, HUGE, HUGE), (HUGE, HUGE, 0, HUGE)])
def test_lying_header_beside_a_zero(path: Path, shape: tuple[int, ...]):
    for content in (header(8, *shape), gzip.compress(header(8, *shape))):
        reject(path, content, r"a shape too large for any array")


@pytest.mark.parametrize("shape", [(0,), (0, 28, 28), (3, 0), (0, HUGE)])
def test_zero_dimensions(path: Path, shape: tuple[int, ...]):
    path.write_bytes(header(0x0D, *shape))
    assert read_idx(path).shape == shape


def test_gzip_bomb_behind_an_honest_header(path: Path):
    reject(path, zeros_gz(header(8, 10), 200 * MIB), r"is too long\. Expected 18 bytes .*got more")


def test_gzip_bomb_inside_the_header(path: Path):
    reject(path, zeros_gz(b"", 200 * MIB), r"is not an IDX file")


def test_gzip_that_declares_a_little_too_much(path: Path):
    # 8 MiB of zeros in about 8 KiB, but 9 MiB declared: more than 1032:1.
    reject(path, zeros_gz(header(8, 9 * MIB), 8 * MIB), r"declares more than it can hold")


def test_memory_is_the_array_and_little_more(path: Path):
    size = 32 * MIB
    for content in (header(8, size) + bytes(size), zeros_gz(header(8, size), size)):
        path.write_bytes(content)
        tracemalloc.start()
        try:
            array = read_idx(path)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert array.nbytes == size
        assert size <= peak < size + MIB


def test_file_that_shrinks_while_it_is_read(path: Path, monkeypatch: pytest.MonkeyPatch):
    path.write_bytes(header(8, 100) + bytes(50))
    true_fstat = os.fstat

    def fstat_before_it_shrank(descriptor: int) -> os.stat_result:
        fields = list(true_fstat(descriptor))
        fields[6] = 108
        return os.stat_result(fields)

    with monkeypatch.context() as patch:
        patch.setattr("cnnlite.datasets.idx.os.fstat", fstat_before_it_shrank)
        with pytest.raises(FileFormatError, match=r"is cut short.*got 58"):
            read_idx(path)


# ---- no file to read


def test_missing_file(tmp_path: Path):
    for missing in (tmp_path / "none", tmp_path / "none" / "below"):
        with pytest.raises(DataNotFoundError, match="there is no such file") as caught:
            read_idx(missing)
        assert str(missing) in str(caught.value)


def test_path_below_a_file(path: Path):
    path.write_bytes(b"")
    with pytest.raises(DataNotFoundError):
        read_idx(path / "below")


def test_directory(tmp_path: Path):
    with pytest.raises(FileFormatError, match="is a directory"):
        read_idx(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipe_is_refused_and_does_not_block(path: Path):
    os.mkfifo(path)
    with pytest.raises(FileFormatError, match="is not a regular file"):
        read_idx(path)


# ---- images and labels


def write_pair(folder: Path, images: np.ndarray, labels: np.ndarray) -> tuple[Path, Path]:
    (folder / "images").write_bytes(idx(images))
    (folder / "labels").write_bytes(idx(labels))
    return folder / "images", folder / "labels"


def test_pair(tmp_path: Path):
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    got = read_images_and_labels(*write_pair(tmp_path, images, np.array([0, 9], np.uint8)))
    np.testing.assert_array_equal(got[0], images)
    np.testing.assert_array_equal(got[1], [0, 9])


def test_empty_pair(tmp_path: Path):
    paths = write_pair(tmp_path, np.zeros((0, 3, 4), np.uint8), np.zeros(0, np.uint8))
    images, labels = read_images_and_labels(*paths)
    assert images.shape == (0, 3, 4)
    assert labels.shape == (0,)


@pytest.mark.parametrize(
    ("images", "labels", "pattern"),
    [
        (
            np.zeros((2, 3, 4), "u1"),
            np.zeros(3, "u1"),
            "holds 3 labels but .*images' holds 2 images",
        ),
        (np.zeros((2, 3, 4), "u1"), np.array([0, 10], "u1"), "Expected labels 0 to 9, got 10"),
        (np.zeros((2, 12), "u1"), np.zeros(2, "u1"), r"images' does not hold images \(N, H, W\)"),
        (np.zeros((2, 3, 4), "i1"), np.zeros(2, "u1"), "Got shape .* of int8"),
        (np.zeros((2, 3, 4), "u1"), np.zeros(2, "i4"), "labels' does not hold labels .* of int32"),
        (np.zeros((2, 3, 4), "u1"), np.zeros((2, 1), "u1"), "labels' does not hold labels"),
        (np.zeros(2, "u1"), np.zeros((2, 3, 4), "u1"), "swapped"),
    ],
)
def test_pair_that_does_not_fit(
    tmp_path: Path, images: np.ndarray, labels: np.ndarray, pattern: str
):
    with pytest.raises(FileFormatError, match=pattern):
        read_images_and_labels(*write_pair(tmp_path, images, labels))


def test_pair_with_other_classes(tmp_path: Path):
    paths = write_pair(tmp_path, np.zeros((1, 2, 2), np.uint8), np.array([25], np.uint8))
    assert read_images_and_labels(*paths, classes=26)[1] == 25
    with pytest.raises(FileFormatError, match="Expected labels 0 to 24, got 25"):
        read_images_and_labels(*paths, classes=25)
