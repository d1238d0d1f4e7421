/* Images framed, cropped, enlarged, flipped and shifted: runs of pixels are
 * copied, or mixed with weights, along the channels.
 *
 * A product and a sum are rounded each, in the reference's order, so the bits
 * of the forward passes are the reference's. */
#include <math.h>

#include "../cnn.h"
#include "copy.h"

CNN_INLINE void add_floats(float *to, const float *from, ptrdiff_t n)
{
    for (ptrdiff_t e = 0; e < n; e += CNN_W)
        vf_store_upto(to + e, vf_load_upto(to + e, n - e) + vf_load_upto(from + e, n - e), n - e);
}

CNN_INLINE void put(float *to, const float *from, ptrdiff_t n, int accumulate)
{
    if (accumulate)
        add_floats(to, from, n);
    else
        copy_floats(to, from, n);
}

/* to = a * wa + b * wb; b may be NULL. */
CNN_INLINE void mix(float *to, const float *a, float wa, const float *b, float wb, ptrdiff_t n)
{
    for (ptrdiff_t e = 0; e < n; e += CNN_W) {
        vf total = vf_load_upto(a + e, n - e) * wa;
        if (b)
            total += vf_load_upto(b + e, n - e) * wb;
        vf_store_upto(to + e, total, n - e);
    }
}

/* to += a * weight */
CNN_INLINE void add_scaled(float *to, const float *a, float weight, ptrdiff_t n)
{
    for (ptrdiff_t e = 0; e < n; e += CNN_W)
        vf_store_upto(to + e, vf_load_upto(to + e, n - e) + vf_load_upto(a + e, n - e) * weight,
                      n - e);
}

static void fill_floats(float *to, float value, ptrdiff_t n)
{
    for (ptrdiff_t e = 0; e < n; e += CNN_W)
        vf_store_upto(to + e, vf_set1(value), n - e);
}

/* Frames and crops
 * -------------------------------------------------------------- */

void CNN_NAME(pad2d)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_pad2d *a = args;
    const ptrdiff_t h = tile % a->OH - a->top;
    float *y = a->y + tile * a->OW * a->C;
    ptrdiff_t first = 0, end = 0; /* the columns of y that are x's */
    (void)scratch;
    if (h >= 0 && h < a->H) {
        first = cnn_min(a->left > 0 ? a->left : 0, a->OW);
        end = cnn_min(a->OW, a->W + a->left);
        end = end > first ? end : first;
    }
    if (end > first) {
        const float *row = a->x + (tile / a->OH * a->H + h) * a->W * a->C;
        put(y + first * a->C, row + (first - a->left) * a->C, (end - first) * a->C, a->accumulate);
    }
    if (!a->accumulate) {
        zero_floats(y, first * a->C);
        zero_floats(y + end * a->C, (a->OW - end) * a->C);
    }
}

/* Enlarging
 * --------------------------------------------------------------------- */

/* What a place along an enlarged axis mixes: source low by 1 - share, and the
 * next one. */
struct sources {
    ptrdiff_t low;
    float share; /* 0: low alone */
};

CNN_INLINE struct sources sources_of(ptrdiff_t i, ptrdiff_t factor, ptrdiff_t extent, int bilinear)
{
    if (!bilinear)
        return (struct sources){i / factor, 0.0f};
    const ptrdiff_t unit = 2 * factor, last = unit * (extent - 1);
    ptrdiff_t place = 2 * i + 1 - factor;
    place = cnn_min(place > 0 ? place : 0, last);
    return (struct sources){place / unit, (float)((double)(place % unit) / (double)unit)};
}

/* The weight by which `source` counts there; 0: it does not. */
CNN_INLINE float weight_of(struct sources s, ptrdiff_t source)
{
    if (source == s.low)
        return 1.0f - s.share;
    return source == s.low + 1 ? s.share : 0.0f;
}

/* The places along an enlarged axis that may mix `source`. */
struct places {
    ptrdiff_t first, end;
};

CNN_INLINE struct places places_of(ptrdiff_t source, ptrdiff_t factor, ptrdiff_t extent,
                                   int bilinear)
{
    const ptrdiff_t more = bilinear ? factor : 0;
    const ptrdiff_t first = source * factor - more, end = (source + 1) * factor + more;
    return (struct places){first > 0 ? first : 0, cnn_min(end, extent * factor)};
}

void CNN_NAME(upsample2d_forward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_upsample2d *a = args;
    const ptrdiff_t rows = a->H * a->SH, columns = a->W * a->SW, n = a->W * a->C;
    const struct sources h = sources_of(tile % rows, a->SH, a->H, a->bilinear);
    const float *row = a->x + (tile / rows * a->H + h.low) * n;
    float *y = a->y + tile * columns * a->C;
    if (h.share > 0) {
        mix(scratch, row, 1.0f - h.share, row + n, h.share, n);
        row = scratch;
    }
    for (ptrdiff_t j = 0; j < columns; j++, y += a->C) {
        const struct sources w = sources_of(j, a->SW, a->W, a->bilinear);
        const float *pixel = row + w.low * a->C;
        if (w.share > 0)
            mix(y, pixel, 1.0f - w.share, pixel + a->C, w.share, a->C);
        else
            copy_floats(y, pixel, a->C);
    }
}

void CNN_NAME(upsample2d_backward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_upsample2d *a = args;
    const ptrdiff_t rows = a->H * a->SH, n = a->W * a->SW * a->C;
    const struct places down = places_of(tile % a->H, a->SH, a->H, a->bilinear);
    float *dx = a->dx + tile * a->W * a->C, *row = scratch;
    zero_floats(row, n);
    for (ptrdiff_t i = down.first; i < down.end; i++) {
        const float weight = weight_of(sources_of(i, a->SH, a->H, a->bilinear), tile % a->H);
        if (weight > 0)
            add_scaled(row, a->dy + (tile / a->H * rows + i) * n, weight, n);
    }
    if (!a->accumulate)
        zero_floats(dx, a->W * a->C);
    for (ptrdiff_t w = 0; w < a->W; w++, dx += a->C) {
        const struct places right = places_of(w, a->SW, a->W, a->bilinear);
        for (ptrdiff_t j = right.first; j < right.end; j++) {
            const float weight = weight_of(sources_of(j, a->SW, a->W, a->bilinear), w);
            if (weight > 0)
                add_scaled(dx, row + j * a->C, weight, a->C);
        }
    }
}

/* Flips
 * ------------------------------------------------------------------------- */

void CNN_NAME(flip2d)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_flip2d *a = args;
    const ptrdiff_t image = tile / a->H, i = tile % a->H, n = a->W * a->C;
    const int flipped = a->draws[image] <= 0.5f;
    const ptrdiff_t h = flipped && a->rows ? a->H - 1 - i : i;
    const float *x = a->x + (image * a->H + h) * n;
    float *y = a->y + tile * n;
    (void)scratch;
    if (!flipped || !a->columns) {
        put(y, x, n, a->accumulate);
        return;
    }
    for (ptrdiff_t j = 0; j < a->W; j++)
        put(y + j * a->C, x + (a->W - 1 - j) * a->C, a->C, a->accumulate);
}

/* Shifts
 * ------------------------------------------------------------------------ */

/* Where place 0 of an axis looks, and by what share at the place after that. */
struct shift {
    ptrdiff_t first;
    float share; /* 0: at one place */
};

static int movable(float pixels)
{
    return fabsf(pixels) < 0x1p31f; /* not for NaN */
}

CNN_INLINE struct shift shift_of(float pixels, int bilinear)
{
    if (!bilinear)
        return (struct shift){(ptrdiff_t)floorf(0.5f - pixels), 0.0f};
    const float low = floorf(-pixels);
    return (struct shift){(ptrdiff_t)low, -pixels - low};
}

/* The place inside that one outside looks at; -1: at the fill value. */
CNN_INLINE ptrdiff_t inside(ptrdiff_t place, ptrdiff_t extent, int fill)
{
    if (place >= 0 && place < extent)
        return place;
    switch (fill) {
    case CNN_FILL_NEAREST:
        return place < 0 ? 0 : extent - 1;
    case CNN_FILL_WRAP:
        place %= extent;
        return place < 0 ? place + extent : place;
    case CNN_FILL_REFLECT:
        place %= 2 * extent;
        place = place < 0 ? place + 2 * extent : place;
        return place < extent ? place : 2 * extent - 1 - place;
    default:
        return -1;
    }
}

/* to (+)= weight * from, or weight * value where from is NULL. */
CNN_INLINE void mix_or_fill(float *to, const float *from, float value, float weight, ptrdiff_t n,
                            int add)
{
    for (ptrdiff_t e = 0; e < n; e += CNN_W) {
        const vf term = (from ? vf_load_upto(from + e, n - e) : vf_set1(value)) * weight;
        vf_store_upto(to + e, add ? vf_load_upto(to + e, n - e) + term : term, n - e);
    }
}

/* Pixel (or row) `place` of `from`, whose pixels are n floats; NULL outside. */
CNN_INLINE const float *seen(const float *from, ptrdiff_t place, ptrdiff_t extent, ptrdiff_t n,
                             int fill)
{
    const ptrdiff_t at = inside(place, extent, fill);
    return at < 0 ? NULL : from + at * n;
}

void CNN_NAME(translate2d_forward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_translate2d *a = args;
    const ptrdiff_t image = tile / a->H, n = a->W * a->C;
    const float *x = a->x + image * a->H * n, value = a->fill_value;
    float *y = a->y + tile * n, *row = scratch;
    if (!movable(a->down[image]) || !movable(a->right[image])) {
        fill_floats(y, NAN, n);
        return;
    }
    const struct shift v = shift_of(a->down[image], a->bilinear);
    const struct shift u = shift_of(a->right[image], a->bilinear);
    const ptrdiff_t h = tile % a->H + v.first;
    mix_or_fill(row, seen(x, h, a->H, n, a->fill), value, 1.0f - v.share, n, 0);
    if (v.share > 0)
        mix_or_fill(row, seen(x, h + 1, a->H, n, a->fill), value, v.share, n, 1);
    for (ptrdiff_t j = 0; j < a->W; j++, y += a->C) {
        const ptrdiff_t w = j + u.first;
        mix_or_fill(y, seen(row, w, a->W, a->C, a->fill), value, 1.0f - u.share, a->C, 0);
        if (u.share > 0)
            mix_or_fill(y, seen(row, w + 1, a->W, a->C, a->fill), value, u.share, a->C, 1);
    }
}

/* Send a row of dy back to the row of x's width that gave it. */
static void spread_row(float *row, const float *dy, struct shift u, const struct cnn_translate2d *a)
{
    zero_floats(row, a->W * a->C);
    for (ptrdiff_t next = 0; next <= (u.share > 0); next++) {
        const float weight = next ? u.share : 1.0f - u.share;
        for (ptrdiff_t j = 0; j < a->W; j++) {
            const ptrdiff_t w = inside(j + u.first + next, a->W, a->fill);
            if (w >= 0)
                add_scaled(row + w * a->C, dy + j * a->C, weight, a->C);
        }
    }
}

void CNN_NAME(translate2d_backward)(const void *args, ptrdiff_t image, void *scratch)
{
    const struct cnn_translate2d *a = args;
    const ptrdiff_t n = a->W * a->C;
    float *dx = a->dx + image * a->H * n;
    if (!movable(a->down[image]) || !movable(a->right[image])) {
        fill_floats(dx, NAN, a->H * n);
        return;
    }
    const struct shift v = shift_of(a->down[image], a->bilinear);
    const struct shift u = shift_of(a->right[image], a->bilinear);
    if (!a->accumulate)
        zero_floats(dx, a->H * n);
    for (ptrdiff_t i = 0; i < a->H; i++) {
        spread_row(scratch, a->dy + (image * a->H + i) * n, u, a);
        for (ptrdiff_t next = 0; next <= (v.share > 0); next++) {
            const ptrdiff_t h = inside(i + v.first + next, a->H, a->fill);
            if (h >= 0)
                add_scaled(dx + h * n, scratch, next ? v.share : 1.0f - v.share, n);
        }
    }
}
