"""Optimizer steps as operations: what they refuse, and that no thread or level changes a bit."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bench.cases import EDGES
from bench.updates import Update
from cnnlite import ops
from cnnlite.errors import DtypeError, ShapeError
from cnnlite.kernels import reference
from tests.backends import Variant, places
from tests.comparison import assert_same_bits, call, copied, for_each, seeded


def zeros(*shape: int, dtype: str = "float32") -> np.ndarray:
    return np.zeros(shape, dtype)


def _locked() -> np.ndarray:
    a = zeros(2)
    a.flags.writeable = False
    return a


ADAM = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}


def sgd(weights: Any, gradients: Any, rate: Any = 0.1, **options: Any) -> Callable[[], None]:
    return lambda: ops.update("sgd", weights, gradients, rate, **options)


def adam(iterations: Any = 1, **options: Any) -> Callable[[], None]:
    slots = {"momentum": [zeros(2)], "velocity": [zeros(2)]}
    given = {"slots": slots, **ADAM, **options}
    return lambda: ops.update("adam", [zeros(2)], [zeros(2)], 0.1, iterations, **given)


@pytest.mark.parametrize(
    ("bad", "error", "match"),
    [
        (lambda: ops.update("ftrl", [], [], 0.1), ValueError, "'ftrl'.*sgd, rmsprop"),
        (sgd([zeros(2)], []), ShapeError, "0 arrays for 1"),
        (sgd([zeros(2)], [zeros(3)]), ShapeError, r"\(3,\)"),
        (sgd([[1.0]], [zeros(1)]), TypeError, "list"),
        (sgd(zeros(2), [zeros(2)]), TypeError, "weights must be a list.*ndarray"),
        (sgd([zeros(2)], [np.zeros(2)]), DtypeError, "float64"),
        (sgd([zeros(2), np.zeros(2)], [zeros(2), np.zeros(2)]), DtypeError, "float64"),
        (sgd([zeros(4)[::2]], [zeros(2)]), ValueError, "contiguous"),
        (sgd([_locked()], [zeros(2)]), ValueError, "read-only"),
        (sgd([zeros(2)], [zeros(2)], "fast"), TypeError, "'fast'"),
        (sgd([zeros(2)], [zeros(2)], momentum=0.9), ValueError, "go together.*setting alone"),
        (
            sgd([zeros(2)], [zeros(2)], slots={"momentum": [zeros(2)]}),
            ValueError,
            "go together.*slot alone",
        ),
        (sgd([zeros(2)], [zeros(2)], rho=0.9), TypeError, "no setting 'rho'"),
        (sgd([zeros(2)], [zeros(2)], momentum="a"), TypeError, "momentum.*'a'"),
        (sgd([zeros(2)], [zeros(2)], clip_value=-1.0), ValueError, "clip_value.*-1"),
        (sgd([zeros(2)], [zeros(2)], scales=[1.0, 2.0]), ShapeError, r"scales.*\(2,\)"),
        (sgd([zeros(2)], [zeros(2)], decays=1.0), ShapeError, r"decays.*\(\)"),
        (adam(0), ValueError, "iterations.*0"),
        (adam(slots={}), ValueError, "momentum.*None"),
        (adam(slots={"momentum": [zeros(2)]}), ValueError, "velocity.*None"),
        (adam(slots={"speed": [zeros(2)]}), ValueError, "slots.*'speed'"),
        (adam(slots={"momentum": [], "velocity": [zeros(2)]}), ShapeError, "momentum"),
        (
            lambda: ops.update("adagrad", [zeros(2)], [zeros(2)], 0.1, slots={}),
            TypeError,
            "'epsilon'",
        ),
        (lambda: ops.clip_scales([zeros(2)], 0.0), ValueError, "clip_norm.*0.0"),
        (lambda: ops.clip_scales(zeros(2), 1.0), TypeError, "list of arrays"),
        (lambda: ops.clip_scales([zeros(2)], 1.0, out=zeros(1)), ShapeError, "out"),
        (
            lambda: ops.average_update([zeros(2)], [zeros(3)], 1, momentum=0.9),
            ShapeError,
            r"averages.*\(2,\)",
        ),
        (lambda: ops.average_update([], [], 1, momentum=2.0), ValueError, "momentum.*2.0"),
        (
            lambda: ops.average_update([], [], 1, momentum=0.5, overwrite_frequency=0),
            ValueError,
            "overwrite_frequency.*0",
        ),
        (lambda: ops.average_update([], [], 0, momentum=0.5), ValueError, "iterations.*0"),
    ],
)
def test_bad_calls(bad: Callable[[], Any], error: type[Exception], match: str):
    with pytest.raises(error, match=match) as caught:
        bad()
    assert re.match(r"[a-z0-9_]+: ", str(caught.value))


@pytest.mark.parametrize("level", [level for name, level in places() if name == "native"])
def test_native_steps_have_the_bits_of_the_reference(level: str):
    """Each operation is rounded once, so every SIMD level gives NumPy's float32 bits."""
    variant = Variant("native", level, "float32")
    variant.use()
    kernel = variant.kernels()["update"]

    def check(case: Update) -> None:
        arguments = case.arguments(seeded(case), np.float32)
        expected = call(reference.update, copied(arguments))
        assert_same_bits(call(kernel, arguments), expected)

    for_each([c for c in EDGES if isinstance(c, Update)], check)  # type: ignore[arg-type]


def test_no_weights_at_all():
    ops.update("sgd", [], [], 0.1)
    assert ops.clip_scales([], 1.0).shape == (0,)
    ops.average_update([], [], 1, momentum=0.9)
