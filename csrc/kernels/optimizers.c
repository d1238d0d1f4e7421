/* Optimizer steps, bound by memory: one pass, as plain loops for the compiler's
 * vectors.  Every operation is rounded as in the reference, so the bits agree.
 */
#include "piece.h"

/* The n elements of a piece: the weights, the slots, the gradient. */
struct arrays {
    float *restrict w, *restrict a, *restrict b, *restrict c;
    const float *restrict g;
    ptrdiff_t n;
};

/* Let the weights decay; return the gradient, scaled and clipped where that is
 * asked for. */
static const float *prepare(const struct cnn_update *u, const struct cnn_piece *piece,
                            float *restrict scratch)
{
    const struct cnn_parameter *p = piece->parameter;
    float *restrict w = p->w + piece->start;
    const float *restrict g = p->g + piece->start;
    const float decay = p->decay, scale = p->scale, limit = u->limit;
    if (decay != 0)
        for (ptrdiff_t e = 0; e < piece->n; e++)
            w[e] -= decay * w[e];
    if (scale == 1 && limit == INFINITY)
        return g;
    for (ptrdiff_t e = 0; e < piece->n; e++) {
        const float x = scale * g[e]; /* NaN passes */
        scratch[e] = x > limit ? limit : x < -limit ? -limit : x;
    }
    return scratch;
}

static void sgd(const struct cnn_update *u, struct arrays s)
{
    const float rate = u->rate, momentum = u->momentum;
    if (s.a == NULL)
        for (ptrdiff_t e = 0; e < s.n; e++)
            s.w[e] -= rate * s.g[e];
    else if (u->nesterov)
        for (ptrdiff_t e = 0; e < s.n; e++) {
            s.a[e] = momentum * s.a[e] - rate * s.g[e];
            s.w[e] += momentum * s.a[e] - rate * s.g[e];
        }
    else
        for (ptrdiff_t e = 0; e < s.n; e++) {
            s.a[e] = momentum * s.a[e] - rate * s.g[e];
            s.w[e] += s.a[e];
        }
}

CNN_INLINE void rmsprop_loop(const struct cnn_update *u, struct arrays s, int momentum,
                             int centered)
{
    const float rate = u->rate, rho = u->rho, rest = u->rest_rho, epsilon = u->epsilon;
    for (ptrdiff_t e = 0; e < s.n; e++) {
        const float g = s.g[e];
        s.a[e] = rho * s.a[e] + rest * (g * g);
        float spread = s.a[e];
        if (centered) {
            s.c[e] = rho * s.c[e] + rest * g;
            spread -= s.c[e] * s.c[e];
            spread = spread < 0 ? 0 : spread;
        }
        float step = rate * g / sqrtf(spread + epsilon);
        if (momentum) {
            step += u->momentum * s.b[e];
            s.b[e] = step;
        }
        s.w[e] -= step;
    }
}

static void rmsprop(const struct cnn_update *u, struct arrays s)
{
    if (s.b != NULL && s.c != NULL)
        rmsprop_loop(u, s, 1, 1);
    else if (s.b != NULL)
        rmsprop_loop(u, s, 1, 0);
    else if (s.c != NULL)
        rmsprop_loop(u, s, 0, 1);
    else
        rmsprop_loop(u, s, 0, 0);
}

static void adagrad(const struct cnn_update *u, struct arrays s)
{
    const float rate = u->rate, epsilon = u->epsilon;
    for (ptrdiff_t e = 0; e < s.n; e++) {
        s.a[e] += s.g[e] * s.g[e];
        s.w[e] -= rate * s.g[e] / sqrtf(s.a[e] + epsilon);
    }
}

static void adadelta(const struct cnn_update *u, struct arrays s)
{
    const float rate = u->rate, rho = u->rho, rest = u->rest_rho, epsilon = u->epsilon;
    for (ptrdiff_t e = 0; e < s.n; e++) {
        s.a[e] = rho * s.a[e] + rest * (s.g[e] * s.g[e]);
        const float d = sqrtf(s.b[e] + epsilon) * s.g[e] / sqrtf(s.a[e] + epsilon);
        s.b[e] = rho * s.b[e] + rest * (d * d);
        s.w[e] -= rate * d;
    }
}

CNN_INLINE void adam_loop(const struct cnn_update *u, struct arrays s, int amsgrad)
{
    const float step = u->rate, rest_1 = u->rest_1, rest_2 = u->rest_2, epsilon = u->epsilon;
    for (ptrdiff_t e = 0; e < s.n; e++) {
        s.a[e] += rest_1 * (s.g[e] - s.a[e]);
        s.b[e] += rest_2 * (s.g[e] * s.g[e] - s.b[e]);
        float v = s.b[e];
        if (amsgrad) {
            const float peak = s.c[e];
            s.c[e] = v = peak > v || peak != peak ? peak : v;
        }
        s.w[e] -= step * s.a[e] / (sqrtf(v) + epsilon);
    }
}

static void adam(const struct cnn_update *u, struct arrays s)
{
    if (s.c != NULL)
        adam_loop(u, s, 1);
    else
        adam_loop(u, s, 0);
}

static void adamax(const struct cnn_update *u, struct arrays s)
{
    const float step = u->rate, rest_1 = u->rest_1, beta_2 = u->beta_2, epsilon = u->epsilon;
    for (ptrdiff_t e = 0; e < s.n; e++) {
        s.a[e] += rest_1 * (s.g[e] - s.a[e]);
        const float old = beta_2 * s.b[e], size = fabsf(s.g[e]);
        s.b[e] = old > size || old != old ? old : size;
        s.w[e] -= step * s.a[e] / (s.b[e] + epsilon);
    }
}

static void nadam(const struct cnn_update *u, struct arrays s)
{
    const float rate = u->rate, rest_1 = u->rest_1, rest_2 = u->rest_2, epsilon = u->epsilon;
    const float of_m = u->of_m, of_g = u->of_g, of_v = u->of_v;
    for (ptrdiff_t e = 0; e < s.n; e++) {
        s.a[e] += rest_1 * (s.g[e] - s.a[e]);
        s.b[e] += rest_2 * (s.g[e] * s.g[e] - s.b[e]);
        const float ahead = of_m * s.a[e] + of_g * s.g[e];
        s.w[e] -= rate * ahead / (sqrtf(of_v * s.b[e]) + epsilon);
    }
}

static void lion(const struct cnn_update *u, struct arrays s)
{
    const float rate = u->rate;
    const float beta_1 = u->beta_1, rest_1 = u->rest_1, beta_2 = u->beta_2, rest_2 = u->rest_2;
    for (ptrdiff_t e = 0; e < s.n; e++) {
        const float x = beta_1 * s.a[e] + rest_1 * s.g[e];
        const float sign = (float)(x > 0) - (float)(x < 0);
        s.w[e] -= rate * (x == x ? sign : x); /* NaN stays */
        s.a[e] = beta_2 * s.a[e] + rest_2 * s.g[e];
    }
}

CNN_INLINE float *at(float *slot, ptrdiff_t start)
{
    return slot == NULL ? NULL : slot + start;
}

void CNN_NAME(update)(const void *args, ptrdiff_t tile, void *scratch)
{
    static void (*const rules[])(const struct cnn_update *, struct arrays) = {
        [CNN_SGD] = sgd,           [CNN_RMSPROP] = rmsprop, [CNN_ADAGRAD] = adagrad,
        [CNN_ADADELTA] = adadelta, [CNN_ADAM] = adam,       [CNN_ADAMAX] = adamax,
        [CNN_NADAM] = nadam,       [CNN_LION] = lion,
    };
    const struct cnn_update *u = args;
    const struct cnn_piece piece = cnn_find(u->parameters, u->count, tile);
    const struct cnn_parameter *p = piece.parameter;
    const struct arrays s = {p->w + piece.start,          at(p->slot[0], piece.start),
                             at(p->slot[1], piece.start), at(p->slot[2], piece.start),
                             prepare(u, &piece, scratch), piece.n};
    rules[u->rule](u, s);
}

void CNN_NAME(average_update)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_average *a = args;
    const struct cnn_piece piece = cnn_find(a->parameters, a->count, tile);
    float *restrict w = piece.parameter->w + piece.start;
    float *restrict average = piece.parameter->slot[0] + piece.start;
    (void)scratch;
    for (ptrdiff_t e = 0; e < piece.n; e++)
        average[e] = a->first ? w[e] : a->momentum * average[e] + a->rest * w[e];
    if (a->overwrite)
        for (ptrdiff_t e = 0; e < piece.n; e++)
            w[e] = average[e];
}
