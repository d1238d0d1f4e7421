"""TerminateOnNaN: no hour of training after a loss that is no number."""

from __future__ import annotations

import math

from cnnlite.callbacks.base import Callback, Logs


class TerminateOnNaN(Callback):
    """Stop training after the batch whose loss is NaN or infinite.

    Together with ``EarlyStopping(restore_best_weights=True)`` the model gets the best
    weights from before: NaN is never the best.

    Parameters
    ----------
    raise_error : bool
        Raise an error instead.

    Raises
    ------
    RuntimeError
        With ``raise_error``.

    Examples
    --------
    >>> import cnnlite, numpy as np
    >>> model = cnnlite.Sequential([cnnlite.Input((1,)), cnnlite.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> x = np.full((9, 1), np.nan)
    >>> h = model.fit(x, x, batch_size=1, epochs=9, verbose=0, callbacks=[TerminateOnNaN()])
    Batch 0: invalid loss nan, terminating training
    >>> h.epoch, model.optimizer.iterations
    ([0], 1)
    """

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(
                f"TerminateOnNaN: the loss is no finite number. Got {loss} at batch {batch}. "
                "Lower the learning rate, or look for NaN in the data."
            )
        print(f"Batch {batch}: invalid loss {loss}, terminating training")
        self.model.stop_training = True
