"""The bundled digits: the split is stratified, fixed for ever, and always fresh."""

from __future__ import annotations

import hashlib
import importlib.resources
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import cnnlite.datasets
from cnnlite.datasets import mnist5k
from cnnlite.errors import DataNotFoundError, FileFormatError

# SHA-256 of x_train, y_train, x_test, y_test: published results depend on them.
PINNED = [
    "680ae307a5a70fe9253e0afbd69b11b2ae3ed61ad28dd4bbb99e9ba4fa39e7ce",
    "6bf8752eef4efd0bae1776c8c3822c3536f2a56d40cc81eb2d7bb937e0d23bdd",
    "d363c40fb31892c42b3be1ed255d47435356706af079b4816eb09f64e3c32e22",
    "9c4e1d1c0ad2f5b05e291418005cd98107ced2e5acfd374ddcc434bc19a645d2",
]


def arrays() -> list[np.ndarray]:
    (x_train, y_train), (x_test, y_test) = mnist5k.load_data()
    return [x_train, y_train, x_test, y_test]


def test_shapes_and_dtypes():
    loaded = arrays()
    assert [a.shape for a in loaded] == [(4000, 28, 28), (4000,), (1000, 28, 28), (1000,)]
    assert all(a.dtype == np.uint8 for a in loaded)


def test_content_is_pinned():
    assert [hashlib.sha256(a.tobytes()).hexdigest() for a in arrays()] == PINNED


def test_each_image_once_with_its_label():
    x_train, y_train, x_test, y_test = arrays()
    name = importlib.resources.files("cnnlite.datasets") / "data" / "mnist5k.npz"
    with name.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        whole = zip(archive["images"], archive["labels"], strict=True)
        expected = sorted((image.tobytes(), int(label)) for image, label in whole)
    images = np.concatenate([x_train, x_test])
    labels = np.concatenate([y_train, y_test])
    got = zip(images, labels, strict=True)
    assert sorted((image.tobytes(), int(label)) for image, label in got) == expected


def test_stratified():
    _, y_train, _, y_test = arrays()
    np.testing.assert_array_equal(np.bincount(y_train), [400] * 10)
    np.testing.assert_array_equal(np.bincount(y_test), [100] * 10)


@pytest.mark.parametrize("part", [0.05, 0.1, 0.2, 0.5])
def test_last_and_first_samples_hold_every_digit_in_fair_numbers(part: float):
    for labels in (arrays()[1], arrays()[3]):
        count = int(part * len(labels))
        for piece in (labels[:count], labels[-count:]):
            # Drawn at random, a digit's number lies within five deviations.
            spread = 5 * np.sqrt(count * 0.1 * 0.9)
            assert abs(np.bincount(piece, minlength=10) - count / 10).max() < spread
            assert len(np.unique(piece)) == 10


def test_arrays_are_fresh_and_writable():
    first = arrays()
    for array in first:
        assert array.flags.writeable and array.flags.c_contiguous and array.flags.owndata
        array[:] = 255
    assert [hashlib.sha256(a.tobytes()).hexdigest() for a in arrays()] == PINNED


def test_split_does_not_touch_numpy_generator():
    np.random.seed(1)
    expected = np.random.random()
    np.random.seed(1)
    mnist5k.load_data()
    assert np.random.random() == expected


def test_splitmix64_against_published_values():
    # Seed 1234567, as listed at rosettacode.org/wiki/Pseudo-random_numbers/Splitmix64.
    assert mnist5k._splitmix64(1234567, 5).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def damaged_package(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """Have the data looked up in ``folder``; return the data file's path there."""
    (folder / "data").mkdir()
    monkeypatch.setattr("cnnlite.datasets.bundled.importlib.resources.files", lambda _: folder)
    return folder / "data" / "mnist5k.npz"


@pytest.mark.parametrize("content", [b"", b"\x80\x04N.", b"PK\x03\x04" + bytes(99)])
def test_damaged_data_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes):
    path = damaged_package(monkeypatch, tmp_path)
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match="is damaged") as caught:
        mnist5k.load_data()
    assert str(path) in str(caught.value)


def test_missing_data_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    damaged_package(monkeypatch, tmp_path)
    with pytest.raises(DataNotFoundError, match="Install cnnlite-engine again"):
        mnist5k.load_data()


def test_loads_from_a_zip(tmp_path: Path):
    datasets = Path(cnnlite.datasets.__file__).parent
    archive = tmp_path / "package.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("cnnlite/__init__.py", "")
        beside = [path for path in datasets.parent.glob("*.py") if path.name != "__init__.py"]
        for path in [*beside, *datasets.glob("*.py"), *datasets.glob("data/*")]:
            file.write(path, Path("cnnlite") / path.relative_to(datasets.parent))
    script = (
        f"import sys; sys.path.insert(0, {str(archive)!r})\n"
        "import hashlib\n"
        "from cnnlite.datasets import mnist5k\n"
        "assert 'package.zip' in mnist5k.__file__\n"
        "for pair in mnist5k.load_data():\n"
        "    for array in pair: print(hashlib.sha256(array.tobytes()).hexdigest())\n"
    )
    # In tmp_path, so that the package in the current folder is not found first.
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == PINNED
