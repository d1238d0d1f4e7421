/* The simple recurrent network: one gate, so a tile computes several vectors of
 * units. */
#include "recurrent.h"

void CNN_NAME(simple_rnn_forward)(const void *args, ptrdiff_t tile, void *scratch)
{
    (void)scratch;
    const struct cnn_recurrent_forward *a = args;
    const struct cnn_recurrent *of = &a->of;
    const struct step step = step_of_tile(of, 1, tile);
    const enum cnn_function fa = (enum cnn_function)of->activation;
    const ptrdiff_t most = most_rows(of), first = step.block * units_of_block(of);
    const ptrdiff_t end = cnn_min(first + units_of_block(of), of->U);
    float sums[TILE_MOST_ROWS][BLOCK_COLUMNS];
    for (ptrdiff_t n = step.n0, mr; n < step.n1; n += mr) {
        mr = rows_of_tile(step.n1 - n, most);
        part_sums(sums, a, &step, 0, 1, n, mr);
        for (ptrdiff_t r = 0; r < mr; r++)
            for (ptrdiff_t unit = first; unit < end; unit += CNN_W) {
                const ptrdiff_t at = ((n + r) * of->T + step.t) * of->U + unit;
                const ptrdiff_t left = of->U - unit;
                const vf sum = vf_load(sums[r] + unit - first);
                const vf h = vf_recurrent(fa, vf_load_upto(a->z + at, left) + sum);
                if (a->gates)
                    vf_store_upto(a->gates + at, h, left);
                const int used = is_used(of, n + r, step.t);
                CNN_NAME(end_of_step)(a, &step, n + r, unit,
                                      used ? h : state_before(a, &step, n + r, unit));
            }
    }
}

void CNN_NAME(simple_rnn_backward)(const void *args, ptrdiff_t tile, void *scratch)
{
    (void)scratch;
    const struct cnn_recurrent_backward *a = args;
    const struct cnn_recurrent *of = &a->of;
    const struct step step = step_back_of_tile(of, 1, tile);
    const enum cnn_function fa = (enum cnn_function)of->activation;
    const ptrdiff_t first = step.block * CNN_BLOCK_UNITS;
    const ptrdiff_t end = cnn_min(first + CNN_BLOCK_UNITS, of->U);
    for (ptrdiff_t n = step.n0, mr; n < step.n1; n += mr) {
        mr = rows_of_tile(step.n1 - n, CNN_NAME(vf_tiles).rows[TILE_VECTORS - 1]);
        CNN_NAME(gradient_of_state)(a, &step, a->dz, of->parts, n, mr);
        for (ptrdiff_t i = n; i < n + mr; i++)
            for (ptrdiff_t unit = first; unit < end; unit += CNN_W) {
                float *d_state = a->d_state + i * of->row + unit;
                const ptrdiff_t at = (i * of->T + step.t) * of->U + unit, left = of->U - unit;
                if (step.s < 0) {
                    vf_store_upto(a->dh0 + i * of->U + unit, vf_load(d_state), left);
                    continue;
                }
                const vf d = CNN_NAME(with_output_gradient)(a, &step, i, unit);
                if (!is_used(of, i, step.t)) {
                    vf_store_upto(a->dz + at, (vf){0}, left);
                    continue;
                }
                const vf h = vf_load_upto(a->gates + at, left);
                vf_store_upto(a->dz + at, vf_recurrent_gradient(fa, d, h), left);
                vf_store(d_state, (vf){0}); /* all of it goes through the gate */
            }
    }
}
