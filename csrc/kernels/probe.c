/* Probes of the machine: what no kernel of this level can exceed. */
#include "../cnn.h"
#include "../simd.h"

/* Latency (4 or 5 cycles) times units (2, or 4 with NEON) chains are needed, and they
 * must fit the registers beside the two factors. */
enum { CHAINS = CNN_REGISTERS == 32 ? 24 : 12 };

void CNN_NAME(probe_fma)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_probe_fma *a = args;
    const ptrdiff_t rounds = a->rounds;
    const vf factor = vf_set1(1e-9f); /* chains stay what they are: no denormals, no infinities */
    vf chain[CHAINS];
    (void)scratch;
    /* All loops over them unrolled, so that chains are registers. */
#pragma GCC unroll 24
    for (int i = 0; i < CHAINS; i++)
        chain[i] = vf_set1(1.0f + (float)(i + tile)); /* all different, none known beforehand */
    for (ptrdiff_t round = 0; round < rounds; round++)
#pragma GCC unroll 24
        for (int i = 0; i < CHAINS; i++)
            chain[i] = vf_fma(chain[i], factor, chain[i]); /* NEON's adds to a register it reads */
#pragma GCC unroll 24
    for (int i = 1; i < CHAINS; i++)
        chain[0] += chain[i];
    a->sums[tile] = vf_sum(chain[0]);
    a->flops[tile] = 2.0 * CHAINS * CNN_W * (double)rounds;
}

void CNN_NAME(probe_triad)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_probe_triad *t = args;
    const ptrdiff_t rest = t->n - tile * t->block, n = rest < t->block ? rest : t->block;
    const float *b = t->b + tile * t->block, *c = t->c + tile * t->block;
    float *a = t->a + tile * t->block;
    const vf s = vf_set1(t->s);
    ptrdiff_t i = 0;
    (void)scratch;
    for (; i + CNN_W <= n; i += CNN_W)
        vf_store(a + i, vf_fma(s, vf_load(c + i), vf_load(b + i)));
    if (i < n)
        vf_store_n(a + i, vf_fma(s, vf_load_n(c + i, n - i), vf_load_n(b + i, n - i)), n - i);
}
