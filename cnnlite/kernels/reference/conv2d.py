"""Two-dimensional convolution (cross-correlation, as in every framework): three passes.

Forward, with stride ``S``, dilation ``D``, zero padding ``P`` before the image::

    y[n, oh, ow, f] = bias[f]
        + sum over i, j, c of  x[n, oh*S + i*D - P, ow*S + j*D - P, c] * w[i, j, c, f]

The two gradients follow by the chain rule: every product ``x * w`` that went
into ``y`` sends ``dy * w`` back to that ``x`` and ``dy * x`` back to that ``w``.

With ``groups = G``, channels and filters fall into G equal parts and filter
part g sees channel part g alone.  Each pass below walks over the KH*KW taps:
for one tap, the pixels it touches are one strided view of the padded image, and
the rest is a matrix product over channels.

Source: LeCun et al. 1998, section II; Dumoulin and Visin 2016 for the sizes.
"""

from __future__ import annotations

import numpy as np

from cnnlite.kernels.reference.elementwise import unary
from cnnlite.kernels.reference.normalization import batchnorm_inference


def _padded(x, padding):
    """Return ``x`` (N, H, W, C) inside a frame of zeros."""
    return np.pad(x, ((0, 0), *padding, (0, 0)))


def _tap(xp, i, j, size, strides, dilation):
    """Return the view (N, OH, OW, C) of the padded image that tap (i, j) sees."""
    top, left = i * dilation[0], j * dilation[1]
    return xp[
        :,
        top : top + (size[0] - 1) * strides[0] + 1 : strides[0],
        left : left + (size[1] - 1) * strides[1] + 1 : strides[1],
    ]


def _groups(w, groups):
    """Yield (channel slice, filter slice) of every group."""
    channels, filters = w.shape[2], w.shape[3] // groups
    for g in range(groups):
        yield slice(g * channels, (g + 1) * channels), slice(g * filters, (g + 1) * filters)


def conv2d_forward(y, x, w, bias, *, strides, padding, dilation, groups, activation=None):
    """Convolve: ``y = activation(conv(x, w) + bias)``.

    y : (N, OH, OW, F), output
    x : (N, H, W, C)
    w : (KH, KW, C / groups, F)
    bias : (F,) or None
    strides : (int, int)
    padding : ((top, bottom), (left, right)), zeros around the image
    dilation : (int, int)
    groups : int
    activation : None or a name that ``unary`` knows
    """
    xp = _padded(x, padding)
    y[...] = 0 if bias is None else bias
    for i, j in np.ndindex(w.shape[:2]):
        seen = _tap(xp, i, j, y.shape[1:3], strides, dilation)
        for c, f in _groups(w, groups):
            y[..., f] += seen[..., c] @ w[i, j, :, f]  # (N, OH, OW, C) @ (C, F)
    if activation is not None:
        unary(y, y, function=activation)


def conv2d_batchnorm(
    y,
    x,
    w,
    bias,
    mean,
    variance,
    gamma,
    beta,
    *,
    strides,
    padding,
    dilation,
    groups,
    epsilon,
    activation=None,
):
    """``conv2d_forward``, then ``batchnorm_inference`` of every filter, then the activation.

    mean, variance : (F,)
    gamma, beta : (F,) or None: ones, zeros
    activation : None or "relu"
    """
    conv2d_forward(
        y, x, w, bias, strides=strides, padding=padding, dilation=dilation, groups=groups
    )
    rows = y.reshape(-1, y.shape[-1])
    batchnorm_inference(
        rows, rows, mean, variance, gamma, beta, epsilon=epsilon, activation=activation
    )


def conv2d_backward_input(dx, dy, w, *, strides, padding, dilation, groups, accumulate=False):
    """Gradient of the convolution's input.

    dx : (N, H, W, C), output
    dy : (N, OH, OW, F), gradient of the output before its activation
    w : (KH, KW, C / groups, F)
    """
    dxp = _padded(np.zeros_like(dx), padding)
    for i, j in np.ndindex(w.shape[:2]):
        seen = _tap(dxp, i, j, dy.shape[1:3], strides, dilation)
        for c, f in _groups(w, groups):
            seen[..., c] += dy[..., f] @ w[i, j, :, f].T  # (N, OH, OW, F) @ (F, C)
    (top, _), (left, _) = padding
    inside = dxp[:, top : top + dx.shape[1], left : left + dx.shape[2]]
    if accumulate:
        dx += inside
    else:
        dx[...] = inside


def conv2d_backward_weight(dw, db, dy, x, *, strides, padding, dilation, groups, accumulate=False):
    """Gradients of the convolution's weights and bias.

    dw : (KH, KW, C / groups, F), output
    db : (F,), output, or None
    dy : (N, OH, OW, F), gradient of the output before its activation
    x : (N, H, W, C)
    """
    xp = _padded(x, padding)
    if not accumulate:
        dw[...] = 0
        if db is not None:
            db[...] = 0
    for i, j in np.ndindex(dw.shape[:2]):
        seen = _tap(xp, i, j, dy.shape[1:3], strides, dilation)
        for c, f in _groups(dw, groups):
            dw[i, j, :, f] += np.tensordot(seen[..., c], dy[..., f], axes=([0, 1, 2], [0, 1, 2]))
    if db is not None:
        db += dy.sum(axis=(0, 1, 2))
