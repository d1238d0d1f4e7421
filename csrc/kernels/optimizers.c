/* Optimizer steps, bound by memory: one pass, as plain loops for the compiler's
 * vectors.  Every operation is rounded as in the reference, so the bits agree. */
#include "../cnn.h"
#include "../level.h"
#include "piece.h"

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
    const struct cnn_piece piece = cnn_find(a->parameters, a->count, tile);
    const struct cnn_parameter *p = piece.parameter;
    const float rate = (float)a->rate, momentum = (float)a->momentum;
    float *w = p->w + piece.start;
    const float *g = p->g + piece.start;
    (void)scratch;
    if (p->slot[0] == NULL)
        descend(w, g, piece.n, rate);
    else if (a->nesterov)
        descend_with_nesterov(w, p->slot[0] + piece.start, g, piece.n, rate, momentum);
    else
        descend_with_momentum(w, p->slot[0] + piece.start, g, piece.n, rate, momentum);
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
    const struct cnn_piece piece = cnn_find(a->parameters, a->count, tile);
    const struct cnn_parameter *p = piece.parameter;
    const ptrdiff_t start = piece.start;
    (void)scratch;
    adam(p->w + start, p->slot[0] + start, p->slot[1] + start, p->g + start, piece.n, a);
}
