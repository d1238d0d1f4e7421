"""Penalties on a model's weights: the layers' own, and those on all weights."""

from __future__ import annotations

from typing import Any

from cnnlite import regularizers
from cnnlite.ops import Parameter


class Penalties:
    """What of a model's loss depends on its weights alone."""

    _stored: Any
    _lock: Any
    _forget_plans: Any

    def __init__(self) -> None:
        self._penalties: list[tuple[Any, bool]] = []  # over all weights: regularizer, biases too

    def regularize(self, regularizer: Any, biases: bool = False) -> None:
        """Add a penalty on all trainable weights of the model to its loss.

        It comes on top of the layers' own regularizers.

        Parameters
        ----------
        regularizer : str or Regularizer
            None takes the penalties of earlier calls away.
        biases : bool
            Penalise biases, and the shifts and scales of normalizations, too.

        Examples
        --------
        >>> import cnnlite
        >>> from cnnlite import layers, regularizers
        >>> model = cnnlite.Sequential([cnnlite.Input((2,)), layers.Dense(1)])
        >>> model.regularize(regularizers.L1(0.005), biases=True)
        """
        with self._lock:
            if regularizer is None:
                self._penalties = []
            else:
                self._penalties.append((regularizers.get(regularizer), bool(biases)))
            self._forget_plans()

    def _regularized(self) -> list[tuple[Parameter, Any]]:
        """Return each trainable weight with each regularizer that counts for it."""
        weights = self._stored("trainable_weights")
        own = [(w, w.regularizer) for w in weights if w.regularizer is not None]
        everywhere = [
            (w, regularizer)
            for regularizer, biases in self._penalties
            for w in weights
            if biases or not _is_bias(w)
        ]
        return own + everywhere

    @property
    def losses(self) -> list[float]:
        """The penalties on the weights as they are now.

        Those on a layer's output need a batch: they are in the loss that ``fit`` and
        ``evaluate`` report, and not here.  (Keras has those of the last call here.)
        """
        with self._lock:
            return [regularizer(weight.value) for weight, regularizer in self._regularized()]


def _is_bias(weight: Parameter) -> bool:
    """Return whether a weight shifts or scales units, rather than connecting them."""
    return weight.name.rsplit("/", 1)[-1].endswith(("bias", "beta", "gamma"))
