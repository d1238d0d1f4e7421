/* Rows looked up in a table, and the gradient of the table. */
#include "copy.h"

void CNN_NAME(gather)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_gather *a = args;
    const ptrdiff_t rows = cnn_gather_rows(a->K), end = cnn_min((tile + 1) * rows, a->count);
    (void)scratch;
    for (ptrdiff_t r = tile * rows; r < end; r++) {
        const ptrdiff_t id = a->ids[r];
        float *row = a->rows + r * a->K;
        if (id >= 0 && id < a->V)
            copy_floats(row, a->table + id * a->K, a->K);
        else
            for (ptrdiff_t k = 0; k < a->K; k++)
                row[k] = __builtin_nanf("");
    }
}

/* A tile's rows of the table belong to it alone, and it adds to them in the
 * order of the ids: no other tile's work, nor the number of threads, can change
 * a bit. */
void CNN_NAME(scatter_add)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_gather *a = args;
    const ptrdiff_t first = a->V * tile / a->tiles, last = a->V * (tile + 1) / a->tiles;
    (void)scratch;
    if (!a->accumulate)
        zero_floats(a->table + first * a->K, (last - first) * a->K);
    for (ptrdiff_t r = 0; r < a->count; r++) {
        const ptrdiff_t id = a->ids[r];
        if (id < first || id >= last)
            continue;
        float *to = a->table + id * a->K;
        const float *from = a->rows + r * a->K;
        for (ptrdiff_t k = 0; k < a->K; k += CNN_W)
            vf_store_upto(to + k, vf_load_upto(to + k, a->K - k) + vf_load_upto(from + k, a->K - k),
                          a->K - k);
    }
}
