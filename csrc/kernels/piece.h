/* Which elements of which parameter a tile is. */
#ifndef CNN_PIECE_H
#define CNN_PIECE_H

#include "../cnn.h"
#include "../level.h"

struct cnn_piece {
    const struct cnn_parameter *parameter;
    ptrdiff_t start, n;
};

CNN_INLINE struct cnn_piece cnn_find(const struct cnn_parameter *parameters, ptrdiff_t count,
                                     ptrdiff_t tile)
{
    ptrdiff_t low = 0, high = count; /* the last parameter whose first tile is <= tile */
    while (high - low > 1) {
        const ptrdiff_t middle = (low + high) / 2;
        if (parameters[middle].first_tile <= tile)
            low = middle;
        else
            high = middle;
    }
    const struct cnn_parameter *p = parameters + low;
    const ptrdiff_t start = (tile - p->first_tile) * CNN_PARAMETER_TILE, left = p->size - start;
    return (struct cnn_piece){p, start, left < CNN_PARAMETER_TILE ? left : CNN_PARAMETER_TILE};
}

#endif
