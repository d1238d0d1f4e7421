"""Dropout."""

from __future__ import annotations

from typing import Any

from cnnlite import ops
from cnnlite.layers.base import Layer
from cnnlite.layers.context import Context
from cnnlite.ops.core import Tensor
from cnnlite.shapes import is_int


def checked_rate(rate: Any, where: str, *, to_1: bool = False) -> float:
    """Return a rate in [0, 1), or in [0, 1] with ``to_1``, or raise."""
    number = isinstance(rate, int | float) and not isinstance(rate, bool)
    if not number or not 0 <= rate <= 1 or (rate == 1 and not to_1):
        raise ValueError(f"{where} must lie in [0, 1{']' if to_1 else ')'}. Got {rate!r}.")
    return float(rate)


def checked_seed(seed: Any, where: str) -> int | None:
    """Return a seed, or raise."""
    if seed is not None and (not is_int(seed) or not 0 <= seed < 2**64):
        raise ValueError(f"{where}: seed must be an integer in [0, 2^64). Got {seed!r}.")
    return seed


class Dropout(Layer):
    """In training, drop each element with probability ``rate``; else do nothing.

    What is kept is scaled by ``1 / (1 - rate)``, so that the mean stays and
    nothing changes at test time.  It trains the ensemble of all sub-networks.

    Parameters
    ----------
    rate : float
        Probability of dropping, 0 <= rate < 1; ``Dropout(0.4)`` keeps 0.6.
    seed : int, optional
        Default: the model's.

    References
    ----------
    Hinton et al. 2012; Srivastava et al. 2014.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.Dropout(0.5)([[1, 2]])
    array([[1., 2.]], dtype=float32)
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = checked_rate(rate, f"{self.name}: rate")
        self.seed = checked_seed(seed, self.name)

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        if not training or self.rate == 0:
            ctx.save(None)
            return x
        y, kept = ops.dropout_forward(x, self.rate, **ctx.draw(self.seed))
        ctx.save(kept)
        return y

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor:
        (kept,) = ctx.saved
        return dy if kept is None else ops.dropout_backward(dy, kept, self.rate)
