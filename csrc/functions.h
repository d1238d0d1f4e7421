/* The functions that unary() and an epilogue apply: enum cnn_function on vectors. */
#ifndef CNN_FUNCTIONS_H
#define CNN_FUNCTIONS_H

#include "cnn.h"
#include "vmath.h"

/* f(x).  Where f is a constant, as in the loops below, the choice costs nothing. */
CNN_INLINE vf vf_function(enum cnn_function f, vf x)
{
    switch (f) {
    case CNN_RELU:
        return vf_max(vf_set1(0.0f), x); /* NaN stays, and -0 */
    case CNN_SIGMOID:
        return vf_sigmoid(x);
    case CNN_TANH:
        return vf_tanh(x);
    default:
        return x;
    }
}

/* y = f(x), n floats; y may be x.  The tail is a vector too, so an element's
 * bits do not depend on where it stands. */
CNN_INLINE void cnn_apply_one(enum cnn_function f, float *y, const float *x, ptrdiff_t n)
{
    ptrdiff_t i = 0;
    for (; i + CNN_W <= n; i += CNN_W)
        vf_store(y + i, vf_function(f, vf_load(x + i)));
    if (i < n)
        vf_store_n(y + i, vf_function(f, vf_load_n(x + i, n - i)), n - i);
}

/* The same: one loop per function, chosen outside. */
CNN_INLINE void cnn_apply(enum cnn_function f, float *y, const float *x, ptrdiff_t n)
{
    switch (f) {
    case CNN_RELU:
        cnn_apply_one(CNN_RELU, y, x, n);
        break;
    case CNN_SIGMOID:
        cnn_apply_one(CNN_SIGMOID, y, x, n);
        break;
    case CNN_TANH:
        cnn_apply_one(CNN_TANH, y, x, n);
        break;
    default:
        if (y != x)
            cnn_apply_one(CNN_LINEAR, y, x, n);
    }
}

#endif
