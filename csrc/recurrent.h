/* Recurrent networks: what one step's sums make of the state, step after step.
 *
 * A tile is a block of sequences through all of their steps: blocks share
 * nothing, so no barrier is needed and no bit depends on the number of threads.
 */
#ifndef CNN_RECURRENT_H
#define CNN_RECURRENT_H

#include <stddef.h>
#include <stdint.h>

#define CNN_RECURRENT_KERNELS(X)                                                                   \
    X(recurrent_pack)                                                                              \
    X(lstm_forward)                                                                                \
    X(lstm_backward)                                                                               \
    X(gru_forward)                                                                                 \
    X(gru_backward)                                                                                \
    X(simple_rnn_forward)                                                                          \
    X(simple_rnn_backward)

/* Gates of a unit are computed side by side: a block of units is so many
 * vectors of units, for each gate.  Gates times vectors is at most
 * CNN_BLOCK_VECTORS. */
enum { CNN_BLOCK_VECTORS = 4 };

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
 * (transposed) by pack. */
struct cnn_recurrent {
    const float *packed;
    const float *bias;    /* gru_forward, packed as the weights are; or NULL */
    const float *drop;    /* (N, gates, U) or NULL */
    const uint8_t *mask;  /* (N, T) or NULL */
    ptrdiff_t N, T, U, S; /* S steps in y: T, or 1 for the last */
    ptrdiff_t gates, vectors, parts, part_gates[CNN_BLOCK_VECTORS];
    ptrdiff_t blocks;                     /* of sequences: the tiles */
    int activation, recurrent_activation; /* enum cnn_function */
    int go_backwards, zero_output, reset_after;
};

struct cnn_recurrent_forward {
    struct cnn_recurrent of;
    float *gates;                  /* (N, T, gates, U), may be z; or NULL */
    float *states, *cells, *inner; /* (N, T, U), or NULL */
    float *y;                      /* (N, S, U) */
    float *h, *c;                  /* (N, U), may be h0 and c0; c NULL but for an LSTM */
    const float *z;                /* (N, T, gates, U) */
    const float *h0, *c0;          /* (N, U), or NULL for zeros */
};

struct cnn_recurrent_backward {
    struct cnn_recurrent of;
    float *dz;                           /* (N, T, gates, U), may be gates */
    float *dr;                           /* (N, T, gates, U), GRU with reset_after */
    float *dh0, *dc0;                    /* (N, U); dc0 NULL but for an LSTM */
    const float *dy;                     /* (N, S, U) or NULL */
    const float *dh, *dc;                /* (N, U), or NULL for zeros */
    const float *gates;                  /* (N, T, gates, U) */
    const float *states, *cells, *inner; /* (N, T, U), where needed */
};

static inline ptrdiff_t cnn_recurrent_units(ptrdiff_t units, ptrdiff_t block)
{
    return (units + block - 1) / block * block;
}

/* Floats from row to row of a state in scratch; `vector`: floats in a vector.
 */
static inline ptrdiff_t cnn_recurrent_row(const struct cnn_recurrent *a, ptrdiff_t vector)
{
    return cnn_recurrent_units(a->U, a->vectors * vector) + 16;
}

/* Scratch bytes: forward two states, the cell and a state for each gate that
 * drop parts, backward two gradients of the state, the cell's, repeated
 * outputs' and a product. */
static inline size_t cnn_recurrent_scratch(const struct cnn_recurrent *a, ptrdiff_t vector)
{
    const ptrdiff_t rows = (a->N + a->blocks - 1) / a->blocks;
    return sizeof(float) * (size_t)((4 + a->gates) * rows * cnn_recurrent_row(a, vector));
}

#endif
