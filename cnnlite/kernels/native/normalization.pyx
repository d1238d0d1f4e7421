"""Batch, layer and local response normalization (csrc/normalization.h)."""

cimport numpy as cnp
from libc.stdint cimport uint8_t

from cnnlite.kernels.native.dispatch cimport (
    Workspace, borrow, cnn_kernel, dim, f32, release, run, table, tiles_of, u8,
)

cdef extern from "cnn.h":
    ctypedef struct normalization_kernels "const struct cnn_table":
        cnn_kernel *batchnorm_apply
        cnn_kernel *batchnorm_factors
        cnn_kernel *batchnorm_moments
        cnn_kernel *batchnorm_statistics
        cnn_kernel *norm_gradients
        cnn_kernel *batchnorm_sums
        cnn_kernel *batchnorm_input_gradient
        cnn_kernel *layernorm_forward
        cnn_kernel *layernorm_backward
        cnn_kernel *lrn_forward
        cnn_kernel *lrn_backward

cnp.import_array()

cdef extern from "normalization.h":
    enum:
        CNN_NORM_COLUMNS

    struct cnn_batchnorm:
        float *y
        float *mean
        float *variance
        const float *x
        const float *dy
        const float *gamma
        const float *beta
        const uint8_t *mask
        float *dgamma
        float *dbeta
        float *partial
        float *sums
        ptrdiff_t rows
        ptrdiff_t C
        double count
        float epsilon
        int fixed
        int relu
        int accumulate

    struct cnn_layernorm:
        float *y
        float *mean
        float *inverse
        const float *x
        const float *dy
        const float *gamma
        const float *beta
        float *partial
        ptrdiff_t rows
        ptrdiff_t K
        float epsilon
        int rms_scaling
        int accumulate

    struct cnn_norm_gradients:
        const float *partial
        const float *variance
        float *sums
        float *dgamma
        float *dbeta
        ptrdiff_t tiles
        ptrdiff_t C
        float epsilon
        int accumulate

    struct cnn_lrn:
        float *y
        const float *x
        const float *dy
        ptrdiff_t rows
        ptrdiff_t C
        ptrdiff_t radius
        float k
        float alpha
        float beta
        int accumulate

    ptrdiff_t cnn_norm_tiles(ptrdiff_t rows, ptrdiff_t C)
    ptrdiff_t CNN_NORM_SCRATCH(ptrdiff_t C)


cdef inline normalization_kernels *kernels() noexcept:
    return <normalization_kernels *>table


# Nanoseconds per element on one core (Zen 5): what streams, and a power of LRN.
cdef double STREAM_NS = 0.15
cdef double POWER_NS = 1.5

# What Keras adds to the number of rows that a mask chooses.
cdef double MASK_EPSILON = 1e-7


cdef double count_rows(cnp.ndarray mask, ptrdiff_t rows) noexcept:
    cdef const uint8_t *chosen = u8(mask)
    cdef ptrdiff_t r, n = 0
    if chosen == NULL:
        return rows
    for r in range(rows):
        n += chosen[r] != 0
    return n + MASK_EPSILON


cdef cnn_batchnorm batchnorm(
    cnp.ndarray x, mean, variance, gamma, beta, mask, epsilon, activation
) except *:
    cdef cnn_batchnorm args
    args.y, args.x, args.dy = NULL, f32(x), NULL
    args.mean, args.variance = f32(mean), f32(variance)
    args.gamma, args.beta, args.mask = f32(gamma), f32(beta), u8(mask)
    args.dgamma = args.dbeta = args.partial = args.sums = NULL
    args.rows, args.C = dim(x, 0), dim(x, 1)
    args.count = count_rows(mask, args.rows)
    args.epsilon = epsilon
    args.relu, args.fixed, args.accumulate = activation == "relu", False, False
    return args


cdef int apply(cnn_batchnorm *args) except -1:
    cdef ptrdiff_t tiles = cnn_norm_tiles(args.rows, args.C)
    cdef double ns = args.rows * args.C * STREAM_NS
    run(kernels().batchnorm_apply, args, tiles, ns, CNN_NORM_SCRATCH(args.C) * sizeof(float))
    return 0


def batchnorm_forward(
    cnp.ndarray y, cnp.ndarray mean, cnp.ndarray variance, cnp.ndarray x, cnp.ndarray gamma,
    cnp.ndarray beta, cnp.ndarray mask, *, epsilon, activation=None
):
    cdef cnn_batchnorm args = batchnorm(
        x, mean, variance, gamma, beta, mask, epsilon, activation
    )
    cdef ptrdiff_t tiles = cnn_norm_tiles(args.rows, args.C)
    cdef Workspace workspace = borrow((tiles * 3 * args.C + 1) * sizeof(float))
    args.y, args.partial = f32(y), <float *>workspace.data
    run(kernels().batchnorm_moments, &args, tiles, args.rows * args.C * STREAM_NS)
    run(kernels().batchnorm_statistics, &args, tiles_of(args.C, CNN_NORM_COLUMNS), tiles * args.C)
    release(workspace)
    apply(&args)


def batchnorm_inference(
    cnp.ndarray y, cnp.ndarray x, cnp.ndarray mean, cnp.ndarray variance, cnp.ndarray gamma,
    cnp.ndarray beta, *, epsilon, activation=None
):
    cdef cnn_batchnorm args = batchnorm(
        x, mean, variance, gamma, beta, None, epsilon, activation
    )
    args.y = f32(y)
    apply(&args)


cdef cnn_norm norm_of(
    cnp.ndarray mean, cnp.ndarray variance, cnp.ndarray gamma, cnp.ndarray beta, epsilon,
    float *memory,
) except *:
    cdef cnn_norm norm
    cdef cnn_batchnorm args = batchnorm(
        mean.reshape(1, -1), mean, variance, gamma, beta, None, epsilon, None
    )
    args.partial = memory
    run(kernels().batchnorm_factors, &args, 1, args.C)
    norm.mean, norm.scale, norm.shift = args.mean, memory, memory + args.C + 16
    return norm


cdef int add_up(
    float *partial, float *variance, float *sums, cnp.ndarray dgamma, cnp.ndarray dbeta,
    ptrdiff_t tiles, ptrdiff_t C, float epsilon, bint accumulate,
) except -1:
    cdef cnn_norm_gradients args
    args.partial, args.variance, args.sums = partial, variance, sums
    args.dgamma, args.dbeta = f32(dgamma), f32(dbeta)
    args.tiles, args.C, args.epsilon, args.accumulate = tiles, C, epsilon, accumulate
    run(kernels().norm_gradients, &args, tiles_of(C, CNN_NORM_COLUMNS), <double>tiles * C)
    return 0


def batchnorm_backward(
    cnp.ndarray dx, cnp.ndarray dgamma, cnp.ndarray dbeta, cnp.ndarray dy, cnp.ndarray x,
    cnp.ndarray mean, cnp.ndarray variance, cnp.ndarray gamma, cnp.ndarray beta, cnp.ndarray mask,
    *, epsilon, activation=None, fixed=False, accumulate=False
):
    cdef cnn_batchnorm args = batchnorm(
        x, mean, variance, gamma, beta, mask, epsilon, activation
    )
    cdef ptrdiff_t tiles = cnn_norm_tiles(args.rows, args.C)
    cdef double ns = args.rows * args.C * STREAM_NS
    cdef size_t scratch = CNN_NORM_SCRATCH(args.C) * sizeof(float)
    cdef Workspace workspace = borrow(((tiles + 1) * 2 * args.C + 1) * sizeof(float))
    args.dy, args.partial = f32(dy), <float *>workspace.data
    args.sums = args.partial + tiles * 2 * args.C
    args.fixed, args.accumulate = fixed, accumulate
    if dgamma is not None or dbeta is not None or not fixed:
        run(kernels().batchnorm_sums, &args, tiles, ns, scratch)
        add_up(
            args.partial, args.variance, args.sums, dgamma, dbeta, tiles, args.C, epsilon,
            accumulate,
        )
    if dx is not None:
        args.y = f32(dx)
        run(kernels().batchnorm_input_gradient, &args, tiles, ns, scratch)
    release(workspace)


def batchnorm_update(
    cnp.ndarray moving_mean, cnp.ndarray moving_variance, cnp.ndarray mean, cnp.ndarray variance,
    *, momentum
):
    # A number for each column: too little to be worth a kernel of its own.
    cdef float keep = momentum, rest = 1 - <double>momentum
    cdef ptrdiff_t c
    cdef float *moving
    cdef const float *batch
    moving, batch = f32(moving_mean), f32(mean)
    for c in range(moving_mean.size):
        moving[c] = moving[c] * keep + batch[c] * rest
    moving, batch = f32(moving_variance), f32(variance)
    for c in range(moving_variance.size):
        moving[c] = moving[c] * keep + batch[c] * rest


def layernorm_forward(
    cnp.ndarray y, cnp.ndarray mean, cnp.ndarray inverse, cnp.ndarray x, cnp.ndarray gamma,
    cnp.ndarray beta, *, epsilon, rms_scaling=False
):
    cdef cnn_layernorm args
    args.y, args.mean, args.inverse = f32(y), f32(mean), f32(inverse)
    args.x, args.dy, args.partial = f32(x), NULL, NULL
    args.gamma, args.beta = f32(gamma), f32(beta)
    args.rows, args.K, args.epsilon = dim(x, 0), dim(x, 1), epsilon
    args.rms_scaling, args.accumulate = rms_scaling, False
    cdef ptrdiff_t tiles = cnn_norm_tiles(args.rows, args.K)
    run(kernels().layernorm_forward, &args, tiles, args.rows * args.K * STREAM_NS)


def layernorm_backward(
    cnp.ndarray dx, cnp.ndarray dgamma, cnp.ndarray dbeta, cnp.ndarray dy, cnp.ndarray x,
    cnp.ndarray mean, cnp.ndarray inverse, cnp.ndarray gamma, *, rms_scaling=False,
    accumulate=False
):
    cdef cnn_layernorm args
    args.y, args.mean, args.inverse = f32(dx), f32(mean), f32(inverse)
    args.x, args.dy, args.gamma, args.beta = f32(x), f32(dy), f32(gamma), NULL
    args.rows, args.K, args.epsilon = dim(x, 0), dim(x, 1), 0
    args.rms_scaling, args.accumulate = rms_scaling, accumulate
    cdef ptrdiff_t tiles = cnn_norm_tiles(args.rows, args.K)
    cdef Workspace workspace = borrow((tiles * 2 * args.K + 1) * sizeof(float))
    args.partial = <float *>workspace.data
    run(kernels().layernorm_backward, &args, tiles, args.rows * args.K * 2 * STREAM_NS)
    add_up(args.partial, NULL, NULL, dgamma, dbeta, tiles, args.K, 0, accumulate)
    release(workspace)


cdef cnn_lrn lrn(cnp.ndarray x, radius, k, alpha, beta) except *:
    cdef cnn_lrn args
    args.y, args.x, args.dy = NULL, f32(x), NULL
    args.rows, args.C, args.radius = dim(x, 0), dim(x, 1), radius
    args.k, args.alpha, args.beta, args.accumulate = k, alpha, beta, False
    return args


def lrn_forward(cnp.ndarray y, cnp.ndarray x, *, radius, k, alpha, beta):
    cdef cnn_lrn args = lrn(x, radius, k, alpha, beta)
    cdef size_t scratch = 2 * (args.C + 2 * args.radius + 16) * sizeof(float)
    args.y = f32(y)
    run(
        kernels().lrn_forward, &args, cnn_norm_tiles(args.rows, args.C),
        args.rows * args.C * POWER_NS, scratch,
    )


def lrn_backward(
    cnp.ndarray dx, cnp.ndarray dy, cnp.ndarray x, *, radius, k, alpha, beta, accumulate=False
):
    cdef cnn_lrn args = lrn(x, radius, k, alpha, beta)
    cdef size_t scratch = 2 * (args.C + 2 * args.radius + 16) * sizeof(float)
    args.y, args.dy, args.accumulate = f32(dx), f32(dy), accumulate
    run(
        kernels().lrn_backward, &args, cnn_norm_tiles(args.rows, args.C),
        args.rows * args.C * 2 * POWER_NS, scratch,
    )
