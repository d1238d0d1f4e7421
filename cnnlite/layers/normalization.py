"""Batch, layer and local response normalization."""

from __future__ import annotations

import warnings
from typing import Any

from cnnlite import ops
from cnnlite.arguments import number
from cnnlite.errors import CnnliteWarning, ShapeError
from cnnlite.layers.axes import joined_last, separated
from cnnlite.layers.base import Layer, check_single
from cnnlite.layers.context import Context
from cnnlite.layers.symbolic import Shape
from cnnlite.ops.core import Tensor
from cnnlite.shapes import is_int, normalize_axis


class BatchNormalization(Layer):
    """Normalize each channel by its mean and variance over the batch.

    In training ``y = (x - mean) / sqrt(variance + epsilon) gamma + beta``, with mean and
    population variance over all axes but ``axis``; the moving statistics follow as
    ``moving = momentum moving + (1 - momentum) batch``.  At test time, and always while
    ``trainable`` is False, the moving statistics take the batch's place and stay as they are.

    Parameters
    ----------
    axis : int
        The channels.  Others than the last cost transpositions.
    momentum, epsilon : float
    center, scale : bool
        Whether there is a beta, a gamma.
    beta_initializer, gamma_initializer : str or Initializer
    moving_mean_initializer, moving_variance_initializer : str or Initializer
    beta_regularizer, gamma_regularizer : str or Regularizer, optional
    beta_constraint, gamma_constraint : str or Constraint, optional
    renorm, synchronized : bool
        Only False.

    References
    ----------
    Ioffe and Szegedy 2015.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.BatchNormalization(epsilon=0)([[1.0], [3.0]], training=True)
    array([[-1.],
           [ 1.]], dtype=float32)
    """

    supports_masking = True
    moving_mean_initializer: Any
    moving_variance_initializer: Any

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: Any = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not is_int(axis):
            raise ShapeError(f"{self.name}: axis must be an integer. Got {axis!r}.")
        if synchronized or renorm:
            option = "synchronized" if synchronized else "renorm"
            raise ValueError(f"{self.name}: {option}=True is not supported. Leave it out.")
        if renorm_clipping is not None and not isinstance(renorm_clipping, dict):
            raise TypeError(
                f"{self.name}: renorm_clipping must be a dict or None. Got {renorm_clipping!r}."
            )
        self.axis = int(axis)
        self.momentum = number(momentum, f"{self.name}: momentum", 0, 1)
        self.epsilon = number(epsilon, f"{self.name}: epsilon", 0)
        self.center, self.scale = bool(center), bool(scale)
        self.renorm, self.renorm_clipping = False, None
        self.renorm_momentum = number(renorm_momentum, f"{self.name}: renorm_momentum", 0, 1)
        self.synchronized = False
        self.take_options(
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            moving_mean_initializer=moving_mean_initializer,
            moving_variance_initializer=moving_variance_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )
        self._warned = False

    def build(self, input_shape: Shape) -> None:
        shape = (self._channels(input_shape),)
        self.gamma = self.make_weight("gamma", shape) if self.scale else None
        self.beta = self.make_weight("beta", shape) if self.center else None
        self.moving_mean = self.add_weight(
            shape, self.moving_mean_initializer, trainable=False, name="moving_mean"
        )
        self.moving_variance = self.add_weight(
            shape, self.moving_variance_initializer, trainable=False, name="moving_variance"
        )

    def _channels(self, input_shape: Shape) -> int:
        check_single(input_shape, self)
        if len(input_shape) < 2:
            raise ShapeError(f"{self.name}: needs two dimensions or more. Got {input_shape}.")
        axis = normalize_axis(self.axis, len(input_shape), f"{self.name}: axis")
        channels = input_shape[axis]
        if axis == 0 or channels is None:
            raise ShapeError(
                f"{self.name}: axis {self.axis} must be a known extent, not the batch. "
                f"Got shape {tuple(input_shape)}."
            )
        return channels

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        channels = self._channels(input_shape)
        if self.built and channels != self.moving_mean.shape[0]:
            raise ShapeError(
                f"{self.name}: built for {self.moving_mean.shape[0]} channels. "
                f"Got shape {tuple(input_shape)}."
            )
        return input_shape

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        axes = (normalize_axis(self.axis, x.ndim, f"{self.name}: axis"),)
        flat = joined_last(x, axes)
        statistics: dict[str, Any] = {"epsilon": self.epsilon}
        if training and self.trainable:
            used = self._checked_mask(mask, x)
            self._warn_of_a_single_value(flat)
            y, mean, variance = ops.batchnorm_forward(
                flat, self.gamma, self.beta, mask=used, **statistics
            )
            if flat.size:  # no rows have no statistics
                ops.batchnorm_update(
                    self.moving_mean, self.moving_variance, mean, variance, momentum=self.momentum
                )
            ctx.save(flat, mean, variance, used, False)
        else:
            moving = self.moving_mean, self.moving_variance
            y = ops.batchnorm_inference(flat, *moving, self.gamma, self.beta, **statistics)
            ctx.save(flat, *moving, None, True)
        return separated(y, x.shape, axes)

    def _checked_mask(self, mask: Any, x: Tensor) -> Any:
        """Return the mask, which must say of each row of channels whether it counts."""
        if mask is None:
            return None
        if self.axis not in (-1, x.ndim - 1):
            raise ShapeError(
                f"{self.name}: with a mask the channels must be the last axis. "
                f"Got axis {self.axis} of {x.ndim}. Transpose the input, or leave the mask out."
            )
        if tuple(mask.shape) != tuple(x.shape[:-1]):
            raise ShapeError(
                f"{self.name}: the mask must have one dimension less than the input. "
                f"Got mask {tuple(mask.shape)}, input {tuple(x.shape)}."
            )
        return mask

    def _warn_of_a_single_value(self, flat: Tensor) -> None:
        if flat.size and flat.size == flat.shape[-1] and not self._warned:
            self._warned = True
            warnings.warn(
                f"{self.name}: one value per channel has variance 0, so the output is beta alone. "
                "Train on larger batches.",
                CnnliteWarning,
                stacklevel=2,
            )

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor | None:
        flat, mean, variance, mask, fixed = ctx.saved
        axes = (normalize_axis(self.axis, dy.ndim, f"{self.name}: axis"),)
        dx = ops.batchnorm_backward(
            joined_last(dy, axes),
            flat,
            mean,
            variance,
            self.gamma,
            epsilon=self.epsilon,
            mask=mask,
            fixed=fixed,
            needs_dx=ctx.needs_dx,
            gamma_out=ctx.grad(self.gamma) if self.gamma is not None else None,
            beta_out=ctx.grad(self.beta) if self.beta is not None else None,
        )
        return None if dx is None else separated(dx, dy.shape, axes)


class LayerNormalization(Layer):
    """Normalize each sample along ``axis``: ``(x - mean) / sqrt(variance + epsilon) gamma + beta``.

    Parameters
    ----------
    axis : int or sequence of int
        Whose values are normalized together; gamma and beta have their shape.
    epsilon : float
    center, scale : bool
        Whether there is a beta, a gamma.
    beta_initializer, gamma_initializer : str or Initializer
    beta_regularizer, gamma_regularizer : str or Regularizer, optional
    beta_constraint, gamma_constraint : str or Constraint, optional
    rms_scaling : bool
        Divide by ``sqrt(variance + epsilon)`` alone, and add no beta.

    References
    ----------
    Ba, Kiros and Hinton 2016.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.LayerNormalization(epsilon=0)([[1.0, 3.0]])
    array([[-1.,  1.]], dtype=float32)
    """

    supports_masking = True

    def __init__(
        self,
        axis: Any = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        *,
        rms_scaling: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        axes = axis if isinstance(axis, list | tuple) else [axis]
        if not axes or not all(is_int(a) for a in axes):
            raise ShapeError(f"{self.name}: axis must be integers. Got {axis!r}.")
        self.axis = [int(a) for a in axes] if isinstance(axis, list | tuple) else int(axis)
        self.epsilon = number(epsilon, f"{self.name}: epsilon", 0)
        self.center, self.scale = bool(center), bool(scale)
        self.rms_scaling = bool(rms_scaling)
        self.take_options(
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )

    def _axes(self, ndim: int) -> tuple[int, ...]:
        listed = self.axis if isinstance(self.axis, list) else [self.axis]
        axes = sorted({normalize_axis(a, ndim, f"{self.name}: axis") for a in listed})
        if axes[0] == 0:
            raise ShapeError(f"{self.name}: the batch, axis 0, cannot be normalized.")
        return tuple(axes)

    def _sizes(self, input_shape: Shape) -> list[int]:
        check_single(input_shape, self)
        axes = self._axes(len(input_shape))
        sizes = [input_shape[a] for a in axes]
        for axis, size in zip(axes, sizes, strict=True):
            if not size:
                raise ShapeError(
                    f"{self.name}: the size of axis {axis} must be known and not 0, as gamma and "
                    f"beta have it. Got shape {tuple(input_shape)}. Pass one or more, or "
                    "normalize another axis."
                )
        return [n or 0 for n in sizes]

    def build(self, input_shape: Shape) -> None:
        shape = self._sizes(input_shape)
        with_gamma, with_beta = self.scale or self.rms_scaling, self.center and not self.rms_scaling
        self.gamma = self.make_weight("gamma", shape) if with_gamma else None
        self.beta = self.make_weight("beta", shape) if with_beta else None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        sizes = self._sizes(input_shape)
        for weight in (self.gamma, self.beta) if self.built else ():
            if weight is not None and weight.shape != tuple(sizes):
                raise ShapeError(
                    f"{self.name}: built for {weight.shape}. Got shape {tuple(input_shape)}."
                )
        return input_shape

    @staticmethod
    def _line(weight: Any) -> Any:
        """Return a weight, or where its gradient goes, as one line."""
        return None if weight is None else weight.value.reshape(-1)

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        axes = self._axes(x.ndim)
        flat = joined_last(x, axes)
        y, mean, inverse = ops.layernorm_forward(
            flat,
            self._line(self.gamma),
            self._line(self.beta),
            epsilon=self.epsilon,
            rms_scaling=self.rms_scaling,
        )
        ctx.save(flat, mean, inverse)
        return separated(y, x.shape, axes)

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor | None:
        flat, mean, inverse = ctx.saved
        axes = self._axes(dy.ndim)
        gradients = [None if w is None else ctx.grad(w) for w in (self.gamma, self.beta)]
        lines = [None if g is None else _line_of(g) for g in gradients]
        dx = ops.layernorm_backward(
            joined_last(dy, axes),
            flat,
            mean,
            inverse,
            self._line(self.gamma),
            rms_scaling=self.rms_scaling,
            needs_dx=ctx.needs_dx,
            gamma_out=lines[0],
            beta_out=lines[1],
        )
        for gradient in gradients:
            if gradient is not None:
                gradient.accumulate = True
        return None if dx is None else separated(dx, dy.shape, axes)


def _line_of(gradient: ops.Gradient) -> ops.Gradient:
    """Return a view of a gradient as one line, first written to if that one is."""
    line = ops.Gradient(ops.reshape(gradient.array, (-1,)))
    line.accumulate = gradient.accumulate
    return line


class LocalResponseNormalization(Layer):
    """Local response normalization: ``y_i = x_i / (k + alpha sum_j x_j^2)^beta``.

    The sum goes over ``size`` neighbouring channels around i.  Not in Keras; AlexNet and
    GoogLeNet use it.

    Parameters
    ----------
    size : int
        Odd.
    k, alpha, beta : float
        alpha is not divided by size.

    References
    ----------
    Krizhevsky, Sutskever and Hinton 2012, section 3.3.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.LocalResponseNormalization(size=1, k=0, alpha=1, beta=0.5)([[4.0]])
    array([[1.]], dtype=float32)
    """

    supports_masking = True

    def __init__(
        self,
        size: int = 5,
        k: float = 2.0,
        alpha: float = 1e-4,
        beta: float = 0.75,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not is_int(size) or size < 1 or size % 2 == 0:
            raise ShapeError(f"{self.name}: size must be an odd positive integer. Got {size!r}.")
        self.size = int(size)
        self.k = number(k, f"{self.name}: k", 0)
        self.alpha = number(alpha, f"{self.name}: alpha", 0)
        self.beta = number(beta, f"{self.name}: beta", 0)

    def _constants(self) -> tuple[int, float, float, float]:
        return self.size, self.k, self.alpha, self.beta

    def call(self, x: Any, *, ctx: Context, training: bool = False, mask: Any = None) -> Tensor:
        ctx.save(x)
        return ops.lrn_forward(x, *self._constants())

    def backward(self, dy: Tensor, *, ctx: Context) -> Tensor | None:
        (x,) = ctx.saved
        return ops.lrn_backward(dy, x, *self._constants()) if ctx.needs_dx else None
