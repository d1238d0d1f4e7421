/* Concatenation and its gradient: a tile walks over its floats of the whole array
 * in runs that belong to one part each. */
#include "../cnn.h"
#include "../simd.h"

/* Runs may be as short as a few channels, too short for a call of memcpy(). */
CNN_INLINE void copy(float *to, const float *from, ptrdiff_t n)
{
    ptrdiff_t e = 0;
    for (; e + CNN_W <= n; e += CNN_W)
        vf_store(to + e, vf_load(from + e));
    if (e < n)
        vf_store_n(to + e, vf_load_n(from + e, n - e), n - e);
}

CNN_INLINE void add(float *to, const float *from, ptrdiff_t n)
{
    ptrdiff_t e = 0;
    for (; e + CNN_W <= n; e += CNN_W)
        vf_store(to + e, vf_load(to + e) + vf_load(from + e));
    if (e < n)
        vf_store_n(to + e, vf_load_n(to + e, n - e) + vf_load_n(from + e, n - e), n - e);
}

CNN_INLINE ptrdiff_t least(ptrdiff_t a, ptrdiff_t b)
{
    return a < b ? a : b;
}

/* The part that holds this column of the whole. */
static const struct cnn_part *part_at(const struct cnn_join *a, ptrdiff_t column)
{
    const struct cnn_part *part = a->parts;
    while (part->start + part->width <= column)
        part++;
    return part;
}

enum what { CONCATENATE, SPLIT, SPLIT_AND_ADD };

CNN_INLINE void walk(const struct cnn_join *a, ptrdiff_t tile, enum what what)
{
    const ptrdiff_t end = least(a->size, (tile + 1) * CNN_JOIN_TILE);
    ptrdiff_t at = tile * CNN_JOIN_TILE, row = at / a->width, column = at % a->width;
    const struct cnn_part *part = part_at(a, column);
    while (at < end) {
        const ptrdiff_t offset = column - part->start;
        const ptrdiff_t n = least(part->width - offset, end - at);
        float *data = part->data + row * part->width + offset;
        if (what == CONCATENATE)
            copy(a->whole + at, data, n);
        else if (what == SPLIT)
            copy(data, a->whole + at, n);
        else
            add(data, a->whole + at, n);
        at += n;
        column += n;
        part++;
        if (column == a->width) {
            row++;
            column = 0;
            part = a->parts;
        }
    }
}

void CNN_NAME(concatenate)(const void *args, ptrdiff_t tile, void *scratch)
{
    (void)scratch;
    walk(args, tile, CONCATENATE);
}

void CNN_NAME(split)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_join *a = args;
    (void)scratch;
    if (a->accumulate)
        walk(a, tile, SPLIT_AND_ADD);
    else
        walk(a, tile, SPLIT);
}
