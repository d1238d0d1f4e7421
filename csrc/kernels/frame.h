/* An image as a convolution's taps see it: in a frame of zeros where they reach outside. */
#ifndef CNN_FRAME_H
#define CNN_FRAME_H

#include "../cnn.h"
#include "copy.h"

/* Some output rows of some images: the first of them, with the first tap, looks at
 * base; what lies below and to the right follows at these distances in floats. */
struct view {
    const float *base;
    ptrdiff_t image, row;
};

/* Columns first..first+columns-1 of one image row (zeros outside 0..size-1). */
CNN_INLINE void copy_framed_row(float *to, const float *row, ptrdiff_t first, ptrdiff_t columns,
                                ptrdiff_t size, ptrdiff_t channels)
{
    ptrdiff_t begin = first < 0 ? -first : 0, end = size - first;
    if (begin > columns)
        begin = columns;
    if (end > columns)
        end = columns;
    if (end < begin)
        end = begin;
    zero_floats(to, begin * channels);
    if (end > begin)
        copy_floats(to + begin * channels, row + (first + begin) * channels,
                    (end - begin) * channels);
    zero_floats(to + end * channels, (columns - end) * channels);
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
        return (struct view){x + n0 * image + top * row + w->first * channels, image, row};

    const ptrdiff_t rows = cnn_window_extent(h, q1 - q0), columns = cnn_window_extent(w, w->out);
    const struct view view = {scratch, rows * columns * channels, columns * channels};
    for (ptrdiff_t n = n0; n < n1; n++)
        for (ptrdiff_t i = 0; i < rows; i++) {
            float *to = scratch + (n - n0) * view.image + i * view.row;
            if (top + i < 0 || top + i >= h->size)
                zero_floats(to, view.row);
            else
                copy_framed_row(to, x + n * image + (top + i) * row, w->first, columns, w->size,
                                channels);
        }
    return view;
}

#endif
