"""The networks of the literature: parameters, multiply-adds, shapes, and one step of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import applications
from cnnlite.applications import comparison
from cnnlite.kernels import threads
from cnnlite.layers import Layer
from cnnlite.models import Model

# Name, further arguments, trainable parameters, multiply-adds in G: the facts of the papers.
FACTS: list[tuple[str, dict[str, Any], int, float]] = [
    ("lenet5", {}, 61_706, 0.00042),
    ("alexnet", {}, 61_100_840, 0.71),
    ("alexnet", {"original": True}, 60_965_224, 0.72),
    ("vgg16", {}, 138_357_544, 15.5),
    ("vgg19", {}, 143_667_240, 19.6),
    ("googlenet", {}, 6_998_552, 1.58),
    ("googlenet", {"batch_norm": True}, 7_005_832, 1.58),
    ("resnet18", {}, 11_689_512, 1.8),
    ("resnet34", {}, 21_797_672, 3.7),
    ("resnet50", {}, 25_557_032, 4.1),
    ("resnet101", {}, 44_549_160, 7.8),
    ("resnet152", {}, 60_192_808, 11.5),
    ("inception_v4", {}, 42_679_816, 12.25),
]


def unallocated(shape: tuple[int, ...], dtype: str, name: str) -> np.ndarray:
    """Return a weight of one number's memory: VGG's would take half a GiB."""
    return np.broadcast_to(np.zeros((), dtype), shape)


def build(name: str, **arguments: Any) -> Model:
    with Layer.weights_from(unallocated):
        return getattr(applications, name)(**arguments)


@pytest.mark.parametrize(
    ("name", "arguments", "parameters", "multiply_adds"),
    FACTS,
    ids=[f"{name} {arguments}" for name, arguments, *_ in FACTS],
)
def test_the_published_counts(name: str, arguments: Any, parameters: int, multiply_adds: float):
    """Trainable parameters exactly, multiply-adds within 1% and the rounding of the fact."""
    model = build(name, **arguments)
    assert sum(w.value.size for w in model.trainable_weights) == parameters
    digits = len(f"{multiply_adds}".split(".")[1])
    allowed = 0.01 * multiply_adds + 0.5 * 10**-digits
    assert abs(model.multiply_adds / 1e9 - multiply_adds) <= allowed


def test_every_network_has_its_facts():
    """A network of applications is in the table above, and (but LeNet) in the comparison."""
    assert {name for name, *_ in FACTS} == set(applications.__all__)
    assert set(comparison.NETWORKS) == set(applications.__all__) - {"lenet5"}


SMALL: dict[str, tuple[int, int, int]] = {
    "lenet5": (28, 28, 1),
    "alexnet": (64, 64, 3),
    "vgg16": (32, 32, 3),
    "vgg19": (32, 32, 3),
    "googlenet": (32, 32, 3),
    "resnet18": (32, 32, 3),
    "resnet34": (32, 32, 3),
    "resnet50": (32, 32, 3),
    "resnet101": (32, 32, 3),
    "resnet152": (32, 32, 3),
    "inception_v4": (75, 75, 3),
}


@pytest.fixture
def float64() -> Iterator[None]:
    """Models of float64."""
    before = cnnlite.config.floatx()
    cnnlite.config.set_floatx("float64")
    yield
    cnnlite.config.set_floatx(before)


def small(name: str, images: int = 2) -> tuple[Model, np.ndarray]:
    """Return a compiled model for small images, without the large dense layers, and images."""
    cnnlite.set_random_seed(0)
    make: Callable[..., Model] = getattr(applications, name)
    kept = {} if name == "lenet5" else {"include_top": False}
    model = make(SMALL[name], **kept)
    if kept:
        y = cnnlite.layers.GlobalAveragePooling2D()(model.output)
        model = Model(model.input, cnnlite.layers.Dense(10, activation="softmax")(y))
    model.compile(cnnlite.optimizers.SGD(0.001), "sparse_categorical_crossentropy")
    x = np.random.default_rng(0).normal(size=(images, *SMALL[name])).astype(cnnlite.config.floatx())
    return model, x


@pytest.mark.parametrize("name", SMALL)
def test_a_forward_pass_and_a_step_of_training(name: str):
    """On small images: probabilities come out, and a step moves the weights and stays finite."""
    model, x = small(name)
    p = model.predict(x, verbose=0)
    assert p.shape == (2, 10)
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-5)
    before = model.trainable_weights[0].numpy()
    assert np.isfinite(model.train_on_batch(x, [3, 7]))
    after = model.trainable_weights[0].numpy()
    assert np.isfinite(after).all() and not np.array_equal(before, after)


@pytest.mark.filterwarnings("ignore:.*the slow reference computes it")  # for cython
@pytest.mark.parametrize(  # cython, slow by intent, takes three that have all that it computes
    ("name", "backend"),
    [(name, "numba") for name in SMALL]
    + [(name, "cython") for name in ("lenet5", "googlenet", "resnet18")],
)
def test_a_step_of_training_on_every_back_end(name: str, backend: str, float64: None):
    """The losses of two steps are the reference's, but for rounding.

    A sum of K terms in another order is off by some sqrt(K) roundoffs, and those of all layers
    add up.  Batch normalization of few images divides by small differences and amplifies them:
    4,000 times in ResNet-152, 600 in Inception, in float32 to the first digit.  So this is in
    float64, with 2^16 times what the sums alone would be off by: 1e-8.
    """
    losses, labels, model = [], np.arange(8), None
    if backend == "numba":
        threads.set_num_threads(1)  # as tests/kernels/test_backends.py compiles for float64
    for each in ("reference", backend):
        with cnnlite.using_backend(each):
            model, x = small(name, len(labels))
            model.optimizer.learning_rate = 1e-5
            losses.append([model.train_on_batch(x, labels) for _ in range(2)])
    terms = [w.value.size // w.shape[-1] for w in model.trainable_weights if w.ndim > 1]
    np.testing.assert_allclose(losses[1], losses[0], rtol=2.0 ** (16 - 53) * sum(np.sqrt(terms)))
    assert losses[1][0] != losses[1][1]


def test_auxiliary_classifiers_of_googlenet():
    """Three outputs, in the paper's places; the parameters on top are those of two heads."""
    model = build("googlenet", input_shape=(224, 224, 3), classes=10, auxiliary=True)
    assert [t.shape for t in model.outputs] == [(None, 10)] * 3
    heads = 512 * 128 + 128 + 528 * 128 + 128 + 2 * (2048 * 1024 + 1024 + 1024 * 10 + 10)
    assert model.count_params() == build("googlenet", classes=10).count_params() + heads
    with pytest.raises(ValueError, match=r"auxiliary=True.*include_top=False"):
        applications.googlenet(auxiliary=True, include_top=False)


@pytest.mark.parametrize("name", sorted(set(SMALL) - {"lenet5"}))
def test_trained_weights_are_not_shipped(name: str):
    """Asking for them says so, and how to load one's own."""
    with pytest.raises(ValueError, match=rf"{name}: no trained weights.*'imagenet'.*load_weights"):
        getattr(applications, name)(weights="imagenet")


@pytest.mark.parametrize(
    ("name", "depth"),
    [("alexnet", 8), ("vgg16", 16), ("vgg19", 19), ("googlenet", 22), ("resnet50", 50)],
)
def test_depth_counts_layers_with_weights(name: str, depth: int):
    """As the names and the papers count them."""
    assert comparison.depth(build(name)) == depth


def figures() -> list[comparison.Figures]:
    """Return what `compare` would, without the timing."""
    found = []
    for name, published in comparison.NETWORKS.items():
        model = build(name)
        found.append(
            comparison.Figures(
                name,
                comparison.depth(model),
                sum(w.value.size for w in model.trainable_weights),
                model.multiply_adds,
                comparison.activation_bytes(model),
                0.001,
                published,
            )
        )
    return found


def test_the_four_verdicts_hold():
    """What Canziani et al. 2017 say of VGG, GoogLeNet, AlexNet and ResNet."""
    found = comparison.verdicts(figures())
    assert [holds for _, holds in found] == [True] * 4, found


def test_activations_are_counted_without_those_done_in_place():
    """LeNet-5 by hand: 28x28x6, 14x14x6, 10x10x16, 5x5x16, 120, 84 and 10 numbers."""
    numbers = 28 * 28 * 6 + 14 * 14 * 6 + 10 * 10 * 16 + 5 * 5 * 16 + 120 + 84 + 10
    assert comparison.activation_bytes(build("lenet5")) == 4 * numbers


def test_compare_names_what_it_does_not_know():
    """Before anything is measured."""
    with pytest.raises(ValueError, match=r"no network 'lenet'.*alexnet"):
        list(comparison.compare(["alexnet", "lenet"]))
