/* The micro-kernel: a few rows of A times a panel of B, in registers.
 *
 *     out[r][n] = bias[n] + sum over taps t and k < len of
 *                 rows[r][offs[t] + k * ks] * b[t * len + k][n]
 *
 * Matrix product: rows are A's rows, one tap.  Convolution: rows are the output's
 * pixels, taps are those of the filter.  Gradient of the weights: rows are
 * (tap, channel) pairs, k walks over pixels.  The sum of an element runs over t and k in
 * order, whatever the tile's size.
 */
#ifndef CNN_TILE_H
#define CNN_TILE_H

#include <stddef.h>

#include "../level.h"
#include "../simd.h"

struct tile {
    float *const *out;        /* row r of the output, from its column 0 */
    const float *const *rows; /* row r of A */
    const ptrdiff_t *offs;    /* [taps] */
    const float *b;           /* row k of the panel at b + k * ldb */
    const float *bias;        /* [columns of the panel], or NULL */
    ptrdiff_t taps, len, ks, ldb;
    ptrdiff_t column; /* the panel's first column in the output */
    ptrdiff_t last;   /* valid columns of the panel's last vector */
    int accumulate;   /* add to what out holds */
    int relu;
};

typedef void tile_fn(const struct tile *t);

/* The most rows of a tile 1, 2, 3 and 4 vectors wide.  The sums, one row of B and a
 * broadcast must fit the vector registers, the rows' pointers the general ones: 12 x 1 and
 * 12 x 2 were slower than 10.  Share of the FMA peak on Zen 4, GCC 12, 2026-11, with
 * K = 576 and B in the L2 cache: AVX-512 6x4, 8x3 and 10x2 99%, 10x1 97%, 10 half vectors
 * 81%; AVX2 6x2 97%, 10x1 83%. */
#if defined(__aarch64__) /* here GCC loads all rows' numbers, one register each, then multiplies */
#define TILE_VECTORS 4
#define TILE_ROWS {10, 10, 7, 5}
#elif CNN_REGISTERS >= 32
#define TILE_VECTORS 4
#define TILE_ROWS {10, 10, 8, 6}
#else
#define TILE_VECTORS 2
#define TILE_ROWS {10, 6}
#endif
#define TILE_MOST_ROWS 10

/* The tiles of one vector width. */
struct tile_set {
    ptrdiff_t width; /* floats in a vector */
    ptrdiff_t vectors;
    ptrdiff_t rows[TILE_VECTORS];
    tile_fn *const *tiles[TILE_VECTORS]; /* [vectors - 1][rows - 1] */
    tile_fn *const *masked; /* [rows - 1]: one vector, of which B has `last` columns */
};

extern const struct tile_set CNN_NAME(vf_tiles);
#ifdef CNN_HALF
extern const struct tile_set CNN_NAME(vh_tiles);
#endif

/* The tiles for n columns: half vectors where one suffices. */
CNN_INLINE const struct tile_set *tiles_for(ptrdiff_t n)
{
#ifdef CNN_HALF
    if (n <= CNN_HALF)
        return &CNN_NAME(vh_tiles);
#else
    (void)n;
#endif
    return &CNN_NAME(vf_tiles);
}

#endif
