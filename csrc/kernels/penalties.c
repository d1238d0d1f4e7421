/* Penalties and projections: sums of float32 in float64, in an order that the
 * shape alone decides. */
#include <math.h>

#include "piece.h"

enum { LANES = 16 }; /* partial sums, so that additions need not wait for each other */

static double sum_of_lanes(double *lanes)
{
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int j = 0; j < half; j++)
            lanes[j] += lanes[j + half];
    return lanes[0];
}

static double sum_of_sizes(const float *w, ptrdiff_t n)
{
    double lanes[LANES] = {0};
    ptrdiff_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int j = 0; j < LANES; j++)
            lanes[j] += fabs((double)w[i + j]);
    for (int j = 0; i + j < n; j++)
        lanes[j] += fabs((double)w[i + j]);
    return sum_of_lanes(lanes);
}

static double sum_of_squares(const float *w, ptrdiff_t n)
{
    double lanes[LANES] = {0};
    ptrdiff_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int j = 0; j < LANES; j++)
            lanes[j] += (double)w[i + j] * (double)w[i + j];
    for (int j = 0; i + j < n; j++)
        lanes[j] += (double)w[i + j] * (double)w[i + j];
    return sum_of_lanes(lanes);
}

void CNN_NAME(penalty_forward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_penalty *a = args;
    const struct cnn_piece piece = cnn_find(a->parameters, a->count, tile);
    const float *w = piece.parameter->w + piece.start;
    double penalty = 0;
    (void)scratch;
    if (a->l1 != 0)
        penalty += a->l1 * sum_of_sizes(w, piece.n);
    if (a->l2 != 0)
        penalty += a->l2 * sum_of_squares(w, piece.n);
    a->partial[tile] = penalty;
}

/* 1, -1, 0, or NaN. */
CNN_INLINE float sign_of(float x)
{
    return x > 0 ? 1.0f : x < 0 ? -1.0f : x;
}

void CNN_NAME(penalty_backward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_penalty *a = args;
    const struct cnn_piece piece = cnn_find(a->parameters, a->count, tile);
    const float *restrict w = piece.parameter->w + piece.start;
    float *restrict g = piece.parameter->g + piece.start;
    const float of_sign = a->of_sign, of_w = a->of_w;
    (void)scratch;
    if (!a->accumulate)
        for (ptrdiff_t e = 0; e < piece.n; e++)
            g[e] = 0;
    if (of_sign != 0 && of_w != 0)
        for (ptrdiff_t e = 0; e < piece.n; e++)
            g[e] += of_sign * sign_of(w[e]) + of_w * w[e];
    else if (of_sign != 0)
        for (ptrdiff_t e = 0; e < piece.n; e++)
            g[e] += of_sign * sign_of(w[e]);
    else if (of_w != 0)
        for (ptrdiff_t e = 0; e < piece.n; e++)
            g[e] += of_w * w[e];
}

/* The length of vector i from its product with itself. */
CNN_INLINE double length(const struct cnn_orthogonal *a, ptrdiff_t i)
{
    const double square = (double)a->gram[i * a->n + i];
    return square < CNN_NORM_EPSILON * CNN_NORM_EPSILON ? CNN_NORM_EPSILON : sqrt(square);
}

void CNN_NAME(orthogonal_penalty_forward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_orthogonal *a = args;
    const float *row = a->gram + tile * a->n;
    const double own = length(a, tile);
    double sum = 0;
    (void)scratch;
    for (ptrdiff_t j = 0; j < a->n; j++)
        if (j != tile)
            sum += fabs((double)row[j]) / (own * length(a, j));
    a->partial[tile] = sum;
}

void CNN_NAME(orthogonal_penalty_backward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_orthogonal *a = args;
    const float *row = a->gram + tile * a->n;
    float *factors = a->factors + tile * a->n;
    const double own = length(a, tile), square = (double)row[tile];
    double sum = 0;
    (void)scratch;
    for (ptrdiff_t j = 0; j < a->n; j++) {
        const double lengths = own * length(a, j);
        if (j == tile)
            continue;
        sum += fabs((double)row[j]) / lengths;
        factors[j] = (float)(a->scale * (double)sign_of(row[j]) / lengths);
    }
    const int short_one = square < CNN_NORM_EPSILON * CNN_NORM_EPSILON;
    factors[tile] = short_one ? 0.0f : (float)(-a->scale * sum / (own * own));
}

/* What a vector of this sum of squares is multiplied by. */
CNN_INLINE float factor_of(const struct cnn_projection *a, double squares)
{
    const double norm = sqrt(squares);
    double wanted = norm < a->min_value ? a->min_value : norm > a->max_value ? a->max_value : norm;
    if (a->rate != 1)
        wanted = a->rate * wanted + (1 - a->rate) * norm;
    return (float)(wanted / (norm + CNN_NORM_EPSILON));
}

/* One vector that takes whole runs. */
static void project_runs(const struct cnn_projection *a, float *w)
{
    double squares = 0;
    for (ptrdiff_t r = 0; r < a->reduced_count; r++)
        squares += sum_of_squares(w + a->reduced[r], a->run);
    const float factor = factor_of(a, squares);
    for (ptrdiff_t r = 0; r < a->reduced_count; r++) {
        float *run = w + a->reduced[r];
        for (ptrdiff_t i = 0; i < a->run; i++)
            run[i] *= factor;
    }
}

/* n vectors whose elements lie side by side. */
static void project_places(const struct cnn_projection *a, float *w, ptrdiff_t n)
{
    double squares[CNN_PROJECTION_BLOCK] = {0};
    float factors[CNN_PROJECTION_BLOCK];
    for (ptrdiff_t r = 0; r < a->reduced_count; r++) {
        const float *run = w + a->reduced[r];
        for (ptrdiff_t i = 0; i < n; i++)
            squares[i] += (double)run[i] * (double)run[i];
    }
    for (ptrdiff_t i = 0; i < n; i++)
        factors[i] = factor_of(a, squares[i]);
    for (ptrdiff_t r = 0; r < a->reduced_count; r++) {
        float *run = w + a->reduced[r];
        for (ptrdiff_t i = 0; i < n; i++)
            run[i] *= factors[i];
    }
}

void CNN_NAME(project_norms)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_projection *a = args;
    const ptrdiff_t blocks = cnn_projection_blocks(a->run, a->run_is_reduced);
    float *w = a->w + a->kept[tile / blocks];
    (void)scratch;
    if (a->run_is_reduced) {
        project_runs(a, w);
        return;
    }
    const ptrdiff_t first = tile % blocks * CNN_PROJECTION_BLOCK, left = a->run - first;
    project_places(a, w + first, left < CNN_PROJECTION_BLOCK ? left : CNN_PROJECTION_BLOCK);
}
