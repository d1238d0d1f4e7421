"""Initializers: bounds, variances, seeds, names."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import config, initializers

SHAPE = (3, 3, 40, 60)  # a convolution's kernel
FAN_IN, FAN_OUT = 9 * 40, 9 * 60
COUNT = int(np.prod(SHAPE))

# variance, bound of the absolute value
SCALED = {
    "glorot_uniform": (2 / (FAN_IN + FAN_OUT), (6 / (FAN_IN + FAN_OUT)) ** 0.5),
    "glorot_normal": (2 / (FAN_IN + FAN_OUT), 2 / 0.87962566 * (2 / (FAN_IN + FAN_OUT)) ** 0.5),
    "he_uniform": (2 / FAN_IN, (6 / FAN_IN) ** 0.5),
    "he_normal": (2 / FAN_IN, 2 / 0.87962566 * (2 / FAN_IN) ** 0.5),
    "lecun_uniform": (1 / FAN_IN, (3 / FAN_IN) ** 0.5),
    "lecun_normal": (1 / FAN_IN, 2 / 0.87962566 * (1 / FAN_IN) ** 0.5),
}
PLAIN = {
    "random_uniform": (0.1**2 / 12, 0.05),
    "random_normal": (0.05**2, np.inf),
    "truncated_normal": (0.87962566**2 * 0.05**2, 0.1),
    "variance_scaling": (1 / FAN_IN, 2 / 0.87962566 * (1 / FAN_IN) ** 0.5),
}
RANDOM = SCALED | PLAIN


def make(name: str, seed: int | None = 1) -> Any:
    return type(initializers.get(name))(seed=seed)


@pytest.mark.parametrize("name", RANDOM)
def test_mean_variance_and_bounds(name: str):
    """Moments within five standard errors of 21,600 draws, and no value beyond the bound."""
    variance, bound = RANDOM[name]
    w = make(name)(SHAPE).astype(np.float64)
    assert abs(w.mean()) < 5 * (variance / COUNT) ** 0.5
    # The variance of a sample variance is at most that of a normal: 2 sigma^4 / n.
    assert abs(w.var() / variance - 1) < 5 * (2 / COUNT) ** 0.5
    assert abs(w).max() <= bound * (1 + 1e-6)
    assert abs(w).max() > 0.97 * min(bound, 3 * variance**0.5)
    assert len(np.unique(w)) > 0.9 * COUNT


@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
@pytest.mark.parametrize("kind", ["truncated_normal", "untruncated_normal", "uniform"])
def test_variance_scaling(mode: str, kind: str):
    """Variance scale / fan in every mode and distribution; vectors have one fan."""
    w = initializers.VarianceScaling(3.0, mode, kind, seed=2)(SHAPE).astype(np.float64)
    fan = {"fan_in": FAN_IN, "fan_out": FAN_OUT, "fan_avg": (FAN_IN + FAN_OUT) / 2}[mode]
    assert abs(w.var() * fan / 3 - 1) < 5 * (2 / COUNT) ** 0.5
    limit = (3 * 1.0 / 8) ** 0.5
    vector = initializers.VarianceScaling(1.0, mode, "uniform", seed=2)((8,))
    assert vector.shape == (8,) and abs(vector).max() <= limit


@pytest.mark.parametrize("name", RANDOM)
def test_a_seed_repeats_and_none_does_not(name: str):
    """With a seed every call gives the same bits; without, each call others."""
    assert make(name)(SHAPE).tobytes() == make(name)(SHAPE).tobytes()
    same = make(name)
    assert same(SHAPE).tobytes() == same(SHAPE).tobytes()
    assert make(name, 2)(SHAPE).tobytes() != make(name, 1)(SHAPE).tobytes()
    free = make(name, None)
    assert free(SHAPE).tobytes() != free(SHAPE).tobytes()


@pytest.mark.parametrize("name", RANDOM)
def test_set_random_seed_repeats_unseeded_initializers(name: str):
    """The sequence of seeds starts anew, in order, and depends on the seed."""
    draws = []
    for seed in (5, 5, 6):
        cnnlite.set_random_seed(seed)
        free = make(name, None)
        draws.append((free((4, 4)).tobytes(), free((4, 4)).tobytes()))
    assert draws[0] == draws[1]
    assert draws[0][0] != draws[0][1]
    assert not set(draws[0]) & set(draws[2])


@pytest.mark.parametrize("name", ["glorot_uniform", "he_uniform", "random_uniform"])
def test_float64_starts_from_the_weights_of_float32(name: str):
    """The same 24 random bits in both precisions: they differ by float32's rounding alone."""
    with cnnlite.using_backend("reference"):
        narrow, wide = make(name)(SHAPE), make(name)(SHAPE, "float64")
    assert (narrow.dtype, wide.dtype) == (np.float32, np.float64)
    # low, (high - low) and their sum are each rounded once.
    error = 3 * np.finfo(np.float32).eps * abs(wide).max()
    assert abs(narrow - wide).max() <= error


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_constants(dtype: str):
    for made, value in (
        (initializers.Zeros(), 0),
        (initializers.Ones(), 1),
        (initializers.Constant(2.5), 2.5),
    ):
        w = made((2, 3), dtype)
        assert w.dtype == dtype and (w == value).all()


@pytest.mark.parametrize("name", [*RANDOM, "zeros", "ones", "constant"])
def test_names_classes_and_configurations(name: str):
    """A name, a class, and a configuration through JSON all lead to equal initializers."""
    made = initializers.get(name)
    assert type(initializers.get(type(made))) is type(made)
    assert type(initializers.get(type(made).__name__)) is type(made)
    assert initializers.get(made) is made
    text = json.dumps(initializers.serialize(make(name) if name in RANDOM else made))
    again = initializers.get(json.loads(text))
    first = make(name) if name in RANDOM else made
    assert again((3, 4)).tobytes() == first((3, 4)).tobytes()


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: initializers.get("xavier"), "'xavier'"),
        (lambda: initializers.get(3), "3"),
        (lambda: initializers.get({"class_name": "os.system", "config": {}}), "os.system"),
        (lambda: initializers.VarianceScaling(0), "scale.*0"),
        (lambda: initializers.VarianceScaling(mode="fan"), "mode.*'fan'"),
        (lambda: initializers.VarianceScaling(distribution="x"), "distribution.*'x'"),
        (lambda: initializers.serialize(lambda s, d: None), "cannot be saved"),
        (lambda: initializers.GlorotUniform(seed="a"), "seed.*'a'"),
        (lambda: initializers.RandomNormal(stddev=-1), "stddev.*-1"),
        (lambda: initializers.RandomUniform(1, -1), "minval.*1.*-1"),
    ],
)
def test_bad_arguments(call: Any, match: str):
    with pytest.raises(ValueError, match=match):
        call()


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "a", True, None])
def test_bad_seeds_of_the_process(seed: Any):
    with pytest.raises(ValueError, match="seed must be an integer"):
        cnnlite.set_random_seed(seed)


def test_set_random_seed_seeds_python_and_numpy():
    import random

    found = []
    for _ in range(2):
        cnnlite.set_random_seed(12)
        found.append((random.random(), np.random.rand()))
    assert found[0] == found[1]


def test_the_state_of_the_process_is_not_numpy_s():
    """Drawing from NumPy's generator does not change what an initializer gives."""
    found = []
    for draws in (0, 3):
        cnnlite.set_random_seed(12)
        np.random.rand(draws)
        found.append(initializers.GlorotUniform()((2, 2)).tobytes())
    assert found[0] == found[1]


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (2, 3, 4), (4, 2, 12)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_orthogonal_vectors(shape: tuple[int, ...], dtype: str):
    """Columns, or rows if there are fewer, of length ``gain`` and orthogonal to each other."""
    w = initializers.Orthogonal(2.0, seed=3)(shape, dtype)
    assert w.shape == shape and w.dtype == dtype
    m = w.reshape(-1, shape[-1]).astype("float64")
    m = m if m.shape[0] >= m.shape[1] else m.T
    error = np.abs(m.T @ m - 4 * np.eye(m.shape[1])).max()
    assert error < 50 * np.finfo(dtype).eps
    assert w.tobytes() == initializers.Orthogonal(2.0, seed=3)(shape, dtype).tobytes()
    assert w.tobytes() != initializers.Orthogonal(2.0, seed=4)(shape, dtype).tobytes()


def test_signs_of_orthogonal_matrices_are_even():
    """Q alone has a sign that the algorithm chooses; with R's the determinant has both."""
    signs = [np.linalg.det(initializers.Orthogonal(seed=s)((1, 1), "float64")) for s in range(60)]
    assert 10 < signs.count(1.0) < 50 and set(signs) == {1.0, -1.0}


def test_fans_of_another_layout():
    """Keras's input_axes and output_axes: here the kernel is (F, C, KH, KW)."""
    ours = initializers.HeUniform(1, input_axes=(1, 2, 3), output_axes=(0,))((60, 40, 3, 3))
    assert abs(ours).max() == pytest.approx((6 / FAN_IN) ** 0.5, rel=1e-3)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: initializers.Identity()((2, 2, 2)), r"matrix.*\(2, 2, 2\)"),
        (lambda: initializers.Orthogonal()((3,)), r"2 dimensions.*\(3,\)"),
        (lambda: initializers.HeNormal(input_axes=(0,)), "go together"),
    ],
)
def test_shapes_and_axes_that_do_not_fit(call: Any, match: str):
    with pytest.raises(ValueError, match=match):
        call()


@pytest.mark.parametrize("make", [initializers.Zeros, initializers.Identity, initializers.HeNormal])
def test_the_dtype_is_floatx_where_none_is_given(make: Any):
    try:
        for dtype in ("float64", "float32"):
            config.set_floatx(dtype)
            with cnnlite.using_backend("reference"):  # which has float64 too
                assert make()((2, 2)).dtype == make()((2, 2), None).dtype == dtype
    finally:
        config.set_floatx("float32")
