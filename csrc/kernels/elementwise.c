/* Functions of an array, element by element, and their gradients. */
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

/* s = sigmoid(2 u) with u the argument of tanh in the approximation of gelu,
 * and du/dx. */
struct gelu_tanh {
    vf s, slope;
};

CNN_INLINE struct gelu_tanh gelu_tanh(vf x)
{
    const vf square = x * x;
    const vf root = vf_set1(0x1.988454p-1f); /* sqrt(2 / pi) */
    const vf twice = vf_fma(x * square, vf_set1(2 * 0x1.988454p-1f * 0.044715f), 2.0f * root * x);
    return (struct gelu_tanh){
        vf_sigmoid(twice),
        vf_fma(square, vf_set1(3 * 0x1.988454p-1f * 0.044715f), root),
    };
}

/* f(x), of the functions that no epilogue applies. */
CNN_INLINE vf function_of(enum cnn_function f, const float *parameters, vf x)
{
    const vf zero = vf_set1(0.0f);
    switch (f) {
    case CNN_LEAKY_RELU: {
        const float slope = parameters[0], threshold = parameters[2];
        const vf below = slope == 0 ? vf_select(x == x, zero, x) : slope * (x - threshold);
        return vf_select(x > threshold, vf_min(vf_set1(parameters[1]), x), below);
    }
    case CNN_ELU:
        return vf_select(x > 0.0f, parameters[1] * x,
                         parameters[0] * parameters[1] * vf_expm1(vf_min(zero, x)));
    case CNN_GELU:
        return vf_gelu(x);
    case CNN_GELU_TANH:
        return x * gelu_tanh(x).s;
    case CNN_HARD_SIGMOID:
        return vf_min(vf_set1(6.0f), vf_max(zero, x + 3.0f)) / 6.0f;
    case CNN_SILU:
        return x * vf_sigmoid(x);
    case CNN_SOFTPLUS:
        return vf_max(zero, x) + vf_log1p(vf_exp(-vf_abs(x)));
    case CNN_SOFTSIGN:
        return x / (1.0f + vf_abs(x));
    case CNN_EXPONENTIAL:
        return vf_exp(x);
    case CNN_LOG:
        return vf_log(x);
    case CNN_ERF:
        return vf_erf(x);
    default:
        return x;
    }
}

CNN_INLINE void apply(enum cnn_function f, const struct cnn_elementwise *a, struct span s)
{
    float *y = a->y + s.first;
    const float *x = a->a + s.first;
    for (ptrdiff_t i = 0; i < s.count; i += CNN_W) {
        const ptrdiff_t n = s.count - i;
        vf_store_upto(y + i, function_of(f, a->parameters, vf_load_upto(x + i, n)), n);
    }
}

/* One loop per function: f is a constant in each. */
#define CNN_FOR_EACH_FUNCTION(X)                                                                   \
    X(CNN_LEAKY_RELU)                                                                              \
    X(CNN_ELU)                                                                                     \
    X(CNN_GELU)                                                                                    \
    X(CNN_GELU_TANH)                                                                               \
    X(CNN_HARD_SIGMOID)                                                                            \
    X(CNN_SILU)                                                                                    \
    X(CNN_SOFTPLUS)                                                                                \
    X(CNN_SOFTSIGN)                                                                                \
    X(CNN_EXPONENTIAL)                                                                             \
    X(CNN_LOG)                                                                                     \
    X(CNN_ERF)

void CNN_NAME(unary)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_elementwise *a = args;
    const struct span s = chunk(a, tile);
    (void)scratch;
    switch ((enum cnn_function)a->function) {
#define CNN_APPLY(f)                                                                               \
    case f:                                                                                        \
        apply(f, a, s);                                                                            \
        break;
        CNN_FOR_EACH_FUNCTION(CNN_APPLY)
    default:
        cnn_apply(a->function, a->y + s.first, a->a + s.first, s.count);
    }
}

/* dy f'(x), from v = f(x) or, for gelu, silu, softsign, log and erf, from v = x; NaN in v
 * gives NaN. */
CNN_INLINE vf gradient(enum cnn_function f, const float *parameters, vf dy, vf v)
{
    switch (f) {
    case CNN_RELU:
        return vf_select(v > 0.0f, dy, v * 0.0f);
    case CNN_SIGMOID:
        return dy * (v * (1.0f - v));
    case CNN_TANH:
        return dy * (1.0f - v * v);
    case CNN_LEAKY_RELU: {
        const vf some = parameters[0] == 0 ? vf_set1(0.0f) : parameters[0] * dy;
        const vf below = vf_select(v == v, some, v);
        const vf g = vf_select(v > 0.0f, dy, below);
        return vf_select(v >= parameters[1], vf_set1(0.0f), g);
    }
    case CNN_ELU:
        return dy * vf_select(v > 0.0f, vf_set1(parameters[1]), v + parameters[0] * parameters[1]);
    case CNN_GELU: {
        /* Phi(x) + x phi(x), phi(x) = e^(-x^2/2) / sqrt(2 pi) */
        const struct vf_normal_tail q = vf_normal_tail(vf_abs(v));
        const vf tail = q.ratio * q.power;
        const vf phi = vf_select(v < 0.0f, tail, 1.0f - tail);
        return dy * vf_fma(v * 0x1.988454p-2f, q.power, phi);
    }
    case CNN_GELU_TANH: {
        /* Beyond 20 s is 0 or 1, and its slope 0, but u' might overflow. */
        v = vf_min(vf_set1(20.0f), vf_max(vf_set1(-20.0f), v));
        const struct gelu_tanh g = gelu_tanh(v);
        return dy * vf_fma(2.0f * v * g.slope, g.s * (1.0f - g.s), g.s);
    }
    case CNN_HARD_SIGMOID: {
        const vf inside = vf_select(v < 1.0f, dy / 6.0f, v * 0.0f);
        return vf_select(v > 0.0f, inside, v * 0.0f);
    }
    case CNN_SILU: {
        const vf s = vf_sigmoid(v);
        return dy * vf_fma(v, s * (1.0f - s), s);
    }
    case CNN_SOFTPLUS:
        return -dy * vf_expm1(-v);
    case CNN_SOFTSIGN: {
        const vf root = 1.0f / (1.0f + vf_abs(v));
        return dy * (root * root);
    }
    case CNN_EXPONENTIAL:
        return dy * v;
    case CNN_LOG:
        return dy / v;
    case CNN_ERF:
        return dy * (0x1.20dd76p0f * vf_exp(-v * v)); /* 2 / sqrt(pi) */
    default:
        return dy;
    }
}

CNN_INLINE void backward(enum cnn_function f, const struct cnn_elementwise *a, struct span s)
{
    float *dx = a->y + s.first;
    const float *dy = a->a + s.first, *v = a->b + s.first;
    for (ptrdiff_t i = 0; i < s.count; i += CNN_W) {
        const ptrdiff_t n = s.count - i;
        vf g = gradient(f, a->parameters, vf_load_upto(dy + i, n), vf_load_upto(v + i, n));
        if (a->accumulate)
            g = vf_load_upto(dx + i, n) + g;
        vf_store_upto(dx + i, g, n);
    }
}

void CNN_NAME(unary_backward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_elementwise *a = args;
    const struct span s = chunk(a, tile);
    (void)scratch;
    switch ((enum cnn_function)a->function) {
#define CNN_BACKWARD(f)                                                                            \
    case f:                                                                                        \
        backward(f, a, s);                                                                         \
        break;
        CNN_FOR_EACH_FUNCTION(CNN_BACKWARD)
        CNN_BACKWARD(CNN_RELU)
        CNN_BACKWARD(CNN_SIGMOID)
        CNN_BACKWARD(CNN_TANH)
    case CNN_LINEAR:
        backward(CNN_LINEAR, a, s);
    }
}
