/* What the recurrent kernels share: the sequences of a tile, products, masks,
 * outputs. */
#ifndef CNN_KERNELS_RECURRENT_H
#define CNN_KERNELS_RECURRENT_H

#include "../cnn.h"
#include "../functions.h"
#include "copy.h"
#include "panel.h"

/* Columns of a block of units: all gates of `vectors` vectors of units. */
enum { BLOCK_COLUMNS = CNN_BLOCK_VECTORS * CNN_W };

/* The activations of a step, all of which have their derivative from the output. */
CNN_INLINE vf vf_recurrent(enum cnn_function f, vf x)
{
    if (f == CNN_HARD_SIGMOID)
        return vf_min(vf_set1(6.0f), vf_max(vf_set1(0.0f), x + 3.0f)) / 6.0f;
    return vf_function(f, x);
}

/* dy f'(x) from y = f(x); NaN in y gives NaN. */
CNN_INLINE vf vf_recurrent_gradient(enum cnn_function f, vf dy, vf y)
{
    switch (f) {
    case CNN_RELU:
        return vf_select(y > 0.0f, dy, y * 0.0f);
    case CNN_SIGMOID:
        return dy * (y * (1.0f - y));
    case CNN_TANH:
        return dy * (1.0f - y * y);
    case CNN_HARD_SIGMOID: {
        const vf inside = vf_select(y < 1.0f, dy / 6.0f, y * 0.0f);
        return vf_select(y > 0.0f, inside, y * 0.0f);
    }
    default:
        return dy;
    }
}

/* The sequences n0..n1-1 of a tile. */
struct sequences {
    ptrdiff_t first, count;
    ptrdiff_t row; /* floats from row to row of their states in scratch */
};

CNN_INLINE struct sequences sequences_of(const struct cnn_recurrent *a, ptrdiff_t tile)
{
    const ptrdiff_t first = a->N * tile / a->blocks;
    return (struct sequences){first, a->N * (tile + 1) / a->blocks - first,
                              cnn_recurrent_row(a, CNN_W)};
}

/* The input's step that is computed as number s. */
CNN_INLINE ptrdiff_t step_of(const struct cnn_recurrent *a, ptrdiff_t s)
{
    return a->go_backwards ? a->T - 1 - s : s;
}

CNN_INLINE int is_used(const struct cnn_recurrent *a, ptrdiff_t n, ptrdiff_t t)
{
    return !a->mask || a->mask[n * a->T + t];
}

/* Unit blocks, and units of one. */
CNN_INLINE ptrdiff_t units_of_block(const struct cnn_recurrent *a)
{
    return a->vectors * CNN_W;
}

/* rows of a state: from (N, U), or zeros for NULL, with zeros after the last
 * unit. */
void CNN_NAME(load_state)(float *state, const float *from, ptrdiff_t units, struct sequences q);
void CNN_NAME(store_state)(float *to, const float *state, ptrdiff_t units, struct sequences q);

/* Rows of a state to step t of an array (N, T, U). */
void CNN_NAME(save_state)(float *to, const float *state, const struct cnn_recurrent *a, ptrdiff_t t,
                          struct sequences q);

/* seen = state * drop for each gate: [gate][sequence][unit]. */
void CNN_NAME(drop_state)(float *seen, const float *state, const struct cnn_recurrent *a,
                          struct sequences q);

/* The sums of `mr` rows over one part of a block of units: out[r][column...] =
 * bias + row r . weights, for the part's columns. */
void CNN_NAME(block_sums)(float (*out)[BLOCK_COLUMNS], const struct cnn_recurrent *a,
                          ptrdiff_t part, ptrdiff_t block, const float *state, ptrdiff_t row,
                          ptrdiff_t mr);

/* The most rows that block_sums takes, for these gates. */
CNN_INLINE ptrdiff_t most_rows(const struct cnn_recurrent *a)
{
    const struct tile_set *set = &CNN_NAME(vf_tiles);
    const ptrdiff_t vectors = a->gates * a->vectors;
    return set->rows[(vectors < set->vectors ? vectors : set->vectors) - 1];
}

/* Outputs of computing step s, from the rows of the new state. */
void CNN_NAME(write_outputs)(float *y, const float *state, const struct cnn_recurrent *a,
                             ptrdiff_t s, struct sequences q);

/* Add to dh (rows of a state) what reaches them from step s's outputs;
 * `repeated` keeps what goes on to an earlier step. */
void CNN_NAME(add_output_gradients)(float *dh, float *repeated, const float *dy,
                                    const struct cnn_recurrent *a, ptrdiff_t s, struct sequences q);

/* out (+)= step t of dz, the gates of one part, times that part's transposed
 * weights. */
void CNN_NAME(transposed_product)(float *out, const float *dz, const struct cnn_recurrent *a,
                                  ptrdiff_t part, ptrdiff_t t, struct sequences q, int accumulate);

/* dh (+)= step t of dz times all parts' transposed weights, through drop;
 * product is scratch of a state's size. */
void CNN_NAME(state_gradient)(float *dh, float *product, const float *dz,
                              const struct cnn_recurrent *a, ptrdiff_t parts, ptrdiff_t t,
                              struct sequences q, int accumulate);

/* Rows of a masked step take the gradient of the state after it as it is. */
void CNN_NAME(keep_masked)(float *next, const float *now, const struct cnn_recurrent *a,
                           ptrdiff_t t, struct sequences q);

#endif
