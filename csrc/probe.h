/* The machine's limits: fused multiply-adds from registers, and streams from memory. */
#ifndef CNN_PROBE_H
#define CNN_PROBE_H

#include <stddef.h>

#define CNN_PROBE_KERNELS(X)                                                                       \
    X(probe_fma)                                                                                   \
    X(probe_triad)

/* probe_fma: `rounds` multiply-adds in each of as many independent chains as keep the
 * units busy.  Any number of tiles, all alike. */
struct cnn_probe_fma {
    float *sums;   /* (tiles): the result, so that the work cannot be left out */
    double *flops; /* (tiles): floating-point operations that the tile did */
    ptrdiff_t rounds;
};

/* probe_triad: a = b + s * c (McCalpin's STREAM).  Tile = `block` elements. */
struct cnn_probe_triad {
    float *a;
    const float *b;
    const float *c;
    float s;
    ptrdiff_t n, block;
};

#endif
