"""compile, and one step: the plan for a batch's shape, filled and run."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnlite import metrics, ops, optimizers
from cnnlite.arguments import checks_arguments
from cnnlite.callbacks import History
from cnnlite.errors import CnnliteWarning
from cnnlite.kernels.registry import get_backend
from cnnlite.layers.context import Clock, StepState
from cnnlite.layers.graph import Forward, Graph
from cnnlite.models.arena import Arena
from cnnlite.models.data import Dataset, as_inputs, as_targets, targets_for
from cnnlite.models.heads import (
    Head,
    as_losses,
    check_names,
    check_weights,
    crossentropy_for,
    make_heads,
)
from cnnlite.models.penalties import Penalties
from cnnlite.models.plan import EagerPlan, record
from cnnlite.models.structure import Structure
from cnnlite.models.units import output_names
from cnnlite.ops import Parameter
from cnnlite.random_state import next_seed, splitmix64

if TYPE_CHECKING:
    from cnnlite.models.fitting import Fit

_SHUFFLE_STREAM = 2**32 - 1  # of random numbers; nodes count up from 0


class Steps(Penalties):
    """A model's settings, its plans, and one step of training or testing."""

    graph: Any
    name: str
    trainable_weights: Any
    _structures: tuple[Structure, Structure]  # of the inputs and of the outputs

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.RLock()
        self.stop_training = False
        self.optimizer: optimizers.Optimizer | None = None
        self.loss: Any = None
        self.history: History | None = None
        self._fit: Fit | None = None  # the call of fit that runs now
        self._settings: dict[str, Any] = {}  # what compile was given, but for the optimizer
        self._heads: list[Head] | None = None
        self._penalty = np.zeros(2)  # sum over samples, number of samples
        self._penalty_sum = self._penalty[:1]
        self._eager = False
        self._arena = Arena()
        self._clock = Clock(next_seed())

    # -- settings

    @checks_arguments("Model.compile")
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Choose how to train.

        Parameters
        ----------
        optimizer : str or Optimizer
        loss : str, Loss, or a list or dict of them
            For several outputs: one for all, or one for each (None: not trained on).
            ``"crossentropy"`` (``"ce"``) is binary, sparse or categorical by the shapes of
            predictions and targets; the first targets decide.
        loss_weights : list or dict of float, optional
            What each output's loss counts in their sum.
        metrics, weighted_metrics : list or dict of str or Metric, optional
            Measured without and with the sample weights; for several outputs, one entry
            (or a list) for each.  ``"accuracy"`` is resolved from the shapes.
        run_eagerly : bool
            Compute every step anew, operation by operation, without a plan: for
            debugging a layer of one's own.  The bits are the same, but for softmax
            before a cross-entropy of probabilities: their gradients are one operation
            in a plan.
        steps_per_execution, jit_compile, auto_scale_loss
            Taken for Keras's sake; a step costs microseconds, nothing is compiled and
            nothing scaled, so they change nothing.
        """
        with self._lock:
            loss = as_losses(loss)
            if metrics is not None and not isinstance(metrics, list | tuple | dict):
                metrics = [metrics]
            check_weights(loss_weights)
            check_names(metrics, "metrics")
            check_names(weighted_metrics, "weighted_metrics")
            self.optimizer = optimizers.get(optimizer)
            self.loss = loss
            self._settings = {
                "loss": loss,
                "loss_weights": loss_weights,
                "metrics": metrics,
                "weighted_metrics": weighted_metrics,
            }
            self._eager = bool(run_eagerly)
            self._forget_plans()

    def _forget_plans(self) -> None:
        self._heads = None
        self._arena.clear()

    # -- heads

    @property
    def output_names(self) -> list[str]:
        """The outputs' names: the keys of a dict of outputs, or the names of their layers."""
        keys = self._structures[1].keys
        if keys is not None:
            return keys
        return output_names(self.graph)

    def _all_heads(self, where: str) -> list[Head]:
        if self.optimizer is None:
            raise ValueError(f"{where}: the model is not compiled. Call compile(...) first.")
        if self._heads is None:
            given = self._settings
            self._heads = make_heads(
                self.graph.outputs,
                self.output_names,
                given["loss"],
                given["loss_weights"],
                given["metrics"],
                given["weighted_metrics"],
            )
        if where != "metrics" and all(head.loss is None for head in self._heads):
            raise ValueError(f"{where}: the model has no loss. Pass loss= to compile().")
        return self._heads

    @property
    def metrics(self) -> list[metrics.Metric]:
        """The loss of each output if several have one, then the metrics."""
        heads = self._all_heads("metrics")
        means = [head.mean for head in heads if head.loss is not None]
        means = means if len(means) > 1 else []
        return [*means, *(metric for head in heads for metric in head.metrics)]

    @property
    def metrics_names(self) -> list[str]:
        return list(self._logs())

    def _metric_states(self) -> dict[str, Any]:
        """Return copies of what the running losses and metrics have gathered."""
        means = [m for head in self._all_heads("metrics") for m in (head.mean, *head.metrics)]
        return {"penalty": self._penalty.copy(), "metrics": [m.gathered() for m in means]}

    def _set_metric_states(self, states: dict[str, Any]) -> None:
        """Take back what :meth:`_metric_states` returned."""
        self._penalty[...] = states["penalty"]
        means = [m for head in self._all_heads("metrics") for m in (head.mean, *head.metrics)]
        for metric, state in zip(means, states["metrics"], strict=True):
            metric.take_back(state)

    def reset_metrics(self) -> None:
        """Start the running losses and metrics anew."""
        self._penalty[...] = 0
        for head in self._all_heads("metrics"):
            for metric in (head.mean, *head.metrics):
                metric.reset_state()

    def _logs(self) -> dict[str, Any]:
        with self._lock:
            heads = self._all_heads("metrics")
            trained = [head for head in heads if head.loss is not None]
            total = sum(head.weight * head.mean.result() for head in trained)
            if self._penalty[1]:
                total += self._penalty[0] / self._penalty[1]
            logs = {"loss": float(total)}
            if len(trained) > 1:
                logs |= {head.mean.name: head.mean.result() for head in trained}
            for head in heads:
                logs |= head.results()
            return logs

    # -- plans

    def _plan(self, kind: Any, data: Dataset, size: int, program: Callable[[Any], None]) -> Any:
        """Return the plan for batches of this size; a model with a dynamic layer has none."""
        backend = get_backend()  # once: another thread may switch it meanwhile

        def make() -> Any:
            if self._eager or self.graph.dynamic or any(h.dynamic for h in self._heads or []):
                inputs = {
                    n: np.empty((size, *a.shape[1:]), a.dtype) for n, a in data.arrays.items()
                }
                return EagerPlan(program, inputs)
            return record(program, backend)

        return self._arena.plan((kind, size, data.spec, backend), make)

    def _forward(
        self, plan: Any, data: Dataset, size: int, training: bool, penalties: Any = None
    ) -> tuple[dict[str, Any], Forward, StepState]:
        """Record the forward pass; return the inputs by name, what it left, and its state."""
        state = StepState(self._clock, penalties)
        named = {
            name: plan.input(name, (size, *a.shape[1:]), a.dtype) for name, a in data.arrays.items()
        }
        inputs = [named[f"x{i}"] for i in range(len(data.inputs))]
        return named, self.graph.forward(inputs, state, training), state

    def _record_losses(
        self, plan: Any, named: dict[str, Any], made: Forward, state: StepState, size: int
    ) -> None:
        """Record losses, penalties and metrics; those metrics that run in Python get outputs."""
        for head in self._all_heads("fit"):
            i = head.index
            y, mask = made.outputs[i], made.masks[i]
            if f"y{i}" in named:
                head.record(named[f"y{i}"], y, named.get(f"w{i}"), mask, state)
                for name, array in head.outputs_for_python(y, mask).items():
                    plan.output(name, array)
        for weight, regularizer in self._regularized():
            regularizer.call(weight, out=self._penalty_sum, scale=float(size))

    def _train_plan(self, data: Dataset, size: int) -> Any:
        def program(plan: Any) -> None:
            assert self.optimizer is not None
            named, made, state = self._forward(plan, data, size, True, self._penalty_sum)
            self._record_losses(plan, named, made, state, size)
            dys = [head.backward(named.get(f"w{head.index}")) for head in self._all_heads("fit")]
            self.graph.backward(dys, made.contexts)
            for weight, regularizer in self._regularized():
                regularizer.backward(weight, out=state.gradient(weight))
            if self.optimizer.weights:
                self.optimizer.apply(state.gradients(self.optimizer.weights))

        return self._plan("train", data, size, program)

    def _test_plan(self, data: Dataset, size: int) -> Any:
        def program(plan: Any) -> None:
            named, made, state = self._forward(plan, data, size, False, self._penalty_sum)
            self._record_losses(plan, named, made, state, size)

        return self._plan("test", data, size, program)

    def _predict_plan(self, data: Dataset, size: int, training: bool) -> Any:
        def program(plan: Any) -> None:
            _, made, _ = self._forward(plan, data, size, training)
            for i, y in enumerate(made.outputs):
                plan.output(f"out{i}", y)

        return self._plan(("predict", training), data, size, program)

    # -- one batch

    def _trained_weights(self) -> tuple[list[Parameter], list[Parameter]]:
        """Return the trainable weights that a loss or a penalty depends on, and the others."""
        ends = [head.tensor for head in self._all_heads("fit") if head.loss is not None]
        leading = self.graph.leading_to(ends)
        reached = {id(w) for layer in leading for w in layer.trainable_weights}
        reached |= {id(w) for w, _ in self._regularized()}
        weights = self._stored("trainable_weights")
        trained = [w for w in weights if id(w) in reached]
        return trained, [w for w in weights if id(w) not in reached]

    def _start_training(self) -> None:
        assert self.optimizer is not None
        weights, left = self._trained_weights()
        if left or not weights:
            what = f"no loss depends on {', '.join(w.name for w in left)}, left as they are"
            nothing = "no weight is trainable, so training changes nothing"
            warnings.warn(f"{self.name}: {what if left else nothing}.", CnnliteWarning, 4)
        if [id(w) for w in weights] != [id(w) for w in self.optimizer.weights]:
            self._arena.clear()
        self.optimizer.build(weights)

    def _train_step(self, data: Dataset, samples: Any, size: int) -> None:
        """One step on some samples; the caller holds the lock."""
        assert self.optimizer is not None
        plan = self._train_plan(data, size)
        data.fill(plan.arrays, samples)
        # The step's number goes up before it runs: Adam's first step is 1.
        self.optimizer.begin_step()
        self._clock.step += 1
        try:
            plan.run()
        finally:
            for weight in self.optimizer.weights:
                weight.version += 1
        self._count(plan, size, data)

    def _test_step(self, data: Dataset, samples: slice) -> None:
        size = samples.stop - samples.start
        plan = self._test_plan(data, size)
        data.fill(plan.arrays, samples)
        plan.run()
        self._count(plan, size, data)

    def _count(self, plan: Any, size: int, data: Dataset) -> None:
        """Count the samples of a step, and update the metrics that run in Python."""
        self._penalty[1] += size
        for head in self._all_heads("fit"):
            head.update_in_python(plan.arrays, data.given.get(head.index))

    # -- data

    def _inputs(self, x: Any, where: str) -> list[np.ndarray]:
        if x is None:
            raise ValueError(f"{where}: no data. Got x=None. Pass an array.")
        self._build_for(x)  # type: ignore[attr-defined]
        graph: Graph = self.graph
        names = self._structures[0].keys or [t.name for t in graph.inputs]
        return as_inputs(x, graph.inputs, names, where)

    def _dataset(
        self, x: Any, y: Any, sample_weight: Any, where: str, class_weight: Any = None
    ) -> Dataset:
        inputs = self._inputs(x, where)
        guessed, loss = self._all_heads(where), self.loss
        heads, names = guessed, self.output_names
        try:
            if y is not None and any(head.undecided for head in guessed):
                heads = self._decided_heads(y, guessed, where)
            return as_targets(inputs, y, sample_weight, class_weight, heads, names, where)
        except BaseException:
            if self.loss is not loss:  # targets that do not fit decide nothing
                self.loss = self._settings["loss"] = loss
                self._heads = guessed
            raise

    def _decided_heads(self, y: Any, heads: list[Head], where: str) -> list[Head]:
        """Return the heads with the cross-entropies that these targets need, from now on."""
        given = targets_for(y, heads, self.output_names, where)
        chosen = [
            crossentropy_for(head.tensor.shape, np.shape(target)) if head.undecided else head.loss
            for head, target in zip(heads, given, strict=True)
        ]
        self.loss = self._settings["loss"] = chosen if len(chosen) > 1 else chosen[0]
        self._heads = None
        return self._all_heads(where)

    def _order(self, n: int, step: int) -> np.ndarray:
        """Return a permutation that is a function of the model's seed and the step it is for.

        So each epoch has another, over several calls of fit too, and training
        goes on after loading a file as if it had never stopped.
        """
        clock = ops.clock(splitmix64(self._clock.seed), step)
        keys = ops.random_uniform((n,), clock=clock, stream=_SHUFFLE_STREAM)
        return np.argsort(keys, kind="stable")
