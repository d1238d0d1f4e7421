"""compile, and one step: the plan for a batch's shape, filled and run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnnlite import losses, metrics, ops, optimizers
from cnnlite.callbacks import History
from cnnlite.kernels.registry import get_backend
from cnnlite.layers.context import Clock, Context, StepState
from cnnlite.models.arena import Arena
from cnnlite.models.data import Dataset, as_inputs, make_dataset
from cnnlite.models.plan import EagerPlan, record
from cnnlite.random_state import next_seed, splitmix64

_SHUFFLE_STREAM = 2**32 - 1  # of random numbers; nodes count up from 0


class Steps:
    """A model's settings, its plans, and one step of training or testing."""

    graph: Any
    name: str

    def __init__(self) -> None:
        self.stop_training = False
        self.optimizer: optimizers.Optimizer | None = None
        self.loss: losses.Loss | None = None
        self.history: History | None = None
        self._metric_names: list[Any] = []
        self._metrics: list[metrics.Metric] | None = None
        self._loss_mean = metrics.Mean("loss")
        self._arena = Arena()
        self._lock = threading.RLock()
        self._clock = Clock(next_seed())

    # -- settings

    def compile(
        self, optimizer: Any = "rmsprop", loss: Any = None, metrics: Sequence[Any] | None = None
    ) -> None:
        """Choose how to train.

        Parameters
        ----------
        optimizer : str or Optimizer
        loss : str or Loss
        metrics : sequence of str or Metric, optional
            ``"accuracy"`` is resolved from the shapes.
        """
        with self._lock:
            self.optimizer = optimizers.get(optimizer)
            self.loss = None if loss is None else losses.get(loss)
            if metrics is not None and not isinstance(metrics, list | tuple):
                metrics = [metrics]
            self._metric_names = list(metrics or [])
            self._metrics = None
            self._forget_plans()

    def _forget_plans(self) -> None:
        self._arena.clear()

    @property
    def metrics_names(self) -> list[str]:
        return [m.name for m in self._all_metrics()]

    def _all_metrics(self) -> list[metrics.Metric]:
        """Return the running means: the loss first, then the metrics."""
        if self._metrics is None:
            loss = self._checked_loss("metrics")
            shape = self.graph.outputs[0].shape
            self._metrics = [metrics.get(m, loss, shape) for m in self._metric_names]
        return [self._loss_mean, *self._metrics]

    def reset_metrics(self) -> None:
        """Start the running means anew."""
        for metric in self._all_metrics():
            metric.reset_state()

    def _logs(self) -> dict[str, float]:
        with self._lock:
            return {m.name: m.result() for m in self._all_metrics()}

    def _checked_loss(self, where: str) -> losses.Loss:
        if self.optimizer is None:
            raise ValueError(f"{where}: the model is not compiled. Call compile(...) first.")
        if self.loss is None:
            raise ValueError(f"{where}: the model has no loss. Pass loss= to compile().")
        if len(self.graph.outputs) != 1:
            raise ValueError(
                f"{where}: the model has {len(self.graph.outputs)} outputs, and a loss takes one. "
                "Train a model of one output; its layers are shared."
            )
        return self.loss

    # -- plans

    def _plan(self, kind: Any, data: Dataset, size: int, program: Callable[[Any], None]) -> Any:
        """Return the plan for batches of this size; a model with a dynamic layer has none."""
        specs = {n: ((size, *a.shape[1:]), a.dtype) for n, a in data.arrays().items()}
        backend = get_backend()  # once: another thread may switch it meanwhile

        def make() -> Any:
            if self.graph.dynamic:
                return EagerPlan(program, {n: np.empty(*spec) for n, spec in specs.items()})
            return record(program, backend)

        return self._arena.plan((kind, *specs.items(), backend), make)

    def _forward(self, plan: Any, data: Dataset, size: int, training: bool) -> Any:
        """Record the forward pass; return the inputs, outputs, contexts and state."""
        state = StepState(self._clock)
        named = {
            name: plan.input(name, (size, *a.shape[1:]), a.dtype)
            for name, a in data.arrays().items()
        }
        inputs = [named[f"x{i}"] for i in range(len(data.inputs))]
        outputs, contexts = self.graph.forward(inputs, state, training)
        return named, outputs, contexts, state

    def _record_loss(self, named: dict[str, Any], y_pred: Any, state: StepState) -> Context:
        assert self.loss is not None
        ctx = Context(state)
        values = self.loss.call(named["y"], y_pred, ctx=ctx)
        _, *others = self._all_metrics()
        self._loss_mean.record_values(values, named.get("weights"))
        for metric in others:
            metric.record(named["y"], y_pred)
        return ctx

    def _train_plan(self, data: Dataset, size: int) -> Any:
        def program(plan: Any) -> None:
            assert self.loss is not None and self.optimizer is not None
            named, (y_pred,), contexts, state = self._forward(plan, data, size, True)
            ctx = self._record_loss(named, y_pred, state)
            dy = self.loss.backward(named.get("weights"), ctx=ctx)
            self.graph.backward([dy], contexts)
            self.optimizer.apply(state.gradients(self.optimizer.weights))

        return self._plan("train", data, size, program)

    def _test_plan(self, data: Dataset, size: int) -> Any:
        def program(plan: Any) -> None:
            named, (y_pred,), _, state = self._forward(plan, data, size, False)
            self._record_loss(named, y_pred, state)

        return self._plan("test", data, size, program)

    def _predict_plan(self, data: Dataset, size: int, training: bool) -> Any:
        def program(plan: Any) -> None:
            _, outputs, _, _ = self._forward(plan, data, size, training)
            for i, y in enumerate(outputs):
                plan.output(f"out{i}", y)

        return self._plan(("predict", training), data, size, program)

    # -- one batch

    def _start_training(self) -> None:
        assert self.optimizer is not None
        weights = self.trainable_weights  # type: ignore[attr-defined]
        if [id(w) for w in weights] != [id(w) for w in self.optimizer.weights]:
            if not weights:
                raise ValueError(f"{self.name}: there is nothing to train: no trainable weight.")
            self._forget_plans()
        self.optimizer.build(weights)

    def _train_step(self, data: Dataset, samples: Any, size: int) -> None:
        """One step on some samples; the caller holds the lock."""
        assert self.optimizer is not None
        plan = self._train_plan(data, size)
        data.fill(plan.arrays, samples)
        # The step's number goes up before it runs: Adam's first step is 1.
        self.optimizer.iterations += 1
        self._clock.step += 1
        try:
            plan.run()
        finally:
            for weight in self.optimizer.weights:
                weight.version += 1

    def _test_step(self, data: Dataset, samples: slice) -> None:
        plan = self._test_plan(data, samples.stop - samples.start)
        data.fill(plan.arrays, samples)
        plan.run()

    # -- data

    def _inputs(self, x: Any, where: str) -> list[np.ndarray]:
        if x is None:
            raise ValueError(f"{where}: no data. Got x=None. Pass an array.")
        several = isinstance(x, list | tuple) and any(hasattr(a, "ndim") for a in x)
        self._build_for([np.shape(a) for a in (x if several else [x])])  # type: ignore[attr-defined]
        tensors = self.graph.inputs
        shapes, dtypes = [t.shape for t in tensors], [t.dtype for t in tensors]
        return as_inputs(x, shapes, dtypes, where)

    def _dataset(self, x: Any, y: Any, sample_weight: Any, where: str) -> Dataset:
        inputs = self._inputs(x, where)
        loss = self._checked_loss(where)
        out = self.graph.outputs[0]
        return make_dataset(inputs, y, sample_weight, out.shape, out.dtype, loss, where)

    def _order(self, n: int) -> np.ndarray:
        """Return a permutation that is a function of the model's seed and the steps done.

        So each epoch has another, over several calls of fit too, and training
        goes on after loading a file as if it had never stopped.
        """
        clock = ops.clock(splitmix64(self._clock.seed), self._clock.step)
        keys = ops.random_uniform((n,), clock=clock, stream=_SHUFFLE_STREAM)
        return np.argsort(keys, kind="stable")
