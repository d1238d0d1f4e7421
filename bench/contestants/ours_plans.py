"""cnnlite's operations as models run them: recorded in a plan, buffers placed once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.job import Job, aligned, empty
from cnnlite import ops
from cnnlite.models.plan import record

Arrays = dict[str, np.ndarray]

PLAN_OPERATIONS = 100
FORWARD = {
    "lstm": ops.lstm_forward,
    "gru": ops.gru_forward,
    "simple_rnn": ops.simple_rnn_forward,
}
BACKWARD = {
    "lstm": ops.lstm_backward,
    "gru": ops.gru_backward,
    "simple_rnn": ops.simple_rnn_backward,
}


def _planned(
    arrays: Arrays, compute: Callable[[dict[str, Any]], dict[str, Any]], operations: int = 1
) -> Job:
    """Return the job of replaying what ``compute`` does with the arrays, named results out."""
    names: list[str] = []

    def program(plan: Any) -> None:
        found = compute({k: plan.input(k, a.shape, a.dtype) for k, a in arrays.items()})
        for name, array in found.items():
            plan.output(name, array)
        names.extend(found)

    plan = record(program)
    plan.bind(aligned(np.zeros(plan.nbytes, np.uint8)))
    for name, array in arrays.items():
        plan.arrays[name][...] = array
    return Job(plan.run, operations, lambda: {name: plan.arrays[name] for name in names})


def _recurrent(work: dict[str, Any], arrays: Arrays) -> Job:
    kind, backward = work["kind"], work["backward"]

    def compute(given: dict[str, Any]) -> dict[str, Any]:
        x, kernel, recurrent, bias, dy = given.values()
        y, *others = FORWARD[kind](x, kernel, recurrent, bias, save=backward)
        if not backward:
            return {"y": y}
        saved = others[2:] if kind == "lstm" else others[1:]
        found = BACKWARD[kind](dy, x, kernel, recurrent, *saved)
        return {"y": y} | dict(zip(("dx", "dw", "du", "db"), found, strict=False))

    return _planned(arrays, compute)


def _gradients(channels: tuple[int, ...]) -> Any:
    return (ops.Gradient(ops.Buffer(channels, np.float32)) for _ in range(2))


def _batchnorm(work: dict[str, Any], arrays: Arrays) -> Job:
    """The operations that BatchNormalization and ReLU record in training."""
    channels = arrays["gamma"].shape
    moving = np.zeros(channels, np.float32), np.ones(channels, np.float32)

    def compute(given: dict[str, Any]) -> dict[str, Any]:
        x, dy, gamma, beta = given.values()
        h, mean, variance = ops.batchnorm_forward(x, gamma, beta)
        ops.batchnorm_update(*moving, mean, variance)
        y = ops.relu(h)
        dgamma, dbeta = _gradients(channels)
        dx = ops.batchnorm_backward(
            ops.relu_backward(dy, y), x, mean, variance, gamma, gamma_out=dgamma, beta_out=dbeta
        )
        return {"y": y, "dx": dx, "dgamma": dgamma.array, "dbeta": dbeta.array}

    return _planned(arrays, compute)


def _layernorm(work: dict[str, Any], arrays: Arrays) -> Job:
    def compute(given: dict[str, Any]) -> dict[str, Any]:
        x, dy, gamma, beta = given.values()
        y, mean, inverse = ops.layernorm_forward(x, gamma, beta)
        dgamma, dbeta = _gradients(gamma.shape)
        dx = ops.layernorm_backward(dy, x, mean, inverse, gamma, gamma_out=dgamma, beta_out=dbeta)
        return {"y": y, "dx": dx, "dgamma": dgamma.array, "dbeta": dbeta.array}

    return _planned(arrays, compute)


def _softmax(work: dict[str, Any], arrays: Arrays) -> Job:
    return _planned(arrays, lambda given: {"y": ops.softmax(given["x"])})


def _update(work: dict[str, Any], arrays: Arrays) -> Job:
    """What the optimizer records: one operation over all weights, in place."""
    gradients = [a for name, a in arrays.items() if name[0] == "g"]

    def fresh() -> tuple[Any, Arrays]:
        """A plan of one step, and the weights that it moves."""
        weights = {name: aligned(a) for name, a in arrays.items() if name[0] == "w"}
        moments = {name: [empty(*g.shape) for g in gradients] for name in ("momentum", "velocity")}
        iterations = np.zeros(1, np.int64)

        def program(plan: Any) -> None:
            ops.update(
                "adam", list(weights.values()), gradients, np.array([1e-3]), iterations,
                slots=moments, beta_1=0.9, beta_2=0.999, epsilon=1e-7,
            )  # fmt: skip

        plan = record(program)
        plan.bind(aligned(np.zeros(plan.nbytes, np.uint8)))

        def run() -> None:
            iterations[0] += 1
            plan.run()

        return run, weights

    def outputs() -> Arrays:
        step, weights = fresh()
        step()
        step()
        return weights

    return Job(fresh()[0], outputs=outputs)


def _plan(work: dict[str, Any], arrays: Arrays) -> Job:
    """A chain of tiny operations: what replaying one costs."""

    def compute(given: dict[str, Any]) -> dict[str, Any]:
        y = given["x"]
        for _ in range(PLAN_OPERATIONS):
            y = ops.relu(y)
        return {"y": y}

    return _planned(arrays, compute, PLAN_OPERATIONS)


PREPARE = {
    **dict.fromkeys(FORWARD, _recurrent),
    "batchnorm": _batchnorm,
    "layernorm": _layernorm,
    "softmax": _softmax,
    "update": _update,
    "plan": _plan,
}
