/* A small vocabulary of vector operations over GCC's vector extensions.
 *
 * CNN_W is the number of floats in a vector at this level.  Arithmetic (+ - *
 * / and comparisons) is written with the operators; what follows is what the
 * operators lack.  Contraction is off (-ffp-contract=off): a product is fused
 * with a sum where vf_fma() says so and nowhere else, so that the bits do not
 * depend on how the compiler happened to cut a loop.
 */
#ifndef CNN_SIMD_H
#define CNN_SIMD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "level.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#if defined(__AVX512F__)
#define CNN_W 16
#elif defined(__AVX2__)
#define CNN_W 8
#else
#define CNN_W 4
#endif

/* Registers: 32 with AVX-512 and NEON, 16 otherwise. */
#if defined(__AVX512F__) || defined(__aarch64__)
#define CNN_REGISTERS 32
#else
#define CNN_REGISTERS 16
#endif

typedef float vf __attribute__((vector_size(4 * CNN_W)));
typedef int32_t vi __attribute__((vector_size(4 * CNN_W)));
typedef uint32_t vu __attribute__((vector_size(4 * CNN_W)));

/* The same types for addresses of any alignment. */
typedef float vf_unaligned __attribute__((vector_size(4 * CNN_W), aligned(4), may_alias));

CNN_INLINE vf vf_set1(float x)
{
    return x - (vf){0};
}

CNN_INLINE vi vi_set1(int32_t x)
{
    return x - (vi){0};
}

CNN_INLINE vf vf_load(const float *p)
{
    return *(const vf_unaligned *)p;
}

CNN_INLINE void vf_store(float *p, vf x)
{
    *(vf_unaligned *)p = x;
}

/* a * b + c, rounded once where the level has FMA. */
CNN_INLINE vf vf_fma(vf a, vf b, vf c)
{
#if defined(__AVX512F__)
    return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__)
    return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__)
    return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
    return a * b + c;
#endif
}

/* x, of which GCC would else make a memory operand, loaded anew for each use: there may be
 * more uses than loads in a cycle. */
CNN_INLINE vf vf_in_register(vf x)
{
#if defined(__x86_64__)
    __asm__("" : "+v"(x));
#endif
    return x;
}

/* The first n floats (0 <= n <= CNN_W); zeros in the lanes after them, whose
 * memory is not touched. */
CNN_INLINE vf vf_load_n(const float *p, ptrdiff_t n)
{
#if defined(__AVX512F__)
    return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#elif defined(__AVX2__)
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return (vf)_mm256_maskload_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), lane));
#else
    switch (n) {
    case 0:
        return (vf){0};
    case 1:
        return (vf){p[0]};
    case 2:
        return (vf){p[0], p[1]};
    case 3:
        return (vf){p[0], p[1], p[2]};
    default:
        return vf_load(p);
    }
#endif
}

CNN_INLINE void vf_store_n(float *p, vf x, ptrdiff_t n)
{
#if defined(__AVX512F__)
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)x);
#elif defined(__AVX2__)
    /* Not _mm256_maskstore_ps: AMD's cores take some 20 cycles for one. */
    if (n == CNN_W) {
        vf_store(p, x);
        return;
    }
    __m128 rest = _mm256_castps256_ps128((__m256)x);
    if (n & 4) {
        _mm_storeu_ps(p, rest);
        rest = _mm256_extractf128_ps((__m256)x, 1);
        p += 4;
    }
    if (n & 2) {
        _mm_storel_pi((__m64 *)p, rest);
        rest = _mm_movehl_ps(rest, rest);
        p += 2;
    }
    if (n & 1)
        _mm_store_ss(p, rest);
#else
    if (n == CNN_W) {
        vf_store(p, x);
        return;
    }
    if (n > 2)
        p[2] = x[2];
    if (n > 1)
        p[1] = x[1];
    if (n > 0)
        p[0] = x[0];
#endif
}

/* A step of a row loop, n floats before the end: the whole vector while there is
 * one, then the tail.  So a loop has one body for both. */
CNN_INLINE vf vf_load_upto(const float *p, ptrdiff_t n)
{
    return n >= CNN_W ? vf_load(p) : vf_load_n(p, n);
}

CNN_INLINE void vf_store_upto(float *p, vf x, ptrdiff_t n)
{
    if (n >= CNN_W)
        vf_store(p, x);
    else
        vf_store_n(p, x, n);
}

/* Lane by lane: mask is all ones (as a comparison gives) or zero. */
CNN_INLINE vf vf_select(vi mask, vf yes, vf no)
{
    return (vf)((mask & (vi)yes) | (~mask & (vi)no));
}

/* The lanes' numbers 0, 1, ... CNN_W - 1. */
CNN_INLINE vi vi_lane(void)
{
    static const int32_t numbers[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    vi lane;
    memcpy(&lane, numbers, sizeof lane);
    return lane;
}

/* All ones in the first n lanes (in every lane if n >= CNN_W), zero in the
 * others: for a tail whose lanes past the end must not count. */
CNN_INLINE vi vi_first(ptrdiff_t n)
{
    return vi_lane() < (int32_t)(n < CNN_W ? n : CNN_W);
}

/* a > b ? a : b and a < b ? a : b, lane by lane: if either is NaN, or both are
 * zeros, the result is b.  So vf_max(limit, x) hands on the NaN of x, whatever
 * the level (NEON's own maximum has another rule). */
CNN_INLINE vf vf_max(vf a, vf b)
{
#if defined(__AVX512F__)
    return (vf)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (vf)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
    return (vf)_mm_max_ps((__m128)a, (__m128)b);
#else
    return vf_select(a > b, a, b);
#endif
}

CNN_INLINE vf vf_min(vf a, vf b)
{
#if defined(__AVX512F__)
    return (vf)_mm512_min_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (vf)_mm256_min_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
    return (vf)_mm_min_ps((__m128)a, (__m128)b);
#else
    return vf_select(a < b, a, b);
#endif
}

/* CNN_W bytes as lanes, and lanes (0..255) as CNN_W bytes. */
CNN_INLINE vi vi_load_bytes(const uint8_t *p)
{
#if defined(__AVX512F__)
    return (vi)_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p));
#elif defined(__AVX2__)
    return (vi)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
#elif defined(__SSE2__)
    int32_t bytes;
    memcpy(&bytes, p, sizeof bytes);
    const __m128i words = _mm_unpacklo_epi8(_mm_cvtsi32_si128(bytes), _mm_setzero_si128());
    return (vi)_mm_unpacklo_epi16(words, _mm_setzero_si128());
#else
    return (vi){p[0], p[1], p[2], p[3]};
#endif
}

CNN_INLINE void vi_store_bytes(uint8_t *p, vi x)
{
#if defined(__AVX512F__)
    _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8((__m512i)x));
#elif defined(__AVX2__)
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128((__m256i)x),
                                          _mm256_extracti128_si256((__m256i)x, 1));
    _mm_storel_epi64((__m128i *)p, _mm_packus_epi16(words, words));
#elif defined(__SSE2__)
    const __m128i words = _mm_packs_epi32((__m128i)x, (__m128i)x);
    const int32_t bytes = _mm_cvtsi128_si32(_mm_packus_epi16(words, words));
    memcpy(p, &bytes, sizeof bytes);
#else
    for (int i = 0; i < CNN_W; i++)
        p[i] = (uint8_t)x[i];
#endif
}

/* Lanes of 64 bits, half as many. */
enum { CNN_W64 = CNN_W / 2 };
typedef uint64_t vw __attribute__((vector_size(4 * CNN_W)));
typedef uint64_t vw_unaligned __attribute__((vector_size(4 * CNN_W), aligned(4), may_alias));

/* Products of the lower halves of the lanes. */
CNN_INLINE vw vw_multiply_low(vw a, vw b)
{
#if defined(__AVX512F__)
    return (vw)_mm512_mul_epu32((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
    return (vw)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
    return (vw)_mm_mul_epu32((__m128i)a, (__m128i)b);
#elif defined(__aarch64__)
    return (vw)vmull_u32(vmovn_u64((uint64x2_t)a), vmovn_u64((uint64x2_t)b));
#else
    return (a & 0xFFFFFFFF) * (b & 0xFFFFFFFF);
#endif
}

/* (a0, b0, a2, b2, ...) and (a1, b1, a3, b3, ...). */
CNN_INLINE vw vw_pair_even(vw a, vw b)
{
#if defined(__AVX512F__)
    return (vw)_mm512_unpacklo_epi64((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
    return (vw)_mm256_unpacklo_epi64((__m256i)a, (__m256i)b);
#else
    return (vw){a[0], b[0]};
#endif
}

CNN_INLINE vw vw_pair_odd(vw a, vw b)
{
#if defined(__AVX512F__)
    return (vw)_mm512_unpackhi_epi64((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
    return (vw)_mm256_unpackhi_epi64((__m256i)a, (__m256i)b);
#else
    return (vw){a[1], b[1]};
#endif
}

/* Sum of the lanes, pairwise: one fixed order.  (GCC makes the loop into shuffles
 * up to 8 lanes; for 16 it would go through memory.) */
CNN_INLINE float vf_sum(vf x)
{
#if defined(__AVX512F__)
    return _mm512_reduce_add_ps((__m512)x);
#else
    float lanes[CNN_W];
    vf_store(lanes, x);
    for (int half = CNN_W / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            lanes[i] += lanes[i + half];
    return lanes[0];
#endif
}

/* The largest lane; no lane may be NaN. */
CNN_INLINE float vf_largest(vf x)
{
#if defined(__AVX512F__)
    return _mm512_reduce_max_ps((__m512)x);
#else
    float lanes[CNN_W];
    vf_store(lanes, x);
    for (int half = CNN_W / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            lanes[i] = lanes[i] > lanes[i + half] ? lanes[i] : lanes[i + half];
    return lanes[0];
#endif
}

/* Whether the mask of a comparison is set in any lane. */
CNN_INLINE int vi_any(vi mask)
{
#if defined(__AVX512F__)
    return _mm512_movepi32_mask((__m512i)mask) != 0;
#elif defined(__AVX2__)
    return _mm256_movemask_ps((__m256)mask) != 0;
#elif defined(__SSE2__)
    return _mm_movemask_ps((__m128)mask) != 0;
#else
    int32_t lanes[CNN_W], any = 0;
    memcpy(lanes, &mask, sizeof mask);
    for (int i = 0; i < CNN_W; i++)
        any |= lanes[i];
    return any != 0;
#endif
}

/* Half a vector, for matrices of few columns: the same words with vh. */
#if CNN_W > 4
#define CNN_HALF (CNN_W / 2)

typedef float vh __attribute__((vector_size(4 * CNN_HALF)));
typedef int32_t vhi __attribute__((vector_size(4 * CNN_HALF)));
typedef float vh_unaligned __attribute__((vector_size(4 * CNN_HALF), aligned(4), may_alias));

CNN_INLINE vh vh_set1(float x)
{
    return x - (vh){0};
}

CNN_INLINE vh vh_load(const float *p)
{
    return *(const vh_unaligned *)p;
}

CNN_INLINE void vh_store(float *p, vh x)
{
    *(vh_unaligned *)p = x;
}

CNN_INLINE vh vh_fma(vh a, vh b, vh c)
{
#if CNN_HALF == 8
    return (vh)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    return (vh)_mm_fmadd_ps((__m128)a, (__m128)b, (__m128)c);
#endif
}

CNN_INLINE vh vh_load_n(const float *p, ptrdiff_t n)
{
#if CNN_HALF == 8
    return (vh)_mm256_maskz_loadu_ps((__mmask8)((1u << n) - 1), p);
#else
    const __m128i lane = _mm_setr_epi32(0, 1, 2, 3);
    return (vh)_mm_maskload_ps(p, _mm_cmpgt_epi32(_mm_set1_epi32((int)n), lane));
#endif
}

CNN_INLINE void vh_store_n(float *p, vh x, ptrdiff_t n)
{
#if CNN_HALF == 8
    _mm256_mask_storeu_ps(p, (__mmask8)((1u << n) - 1), (__m256)x);
#else
    const __m128i lane = _mm_setr_epi32(0, 1, 2, 3);
    _mm_maskstore_ps(p, _mm_cmpgt_epi32(_mm_set1_epi32((int)n), lane), (__m128)x);
#endif
}
#endif

#endif
