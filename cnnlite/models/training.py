"""fit, evaluate, predict: the loops over batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnlite.arguments import checks_arguments
from cnnlite.callbacks import CallbackList, History
from cnnlite.errors import ShapeError
from cnnlite.models.batches import ArrayBatches, Batches, Epochs, StreamBatches, is_stream
from cnnlite.models.data import Dataset, split_validation
from cnnlite.models.fitting import Fit
from cnnlite.models.progress import Progress, checked_verbose
from cnnlite.models.steps import Steps
from cnnlite.shapes import is_int


class Trainer(Steps):
    """What every model inherits: the loops of training, evaluation and prediction."""

    # -- one batch

    @checks_arguments("Model.train_on_batch")
    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Train on one batch; return its loss and metrics."""
        with self._lock:
            data = self._dataset(x, y, sample_weight, "train_on_batch", class_weight)
            self._start_training()
            self.reset_metrics()
            self._train_step(data, slice(0, len(data)), len(data))
            return self._result(return_dict)

    @checks_arguments("Model.test_on_batch")
    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Evaluate one batch; return its loss and metrics."""
        with self._lock:
            data = self._dataset(x, y, sample_weight, "test_on_batch")
            self.reset_metrics()
            self._test_step(data, slice(0, len(data)))
            return self._result(return_dict)

    @checks_arguments("Model.predict_on_batch")
    def predict_on_batch(self, x: Any, training: bool | None = False) -> Any:
        """Return the predictions for one batch."""
        return self._predict_now(x, bool(training), "predict_on_batch")

    def _predict_now(self, x: Any, training: bool, where: str) -> Any:
        with self._lock:
            data = Dataset(self._inputs(x, where))
            if training:
                self._clock.step += 1  # fresh masks on every call
            return self._structures[1].pack(self._predict_step(data, 0, len(data), training))

    def _predict_step(
        self, data: Dataset, start: int, stop: int, training: bool = False
    ) -> list[np.ndarray]:
        """Return fresh arrays of the predictions for some samples; the caller holds the lock."""
        plan = self._predict_plan(data, stop - start, training)
        data.fill(plan.arrays, slice(start, stop))
        plan.run()
        return [plan.arrays[f"out{i}"].copy() for i in range(len(self.graph.outputs))]

    def _outputs(self, arrays: list[np.ndarray]) -> dict[str, Any]:
        """Return copies of a batch's predictions as logs: ``outputs``, or those of a dict."""
        packed = self._structures[1].pack([array.copy() for array in arrays])
        return packed if isinstance(packed, dict) else {"outputs": packed}

    def _result(self, return_dict: bool) -> Any:
        logs = self._logs()
        if return_dict:
            return logs
        values = list(logs.values())
        return values if len(values) > 1 else values[0]

    # -- loops

    @checks_arguments("Model.fit")
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
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
    ) -> History:
        """Train for some epochs.

        Parameters
        ----------
        x : array, list or dict of arrays, PyDataset, or generator
            For several inputs, a list in their order or a dict by name.  A PyDataset
            or a generator gives whole batches ``(x, y)`` or ``(x, y, sample_weight)``.
        y : array, or list or dict of arrays for several outputs
        batch_size : int
            Default 32.  The last batch of an epoch may be smaller.
        epochs : int
            The number of the epoch after which to stop.
        verbose : {"auto", 0, 1, 2}
            Silent, a bar per epoch ("auto" too), or a line per epoch.
        callbacks : list of Callback
        validation_split : float
            The last part of the samples is kept for validation, before shuffling.
        validation_data : (x, y), (x, y, sample_weight), PyDataset or generator
        shuffle : bool
            Whether each epoch takes the samples (the batches of a PyDataset) in another
            order, which depends on the model's seed and the steps done.
        class_weight : dict of int to float, optional
            What the samples of each class count; 1 for a class that is not there.
        sample_weight : (N,) array, or list or dict of arrays, optional
        initial_epoch : int
        steps_per_epoch : int, optional
            Batches in an epoch; default: all.  Needed where a generator never ends.
        validation_steps : int, optional
            Batches of the validation; default: all.
        validation_batch_size : int, optional
        validation_freq : int or sequence of int
            Validate after every that many epochs, or after these (the first is 1).

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
        _check_steps(steps_per_epoch, "fit: steps_per_epoch")
        _check_steps(validation_steps, "fit: validation_steps")
        validates = _validation_epochs(validation_freq)
        with self._lock:
            batches = self._batches(x, y, sample_weight, size, "fit", class_weight, shuffle)
            validation: Batches | None = None
            if validation_data is not None:
                validation = self._validation(validation_data, validation_size)
            elif validation_split:
                if not isinstance(batches, ArrayBatches):
                    raise ValueError(
                        "fit: validation_split needs arrays. Pass validation_data instead."
                    )
                batches.data, held_out = split_validation(batches.data, validation_split)
                if class_weight is not None:  # weighs the training alone; no weights go with it
                    held_out = Dataset(held_out.inputs, held_out.targets, (), held_out.given)
                batches = ArrayBatches(batches.data, size, batches.order)
                validation = ArrayBatches(held_out, validation_size)
            if batches.steps == 0:
                raise ShapeError("fit: no samples. Got x of length 0.")
        source = Epochs(batches, steps_per_epoch, "fit", lambda: self._clock.step)
        params = {"epochs": epochs, "steps": source.steps, "verbose": verbose}
        self.history = history = History()
        calls = CallbackList([*_listed(callbacks), history], self, params)
        self.stop_training = False
        Fit(
            self,  # type: ignore[arg-type]
            source,
            validation,
            validation_steps,
            validates,
            calls,
            initial_epoch,
            epochs,
            verbose,
        ).run()
        return history

    def _batches(
        self,
        x: Any,
        y: Any,
        sample_weight: Any,
        size: int,
        where: str,
        class_weight: Any = None,
        shuffle: bool = False,
    ) -> Batches:
        """Return the batches of whatever was given as data."""
        order = self._order if shuffle else None
        if not is_stream(x):
            data = self._dataset(x, y, sample_weight, where, class_weight)
            return ArrayBatches(data, size, order)
        if y is not None or sample_weight is not None:
            raise ValueError(
                f"{where}: x gives whole batches (x, y), so leave y and sample_weight out."
            )

        def prepare(x: Any, y: Any, weight: Any) -> Dataset:
            with self._lock:
                return self._dataset(x, y, weight, where, class_weight)

        return StreamBatches(x, prepare, order)

    def _validation(self, given: Any, size: int) -> Batches:
        where = "fit: validation_data"
        if is_stream(given):
            return self._batches(given, None, None, size, where)
        if not isinstance(given, list | tuple) or len(given) not in (2, 3):
            what = type(given).__name__
            if isinstance(given, list | tuple):
                what += f" of {len(given)}"
            raise ValueError(
                f"{where} must be (x, y), (x, y, sample_weight) or a PyDataset. Got {what}. "
                "Pass inputs and targets together: validation_data=(x, y)."
            )
        x, y, *weight = given
        batches = self._batches(x, y, weight[0] if weight else None, size, where)
        if batches.steps == 0:
            raise ShapeError(f"{where} has no samples. Got x of length 0.")
        return batches

    @checks_arguments("Model.evaluate")
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Return the loss and metrics over a data set, in test mode.

        Parameters are those of :meth:`fit`; ``steps`` is the number of batches.

        Returns
        -------
        float, list of float, or dict with ``return_dict``
            The loss alone, or the loss and the metrics.
        """
        verbose = checked_verbose(verbose, "evaluate")
        size = _checked_size(batch_size, "evaluate: batch_size")
        _check_steps(steps, "evaluate: steps")
        with self._lock:
            source = Epochs(self._batches(x, y, sample_weight, size, "evaluate"), steps, "evaluate")
        calls = CallbackList(callbacks, self, {"steps": source.steps, "verbose": verbose})
        progress = Progress("Evaluate", source.steps, verbose)
        try:
            logs = self._evaluate(source, calls, progress)
        except BaseException:
            progress.abandon()
            raise
        progress.finish(logs)
        values = list(logs.values())
        return logs if return_dict else values if len(values) > 1 else values[0]

    def _evaluate(
        self, source: Epochs, calls: CallbackList, progress: Progress | None = None
    ) -> dict[str, Any]:
        """Return the metrics over a data set, and leave the running ones as they were.

        The lock is held throughout: the means of two data sets must not mix.
        """
        with self._lock:
            kept = None if self._heads is None else self._metric_states()
            if kept is not None:
                self.reset_metrics()
            try:
                calls.call("on_test_begin")
                for batch, (data, samples, _) in enumerate(source.epoch()):
                    calls.call("on_test_batch_begin", batch)
                    self._test_step(data, samples)
                    if progress is not None:
                        progress.advance(self._logs)
                    calls.call("on_test_batch_end", batch, logs=self._logs())
                logs = self._logs()
                calls.call("on_test_end", logs=logs)
            finally:
                if kept is not None:
                    self._set_metric_states(kept)
        return logs

    @checks_arguments("Model.predict")
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Return the predictions for a data set, computed batch by batch.

        Parameters are those of :meth:`fit`; ``steps`` is the number of batches.

        Returns
        -------
        array, or list or dict of arrays for several outputs
        """
        verbose = checked_verbose(verbose, "predict")
        size = _checked_size(batch_size, "predict: batch_size")
        _check_steps(steps, "predict: steps")
        with self._lock:
            batches: Batches
            if is_stream(x):
                batches = StreamBatches(x, lambda x, *_: Dataset(self._inputs(x, "predict")))
            else:
                batches = ArrayBatches(Dataset(self._inputs(x, "predict")), size)
        source = Epochs(batches, steps, "predict")
        calls = CallbackList(callbacks, self, {"steps": source.steps, "verbose": verbose})
        progress = Progress("Predict", source.steps, verbose)
        parts: list[list[np.ndarray]] = []
        calls.call("on_predict_begin")
        try:
            for batch, (data, samples, _) in enumerate(source.epoch()):
                calls.call("on_predict_batch_begin", batch)
                with self._lock:
                    parts.append(self._predict_step(data, samples.start, samples.stop))
                progress.advance(dict)
                if calls.callbacks:
                    calls.call("on_predict_batch_end", batch, logs=self._outputs(parts[-1]))
            if not parts and isinstance(batches, ArrayBatches):  # no samples: the shapes still hold
                with self._lock:
                    parts.append(self._predict_step(batches.data, 0, 0))
        except BaseException:
            progress.abandon()
            raise
        progress.finish({})
        calls.call("on_predict_end")
        if not parts:
            raise ValueError("predict: the data gave no batch. Pass a generator that yields x.")
        joined = [p[0] if len(p) == 1 else np.concatenate(p) for p in zip(*parts, strict=True)]
        return self._structures[1].pack(joined)


def _checked_size(value: Any, where: str) -> int:
    if value is None:
        return 32  # Keras's default
    if not is_int(value) or value < 1:
        raise ValueError(f"{where} must be a positive integer. Got {value!r}.")
    return int(value)


def _check_count(value: Any, where: str) -> None:
    if not is_int(value) or value < 0:
        raise ValueError(f"{where} must be an integer, 0 or more. Got {value!r}.")


def _check_steps(value: Any, where: str) -> None:
    if value is not None and (not is_int(value) or value < 1):
        raise ValueError(f"{where} must be a positive integer or None. Got {value!r}.")


def _validation_epochs(freq: Any) -> Any:
    """Return the function that says whether to validate after an epoch, counted from 0."""
    if is_int(freq) and freq >= 1:
        return lambda epoch: (epoch + 1) % freq == 0
    if isinstance(freq, list | tuple | set | range) and all(is_int(n) for n in freq):
        return lambda epoch: epoch + 1 in freq
    raise ValueError(
        f"fit: validation_freq must be a positive integer or a list of epochs. Got {freq!r}."
    )


def _listed(callbacks: Any) -> list[Any]:
    if callbacks is None:
        return []
    return list(callbacks) if isinstance(callbacks, list | tuple) else [callbacks]
