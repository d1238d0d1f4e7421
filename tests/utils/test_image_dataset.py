"""image_dataset_from_directory: classes from folders, order and figures of Keras 3.15."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnlite.errors import DataNotFoundError, FileFormatError, ShapeError
from cnnlite.utils import PyDataset, image_dataset_from_directory
from cnnlite.utils.resizing import crop_to_ratio, resize

Image: Any = pytest.importorskip(
    "PIL.Image", reason='images need Pillow: pip install "cnnlite-engine[plot]"'
)

# 5 x 7 pixels of red, green and blue, and what Keras 3.15 (PyTorch back end) makes of its red.
NOISE = np.random.RandomState(0).randint(0, 256, (5, 7, 3)).astype(np.uint8)
TO_3_4 = [
    [138.7916717529297, 139.00001525878906, 99.625, 149.9166717529297],
    [145.875, 148.375, 135.25, 177.625],
    [69.33333587646484, 125.66667175292969, 96.20831298828125, 89.58332824707031],
]
TO_8_5_ROW_0 = [176.0, 193.8000030517578, 211.0, 108.0000228881836, 89.60004425048828]
TO_8_5_ROW_5 = [
    103.0374984741211, 111.04998016357422, 47.6875, 58.75000762939453, 53.61252212524414,
]  # fmt: skip
CROPPED_TO_4_4 = [
    [178.34375, 178.25, 105.59375, 200.34375],
    [66.25, 72.296875, 140.265625, 227.390625],
    [47.578125, 133.390625, 72.453125, 130.984375],
    [62.9375, 106.578125, 107.671875, 134.46875],
]
ROUNDING = 1e-4  # weights and mixes of values up to 255 in float32, four roundings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Classes b (4 images), a (3) and c (4); image i of a class is of the colour 10 i + class."""
    for k, (name, count) in enumerate((("a", 3), ("b", 4), ("c", 3))):
        (tmp_path / name).mkdir()
        for i in range(count):
            pixels = np.full((4, 6, 3), 10 * i + k, np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    Image.fromarray(NOISE).save(tmp_path / "c" / "9.png")
    return tmp_path


def load(folder: Path, **options: Any) -> Any:
    return image_dataset_from_directory(folder, verbose=False, **options)


def names(dataset: Any, folder: Path) -> list[str]:
    return [os.path.relpath(path, folder) for path in dataset.file_paths]


ALL = "a/0 a/1 a/2 b/0 b/1 b/2 b/3 c/0 c/1 c/2 c/9".split()


def test_in_order(folder: Path):
    dataset = load(folder, shuffle=False, image_size=(8, 5), batch_size=4)
    assert isinstance(dataset, PyDataset)
    assert names(dataset, folder) == [f"{name}.png" for name in ALL]
    assert dataset.class_names == ["a", "b", "c"]
    assert len(dataset) == 3
    batches = list(dataset)
    assert [x.shape for x, _ in batches] == [(4, 8, 5, 3), (4, 8, 5, 3), (3, 8, 5, 3)]
    assert all(x.dtype == np.float32 and y.dtype == np.int32 for x, y in batches)
    assert np.concatenate([y for _, y in batches]).tolist() == [0] * 3 + [1] * 4 + [2] * 4
    colours = np.concatenate([x for x, _ in batches])[:-1]
    expected = [0, 10, 20, 1, 11, 21, 31, 2, 12, 22]
    assert (colours == np.reshape(expected, (10, 1, 1, 1))).all()


@pytest.mark.parametrize(
    ("subset", "expected"),
    [
        ("training", "c/1 b/2 a/0 a/2 a/1 c/9 c/0 b/0"),
        ("validation", "b/3 c/2 b/1"),
    ],
)
def test_split_and_order_of_a_seed_are_keras(folder: Path, subset: str, expected: str):
    dataset = load(folder, seed=7, validation_split=0.3, subset=subset, image_size=2)
    assert names(dataset, folder) == [f"{name}.png" for name in expected.split()]
    y = np.concatenate([y for _, y in dataset])
    assert y.tolist() == ["abc".index(name[0]) for name in expected.split()]


def test_both_parts(folder: Path):
    train, test = load(folder, validation_split=0.3, subset="both", image_size=2)
    both = names(train, folder) + names(test, folder)
    assert (len(train.file_paths), len(test.file_paths)) == (8, 3)
    assert sorted(both) == [f"{name}.png" for name in ALL]
    assert train.class_names == test.class_names == ["a", "b", "c"]
    before = [x.mean() for x, _ in test]
    test.on_epoch_end()
    assert [x.mean() for x, _ in test] == before
    first = train[0][0].copy()
    train.on_epoch_end()
    assert not np.array_equal(train[0][0], first)


def test_each_epoch_has_its_own_order(folder: Path):
    def epoch() -> tuple[list[float], list[int]]:
        return np.concatenate([x[:, 0, 0, 0] for x, _ in data]).tolist(), [
            label for _, y in data for label in y.tolist()
        ]

    data = load(folder, seed=1, image_size=(4, 6), batch_size=3)
    first = epoch()
    assert epoch() == first
    data.on_epoch_end()
    second = epoch()
    assert second != first and sorted(zip(*second, strict=True)) == sorted(zip(*first, strict=True))


# ---- labels


def test_label_modes(folder: Path):
    _, y = load(folder, shuffle=False, label_mode="categorical", image_size=2)[0]
    assert y.dtype == np.float32
    assert y.tolist() == np.repeat(np.eye(3), [3, 4, 4], axis=0).tolist()
    _, y = load(folder, shuffle=False, label_mode="binary", class_names=["c", "a"], image_size=2)[0]
    assert y.dtype == np.float32 and y.tolist() == [[0]] * 4 + [[1]] * 3
    for options in ({"label_mode": None}, {"labels": None}):
        data = load(folder, shuffle=False, image_size=2, **options)
        assert data[0].shape == (11, 2, 2, 3)
        assert data.class_names is None


def test_given_labels(folder: Path):
    labels = [5, 5, 5, 7, 7, 7, 7, 5, 5, 5, 7]
    data = load(folder, labels=labels, shuffle=False, image_size=2)
    assert data[0][1].tolist() == labels
    assert data.class_names == ["5", "7"]
    data = load(folder, labels=labels, seed=7, image_size=2)
    by_name = dict(zip(ALL, labels, strict=True))
    assert data[0][1].tolist() == [by_name[n.removesuffix(".png")] for n in names(data, folder)]


def test_images_below_a_class_hidden_folders_and_other_files(folder: Path):
    (folder / "a" / "more").mkdir()
    Image.fromarray(NOISE).save(folder / "a" / "more" / "5.JPG", format="png")
    (folder / "a" / "notes.txt").write_text("no image")
    (folder / ".hidden").mkdir()
    Image.fromarray(NOISE).save(folder / ".hidden" / "0.png")
    Image.fromarray(NOISE).save(folder / "top.png")
    data = load(folder, shuffle=False, image_size=2)
    expected = ["a/0.png", "a/1.png", "a/2.png", "a/more/5.JPG", "b/0.png"]
    assert names(data, folder)[:5] == expected
    assert data.class_names == ["a", "b", "c"] and len(data.file_paths) == 12
    assert "top.png" in names(load(folder, labels=None, shuffle=False), folder)


def test_links_are_followed_on_request(folder: Path, tmp_path_factory: pytest.TempPathFactory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    Image.fromarray(NOISE).save(elsewhere / "far.png")
    (folder / "a" / "link").symlink_to(elsewhere)
    assert len(load(folder).file_paths) == 11
    assert "a/link/far.png" in names(load(folder, follow_links=True), folder)


# ---- pixels


def last_image(folder: Path, **options: Any) -> np.ndarray:
    return load(folder, shuffle=False, batch_size=None, **options)[-1][0]


def test_bilinear_figures_of_keras(folder: Path):
    small, large = last_image(folder, image_size=(3, 4)), last_image(folder, image_size=(8, 5))
    np.testing.assert_allclose(small[..., 0], TO_3_4, atol=ROUNDING)
    np.testing.assert_allclose(large[0, :, 0], TO_8_5_ROW_0, atol=ROUNDING)
    np.testing.assert_allclose(large[5, :, 0], TO_8_5_ROW_5, atol=ROUNDING)
    cropped = last_image(folder, image_size=4, crop_to_aspect_ratio=True)
    np.testing.assert_allclose(cropped[..., 0], CROPPED_TO_4_4, atol=ROUNDING)


def test_same_size_changes_nothing(folder: Path):
    for interpolation in ("bilinear", "nearest"):
        image = last_image(folder, image_size=(5, 7), interpolation=interpolation)
        np.testing.assert_array_equal(image, NOISE)


@pytest.mark.parametrize(
    ("n", "size", "expected"),
    [
        (4, 2, [1, 3]),  # floor(0.5 * 2), floor(1.5 * 2)
        (5, 3, [0, 2, 4]),  # floor(0.83), floor(2.5), floor(4.17)
        (3, 7, [0, 0, 1, 1, 1, 2, 2]),  # floor(0.21, 0.64, 1.07, 1.5, 1.93, 2.36, 2.79)
        (1, 3, [0, 0, 0]),
    ],
)
def test_nearest_by_hand(n: int, size: int, expected: list[int]):
    x = np.arange(n, dtype=np.float32)
    assert resize(x.reshape(n, 1, 1), (size, 1), "nearest").ravel().tolist() == expected
    assert resize(x.reshape(1, n, 1), (1, size), "nearest").ravel().tolist() == expected


@pytest.mark.parametrize(
    ("values", "size", "expected"),
    [
        ([0, 8], 4, [0, 2, 6, 8]),  # at -0.25, 0.25, 0.75, 1.25
        ([0, 1, 2, 3], 2, [0.5, 2.5]),
        ([7], 3, [7, 7, 7]),
        ([0, 4, 8], 1, [4]),
    ],
)
def test_bilinear_by_hand(values: list[float], size: int, expected: list[float]):
    x = np.array(values, np.float32)
    assert resize(x.reshape(-1, 1, 1), (size, 1), "bilinear").ravel().tolist() == expected
    assert resize(x.reshape(1, -1, 1), (1, size), "bilinear").ravel().tolist() == expected


def test_crop_is_about_the_middle():
    image = np.arange(40, dtype=np.float32).reshape(4, 10, 1)
    assert crop_to_ratio(image, (3, 3))[0, :, 0].tolist() == [3, 4, 5, 6]
    assert crop_to_ratio(image, (2, 5)).shape == (4, 10, 1)
    assert crop_to_ratio(image, (1, 5))[:, 0, 0].tolist() == [10, 20]
    assert crop_to_ratio(image, (1, 100)).shape == (1, 10, 1)


@pytest.mark.parametrize(("color_mode", "channels"), [("rgb", 3), ("rgba", 4), ("grayscale", 1)])
def test_color_modes(folder: Path, color_mode: str, channels: int):
    images, _ = load(folder, shuffle=False, color_mode=color_mode, image_size=(4, 6))[0]
    assert images.shape == (11, 4, 6, channels)
    assert (images[1, ..., 0] == 10).all()
    if channels == 4:
        assert (images[..., 3] == 255).all()


def test_grey_of_sixteen_bits_keeps_its_range(tmp_path: Path):
    (tmp_path / "a").mkdir()
    Image.fromarray(np.full((2, 2), 40000, np.uint16)).save(tmp_path / "a" / "deep.png")
    images, _ = load(tmp_path, color_mode="grayscale", image_size=2)[0]
    assert (images == 40000).all()


def test_first_picture_of_an_animation(tmp_path: Path):
    (tmp_path / "a").mkdir()
    pictures = [Image.fromarray(np.full((2, 2), v, np.uint8)) for v in (9, 200)]
    pictures[0].save(tmp_path / "a" / "m.gif", save_all=True, append_images=pictures[1:])
    assert (load(tmp_path, image_size=2)[0][0] == 9).all()


def test_workers_read_the_same_batches(folder: Path):
    from cnnlite.models.py_dataset import batches

    data = load(folder, seed=1, image_size=4, batch_size=2)
    alone = list(data)
    data.workers = 3
    for (x, y), (x2, y2) in zip(alone, batches(data, range(len(data))), strict=True):
        np.testing.assert_array_equal(x, x2)
        np.testing.assert_array_equal(y, y2)


def test_verbose(folder: Path, capsys: pytest.CaptureFixture[str]):
    image_dataset_from_directory(folder, validation_split=0.3, subset="training", seed=1)
    out = capsys.readouterr().out
    assert "11 images of 3 classes" in out and "8 of them for training" in out
    image_dataset_from_directory(folder, verbose=False)
    assert capsys.readouterr().out == ""


# ---- bad input


def test_without_pillow(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "PIL.Image", None)  # as if it were not installed
    with pytest.raises(ImportError, match=r'pip install "cnnlite-engine\[plot\]"'):
        load(folder)


def test_no_folder_and_no_images(tmp_path: Path):
    with pytest.raises(DataNotFoundError, match=r"there is no folder .*nowhere"):
        load(tmp_path / "nowhere")
    with pytest.raises(DataNotFoundError, match="holds no images in subfolders"):
        load(tmp_path)
    with pytest.raises(DataNotFoundError, match=r"holds no images. Images end in .bmp"):
        load(tmp_path, labels=None)


@pytest.mark.parametrize("content", [b"", b"no image at all", b"\x89PNG\r\n\x1a\n" + bytes(50)])
def test_damaged_image(folder: Path, content: bytes):
    (folder / "b" / "1.png").write_bytes(content)
    data = load(folder, shuffle=False)
    with pytest.raises(FileFormatError, match=r"b/1.png' cannot be read as an image"):
        data[0]


def test_truncated_image_and_one_that_went_away(folder: Path):
    whole = (folder / "c" / "9.png").read_bytes()
    (folder / "c" / "9.png").write_bytes(whole[:-40])
    data = load(folder, shuffle=False, batch_size=1)
    with pytest.raises(FileFormatError, match=r"c/9.png' cannot be read as an image"):
        data[10]
    (folder / "a" / "0.png").unlink()
    with pytest.raises(DataNotFoundError, match=r"a/0.png': there is no such file any more"):
        data[0]


def test_image_that_unpacks_to_too_much(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 11)  # Pillow refuses twice as many, 4 x 6
    with pytest.raises(FileFormatError, match="cannot be read as an image"):
        load(folder, shuffle=False)[0]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"labels": "inferrred"}, ValueError, 'labels must be "inferred", None or a list'),
        ({"labels": [0.5] * 11}, ValueError, "labels must be"),
        ({"labels": [1, 2]}, ValueError, "Got 2 labels for 11 images"),
        ({"labels": [0] * 11, "class_names": ["a"]}, ValueError, "class_names go with inferred"),
        ({"label_mode": None, "class_names": ["a"]}, ValueError, "class_names go with inferred"),
        ({"label_mode": "one_hot"}, ValueError, "label_mode must be one of"),
        ({"label_mode": "binary"}, ValueError, "needs two classes. Got 3"),
        (
            {"labels": [5, 7] * 5 + [5], "label_mode": "categorical"},
            ValueError,
            "labels must be 0 to 1.*Got 5 to 7",
        ),
        ({"class_names": ["a", "x"]}, ValueError, r"Got \['x'\]. There are \['a', 'b', 'c'\]"),
        ({"color_mode": "bgr"}, ValueError, "color_mode must be one of"),
        ({"interpolation": "lanczos3"}, ValueError, "interpolation must be one of"),
        ({"data_format": "channels_first"}, ValueError, "data_format must be one of"),
        ({"pad_to_aspect_ratio": True}, ValueError, "pad_to_aspect_ratio must be one of"),
        ({"format": "torch"}, ValueError, "format must be"),
        ({"batch_size": 0}, ValueError, "batch_size must be None or a positive integer"),
        ({"image_size": (2, 0)}, ShapeError, "image_size: must be at least 1"),
        ({"image_size": (2, 2, 3)}, ShapeError, "image_size: not an integer or a pair"),
        ({"seed": -1}, ValueError, "seed must be None or an integer"),
        ({"validation_split": 0.2}, ValueError, "validation_split and subset go together"),
        ({"subset": "both"}, ValueError, "validation_split and subset go together"),
        ({"validation_split": 0.2, "subset": "train"}, ValueError, "subset must be"),
        ({"validation_split": 1.5, "subset": "both"}, ValueError, "must lie between 0 and 1"),
        ({"validation_split": 0.2, "subset": "training"}, ValueError, "without a seed"),
        (
            {"validation_split": 0.01, "subset": "both"},
            DataNotFoundError,
            "the validation part of 11 images is empty",
        ),
    ],
)
def test_bad_options(folder: Path, options: dict[str, Any], error: type[Exception], message: str):
    with pytest.raises(error, match=f"image_dataset_from_directory: .*{message}"):
        load(folder, **options)
