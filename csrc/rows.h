/* Operations row by row: softmax, losses, metrics; and sums down the columns.
 */
#ifndef CNN_ROWS_H
#define CNN_ROWS_H

#include <stddef.h>
#include <stdint.h>

/* Losses that one kernel computes; see the reference's ELEMENTWISE and row
 * losses. */
enum cnn_loss {
    CNN_SQUARED_ERROR,
    CNN_ABSOLUTE_ERROR,
    CNN_ABSOLUTE_PERCENTAGE_ERROR,
    CNN_SQUARED_LOGARITHMIC_ERROR,
    CNN_HUBER,
    CNN_LOG_COSH,
    CNN_HINGE,
    CNN_SQUARED_HINGE,
    CNN_POISSON,
    CNN_KL_DIVERGENCE,
    CNN_BINARY_CROSSENTROPY,
    CNN_SIGMOID_CROSSENTROPY,
    CNN_CATEGORICAL_HINGE,
    CNN_COSINE_SIMILARITY,
};

/* Softmax, losses and accuracies.  Tile i is the rows [i * n, (i + 1) * n) with
 * n = cnn_rows_per_tile(K).  A kernel reads the members that its reference
 * function has; one kernel serves dense targets and labels. */
struct cnn_rows {
    float *y;              /* (rows, K): softmax or a gradient */
    float *value;          /* (rows,): a loss or a match per row */
    const float *x;        /* (rows, K): logits, probabilities, softmax's y in its backward */
    const float *dy;       /* (rows, K), softmax_backward */
    const float *target;   /* (rows, K), or NULL where there are labels */
    const int32_t *labels; /* (rows,), or NULL; outside 0..K-1: a row of NaN */
    const float *weights;  /* (rows,), or NULL: ones */
    ptrdiff_t rows, K;
    const int32_t *ignore_class; /* a row of this label has loss and gradient 0; or NULL */
    enum cnn_loss function;      /* elementwise and row losses */
    float delta;                 /* of the Huber loss */
    float threshold;             /* binary_accuracy */
    ptrdiff_t top_k;             /* top_k_accuracy */
    int accumulate;              /* a gradient adds to y */
};

/* Rows whose logarithms are taken together, in one vector or a few. */
enum { CNN_ROW_BLOCK = 16 };

/* About 8192 elements, whole blocks where that is possible. */
static inline ptrdiff_t cnn_rows_per_tile(ptrdiff_t K)
{
    const ptrdiff_t n = 8192 / (K > 0 ? K : 1);
    return n >= CNN_ROW_BLOCK ? n - n % CNN_ROW_BLOCK : n > 0 ? n : 1;
}

static inline ptrdiff_t cnn_row_tiles(ptrdiff_t rows, ptrdiff_t K)
{
    const ptrdiff_t n = cnn_rows_per_tile(K);
    return (rows + n - 1) / n;
}

/* bias_gradient: db = sum over rows of dy, in two passes.
 *
 * So that a few columns fill the vectors, several rows are read as one line:
 * with fold = CNN_LINE / F rows (1 if F is larger) dy is seen as (rows / fold,
 * fold * F), the last line perhaps shorter.  Its lines are cut into slices of
 * CNN_SLICE and its columns into blocks of CNN_LINE; tile i is the slice
 * i / blocks of the block i % blocks.  With one slice the tiles write db;
 * otherwise they write partial, which bias_gradient_sum (one tile) then adds
 * up.
 */
enum { CNN_LINE = 128, CNN_SLICE = 128 };

struct cnn_bias_gradient {
    float *db;       /* (F,) output */
    float *partial;  /* (slices, F) workspace, unless there is but one slice */
    const float *dy; /* (rows, F) */
    ptrdiff_t rows, F;
    int accumulate; /* add to db */
};

static inline ptrdiff_t cnn_bias_fold(ptrdiff_t F)
{
    return F > 0 && F < CNN_LINE ? CNN_LINE / F : 1;
}

/* At least 1: no rows have a sum too. */
static inline ptrdiff_t cnn_bias_slices(ptrdiff_t rows, ptrdiff_t F)
{
    const ptrdiff_t n = cnn_bias_fold(F) * CNN_SLICE;
    return rows > n ? (rows + n - 1) / n : 1;
}

static inline ptrdiff_t cnn_bias_blocks(ptrdiff_t F)
{
    return (F + CNN_LINE - 1) / CNN_LINE;
}

/* weighted_mean and mean_update; one tile, for a batch has but thousands of
 * rows. */
struct cnn_mean {
    float *y;             /* (1,), weighted_mean's output */
    double *state;        /* (2,), updated by mean_update */
    const float *values;  /* (rows,) */
    const float *weights; /* (rows,), or NULL: ones */
    ptrdiff_t rows;
    int count_rows; /* mean_update counts a row as one, whatever its weight */
    double scale;   /* what a row counts in mean_update */
};

#define CNN_ROWS_KERNELS(X)                                                                        \
    X(softmax_forward)                                                                             \
    X(softmax_backward)                                                                            \
    X(log_softmax_forward)                                                                         \
    X(log_softmax_backward)                                                                        \
    X(softmax_crossentropy_forward)                                                                \
    X(softmax_crossentropy_backward)                                                               \
    X(categorical_crossentropy_forward)                                                            \
    X(sparse_categorical_crossentropy_forward)                                                     \
    X(categorical_crossentropy_backward)                                                           \
    X(elementwise_loss_forward)                                                                    \
    X(elementwise_loss_backward)                                                                   \
    X(row_loss_forward)                                                                            \
    X(row_loss_backward)                                                                           \
    X(sparse_categorical_accuracy)                                                                 \
    X(categorical_accuracy)                                                                        \
    X(binary_accuracy)                                                                             \
    X(top_k_accuracy)                                                                              \
    X(accuracy)                                                                                    \
    X(bias_gradient)                                                                               \
    X(bias_gradient_sum)                                                                           \
    X(weighted_mean)                                                                               \
    X(mean_update)

#endif
