/* Random numbers that are a function of where they are used (Philox4x32-10), and
 * what is drawn with them. */
#ifndef CNN_RANDOM_H
#define CNN_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Elements in a tile; a multiple of the four words in a block.  A tile of dropout
 * takes about 2 us (a shared region starts to pay at 15), of normal numbers 30. */
enum { CNN_DROPOUT_TILE = 4096, CNN_NORMAL_TILE = 1024 };

struct cnn_dropout {
    float *y;              /* (size), dx in the backward pass; may alias x */
    uint8_t *mask;         /* (size), 1 where kept: output, input in the backward pass */
    const float *x;        /* (size), dy in the backward pass */
    const uint64_t *clock; /* (2): seed and step; forward */
    ptrdiff_t size;
    double rate;     /* probability of dropping */
    uint32_t stream; /* forward */
    int accumulate;  /* backward: add to what y holds */
};

/* Tiles of CNN_DROPOUT_TILE (uniform) or CNN_NORMAL_TILE elements. */
struct cnn_random {
    float *y;              /* (size) */
    const uint64_t *clock; /* (2): seed and step */
    ptrdiff_t size;
    double low, high;    /* uniform */
    double mean, stddev; /* normal */
    uint32_t stream;
    int truncated; /* normal: draw again beyond two standard deviations */
};

#define CNN_RANDOM_KERNELS(X)                                                                      \
    X(dropout_forward)                                                                             \
    X(dropout_backward)                                                                            \
    X(random_uniform)                                                                              \
    X(random_normal)

#endif
