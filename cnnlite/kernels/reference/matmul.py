"""Matrix product with its epilogue, and the gradient of a bias."""

from __future__ import annotations

from cnnlite.kernels.reference.elementwise import unary


def matmul(
    y, a, b, bias, *, transpose_a=False, transpose_b=False, activation=None, accumulate=False
):
    """Matrix product: ``y = activation(op(a) @ op(b) + bias)``.

    y : (M, N), output
    a : (M, K), or (K, M) with ``transpose_a``
    b : (K, N), or (N, K) with ``transpose_b``
    bias : (N,) or None
    activation : None or a name that ``unary`` knows
    accumulate : ``y += op(a) @ op(b)``; bias and activation are then None

    ``K = 0`` gives ``activation(bias)``.
    """
    product = (a.T if transpose_a else a) @ (b.T if transpose_b else b)
    if accumulate:
        y += product
        return
    if bias is not None:
        product += bias
    y[...] = product
    if activation is not None:
        unary(y, y, function=activation)


def bias_gradient(db, dy, *, accumulate=False):
    """Gradient of a bias that was added to every row: ``db = sum over rows of dy``.

    db : (F,), output
    dy : (rows, F)
    """
    total = dy.sum(axis=0)
    if accumulate:
        db += total
    else:
        db[...] = total
