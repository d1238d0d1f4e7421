/* Arrays walked through steps: broadcasting, transposing, reducing; rows looked
 * up; types. */
#ifndef CNN_TENSOR_H
#define CNN_TENSOR_H

#include <stddef.h>
#include <stdint.h>

enum {
    CNN_AXES = 8,             /* of an array, at most */
    CNN_TENSOR_TILE = 16384,  /* elements in a tile of those that copy: 64 KB, about 5 us */
    CNN_TRANSPOSE_BLOCK = 32, /* a block of 32 x 32 floats is read and written in L1 */
    CNN_REDUCE_COLUMNS = 128  /* columns that a tile sums at once */
};

/* The indices of an array, the last axis the fastest, and where they lie in two
 * arrays a and b.  Neighbouring axes are merged wherever both arrays allow it.
 */
struct cnn_walk {
    ptrdiff_t axes; /* at least 1 */
    ptrdiff_t extent[CNN_AXES];
    ptrdiff_t a_step[CNN_AXES]; /* elements from an index to the next; 0: repeated */
    ptrdiff_t b_step[CNN_AXES];
};

enum cnn_operator {
    CNN_ADD,
    CNN_SUBTRACT,
    CNN_MULTIPLY,
    CNN_DIVIDE,
    CNN_MAXIMUM,
    CNN_MINIMUM,
    CNN_GREATER_EQUAL,
    CNN_DIVIDE_BY_ROOT
};
enum cnn_logic { CNN_AND, CNN_OR };

/* binary, where, logical: y[i] from a and b.  The last axis's steps are 0 or 1,
 * not both 0. Tile = CNN_CHUNK elements of y. */
struct cnn_broadcast {
    void *y;       /* floats; logical: bytes.  May be a, where a's steps are y's, or b */
    const void *a; /* floats; where's x; logical: bytes */
    const void *b; /* floats; where's mask and logical: bytes */
    struct cnn_walk walk;
    ptrdiff_t size;
    int function; /* enum cnn_operator or cnn_logic */
    float value;  /* where: for the elements that the mask hides */
};

/* transpose.  Where y's last axis is contiguous in x too (rows) the walk is over the elements,
 * with a for x, and a tile is CNN_TENSOR_TILE of them.  Else it is over blocks of
 * CNN_TRANSPOSE_BLOCK indices of the last axis and of the axis `fast` that is contiguous in x,
 * with a for x and b for y, and a tile is blocks_per_tile of them. */
struct cnn_transpose {
    void *y;
    const void *x;
    struct cnn_walk walk;
    ptrdiff_t size;                         /* elements, or blocks */
    ptrdiff_t fast, fast_extent, fast_step; /* its step in y */
    ptrdiff_t last_extent, last_step;       /* its step in x */
    ptrdiff_t blocks_per_tile;
    int rows; /* copies of rows */
    int item; /* bytes of an element: 4 or 1 */
};

/* reduce: outputs of `inner` floats each, combined from `count` terms of x.
 * Tile = (slice of the terms, group of outputs, block of columns): slices *
 * groups * column_blocks.  Slice s writes its partial results to y + s *
 * outputs * inner. */
struct cnn_reduce {
    float *y;
    const float *x;
    struct cnn_walk kept;    /* over the outputs; a for x */
    struct cnn_walk reduced; /* over the terms; a for x.  With inner 1 its last step is 1 */
    ptrdiff_t outputs, inner, count;
    ptrdiff_t slices, groups, column_blocks;
    float scale;    /* a factor of every result */
    int maximum;    /* else the sum */
    int accumulate; /* add to y */
};

/* gather: tile = so many rows that they hold about CNN_TENSOR_TILE floats.
 * scatter_add: tile = some rows of the table, `tiles` in all; it looks at all
 * ids. */
struct cnn_gather {
    float *rows;  /* (count, K); scatter_add reads it */
    float *table; /* (V, K); gather reads it */
    const int32_t *ids;
    ptrdiff_t count, K, V, tiles;
    int accumulate;
};

static inline ptrdiff_t cnn_gather_rows(ptrdiff_t K)
{
    return K < CNN_TENSOR_TILE ? CNN_TENSOR_TILE / (K > 0 ? K : 1) : 1;
}

enum cnn_type { CNN_FLOAT32, CNN_FLOAT64, CNN_INT32, CNN_UINT8 };

/* cast: tile = CNN_CHUNK elements.
 * fill: size in bytes, tile = 4 * CNN_TENSOR_TILE of them.
 * differs: size in rows of K, tile = cnn_gather_rows(K) of them. */
struct cnn_convert {
    void *y;
    const void *x;
    ptrdiff_t size, K;
    int to, from;     /* enum cnn_type */
    uint64_t pattern; /* fill: the bytes of one element, repeated */
    float value;      /* differs */
};

#define CNN_TENSOR_KERNELS(X)                                                                      \
    X(binary)                                                                                      \
    X(where)                                                                                       \
    X(logical)                                                                                     \
    X(transpose)                                                                                   \
    X(reduce)                                                                                      \
    X(gather)                                                                                      \
    X(scatter_add)                                                                                 \
    X(cast)                                                                                        \
    X(fill)                                                                                        \
    X(differs)

#endif
