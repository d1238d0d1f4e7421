/* The gradient of a bias: a sum over pixels, in the pass that makes the weights'. */
#ifndef CNN_SUM_PIXELS_H
#define CNN_SUM_PIXELS_H

#include "../simd.h"

/* db[f] = (or +=) sum over pixels of dy[pixel][f], f < n. */
CNN_INLINE void sum_pixels(float *db, const float *dy, ptrdiff_t pixels, ptrdiff_t ldb, ptrdiff_t n,
                           int accumulate)
{
    for (ptrdiff_t f = 0; f < n; f += CNN_W) {
        const ptrdiff_t m = n - f < CNN_W ? n - f : CNN_W;
        vf sum[4] = {{0}};
        ptrdiff_t p = 0;
        for (; p + 4 <= pixels; p += 4)
            for (int i = 0; i < 4; i++) {
                const float *from = dy + f + (p + i) * ldb;
                sum[i] += m == CNN_W ? vf_load(from) : vf_load_n(from, m);
            }
        for (; p < pixels; p++)
            sum[0] += vf_load_n(dy + f + p * ldb, m);
        vf total = (sum[0] + sum[1]) + (sum[2] + sum[3]);
        if (accumulate)
            total += vf_load_n(db + f, m);
        vf_store_n(db + f, total, m);
    }
}

#endif
