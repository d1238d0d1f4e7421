/* What the recurrent kernels share: a tile's part of a step, products, masks, outputs. */
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

/* The usual activations, for which a step is compiled apart. */
CNN_INLINE int is_usual(const struct cnn_recurrent *of)
{
    return of->activation == CNN_TANH && of->recurrent_activation == CNN_SIGMOID;
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

/* Units of a block, forward. */
CNN_INLINE ptrdiff_t units_of_block(const struct cnn_recurrent *a)
{
    return a->vectors * CNN_W;
}

/* A tile's part of a step: sequences n0..n1-1 and a block of units. */
struct step {
    ptrdiff_t s, t; /* the number of the step, and where its input lies */
    ptrdiff_t n0, n1, block;
};

/* phases: of a step.  Forward s is the step's number; backward, 0 for the last step. */
CNN_INLINE struct step step_of_tile(const struct cnn_recurrent *of, ptrdiff_t phases,
                                    ptrdiff_t tile)
{
    const ptrdiff_t rows = tile % of->row_blocks, s = of->phase / phases;
    return (struct step){s, step_of(of, s), of->N * rows / of->row_blocks,
                         of->N * (rows + 1) / of->row_blocks, tile / of->row_blocks};
}

/* The same on the way back, where s is T after the last phase of all. */
CNN_INLINE struct step step_back_of_tile(const struct cnn_recurrent *of, ptrdiff_t phases,
                                         ptrdiff_t tile)
{
    struct step step = step_of_tile(of, phases, tile);
    step.s = of->T - 1 - step.s;
    step.t = step_of(of, step.s);
    return step;
}

/* The most rows that block_sums takes, for these gates. */
CNN_INLINE ptrdiff_t most_rows(const struct cnn_recurrent *a)
{
    const struct tile_set *set = &CNN_NAME(vf_tiles);
    const ptrdiff_t vectors = a->gates * a->vectors;
    return set->rows[(vectors < set->vectors ? vectors : set->vectors) - 1];
}

/* The sums of `mr` rows over one part of a block of units: out[r][column...] =
 * bias + row r . weights, for the part's columns. */
void CNN_NAME(block_sums)(float (*out)[BLOCK_COLUMNS], const struct cnn_recurrent *a,
                          ptrdiff_t part, ptrdiff_t block, const float *state, ptrdiff_t mr);

/* Ask for what a tile will read of z (and write of gates, which may be z), for its units of
 * sequences n..n+mr-1: they lie in lines far apart, which the hardware does not foresee, and the
 * product before them takes long enough for all to arrive.  A step of 64 sequences and 256 units
 * is 20% faster. */
CNN_INLINE void prefetch_gates(const struct cnn_recurrent_forward *a, const struct step *step,
                               ptrdiff_t n, ptrdiff_t mr)
{
    const struct cnn_recurrent *of = &a->of;
    const ptrdiff_t units = units_of_block(of), first = step->block * units;
    for (ptrdiff_t r = 0; r < mr; r++) {
        const ptrdiff_t at = ((n + r) * of->T + step->t) * of->gates * of->U + first;
        for (ptrdiff_t gate = 0; gate < of->gates; gate++)
            for (ptrdiff_t u = 0; u < units; u += CNN_W) {
                __builtin_prefetch(a->z + at + gate * of->U + u);
                if (a->gates)
                    __builtin_prefetch(a->gates + at + gate * of->U + u, 1);
            }
    }
}

/* block_sums of parts p0..p1-1, of what each sees of sequences n..n+mr-1. */
CNN_INLINE void part_sums(float (*out)[BLOCK_COLUMNS], const struct cnn_recurrent_forward *a,
                          const struct step *step, ptrdiff_t p0, ptrdiff_t p1, ptrdiff_t n,
                          ptrdiff_t mr)
{
    prefetch_gates(a, step, n, mr);
    const float *seen = a->seen[step->s % 2] + n * a->of.row;
    const ptrdiff_t part = a->of.drop ? a->of.N * a->of.row : 0;
    for (ptrdiff_t p = p0; p < p1; p++)
        CNN_NAME(block_sums)(out, &a->of, p, step->block, seen + p * part, mr);
}

/* A vector of units of sequence n before the step. */
CNN_INLINE vf state_before(const struct cnn_recurrent_forward *a, const struct step *step,
                           ptrdiff_t n, ptrdiff_t unit)
{
    return vf_load(a->state[step->s % 2] + n * a->of.row + unit);
}

/* That vector is h after the step: hand it on, and write the outputs. */
void CNN_NAME(end_of_step)(const struct cnn_recurrent_forward *a, const struct step *step,
                           ptrdiff_t n, ptrdiff_t unit, vf h);

/* On the way back, for sequences n..n+mr-1 and the block's units: d_state becomes
 * the gradient of the state after the step, before its outputs add theirs.  What comes of the
 * later step's product is of dz, parts 0..parts-1. */
void CNN_NAME(gradient_of_state)(const struct cnn_recurrent_backward *a, const struct step *step,
                                 const float *dz, ptrdiff_t parts, ptrdiff_t n, ptrdiff_t mr);

/* out[r] = step t of dz, parts p0..p1-1, times those parts' transposed weights, through drop. */
void CNN_NAME(transposed_sums)(float (*out)[CNN_BLOCK_UNITS], const struct cnn_recurrent *a,
                               const float *dz, ptrdiff_t p0, ptrdiff_t p1, ptrdiff_t block,
                               ptrdiff_t t, ptrdiff_t n, ptrdiff_t mr);

/* The gradient of a vector of the state after the step, with what its outputs add.  Of a step
 * that does not count they go to an earlier step's, by way of `repeated`. */
vf CNN_NAME(with_output_gradient)(const struct cnn_recurrent_backward *a, const struct step *step,
                                  ptrdiff_t n, ptrdiff_t unit);

/* Zeros for all gates of a step that does not count. */
CNN_INLINE void zero_gates(const struct cnn_recurrent *of, float *dz, ptrdiff_t at, ptrdiff_t unit)
{
    for (ptrdiff_t gate = 0; gate < of->gates; gate++)
        vf_store_upto(dz + (of->gates * at + gate) * of->U + unit, (vf){0}, of->U - unit);
}

#endif
