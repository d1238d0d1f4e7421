/* The micro-kernel's tiles, for whole and for half vectors. */
#include "tile.h"

CNN_INLINE vf vf_relu(vf x)
{
    return (vf)((vi)x & ~(vi)(x < 0));
}

#define V vf
#define V_(name) vf_##name
#define V_VECTORS TILE_VECTORS
#include "tile_body.h"

#ifdef CNN_HALF
CNN_INLINE vh vh_relu(vh x)
{
    return (vh)((vhi)x & ~(vhi)(x < 0));
}

#undef V
#undef V_
#undef V_VECTORS
#define V vh
#define V_(name) vh_##name
#define V_VECTORS 1
#include "tile_body.h"
#endif
