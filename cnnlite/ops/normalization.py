"""Batch, layer and local response normalization."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnlite.errors import ShapeError
from cnnlite.ops.core import Output, Tensor, rows_of, run, same_shape, tensor, view
from cnnlite.shapes import is_int


def _matrix(x: Any, where: str, other: str = "x") -> tuple[Tensor, Tensor]:
    """Return an array of at least one dimension and its view as (rows, C)."""
    x = tensor(x, f"{where}: {other}")
    if x.ndim < 2:
        raise ShapeError(f"{where}: {other} needs two dimensions or more. Got shape {x.shape}.")
    return x, rows_of(x)


def _per_column(value: Any, x: Tensor, where: str, optional: bool = True) -> Any:
    """Return one number for each column of x as an array; None stays None."""
    if value is None and optional:
        return None
    value = tensor(value, where, 1, x.dtype)
    if value.shape != x.shape[-1:]:
        raise ShapeError(f"{where} must have shape {x.shape[-1:]}. Got {value.shape}.")
    return value


def _mask(mask: Any, x: Tensor, where: str) -> Any:
    if mask is None:
        return None
    mask = tensor(mask, where, dtype=np.uint8, integer=True)
    if mask.shape != x.shape[:-1]:
        raise ShapeError(f"{where} must have shape {x.shape[:-1]}. Got {mask.shape}.")
    return _flat(mask)


def _flat(a: Tensor) -> Tensor:
    return view(a, (a.size,))


def _activation(name: str | None, where: str) -> str | None:
    if name not in (None, "relu"):
        raise ValueError(f'{where}: activation must be None or "relu". Got {name!r}.')
    return name


def batchnorm_forward(
    x: Any,
    gamma: Any = None,
    beta: Any = None,
    *,
    epsilon: float = 1e-3,
    mask: Any = None,
    activation: str | None = None,
    out: Any = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalize every column by its mean and population variance over all other axes.

    Parameters
    ----------
    x : (..., C) array
    gamma, beta : (C,) arrays, optional
        Default: ones, zeros.
    epsilon : float
    mask : (...) uint8 array, optional
        1 in the rows that count for mean and variance; default: all.
    activation : "relu", optional
        Applied to y in the same pass.

    Returns
    -------
    y : (..., C) array, ``(x - mean) / sqrt(variance + epsilon) gamma + beta``
    mean, variance : (C,) arrays

    References
    ----------
    Ioffe and Szegedy 2015.

    Examples
    --------
    >>> from cnnlite import ops
    >>> y, mean, variance = ops.batchnorm_forward([[1, 2], [3, 6]], epsilon=0)
    >>> y
    array([[-1., -1.],
           [ 1.,  1.]], dtype=float32)
    >>> mean, variance
    (array([2., 4.], dtype=float32), array([1., 4.], dtype=float32))
    """
    where = "batchnorm"
    x, rows = _matrix(x, where)
    gamma, beta = _per_column(gamma, x, f"{where}: gamma"), _per_column(beta, x, f"{where}: beta")
    mask = _mask(mask, x, f"{where}: mask")
    y = Output(out, x.shape, x.dtype, where, reads=(x, gamma, beta, mask))
    mean, variance = (Output(None, x.shape[-1:], x.dtype, where).array for _ in range(2))
    outputs = (rows_of(y.array), mean, variance)
    params = {"epsilon": float(epsilon), "activation": _activation(activation, where)}
    run("batchnorm_forward", x.dtype, outputs, (rows, gamma, beta, mask), **params)
    return y.deliver(), mean, variance


def batchnorm_inference(
    x: Any,
    mean: Any,
    variance: Any,
    gamma: Any = None,
    beta: Any = None,
    *,
    epsilon: float = 1e-3,
    activation: str | None = None,
    out: Any = None,
) -> Tensor:
    """Normalize every column by the statistics given.

    Parameters
    ----------
    x : (..., C) array
    mean, variance : (C,) arrays
    gamma, beta : (C,) arrays, optional
    epsilon : float
    activation : "relu", optional
    out : array, optional
        May be ``x`` itself.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.batchnorm_inference([[1.0, 9.0]], [0, 1], [1, 4], [2, 2], epsilon=0)
    array([[2., 8.]], dtype=float32)
    """
    where = "batchnorm_inference"
    x, rows = _matrix(x, where)
    mean = _per_column(mean, x, f"{where}: mean", optional=False)
    variance = _per_column(variance, x, f"{where}: variance", optional=False)
    gamma, beta = _per_column(gamma, x, f"{where}: gamma"), _per_column(beta, x, f"{where}: beta")
    inputs = (rows, mean, variance, gamma, beta)
    y = Output(out, x.shape, x.dtype, where, reads=inputs[1:], alias=(x,))
    params = {"epsilon": float(epsilon), "activation": _activation(activation, where)}
    run(where, x.dtype, (rows_of(y.array),), inputs, **params)
    return y.deliver()


def batchnorm_backward(
    dy: Any,
    x: Any,
    mean: Any,
    variance: Any,
    gamma: Any = None,
    beta: Any = None,
    *,
    epsilon: float = 1e-3,
    mask: Any = None,
    activation: str | None = None,
    fixed: bool = False,
    needs_dx: bool = True,
    gamma_out: Any = None,
    beta_out: Any = None,
    out: Any = None,
) -> Any:
    """Gradients of batch normalization.

    Parameters
    ----------
    dy, x : (..., C) arrays
    mean, variance : (C,) arrays
        Those of the forward pass.
    gamma : (C,) array, optional
    beta : (C,) array, optional
        Read only where there is an activation.
    epsilon : float
    mask : (...) uint8 array, optional
    activation : "relu", optional
        That of the forward pass: dy is the gradient of its output.
    fixed : bool
        Mean and variance were constants (:func:`batchnorm_inference`).
    needs_dx : bool
        Whether the gradient of x is wanted.
    gamma_out, beta_out : array or Gradient, optional
        Where the gradients of gamma and beta go; default: they are not computed.
    out : array, optional
        Where dx goes.

    Returns
    -------
    dx : (..., C) array, or None if it is not wanted

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.batchnorm_backward([[1.0], [0.0]], [[2.0], [4.0]], [0], [1], [3], epsilon=0, fixed=True)
    array([[3.],
           [0.]], dtype=float32)
    """
    where = "batchnorm_backward"
    dy, dy_rows = _matrix(dy, where, "dy")
    x, rows = _matrix(x, where)
    same_shape(where, dy, x, "dy and x")
    mean = _per_column(mean, x, f"{where}: mean", optional=False)
    variance = _per_column(variance, x, f"{where}: variance", optional=False)
    gamma, beta = _per_column(gamma, x, f"{where}: gamma"), _per_column(beta, x, f"{where}: beta")
    mask = _mask(mask, x, f"{where}: mask")
    inputs = (dy_rows, rows, mean, variance, gamma, beta, mask)
    outputs = _gradients(where, x, needs_dx, out, gamma_out, beta_out, inputs)
    arrays = _kernel_outputs(outputs)
    params = {"epsilon": float(epsilon), "activation": _activation(activation, where)}
    run(where, x.dtype, arrays, inputs, **params, fixed=bool(fixed))
    return _delivered(outputs)


def _gradients(
    where: str, x: Tensor, needs_dx: bool, out: Any, gamma_out: Any, beta_out: Any, inputs: tuple
) -> tuple:
    """Return the outputs dx, dgamma and dbeta; None for what is not wanted."""
    columns = x.shape[-1:]
    dx = Output(out, x.shape, x.dtype, where, reads=inputs) if needs_dx else None
    others = [
        None if o is None else Output(o, columns, x.dtype, where, reads=inputs)
        for o in (gamma_out, beta_out)
    ]
    return (dx, *others)


def _kernel_outputs(outputs: tuple) -> tuple:
    dx, *others = outputs
    return (
        None if dx is None else rows_of(dx.array),
        *(None if o is None else o.array for o in others),
    )


def _delivered(outputs: tuple) -> Any:
    delivered = [None if o is None else o.deliver() for o in outputs]
    return delivered[0]


def batchnorm_update(
    moving_mean: Any, moving_variance: Any, mean: Any, variance: Any, *, momentum: float = 0.99
) -> None:
    """Move running statistics in place: ``moving = momentum moving + (1 - momentum) batch``.

    Parameters
    ----------
    moving_mean, moving_variance : (C,) arrays or Parameters
    mean, variance : (C,) arrays

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> moving = np.zeros(1, "float32"), np.ones(1, "float32")
    >>> ops.batchnorm_update(*moving, [2], [3], momentum=0.5)
    >>> moving
    (array([1.], dtype=float32), array([2.], dtype=float32))
    """
    where = "batchnorm_update"
    mean, variance = tensor(mean, f"{where}: mean", 1), tensor(variance, f"{where}: variance", 1)
    same_shape(where, mean, variance, "mean and variance")
    moving = [
        Output(m, mean.shape, mean.dtype, where, reads=(mean, variance))
        for m in (moving_mean, moving_variance)
    ]
    for m in moving:
        if type(m.out) is np.ndarray and m.out is not m.array:
            m.array[...] = m.out  # a temporary starts from what the caller's array holds
    outputs = tuple(m.array for m in moving)
    run(where, mean.dtype, outputs, (mean, variance), momentum=float(momentum))
    for m in moving:
        m.deliver()


def layernorm_forward(
    x: Any,
    gamma: Any = None,
    beta: Any = None,
    *,
    epsilon: float = 1e-3,
    rms_scaling: bool = False,
    out: Any = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalize along the last axis: ``y = (x - mean) / sqrt(variance + epsilon) gamma + beta``.

    Parameters
    ----------
    x : (..., K) array
    gamma, beta : (K,) arrays, optional
    epsilon : float
    rms_scaling : bool
        Divide only, without subtracting the mean.

    Returns
    -------
    y : (..., K) array
    mean, inverse : (...) arrays
        The mean and ``1 / sqrt(variance + epsilon)``, for the gradient.

    References
    ----------
    Ba, Kiros and Hinton 2016.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.layernorm_forward([[1.0, 3.0]], epsilon=0)[0]
    array([[-1.,  1.]], dtype=float32)
    """
    where = "layernorm"
    x, rows = _matrix(x, where)
    if not x.shape[-1]:
        raise ShapeError(f"{where}: the last axis of x is empty. Got shape {x.shape}.")
    gamma, beta = _per_column(gamma, x, f"{where}: gamma"), _per_column(beta, x, f"{where}: beta")
    y = Output(out, x.shape, x.dtype, where, reads=(x, gamma, beta))
    mean, inverse = (Output(None, x.shape[:-1], x.dtype, where).array for _ in range(2))
    outputs = (rows_of(y.array), _flat(mean), _flat(inverse))
    params = {"epsilon": float(epsilon), "rms_scaling": bool(rms_scaling)}
    run("layernorm_forward", x.dtype, outputs, (rows, gamma, beta), **params)
    return y.deliver(), mean, inverse


def layernorm_backward(
    dy: Any,
    x: Any,
    mean: Any,
    inverse: Any,
    gamma: Any = None,
    *,
    rms_scaling: bool = False,
    needs_dx: bool = True,
    gamma_out: Any = None,
    beta_out: Any = None,
    out: Any = None,
) -> Any:
    """Gradients of :func:`layernorm_forward`; see :func:`batchnorm_backward` for the rest.

    Parameters
    ----------
    dy, x : (..., K) arrays
    mean, inverse : (...) arrays
        From the forward pass.
    gamma : (K,) array, optional

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import ops
    >>> db = np.empty(2, "float32")
    >>> ops.layernorm_backward([[1, 0], [1, 2]], [[1, 3], [2, 4]], [2, 3], [1, 1], beta_out=db)
    array([[0., 0.],
           [0., 0.]], dtype=float32)
    >>> db
    array([2., 2.], dtype=float32)
    """
    where = "layernorm_backward"
    dy, dy_rows = _matrix(dy, where, "dy")
    x, rows = _matrix(x, where)
    same_shape(where, dy, x, "dy and x")
    gamma = _per_column(gamma, x, f"{where}: gamma")
    kept = []
    for name, value in (("mean", mean), ("inverse", inverse)):
        value = tensor(value, f"{where}: {name}", dtype=x.dtype)
        if value.shape != x.shape[:-1]:
            raise ShapeError(f"{where}: {name} must have shape {x.shape[:-1]}. Got {value.shape}.")
        kept.append(_flat(value))
    inputs = (dy_rows, rows, *kept, gamma)
    outputs = _gradients(where, x, needs_dx, out, gamma_out, beta_out, inputs)
    run(where, x.dtype, _kernel_outputs(outputs), inputs, rms_scaling=bool(rms_scaling))
    return _delivered(outputs)


def _lrn_params(size: Any, k: float, alpha: float, beta: float, where: str) -> dict[str, Any]:
    if not is_int(size) or size < 1 or size % 2 == 0:
        raise ShapeError(f"{where}: size must be an odd positive integer. Got {size!r}.")
    return {"radius": int(size) // 2, "k": float(k), "alpha": float(alpha), "beta": float(beta)}


def lrn_forward(
    x: Any,
    size: int = 5,
    k: float = 2.0,
    alpha: float = 1e-4,
    beta: float = 0.75,
    *,
    out: Any = None,
) -> Tensor:
    """Local response normalization: ``y_i = x_i / (k + alpha sum_j x_j^2)^beta``.

    The sum goes over a window of ``size`` channels around i; alpha is not divided by size.

    Parameters
    ----------
    x : (..., C) array
    size : int
        Odd.
    k, alpha, beta : float

    References
    ----------
    Krizhevsky, Sutskever and Hinton 2012, section 3.3.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.lrn_forward([[4.0, 0.0]], k=0, alpha=1, beta=0.5, size=1)[0, 0].item()
    1.0
    """
    x, rows = _matrix(x, "lrn")
    params = _lrn_params(size, k, alpha, beta, "lrn")
    y = Output(out, x.shape, x.dtype, "lrn", reads=(x,))
    run("lrn_forward", x.dtype, (rows_of(y.array),), (rows,), **params)
    return y.deliver()


def lrn_backward(
    dy: Any,
    x: Any,
    size: int = 5,
    k: float = 2.0,
    alpha: float = 1e-4,
    beta: float = 0.75,
    *,
    out: Any = None,
) -> Tensor:
    """Gradient of :func:`lrn_forward`, from its input.

    Examples
    --------
    >>> from cnnlite import ops
    >>> ops.lrn_backward([[1.0]], [[3.0]], k=4, alpha=0, beta=0.5)
    array([[0.5]], dtype=float32)
    """
    where = "lrn_backward"
    dy, dy_rows = _matrix(dy, where, "dy")
    x, rows = _matrix(x, where)
    same_shape(where, dy, x, "dy and x")
    params = _lrn_params(size, k, alpha, beta, where)
    dx = Output(out, x.shape, x.dtype, where, reads=(dy, x), adds=True)
    outputs, inputs = (rows_of(dx.array),), (dy_rows, rows)
    run(where, x.dtype, outputs, inputs, **params, accumulate=dx.accumulate)
    return dx.deliver()
