/* Gradient of a bias: sums down the columns of a tall matrix, in two passes. */
#include "../cnn.h"
#include "../simd.h"

/* Add a number of lines, `width` floats apart, to sum: so many whole vectors of each. */
CNN_INLINE void add_lines(int vectors, float *sum, const float *line, ptrdiff_t width,
                          ptrdiff_t lines)
{
    vf total[8]; /* in registers: half of the 16 that the smaller levels have */
    for (int v = 0; v < vectors; v++)
        total[v] = vf_load(sum + v * CNN_W);
    for (ptrdiff_t i = 0; i < lines; i++)
        for (int v = 0; v < vectors; v++)
            total[v] += vf_load(line + i * width + v * CNN_W);
    for (int v = 0; v < vectors; v++)
        vf_store(sum + v * CNN_W, total[v]);
}

/* The same for any number of vectors. */
static void add_whole_lines(float *sum, const float *line, ptrdiff_t vectors, ptrdiff_t width,
                            ptrdiff_t lines)
{
    while (vectors > 0) {
        const ptrdiff_t step = vectors >= 8 ? 8 : vectors >= 4 ? 4 : vectors >= 2 ? 2 : 1;
        switch (step) {
        case 8:
            add_lines(8, sum, line, width, lines);
            break;
        case 4:
            add_lines(4, sum, line, width, lines);
            break;
        case 2:
            add_lines(2, sum, line, width, lines);
            break;
        default:
            add_lines(1, sum, line, width, lines);
        }
        vectors -= step;
        sum += step * CNN_W;
        line += step * CNN_W;
    }
}

/* out (+)= sum over i < fold of sum[i * F .. i * F + n). */
CNN_INLINE void write_folded(float *out, const float *sum, ptrdiff_t n, ptrdiff_t fold, ptrdiff_t F,
                             int accumulate)
{
    for (ptrdiff_t f = 0; f < n; f += CNN_W) {
        vf total = vf_load(sum + f);
        for (ptrdiff_t i = 1; i < fold; i++)
            total += vf_load(sum + i * F + f);
        if (accumulate)
            total += vf_load_upto(out + f, n - f);
        vf_store_upto(out + f, total, n - f);
    }
}

void CNN_NAME(bias_gradient)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_bias_gradient *a = args;
    const ptrdiff_t blocks = cnn_bias_blocks(a->F), slices = cnn_bias_slices(a->rows, a->F);
    const ptrdiff_t fold = cnn_bias_fold(a->F), width = fold * a->F, end = a->rows * a->F;
    const ptrdiff_t slice = tile / blocks, column = tile % blocks * CNN_LINE;
    const ptrdiff_t n = width - column < CNN_LINE ? width - column : CNN_LINE;
    const ptrdiff_t vectors = (n + CNN_W - 1) / CNN_W;
    float sum[CNN_LINE + CNN_W] = {0}; /* write_folded() reads past n */
    (void)scratch;

    /* Lines whose last vector, which may reach into the next line, stays in dy. */
    ptrdiff_t at = slice * CNN_SLICE * width + column;
    const ptrdiff_t stop = at + CNN_SLICE * width < end ? at + CNN_SLICE * width : end;
    const ptrdiff_t safe = end - vectors * CNN_W + 1, last = stop < safe ? stop : safe;
    const ptrdiff_t whole = last > at ? (last - at + width - 1) / width : 0;
    add_whole_lines(sum, a->dy + at, vectors, width, whole);
    /* The one or two lines that are left. */
    for (at += whole * width; at < stop; at += width) {
        const ptrdiff_t count = end - at < n ? end - at : n;
        for (ptrdiff_t j = 0; j < count; j += CNN_W)
            vf_store(sum + j, vf_load(sum + j) + vf_load_upto(a->dy + at + j, count - j));
    }

    float *out = slices > 1 ? a->partial + slice * a->F : a->db;
    write_folded(out + column, sum, fold > 1 ? a->F : n, fold, a->F, slices == 1 && a->accumulate);
}

void CNN_NAME(bias_gradient_sum)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_bias_gradient *a = args;
    const ptrdiff_t slices = cnn_bias_slices(a->rows, a->F);
    (void)tile;
    (void)scratch;
    for (ptrdiff_t f = 0; f < a->F; f += CNN_W) {
        const ptrdiff_t n = a->F - f;
        vf total = vf_load_upto(a->partial + f, n);
        for (ptrdiff_t s = 1; s < slices; s++)
            total += vf_load_upto(a->partial + s * a->F + f, n);
        if (a->accumulate)
            total += vf_load_upto(a->db + f, n);
        vf_store_upto(a->db + f, total, n);
    }
}
