/* What the recurrent kernels share, and the packing of their weights. */
#include "recurrent.h"

void CNN_NAME(recurrent_pack)(const void *args, ptrdiff_t tile, void *scratch)
{
    (void)scratch;
    const struct cnn_recurrent_pack *a = args;
    const ptrdiff_t columns = a->gates * a->vectors * CNN_W;
    float *packed = a->packed + tile * a->k * columns;
    const struct columns block = packed_columns(packed, a->k, columns);
    for (ptrdiff_t p = 0; p < block.count; p++) {
        const struct panel panel = panel_at(&block, p);
        for (ptrdiff_t column = panel.column; column < panel.column + panel.width;
             column += CNN_W) {
            const ptrdiff_t vector = column / CNN_W, gate = vector / a->vectors;
            const ptrdiff_t unit = (tile * a->vectors + vector % a->vectors) * CNN_W;
            const ptrdiff_t n = a->units - unit;
            const float *from = a->b + gate * a->units + unit;
            float *to = packed + a->k * panel.column + column - panel.column;
            for (ptrdiff_t k = 0; k < a->k; k++)
                vf_store(to + k * panel.width,
                         n > 0 ? vf_load_upto(from + k * a->row, n) : (vf){0});
        }
    }
}

void CNN_NAME(load_state)(float *state, const float *from, ptrdiff_t units, struct sequences q)
{
    for (ptrdiff_t i = 0; i < q.count; i++) {
        zero_floats(state + i * q.row, q.row);
        if (from)
            copy_floats(state + i * q.row, from + (q.first + i) * units, units);
    }
}

void CNN_NAME(store_state)(float *to, const float *state, ptrdiff_t units, struct sequences q)
{
    for (ptrdiff_t i = 0; i < q.count; i++)
        copy_floats(to + (q.first + i) * units, state + i * q.row, units);
}

void CNN_NAME(save_state)(float *to, const float *state, const struct cnn_recurrent *a, ptrdiff_t t,
                          struct sequences q)
{
    for (ptrdiff_t i = 0; i < q.count; i++)
        copy_floats(to + ((q.first + i) * a->T + t) * a->U, state + i * q.row, a->U);
}

void CNN_NAME(drop_state)(float *seen, const float *state, const struct cnn_recurrent *a,
                          struct sequences q)
{
    for (ptrdiff_t gate = 0; gate < a->gates; gate++)
        for (ptrdiff_t i = 0; i < q.count; i++, seen += q.row) {
            const float *drop = a->drop + ((q.first + i) * a->gates + gate) * a->U;
            for (ptrdiff_t u = 0; u < a->U; u += CNN_W)
                vf_store(seen + u,
                         vf_load(state + i * q.row + u) * vf_load_upto(drop + u, a->U - u));
        }
}

void CNN_NAME(block_sums)(float (*out)[BLOCK_COLUMNS], const struct cnn_recurrent *a,
                          ptrdiff_t part, ptrdiff_t block, const float *state, ptrdiff_t row,
                          ptrdiff_t mr)
{
    const ptrdiff_t blocks = cnn_ceil_div(a->U, units_of_block(a));
    ptrdiff_t gate = 0;
    for (ptrdiff_t p = 0; p < part; p++)
        gate += a->part_gates[p];
    const ptrdiff_t first = gate * units_of_block(a);
    const ptrdiff_t columns = a->part_gates[part] * units_of_block(a);
    const float *packed = a->packed + blocks * first * a->U + block * columns * a->U;
    const float *bias = a->bias ? a->bias + blocks * first + block * columns : NULL;

    const float *rows[TILE_MOST_ROWS];
    float *outs[TILE_MOST_ROWS];
    for (ptrdiff_t r = 0; r < mr; r++) {
        rows[r] = state + r * row;
        outs[r] = out[r] + first;
    }
    const ptrdiff_t offs[1] = {0};
    const struct columns all = packed_columns(packed, a->U, columns);
    struct tile t = {.out = outs, .rows = rows, .offs = offs, .taps = 1, .len = a->U, .ks = 1};
    for (ptrdiff_t p = 0; p < all.count; p++) {
        const struct panel panel = panel_at(&all, p);
        t.b = panel.b;
        t.ldb = panel.ldb;
        t.last = panel.last;
        t.column = panel.column;
        t.bias = bias ? bias + panel.column : NULL;
        panel.tiles[mr - 1](&t);
    }
}

/* Whether any step of sequence n counts. */
static int any_used(const struct cnn_recurrent *a, ptrdiff_t n)
{
    for (ptrdiff_t t = 0; t < a->T; t++)
        if (is_used(a, n, t))
            return 1;
    return 0;
}

void CNN_NAME(write_outputs)(float *y, const float *state, const struct cnn_recurrent *a,
                             ptrdiff_t s, struct sequences q)
{
    const ptrdiff_t t = step_of(a, s), place = a->S == a->T ? s : 0;
    if (a->S != a->T && s != a->T - 1)
        return;
    for (ptrdiff_t i = 0; i < q.count; i++) {
        const ptrdiff_t n = q.first + i;
        float *to = y + (n * a->S + place) * a->U;
        if (is_used(a, n, t))
            copy_floats(to, state + i * q.row, a->U);
        else if (a->zero_output)
            zero_floats(to, a->U);
        else if (place > 0)
            copy_floats(to, to - a->U, a->U);
        else if (s > 0 && any_used(a, n)) /* the only output: the last step's that counts */
            copy_floats(to, state + i * q.row, a->U);
        else
            zero_floats(to, a->U);
    }
}

void CNN_NAME(add_output_gradients)(float *dh, float *repeated, const float *dy,
                                    const struct cnn_recurrent *a, ptrdiff_t s, struct sequences q)
{
    const ptrdiff_t t = step_of(a, s);
    const int has_output = dy && (a->S == a->T || s == a->T - 1);
    if (!has_output && !a->mask)
        return;
    for (ptrdiff_t i = 0; i < q.count; i++, dh += q.row, repeated += q.row) {
        const ptrdiff_t n = q.first + i;
        const float *from = has_output ? dy + (n * a->S + (a->S == a->T ? s : 0)) * a->U : NULL;
        const int used = is_used(a, n, t);
        for (ptrdiff_t u = 0; u < a->U; u += CNN_W) {
            vf total = a->mask ? vf_load(repeated + u) : (vf){0};
            if (has_output)
                total += vf_load_upto(from + u, a->U - u);
            if (used)
                vf_store(dh + u, vf_load(dh + u) + total);
            if (a->mask)
                vf_store(repeated + u, used || a->zero_output ? (vf){0} : total);
        }
    }
}

void CNN_NAME(transposed_product)(float *out, const float *dz, const struct cnn_recurrent *a,
                                  ptrdiff_t part, ptrdiff_t t, struct sequences q, int accumulate)
{
    ptrdiff_t gate = 0;
    for (ptrdiff_t p = 0; p < part; p++)
        gate += a->part_gates[p];
    const ptrdiff_t padded = cnn_ceil_div(a->U, CNN_W) * CNN_W, k = a->part_gates[part] * a->U;
    const struct columns columns = packed_columns(a->packed + gate * a->U * padded, k, a->U);

    const float *rows[TILE_MOST_ROWS];
    float *outs[TILE_MOST_ROWS];
    const ptrdiff_t offs[1] = {0};
    struct tile tile = {.out = outs,
                        .rows = rows,
                        .offs = offs,
                        .taps = 1,
                        .len = k,
                        .ks = 1,
                        .accumulate = accumulate};
    for (ptrdiff_t p = 0; p < columns.count; p++) {
        const struct panel panel = panel_at(&columns, p);
        tile.b = panel.b;
        tile.ldb = panel.ldb;
        tile.last = panel.last;
        tile.column = panel.column;
        for (ptrdiff_t i = 0, mr; i < q.count; i += mr) {
            mr = rows_of_tile(q.count - i, panel.rows);
            for (ptrdiff_t r = 0; r < mr; r++) {
                rows[r] = dz + (((q.first + i + r) * a->T + t) * a->gates + gate) * a->U;
                outs[r] = out + (i + r) * q.row;
            }
            panel.tiles[mr - 1](&tile);
        }
    }
}

void CNN_NAME(state_gradient)(float *dh, float *product, const float *dz,
                              const struct cnn_recurrent *a, ptrdiff_t parts, ptrdiff_t t,
                              struct sequences q, int accumulate)
{
    if (!a->drop) {
        CNN_NAME(transposed_product)(dh, dz, a, 0, t, q, accumulate);
        return;
    }
    for (ptrdiff_t part = 0; part < parts; part++) { /* one gate each */
        CNN_NAME(transposed_product)(product, dz, a, part, t, q, 0);
        for (ptrdiff_t i = 0; i < q.count; i++) {
            const float *drop = a->drop + ((q.first + i) * a->gates + part) * a->U;
            for (ptrdiff_t u = 0; u < a->U; u += CNN_W) {
                const vf g = vf_load(product + i * q.row + u) * vf_load_upto(drop + u, a->U - u);
                float *to = dh + i * q.row + u;
                vf_store(to, accumulate || part > 0 ? vf_load(to) + g : g);
            }
        }
    }
}

void CNN_NAME(keep_masked)(float *next, const float *now, const struct cnn_recurrent *a,
                           ptrdiff_t t, struct sequences q)
{
    if (!a->mask)
        return;
    for (ptrdiff_t i = 0; i < q.count; i++)
        if (!is_used(a, q.first + i, t))
            copy_floats(next + i * q.row, now + i * q.row, a->U);
}
