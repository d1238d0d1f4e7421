"""Learning-rate schedules against Keras's figures, and their arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cnnlite.optimizers import schedules

# Keras 3.15 gives these rates at the steps 0, 1, 3, 5, 9, 10, 14 and 23.
STEPS = (0, 1, 3, 5, 9, 10, 14, 23)
FIGURES: list[tuple[str, list[float]]] = [
    (
        "ExponentialDecay(0.1, 7, 0.5)",
        [0.1, 0.0905724, 0.0742997, 0.0609507, 0.0410168, 0.0371499, 0.025, 0.0102542],
    ),
    (
        "ExponentialDecay(0.1, 7, 0.5, staircase=True)",
        [0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.025, 0.0125],
    ),
    (
        "InverseTimeDecay(0.1, 7, 0.5)",
        [0.1, 0.0933333, 0.0823529, 0.0736842, 0.0608696, 0.0583333, 0.05, 0.0378378],
    ),
    (
        "InverseTimeDecay(0.1, 7, 0.5, staircase=True)",
        [0.1, 0.1, 0.1, 0.1, 0.0666667, 0.0666667, 0.05, 0.04],
    ),
    (
        "PiecewiseConstantDecay([3, 9], [0.1, 0.05, 0.02])",
        [0.1, 0.1, 0.1, 0.05, 0.05, 0.02, 0.02, 0.02],
    ),
    ("PolynomialDecay(0.1, 10, 0.02, 2.0)", [0.1, 0.0848, 0.0592, 0.04, 0.0208, 0.02, 0.02, 0.02]),
    (
        "PolynomialDecay(0.1, 10, 0.02, 2.0, cycle=True)",
        [0.1, 0.0848, 0.0592, 0.04, 0.0208, 0.02, 0.0272, 0.0243556],
    ),
    ("CosineDecay(0.1, 10)", [0.1, 0.0975528, 0.0793893, 0.05, 0.00244717, 0.0, 0.0, 0.0]),
    ("CosineDecay(0.1, 10, 0.2)", [0.1, 0.0980423, 0.0835114, 0.06, 0.0219577, 0.02, 0.02, 0.02]),
    (
        "CosineDecay(0.01, 10, 0.1, warmup_target=0.2, warmup_steps=4)",
        [0.01, 0.0575, 0.1525, 0.195595, 0.11, 0.0821885, 0.02, 0.02],
    ),
    (
        "CosineDecayRestarts(0.1, 4)",
        [0.1, 0.0853553, 0.0146447, 0.096194, 0.0308658, 0.0146447, 0.096194, 0.0222215],
    ),
    (
        "CosineDecayRestarts(0.1, 4, 1.0, 0.9, 0.1)",
        [0.1, 0.0868198, 0.0231802, 0.0791378, 0.072224, 0.04645, 0.042805, 0.0177828],
    ),
    (
        "CosineDecayRestarts(0.1, 4, 1.5, 0.8, 0.1)",
        [0.1, 0.0868198, 0.0231802, 0.0771769, 0.0148231, 0.0676, 0.0438011, 0.0467985],
    ),
]


def made(source: str) -> Any:
    return eval(source, vars(schedules))


@pytest.mark.parametrize(("source", "expected"), FIGURES, ids=[s for s, _ in FIGURES])
def test_rates_are_keras_s(source: str, expected: list[float]):
    schedule = made(source)
    assert [schedule(t) for t in STEPS] == pytest.approx(expected, rel=1e-5, abs=1e-12)
    again = schedules.deserialize(schedules.serialize(schedule))
    assert type(again) is type(schedule) and again.get_config() == schedule.get_config()
    assert [again(t) for t in STEPS] == [schedule(t) for t in STEPS]


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: made("ExponentialDecay(0.1, 0, 0.5)"), ValueError, "decay_steps.*0"),
        (lambda: made("ExponentialDecay('a', 1, 0.5)"), TypeError, "initial_learning_rate.*'a'"),
        (lambda: made("InverseTimeDecay(0.1, 5, None)"), TypeError, "decay_rate.*None"),
        (lambda: made("PiecewiseConstantDecay([1], [0.1])"), ValueError, "1 boundaries and 1"),
        (lambda: made("PiecewiseConstantDecay([2, 1], [1, 2, 3])"), ValueError, "rise"),
        (lambda: made("PiecewiseConstantDecay(1, [1])"), ValueError, "boundaries.*list"),
        (lambda: made("PolynomialDecay(0.1, -1)"), ValueError, "decay_steps.*-1"),
        (lambda: made("CosineDecay(0.1, 0)"), ValueError, "decay_steps.*0"),
        (lambda: made("CosineDecay(0.1, 1, warmup_steps=-1)"), ValueError, "warmup_steps.*-1"),
        (lambda: made("CosineDecayRestarts(0.1, 0)"), ValueError, "first_decay_steps.*0"),
        (lambda: made("CosineDecayRestarts(0.1, 4, 0.5)"), ValueError, "t_mul.*0.5"),
        (lambda: schedules.deserialize({"class_name": "os"}), ValueError, "'os'"),
        (lambda: schedules.deserialize("cosine"), ValueError, "'cosine'"),
        (lambda: schedules.LearningRateSchedule()(0), NotImplementedError, "__call__"),
        (lambda: schedules.LearningRateSchedule().get_config(), NotImplementedError, "saved"),
    ],
)
def test_bad_arguments(make: Callable[[], Any], error: type[Exception], match: str):
    with pytest.raises(error, match=match):
        make()
