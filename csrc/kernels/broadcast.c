/* Two arrays combined element by element, each repeated along the axes that it
 * lacks. */
#include "../simd.h"
#include "walk.h"

CNN_INLINE vf square_root(vf x)
{
    float lanes[CNN_W];
    vf_store(lanes, x);
    for (int i = 0; i < CNN_W; i++)
        lanes[i] = __builtin_sqrtf(lanes[i]); /* one vector instruction */
    return vf_load(lanes);
}

/* The larger or the smaller of two numbers; a NaN of either stays. */
CNN_INLINE vf combine(enum cnn_operator op, vf a, vf b)
{
    switch (op) {
    case CNN_ADD:
        return a + b;
    case CNN_SUBTRACT:
        return a - b;
    case CNN_MULTIPLY:
        return a * b;
    case CNN_DIVIDE:
        return a / b;
    case CNN_MAXIMUM:
        return vf_select(a != a, a, vf_max(a, b));
    case CNN_MINIMUM:
        return vf_select(a != a, a, vf_min(a, b));
    case CNN_DIVIDE_BY_ROOT:
        return a / square_root(b);
    default: /* CNN_GREATER_EQUAL */
        return vf_select(a == a, vf_select(b == b, vf_select(a >= b, vf_set1(1), vf_set1(0)), b),
                         a);
    }
}

/* n elements of a row; an array without a step gives its one number to all of
 * them. */
CNN_INLINE void combine_row(enum cnn_operator op, int a_step, int b_step, float *y, const float *a,
                            const float *b, ptrdiff_t n)
{
    const vf one_a = vf_set1(*a), one_b = vf_set1(*b);
    ptrdiff_t i = 0;
    for (; i + CNN_W <= n; i += CNN_W)
        vf_store(y + i,
                 combine(op, a_step ? vf_load(a + i) : one_a, b_step ? vf_load(b + i) : one_b));
    if (i < n)
        vf_store_n(y + i,
                   combine(op, a_step ? vf_load_n(a + i, n - i) : one_a,
                           b_step ? vf_load_n(b + i, n - i) : one_b),
                   n - i);
}

CNN_INLINE ptrdiff_t tile_end(ptrdiff_t tile, ptrdiff_t tile_size, ptrdiff_t size)
{
    return cnn_min((tile + 1) * tile_size, size);
}

CNN_INLINE void combine_tile(enum cnn_operator op, const struct cnn_broadcast *args, ptrdiff_t tile)
{
    const struct cnn_walk *w = &args->walk;
    const ptrdiff_t end = tile_end(tile, CNN_CHUNK, args->size);
    const ptrdiff_t a_step = w->a_step[w->axes - 1], b_step = w->b_step[w->axes - 1];
    ptrdiff_t at = tile * CNN_CHUNK, n;
    for (struct cursor c = cursor_at(w, at); at < end; at += n, advance(w, &c, n)) {
        float *y = (float *)args->y + at;
        const float *a = (const float *)args->a + c.a, *b = (const float *)args->b + c.b;
        n = cnn_min(left_in_row(w, &c), end - at);
        if (a_step && b_step)
            combine_row(op, 1, 1, y, a, b, n);
        else if (a_step)
            combine_row(op, 1, 0, y, a, b, n);
        else
            combine_row(op, 0, 1, y, a, b, n);
    }
}

void CNN_NAME(binary)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_broadcast *a = args;
    (void)scratch;
    switch ((enum cnn_operator)a->function) {
    case CNN_ADD:
        combine_tile(CNN_ADD, a, tile);
        break;
    case CNN_SUBTRACT:
        combine_tile(CNN_SUBTRACT, a, tile);
        break;
    case CNN_MULTIPLY:
        combine_tile(CNN_MULTIPLY, a, tile);
        break;
    case CNN_DIVIDE:
        combine_tile(CNN_DIVIDE, a, tile);
        break;
    case CNN_MAXIMUM:
        combine_tile(CNN_MAXIMUM, a, tile);
        break;
    case CNN_MINIMUM:
        combine_tile(CNN_MINIMUM, a, tile);
        break;
    case CNN_GREATER_EQUAL:
        combine_tile(CNN_GREATER_EQUAL, a, tile);
        break;
    case CNN_DIVIDE_BY_ROOT:
        combine_tile(CNN_DIVIDE_BY_ROOT, a, tile);
    }
}

/* n elements of a row whose mask has a byte for each. */
CNN_INLINE void where_row(float *y, const float *x, const uint8_t *mask, float value, ptrdiff_t n)
{
    ptrdiff_t i = 0;
    for (; i + CNN_W <= n; i += CNN_W)
        vf_store(y + i, vf_select(vi_load_bytes(mask + i) != 0, vf_load(x + i), vf_set1(value)));
    for (; i < n; i++)
        y[i] = mask[i] ? x[i] : value;
}

void CNN_NAME(where)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_broadcast *a = args;
    const struct cnn_walk *w = &a->walk;
    const ptrdiff_t end = tile_end(tile, CNN_CHUNK, a->size);
    const ptrdiff_t x_step = w->a_step[w->axes - 1], mask_step = w->b_step[w->axes - 1];
    ptrdiff_t at = tile * CNN_CHUNK, n;
    (void)scratch;
    for (struct cursor c = cursor_at(w, at); at < end; at += n, advance(w, &c, n)) {
        float *y = (float *)a->y + at;
        const float *x = (const float *)a->a + c.a;
        const uint8_t *mask = (const uint8_t *)a->b + c.b;
        n = cnn_min(left_in_row(w, &c), end - at);
        if (x_step && mask_step)
            where_row(y, x, mask, a->value, n);
        else
            for (ptrdiff_t i = 0; i < n; i++)
                y[i] = mask[i * mask_step] ? x[i * x_step] : a->value;
    }
}

void CNN_NAME(logical)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_broadcast *args_ = args;
    const struct cnn_walk *w = &args_->walk;
    const ptrdiff_t end = tile_end(tile, CNN_CHUNK, args_->size);
    const ptrdiff_t a_step = w->a_step[w->axes - 1], b_step = w->b_step[w->axes - 1];
    ptrdiff_t at = tile * CNN_CHUNK, n;
    (void)scratch;
    for (struct cursor c = cursor_at(w, at); at < end; at += n, advance(w, &c, n)) {
        uint8_t *y = (uint8_t *)args_->y + at;
        const uint8_t *a = (const uint8_t *)args_->a + c.a, *b = (const uint8_t *)args_->b + c.b;
        n = cnn_min(left_in_row(w, &c), end - at);
        for (ptrdiff_t i = 0; i < n; i++) {
            const int p = a[i * a_step] != 0, q = b[i * b_step] != 0;
            y[i] = (uint8_t)(args_->function == CNN_AND ? p & q : p | q);
        }
    }
}
