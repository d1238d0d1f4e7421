"""Callback, the list that calls several, and History."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any

from cnnlite.arguments import CheckedArguments
from cnnlite.errors import CnnliteWarning

Logs = dict[str, Any]


class Callback(CheckedArguments):
    """Base of callbacks: override the hooks that you need.

    ``fit`` calls ``on_train_begin``; for each epoch ``on_epoch_begin``, for each batch
    ``on_train_batch_begin`` and ``on_train_batch_end``, the ``on_test_...`` hooks of the
    validation, ``on_epoch_end``; and ``on_train_end``.  If an exception ends it, Ctrl-C
    included, ``on_train_abort`` is called instead of ``on_train_end``.

    In any hook, a callback may set ``model.stop_training`` or the optimizer's
    ``learning_rate``, change weights, predict and evaluate.  The ``logs`` of
    ``on_epoch_end`` are one dict for all callbacks: what is put in goes to the history.
    Those of ``on_predict_batch_end`` have copies of the batch's predictions: ``outputs``,
    an array or a list of them, or the entries of a dict of outputs.

    Attributes
    ----------
    model : Model
        The model that trains; a callback may set ``model.stop_training``.
    params : dict
        ``epochs``, ``steps`` and ``verbose`` of the call.

    Examples
    --------
    >>> class Watch(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         print(epoch, logs)
    >>> Watch().on_epoch_end(0, {"loss": 1.0})
    0 {'loss': 1.0}
    """

    runs_last = False  # whether its hooks come after those of all others

    def __init__(self) -> None:
        self.model: Any = None
        self.params: dict[str, Any] = {}

    def get_state(self) -> dict[str, Any]:
        """Return what the callback must know again where a killed training goes on.

        Numbers, strings, None, arrays, and lists and dicts (with string keys) of them.
        """
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take what :meth:`get_state` returned; comes after ``on_train_begin``."""

    def set_model(self, model: Any) -> None:
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None: ...

    def on_train_end(self, logs: Logs | None = None) -> None: ...

    def on_train_abort(self, logs: Logs | None = None) -> None:
        """Called where an exception ends ``fit``, before it goes on to the caller."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None: ...

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None: ...

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.on_batch_end(batch, logs)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None: ...

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None: ...

    def on_test_begin(self, logs: Logs | None = None) -> None: ...

    def on_test_end(self, logs: Logs | None = None) -> None: ...

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None: ...

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None: ...

    def on_predict_begin(self, logs: Logs | None = None) -> None: ...

    def on_predict_end(self, logs: Logs | None = None) -> None: ...

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None: ...

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None: ...


class History(Callback):
    """What ``fit`` returns: the logs of every epoch.

    Attributes
    ----------
    epoch : list of int
    history : dict of str to list of float
        ``loss``, the metrics, and the same with ``val_`` before them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.epoch, self.history = [], {}

    def get_state(self) -> dict[str, Any]:
        return {"epoch": self.epoch, "history": self.history}

    def set_state(self, state: dict[str, Any]) -> None:
        self.epoch, self.history = state["epoch"], state["history"]

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)


class CallbackList:
    """Calls a hook of every callback in turn, those that run last at the end.

    ``wants(hook)`` tells whether any callback overrides it: logs of a batch are
    gathered only for those who read them.
    """

    def __init__(
        self, callbacks: Sequence[Callback] | Callback | None, model: Any, params: dict[str, Any]
    ) -> None:
        if isinstance(callbacks, Callback):
            callbacks = [callbacks]
        self.callbacks = list(callbacks or [])
        for callback in self.callbacks:
            if not isinstance(callback, Callback):
                raise TypeError(
                    f"callbacks: not a Callback. Got {callback!r}. "
                    "Pass instances of cnnlite.callbacks.Callback."
                )
            callback.set_model(model)
            callback.set_params(params)
        self.callbacks.sort(key=lambda callback: callback.runs_last)

    def wants(self, *hooks: str) -> bool:
        return any(
            hook in vars(c) or getattr(type(c), hook) is not getattr(Callback, hook)
            for c in self.callbacks
            for hook in hooks
        )

    def call(self, hook: str, *args: Any, logs: Logs | None = None) -> None:
        for callback in self.callbacks:
            getattr(callback, hook)(*args, {} if logs is None else logs)

    def abort(self, logs: Logs) -> None:
        """Call ``on_train_abort`` of every callback; one that fails must not hide why."""
        for callback in self.callbacks:
            try:
                callback.on_train_abort(logs)
            except Exception as error:
                warnings.warn(
                    f"{type(callback).__name__}: on_train_abort failed: "
                    f"{type(error).__name__}: {error}",
                    CnnliteWarning,
                    stacklevel=2,
                )

    def states(self) -> dict[str, dict[str, Any]]:
        """Return the callbacks' states, by class and number."""
        found = {name: callback.get_state() for name, callback in self._named().items()}
        return {name: state for name, state in found.items() if state}

    def set_states(self, states: dict[str, dict[str, Any]]) -> None:
        """Hand every callback its state of :meth:`states`."""
        named = self._named()
        missing = [name for name in states if name not in named]
        if missing:
            raise ValueError(
                f"callbacks: the state kept is of other callbacks: {missing[0]} is missing. "
                f"Got {', '.join(named)}. Pass the same callbacks as before."
            )
        for name, state in states.items():
            named[name].set_state(state)

    def _named(self) -> dict[str, Callback]:
        count: Counter[str] = Counter()
        named = {}
        for callback in self.callbacks:
            name = type(callback).__name__
            named[f"{name} {count[name]}"] = callback
            count[name] += 1
        return named
