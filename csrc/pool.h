/* Pooling over two dimensions, NHWC, each channel by itself. */
#ifndef CNN_POOL_H
#define CNN_POOL_H

#include <stddef.h>
#include <stdint.h>

/* Window (oh, ow) covers the image's rows oh * SH - top + i, 0 <= i < KH, and its
 * columns ow * SW - left + j, 0 <= j < KW, as far as they lie inside.
 *
 * Forward, a tile is one row of y (N * OH tiles); backward, one row of dx (N * H
 * tiles), which is written by its tile alone.  The scratch of maximum pooling
 * holds one row of argmax and a vector: OW * C + CNN_POOL_SLACK bytes. */
struct cnn_pool2d {
    float *y;        /* (N, OH, OW, C), forward */
    const float *x;  /* (N, H, W, C), forward */
    float *dx;       /* (N, H, W, C), backward */
    const float *dy; /* (N, OH, OW, C), backward */
    void *argmax;    /* (N, OH, OW, C): the winner's place i * KW + j; maximum */
    ptrdiff_t H, W, C, OH, OW, KH, KW, SH, SW, top, left;
    int argmax_is_int32; /* else uint8 */
    int accumulate;      /* add to what dx holds */
};

enum { CNN_POOL_SLACK = 64 };

#define CNN_POOL_KERNELS(X)                                                                        \
    X(maxpool2d_forward)                                                                           \
    X(maxpool2d_backward)                                                                          \
    X(averagepool2d_forward)                                                                       \
    X(averagepool2d_backward)

#endif
