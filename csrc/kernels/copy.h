/* Copies that bring the operands into the order in which tiles read them. */
#ifndef CNN_COPY_H
#define CNN_COPY_H

#include "../cnn.h"
#include "../simd.h"

/* Four floats: the unit of copies and transpositions at every level. */
typedef float v4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef int32_t v4i __attribute__((vector_size(16)));

CNN_INLINE void zero_floats(float *to, ptrdiff_t n)
{
    ptrdiff_t i = 0;
    for (; i + CNN_W <= n; i += CNN_W)
        vf_store(to + i, (vf){0});
    if (i < n)
        vf_store_n(to + i, (vf){0}, n - i);
}

CNN_INLINE void copy_floats(float *to, const float *from, ptrdiff_t n)
{
    ptrdiff_t i = 0;
    for (; i + CNN_W <= n; i += CNN_W)
        vf_store(to + i, vf_load(from + i));
    if (i < n)
        vf_store_n(to + i, vf_load_n(from + i, n - i), n - i);
}

/* Rows of A that lie side by side in memory (channels, or a transposed A) are copied in
 * blocks of CNN_BLOCK, a multiple of most tiles' rows: a tile then reads one stream.  In
 * place, each k touches a cache line of its own, at a stride of often a power of two,
 * which the L1 cache maps to a few of its sets.
 *
 * Row i, column c of `from` goes to to[c / 12 * block_floats + i * 12 + c % 12]; zeros
 * where from is NULL. */
CNN_INLINE void copy_blocked(float *to, ptrdiff_t block_floats, const float *from,
                             ptrdiff_t row_floats, ptrdiff_t rows, ptrdiff_t columns)
{
    for (ptrdiff_t c = 0; c < columns; c += CNN_BLOCK, to += block_floats) {
        const ptrdiff_t n = columns - c;
        for (ptrdiff_t i = 0; i < rows; i++) {
            float *t = to + i * CNN_BLOCK;
            const float *f = from + i * row_floats + c;
            if (!from)
                for (int j = 0; j < CNN_BLOCK; j += 4)
                    *(v4 *)(t + j) = (v4){0};
            else if (n >= CNN_BLOCK)
                for (int j = 0; j < CNN_BLOCK; j += 4)
                    *(v4 *)(t + j) = *(const v4 *)(f + j);
            else
                for (ptrdiff_t j = 0; j < n; j++)
                    t[j] = f[j];
        }
    }
}

/* to[k * ldt + n] = from[n * ldf + k] for 4 x 4. */
CNN_INLINE void transpose4(float *to, ptrdiff_t ldt, const float *from, ptrdiff_t ldf)
{
    const v4 a = *(const v4 *)from, b = *(const v4 *)(from + ldf);
    const v4 c = *(const v4 *)(from + 2 * ldf), d = *(const v4 *)(from + 3 * ldf);
    const v4 ac0 = __builtin_shuffle(a, c, (v4i){0, 4, 1, 5});
    const v4 ac1 = __builtin_shuffle(a, c, (v4i){2, 6, 3, 7});
    const v4 bd0 = __builtin_shuffle(b, d, (v4i){0, 4, 1, 5});
    const v4 bd1 = __builtin_shuffle(b, d, (v4i){2, 6, 3, 7});
    *(v4 *)to = __builtin_shuffle(ac0, bd0, (v4i){0, 4, 1, 5});
    *(v4 *)(to + ldt) = __builtin_shuffle(ac0, bd0, (v4i){2, 6, 3, 7});
    *(v4 *)(to + 2 * ldt) = __builtin_shuffle(ac1, bd1, (v4i){0, 4, 1, 5});
    *(v4 *)(to + 3 * ldt) = __builtin_shuffle(ac1, bd1, (v4i){2, 6, 3, 7});
}

#endif
