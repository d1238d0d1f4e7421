"""cnnlite.sklearn: scikit-learn's own checks, and its tools around the estimators."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import callbacks, datasets, layers, optimizers
from cnnlite.errors import ShapeError

pytest.importorskip("sklearn", reason='needs scikit-learn: pip install "cnnlite-engine[sklearn]"')

from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cnnlite.sklearn import CnnliteClassifier, CnnliteRegressor

BOTH = pytest.mark.parametrize("cls", [CnnliteClassifier, CnnliteRegressor])
MOONS = datasets.moons(200, noise=0.1, seed=0)
QUICK: dict[str, Any] = {
    "hidden_layer_sizes": (16,), "epochs": 20, "learning_rate": 0.03, "random_state": 0,
}  # fmt: skip

# ---- scikit-learn's own checks

WEIGHTS = "check_sample_weight_equivalence_on_dense_data"
RUN_CHECKS = f"""
import json, sys, warnings
warnings.simplefilter("ignore")
from sklearn.utils.estimator_checks import check_estimator
import cnnlite.sklearn
estimator = getattr(cnnlite.sklearn, sys.argv[1])()
known = {{"{WEIGHTS}": "equal but for the rounding of float32, and within one batch only"}}
results = check_estimator(estimator, expected_failed_checks=known, on_fail=None, on_skip=None)
print(json.dumps([(r["check_name"], r["status"], str(r["exception"])[:300]) for r in results]))
"""


@BOTH
def test_scikit_learns_own_checks(cls: type):
    """All of check_estimator; the one that is expected to fail is tested below in its sense."""
    done = subprocess.run(
        [sys.executable, "-c", RUN_CHECKS, cls.__name__],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
        cwd=Path(cnnlite.__file__).parent.parent,
        env={**os.environ, "SCIPY_ARRAY_API": "1"},  # without it, one check is skipped
    )
    results = json.loads(done.stdout.splitlines()[-1])
    assert len(results) > 50
    assert [r for r in results if r[1] not in ("passed", "skipped", "xfail")] == []
    assert [name for name, status, _ in results if status == "xfail"] == [WEIGHTS]
    skipped = [r for r in results if r[1] == "skipped"]
    assert all("not installed" in reason for _, _, reason in skipped)


@BOTH
def test_a_sample_of_weight_two_counts_as_two_samples(cls: type):
    """Within one batch the sums are the same numbers; 100 steps of float32 apart."""
    x, y = datasets.moons(30, seed=1)
    weights = np.arange(30) % 3
    options = {**QUICK, "batch_size": 60, "epochs": 100, "learning_rate": None}
    weighted = cls(**options).fit(x, y, sample_weight=weights)
    repeated = cls(**options).fit(np.repeat(x, weights, 0), np.repeat(y, weights))
    unweighted = cls(**options).fit(x, y)
    name = "predict_proba" if cls is CnnliteClassifier else "predict"
    results = [getattr(e, name)(x) for e in (weighted, repeated, unweighted)]
    np.testing.assert_allclose(results[0], results[1], atol=1e-4)
    assert abs(results[0] - results[2]).max() > 1e-2


@BOTH
def test_only_the_ratios_of_weights_count(cls: type):
    x, y = MOONS
    one = cls(**QUICK).fit(x, y, sample_weight=np.full(200, 8.0)).predict(x)
    np.testing.assert_array_equal(one, cls(**QUICK).fit(x, y).predict(x))


# ---- scikit-learn's tools


def test_pipeline_grid_search_and_cross_validation_in_two_processes():
    x, y = MOONS
    pipeline = make_pipeline(StandardScaler(), CnnliteClassifier(**QUICK))
    alone = cross_val_score(pipeline, x, y, cv=3)
    together = cross_val_score(pipeline, x, y, cv=3, n_jobs=2)
    assert alone.min() > 0.9
    np.testing.assert_array_equal(alone, together)

    grid = {"cnnliteclassifier__hidden_layer_sizes": [(), (16,)]}
    search = GridSearchCV(pipeline, grid, cv=3, n_jobs=2).fit(x, y)
    assert search.best_params_ == {"cnnliteclassifier__hidden_layer_sizes": (16,)}
    assert search.best_score_ == alone.mean()
    assert search.score(x, y) > 0.9


def test_models_travel_to_other_processes():
    """As the bytes of their files; a function as joblib sends it."""
    x, y = MOONS
    cnnlite.set_random_seed(0)
    network = cnnlite.Sequential(
        [
            cnnlite.Input((2,)),
            layers.Dense(16, activation="tanh"),
            layers.Dense(2, activation="softmax"),
        ]
    )
    network.compile(optimizers.Adam(0.03), "sparse_categorical_crossentropy")

    def perceptron(input_shape: tuple[int, ...], outputs: int) -> Any:
        return cnnlite.Sequential(
            [
                cnnlite.Input(input_shape),
                layers.Dense(12, activation="relu"),
                layers.Dense(outputs, activation="softmax"),
            ]
        )

    for model in (network, perceptron):
        estimator = CnnliteClassifier(model=model, epochs=20, learning_rate=0.03, random_state=0)
        alone = cross_val_score(estimator, x, y, cv=2)
        np.testing.assert_array_equal(alone, cross_val_score(estimator, x, y, cv=2, n_jobs=2))
        assert alone.min() > 0.8


@BOTH
def test_pickles_predict_the_same_bits(cls: type):
    x, y = MOONS
    estimator = cls(**QUICK).fit(x, y)
    again = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(again.predict(x), estimator.predict(x))
    assert clone(estimator).get_params() == estimator.get_params()


# ---- randomness


@BOTH
def test_random_state(cls: type):
    x, y = MOONS
    first = cls(**QUICK).fit(x, y).model_.get_weights()
    for a, b in zip(first, cls(**QUICK).fit(x, y).model_.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    other = cls(**{**QUICK, "random_state": 1}).fit(x, y).model_.get_weights()
    assert not np.array_equal(first[0], other[0])

    free = {**QUICK, "random_state": None}
    cnnlite.set_random_seed(4)
    first = cls(**free).fit(x, y).model_.get_weights()
    second = cls(**free).fit(x, y).model_.get_weights()
    assert not np.array_equal(first[0], second[0])
    cnnlite.set_random_seed(4)
    np.testing.assert_array_equal(first[0], cls(**free).fit(x, y).model_.get_weights()[0])


def test_fit_leaves_other_random_numbers_alone():
    x, y = MOONS

    def draw(between: bool) -> tuple[float, np.ndarray]:
        cnnlite.set_random_seed(9)
        if between:
            CnnliteClassifier(**QUICK).fit(x, y)
        weights = cnnlite.initializers.get("glorot_uniform")((3, 3), "float32")
        return np.random.random(), np.asarray(weights)

    number, weights = draw(True)
    assert draw(False)[0] == number
    np.testing.assert_array_equal(draw(False)[1], weights)


# ---- models of the user's own


def test_a_model_is_trained_as_a_copy_from_its_weights():
    x, y = MOONS
    model = cnnlite.Sequential([cnnlite.Input((2,)), layers.Dense(2, activation="softmax")])
    before = model.get_weights()
    estimator = CnnliteClassifier(model=model, epochs=1, learning_rate=0.0).fit(x, y)
    for a, b in zip(before, estimator.model_.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)  # a rate of 0 shows where it started
    estimator.set_params(learning_rate=0.1).fit(x, y)
    assert not np.array_equal(before[0], estimator.model_.get_weights()[0])
    np.testing.assert_array_equal(before[0], model.get_weights()[0])
    assert model.optimizer is None


def test_a_compiled_model_keeps_its_optimizer_and_loss():
    x, y = MOONS

    def compiled(input_shape: tuple[int, ...], outputs: int) -> Any:
        model = cnnlite.Sequential([cnnlite.Input(input_shape), layers.Dense(outputs)])
        model.compile(optimizers.SGD(0.125), "mean_squared_error")
        return model

    estimator = CnnliteRegressor(model=compiled, optimizer="adam", epochs=1).fit(x, y)
    assert isinstance(estimator.model_.optimizer, optimizers.SGD)
    assert estimator.model_.optimizer.learning_rate == 0.125


def test_an_optimizer_is_used_as_a_copy():
    x, y = MOONS
    optimizer = optimizers.SGD(0.1, momentum=0.5)
    estimator = CnnliteClassifier(optimizer=optimizer, learning_rate=0.2, epochs=1).fit(x, y)
    assert estimator.model_.optimizer.learning_rate == 0.2
    assert estimator.model_.optimizer.momentum == 0.5
    assert (optimizer.learning_rate, optimizer.iterations) == (0.1, 0)


def test_one_sigmoid_unit_for_two_classes():
    x, y = MOONS

    def model(input_shape: tuple[int, ...], outputs: int) -> Any:
        assert (input_shape, outputs) == ((2,), 2)
        return cnnlite.Sequential(
            [
                cnnlite.Input(input_shape),
                layers.Dense(16, activation="tanh"),
                layers.Dense(1, activation="sigmoid"),
            ]
        )

    names = np.array(["lower", "upper"])[y]
    estimator = CnnliteClassifier(model=model, epochs=30, learning_rate=0.05, random_state=0)
    estimator.fit(x, names)
    assert estimator.score(x, names) > 0.9
    p = estimator.predict_proba(x)
    assert p.shape == (200, 2)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(estimator.predict(x), np.where(p[:, 1] > 0.5, "upper", "lower"))


def test_images():
    (x, y), (x_test, y_test) = datasets.mnist5k.load_data()
    x, x_test = x[:800, ..., None] / np.float32(255), x_test[:300, ..., None] / np.float32(255)
    model = cnnlite.Sequential(
        [
            cnnlite.Input((28, 28, 1)),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    estimator = CnnliteClassifier(model=model, epochs=5, learning_rate=0.01, random_state=0)
    assert estimator.fit(x, y[:800]).score(x_test, y_test[:300]) > 0.7
    assert estimator.predict_proba(x_test[:3]).shape == (3, 10)


# ---- shapes, dtypes, callbacks


def test_several_targets():
    x = np.linspace(-1, 1, 40)[:, None]
    y = np.hstack([x, 2 * x, -x])
    estimator = CnnliteRegressor(**QUICK).fit(x, y)
    assert estimator.predict(x).shape == (40, 3)
    assert estimator.fit(x, y[:, 0]).predict(x).shape == (40,)
    assert estimator.fit(x, y[:, :1]).predict(x).shape == (40, 1)
    assert estimator.predict(x).dtype == np.float64


def test_one_class_alone():
    estimator = CnnliteClassifier(epochs=1).fit(MOONS[0], np.full(200, 7))
    assert (estimator.predict(MOONS[0]) == 7).all()


class StopAfterTwo(callbacks.Callback):
    """Counts its epochs, and would stop at once in a second training."""

    epochs = 0

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.epochs += 1
        self.model.stop_training = self.epochs >= 2


def test_callbacks_are_copied_and_the_history_kept():
    stop = StopAfterTwo()
    estimator = CnnliteClassifier(**{**QUICK, "callbacks": [stop]})
    for _ in range(2):
        estimator.fit(*MOONS)
        assert len(estimator.history_["loss"]) == 2
    assert estimator.callbacks == [stop]
    assert stop.epochs == 0
    estimator.set_params(callbacks=None, epochs=3, validation_split=0.25).fit(*MOONS)
    assert len(estimator.history_["val_loss"]) == 3


# ---- bad input


@BOTH
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"hidden_layer_sizes": (4, 0)}, ValueError, "hidden_layer_sizes must be positive"),
        ({"hidden_layer_sizes": 4}, ValueError, "hidden_layer_sizes must be positive"),
        ({"hidden_layer_sizes": (2.5,)}, ValueError, "hidden_layer_sizes must be positive"),
        ({"model": 3}, TypeError, "must be a Model, or a function"),
        ({"model": lambda shape, outputs: None}, TypeError, "must be a Model, or a function"),
        ({"activation": "nonsense"}, ValueError, "nonsense"),
        ({"optimizer": "nonsense"}, ValueError, "nonsense"),
        ({"loss": "nonsense"}, ValueError, "nonsense"),
        ({"epochs": -1}, ValueError, "epochs must be"),
        ({"batch_size": 0}, ValueError, "batch_size must be"),
        ({"random_state": "a"}, ValueError, "cannot be used to seed"),
    ],
)
def test_bad_parameters(cls: type, options: dict[str, Any], error: type[Exception], message: str):
    with pytest.raises(error, match=message):
        cls(**{"epochs": 1, **options}).fit(*MOONS)


@BOTH
def test_a_model_that_does_not_fit_the_targets(cls: type):
    def model(input_shape: tuple[int, ...], outputs: int) -> Any:
        return cnnlite.Sequential([cnnlite.Input(input_shape), layers.Dense(5)])

    with pytest.raises(ShapeError, match=r"does not fit the targets. Its output is \(None, 5\)"):
        cls(model=model).fit(*MOONS)


@BOTH
def test_bad_weights_and_not_fitted(cls: type):
    with pytest.raises(ValueError, match="zero"):
        cls().fit(*MOONS, sample_weight=np.zeros(200))
    with pytest.raises(ValueError, match=r"[Nn]egative values in data"):
        cls().fit(*MOONS, sample_weight=np.full(200, -1.0))
    with pytest.raises(NotFittedError):
        cls().predict(MOONS[0])


def test_without_scikit_learn():
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "try:\n    import cnnlite.sklearn\n"
        "except ImportError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(cnnlite.__file__).parent.parent,
    )
    assert 'pip install "cnnlite-engine[sklearn]"' in done.stdout
