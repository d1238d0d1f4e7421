/* The micro-kernel's body, for the vectors that V and V_() name; tile.c includes
 * it once per vector width. */

/* mr, nv and masked are constants wherever this is inlined, so the loops over them
 * unroll and acc lives in registers. */
CNN_INLINE void V_(tile)(int mr, int nv, int masked, const struct tile *t)
{
    const ptrdiff_t lanes = (ptrdiff_t)(sizeof(V) / sizeof(float)), last = t->last;
    const ptrdiff_t taps = t->taps, len = t->len, ks = t->ks, ldb = t->ldb;
    const ptrdiff_t *offs = t->offs;
    const float *b = t->b, *row[TILE_MOST_ROWS];
    V acc[TILE_MOST_ROWS][TILE_VECTORS];

    V bias[TILE_VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < nv; v++)
        bias[v] = t->bias ? V_(load_n)(t->bias + v * lanes, v < nv - 1 ? lanes : last) : (V){0};
#pragma GCC unroll 16
    for (int r = 0; r < mr; r++) {
        row[r] = t->rows[r];
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++)
            acc[r][v] = bias[v];
    }
    if (t->accumulate) /* what out holds arrives while the sum is computed */
#pragma GCC unroll 16
        for (int r = 0; r < mr; r++)
#pragma GCC unroll 4
            for (int v = 0; v < nv; v++)
                __builtin_prefetch(t->out[r] + t->column + v * lanes, 1);

    for (ptrdiff_t tap = 0; tap < taps; tap++) {
        ptrdiff_t i = offs[tap];
        for (ptrdiff_t k = 0; k < len; k++, i += ks, b += ldb) {
            V bk[TILE_VECTORS];
#pragma GCC unroll 4
            for (int v = 0; v < nv; v++)
                bk[v] = masked ? V_(load_n)(b + v * lanes, last) : V_(load)(b + v * lanes);
#pragma GCC unroll 16
            for (int r = 0; r < mr; r++) {
                const V a = V_(set1)(row[r][i]);
#pragma GCC unroll 4
                for (int v = 0; v < nv; v++)
                    acc[r][v] = V_(fma)(a, bk[v], acc[r][v]);
            }
            __asm__("" : "+r"(i)); /* no second loop for ks = 1 */
        }
    }

    __asm__("" : "+r"(t)); /* read again what the loop had no registers for */
    const int whole = !masked && t->last == lanes;
    if (t->accumulate)
#pragma GCC unroll 16
        for (int r = 0; r < mr; r++)
#pragma GCC unroll 4
            for (int v = 0; v < nv; v++) {
                const float *out = t->out[r] + t->column + v * lanes;
                acc[r][v] += v < nv - 1 || whole ? V_(load)(out) : V_(load_n)(out, t->last);
            }
    if (t->relu)
#pragma GCC unroll 16
        for (int r = 0; r < mr; r++)
#pragma GCC unroll 4
            for (int v = 0; v < nv; v++)
                acc[r][v] = V_(relu)(acc[r][v]);
#pragma GCC unroll 16
    for (int r = 0; r < mr; r++) {
        float *out = t->out[r] + t->column;
#pragma GCC unroll 4
        for (int v = 0; v < nv - 1; v++)
            V_(store)(out + v * lanes, acc[r][v]);
        if (whole)
            V_(store)(out + (nv - 1) * lanes, acc[r][nv - 1]);
        else
            V_(store_n)(out + (nv - 1) * lanes, acc[r][nv - 1], t->last);
    }
}

/* One function per size, so that its sizes are constants: rows x vectors, and one
 * masked vector.  A macro only because C has no other way to name 44 of them. */
#define TILE(mr, nv)                                                                               \
    static void T_(tile_##mr##x##nv)(const struct tile *t) { V_(tile)(mr, nv, 0, t); }
#define MASKED(mr)                                                                                 \
    static void T_(masked_##mr)(const struct tile *t) { V_(tile)(mr, 1, 1, t); }

TILE(1, 1) TILE(2, 1) TILE(3, 1) TILE(4, 1) TILE(5, 1)
TILE(6, 1) TILE(7, 1) TILE(8, 1) TILE(9, 1) TILE(10, 1)
MASKED(1) MASKED(2) MASKED(3) MASKED(4) MASKED(5)
MASKED(6) MASKED(7) MASKED(8) MASKED(9) MASKED(10)

static tile_fn *const V_(tiles_1)[] = {
    T_(tile_1x1), T_(tile_2x1), T_(tile_3x1), T_(tile_4x1), T_(tile_5x1), T_(tile_6x1),
    T_(tile_7x1), T_(tile_8x1), T_(tile_9x1), T_(tile_10x1),
};

static tile_fn *const V_(masked)[] = {
    T_(masked_1), T_(masked_2), T_(masked_3), T_(masked_4), T_(masked_5), T_(masked_6),
    T_(masked_7), T_(masked_8), T_(masked_9), T_(masked_10),
};

#if V_VECTORS >= 2
TILE(1, 2) TILE(2, 2) TILE(3, 2) TILE(4, 2) TILE(5, 2) TILE(6, 2)
#if V_VECTORS >= 4
TILE(7, 2) TILE(8, 2) TILE(9, 2) TILE(10, 2)
TILE(1, 3) TILE(2, 3) TILE(3, 3) TILE(4, 3) TILE(5, 3) TILE(6, 3) TILE(7, 3)
TILE(1, 4) TILE(2, 4) TILE(3, 4) TILE(4, 4) TILE(5, 4)
#ifndef __aarch64__ /* see TILE_ROWS */
TILE(8, 3) TILE(6, 4)
#endif
#endif

static tile_fn *const V_(tiles_2)[] = {
    T_(tile_1x2), T_(tile_2x2), T_(tile_3x2), T_(tile_4x2), T_(tile_5x2), T_(tile_6x2),
#if V_VECTORS >= 4
    T_(tile_7x2), T_(tile_8x2), T_(tile_9x2), T_(tile_10x2),
#endif
};
#endif

#if V_VECTORS >= 4
static tile_fn *const V_(tiles_3)[] = {
    T_(tile_1x3), T_(tile_2x3), T_(tile_3x3), T_(tile_4x3), T_(tile_5x3), T_(tile_6x3),
    T_(tile_7x3),
#ifndef __aarch64__
    T_(tile_8x3),
#endif
};

static tile_fn *const V_(tiles_4)[] = {
    T_(tile_1x4), T_(tile_2x4), T_(tile_3x4), T_(tile_4x4), T_(tile_5x4),
#ifndef __aarch64__
    T_(tile_6x4),
#endif
};

#endif

const struct tile_set CNN_NAME(V_(tiles)) = {
    .width = sizeof(V) / sizeof(float),
    .vectors = V_VECTORS,
    .rows = TILE_ROWS,
    .masked = V_(masked),
    .tiles =
        {
            V_(tiles_1),
#if V_VECTORS >= 2
            V_(tiles_2),
#endif
#if V_VECTORS >= 4
            V_(tiles_3),
            V_(tiles_4),
#endif
        },
};

#undef TILE
#undef MASKED
