"""Optimizer steps on csrc/kernels/optimizers.c: all parameters in one run of tiles."""

cimport numpy as cnp
from libc.math cimport INFINITY, NAN, isfinite, sqrt

from cnnlite.kernels.native.dispatch cimport (
    Workspace, borrow, cnn_kernel, f64, i64, release, run, table, tiles_of,
)
from cnnlite.kernels.native.parameters cimport (
    CNN_PARAMETER_TILE,
    Cut,
    cnn_parameter,
    cnn_penalty,
    cnn_sum,
    cut,
)

cdef extern from "cnn.h":
    enum cnn_rule:
        pass

    struct cnn_update:
        const cnn_parameter *parameters
        ptrdiff_t count
        cnn_rule rule
        int nesterov
        float limit, epsilon

    struct cnn_average:
        const cnn_parameter *parameters
        ptrdiff_t count
        float momentum, rest
        int first, overwrite

    void cnn_set_coefficients(
        cnn_update *a, double rate, double t, double momentum, double rho, double beta_1,
        double beta_2,
    )
    double cnn_clip_scale(double norm, double clip_norm)

    ctypedef struct optimizers_kernels "const struct cnn_table":
        cnn_kernel *update
        cnn_kernel *penalty_forward
        cnn_kernel *average_update

cnp.import_array()


cdef inline optimizers_kernels *kernels() noexcept:
    return <optimizers_kernels *>table


# Of csrc's rules in their order: the name, and nanoseconds per element.  SGD's and Adam's
# are measured on one Zen 4 core with AVX-512, in its caches; the others estimated by the
# number of their square roots and divisions.
cdef dict RULES = {
    "sgd": (0, 0.15),
    "rmsprop": (1, 0.5),
    "adagrad": (2, 0.5),
    "adadelta": (3, 0.8),
    "adam": (4, 0.5),
    "adamax": (5, 0.3),
    "nadam": (6, 0.5),
    "lion": (7, 0.2),
}
cdef double NS_NORM = 0.15, NS_AVERAGE = 0.15


def update(
    weights, first, second, third, gradients, cnp.ndarray scales, cnp.ndarray decays,
    cnp.ndarray rate, cnp.ndarray iterations, *, rule, clip_value=None, momentum=0.0,
    nesterov=False, rho=0.0, beta_1=0.0, beta_2=0.0, epsilon=0.0,
):
    cdef Cut c
    cdef Workspace workspace = cut(&c, weights, first, second, third, gradients)
    cdef cnn_update a
    cdef cnn_parameter *p = c.parameters
    cdef int number
    cdef double nanoseconds
    cdef ptrdiff_t n, k = 0
    number, nanoseconds = RULES[rule]
    a.parameters, a.count, a.rule = c.parameters, c.count, <cnn_rule>number
    a.nesterov, a.epsilon = nesterov, epsilon
    a.limit = INFINITY if clip_value is None else clip_value
    cnn_set_coefficients(&a, f64(rate)[0], i64(iterations)[0], momentum, rho, beta_1, beta_2)
    if scales is not None or decays is not None:
        for n in range(len(weights)):
            if cnp.PyArray_SIZE(<cnp.ndarray>weights[n]) == 0:
                continue
            p[k].scale = f64(scales)[n] if scales is not None else 1
            p[k].decay = f64(rate)[0] * f64(decays)[n] if decays is not None else 0
            k += 1
    # All parameters or none: Ctrl-C waits.
    run(
        kernels().update, &a, c.tiles, nanoseconds * c.size,
        0 if scales is None and clip_value is None else CNN_PARAMETER_TILE * sizeof(float), False,
    )
    release(workspace)


def clip_scales(cnp.ndarray scales, gradients, *, clip_norm, together=False):
    cdef Cut c
    cdef Workspace workspace = cut(&c, gradients, None, None, None, None)
    cdef Workspace sums = borrow(c.tiles * sizeof(double))
    cdef cnn_penalty a
    cdef double *partial = <double *>sums.data
    cdef double norm
    cdef ptrdiff_t n, tiles
    a.parameters, a.count, a.partial = c.parameters, c.count, partial
    a.l1, a.l2 = 0, 1  # so the penalty is the sum of squares
    run(kernels().penalty_forward, &a, c.tiles, NS_NORM * c.size)
    norm = sqrt(cnn_sum(partial, c.tiles))
    for n in range(len(gradients)):
        if together:
            f64(scales)[n] = cnn_clip_scale(norm, clip_norm) if isfinite(norm) else NAN
            continue
        tiles = tiles_of(cnp.PyArray_SIZE(<cnp.ndarray>gradients[n]), CNN_PARAMETER_TILE)
        f64(scales)[n] = cnn_clip_scale(sqrt(cnn_sum(partial, tiles)), clip_norm)
        partial += tiles
    release(sums)
    release(workspace)


def average_update(
    averages, weights, cnp.ndarray iterations, *, momentum, overwrite_frequency=None
):
    cdef Cut c
    cdef Workspace workspace = cut(&c, weights, averages, None, None, None)
    cdef cnn_average a
    t = i64(iterations)[0]
    a.parameters, a.count = c.parameters, c.count
    a.momentum, a.rest, a.first = momentum, 1 - momentum, t == 1
    a.overwrite = overwrite_frequency is not None and t % overwrite_frequency == 0
    run(kernels().average_update, &a, c.tiles, NS_AVERAGE * c.size, 0, False)
    release(workspace)
