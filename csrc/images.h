/* Images framed, cropped, enlarged, flipped and shifted; all (N, H, W, C). */
#ifndef CNN_IMAGES_H
#define CNN_IMAGES_H

#include <stddef.h>

/* Pixel (i, j) of y is pixel (i - top, j - left) of x, 0 outside.  Tile = a row
 * of y. */
struct cnn_pad2d {
    float *y;       /* (N, OH, OW, C) */
    const float *x; /* (N, H, W, C) */
    ptrdiff_t H, W, C, OH, OW, top, left;
    int accumulate; /* add to what y holds */
};

/* Tile = a row: of y forward, of dx backward.  Scratch: W * C floats forward,
 * W * SW * C backward. */
struct cnn_upsample2d {
    float *y;        /* (N, H * SH, W * SW, C), forward */
    const float *x;  /* (N, H, W, C), forward */
    float *dx;       /* (N, H, W, C), backward */
    const float *dy; /* (N, H * SH, W * SW, C), backward */
    ptrdiff_t H, W, C, SH, SW;
    int bilinear;   /* else nearest */
    int accumulate; /* backward */
};

/* Image n is mirrored where draws[n] <= 1/2.  Tile = a row of y. */
struct cnn_flip2d {
    float *y;           /* (N, H, W, C) */
    const float *x;     /* (N, H, W, C) */
    const float *draws; /* (N) */
    ptrdiff_t H, W, C;
    int rows, columns; /* the axes that are reversed */
    int accumulate;
};

/* What pixels outside of an image are. */
enum cnn_fill { CNN_FILL_CONSTANT, CNN_FILL_NEAREST, CNN_FILL_REFLECT, CNN_FILL_WRAP };

/* Tile = a row of y forward, a whole image of dx backward.  Scratch: W * C
 * floats. */
struct cnn_translate2d {
    float *y;                  /* (N, H, W, C), forward */
    const float *x;            /* (N, H, W, C), forward */
    float *dx;                 /* (N, H, W, C), backward */
    const float *dy;           /* (N, H, W, C), backward */
    const float *down, *right; /* (N), pixels */
    ptrdiff_t H, W, C;
    float fill_value;
    int bilinear; /* else nearest */
    int fill;     /* enum cnn_fill */
    int accumulate;
};

#define CNN_IMAGES_KERNELS(X)                                                                      \
    X(pad2d)                                                                                       \
    X(upsample2d_forward)                                                                          \
    X(upsample2d_backward)                                                                         \
    X(flip2d)                                                                                      \
    X(translate2d_forward)                                                                         \
    X(translate2d_backward)

#endif
