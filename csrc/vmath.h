/* Elementary functions of a vector: exp, expm1, log, log1p, sigmoid, tanh, erf, gelu, and the
 * tail of the normal distribution.
 *
 * Each is a reduction of the argument to a small interval, a polynomial there,
 * and a reconstruction, without branches, so that every lane costs the same and
 * gives the same bits wherever an element stands.  The polynomials are minimax
 * fits of the relative error (Lawson's iteration, derived here); the reductions
 * are Cody and Waite's, with a constant split in two so that the first product
 * is exact even where the level has no FMA.
 *
 * The largest errors found, in units in the last place, at the worst level, stand
 * beside each function: `python -m bench ulps` finds them, tests/kernels/test_vmath_ulp.py
 * samples them.  NaN gives NaN, denormals count in full, as arguments and as results.
 */
#ifndef CNN_VMATH_H
#define CNN_VMATH_H

#include "simd.h"

CNN_INLINE vf vf_abs(vf x)
{
    return (vf)((vi)x & 0x7fffffff);
}

/* c[0] + c[1] x + ... + c[degree] x^degree by Horner's rule. */
CNN_INLINE vf vf_polynomial(vf x, const float *c, int degree)
{
    vf y = vf_set1(c[degree]);
    for (int i = degree - 1; i >= 0; i--)
        y = vf_fma(y, x, vf_set1(c[i]));
    return y;
}

/* The same as e(x^2) + x o(x^2), two sums that do not wait for each other: for the higher
 * degrees, where the processor would run out of other work. */
CNN_INLINE vf vf_long_polynomial(vf x, const float *c, int degree)
{
    const vf square = x * x;
    vf even = vf_set1(c[degree & ~1]), odd = vf_set1(c[(degree - 1) | 1]);
    for (int i = (degree & ~1) - 2; i >= 0; i -= 2)
        even = vf_fma(even, square, vf_set1(c[i]));
    for (int i = ((degree - 1) | 1) - 2; i >= 0; i -= 2)
        odd = vf_fma(odd, square, vf_set1(c[i]));
    return vf_fma(odd, x, even);
}

/* x 2^n for whole n in [-160, 160], rounded once where the result is denormal. */
CNN_INLINE vf vf_scale(vf x, vf n)
{
#if defined(__AVX512F__)
    return (vf)_mm512_scalef_ps((__m512)x, (__m512)n);
#else
    /* In two steps, for 2^n itself may be out of range; the first is exact.  The
     * conversion of a NaN is harmless: x is NaN then as well. */
    const float magic = 0x1.8p23f; /* n + magic holds n in its low bits */
    const vi whole = (vi)(n + magic) - (vi)vf_set1(magic);
    const vi half = whole >> 1;
    const vf first = (vf)(((vu)half + 127) << 23);
    const vf second = (vf)((vu)(whole - half + 127) << 23);
    return x * first * second;
#endif
}

/* e^(x + tail) = 2^n (1 + p) for n the whole number nearest to (x + tail) / ln 2, with a tail
 * of |tail| < 0.25: what rounding x + tail would lose counts.  If there is a tail, x must be a
 * multiple of 2^-16. */
struct vf_exp_parts {
    vf n;
    vf high, rest; /* p = high + rest, |rest| much smaller */
};

CNN_INLINE struct vf_exp_parts vf_exp_parts(vf x, vf tail)
{
    static const float q[] = {
        0x1.000000p-1f, 0x1.555554p-3f,  0x1.555486p-5f,
        0x1.11127ep-7f, 0x1.6d9446p-10f, 0x1.9f02dcp-13f,
    };
    /* Adding 1.5 * 2^23 rounds off the fraction. */
    const vf magic = vf_set1(0x1.8p23f);
    const vf n = vf_fma(x + tail, vf_set1(0x1.715476p0f), magic) - magic;
    /* r = x + tail - n ln 2, |r| <= 0.35, with ln 2 as 9 bits and what is left of it. */
    const vf high = vf_fma(n, vf_set1(-0x1.63p-1f), x); /* exact */
    const vf low = vf_fma(n, vf_set1(0x1.bd0106p-13f), tail);
    const vf r = high + low;
    /* e^r = 1 + (high + (low + r^2 q(r))): the larger a term, the later it is added,
     * and the rounding of r matters in r^2 q(r) alone. */
    return (struct vf_exp_parts){n, high, vf_fma(r * r, vf_polynomial(r, q, 5), low)};
}

/* e^x; 0.88 ulp.  0 below -104, +inf above 88.73. */
CNN_INLINE vf vf_exp(vf x)
{
    /* Beyond these limits the result is 0 or infinite all the same. */
    x = vf_min(vf_set1(100.0f), vf_max(vf_set1(-104.0f), x));
    const struct vf_exp_parts e = vf_exp_parts(x, vf_set1(-0.0f));
    return vf_scale(1.0f + (e.high + e.rest), e.n);
}

/* e^x - 1 for x <= 0; 0.87 ulp. */
CNN_INLINE vf vf_expm1(vf x)
{
    x = vf_max(vf_set1(-30.0f), x); /* -1 below */
    const struct vf_exp_parts e = vf_exp_parts(x, vf_set1(-0.0f));
    /* 2^n p + (2^n - 1): the difference is exact down to 2^-24. */
    const vf power = vf_scale(vf_set1(1.0f), e.n);
    return vf_fma(power, e.high + e.rest, power - 1.0f);
}

/* log(2^k (1 + f)) for whole k and 1 + f in [sqrt(1/2), sqrt(2)). */
CNN_INLINE vf vf_log_parts(vf k, vf f)
{
    static const float p[] = {
        0x1.555548p-2f,  -0x1.000006p-2f, 0x1.99a4d6p-3f,  -0x1.555c8cp-3f, 0x1.2334ccp-3f,
        -0x1.fc14f2p-4f, 0x1.e70c74p-4f,  -0x1.de9deap-4f, 0x1.1490e2p-4f,
    };
    /* log(1 + f) = f - f^2 / 2 + f^3 p(f), the small terms first. */
    const vf square = f * f;
    vf y = vf_fma(square * f, vf_polynomial(f, p, 8), k * -0x1.bd0106p-13f);
    y = vf_fma(square, vf_set1(-0.5f), y);
    return vf_fma(k, vf_set1(0x1.63p-1f), f + y);
}

/* The natural logarithm of a normal positive number or NaN; 0.85 ulp. */
CNN_INLINE vf vf_log_normal(vf x)
{
    /* Cut x = 2^k m where m passes sqrt(2), not 2: so log x has no cancellation at 1. */
    const int32_t half_root = 0x3f3504f3; /* the bits of sqrt(1/2) */
    const vu bits = (vu)x - half_root;
    const vf k = __builtin_convertvector((vi)bits >> 23, vf);
    const vf m = (vf)((bits & 0x7fffff) + half_root);
    const vf nan = x - x; /* 0, but NaN for NaN, whose m is a number */
    return vf_log_parts(k, (m - 1.0f) + nan);
}

/* The natural logarithm; 0.85 ulp.  -inf at 0, NaN below, +inf at +inf. */
CNN_INLINE vf vf_log(vf x)
{
    const vi denormal = x < 0x1p-126f;
    const vf shift = (vf)(denormal & (vi)vf_set1(23.0f));
    vf y = vf_log_normal(vf_select(denormal, x * 0x1p23f, x));
    y = vf_fma(shift, vf_set1(-0x1.62e43p-1f), y);
    y = vf_select(x == 0.0f, vf_set1(-__builtin_inff()), y);
    y = vf_select(x < __builtin_inff(), y, x); /* +inf and NaN stand for themselves */
    return vf_select(x < 0.0f, vf_set1(__builtin_nanf("")), y);
}

/* log(1 + x) for -1 < x <= 1; 1.44 ulp. */
CNN_INLINE vf vf_log1p(vf x)
{
    /* log(u) for u = 1 + x rounded, and to first order for what was rounded off. */
    const vf u = 1.0f + x;
    return vf_log_normal(u) + (x - (u - 1.0f)) / u;
}

/* 1 / (1 + e^-x); 1.8 ulp. */
CNN_INLINE vf vf_sigmoid(vf x)
{
    /* e = e^-|x| never overflows.  The result is e / (1 + e) for x < 0, otherwise
     * 1 / (1 + e); as e - e s and 1 - s, with s = e / (1 + e), it is spared most of
     * the rounding error of the sum and the quotient where s is small. */
    const vf e = vf_exp(-vf_abs(x));
    const vf s = e / (1.0f + e);
    const vf factor = vf_select(x < 0.0f, e, vf_set1(1.0f));
    return vf_fma(-factor, s, factor);
}

/* tanh x; 1.42 ulp. */
CNN_INLINE vf vf_tanh(vf x)
{
    static const float p[] = {
        -0x1.55554ap-2f, 0x1.110d18p-3f, -0x1.b92616p-5f, 0x1.5927f6p-6f, -0x1.9ab1c0p-8f,
    };
    const vf size = vf_abs(x);
    /* Near 0 |x| + |x|^3 p(x^2), elsewhere 1 - 2 / (e^2|x| + 1); the sign comes last,
     * so that -0 keeps it. */
    const vf square = x * x;
    const vf small = vf_fma(square * size, vf_polynomial(square, p, 4), size);
    const vf large = 1.0f - 2.0f / (vf_exp(2.0f * size) + 1.0f);
    const vi sign = (vi)x & (int32_t)0x80000000;
    return (vf)((vi)vf_select(size < 0.55f, small, large) | sign);
}

/* erf x; 1.45 ulp. */
CNN_INLINE vf vf_erf(vf x)
{
    static const float p[] = {
        0x1.06eba8p-3f,  -0x1.812726p-2f, 0x1.ce256ap-4f,
        -0x1.b735eap-6f, 0x1.4b7630p-8f,  -0x1.4cd860p-11f,
    };
    static const float log_erfc[] = {
        -0x1.b66712p-14f, -0x1.20c89cp0f,  -0x1.45e5cap-1f, -0x1.ac2394p-4f,
        0x1.70f42ap-6f,   -0x1.98aa80p-9f, 0x1.ab24a4p-13f,
    };
    const vf size = vf_abs(x);
    /* Near 0 |x| + |x| p(x^2), elsewhere 1 - erfc |x|, which is 1 from 4 on; the sign last. */
    const vf small = vf_fma(size, vf_polynomial(x * x, p, 5), size);
    const vf s = vf_min(vf_set1(4.0f), size);
    const vf large = 1.0f - vf_exp(vf_long_polynomial(s, log_erfc, 6));
    const vi sign = (vi)x & (int32_t)0x80000000;
    return (vf)((vi)vf_select(size < 0.85f, small, large) | sign);
}

/* The tail of the standard normal distribution, Q(x) = erfc(x / sqrt 2) / 2 for x >= 0, as
 * power * ratio with power = e^(-x^2/2), which alone leaves the range of normal floats. */
struct vf_normal_tail {
    vf power, ratio;
};

CNN_INLINE struct vf_normal_tail vf_normal_tail(vf x)
{
    /* (x + 3) Q(x) e^(x^2/2), which is flat, as a polynomial in t = (x - 3) / (x + 3)
     * (after Shepherd and Laframboise 1981) up to x = 14.3. */
    static const float p[] = {
        0x1.754a76p-1f, -0x1.04c730p-1f, 0x1.d7138ap-3f,   -0x1.8323c6p-5f,  -0x1.56d87ep-7f,
        0x1.c6ac2ap-8f, 0x1.0b0720p-10f, -0x1.f04c8ep-11f, -0x1.afa186p-13f, 0x1.a9ade4p-15f,
    };
    x = vf_min(vf_set1(16.0f), x); /* the power is 0 from there on */
    const vf t = (x - 3.0f) / (x + 3.0f);
    /* x^2 = h^2 + (x - h)(x + h), with h = the upper 12 bits of x: h^2 is exact. */
    const vf h = (vf)((vi)x & (int32_t)0xfffff000);
    const vf r = 0.5f * ((x - h) * (x + h)); /* < 0.06 */
    const vf e = vf_exp(-0.5f * (h * h));
    /* e (1 - r + r^2/2 - r^3/6 + r^4/24) */
    static const float series[] = {1.0f, -0.5f, 0x1.555556p-3f, -0x1.555556p-5f};
    const vf power = vf_fma(-e, r * vf_polynomial(r, series, 3), e);
    return (struct vf_normal_tail){power, vf_polynomial(t, p, 9) / (x + 3.0f)};
}

/* x Phi(x), Phi the normal distribution; 1.50 ulp.  NaN at -inf, as -inf times 0 is. */
CNN_INLINE vf vf_gelu(vf x)
{
    /* Q(s) = 1 - Phi(s) for s = |x|, as one exponential of a sum of two floats:
     *     Q(s)   = e^(-s (7/16 s + 11/16) + near(s - 2)) / 2     up to 4,
     *     s Q(s) = e^(-s^2 / 2 - 15/16 + far(1 / s^2))           from there on,
     * where the polynomials are small corrections: under 0.1. */
    static const float near[] = {
        0x1.1e6a68p-5f,   0x1.074f30p-4f,   -0x1.5f4d82p-8f,  -0x1.442b10p-7f,
        0x1.ae97eap-10f,  -0x1.fbf82ep-13f, 0x1.dfd312p-16f,  -0x1.031a4cp-19f,
        -0x1.3f988ep-22f, 0x1.8c9e82p-23f,  -0x1.1abe2ap-25f,
    };
    static const float far[] = {
        0x1.301afcp-6f, -0x1.ffef70p-1f, 0x1.3dee30p1f,
        -0x1.6b2f26p3f, 0x1.bce63cp5f,   -0x1.47da68p7f,
    };
    const vf size = vf_abs(x);
    const vf s = vf_min(vf_set1(14.5f), size); /* s Q(s) is 0 from there on */
    const vi is_far = s > 4.0f;
    const vf a = vf_select(is_far, vf_set1(-0x8p-4f), vf_set1(-0x7p-4f));
    const vf b = vf_select(is_far, vf_set1(0.0f), vf_set1(-0xbp-4f));
    const vf c = vf_select(is_far, vf_set1(-0xfp-4f), vf_set1(0.0f));
    /* s = h + d with h a multiple of 2^-6: then s (a s + b) = h (a h + b) + d (a (s + h) + b),
     * the first term, with c, an exact multiple of 2^-16, and the second under 0.12. */
    const vf magic = vf_set1(0x1.8p17f);
    const vf h = (s + magic) - magic;
    const vf correction = vf_select(is_far, vf_polynomial(1.0f / (s * s), far, 5),
                                    vf_long_polynomial(s - 2.0f, near, 10));
    const struct vf_exp_parts e =
        vf_exp_parts(vf_fma(vf_fma(a, h, b), h, c), vf_fma(s - h, vf_fma(a, s + h, b), correction));
    /* s Q(s) = factor 2^n (1 + p) */
    const vf factor = vf_select(is_far, vf_set1(1.0f), 0.5f * s);
    const vf tail = vf_scale(vf_fma(factor, e.high + e.rest, factor), e.n);
    return vf_select(x < 0.0f, x * 0.0f, x) - tail;
}

#endif
