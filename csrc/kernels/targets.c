/* Targets as a loss takes them, and which of them count. */
#include "../cnn.h"
#include "../simd.h"

void CNN_NAME(map_targets)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_map_targets *a = args;
    const ptrdiff_t first = tile * CNN_MAP_TILE, rest = a->n - first;
    const ptrdiff_t n = rest < CNN_MAP_TILE ? rest : CNN_MAP_TILE;
    (void)scratch;
    for (ptrdiff_t i = 0; i < n; i += CNN_W) {
        const vf target = vf_load_upto(a->target + first + i, n - i);
        vf_store_upto(a->y + first + i, a->scale * target + a->shift, n - i);
    }
}

void CNN_NAME(targets_are_binary)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_binary *a = args;
    ptrdiff_t i = 0;
    (void)tile;
    (void)scratch;
    while (i < a->n && (a->target[i] == 0.0f || a->target[i] == 1.0f))
        i++;
    *a->binary = i == a->n;
}

void CNN_NAME(label_mask)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_label_mask *a = args;
    (void)tile;
    (void)scratch;
    for (ptrdiff_t r = 0; r < a->rows; r++)
        a->y[r] = a->labels[r] != a->ignore_class && (a->mask == NULL || a->mask[r] != 0);
}
