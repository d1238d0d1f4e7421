"""Networks with every kind of layer: threads, plans, files and configurations."""

from __future__ import annotations

import numpy as np
import pytest

import cnnlite
from cnnlite import layers, models
from tests.models.every_layer import BATCH, STEPS, data, images, kinds, sequences
from tests.processes import output_of

# The mask of the second network ends at its convolution, which says so.
pytestmark = pytest.mark.filterwarnings("ignore:conv1d.* does not support masking")

NETWORKS = {"images": images, "sequences": sequences}


def layers_of(model: models.Model) -> set[type]:
    return {type(c) for c in models.architecture.with_sublayers(model.layers)}


def test_the_two_networks_hold_every_kind_of_layer():
    """A new layer must be put into one of them."""
    assert kinds() - layers_of(images()) - layers_of(sequences()) == set()


@pytest.mark.parametrize(("backend", "steps"), [("native", STEPS), ("cython", 3), ("numba", 3)])
def test_training_has_the_same_bits_on_any_number_of_threads(backend: str, steps: int):
    """Each in a process of its own, which tells how many threads really ran.

    Native and numba serve every operation; cython, slow by intent and for few operations, takes
    three steps instead of fifty.
    """
    settings = {"CNNLITE_BACKEND": backend, "CNNLITE_STRICT": "0" if backend == "cython" else "1"}
    settings["NUMBA_NUM_THREADS"] = "8"
    found = {}
    for n in (1, 2, 3, 4, 8):
        code = f"from tests.models.every_layer import main; main({steps})"
        digest, team = output_of(code, CNNLITE_NUM_THREADS=str(n), **settings).split()
        assert int(team) == n, f"asked for {n} threads, ran on {team}"
        found[n] = digest
    code = f"from tests.models.every_layer import main; main({steps}, even=False)"
    found["claimed"] = output_of(code, CNNLITE_NUM_THREADS="3", **settings).split()[0]
    assert len(set(found.values())) == 1, found


def inputs(name: str, count: int) -> tuple[list[np.ndarray], np.ndarray]:
    first, second, y = data()
    return [a[:count] for a in (first if name == "images" else second)], y[:count]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_plan_trains_to_the_bits_of_eager_operations(name: str):
    """The passes and the arena change nothing."""
    x, y = inputs(name, 2 * BATCH)
    found = []
    for eagerly in (False, True):
        cnnlite.set_random_seed(1)
        model = NETWORKS[name]()
        # From logits' probabilities: the pass that fuses softmax and loss changes bits.
        model.compile("rmsprop", "mse", run_eagerly=eagerly)
        model.fit(x, np.eye(3, dtype="float32")[y], BATCH, epochs=2, verbose=0)
        found.append(b"".join(w.tobytes() for w in model.get_weights()))
    assert found[0] == found[1]


@pytest.mark.parametrize("name", NETWORKS)
def test_files_and_configurations_hold_every_layer(name: str, tmp_path):
    """Saved and loaded, it goes on training to the same bits; its clone has its shapes."""
    x, y = inputs(name, 2 * BATCH)
    model = NETWORKS[name]()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, BATCH, verbose=0)
    model.save(tmp_path / "m.safetensors")
    loaded = cnnlite.load_model(tmp_path / "m.safetensors")
    for m in (model, loaded):
        m.fit(x, y, BATCH, verbose=0)
    assert [w.tobytes() for w in loaded.get_weights()] == [w.tobytes() for w in model.get_weights()]
    clone = models.clone_model(model)
    assert [w.shape for w in clone.get_weights()] == [w.shape for w in model.get_weights()]
    again = models.model_from_json(clone.to_json())
    assert again.to_json() == clone.to_json()


def test_a_batch_of_none_and_of_one():
    """Predictions of no samples have their shapes; one sample trains."""
    for name, make in NETWORKS.items():
        model = make()
        x, y = inputs(name, 1)
        assert model.predict([a[:0] for a in x], verbose=0).shape == (0, 3)
        model.compile("sgd", "sparse_categorical_crossentropy")
        assert np.isfinite(model.train_on_batch(x, y))


def test_every_layer_names_itself():
    """repr gives class and name."""
    for layer in images().layers + sequences().layers:
        assert repr(layer) == f"<{type(layer).__name__} {layer.name}>"
        assert isinstance(layer, layers.Layer)
