/* Normalization of a matrix's columns (batch), rows (layer), and over neighbouring
 * columns (local response). */
#ifndef CNN_NORMALIZATION_H
#define CNN_NORMALIZATION_H

#include <stddef.h>
#include <stdint.h>

/* A tile of rows: 64 KB, so that a second pass over it finds it in the cache, but at least
 * 64 rows, so that the tiles' partial sums are little against the data. */
static inline ptrdiff_t cnn_norm_rows(ptrdiff_t C)
{
    const ptrdiff_t n = 16384 / (C > 0 ? C : 1);
    return n > 64 ? n : 64;
}

static inline ptrdiff_t cnn_norm_tiles(ptrdiff_t rows, ptrdiff_t C)
{
    const ptrdiff_t n = cnn_norm_rows(C);
    return (rows + n - 1) / n;
}

/* Columns in a tile of the kernels that add partial sums up. */
enum { CNN_NORM_COLUMNS = 64 };

/* Batch normalization.  Forward in training: batchnorm_moments over row tiles,
 * batchnorm_statistics over column tiles, batchnorm_apply over row tiles; else
 * batchnorm_apply alone; batchnorm_factors (one tile) leaves scale and shift in partial, for a
 * convolution that does the rest.  Backward: batchnorm_sums over row tiles, norm_gradients over
 * column tiles, batchnorm_input_gradient over row tiles.
 * Scratch: CNN_NORM_SCRATCH(C) floats. */
struct cnn_batchnorm {
    float *y;            /* (rows, C): y, or dx */
    float *mean;         /* (C,) */
    float *variance;     /* (C,) */
    const float *x;      /* (rows, C) */
    const float *dy;     /* (rows, C) */
    const float *gamma;  /* (C,) or NULL: ones */
    const float *beta;   /* (C,) or NULL: zeros */
    const uint8_t *mask; /* (rows,) or NULL: all rows count */
    float *dgamma;       /* (C,) or NULL */
    float *dbeta;        /* (C,) or NULL */
    float *partial;      /* (tiles, 3, C); backward (tiles, 2, C); factors (2, C + 16) */
    float *sums;         /* (2, C): of dy, and of dy (x - mean) */
    ptrdiff_t rows, C;
    double count; /* rows that count, a little more with a mask (Keras's epsilon) */
    float epsilon;
    int fixed; /* mean and variance are constants: backward */
    int relu;  /* y = relu of what is normalized; backward, dy is that of such a y */
    int accumulate;
};

#define CNN_NORM_SCRATCH(C) (4 * ((C) + 16))

/* Layer normalization, each row by itself.  Tile = rows.  Backward, the tiles leave sums
 * for dgamma and dbeta in partial, which norm_gradients adds up. */
struct cnn_layernorm {
    float *y;           /* (rows, K): y, or dx (NULL: not wanted) */
    float *mean;        /* (rows,) */
    float *inverse;     /* (rows,): 1 / sqrt(variance + epsilon) */
    const float *x;     /* (rows, K) */
    const float *dy;    /* (rows, K) */
    const float *gamma; /* (K,) or NULL: ones */
    const float *beta;  /* (K,) or NULL: zeros */
    float *partial;     /* (tiles, 2, K), backward */
    ptrdiff_t rows, K;
    float epsilon;
    int rms_scaling; /* do not subtract the mean */
    int accumulate;
};

/* Add up the tiles' partial sums (tiles, 2, C) of dy and of dy (x - mean).
 * Tile = CNN_NORM_COLUMNS columns. */
struct cnn_norm_gradients {
    const float *partial;
    const float *variance; /* (C,) or NULL: the second sum is of dy times x normalized */
    float *sums;           /* (2, C) or NULL */
    float *dgamma;         /* (C,) or NULL */
    float *dbeta;          /* (C,) or NULL */
    ptrdiff_t tiles, C;
    float epsilon;
    int accumulate;
};

/* Local response normalization over `radius` columns on either side.  Tile = rows.
 * Scratch: 2 * (C + 2 * radius + 16) floats. */
struct cnn_lrn {
    float *y;        /* (rows, C): y, or dx */
    const float *x;  /* (rows, C) */
    const float *dy; /* (rows, C) */
    ptrdiff_t rows, C, radius;
    float k, alpha, beta;
    int accumulate;
};

#define CNN_NORMALIZATION_KERNELS(X)                                                               \
    X(batchnorm_moments)                                                                           \
    X(batchnorm_statistics)                                                                        \
    X(batchnorm_apply)                                                                             \
    X(batchnorm_factors)                                                                           \
    X(batchnorm_sums)                                                                              \
    X(norm_gradients)                                                                              \
    X(batchnorm_input_gradient)                                                                    \
    X(layernorm_forward)                                                                           \
    X(layernorm_backward)                                                                          \
    X(lrn_forward)                                                                                 \
    X(lrn_backward)

#endif
