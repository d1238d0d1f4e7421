"""The data sets of cnnlite.utils in fit, evaluate and predict."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import cnnlite
from cnnlite import layers
from cnnlite.utils import (
    image_dataset_from_directory,
    split_dataset,
    timeseries_dataset_from_array,
)

SERIES = np.sin(np.arange(120) / 5).astype(np.float32)[:, None]


def forecaster() -> cnnlite.Sequential:
    cnnlite.set_random_seed(2)
    model = cnnlite.Sequential([cnnlite.Input((6, 1)), layers.Flatten(), layers.Dense(1)])
    model.compile("adam", "mse")
    return model


@pytest.mark.parametrize("workers", [1, 3])
def test_windows_train_like_the_arrays_they_are(workers: int):
    windows = timeseries_dataset_from_array(SERIES, SERIES[6:], 6, batch_size=16)
    windows.workers = workers
    x, y = (np.concatenate(parts) for parts in zip(*windows, strict=True))
    assert x.shape == (114, 6, 1) and y.shape == (114, 1)
    one, other = forecaster(), forecaster()
    history = one.fit(windows, epochs=3, shuffle=False, verbose=0).history
    expected = other.fit(x, y, batch_size=16, epochs=3, shuffle=False, verbose=0).history
    assert history == expected
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.evaluate(windows, verbose=0) == other.evaluate(x, y, batch_size=16, verbose=0)
    np.testing.assert_array_equal(one.predict(windows, verbose=0), other.predict(x, verbose=0))


def test_each_epoch_shuffles_the_windows_anew():
    windows = timeseries_dataset_from_array(SERIES, SERIES[6:], 6, 1, 1, 16, True, seed=1)
    seen = []

    class Look(cnnlite.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            seen.append(windows[0][1].ravel().tolist())

    model = forecaster()
    loss = model.fit(windows, epochs=20, verbose=0, callbacks=[Look()]).history["loss"]
    assert len({tuple(batch) for batch in seen}) == 20
    assert loss[-1] < loss[0]


def test_parts_of_a_data_set_train_and_validate():
    windows = timeseries_dataset_from_array(SERIES, SERIES[6:], 6, batch_size=16)
    left, right = split_dataset(windows, 6)
    history = forecaster().fit(left, epochs=2, validation_data=right, verbose=0).history
    assert len(history["val_loss"]) == 2
    (x, y), (x_test, y_test) = split_dataset((SERIES[:-1], SERIES[1:]), 0.75)
    model = cnnlite.Sequential([cnnlite.Input((1,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(x, y, validation_data=(x_test, y_test), verbose=0)


def test_images_in_folders(tmp_path: Path):
    Image = pytest.importorskip(
        "PIL.Image", reason='images need Pillow: pip install "cnnlite-engine[plot]"'
    )
    for name, value in (("dark", 0), ("light", 4)):
        (tmp_path / name).mkdir()
        for i in range(8):
            pixels = np.full((5, 6), value + i % 2, np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    train, test = image_dataset_from_directory(
        tmp_path,
        label_mode="binary",
        color_mode="grayscale",
        batch_size=4,
        image_size=(4, 4),
        seed=0,
        validation_split=0.25,
        subset="both",
        verbose=False,
    )
    train.workers = 2
    cnnlite.set_random_seed(0)
    model = cnnlite.Sequential(
        [cnnlite.Input((4, 4, 1)), layers.Flatten(), layers.Dense(1, activation="sigmoid")]
    )
    model.compile(cnnlite.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
    model.fit(train, epochs=40, verbose=0)
    assert model.evaluate(test, verbose=0)[1] == 1
    assert model.predict(test, verbose=0).shape == (4, 1)
