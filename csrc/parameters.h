/* Arrays of a model's parameters: optimizer steps, penalties, norms.
 *
 * An operation takes all arrays in one run of tiles; a tile is up to
 * CNN_PARAMETER_TILE elements of one array.
 */
#ifndef CNN_PARAMETERS_H
#define CNN_PARAMETERS_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

/* 64 KB of traffic at least, so finding the array costs little, and few enough
 * to share a small model. */
enum { CNN_PARAMETER_TILE = 4096 };

/* One parameter and what belongs to it, each (size); NULL where there is none.
 */
struct cnn_parameter {
    float *w;
    float *slot[3]; /* what an optimizer keeps: velocity, moments */
    float *g;       /* gradient */
    float scale;    /* of the gradient, before its step */
    float decay;    /* of the weight in each step, the rate included */
    ptrdiff_t size;
    ptrdiff_t first_tile; /* the number of tiles in the parameters before */
};

/* penalty_forward, in two steps: the tiles write partial, then cnn_sum adds up.
 * penalty_backward reads the same struct. */
struct cnn_penalty {
    const struct cnn_parameter *parameters; /* (count), none of them empty */
    ptrdiff_t count;
    double *partial;     /* (tiles,) */
    double l1, l2;       /* forward: the factors of the sums */
    float of_sign, of_w; /* backward: the factors of sign(w) and of w */
    int accumulate;      /* backward adds to g */
};

/* orthogonal_penalty_forward and _backward: tile i is row i of gram. */
struct cnn_orthogonal {
    double *partial;   /* (n,): forward, the sum of a row's |cosines| */
    float *factors;    /* (n, n): backward */
    const float *gram; /* (n, n) */
    ptrdiff_t n;
    double scale; /* backward: of each pair */
};

/* project_norms.  The axes of w are cut into its innermost run, all of it kept
 * or all reduced, and offsets for what stands before: the elements of one
 * vector are those of one kept offset (and, if the run is kept, one place in
 * the run). */
struct cnn_projection {
    float *w;
    const ptrdiff_t *kept, *reduced; /* offsets into w, (kept_count), (reduced_count) */
    ptrdiff_t kept_count, reduced_count;
    ptrdiff_t run;      /* elements that lie side by side */
    int run_is_reduced; /* else each place in the run is a vector of its own */
    double min_value, max_value, rate;
};

/* Places in the run that one tile takes where the run is kept. */
enum { CNN_PROJECTION_BLOCK = 64 };
#define CNN_NORM_EPSILON 1e-7

static inline ptrdiff_t cnn_projection_blocks(ptrdiff_t run, int run_is_reduced)
{
    return run_is_reduced ? 1 : (run + CNN_PROJECTION_BLOCK - 1) / CNN_PROJECTION_BLOCK;
}

/* One order of additions, whatever computed the partial sums. */
static inline double cnn_sum(const double *partial, ptrdiff_t n)
{
    double sum = 0;
    for (ptrdiff_t i = 0; i < n; i++)
        sum += partial[i];
    return sum;
}

#define CNN_PARAMETER_KERNELS(X)                                                                   \
    X(penalty_forward)                                                                             \
    X(penalty_backward)                                                                            \
    X(orthogonal_penalty_forward)                                                                  \
    X(orthogonal_penalty_backward)                                                                 \
    X(project_norms)

#endif
