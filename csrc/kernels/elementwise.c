/* Functions of one or two arrays, element by element. */
#include "../functions.h"

/* The elements of a tile. */
struct span {
    ptrdiff_t first, count;
};

static struct span chunk(const struct cnn_elementwise *a, ptrdiff_t tile)
{
    const ptrdiff_t first = tile * CNN_CHUNK, rest = a->n - first;
    return (struct span){first, rest < CNN_CHUNK ? rest : CNN_CHUNK};
}

void CNN_NAME(unary)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_elementwise *a = args;
    const struct span s = chunk(a, tile);
    (void)scratch;
    cnn_apply(a->function, a->y + s.first, a->a + s.first, s.count);
}

/* dy f'(x) from y = f(x); NaN in y gives NaN. */
CNN_INLINE vf gradient(enum cnn_function f, vf dy, vf y)
{
    switch (f) {
    case CNN_RELU:
        return vf_select(y > 0.0f, dy, y * 0.0f);
    case CNN_SIGMOID:
        return dy * (y * (1.0f - y));
    case CNN_TANH:
        return dy * (1.0f - y * y);
    default:
        return dy;
    }
}

CNN_INLINE void backward(enum cnn_function f, int accumulate, const struct cnn_elementwise *a,
                         struct span s)
{
    float *dx = a->y + s.first;
    const float *dy = a->a + s.first, *y = a->b + s.first;
    ptrdiff_t i = 0;
    for (; i + CNN_W <= s.count; i += CNN_W) {
        const vf g = gradient(f, vf_load(dy + i), vf_load(y + i));
        vf_store(dx + i, accumulate ? vf_load(dx + i) + g : g);
    }
    const ptrdiff_t n = s.count - i;
    if (n > 0) {
        const vf g = gradient(f, vf_load_n(dy + i, n), vf_load_n(y + i, n));
        vf_store_n(dx + i, accumulate ? vf_load_n(dx + i, n) + g : g, n);
    }
}

/* One loop per function and way of writing. */
CNN_INLINE void backward_either_way(enum cnn_function f, const struct cnn_elementwise *a,
                                    struct span s)
{
    if (a->accumulate)
        backward(f, 1, a, s);
    else
        backward(f, 0, a, s);
}

void CNN_NAME(unary_backward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_elementwise *a = args;
    const struct span s = chunk(a, tile);
    (void)scratch;
    switch ((enum cnn_function)a->function) {
    case CNN_RELU:
        backward_either_way(CNN_RELU, a, s);
        break;
    case CNN_SIGMOID:
        backward_either_way(CNN_SIGMOID, a, s);
        break;
    case CNN_TANH:
        backward_either_way(CNN_TANH, a, s);
        break;
    case CNN_LINEAR:
        backward_either_way(CNN_LINEAR, a, s);
    }
}

CNN_INLINE vf combine(enum cnn_operator op, vf a, vf b)
{
    return op == CNN_ADD ? a + b : op == CNN_SUBTRACT ? a - b : a * b;
}

CNN_INLINE void combine_all(enum cnn_operator op, const struct cnn_elementwise *args, struct span s)
{
    float *y = args->y + s.first;
    const float *a = args->a + s.first, *b = args->b + s.first;
    ptrdiff_t i = 0;
    for (; i + CNN_W <= s.count; i += CNN_W)
        vf_store(y + i, combine(op, vf_load(a + i), vf_load(b + i)));
    const ptrdiff_t n = s.count - i;
    if (n > 0)
        vf_store_n(y + i, combine(op, vf_load_n(a + i, n), vf_load_n(b + i, n)), n);
}

void CNN_NAME(binary)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_elementwise *a = args;
    const struct span s = chunk(a, tile);
    (void)scratch;
    switch ((enum cnn_operator)a->function) {
    case CNN_ADD:
        combine_all(CNN_ADD, a, s);
        break;
    case CNN_SUBTRACT:
        combine_all(CNN_SUBTRACT, a, s);
        break;
    case CNN_MULTIPLY:
        combine_all(CNN_MULTIPLY, a, s);
    }
}
