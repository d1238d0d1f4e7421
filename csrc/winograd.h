/* Winograd's convolution F(4x4, 3x3): 36 products make 16 outputs that cost 144 directly.
 *
 * With x the 6 x 6 pixels that a 4 x 4 patch of outputs sees and w the filter, both of one channel,
 *
 *     out = A' [ sum over channels of (G w G') * (B' x B) ] A      (' transposes, * by element)
 *
 * (Lavin and Gray 2016, "Fast algorithms for convolutional neural networks").  For each of the 36
 * places the sum over channels is a matrix product, patches x channels times channels x filters.
 * The matrices come from the points 0, +-sqrt(1/2), +-sqrt(2) and infinity (Cook and Toom), which
 * are the best of those that `python -m bench points` compares: the root-mean-square error of a
 * sum over 64 channels is 1.9 times the direct one's, with the usual points 0, +-1, +-2 4.1 times.
 */
#ifndef CNN_WINOGRAD_H
#define CNN_WINOGRAD_H

#include <stddef.h>

#include "product.h"

#define CNN_WINOGRAD_KERNELS(X)                                                                    \
    X(winograd_weights)                                                                            \
    X(winograd)                                                                                    \
    X(winograd_patches)                                                                            \
    X(winograd_sums)                                                                               \
    X(winograd_gradient)

enum { CNN_PATCH = 4, CNN_SEEN = 6, CNN_PLACES = 36, CNN_PATCH_FILTERS = 64 };

/* winograd_weights: the filters, packed in blocks of CNN_PATCH_FILTERS columns as pack does,
 * transformed: place p is packed likewise at transformed + p * place.  Tile = block of rows. */
struct cnn_winograd_weights {
    float *transformed;
    const float *packed; /* (9 channels, filters) */
    ptrdiff_t channels, filters, place, blocks;
};

/* winograd: a correlate with 3 x 3 taps, one group, no strides, no steps, whose outputs lie
 * side by side.  Tile = block of `patches`, which count over all images. */
struct cnn_winograd {
    struct cnn_correlate of;
    const float *transformed;
    ptrdiff_t place, patches;
};

/* The gradient of the filters, of x and of the gradient y' of the outputs, is
 *
 *     w' = G' [ sum over patches of (B' x B) * (A y' A') ] G
 *
 * and for each place the sum over patches is a product, channels x patches times patches x
 * filters.  It goes over `count` patches from `first` on at a time: winograd_patches transforms
 * them, tile = block of CNN_PATCH_BLOCK; winograd_sums adds their products, tile = (place, block
 * of channels).  After the last, winograd_gradient: tile = block of channels. */
enum { CNN_PATCH_BLOCK = 8 };

struct cnn_winograd_gradient {
    struct cnn_correlate of; /* the forward convolution; image is x */
    float *dw;               /* (3, 3, channels, filters) */
    const float *dy;         /* (images, h.out, w.out, filters) */
    float *x_patches;        /* [place][patch] rows of x_row floats */
    float *dy_patches;       /* the same, dy_row */
    float *sums;             /* [place] (channels, filters) */
    ptrdiff_t first, count, most, x_row, dy_row, channel_blocks;
    int accumulate; /* add to dw */
};

/* Floats from patch to patch of a place: whole vectors, and not a power of two. */
static inline ptrdiff_t cnn_patch_floats(ptrdiff_t channels)
{
    return (channels + 15) / 16 * 16 + 16;
}

static inline ptrdiff_t cnn_patches(ptrdiff_t pixels)
{
    return (pixels + CNN_PATCH - 1) / CNN_PATCH;
}

static inline size_t cnn_winograd_scratch(const struct cnn_winograd *a)
{
    const ptrdiff_t rows = CNN_PLACES * a->patches, row = cnn_patch_floats(a->of.channels);
    return sizeof(float) *
           (size_t)(rows * (row + CNN_PATCH_FILTERS) + row);
}

#endif
