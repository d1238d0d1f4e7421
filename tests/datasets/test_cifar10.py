"""CIFAR-10's binary files: records become images, damage becomes an error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cnnlite.datasets import cifar10
from cnnlite.errors import DataNotFoundError, FileFormatError

NAMES = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
SIZE = 30_730_000


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("CNNLITE_DATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def record(label: int, pixels: dict[tuple[int, int, int], int]) -> bytes:
    """Return one record: a label, then zeros but for some (row, column, channel)."""
    content = bytearray(3073)
    content[0] = label
    for (row, column, channel), value in pixels.items():
        content[1 + 1024 * channel + 32 * row + column] = value
    return bytes(content)


def write(folder: Path) -> Path:
    """Write the six files: the k-th has two records and then zeros."""
    folder.mkdir(parents=True)
    for k, name in enumerate(NAMES):
        with (folder / name).open("wb") as file:
            file.write(record(k, {(0, 0, 0): 10 + k, (31, 30, 1): 20 + k, (5, 7, 2): 30 + k}))
            file.write(record(9, {(1, 0, 0): 40 + k}))
            file.truncate(SIZE)  # sparse
    return folder


def test_records_by_hand(tmp_path: Path):
    (x_train, y_train), (x_test, y_test) = cifar10.load_data(write(tmp_path / "c"))
    assert (x_train.shape, y_train.shape) == ((50000, 32, 32, 3), (50000, 1))
    assert (x_test.shape, y_test.shape) == ((10000, 32, 32, 3), (10000, 1))
    for k in range(5):
        i = 10000 * k
        assert y_train[i : i + 3, 0].tolist() == [k, 9, 0]
        image = x_train[i]
        assert (image[0, 0, 0], image[31, 30, 1], image[5, 7, 2]) == (10 + k, 20 + k, 30 + k)
        assert np.count_nonzero(image) == 3
        assert x_train[i + 1, 1, 0, 0] == 40 + k
        assert np.count_nonzero(x_train[i + 1]) == 1
    assert np.count_nonzero(x_train) == 20
    assert y_test[:2, 0].tolist() == [5, 9]
    assert x_test[0, 31, 30, 1] == 25
    for array in (x_train, y_train, x_test, y_test):
        assert array.dtype == np.uint8
        assert array.flags.writeable and array.flags.c_contiguous and array.flags.owndata


def test_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert cifar10.find() is None
    home = write(tmp_path / "home" / ".cnnlite" / "datasets" / "cifar-10-batches-bin")
    assert cifar10.find() == home
    monkeypatch.setenv("CNNLITE_DATA", str(tmp_path / "sets"))
    assert cifar10.find() == home
    own = write(tmp_path / "sets" / "cifar-10-batches-bin")
    assert cifar10.find() == own
    assert cifar10.find(tmp_path / "sets") == own
    assert cifar10.find(own) == own
    (own / "test_batch.bin").unlink()
    assert cifar10.find() == home
    assert cifar10.find(own) is None


def test_not_found(tmp_path: Path):
    folder = tmp_path / "c"
    folder.mkdir()
    (folder / "test_batch.bin").write_bytes(b"")
    with pytest.raises(DataNotFoundError) as caught:
        cifar10.load_data(folder)
    message = str(caught.value)
    assert f"{folder}: lacks {', '.join(NAMES[:5])}\n" in message
    assert "cifar10.load_data: CIFAR-10 (binary version) is in none of the places" in message
    assert "cifar-10-binary.tar.gz" in message
    with pytest.raises(DataNotFoundError, match="CNNLITE_DATA is not set"):
        cifar10.load_data()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("size", "fault"), [(SIZE - 1, "cut short"), (SIZE + 3073, "too long")])
def test_wrong_size(tmp_path: Path, name: str, size: int, fault: str):
    path = write(tmp_path / "c") / name
    with path.open("r+b") as file:
        file.truncate(size)
    with pytest.raises(FileFormatError, match=f"is {fault}. Expected 30730000 .*got {size}") as got:
        cifar10.load_data(path.parent)
    assert str(path) in str(got.value)


def test_label_that_is_no_class(tmp_path: Path):
    path = write(tmp_path / "c") / "data_batch_3.bin"
    with path.open("r+b") as file:
        file.seek(3073 * 9999)
        file.write(b"\x0a")
    with pytest.raises(FileFormatError, match=r"data_batch_3.bin' .*labels 0 to 9, got 10"):
        cifar10.load_data(path.parent)
