/* The simple recurrent network: one gate, so a tile computes several vectors of
 * units. */
#include "recurrent.h"

void CNN_NAME(simple_rnn_forward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_recurrent_forward *a = args;
    const struct cnn_recurrent *of = &a->of;
    const struct sequences q = sequences_of(of, tile);
    const ptrdiff_t size = q.count * q.row, most = most_rows(of), block = units_of_block(of);
    const enum cnn_function fa = (enum cnn_function)of->activation;
    float *now = scratch, *next = now + size, *seen = next + size;
    float sums[TILE_MOST_ROWS][BLOCK_COLUMNS];

    CNN_NAME(load_state)(now, a->h0, of->U, q);
    for (ptrdiff_t s = 0; s < of->T; s++) {
        const ptrdiff_t t = step_of(of, s);
        if (a->gates)
            CNN_NAME(save_state)(a->states, now, of, t, q);
        if (of->drop)
            CNN_NAME(drop_state)(seen, now, of, q);
        for (ptrdiff_t unit = 0; unit < of->U; unit += block)
            for (ptrdiff_t i = 0, mr; i < q.count; i += mr) {
                mr = rows_of_tile(q.count - i, most);
                CNN_NAME(block_sums)(sums, of, 0, unit / block, (of->drop ? seen : now) + i * q.row,
                                     q.row, mr);
                for (ptrdiff_t r = 0; r < mr; r++) {
                    const int used = is_used(of, q.first + i + r, t);
                    const ptrdiff_t at = ((q.first + i + r) * of->T + t) * of->U;
                    const ptrdiff_t row = (i + r) * q.row;
                    for (ptrdiff_t u = unit; u < unit + block && u < of->U; u += CNN_W) {
                        const ptrdiff_t n = of->U - u;
                        const vf h = vf_recurrent(fa, vf_load_upto(a->z + at + u, n) +
                                                          vf_load(sums[r] + u - unit));
                        if (a->gates)
                            vf_store_upto(a->gates + at + u, h, n);
                        vf_store(next + row + u, used ? h : vf_load(now + row + u));
                    }
                }
            }
        CNN_NAME(write_outputs)(a->y, next, of, s, q);
        float *old = now;
        now = next;
        next = old;
    }
    CNN_NAME(store_state)(a->h, now, of->U, q);
}

void CNN_NAME(simple_rnn_backward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_recurrent_backward *a = args;
    const struct cnn_recurrent *of = &a->of;
    const struct sequences q = sequences_of(of, tile);
    const ptrdiff_t size = q.count * q.row;
    const enum cnn_function fa = (enum cnn_function)of->activation;
    float *now = scratch, *next = now + size, *repeated = next + size, *product = repeated + size;

    CNN_NAME(load_state)(now, a->dh, of->U, q);
    CNN_NAME(load_state)(next, NULL, of->U, q); /* zeros after the last unit stay */
    CNN_NAME(load_state)(repeated, NULL, of->U, q);
    CNN_NAME(load_state)(product, NULL, of->U, q);
    for (ptrdiff_t s = of->T - 1; s >= 0; s--) {
        const ptrdiff_t t = step_of(of, s);
        CNN_NAME(add_output_gradients)(now, repeated, a->dy, of, s, q);
        for (ptrdiff_t i = 0; i < q.count; i++) {
            const ptrdiff_t at = ((q.first + i) * of->T + t) * of->U;
            if (!is_used(of, q.first + i, t)) {
                zero_floats(a->dz + at, of->U);
                continue;
            }
            for (ptrdiff_t u = 0; u < of->U; u += CNN_W) {
                const ptrdiff_t n = of->U - u;
                vf_store_upto(a->dz + at + u,
                              vf_recurrent_gradient(fa, vf_load(now + i * q.row + u),
                                                    vf_load_upto(a->gates + at + u, n)),
                              n);
            }
        }
        CNN_NAME(state_gradient)(next, product, a->dz, of, of->parts, t, q, 0);
        CNN_NAME(keep_masked)(next, now, of, t, q);
        float *old = now;
        now = next;
        next = old;
    }
    CNN_NAME(store_state)(a->dh0, now, of->U, q);
}
