/* An image as a convolution's taps see it: in a frame of zeros where they reach outside. */
#ifndef CNN_FRAME_H
#define CNN_FRAME_H

#include "../cnn.h"
#include "copy.h"

/* Some output rows of some images: the first of them, with the first tap, looks at
 * base; what lies below and to the right follows at these distances in floats. */
struct view {
    const float *base;
    ptrdiff_t image, row, pixel;
    ptrdiff_t block; /* from 12 channels to the next 12 (copy.h) */
};

struct span {
    ptrdiff_t begin, end;
};

/* Which of the columns that a window looks at lie inside the image. */
CNN_INLINE struct span columns_inside(const struct cnn_window *w, ptrdiff_t columns)
{
    struct span span = {cnn_min(w->first < 0 ? -w->first : 0, columns),
                        cnn_min(w->size - w->first, columns)};
    if (span.end < span.begin)
        span.end = span.begin;
    return span;
}

/* What output rows q0..q1-1 of images n0..n1-1 look at: x itself, or a copy with its
 * frame in scratch (cnn_frame_floats() says how large). */
CNN_INLINE struct view framed_view(const float *x, ptrdiff_t channels, const struct cnn_window *h,
                                   const struct cnn_window *w, ptrdiff_t n0, ptrdiff_t n1,
                                   ptrdiff_t q0, ptrdiff_t q1, float *scratch)
{
    const ptrdiff_t image = h->size * w->size * channels, row = w->size * channels;
    const ptrdiff_t top = q0 * h->stride + h->first;
    if (!cnn_window_framed(h) && !cnn_window_framed(w))
        return (struct view){x + n0 * image + top * row + w->first * channels, image, row,
                             channels, CNN_BLOCK};

    const ptrdiff_t rows = cnn_window_extent(h, q1 - q0), columns = cnn_window_extent(w, w->out);
    const struct view view = {scratch, rows * columns * channels, columns * channels, channels,
                              CNN_BLOCK};
    const struct span inside = columns_inside(w, columns);
    for (ptrdiff_t n = n0; n < n1; n++)
        for (ptrdiff_t i = top; i < top + rows; i++, scratch += view.row) {
            if (i < 0 || i >= h->size || inside.begin == inside.end) {
                zero_floats(scratch, view.row);
                continue;
            }
            const float *from = x + n * image + i * row + (w->first + inside.begin) * channels;
            zero_floats(scratch, inside.begin * channels);
            copy_floats(scratch + inside.begin * channels, from,
                        (inside.end - inside.begin) * channels);
            zero_floats(scratch + inside.end * channels, (columns - inside.end) * channels);
        }
    return view;
}

#endif
