/* The micro-kernel's tiles, for whole and for half vectors. */
#include "tile.h"

/* NaN stays NaN. */
CNN_INLINE vf vf_relu(vf x)
{
    return vf_max((vf){0}, x);
}

#define V vf
#define V_(name) vf_##name           /* vector operations */
#define T_(name) CNN_NAME(vf_##name) /* tiles */
#define V_VECTORS TILE_VECTORS
#include "tile_body.h"

#ifdef CNN_HALF
CNN_INLINE vh vh_relu(vh x)
{
#if CNN_HALF == 8
    return (vh)_mm256_max_ps((__m256){0}, (__m256)x);
#else
    return (vh)_mm_max_ps((__m128){0}, (__m128)x);
#endif
}

#undef V
#undef V_
#undef T_
#undef V_VECTORS
#define V vh
#define V_(name) vh_##name
#define T_(name) CNN_NAME(vh_##name)
#define V_VECTORS 1
#include "tile_body.h"
#endif
