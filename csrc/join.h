/* Several arrays joined along an axis, and one array cut along it. */
#ifndef CNN_JOIN_H
#define CNN_JOIN_H

#include <stddef.h>
#include <stdint.h>

/* A tile is so many floats of the whole: 64 KB, about 5 us. */
enum { CNN_JOIN_TILE = 16384 };

/* One of the arrays, (rows, width): width is the product of the dimensions from
 * the axis on, rows of those before it. */
struct cnn_part {
    float *data; /* read by concatenate, written by split */
    ptrdiff_t width;
    ptrdiff_t start; /* the widths of the parts before */
};

struct cnn_join {
    float *whole;                 /* (rows, width): concatenate's y, split's dy (read) */
    const struct cnn_part *parts; /* (count) */
    ptrdiff_t count;
    ptrdiff_t size;  /* rows * width */
    ptrdiff_t width; /* sum of the parts' widths, > 0 */
    int accumulate;  /* split: add to what the parts hold */
};

#define CNN_JOIN_KERNELS(X)                                                                        \
    X(concatenate)                                                                                 \
    X(split)

#endif
