/* Philox4x32-10 (Salmon et al. 2011) and what draws from it.
 *
 * Every element is one expression without sums over others, so it has the same
 * bits in a vector and in a tail.
 */
#include <math.h>

#include "../cnn.h"
#include "../simd.h"

/* Blocks drawn at a time: 4 KB of words, which stay in the L1 cache. */
enum { BLOCKS = 256, WORDS = 4 * BLOCKS };

/* Attempts at a truncated normal number; 4.6% of attempts fail. */
enum { ATTEMPTS = 64 };

/* The key, and the half of the counter that is not the block's number. */
struct philox {
    uint32_t key[2];
    uint32_t stream, step;
};

CNN_INLINE struct philox philox_of(const uint64_t *clock, uint32_t stream, uint64_t step)
{
    return (struct philox){
        .key = {(uint32_t)clock[0], (uint32_t)(clock[0] >> 32)},
        .stream = stream,
        .step = (uint32_t)step,
    };
}

CNN_INLINE vw vw_set1(uint64_t x)
{
    return x - (vw){0};
}

/* The words of CNN_W64 blocks from `first` on, one block a lane.
 *
 * Only the lower half of a lane counts; the rounds leave other bits above it,
 * which the products ignore.  (The compiler's own vectors of the same loop over
 * 32-bit words take twice the time: it knows no product of lower halves.) */
CNN_INLINE void philox_lanes(uint32_t *words, uint64_t first, const struct philox *p)
{
    const vw m0 = vw_set1(0xD2511F53), m1 = vw_set1(0xCD9E8D57);
    uint32_t k0 = p->key[0], k1 = p->key[1];
    vw number;
    for (int lane = 0; lane < CNN_W64; lane++) /* so that the pairs below are in order */
        number[lane] = first + (uint64_t)(lane / 2 + lane % 2 * (CNN_W64 / 2));
    vw c0 = number, c1 = number >> 32, c2 = vw_set1(p->stream), c3 = vw_set1(p->step);
    for (int round = 0; round < 10; round++) {
        const vw p0 = vw_multiply_low(m0, c0), p1 = vw_multiply_low(m1, c2);
        c0 = (p1 >> 32) ^ c1 ^ k0;
        c1 = p1;
        c2 = (p0 >> 32) ^ c3 ^ k1;
        c3 = p0;
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
    }
    const vw low = (c0 & 0xFFFFFFFF) | c1 << 32, high = (c2 & 0xFFFFFFFF) | c3 << 32;
    *(vw_unaligned *)words = vw_pair_even(low, high);
    *(vw_unaligned *)(words + 2 * CNN_W64) = vw_pair_odd(low, high);
}

/* At least `blocks` blocks: words has room for a multiple of CNN_W64. */
static void philox_blocks(uint32_t *words, uint64_t first, ptrdiff_t blocks,
                          const struct philox *philox)
{
    const struct philox p = *philox;
    for (ptrdiff_t b = 0; b < blocks; b += CNN_W64)
        philox_lanes(words + 4 * b, first + (uint64_t)b, &p);
}

CNN_INLINE ptrdiff_t least(ptrdiff_t a, ptrdiff_t b)
{
    return a < b ? a : b;
}

/* Dropout ---------------------------------------------------------------------- */

/* An element is kept where its word is at least this.  rate * 2^32 is exact. */
static uint32_t threshold(double rate)
{
    return (uint32_t)fmin(nearbyint(rate * 0x1p32), 0x1p32 - 1);
}

CNN_INLINE vf scaled(vi mask, vf x, vf scale)
{
    return vf_select(mask != 0, x * scale, vf_set1(0));
}

/* y = x * scale where kept, else 0. */
static void keep(float *y, const uint8_t *mask, const float *x, ptrdiff_t n, float factor,
                 int accumulate)
{
    const vf scale = vf_set1(factor), zero = vf_set1(0);
    ptrdiff_t e = 0;
    for (; e + CNN_W <= n; e += CNN_W) {
        const vf before = accumulate ? vf_load(y + e) : zero;
        vf_store(y + e, before + scaled(vi_load_bytes(mask + e), vf_load(x + e), scale));
    }
    if (e < n) {
        uint8_t bytes[CNN_W] = {0};
        memcpy(bytes, mask + e, (size_t)(n - e));
        const vf before = accumulate ? vf_load_n(y + e, n - e) : zero;
        const vf kept = scaled(vi_load_bytes(bytes), vf_load_n(x + e, n - e), scale);
        vf_store_n(y + e, before + kept, n - e);
    }
}

void CNN_NAME(dropout_forward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_dropout *a = args;
    const struct philox philox = philox_of(a->clock, a->stream, a->clock[1]);
    const uint32_t least_kept = threshold(a->rate);
    const float scale = (float)(1 / (1 - a->rate));
    const ptrdiff_t end = least(a->size, (tile + 1) * CNN_DROPOUT_TILE);
    uint32_t words[WORDS];
    (void)scratch;
    for (ptrdiff_t start = tile * CNN_DROPOUT_TILE; start < end; start += WORDS) {
        const ptrdiff_t n = least(WORDS, end - start);
        uint8_t *restrict mask = a->mask + start;
        philox_blocks(words, (uint64_t)start / 4, (n + 3) / 4, &philox);
        for (ptrdiff_t e = 0; e < n; e++)
            mask[e] = words[e] >= least_kept;
        keep(a->y + start, mask, a->x + start, n, scale, 0);
    }
}

void CNN_NAME(dropout_backward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_dropout *a = args;
    const float scale = (float)(1 / (1 - a->rate));
    const ptrdiff_t end = least(a->size, (tile + 1) * CNN_DROPOUT_TILE);
    (void)scratch;
    for (ptrdiff_t start = tile * CNN_DROPOUT_TILE; start < end; start += WORDS)
        keep(a->y + start, a->mask + start, a->x + start, least(WORDS, end - start), scale,
             a->accumulate);
}

/* Distributions ---------------------------------------------------------------- */

void CNN_NAME(random_uniform)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_random *a = args;
    const struct philox philox = philox_of(a->clock, a->stream, a->clock[1]);
    const float low = (float)a->low, range = (float)(a->high - a->low);
    const ptrdiff_t end = least(a->size, (tile + 1) * CNN_DROPOUT_TILE);
    uint32_t words[WORDS];
    (void)scratch;
    for (ptrdiff_t start = tile * CNN_DROPOUT_TILE; start < end; start += WORDS) {
        const ptrdiff_t n = least(WORDS, end - start);
        float *restrict y = a->y + start;
        philox_blocks(words, (uint64_t)start / 4, (n + 3) / 4, &philox);
        for (ptrdiff_t e = 0; e < n; e++) /* by way of int32, which every level converts */
            y[e] = low + (float)(int32_t)(words[e] >> 8) * 0x1p-24f * range;
    }
}

/* Box and Muller's formula on one block. */
static double normal(const uint32_t *w)
{
    const uint64_t first = (uint64_t)w[0] << 32 | w[1], second = (uint64_t)w[2] << 32 | w[3];
    const double u1 = (double)((first >> 11) + 1) * 0x1p-53; /* in (0, 1] */
    const double u2 = (double)(second >> 11) * 0x1p-53;
    return sqrt(-2 * log(u1)) * cos(2 * M_PI * u2);
}

void CNN_NAME(random_normal)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_random *a = args;
    const uint64_t step = a->clock[1] * ATTEMPTS;
    const struct philox philox = philox_of(a->clock, a->stream, step);
    const ptrdiff_t end = least(a->size, (tile + 1) * CNN_NORMAL_TILE);
    uint32_t words[WORDS];
    (void)scratch;
    for (ptrdiff_t start = tile * CNN_NORMAL_TILE; start < end; start += BLOCKS) {
        const ptrdiff_t n = least(BLOCKS, end - start);
        philox_blocks(words, (uint64_t)start, n, &philox);
        for (ptrdiff_t e = 0; e < n; e++) {
            double z = normal(words + 4 * e);
            for (uint64_t attempt = 1; a->truncated && fabs(z) > 2 && attempt < ATTEMPTS;
                 attempt++) {
                const struct philox again = philox_of(a->clock, a->stream, step + attempt);
                uint32_t other[4 * CNN_W64];
                philox_blocks(other, (uint64_t)(start + e), 1, &again);
                z = normal(other);
            }
            a->y[start + e] = (float)(a->mean + a->stddev * z);
        }
    }
}
