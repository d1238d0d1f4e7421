"""Noise in training: added to the input, or multiplied with it."""

from __future__ import annotations

import math
from typing import Any

from cnnlite import arguments, ops
from cnnlite.layers.base import Layer
from cnnlite.layers.context import Context
from cnnlite.ops.core import Tensor


class GaussianNoise(Layer):
    """In training, add normal numbers of mean 0 to the input; else do nothing.

    Parameters
    ----------
    stddev : float
        0 <= stddev <= 1.
    seed : int, optional
        Default: the model's.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.GaussianNoise(0.5)([[1, 2]])
    array([[1., 2.]], dtype=float32)
    """

    supports_masking = True

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stddev = arguments.number(stddev, f"{self.name}: stddev", 0, 1)
        self.seed = arguments.seed(seed, f"{self.name}: seed")

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        if not training or self.stddev == 0:
            return x
        noise = ops.random_normal(x.shape, 0.0, self.stddev, dtype=x.dtype, **ctx.draw(self.seed))
        return ops.add(x, noise)

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor:
        return dy


class GaussianDropout(Layer):
    """In training, multiply by normal numbers of mean 1, variance ``rate / (1 - rate)``.

    Parameters
    ----------
    rate : float
        0 <= rate < 1; the noise's variance is that of dropout with this rate.
    seed : int, optional
        Default: the model's.

    References
    ----------
    Srivastava et al. 2014, section 10.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.GaussianDropout(0.5)([[1, 2]])
    array([[1., 2.]], dtype=float32)
    """

    supports_masking = True

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = arguments.number(rate, f"{self.name}: rate", 0, 1, open_ends="[)")
        self.seed = arguments.seed(seed, f"{self.name}: seed")

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        if not training or self.rate == 0:
            ctx.save(None)
            return x
        stddev = math.sqrt(self.rate / (1 - self.rate))
        noise = ops.random_normal(x.shape, 1.0, stddev, dtype=x.dtype, **ctx.draw(self.seed))
        ctx.save(noise)
        return ops.multiply(x, noise)

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor:
        (noise,) = ctx.saved
        return dy if noise is None else ops.multiply(dy, noise)
