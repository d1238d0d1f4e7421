"""Callbacks: functions of yours that training calls at fixed points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["Callback", "CallbackList", "History"]

Logs = dict[str, float]


class Callback:
    """Base of callbacks: override the hooks that you need.

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

    def __init__(self) -> None:
        self.model: Any = None
        self.params: dict[str, Any] = {}

    def set_model(self, model: Any) -> None:
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None: ...

    def on_train_end(self, logs: Logs | None = None) -> None: ...

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

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)


class CallbackList:
    """Calls a hook of every callback in turn.

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

    def wants(self, *hooks: str) -> bool:
        return any(
            getattr(type(c), hook) is not getattr(Callback, hook)
            for c in self.callbacks
            for hook in hooks
        )

    def call(self, hook: str, *args: Any, logs: Logs | None = None) -> None:
        for callback in self.callbacks:
            getattr(callback, hook)(*args, logs)
