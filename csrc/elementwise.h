/* Functions of an array, element by element, and their gradients. */
#ifndef CNN_ELEMENTWISE_H
#define CNN_ELEMENTWISE_H

#include <stddef.h>
#include <stdint.h>

/* Floats in a tile: three arrays' worth fits the first-level cache, and the
 * call of a tile costs nothing against it. */
enum { CNN_CHUNK = 4096 };

/* Tile i is the elements [i * CNN_CHUNK, (i + 1) * CNN_CHUNK) of n. */
struct cnn_elementwise {
    float *y;       /* (n,) output; may be a */
    const float *a; /* (n,): unary's x, unary_backward's dy */
    const float *b; /* (n,): unary_backward's y or x; NULL for unary */
    ptrdiff_t n;
    int function;   /* enum cnn_function */
    int accumulate; /* unary_backward adds to y */
    /* leaky_relu: slope, maximum, threshold.  elu: alpha, scale. */
    float parameters[3];
};

static inline ptrdiff_t cnn_chunks(ptrdiff_t n)
{
    return (n + CNN_CHUNK - 1) / CNN_CHUNK;
}

#define CNN_ELEMENTWISE_KERNELS(X)                                                                 \
    X(unary)                                                                                       \
    X(unary_backward)

#endif
