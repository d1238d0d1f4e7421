"""Optimizers: their steps against Keras's figures, their arguments, slots and files."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import constraints, layers, optimizers, regularizers
from cnnlite.errors import CnnliteWarning, ShapeError
from cnnlite.ops import Parameter
from cnnlite.optimizers import schedules

# Keras 3.15 gives these weights (kernel of 3, bias of 1) after five steps in float64 of rate
# 0.1 from START with the gradients below; SGD with weight_decay spares the bias.
START = [1.0, -2.0, 0.5, 0.25]
FIGURES: list[tuple[str, dict, list[float]]] = [
    ("SGD", {}, [1.025974032, -1.55, 0.3, 0.2376686845]),
    ("SGD", {"weight_decay": 0.1}, [0.9788275954, -1.457935279, 0.2794156229, 0.2376686845]),
    ("SGD", {"clipnorm": 0.5}, [1.003168092, -1.903213413, 0.4563796832, 0.2401216004]),
    ("SGD", {"clipvalue": 0.4}, [1.026474408, -1.81, 0.46, 0.2401215994]),
    ("SGD", {"global_clipnorm": 0.5}, [1.003425277, -1.905715521, 0.4565406591, 0.243395867]),
    (
        "SGD",
        {"use_ema": True, "ema_momentum": 0.6, "ema_overwrite_frequency": 2},
        [1.004992684, -1.6904, 0.132, 0.2476296958],
    ),
    ("SGD", {"momentum": 0.9}, [0.8854593831, -1.048907, 0.00678, -0.06909975208]),
    (
        "SGD",
        {"momentum": 0.9, "nesterov": True},
        [0.9228874772, -0.6940163, -0.143898, -0.04952109235],
    ),
    ("RMSprop", {}, [0.9968810726, -0.6772215831, 0.2353495152, 0.02817779072]),
    ("RMSprop", {"momentum": 0.5}, [0.7598850091, 0.1829136864, 0.08081544941, -0.4153849696]),
    ("RMSprop", {"centered": True}, [0.9701931479, -0.4976211056, 0.2140272765, -0.01682971803]),
    (
        "RMSprop",
        {"rho": 0.7, "momentum": 0.5, "centered": True, "epsilon": 0.001},
        [0.8114814682, -0.07796167767, 0.1779161065, -0.2893712181],
    ),
    ("Adagrad", {}, [0.9992428571, -1.634634123, 0.4192384257, 0.1850437769]),
    (
        "Adagrad",
        {"initial_accumulator_value": 0.5, "epsilon": 0.01},
        [1.011510902, -1.701213238, 0.4228967089, 0.2108988438],
    ),
    ("Adadelta", {}, [1.000103103, -1.998921753, 0.4998566018, 0.2499721711]),
    (
        "Adadelta",
        {"rho": 0.8, "epsilon": 0.001},
        [1.006456425, -1.946383787, 0.4924787031, 0.2492920367],
    ),
    ("Adam", {}, [0.7933421017, -1.514919006, 0.3565056699, -0.0532579091]),
    ("Adam", {"weight_decay": 0.1}, [0.7519257186, -1.426572963, 0.3364003634, -0.05663469666]),
    ("Adam", {"clipnorm": 0.5}, [0.7807696097, -1.511946247, 0.3555525784, -0.04967252313]),
    ("Adam", {"clipvalue": 0.4}, [0.7952561771, -1.499343997, 0.3565064427, -0.0539166801]),
    ("Adam", {"global_clipnorm": 0.5}, [0.78383464, -1.512503589, 0.3528815536, -0.06414226812]),
    (
        "Adam",
        {"use_ema": True, "ema_momentum": 0.6, "ema_overwrite_frequency": 2},
        [0.8622597874, -1.664942107, 0.3622784363, 0.05433729441],
    ),
    (
        "Adam",
        {"amsgrad": True, "beta_2": 0.5},
        [0.7963404863, -1.578094808, 0.3565054861, -0.03990612945],
    ),
    (
        "Adam",
        {"beta_1": 0.7, "beta_2": 0.95, "epsilon": 0.001},
        [0.8677134404, -1.488836909, 0.3746918809, 0.01227719026],
    ),
    ("AdamW", {}, [0.7916509932, -1.511312923, 0.3556848129, -0.05339872067]),
    ("AdamW", {"weight_decay": 0.3}, [0.6743109298, -1.260829258, 0.2987104107, -0.06252608454]),
    ("Adamax", {}, [0.8177400105, -1.624704099, 0.3565054839, -0.02829253978]),
    (
        "Adamax",
        {"beta_1": 0.7, "beta_2": 0.8, "epsilon": 0.001},
        [0.8549805954, -1.600017287, 0.37450648, 0.008884604359],
    ),
    ("Nadam", {}, [0.9793246585, -1.519057586, 0.399022897, 0.1494352236]),
    (
        "Nadam",
        {"beta_1": 0.7, "beta_2": 0.8, "epsilon": 0.001},
        [1.00810651, -1.440179365, 0.3874108191, 0.1566366524],
    ),
    ("Lion", {}, [1.1, -1.5, 0.4, 0.15]),
    ("Lion", {"beta_1": 0.5, "beta_2": 0.6}, [0.9, -1.5, 0.4, 0.15]),
]


def gradients(t: int) -> tuple[np.ndarray, np.ndarray]:
    kernel = np.array([0.5 * math.cos(t), -0.3 * (t + 1), 2.0 * (-1) ** t])
    return kernel, np.array([0.7 * math.sin(t + 1)])


def weights(dtype: str = "float64") -> list[Parameter]:
    kernel = Parameter(np.array(START[:3], dtype), "dense/kernel")
    return [kernel, Parameter(np.array(START[3:], dtype), "dense/bias")]


def values(parameters: list[Parameter]) -> np.ndarray:
    return np.concatenate([p.value for p in parameters])


@pytest.mark.parametrize(
    ("name", "options", "expected"), FIGURES, ids=[f"{n}-{o}" for n, o, _ in FIGURES]
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_five_steps_are_keras_s(name: str, options: dict, expected: list[float], dtype: str):
    """The reference in float64; the back end in use in float32, to a few roundings a step."""
    optimizer = getattr(optimizers, name)(learning_rate=0.1, **options)
    if name == "SGD" and "weight_decay" in options:
        optimizer.exclude_from_weight_decay(var_names=["bias"])
    trained = weights(dtype)
    with cnnlite.using_backend("reference" if dtype == "float64" else cnnlite.get_backend()):
        for t in range(5):
            assert optimizer.apply_gradients(zip(gradients(t), trained, strict=True)) == t + 1
    tolerance = 2e-9 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(values(trained), expected, atol=tolerance)
    assert all(w.version == 5 for w in trained)


@pytest.mark.parametrize(("name", "options", "_"), FIGURES)
def test_a_configuration_makes_an_equal_optimizer(name: str, options: dict, _: Any):
    optimizer = getattr(optimizers, name)(0.25, **options)
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert type(again) is type(optimizer) and again.get_config() == optimizer.get_config()
    assert again.slot_names == optimizer.slot_names and again.learning_rate == 0.25


def test_names():
    for name in ("sgd", "rmsprop", "adam", "adamw", "adadelta", "adagrad", "adamax", "nadam"):
        assert type(optimizers.get(name)).__name__.lower() == name
    assert type(optimizers.get("Lion")) is optimizers.Lion


def test_slots_of_adam_and_variables():
    """The names that files hold; the variables come as Keras lists them."""
    optimizer, trained = optimizers.Adam(), weights()
    optimizer.build(trained)
    assert list(optimizer.slots) == ["momentum", "velocity"]
    names = [v.name for v in optimizer.variables]
    assert names[:4] == [
        "iteration", "learning_rate", "momentum/dense/kernel", "velocity/dense/kernel"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: optimizers.SGD(clipnorm=1.0, clipvalue=1.0), ValueError, "clipnorm and clipv"),
        (lambda: optimizers.SGD(clipnorm=-1.0), ValueError, "clipnorm.*-1"),
        (lambda: optimizers.SGD(weight_decay="a"), TypeError, "weight_decay.*'a'"),
        (lambda: optimizers.SGD(use_ema=True, ema_momentum=1.5), ValueError, "ema_momentum.*1.5"),
        (lambda: optimizers.SGD(ema_overwrite_frequency=0), ValueError, "frequency.*0"),
        (lambda: optimizers.SGD(loss_scale_factor=2.0), ValueError, "loss_scale_factor.*2.0"),
        (lambda: optimizers.SGD(gradient_accumulation_steps=2), ValueError, "accumulation.*2"),
        (lambda: optimizers.SGD(momentum=True), TypeError, "momentum.*True"),
        (lambda: optimizers.RMSprop(rho=-0.1), ValueError, "rho.*-0.1"),
        (lambda: optimizers.RMSprop(epsilon=0), ValueError, "epsilon.*0"),
        (lambda: optimizers.Adagrad(initial_accumulator_value=-1), ValueError, "value.*-1"),
        (lambda: optimizers.Adadelta(rho=2), ValueError, "rho.*2"),
        (lambda: optimizers.AdamW(weight_decay=None), ValueError, "weight_decay.*None"),
        (lambda: optimizers.Adamax(beta_1=1.0), ValueError, "beta_1.*1.0"),
        (lambda: optimizers.Nadam(beta_2=None), TypeError, "beta_2.*None"),
        (lambda: optimizers.Lion(beta_1=0), ValueError, "beta_1.*0"),
        (lambda: optimizers.Adam(decay=0.1), TypeError, "decay"),
        (lambda: optimizers.get({"class_name": "eval"}), ValueError, "'eval'"),
    ],
)
def test_bad_arguments(make: Callable[[], Any], error: type[Exception], match: str):
    with pytest.raises(error, match=match):
        make()


def test_bad_steps():
    """Other weights, gradients that do not fit or are missing, decay excluded too late."""
    optimizer, trained = optimizers.SGD(), weights("float32")
    optimizer.build(trained)
    with pytest.raises(ValueError, match=r"belongs to other weights.*dense/kernel"):
        optimizer.build(weights("float32"))
    with pytest.raises(ShapeError, match=r"dense/bias.*\(2,\).*\(1,\)"):
        optimizer.apply_gradients([([0.0, 0.0], trained[1])])
    with pytest.raises(ValueError, match="no gradient for any"):
        optimizer.apply_gradients([(None, trained[1])])
    with pytest.raises(ValueError, match="before the first step"):
        optimizer.exclude_from_weight_decay(var_names=["bias"])
    with pytest.warns(CnnliteWarning, match="dense/bias"):
        optimizer.apply_gradients([([1.0, 1.0, 1.0], trained[0]), (None, trained[1])])
    assert trained[1].value.tolist() == [0.25] and trained[0].value[0] != 1


def test_weights_join_and_leave_with_their_slots():
    """A layer that is frozen and trained again goes on with the slots that it had."""
    optimizer, (kernel, bias) = optimizers.SGD(0.5, momentum=0.5), weights("float32")
    optimizer.apply_gradients([(np.ones(3), kernel)])
    slot = optimizer.slots["momentum"][0]
    optimizer.apply_gradients([(np.ones(3), kernel), ([1.0], bias)])
    optimizer.apply_gradients([([1.0], bias)])
    optimizer.apply_gradients([(np.ones(3), kernel)])
    assert optimizer.slots["momentum"][0] is slot
    assert slot.value.tolist() == [-0.875] * 3  # -0.5, -0.75, -0.875


def model(optimizer: Any = "sgd", regularizer: Any = None, constraint: Any = None) -> Any:
    made = cnnlite.Sequential([cnnlite.Input((3,)), layers.Dense(2)])
    kernel = made.weights[0]
    kernel.regularizer = regularizers.get(regularizer)
    kernel.constraint = constraints.get(constraint)
    made.set_weights([np.arange(6.0).reshape(3, 2) / 4, np.ones(2)])
    made.compile(optimizer, "mse")
    return made


X, Y = np.eye(3, dtype="float32"), np.zeros((3, 2), "float32")


def test_one_optimizer_in_two_models_is_an_error():
    optimizer = optimizers.Adam()
    model(optimizer).fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match="belongs to other weights"):
        model(optimizer).fit(X, Y, verbose=0)


def test_a_schedule_sets_the_rate_before_each_step():
    """0 is asked for the first step; the rate cannot be set, but another schedule can."""
    rate = schedules.PiecewiseConstantDecay([1], [0.5, 0.25])
    scheduled, plain = model(optimizers.SGD(rate)), model(optimizers.SGD(0.5))
    for step in range(4):
        plain.optimizer.learning_rate = 0.5 if step <= 1 else 0.25
        assert scheduled.optimizer.learning_rate == plain.optimizer.learning_rate
        for each in (scheduled, plain):
            each.train_on_batch(X, Y)
    for a, b in zip(scheduled.get_weights(), plain.get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()
    with pytest.raises(TypeError, match=r"schedule.*0\.1"):
        scheduled.optimizer.learning_rate = 0.1
    scheduled.optimizer.learning_rate = schedules.ExponentialDecay(0.1, 4, 0.5)
    assert scheduled.optimizer.learning_rate == 0.05


def test_a_function_as_the_rate():
    optimizer = optimizers.SGD(lambda: 0.5)
    (kernel, _) = weights("float32")
    optimizer.apply_gradients([(np.ones(3), kernel)])
    assert kernel.value.tolist() == [0.5, -2.5, 0.0]
    with pytest.raises(ValueError, match="cannot be saved"):
        optimizer.get_config()
    optimizer.learning_rate = 0.25
    assert optimizer.get_config()["learning_rate"] == 0.25


def test_a_saved_model_goes_on_with_its_schedule_and_slots(tmp_path: Any):
    rate = schedules.CosineDecay(0.1, 6, warmup_target=0.3, warmup_steps=2)
    settings = {"weight_decay": 0.01, "global_clipnorm": 0.5, "use_ema": True}
    first = model(optimizers.Nadam(rate, **settings))
    first.fit(X, Y, epochs=3, batch_size=2, verbose=0)
    first.save(tmp_path / "m.safetensors")
    second = cnnlite.load_model(tmp_path / "m.safetensors")
    assert second.optimizer.get_config() == first.optimizer.get_config()
    assert second.optimizer.iterations == 6
    for each in (first, second):
        each.fit(X, Y, epochs=2, batch_size=2, verbose=0)
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()


def test_fit_ends_with_the_averages():
    """One step from w with gradient g: the average starts as the new weight, then moves."""
    averaged = model(optimizers.SGD(0.5, use_ema=True, ema_momentum=0.75))
    plain = model(optimizers.SGD(0.5))
    seen = []
    for _ in range(2):
        plain.train_on_batch(X, Y)
        seen.append(plain.get_weights()[0])
    averaged.fit(X, Y, epochs=2, verbose=0)
    expected = 0.75 * seen[0] + 0.25 * seen[1]
    np.testing.assert_allclose(averaged.get_weights()[0], expected, rtol=1e-6)


def test_constraints_hold_after_each_step():
    constrained = model(optimizers.SGD(0.5), constraint="unit_norm")
    constrained.train_on_batch(X, Y)
    norms = np.linalg.norm(constrained.get_weights()[0], axis=0)
    np.testing.assert_allclose(norms, 1, rtol=1e-6)
    (kernel, _) = weights("float32")
    kernel.constraint = constraints.NonNeg()
    optimizers.SGD(0.5).apply_gradients([([4.0, 0.0, 0.0], kernel)])
    assert kernel.value.tolist() == [0.0, 0.0, 0.5]


def test_a_penalty_is_part_of_the_reported_loss():
    plain, penalised = model(), model(regularizer="l2")
    penalty = 0.01 * float(np.square(plain.get_weights()[0]).sum())
    losses = [m.evaluate(X, Y, verbose=0) for m in (plain, penalised)]
    assert losses[1] == pytest.approx(losses[0] + penalty, rel=1e-6)
    history = penalised.fit(X, Y, batch_size=3, verbose=0).history["loss"]
    assert history == [pytest.approx(losses[1], rel=1e-6)]


class Signs(optimizers.Optimizer):
    """Steps of one size, of a user's own."""

    slot_names = ("seen",)

    def update(self, gradients: Any, **options: Any) -> None:
        settings = {"beta_1": 1e-3, "beta_2": 0.0}
        slots = {"momentum": self.slots["seen"]}
        cnnlite.ops.update(
            "lion", self.weights, gradients, self._rate, slots=slots, **options, **settings
        )


def test_an_optimizer_of_one_s_own():
    trained = model(Signs(0.5))
    before = trained.get_weights()[1]
    trained.fit(X, Y, epochs=1, verbose=0)
    assert (np.abs(before - trained.get_weights()[1]) == 0.5).all()
    with pytest.raises(NotImplementedError, match=r"Optimizer has no update"):
        optimizers.Optimizer(0.1).apply_gradients([([1.0, 1.0, 1.0], weights("float32")[0])])


def test_the_rate_may_be_assigned_as_in_keras_s_scripts():
    """It is a number, too: printed, multiplied, copied, written as JSON."""
    optimizer = optimizers.SGD(0.5)
    optimizer.learning_rate.assign(optimizer.learning_rate * 0.5)
    assert optimizer.learning_rate == optimizer.learning_rate.numpy() == 0.25
    assert json.loads(json.dumps(optimizer.learning_rate)) == 0.25
    assert type(copy.deepcopy(optimizer.learning_rate)) is float
    with pytest.raises(ValueError, match="negative"):
        optimizer.learning_rate.assign(-1)
