"""LambdaCallback: hooks from functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cnnlite.callbacks.base import Callback

Hook = Callable[..., Any]


class LambdaCallback(Callback):
    """A callback made of functions.

    Parameters
    ----------
    on_epoch_begin, on_epoch_end : function of (epoch, logs), optional
    on_train_begin, on_train_end : function of (logs), optional
    on_train_batch_begin, on_train_batch_end : function of (batch, logs), optional
    **kwargs
        Functions for further hooks, by their names.

    Examples
    --------
    >>> import cnnlite, numpy as np
    >>> model = cnnlite.Sequential([cnnlite.Input((1,)), cnnlite.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> tell = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, list(logs)))
    >>> h = model.fit(np.ones((1, 1)), np.ones((1, 1)), verbose=0, callbacks=[tell])
    0 ['loss']
    """

    def __init__(
        self,
        on_epoch_begin: Hook | None = None,
        on_epoch_end: Hook | None = None,
        on_train_begin: Hook | None = None,
        on_train_end: Hook | None = None,
        on_train_batch_begin: Hook | None = None,
        on_train_batch_end: Hook | None = None,
        **kwargs: Hook,
    ) -> None:
        super().__init__()
        given = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **kwargs,
        }
        for name, function in given.items():
            if not name.startswith("on_") or not hasattr(Callback, name):
                known = ", ".join(n for n in dir(Callback) if n.startswith("on_"))
                raise TypeError(f"LambdaCallback: no hook {name!r}. There are {known}.")
            if function is None:
                continue
            if not callable(function):
                raise TypeError(f"LambdaCallback: {name} must be a function. Got {function!r}.")
            vars(self)[name] = function
