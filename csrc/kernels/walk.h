/* Where a walk over an array's indices stands (struct cnn_walk). */
#ifndef CNN_WALK_H
#define CNN_WALK_H

#include "../cnn.h"
#include "../level.h"

struct cursor {
    ptrdiff_t index[CNN_AXES];
    ptrdiff_t a, b; /* elements from the start of a and of b */
};

/* The cursor at the index numbered `at`. */
CNN_INLINE struct cursor cursor_at(const struct cnn_walk *w, ptrdiff_t at)
{
    struct cursor c = {.a = 0, .b = 0};
    for (ptrdiff_t axis = w->axes - 1; axis >= 0; axis--) {
        const ptrdiff_t i = at % w->extent[axis];
        at /= w->extent[axis];
        c.index[axis] = i;
        c.a += i * w->a_step[axis];
        c.b += i * w->b_step[axis];
    }
    return c;
}

/* Indices that are left in the row, the last axis. */
CNN_INLINE ptrdiff_t left_in_row(const struct cnn_walk *w, const struct cursor *c)
{
    return w->extent[w->axes - 1] - c->index[w->axes - 1];
}

/* Go n indices on, at most to the end of the row: that is the start of the
 * next. */
CNN_INLINE void advance(const struct cnn_walk *w, struct cursor *c, ptrdiff_t n)
{
    ptrdiff_t axis = w->axes - 1;
    c->index[axis] += n;
    c->a += n * w->a_step[axis];
    c->b += n * w->b_step[axis];
    while (axis > 0 && c->index[axis] == w->extent[axis]) {
        c->a -= w->extent[axis] * w->a_step[axis];
        c->b -= w->extent[axis] * w->b_step[axis];
        c->index[axis--] = 0;
        c->index[axis]++;
        c->a += w->a_step[axis];
        c->b += w->b_step[axis];
    }
}

#endif
