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

/* A row of a buffer from (N, U), or zeros for NULL; zeros after the last unit. */
static void load_row(float *to, const float *from, const struct cnn_recurrent *of, ptrdiff_t n)
{
    zero_floats(to + n * of->row, of->row);
    if (from)
        copy_floats(to + n * of->row, from + n * of->U, of->U);
}

/* What the gates' products see of a vector of the state, if not the state itself. */
CNN_INLINE void drop_state(const struct cnn_recurrent_forward *a, float *seen, ptrdiff_t n,
                           ptrdiff_t unit, vf h)
{
    const struct cnn_recurrent *of = &a->of;
    for (ptrdiff_t gate = 0; of->drop && gate < of->gates; gate++) {
        const float *drop = of->drop + (n * of->gates + gate) * of->U + unit;
        vf_store(seen + (gate * of->N + n) * of->row + unit,
                 h * vf_load_upto(drop, of->U - unit));
    }
}

void CNN_NAME(recurrent_begin)(const void *args, ptrdiff_t n, void *scratch)
{
    (void)scratch;
    const struct cnn_recurrent_forward *a = args;
    const struct cnn_recurrent *of = &a->of;
    float *h = a->state[0] + n * of->row, *c = a->cell + n * of->row;
    load_row(a->state[0], a->h0, of, n);
    load_row(a->cell, a->c0, of, n);
    for (ptrdiff_t unit = 0; unit < of->U; unit += CNN_W)
        drop_state(a, a->seen[0], n, unit, vf_load(h + unit));
    if (of->T > 0) /* else no step writes them */
        return;
    copy_floats(a->h + n * of->U, h, of->U);
    if (a->c)
        copy_floats(a->c + n * of->U, c, of->U);
}

void CNN_NAME(recurrent_begin_backward)(const void *args, ptrdiff_t n, void *scratch)
{
    (void)scratch;
    const struct cnn_recurrent_backward *a = args;
    load_row(a->d_state, a->dh, &a->of, n);
    load_row(a->d_cell, a->dc, &a->of, n);
    load_row(a->repeated, NULL, &a->of, n);
}

void CNN_NAME(block_sums)(float (*out)[BLOCK_COLUMNS], const struct cnn_recurrent *a,
                          ptrdiff_t part, ptrdiff_t block, const float *state, ptrdiff_t mr)
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
        rows[r] = state + r * a->row;
        outs[r] = out[r] + first;
    }
    const ptrdiff_t offs[1] = {0};
    const struct columns all = packed_columns(packed, a->U, columns);
    struct tile t = {.out = outs, .rows = rows, .offs = offs, .taps = 1, .len = a->U, .ks = 1};
    for (ptrdiff_t p = 0; p < all.count; p++) {
        const struct panel panel = panel_at(&all, p);
        use_panel(&t, &panel);
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

static void write_output(const struct cnn_recurrent_forward *a, const struct step *step,
                         ptrdiff_t n, ptrdiff_t unit, vf h)
{
    const struct cnn_recurrent *of = &a->of;
    const ptrdiff_t place = of->S == of->T ? step->s : 0, left = of->U - unit;
    float *to = a->y + (n * of->S + place) * of->U + unit;
    if (of->S != of->T && step->s != of->T - 1)
        return;
    if (!is_used(of, n, step->t)) {
        if (of->zero_output)
            h = (vf){0};
        else if (place > 0)
            h = vf_load_upto(to - of->U, left);
        else if (step->s == 0 || !any_used(of, n)) /* else the only output: the last that counts */
            h = (vf){0};
    }
    vf_store_upto(to, h, left);
}

void CNN_NAME(end_of_step)(const struct cnn_recurrent_forward *a, const struct step *step,
                           ptrdiff_t n, ptrdiff_t unit, vf h)
{
    const struct cnn_recurrent *of = &a->of;
    const ptrdiff_t left = of->U - unit, after = (step->s + 1) % 2;
    if (a->states)
        vf_store_upto(a->states + (n * of->T + step->t) * of->U + unit,
                      state_before(a, step, n, unit), left);
    vf_store(a->state[after] + n * of->row + unit, h);
    drop_state(a, a->seen[after], n, unit, h);
    if (step->s == of->T - 1)
        vf_store_upto(a->h + n * of->U + unit, h, left);
    write_output(a, step, n, unit, h);
}

/* One part's product. */
static void transposed_product(float (*out)[CNN_BLOCK_UNITS], const struct cnn_recurrent *a,
                               const float *dz, ptrdiff_t part, ptrdiff_t block, ptrdiff_t t,
                               ptrdiff_t n, ptrdiff_t mr)
{
    ptrdiff_t gate = 0;
    for (ptrdiff_t p = 0; p < part; p++)
        gate += a->part_gates[p];
    const ptrdiff_t padded = cnn_ceil_div(a->U, CNN_W) * CNN_W, k = a->part_gates[part] * a->U;
    const ptrdiff_t first = block * CNN_BLOCK_UNITS;
    const struct columns columns = packed_columns(a->packed + gate * a->U * padded + k * first, k,
                                                  cnn_min(a->U - first, CNN_BLOCK_UNITS));

    const float *rows[TILE_MOST_ROWS];
    float *outs[TILE_MOST_ROWS];
    const ptrdiff_t offs[1] = {0};
    struct tile tile = {.out = outs, .rows = rows, .offs = offs, .taps = 1, .len = k, .ks = 1};
    for (ptrdiff_t p = 0; p < columns.count; p++) {
        const struct panel panel = panel_at(&columns, p);
        use_panel(&tile, &panel);
        for (ptrdiff_t i = 0, rest; i < mr; i += rest) {
            rest = rows_of_tile(mr - i, panel.rows);
            for (ptrdiff_t r = 0; r < rest; r++) {
                rows[r] = dz + (((n + i + r) * a->T + t) * a->gates + gate) * a->U;
                outs[r] = out[i + r];
            }
            panel.tiles[rest - 1](&tile);
        }
    }
}

void CNN_NAME(transposed_sums)(float (*out)[CNN_BLOCK_UNITS], const struct cnn_recurrent *a,
                               const float *dz, ptrdiff_t p0, ptrdiff_t p1, ptrdiff_t block,
                               ptrdiff_t t, ptrdiff_t n, ptrdiff_t mr)
{
    float product[TILE_MOST_ROWS][CNN_BLOCK_UNITS];
    const ptrdiff_t first = block * CNN_BLOCK_UNITS;
    const ptrdiff_t units = cnn_min(a->U - first, CNN_BLOCK_UNITS);
    if (!a->drop) { /* one part */
        transposed_product(out, a, dz, p0, block, t, n, mr);
        return;
    }
    for (ptrdiff_t part = p0; part < p1; part++) { /* one gate each */
        transposed_product(product, a, dz, part, block, t, n, mr);
        for (ptrdiff_t r = 0; r < mr; r++) {
            const float *drop = a->drop + ((n + r) * a->gates + part) * a->U + first;
            for (ptrdiff_t u = 0; u < units; u += CNN_W) {
                const vf g = vf_load(product[r] + u) * vf_load_upto(drop + u, units - u);
                vf_store(out[r] + u, part > p0 ? vf_load(out[r] + u) + g : g);
            }
        }
    }
}

void CNN_NAME(gradient_of_state)(const struct cnn_recurrent_backward *a, const struct step *step,
                                 const float *dz, ptrdiff_t parts, ptrdiff_t n, ptrdiff_t mr)
{
    const struct cnn_recurrent *of = &a->of;
    float sums[TILE_MOST_ROWS][CNN_BLOCK_UNITS];
    const ptrdiff_t first = step->block * CNN_BLOCK_UNITS;
    const ptrdiff_t units = cnn_min(of->U - first, CNN_BLOCK_UNITS);
    if (step->s == of->T - 1)
        return; /* recurrent_begin_backward's */
    const ptrdiff_t later = step_of(of, step->s + 1);
    CNN_NAME(transposed_sums)(sums, of, dz, 0, parts, step->block, later, n, mr);
    for (ptrdiff_t r = 0; r < mr; r++) {
        float *d = a->d_state + (n + r) * of->row + first;
        if (is_used(of, n + r, later)) /* else the state of the later step is this one's */
            for (ptrdiff_t u = 0; u < units; u += CNN_W)
                vf_store(d + u, vf_load(d + u) + vf_load(sums[r] + u));
    }
}

vf CNN_NAME(with_output_gradient)(const struct cnn_recurrent_backward *a, const struct step *step,
                                  ptrdiff_t n, ptrdiff_t unit)
{
    const struct cnn_recurrent *of = &a->of;
    float *repeated = a->repeated + n * of->row + unit;
    const vf d = vf_load(a->d_state + n * of->row + unit);
    const int has_output = a->dy && (of->S == of->T || step->s == of->T - 1);
    if (!has_output && !of->mask)
        return d;
    vf total = of->mask ? vf_load(repeated) : (vf){0};
    if (has_output)
        total += vf_load_upto(a->dy + (n * of->S + (of->S == of->T ? step->s : 0)) * of->U + unit,
                              of->U - unit);
    const int used = is_used(of, n, step->t);
    if (of->mask)
        vf_store(repeated, used || of->zero_output ? (vf){0} : total);
    return used ? d + total : d;
}
