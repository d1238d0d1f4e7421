/* The columns of B as panels, each as wide as one tile. */
#ifndef CNN_PANEL_H
#define CNN_PANEL_H

#include "../cnn.h"
#include "../functions.h"
#include "tile.h"

struct columns {
    const struct tile_set *set;
    const float *b;
    ptrdiff_t n, vectors, count; /* columns, vectors, panels */
    ptrdiff_t k, ldb;            /* packed: rows; else ldb, and k is 0 */
};

struct panel {
    tile_fn *const *tiles; /* [rows - 1] */
    ptrdiff_t rows;        /* the most rows of a tile */
    const float *b;
    ptrdiff_t ldb, column;
    ptrdiff_t width; /* with the zeros that fill the last vector */
    ptrdiff_t valid; /* columns */
    ptrdiff_t last;  /* columns of the last vector */
};

/* Columns 0..n-1 of a packed B with k rows: the vectors spread evenly over as few
 * panels as they fit. */
CNN_INLINE struct columns packed_columns(const float *packed, ptrdiff_t k, ptrdiff_t n)
{
    struct columns c = {.set = tiles_for(n), .b = packed, .n = n, .k = k};
    c.vectors = (n + c.set->width - 1) / c.set->width;
    c.count = (c.vectors + c.set->vectors - 1) / c.set->vectors;
    return c;
}

/* Columns 0..n-1 of a B as it lies in memory; a rest of less than a vector is a
 * panel of its own with masked loads. */
CNN_INLINE struct columns direct_columns(const float *b, ptrdiff_t ldb, ptrdiff_t n)
{
    struct columns c = {.set = tiles_for(n), .b = b, .n = n, .ldb = ldb};
    c.vectors = n / c.set->width;
    c.count = (c.vectors + c.set->vectors - 1) / c.set->vectors + (n % c.set->width != 0);
    return c;
}

CNN_INLINE struct panel panel_at(const struct columns *c, ptrdiff_t p)
{
    const ptrdiff_t width = c->set->width, rest = c->n % width;
    struct panel panel = {.last = width, .ldb = c->ldb};
    if (c->ldb && rest && p == c->count - 1) {
        panel.column = c->vectors * width;
        panel.width = panel.valid = panel.last = rest;
        panel.b = c->b + panel.column;
        panel.rows = c->set->rows[0];
        panel.tiles = c->set->masked;
        return panel;
    }
    const ptrdiff_t whole = c->ldb && rest ? c->count - 1 : c->count;
    const ptrdiff_t first = c->vectors * p / whole;
    const ptrdiff_t vectors = c->vectors * (p + 1) / whole - first;
    panel.column = first * width;
    panel.width = vectors * width;
    if (!c->ldb) {
        panel.ldb = panel.width;
        if (p == c->count - 1 && rest)
            panel.last = rest;
    }
    panel.valid = panel.width - width + panel.last;
    panel.b = c->b + (c->ldb ? panel.column : c->k * panel.column);
    panel.rows = c->set->rows[vectors - 1];
    panel.tiles = c->set->tiles[vectors - 1];
    return panel;
}

/* Let a tile compute a panel's columns, from the panel's first row of B on. */
CNN_INLINE void use_panel(struct tile *t, const struct panel *panel)
{
    t->b = panel->b;
    t->ldb = panel->ldb;
    t->last = panel->last;
    t->column = panel->column;
}

/* How many of the `left` rows the next tile takes: the last two tiles share evenly,
 * since a tile of one or two rows would wait for its own sums. */
CNN_INLINE ptrdiff_t rows_of_tile(ptrdiff_t left, ptrdiff_t most)
{
    return left >= 2 * most ? most : left > most ? (left + 1) / 2 : left;
}

/* A batch normalization of columns column..column+n-1 of one row, then the activation. */
CNN_INLINE void normalize_row(const struct cnn_norm *norm, int function, float *row,
                              ptrdiff_t column, ptrdiff_t n)
{
    for (ptrdiff_t c = 0; c < n; c += CNN_W) {
        const ptrdiff_t at = column + c, left = n - c;
        const vf y = vf_load_upto(row + at, left) - vf_load_upto(norm->mean + at, left);
        vf_store_upto(row + at,
                      vf_function((enum cnn_function)function,
                                  vf_fma(y, vf_load_upto(norm->scale + at, left),
                                         vf_load_upto(norm->shift + at, left))),
                      left);
    }
}

/* Sigmoid and tanh, on a tile's rows while they are in the L1 cache (relu is the
 * tile's own).  n: the panel's columns. */
CNN_INLINE void apply_after(int function, const struct tile *t, ptrdiff_t rows, ptrdiff_t n)
{
    if (function != CNN_SIGMOID && function != CNN_TANH)
        return;
    if (rows > 1 && t->out[1] - t->out[0] == n && t->out[rows - 1] - t->out[0] == (rows - 1) * n) {
        n *= rows; /* whole rows of few columns: together they fill vectors */
        rows = 1;
    }
    for (ptrdiff_t r = 0; r < rows; r++)
        cnn_apply(function, t->out[r] + t->column, t->out[r] + t->column, n);
}

#endif
