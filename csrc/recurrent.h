/* Recurrent networks: what one step's sums make of the state, step after step.
 *
 * A step is a phase (of a GRU that resets before its product, two), and a tile of a phase is a
 * block of units of a block of sequences.  A phase needs all of the one before it, so the phases
 * run one after the other; a thread's share of the tiles is the same in each, so the share's
 * weights stay in that core's own cache from step to step.
 */
#ifndef CNN_RECURRENT_H
#define CNN_RECURRENT_H

#include <stddef.h>
#include <stdint.h>

#define CNN_RECURRENT_KERNELS(X)                                                                   \
    X(recurrent_pack)                                                                              \
    X(recurrent_begin)                                                                             \
    X(recurrent_begin_backward)                                                                    \
    X(lstm_forward)                                                                                \
    X(lstm_backward)                                                                               \
    X(gru_forward)                                                                                 \
    X(gru_backward)                                                                                \
    X(simple_rnn_forward)                                                                          \
    X(simple_rnn_backward)

/* Forward, the gates of a unit are computed side by side: a block of units is so many vectors
 * of units, for each gate.  Gates times vectors is at most CNN_BLOCK_VECTORS.  Backward, a
 * block is CNN_BLOCK_UNITS units, whole panels of the transposed weights at every level. */
enum { CNN_BLOCK_VECTORS = 4, CNN_BLOCK_UNITS = 64 };

/* recurrent_pack: some gates' recurrent weights, block of units after block,
 * each as the panels (kernels/panel.h) of a matrix of k rows and gates *
 * vectors whole vectors. Column (gate, unit) of row r is at b[r * row + gate *
 * units + unit]; zeros beyond the last unit.  Tile = block of units. */
struct cnn_recurrent_pack {
    float *packed;
    const float *b;
    ptrdiff_t k, row, units, gates, vectors;
};

/* The gates fall into parts, those whose product is of the same factor: one
 * part where all see the state itself; each gate is one where drop gives it a
 * state of its own, and so is a GRU's candidate without reset_after.  A part's
 * packed weights follow the one before: forward by recurrent_pack, backward
 * (transposed, in blocks of CNN_BLOCK_UNITS) by pack. */
struct cnn_recurrent {
    const float *packed;
    const float *bias;    /* gru_forward, packed as the weights are; or NULL */
    const float *drop;    /* (N, gates, U) or NULL */
    const uint8_t *mask;  /* (N, T) or NULL */
    ptrdiff_t N, T, U, S; /* S steps in y: T, or 1 for the last */
    ptrdiff_t gates, vectors, parts, part_gates[CNN_BLOCK_VECTORS];
    ptrdiff_t row_blocks; /* of sequences; tile = block of units * row_blocks + block of sequences */
    ptrdiff_t row;        /* floats from row to row of the buffers below */
    ptrdiff_t phase;
    int activation, recurrent_activation; /* enum cnn_function */
    int go_backwards, zero_output, reset_after;
};

/* Before the first phase: recurrent_begin, tile = sequence. */
struct cnn_recurrent_forward {
    struct cnn_recurrent of;
    float *gates;                  /* (N, T, gates, U), may be z; or NULL */
    float *states, *cells, *inner; /* (N, T, U), or NULL */
    float *y;                      /* (N, S, U) */
    float *h, *c;                  /* (N, U), may be h0 and c0; c NULL but for an LSTM */
    const float *z;                /* (N, T, gates, U) */
    const float *h0, *c0;          /* (N, U), or NULL for zeros */
    /* Buffers, (N, row): the state before the even steps and before the odd ones; the same as
     * the gates' products see it, (gates, N, row) with drop, else state itself; c; without
     * reset_after the update gate, and r h as the candidate sees it. */
    float *state[2], *seen[2], *cell, *update, *kept;
};

/* Before the first phase, which is the last step's: recurrent_begin_backward, tile = sequence.
 * After all steps one phase more. */
struct cnn_recurrent_backward {
    struct cnn_recurrent of;
    float *dz;                           /* (N, T, gates, U), may be gates */
    float *dr;                           /* (N, T, gates, U), GRU with reset_after */
    float *dh0, *dc0;                    /* (N, U); dc0 NULL but for an LSTM */
    const float *dy;                     /* (N, S, U) or NULL */
    const float *dh, *dc;                /* (N, U), or NULL for zeros */
    const float *gates;                  /* (N, T, gates, U) */
    const float *states, *cells, *inner; /* (N, T, U), where needed */
    /* Buffers, (N, row): of the gradient of the state what does not come through a product; c's;
     * what outputs that repeat an earlier one hand on to it. */
    float *d_state, *d_cell, *repeated;
};

static inline ptrdiff_t cnn_recurrent_units(ptrdiff_t units, ptrdiff_t block)
{
    return (units + block - 1) / block * block;
}

/* `vector`: floats in a vector.  Not a power of two, so that rows differ in their cache sets. */
static inline ptrdiff_t cnn_recurrent_row(const struct cnn_recurrent *a, ptrdiff_t vector)
{
    return cnn_recurrent_units(a->U, a->vectors * vector) + 16;
}

/* Floats of the buffers, forward or backward. */
static inline size_t cnn_recurrent_buffers(const struct cnn_recurrent *a)
{
    const ptrdiff_t seen = a->drop ? 2 * a->gates : 0;
    return (size_t)((5 + seen) * a->N * a->row);
}

static inline void cnn_recurrent_carve(struct cnn_recurrent_forward *a, float *memory)
{
    const ptrdiff_t size = a->of.N * a->of.row;
    a->state[0] = memory;
    a->state[1] = memory + size;
    a->cell = memory + 2 * size;
    a->update = memory + 3 * size;
    a->kept = memory + 4 * size;
    a->seen[0] = a->of.drop ? memory + 5 * size : a->state[0];
    a->seen[1] = a->of.drop ? memory + (5 + a->of.gates) * size : a->state[1];
}

static inline void cnn_recurrent_carve_backward(struct cnn_recurrent_backward *a, float *memory)
{
    const ptrdiff_t size = a->of.N * a->of.row;
    a->d_state = memory;
    a->d_cell = memory + size;
    a->repeated = memory + 2 * size;
}

#endif
