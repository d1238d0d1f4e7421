/* Permuted axes: copies of rows, or blocks of two axes turned around. */
#include "copy.h"
#include "walk.h"

CNN_INLINE void copy_rows(const struct cnn_transpose *a, ptrdiff_t tile)
{
    const struct cnn_walk *w = &a->walk;
    const ptrdiff_t end = cnn_min((tile + 1) * CNN_TENSOR_TILE, a->size);
    ptrdiff_t at = tile * CNN_TENSOR_TILE, n;
    for (struct cursor c = cursor_at(w, at); at < end; at += n, advance(w, &c, n)) {
        n = cnn_min(left_in_row(w, &c), end - at);
        if (a->item == 4)
            copy_floats((float *)a->y + at, (const float *)a->x + c.a, n);
        else
            memcpy((uint8_t *)a->y + at, (const uint8_t *)a->x + c.a, (size_t)n);
    }
}

/* y[i * y_step + j] = x[j * x_step + i], rows i, columns j of y. */
CNN_INLINE void turn_floats(float *y, ptrdiff_t y_step, const float *x, ptrdiff_t x_step,
                            ptrdiff_t rows, ptrdiff_t columns)
{
    const ptrdiff_t rows4 = rows & ~(ptrdiff_t)3, columns4 = columns & ~(ptrdiff_t)3;
    for (ptrdiff_t i = 0; i < rows4; i += 4)
        for (ptrdiff_t j = 0; j < columns4; j += 4)
            transpose4(y + i * y_step + j, y_step, x + j * x_step + i, x_step);
    for (ptrdiff_t i = 0; i < rows; i++)
        for (ptrdiff_t j = i < rows4 ? columns4 : 0; j < columns; j++)
            y[i * y_step + j] = x[j * x_step + i];
}

CNN_INLINE void turn_bytes(uint8_t *y, ptrdiff_t y_step, const uint8_t *x, ptrdiff_t x_step,
                           ptrdiff_t rows, ptrdiff_t columns)
{
    for (ptrdiff_t i = 0; i < rows; i++)
        for (ptrdiff_t j = 0; j < columns; j++)
            y[i * y_step + j] = x[j * x_step + i];
}

CNN_INLINE void turn_blocks(const struct cnn_transpose *a, ptrdiff_t tile)
{
    const struct cnn_walk *w = &a->walk;
    const ptrdiff_t end = cnn_min((tile + 1) * a->blocks_per_tile, a->size);
    ptrdiff_t at = tile * a->blocks_per_tile;
    for (struct cursor c = cursor_at(w, at); at < end; at++, advance(w, &c, 1)) {
        const ptrdiff_t i = c.index[a->fast] * CNN_TRANSPOSE_BLOCK;
        const ptrdiff_t j = c.index[w->axes - 1] * CNN_TRANSPOSE_BLOCK;
        const ptrdiff_t rows = cnn_min(a->fast_extent - i, CNN_TRANSPOSE_BLOCK);
        const ptrdiff_t columns = cnn_min(a->last_extent - j, CNN_TRANSPOSE_BLOCK);
        if (a->item == 4)
            turn_floats((float *)a->y + c.b, a->fast_step, (const float *)a->x + c.a, a->last_step,
                        rows, columns);
        else
            turn_bytes((uint8_t *)a->y + c.b, a->fast_step, (const uint8_t *)a->x + c.a,
                       a->last_step, rows, columns);
    }
}

void CNN_NAME(transpose)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_transpose *a = args;
    (void)scratch;
    if (a->rows)
        copy_rows(a, tile);
    else
        turn_blocks(a, tile);
}
