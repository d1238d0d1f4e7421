/* Matrix product: blocks of rows and columns, each in tiles (tile.h). */
#include "../cnn.h"
#include "copy.h"
#include "panel.h"

cnn_kernel CNN_NAME(pack);

/* Rows of A, element k of row m at base + m / 12 * block + m % 12 * row + k * ks. */
struct rows {
    const float *base;
    ptrdiff_t block, row, ks;
};

/* Rows m0..m1-1 of A over k0..k1-1, in place or copied to scratch. */
CNN_INLINE struct rows rows_of_a(const struct cnn_matmul *a, ptrdiff_t m0, ptrdiff_t m1,
                                 ptrdiff_t k0, ptrdiff_t k1, float *scratch)
{
    const float *base = a->a + m0 * a->a_row + k0 * a->a_k;
    const ptrdiff_t k = k1 - k0;
    if (!a->copy_rows)
        return (struct rows){base, CNN_BLOCK * a->a_row, a->a_row, a->a_k};
    if (a->a_k != 1) { /* transposed */
        copy_blocked(scratch, k * CNN_BLOCK, base, a->a_k, k, m1 - m0);
        return (struct rows){scratch, k * CNN_BLOCK, 1, CNN_BLOCK};
    }
    const ptrdiff_t row = cnn_copied_row(k);
    for (ptrdiff_t m = 0; m < m1 - m0; m++)
        copy_floats(scratch + m * row, base + m * a->a_row, k);
    return (struct rows){scratch, CNN_BLOCK * row, row, 1};
}

void CNN_NAME(matmul)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_matmul *a = args;
    const ptrdiff_t column_block = tile % a->column_blocks;
    const ptrdiff_t row_block = tile / a->column_blocks % a->row_blocks;
    const ptrdiff_t slice = tile / (a->column_blocks * a->row_blocks);
    const ptrdiff_t m0 = a->m * row_block / a->row_blocks;
    const ptrdiff_t m1 = a->m * (row_block + 1) / a->row_blocks;
    const ptrdiff_t k0 = a->k * slice / a->slices, k1 = a->k * (slice + 1) / a->slices;
    const ptrdiff_t n0 = column_block * a->column_block;
    const ptrdiff_t n = a->n - n0 < a->column_block ? a->n - n0 : a->column_block;
    const struct columns columns = a->ldb ? direct_columns(a->b + n0, a->ldb, n)
                                          : packed_columns(a->b + a->k * n0, a->k, n);

    const struct rows source = rows_of_a(a, m0, m1, k0, k1, scratch);

    const float *rows[TILE_MOST_ROWS];
    float *out[TILE_MOST_ROWS];
    const ptrdiff_t offs[1] = {0};
    struct tile t = {.out = out, .rows = rows, .offs = offs, .taps = 1, .len = k1 - k0,
                     .ks = source.ks, .accumulate = a->accumulate,
                     .relu = a->function == CNN_RELU};
    for (ptrdiff_t p = 0; p < columns.count; p++) {
        const struct panel panel = panel_at(&columns, p);
        use_panel(&t, &panel);
        t.b += k0 * panel.ldb;
        t.column += n0;
        t.bias = a->bias ? a->bias + t.column : NULL;
        for (ptrdiff_t m = m0, mr; m < m1; m += mr) {
            mr = rows_of_tile(m1 - m, panel.rows);
            for (ptrdiff_t r = 0, i = m - m0; r < mr; r++, i++) {
                rows[r] = source.base + i / CNN_BLOCK * source.block + i % CNN_BLOCK * source.row;
                out[r] = a->y + slice * a->slice + (m + r) * a->y_row;
            }
            panel.tiles[mr - 1](&t);
            apply_after(a->function, &t, mr, panel.valid);
        }
    }
}

/* to[i] = row i of a . b for `count` (constant) rows of k: vectors lie along k, where a matrix of one
 * column would use one lane. */
CNN_INLINE void dots(int count, float *to, const float *a, const float *b, ptrdiff_t k)
{
    vf sum[4];
#pragma GCC unroll 4
    for (int i = 0; i < count; i++)
        sum[i] = (vf){0};
    for (ptrdiff_t j = 0; j < k; j += CNN_W) {
        const vf seen = vf_load_upto(b + j, k - j);
#pragma GCC unroll 4
        for (int i = 0; i < count; i++)
            sum[i] = vf_fma(vf_load_upto(a + i * k + j, k - j), seen, sum[i]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < count; i++)
        to[i] = vf_sum(sum[i]);
}

void CNN_NAME(matvec)(const void *args, ptrdiff_t tile, void *scratch)
{
    (void)scratch;
    const struct cnn_matvec *a = args;
    const ptrdiff_t first = tile * a->block, count = cnn_min(a->rows - first, a->block);
    const float *row = a->a + first * a->k;
    float found[CNN_DOTS], *y = a->y + first;
    ptrdiff_t r = 0;
    for (; r + 4 <= count; r += 4)
        dots(4, found + r, row + r * a->k, a->b, a->k);
    for (; r < count; r++)
        dots(1, found + r, row + r * a->k, a->b, a->k);
    for (r = 0; r < count; r++) {
        found[r] += a->bias ? a->bias[(first + r) * a->bias_step] : 0.0f;
        found[r] += a->accumulate ? y[r] : 0.0f;
    }
    cnn_apply((enum cnn_function)a->function, found, found, count);
    copy_floats(y, found, count);
}

/* Pack the B of one product. */
CNN_INLINE void pack_whole(const struct cnn_batch_matmul *a, const float *b, float *packed)
{
    const struct cnn_matmul *one = &a->one;
    const struct cnn_pack pack = {.packed = packed, .b = b, .groups = 1, .taps_h = 1, .taps_w = 1,
                                  .len = one->k, .len_blocks = 1, .row = a->b_row,
                                  .column = a->b_column, .n = one->n, .block = one->column_block};
    CNN_NAME(pack)(&pack, 0, NULL);
}

void CNN_NAME(batch_matmul)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_batch_matmul *a = args;
    const ptrdiff_t i = tile / a->heads, h = tile % a->heads;
    struct cnn_matmul one = a->one;
    one.y += i * a->y_batch + h * a->y_head;
    one.a += i * a->a_batch + h * a->a_head;
    one.b += i * a->b_batch + h * a->b_head;
    if (a->b_row) {
        pack_whole(a, one.b, scratch);
        one.b = scratch;
        scratch = (char *)scratch + cnn_batch_matmul_packed(a, CNN_W);
    }
    for (ptrdiff_t part = 0; part < one.row_blocks * one.column_blocks; part++)
        CNN_NAME(matmul)(&one, part, scratch);
}

void CNN_NAME(sum_slices)(const void *args, ptrdiff_t tile, void *scratch)
{
    (void)scratch;
    const struct cnn_sum_slices *a = args;
    const ptrdiff_t i1 = (tile + 1) * a->block < a->size ? (tile + 1) * a->block : a->size;
    for (ptrdiff_t i = tile * a->block; i < i1; i += CNN_W) {
        const ptrdiff_t n = i1 - i < CNN_W ? i1 - i : CNN_W;
        vf sum = vf_load_n(a->partial + i, n);
        for (ptrdiff_t s = 1; s < a->slices; s++)
            sum += vf_load_n(a->partial + s * a->slice + i, n);
        if (a->accumulate)
            sum += vf_load_n(a->out + i, n);
        vf_store_n(a->out + i, sum, n);
    }
}
