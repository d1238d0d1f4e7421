"""Penalties and projections of parameters on csrc/kernels/penalties.c."""

cimport numpy as cnp

from cnnlite.kernels.native.dispatch cimport (
    Workspace, borrow, cnn_kernel, dim, f32, f64, release, run, table, tiles_of,
)

cdef extern from "cnn.h":
    struct cnn_orthogonal:
        double *partial
        float *factors
        const float *gram
        ptrdiff_t n
        double scale

    struct cnn_projection:
        float *w
        const ptrdiff_t *kept
        const ptrdiff_t *reduced
        ptrdiff_t kept_count, reduced_count, run
        int run_is_reduced
        double min_value, max_value, rate

    ptrdiff_t cnn_projection_blocks(ptrdiff_t run, int run_is_reduced)

    ctypedef struct parameters_kernels "const struct cnn_table":
        cnn_kernel *penalty_forward
        cnn_kernel *penalty_backward
        cnn_kernel *orthogonal_penalty_forward
        cnn_kernel *orthogonal_penalty_backward
        cnn_kernel *project_norms

import numpy as np

cnp.import_array()


cdef inline parameters_kernels *kernels() noexcept:
    return <parameters_kernels *>table


# Nanoseconds per element, estimated for one core of 3 GHz from the loops' instructions.
cdef double NS_PENALTY = 0.15, NS_ORTHOGONAL = 5, NS_PROJECT = 0.5


cdef Workspace cut(Cut *c, weights, first, second, third, gradients):
    cdef Workspace workspace = borrow(len(weights) * sizeof(cnn_parameter))
    cdef cnn_parameter *p = <cnn_parameter *>workspace.data
    cdef cnp.ndarray w
    cdef ptrdiff_t n
    c.parameters = p
    c.count = c.size = c.tiles = 0
    for n in range(len(weights)):
        w = weights[n]
        if cnp.PyArray_SIZE(w) == 0:
            continue
        p.w = f32(w)
        p.slot[0] = f32(first[n]) if first is not None else NULL
        p.slot[1] = f32(second[n]) if second is not None else NULL
        p.slot[2] = f32(third[n]) if third is not None else NULL
        p.g = f32(gradients[n]) if gradients is not None else NULL
        p.scale, p.decay = 1, 0
        p.size = cnp.PyArray_SIZE(w)
        p.first_tile = c.tiles
        c.count += 1
        c.size += p.size
        c.tiles += tiles_of(p.size, CNN_PARAMETER_TILE)
        p += 1
    return workspace


def penalty_forward(cnp.ndarray total, arrays, *, l1, l2, scale=1.0, accumulate=False):
    cdef Cut c
    cdef Workspace workspace = cut(&c, arrays, None, None, None, None)
    cdef Workspace sums = borrow(c.tiles * sizeof(double))
    cdef cnn_penalty a
    a.parameters, a.count, a.partial = c.parameters, c.count, <double *>sums.data
    a.l1, a.l2 = l1, l2
    run(kernels().penalty_forward, &a, c.tiles, NS_PENALTY * c.size)
    f64(total)[0] = (f64(total)[0] if accumulate else 0) + scale * cnn_sum(a.partial, c.tiles)
    release(sums)
    release(workspace)


def penalty_backward(cnp.ndarray dw, cnp.ndarray w, *, l1, l2, scale=1.0, accumulate=False):
    cdef cnn_parameter one
    cdef cnn_penalty a
    one.w, one.g, one.size, one.first_tile = f32(w), f32(dw), cnp.PyArray_SIZE(w), 0
    a.parameters, a.count = &one, 1
    a.of_sign, a.of_w, a.accumulate = scale * l1, 2 * scale * l2, accumulate
    run(
        kernels().penalty_backward, &a, tiles_of(one.size, CNN_PARAMETER_TILE),
        NS_PENALTY * one.size,
    )


def orthogonal_penalty_forward(
    cnp.ndarray total, cnp.ndarray gram, *, scale=1.0, accumulate=False
):
    cdef cnn_orthogonal a
    a.gram, a.n = f32(gram), dim(gram, 0)
    cdef Workspace sums = borrow(a.n * sizeof(double))
    a.partial = <double *>sums.data
    run(kernels().orthogonal_penalty_forward, &a, a.n, NS_ORTHOGONAL * a.n * a.n)
    f64(total)[0] = (f64(total)[0] if accumulate else 0) + (
        scale * (cnn_sum(a.partial, a.n) / max(a.n * (a.n - 1), 1))
    )
    release(sums)


def orthogonal_penalty_backward(cnp.ndarray factors, cnp.ndarray gram, *, scale=1.0):
    cdef cnn_orthogonal a
    a.gram, a.factors, a.n = f32(gram), f32(factors), dim(gram, 0)
    a.scale = 2 * scale / max(a.n * (a.n - 1), 1)
    run(kernels().orthogonal_penalty_backward, &a, a.n, NS_ORTHOGONAL * a.n * a.n)


def project_norms(cnp.ndarray w, *, axes, min_value, max_value, rate=1.0):
    cdef cnn_projection a
    cdef cnp.ndarray kept, reduced
    if cnp.PyArray_SIZE(w) == 0:
        return
    kept, reduced, a.run, a.run_is_reduced = _offsets((<object>w).shape, axes)
    a.w = f32(w)
    a.kept, a.reduced = <ptrdiff_t *>cnp.PyArray_DATA(kept), <ptrdiff_t *>cnp.PyArray_DATA(reduced)
    a.kept_count, a.reduced_count = cnp.PyArray_SIZE(kept), cnp.PyArray_SIZE(reduced)
    a.min_value, a.max_value, a.rate = min_value, max_value, rate
    run(
        kernels().project_norms, &a, a.kept_count * cnn_projection_blocks(a.run, a.run_is_reduced),
        NS_PROJECT * cnp.PyArray_SIZE(w),
    )


def _offsets(shape, axes):
    """Return the kept and the reduced offsets before the innermost run, its length and kind."""
    run_is_reduced = len(shape) - 1 in axes
    first = len(shape)  # the axis with which the innermost run begins
    while first > 0 and (first - 1 in axes) == run_is_reduced:
        first -= 1
    offsets = {True: np.zeros(1, np.intp), False: np.zeros(1, np.intp)}
    for axis in range(first):
        stride = int(np.prod(shape[axis + 1:], dtype=np.intp))
        own = np.arange(shape[axis], dtype=np.intp) * stride
        offsets[axis in axes] = np.add.outer(offsets[axis in axes], own).ravel()
    length = int(np.prod(shape[first:], dtype=np.intp))
    return offsets[False], offsets[True], length, run_is_reduced
