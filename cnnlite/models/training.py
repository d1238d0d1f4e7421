"""fit, evaluate, predict: the loops over batches."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnlite.callbacks import CallbackList, History
from cnnlite.errors import ShapeError
from cnnlite.models.data import Dataset, split_validation
from cnnlite.models.progress import Progress, checked_verbose
from cnnlite.models.steps import Steps
from cnnlite.shapes import is_int


class Trainer(Steps):
    """What every model inherits: the loops of training, evaluation and prediction."""

    # -- one batch

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Train on one batch; return the loss and metrics, running since ``reset_metrics``."""
        with self._lock:
            data = self._dataset(x, y, sample_weight, "train_on_batch")
            self._start_training()
            self._train_step(data, slice(0, len(data)), len(data))
            return self._result(return_dict)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Evaluate one batch; return the loss and metrics, running since ``reset_metrics``."""
        with self._lock:
            data = self._dataset(x, y, sample_weight, "test_on_batch")
            self._test_step(data, slice(0, len(data)))
            return self._result(return_dict)

    def predict_on_batch(self, x: Any, training: bool = False) -> Any:
        """Return the predictions for one batch."""
        with self._lock:
            data = Dataset(self._inputs(x, "predict_on_batch"))
            plan = self._predict_plan(data, len(data), training)
            data.fill(plan.arrays, slice(0, len(data)))
            if training:
                self._clock.step += 1  # fresh masks on every call
            plan.run()
            return self._shaped([plan.arrays[f"out{i}"].copy() for i in range(self._n_outputs)])

    @property
    def _n_outputs(self) -> int:
        return len(self.graph.outputs)

    def _shaped(self, outputs: list[np.ndarray]) -> Any:
        return outputs if self._lists[1] else outputs[0]  # type: ignore[attr-defined]

    def _result(self, return_dict: bool) -> Any:
        logs = self._logs()
        if return_dict:
            return logs
        values = list(logs.values())
        return values if len(values) > 1 else values[0]

    # -- loops

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        validation_batch_size: int | None = None,
    ) -> History:
        """Train for some epochs.

        Parameters
        ----------
        x : array, or list of arrays for several inputs
        y : array
        batch_size : int
            Default 32.  The last batch of an epoch may be smaller.
        epochs : int
            The number of the epoch after which to stop.
        verbose : {"auto", 0, 1, 2}
            Silent, a bar per epoch ("auto" too), or a line per epoch.
        callbacks : list of Callback
        validation_split : float
            The last part of the samples is kept for validation, before shuffling.
        validation_data : (x, y) or (x, y, sample_weight)
        shuffle : bool
            Whether each epoch takes the samples in another order, which depends on
            the model's seed and the steps done.
        sample_weight : (N,) array, optional
        initial_epoch : int
        validation_batch_size : int, optional

        Returns
        -------
        History
            ``.history`` maps each metric to its value per epoch.
        """
        verbose = checked_verbose(verbose, "fit")
        size = _checked_size(batch_size, "fit: batch_size")
        validation_size = size
        if validation_batch_size is not None:
            validation_size = _checked_size(validation_batch_size, "fit: validation_batch_size")
        _check_count(epochs, "fit: epochs")
        _check_count(initial_epoch, "fit: initial_epoch")
        with self._lock:
            data = self._dataset(x, y, sample_weight, "fit")
            validation = None
            if validation_data is not None:
                validation = self._dataset(*_unpack(validation_data), "fit: validation_data")
                if not len(validation):
                    raise ShapeError("fit: validation_data has no samples. Got x of length 0.")
            elif validation_split:
                data, validation = split_validation(data, validation_split)
            if not len(data):
                raise ShapeError("fit: no samples. Got x of length 0.")
            self._start_training()
        params = {"epochs": epochs, "steps": -(-len(data) // size), "verbose": verbose}
        self.history = history = History()
        calls = CallbackList([*_listed(callbacks), history], self, params)
        self.stop_training = False
        calls.call("on_train_begin")
        logs: dict[str, float] = {}
        for epoch in range(initial_epoch, epochs):
            progress = Progress(f"Epoch {epoch + 1}/{epochs}", params["steps"], verbose)
            try:
                calls.call("on_epoch_begin", epoch)
                order = self._order(len(data)) if shuffle else None
                logs = self._fit_epoch(data, size, order, calls, progress)
                if validation is not None:
                    found = self._evaluate(validation, validation_size, calls)
                    logs |= {f"val_{name}": value for name, value in found.items()}
            except BaseException:
                progress.abandon()
                raise
            progress.finish(logs)
            calls.call("on_epoch_end", epoch, logs=logs)
            if self.stop_training:
                break
        calls.call("on_train_end", logs=logs)
        return history

    def _fit_epoch(
        self,
        data: Dataset,
        size: int,
        order: np.ndarray | None,
        calls: CallbackList,
        progress: Progress,
    ) -> dict[str, float]:
        self.reset_metrics()
        heard = calls.wants(
            "on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end"
        )
        for batch, start in enumerate(range(0, len(data), size)):
            stop = min(start + size, len(data))
            if heard:
                calls.call("on_train_batch_begin", batch)
            with self._lock:
                samples = slice(start, stop) if order is None else order[start:stop]
                self._train_step(data, samples, stop - start)
            progress.advance(self._logs)
            if heard:
                calls.call("on_train_batch_end", batch, logs=self._logs())
            if self.stop_training:
                break
        return self._logs()

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Return the loss and metrics over a data set, in test mode.

        Returns
        -------
        float, list of float, or dict with ``return_dict``
            The loss alone, or the loss and the metrics.
        """
        verbose = checked_verbose(verbose, "evaluate")
        size = _checked_size(batch_size, "evaluate: batch_size")
        with self._lock:
            data = self._dataset(x, y, sample_weight, "evaluate")
        steps = -(-len(data) // size)
        calls = CallbackList(callbacks, self, {"steps": steps, "verbose": verbose})
        progress = Progress("Evaluate", steps, verbose)
        try:
            logs = self._evaluate(data, size, calls, progress)
        except BaseException:
            progress.abandon()
            raise
        progress.finish(logs)
        values = list(logs.values())
        return logs if return_dict else values if len(values) > 1 else values[0]

    def _evaluate(
        self, data: Dataset, size: int, calls: CallbackList, progress: Progress | None = None
    ) -> dict[str, float]:
        """Return the metrics over a data set, and leave the running means as they were.

        The lock is held throughout: the means of two data sets must not mix.
        """
        with self._lock:
            kept = [metric.state.copy() for metric in self._all_metrics()]
            self.reset_metrics()
            try:
                calls.call("on_test_begin")
                for batch, start in enumerate(range(0, len(data), size)):
                    calls.call("on_test_batch_begin", batch)
                    self._test_step(data, slice(start, min(start + size, len(data))))
                    if progress is not None:
                        progress.advance(self._logs)
                    calls.call("on_test_batch_end", batch, logs=self._logs())
                logs = self._logs()
                calls.call("on_test_end", logs=logs)
            finally:
                for metric, state in zip(self._all_metrics(), kept, strict=True):
                    metric.state[...] = state
        return logs

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        callbacks: Any = None,
    ) -> Any:
        """Return the predictions for a data set, computed batch by batch.

        Returns
        -------
        array, or list of arrays for several outputs
        """
        verbose = checked_verbose(verbose, "predict")
        size = _checked_size(batch_size, "predict: batch_size")
        with self._lock:
            data = Dataset(self._inputs(x, "predict"))
        steps = -(-len(data) // size)
        calls = CallbackList(callbacks, self, {"steps": steps, "verbose": verbose})
        progress = Progress("Predict", steps, verbose)
        results = [np.empty((len(data), *t.shape[1:]), dtype=t.dtype) for t in self.graph.outputs]
        calls.call("on_predict_begin")
        try:
            for batch, start in enumerate(range(0, len(data), size)):
                calls.call("on_predict_batch_begin", batch)
                stop = min(start + size, len(data))
                with self._lock:
                    plan = self._predict_plan(data, stop - start, False)
                    data.fill(plan.arrays, slice(start, stop))
                    plan.run()
                    for i, result in enumerate(results):
                        result[start:stop] = plan.arrays[f"out{i}"]
                progress.advance(dict)
                calls.call("on_predict_batch_end", batch)
        except BaseException:
            progress.abandon()
            raise
        progress.finish({})
        calls.call("on_predict_end")
        return self._shaped(results)


def _checked_size(value: Any, where: str) -> int:
    if value is None:
        return 32  # Keras's default
    if not is_int(value) or value < 1:
        raise ValueError(f"{where} must be a positive integer. Got {value!r}.")
    return int(value)


def _check_count(value: Any, where: str) -> None:
    if not is_int(value) or value < 0:
        raise ValueError(f"{where} must be an integer, 0 or more. Got {value!r}.")


def _listed(callbacks: Any) -> list[Any]:
    if callbacks is None:
        return []
    return list(callbacks) if isinstance(callbacks, list | tuple) else [callbacks]


def _unpack(data: Any) -> tuple[Any, Any, Any]:
    if not isinstance(data, list | tuple) or len(data) not in (2, 3):
        raise ValueError("fit: validation_data must be (x, y) or (x, y, sample_weight).")
    return (*data, None) if len(data) == 2 else tuple(data)  # type: ignore[return-value]
