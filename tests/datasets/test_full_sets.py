"""MNIST and Fashion-MNIST in full: where they are looked for, what is refused."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import shutil
import struct
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from cnnlite.datasets import fashion_mnist, idx_dataset, mnist
from cnnlite.errors import DataNotFoundError, FileFormatError

SYSTEM_FOLDER = fashion_mnist._DATASET.system_folder  # before the fixture hides it
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
SHAPES = {
    "train-images-idx3-ubyte": (60000, 28, 28),
    "train-labels-idx1-ubyte": (60000,),
    "t10k-images-idx3-ubyte": (10000, 28, 28),
    "t10k-labels-idx1-ubyte": (10000,),
}
FOLDERS = [(mnist, "mnist"), (fashion_mnist, "fashion-mnist")]
both = pytest.mark.parametrize(("module", "folder"), FOLDERS, ids=[f for _, f in FOLDERS])


def header(*shape: int) -> bytes:
    return struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)


def write_set(folder: Path, value: int = 0) -> Path:
    """Write the four files: zeros, but for the first byte of each, which is ``value``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, shape in SHAPES.items():
        with (folder / name).open("wb") as file:
            file.write(header(*shape) + bytes([value]))
            file.truncate(4 + 4 * len(shape) + int(np.prod(shape)))  # sparse
    return folder


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Hide this machine's data; return the folder that stands for the Debian package's."""
    monkeypatch.delenv("CNNLITE_DATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    system = tmp_path / "system"
    elsewhere = dataclasses.replace(fashion_mnist._DATASET, system_folder=str(system))
    monkeypatch.setattr(fashion_mnist, "_DATASET", elsewhere)
    return system


# ---- search order


@both
def test_data_dir_is_the_folder_itself(module: ModuleType, folder: str, tmp_path: Path):
    own = write_set(tmp_path / "any name")
    assert module.find(own) == own
    assert module.find(str(own)) == own


@both
def test_data_dir_holds_the_folder(module: ModuleType, folder: str, tmp_path: Path):
    write_set(tmp_path / folder)
    assert module.find(tmp_path) == tmp_path / folder


@both
def test_subfolder_goes_before_the_folder_itself(module: ModuleType, folder: str, tmp_path: Path):
    write_set(tmp_path)
    write_set(tmp_path / folder)
    assert module.find(tmp_path) == tmp_path / folder


@both
def test_environment(
    module: ModuleType, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CNNLITE_DATA", str(tmp_path))
    assert module.find() is None
    write_set(tmp_path)  # not in a folder of its own: may be either set
    assert module.find() is None
    write_set(tmp_path / folder)
    assert module.find() == tmp_path / folder


@both
def test_data_dir_is_the_only_place_searched(
    module: ModuleType,
    folder: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    nothing_installed: Path,
):
    write_set(tmp_path / "root" / folder)
    write_set(nothing_installed)
    monkeypatch.setenv("CNNLITE_DATA", str(tmp_path / "root"))
    (tmp_path / "empty").mkdir()
    assert module.find(tmp_path / "empty") is None
    with pytest.raises(DataNotFoundError):
        module.load_data(tmp_path / "empty")


def test_fashion_mnist_looks_where_debian_puts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nothing_installed: Path
):
    write_set(nothing_installed)
    assert fashion_mnist.find() == nothing_installed
    assert mnist.find() is None
    monkeypatch.setenv("CNNLITE_DATA", str(tmp_path))
    assert fashion_mnist.find() == nothing_installed
    write_set(tmp_path / "fashion-mnist")
    assert fashion_mnist.find() == tmp_path / "fashion-mnist"


def test_debian_folder():
    assert SYSTEM_FOLDER == "/usr/share/datasets/fashion-mnist"


def test_incomplete_folder_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nothing_installed: Path
):
    write_set(tmp_path / "fashion-mnist")
    (tmp_path / "fashion-mnist" / "t10k-labels-idx1-ubyte").unlink()
    write_set(nothing_installed)
    monkeypatch.setenv("CNNLITE_DATA", str(tmp_path))
    assert fashion_mnist.find() == nothing_installed


def test_relative_and_home_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_set(tmp_path / "mnist")
    monkeypatch.chdir(tmp_path)
    assert mnist.find(".") == tmp_path / "mnist"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert mnist.find("~/mnist") == tmp_path / "mnist"
    monkeypatch.setenv("CNNLITE_DATA", "~")
    assert mnist.find() == tmp_path / "mnist"
    monkeypatch.setenv("CNNLITE_DATA", "~nobody-of-that-name")
    assert mnist.find() is None


# ---- nothing found


@both
def test_error_lists_places_and_files_and_remedies(module: ModuleType, folder: str, tmp_path: Path):
    own = write_set(tmp_path / "own")
    (own / "t10k-labels-idx1-ubyte").unlink()
    (own / "train-images-idx3-ubyte").unlink()
    with pytest.raises(DataNotFoundError) as caught:
        module.load_data(own)
    message = str(caught.value)
    assert f"{own / folder}: no such folder" in message
    assert f"{own}: lacks train-images-idx3-ubyte, t10k-labels-idx1-ubyte\n" in message
    for name in (
        *SHAPES,
        "CNNLITE_DATA",
        "data_dir=",
        "--data-dir",
        module.__name__.split(".")[-1],
    ):
        assert name in message


@both
def test_error_without_a_folder(
    module: ModuleType, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with pytest.raises(DataNotFoundError, match="CNNLITE_DATA is not set"):
        module.load_data()
    monkeypatch.setenv("CNNLITE_DATA", str(tmp_path / "data"))
    with pytest.raises(DataNotFoundError) as caught:
        module.load_data()
    assert f"{tmp_path / 'data' / folder}: no such folder" in str(caught.value)
    assert "is not set" not in str(caught.value)


def test_error_names_the_debian_package(nothing_installed: Path):
    with pytest.raises(DataNotFoundError) as caught:
        fashion_mnist.load_data()
    assert "sudo apt-get install dataset-fashion-mnist" in str(caught.value)
    assert f"{nothing_installed}: no such folder" in str(caught.value)
    with pytest.raises(DataNotFoundError, match="mnist5k") as caught:
        mnist.load_data()
    assert "apt-get" not in str(caught.value)


def test_data_dir_is_a_file(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataNotFoundError, match="no such folder"):
        mnist.load_data(tmp_path / "file")


# ---- loading


@both
def test_load(module: ModuleType, folder: str, tmp_path: Path):
    (x_train, y_train), (x_test, y_test) = module.load_data(write_set(tmp_path / folder, 5))
    assert [a.shape for a in (x_train, y_train, x_test, y_test)] == list(SHAPES.values())
    for array in (x_train, y_train, x_test, y_test):
        assert array.dtype == np.uint8
        assert array.flat[0] == 5
        assert array.flags.writeable


def test_plain_and_compressed_files_mix_and_plain_goes_first(tmp_path: Path):
    labels = write_set(tmp_path, 5) / "t10k-labels-idx1-ubyte"
    packed = labels.with_name(f"{labels.name}.gz")
    packed.write_bytes(gzip.compress(header(10000) + bytes([6]) + bytes(9999)))
    assert mnist.load_data(tmp_path)[1][1][0] == 5
    labels.unlink()
    assert mnist.load_data(tmp_path)[1][1][0] == 6


@both
def test_wrong_size(module: ModuleType, folder: str, tmp_path: Path):
    write_set(tmp_path)
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(header(10, 28, 28) + bytes(7840))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(header(10) + bytes(10))
    with pytest.raises(FileFormatError, match=r"Expected .*\(10000, 28, 28\), got \(10, 28, 28\)"):
        module.load_data(tmp_path)


@both
def test_training_and_test_files_mixed_up(module: ModuleType, folder: str, tmp_path: Path):
    write_set(tmp_path)
    shutil.copy(tmp_path / "t10k-labels-idx1-ubyte", tmp_path / "train-labels-idx1-ubyte")
    with pytest.raises(FileFormatError, match=r"holds 10000 labels but .* holds 60000 images"):
        module.load_data(tmp_path)


@both
def test_damaged_file_is_named(module: ModuleType, folder: str, tmp_path: Path):
    write_set(tmp_path)
    with (tmp_path / "t10k-images-idx3-ubyte").open("r+b") as file:
        file.truncate(1000)
    with pytest.raises(FileFormatError, match=r"t10k-images-idx3-ubyte' is cut short.*got 1000"):
        module.load_data(tmp_path)


# ---- one set's files in the other's folder


@both
def test_known_files_of_the_other_set(
    module: ModuleType, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write_set(tmp_path)
    other = "Fashion-MNIST" if module is mnist else "MNIST"
    for name in SHAPES:  # one mistaken file is enough, whichever it is
        digest = hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
        with monkeypatch.context() as patch:
            patch.setitem(idx_dataset._TITLES, digest, other)
            with pytest.raises(FileFormatError, match=f"is a file of {other}, not of") as caught:
                module.load_data(tmp_path)
        assert str(tmp_path / name) in str(caught.value)
    module.load_data(tmp_path)


@pytest.mark.skipif(
    not DEBIAN.is_dir(), reason="Debian's package dataset-fashion-mnist is not installed"
)
class TestDebianFashionMnist:
    def test_content(self):
        (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data(DEBIAN)
        assert [a.shape for a in (x_train, y_train, x_test, y_test)] == list(SHAPES.values())
        np.testing.assert_array_equal(np.bincount(y_train), [6000] * 10)
        np.testing.assert_array_equal(np.bincount(y_test), [1000] * 10)
        for array in (x_train, y_train, x_test, y_test):
            assert idx_dataset._TITLES[idx_dataset._sha256(array)] == "Fashion-MNIST"

    def test_is_found_with_nothing_said(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.undo()  # what the fixture hid
        monkeypatch.delenv("CNNLITE_DATA", raising=False)
        assert fashion_mnist.find() == DEBIAN

    def test_is_not_mnist(self):
        with pytest.raises(FileFormatError, match="is a file of Fashion-MNIST, not of MNIST"):
            mnist.load_data(DEBIAN)
