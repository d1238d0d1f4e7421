/* Sums and maxima over some axes.  The terms run in order, in blocks of
 * CNN_TERMS whose results are combined in order, so a sum's error grows with
 * the square root of its length rather than with its length. */
#include "../simd.h"
#include "walk.h"

enum { CNN_TERMS = 64 };

/* The next term; the larger of two where one is NaN is NaN. */
CNN_INLINE vf combined(int maximum, vf total, vf x)
{
    return maximum ? vf_select(total != total, total, vf_max(total, x)) : total + x;
}

CNN_INLINE vf nothing(int maximum)
{
    return vf_set1(maximum ? -__builtin_inff() : 0.0f);
}

/* All lanes of a vector. */
CNN_INLINE float combined_lanes(int maximum, vf x)
{
    if (!maximum)
        return vf_sum(x);
    if (vi_any(x != x))
        return __builtin_nanf("");
    return vf_largest(x);
}

/* total[j] combined with lines of n <= CNN_REDUCE_COLUMNS floats, `step` floats
 * apart. */
CNN_INLINE void take_lines(int maximum, float *total, const float *line, ptrdiff_t step,
                           ptrdiff_t lines, ptrdiff_t n)
{
    ptrdiff_t j = 0;
    for (; j + 4 * CNN_W <= n; j += 4 * CNN_W) {
        vf part[4];
        for (int v = 0; v < 4; v++)
            part[v] = nothing(maximum);
        for (ptrdiff_t i = 0; i < lines; i++)
            for (int v = 0; v < 4; v++)
                part[v] = combined(maximum, part[v], vf_load(line + i * step + j + v * CNN_W));
        for (int v = 0; v < 4; v++)
            vf_store(total + j + v * CNN_W,
                     combined(maximum, vf_load(total + j + v * CNN_W), part[v]));
    }
    for (; j < n; j += CNN_W) {
        vf part = nothing(maximum);
        for (ptrdiff_t i = 0; i < lines; i++)
            part = combined(maximum, part, vf_load_upto(line + i * step + j, n - j));
        vf_store_upto(total + j, combined(maximum, vf_load_upto(total + j, n - j), part), n - j);
    }
}

/* Terms first..last-1 of the columns from x on, n of them. */
CNN_INLINE void take_columns(int maximum, const struct cnn_reduce *a, float *total, const float *x,
                             ptrdiff_t first, ptrdiff_t last, ptrdiff_t n)
{
    const struct cnn_walk *w = &a->reduced;
    const ptrdiff_t step = w->a_step[w->axes - 1];
    ptrdiff_t lines;
    for (ptrdiff_t j = 0; j < n; j += CNN_W)
        vf_store_upto(total + j, nothing(maximum), n - j);
    struct cursor c = cursor_at(w, first);
    for (; first < last; first += lines, advance(w, &c, lines)) {
        lines = cnn_min(cnn_min(left_in_row(w, &c), last - first), CNN_TERMS);
        take_lines(maximum, total, x + c.a, step, lines, n);
    }
}

/* Terms first..last-1, the last axis contiguous: lane by lane, then the lanes.
 */
CNN_INLINE float take_row(int maximum, const struct cnn_reduce *a, const float *x, ptrdiff_t first,
                          ptrdiff_t last)
{
    const struct cnn_walk *w = &a->reduced;
    vf total = nothing(maximum);
    ptrdiff_t n;
    struct cursor c = cursor_at(w, first);
    for (; first < last; first += n, advance(w, &c, n)) {
        const float *row = x + c.a;
        ptrdiff_t i = 0;
        n = cnn_min(cnn_min(left_in_row(w, &c), last - first), CNN_TERMS * CNN_W);
        vf part[4];
        for (int v = 0; v < 4; v++)
            part[v] = nothing(maximum);
        for (; i + 4 * CNN_W <= n; i += 4 * CNN_W)
            for (int v = 0; v < 4; v++)
                part[v] = combined(maximum, part[v], vf_load(row + i + v * CNN_W));
        for (; i < n; i += CNN_W) {
            const vf x_i = vf_load_upto(row + i, n - i);
            part[0] =
                combined(maximum, part[0],
                         n - i >= CNN_W ? x_i : vf_select(vi_first(n - i), x_i, nothing(maximum)));
        }
        part[0] = combined(maximum, part[0], part[1]);
        part[2] = combined(maximum, part[2], part[3]);
        total = combined(maximum, total, combined(maximum, part[0], part[2]));
    }
    return combined_lanes(maximum, total);
}

CNN_INLINE void finish(const struct cnn_reduce *a, float *y, const float *total, ptrdiff_t n)
{
    for (ptrdiff_t j = 0; j < n; j += CNN_W) {
        vf result = vf_load_upto(total + j, n - j) * a->scale;
        if (a->accumulate)
            result += vf_load_upto(y + j, n - j);
        vf_store_upto(y + j, result, n - j);
    }
}

CNN_INLINE void reduce_tile(int maximum, const struct cnn_reduce *a, ptrdiff_t tile)
{
    const ptrdiff_t block = tile % a->column_blocks;
    const ptrdiff_t group = tile / a->column_blocks % a->groups;
    const ptrdiff_t slice = tile / (a->column_blocks * a->groups);
    const ptrdiff_t first = a->count * slice / a->slices;
    const ptrdiff_t last = a->count * (slice + 1) / a->slices;
    const ptrdiff_t column = block * CNN_REDUCE_COLUMNS;
    const ptrdiff_t n = cnn_min(a->inner - column, CNN_REDUCE_COLUMNS);
    const ptrdiff_t end = a->outputs * (group + 1) / a->groups;
    ptrdiff_t output = a->outputs * group / a->groups;
    float total[CNN_REDUCE_COLUMNS];
    struct cursor c = cursor_at(&a->kept, output);
    for (; output < end; output++, advance(&a->kept, &c, 1)) {
        const float *x = a->x + c.a + column;
        float *y = a->y + (slice * a->outputs + output) * a->inner + column;
        if (a->inner == 1)
            total[0] = take_row(maximum, a, x, first, last);
        else
            take_columns(maximum, a, total, x, first, last, n);
        finish(a, y, total, n);
    }
}

void CNN_NAME(reduce)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_reduce *a = args;
    (void)scratch;
    if (a->maximum)
        reduce_tile(1, a, tile);
    else
        reduce_tile(0, a, tile);
}
