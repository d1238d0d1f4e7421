"""Model files: what cannot be saved or loaded, where files may go, writes that fail."""

from __future__ import annotations

import copy
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import Input, Sequential, layers
from cnnlite.errors import FileFormatError
from cnnlite.models import load_model
from tests.models.network import LABELS
from tests.models.saved import SMALL_X, small
from tests.weights import bits


class Mine(layers.ReLU):
    pass


def test_a_layer_of_the_user_s_comes_back_where_its_class_is_given(path: Path):
    """A file names classes; which they are, the loading program says."""
    model = Sequential([Input((2,)), Mine(name="m")])
    model.save(path)
    with pytest.raises(FileFormatError, match=r"no layer of class 'Mine'.*custom_objects"):
        load_model(path)
    assert type(load_model(path, custom_objects={"Mine": Mine}).layers[0]) is Mine
    assert type(copy.deepcopy(model).layers[0]) is Mine


def test_a_function_cannot_be_saved(path: Path):
    """Saving says so at once, instead of writing a file that cannot be loaded."""
    layer = layers.Dense(2, kernel_initializer=lambda s, d: np.ones(s))
    model = Sequential([Input((2,)), layer])
    with pytest.raises(ValueError, match=r"dense.*kernel_initializer.*cannot be saved"):
        model.save(path)
    assert not path.exists()
    model.save_weights(path)
    assert path.exists()


def test_where_a_file_may_go(tmp_path: Path, path: Path):
    """The suffix, the folder, overwrite=False."""
    model = small()
    for name in ("model.keras", "model", "model.safetensors.bak"):
        with pytest.raises(ValueError, match=r"end in \.safetensors"):
            model.save(tmp_path / name)
    with pytest.raises(FileNotFoundError, match=r"no folder.*nowhere"):
        model.save(tmp_path / "nowhere" / "m.safetensors")
    model.save(path)
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="overwrite=True"):
        model.save(path, overwrite=False)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        model.save_weights(path, overwrite=False)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    cnnlite.save_model(model, str(path))
    assert bits(cnnlite.load_model(str(path))) == bits(model)


def test_files_that_are_not_there_or_no_files(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"gone\.safetensors"):
        load_model(tmp_path / "gone.safetensors")
    with pytest.raises(FileFormatError, match="folder"):
        load_model(tmp_path)
    if Path("/dev/zero").exists():
        with pytest.raises(FileFormatError, match="regular file"):
            load_model("/dev/zero")


def test_permissions_are_the_umask_s_or_the_old_file_s(path: Path):
    """A new file is as readable as any other; a replaced one keeps its mode."""
    model = small()
    old = os.umask(0o027)
    try:
        model.save(path)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o604)
    model.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


@pytest.mark.parametrize("step", ["os.fsync", "os.replace", "os.fdopen"])
def test_a_write_that_fails_leaves_the_old_file(
    step: str, path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Disk full, power cut, Ctrl-C: the old bytes stay, and nothing lies beside them."""
    model = small()
    model.save(path)
    before = path.read_bytes()
    model.fit(SMALL_X, LABELS, verbose=0)

    def fail(*args: Any, **kwargs: Any) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(step, fail)
        if step == "os.replace":
            patched.setattr(Path, "replace", fail)
        with pytest.raises(OSError, match="no space"):
            model.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_weights_of_another_architecture(path: Path):
    """Refused as a whole: no weight changes."""
    small().save_weights(path)
    other = Sequential([Input((2,)), layers.Dense(4), layers.Dense(4)])
    before = bits(other)
    with pytest.raises(FileFormatError, match="another architecture"):
        other.load_weights(path)
    assert bits(other) == before
    unbuilt = Sequential([layers.Dense(4)])
    for call in (unbuilt.load_weights, unbuilt.save_weights):
        with pytest.raises(ValueError, match="not built"):
            call(path)
