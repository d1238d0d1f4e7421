/* Optimizer steps, bound by memory: one pass, as plain loops for the compiler's
 * vectors.  Every operation is rounded as in the reference, so the bits agree. */
#include <math.h>

#include "../cnn.h"
#include "../level.h"

/* The elements of a tile. */
struct piece {
    const struct cnn_parameter *parameter;
    ptrdiff_t start, n;
};

static struct piece find(const struct cnn_parameter *parameters, ptrdiff_t count, ptrdiff_t tile)
{
    ptrdiff_t low = 0, high = count; /* the last parameter whose first tile is <= tile */
    while (high - low > 1) {
        const ptrdiff_t middle = (low + high) / 2;
        if (parameters[middle].first_tile <= tile)
            low = middle;
        else
            high = middle;
    }
    const struct cnn_parameter *p = parameters + low;
    const ptrdiff_t start = (tile - p->first_tile) * CNN_UPDATE_TILE, left = p->size - start;
    return (struct piece){p, start, left < CNN_UPDATE_TILE ? left : CNN_UPDATE_TILE};
}

static void descend(float *restrict w, const float *restrict g, ptrdiff_t n, float rate)
{
    for (ptrdiff_t e = 0; e < n; e++)
        w[e] -= rate * g[e];
}

static void descend_with_momentum(float *restrict w, float *restrict v, const float *restrict g,
                                  ptrdiff_t n, float rate, float momentum)
{
    for (ptrdiff_t e = 0; e < n; e++) {
        v[e] = momentum * v[e] - rate * g[e];
        w[e] += v[e];
    }
}

static void descend_with_nesterov(float *restrict w, float *restrict v, const float *restrict g,
                                  ptrdiff_t n, float rate, float momentum)
{
    for (ptrdiff_t e = 0; e < n; e++) {
        v[e] = momentum * v[e] - rate * g[e];
        w[e] += momentum * v[e] - rate * g[e];
    }
}

void CNN_NAME(sgd_update)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_sgd *a = args;
    const struct piece piece = find(a->parameters, a->count, tile);
    const struct cnn_parameter *p = piece.parameter;
    const float rate = (float)a->rate, momentum = (float)a->momentum;
    float *w = p->w + piece.start;
    const float *g = p->g + piece.start;
    (void)scratch;
    if (p->m == NULL)
        descend(w, g, piece.n, rate);
    else if (a->nesterov)
        descend_with_nesterov(w, p->m + piece.start, g, piece.n, rate, momentum);
    else
        descend_with_momentum(w, p->m + piece.start, g, piece.n, rate, momentum);
}

static void adam(float *restrict w, float *restrict m, float *restrict v, const float *restrict g,
                 ptrdiff_t n, const struct cnn_adam *a)
{
    const float step = (float)a->step, epsilon = (float)a->epsilon;
    const float rest_1 = (float)(1 - a->beta_1), rest_2 = (float)(1 - a->beta_2);
    for (ptrdiff_t e = 0; e < n; e++) {
        m[e] += rest_1 * (g[e] - m[e]);
        v[e] += rest_2 * (g[e] * g[e] - v[e]);
        w[e] -= step * m[e] / (sqrtf(v[e]) + epsilon);
    }
}

void CNN_NAME(adam_update)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_adam *a = args;
    const struct piece piece = find(a->parameters, a->count, tile);
    const struct cnn_parameter *p = piece.parameter;
    const ptrdiff_t start = piece.start;
    (void)scratch;
    adam(p->w + start, p->m + start, p->v + start, p->g + start, piece.n, a);
}
