/* Looks at the CPU and hands out the tables of the levels it can run. */
#include "cnn.h"

extern const struct cnn_table cnn_table_baseline;

#if defined(__x86_64__)

extern const struct cnn_table cnn_table_avx2, cnn_table_avx512;

/* __builtin_cpu_supports also asks whether the operating system saves the wide
 * registers (XGETBV), so a supported level is one that can really run. */
const struct cnn_table *cnn_level(int i)
{
    const struct cnn_table *found[3] = {&cnn_table_baseline};
    int count = 1;
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        found[count++] = &cnn_table_avx2;
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw"))
            found[count++] = &cnn_table_avx512;
    }
    return i >= 0 && i < count ? found[i] : NULL;
}

#else /* NEON belongs to every aarch64, so the baseline has it. */

const struct cnn_table *cnn_level(int i)
{
    return i == 0 ? &cnn_table_baseline : NULL;
}

#endif
