/* Packing of B into panels (panel.h). */
#include "../cnn.h"
#include "copy.h"
#include "panel.h"

/* Copy n floats and fill with zeros up to width. */
CNN_INLINE void copy_row(float *to, const float *from, ptrdiff_t n, ptrdiff_t width)
{
    ptrdiff_t i = 0;
    for (; i + CNN_W <= n; i += CNN_W)
        vf_store(to + i, vf_load(from + i));
    for (; i < n; i++)
        to[i] = from[i];
    for (; i < width; i++)
        to[i] = 0;
}

/* to[k * width + n] = from[n * column + k * row]: rows rows, n of width columns. */
static void pack_panel(float *to, ptrdiff_t width, const float *from, ptrdiff_t row,
                       ptrdiff_t column, ptrdiff_t rows, ptrdiff_t n)
{
    if (column == 1) {
        for (ptrdiff_t k = 0; k < rows; k++)
            copy_row(to + k * width, from + k * row, n, width);
        return;
    }
    ptrdiff_t k = 0;
    const ptrdiff_t n4 = row == 1 ? n & ~(ptrdiff_t)3 : 0;
    for (; k + 4 <= rows; k += 4)
        for (ptrdiff_t j = 0; j < n4; j += 4)
            transpose4(to + k * width + j, width, from + j * column + k, column);
    for (; k < rows; k++)
        for (ptrdiff_t j = 0; j < n4; j++)
            to[k * width + j] = from[j * column + k * row];
    for (k = 0; k < rows; k++)
        for (ptrdiff_t j = n4; j < width; j++)
            to[k * width + j] = j < n ? from[j * column + k * row] : 0;
}

void CNN_NAME(pack)(const void *args, ptrdiff_t tile, void *scratch)
{
    (void)scratch;
    const struct cnn_pack *a = args;
    const ptrdiff_t j = tile % a->taps_w;
    const ptrdiff_t i = tile / a->taps_w % a->taps_h;
    const ptrdiff_t block = tile / (a->taps_w * a->taps_h) % a->len_blocks;
    const ptrdiff_t group = tile / (a->taps_w * a->taps_h * a->len_blocks);
    const ptrdiff_t k0 = a->len * block / a->len_blocks;
    const ptrdiff_t rows = a->len * (block + 1) / a->len_blocks - k0;
    const ptrdiff_t k = a->taps_h * a->taps_w * a->len, at = (i * a->taps_w + j) * a->len + k0;
    const float *from = a->b + group * a->group + i * a->tap_h + j * a->tap_w + k0 * a->row;
    float *packed = a->packed + group * a->packed_group;

    for (ptrdiff_t n0 = 0; n0 < a->n; n0 += a->block) {
        const ptrdiff_t n = a->n - n0 < a->block ? a->n - n0 : a->block;
        const struct columns columns = packed_columns(NULL, k, n);
        for (ptrdiff_t p = 0; p < columns.count; p++) {
            const struct panel panel = panel_at(&columns, p);
            pack_panel(packed + k * (n0 + panel.column) + at * panel.width, panel.width,
                       from + (n0 + panel.column) * a->column, a->row, a->column, rows,
                       panel.valid);
        }
    }
}
