/* LSTM: one tile computes the four gates of a vector of units, and what follows
 * from them. */
#include "recurrent.h"

/* A few rows of a step: their sums so far, and their states in scratch. */
struct step {
    const struct cnn_recurrent_forward *a;
    float (*sums)[BLOCK_COLUMNS];
    const float *now;   /* h, rows of `row` floats */
    float *next, *cell; /* the new h; c, which is updated */
    ptrdiff_t row, first, count, t, unit;
};

/* fa, fr: the activation and the gates' (constants, or not). */
CNN_INLINE void gates_of_rows(const struct step *step, enum cnn_function fa, enum cnn_function fr)
{
    const struct cnn_recurrent_forward *a = step->a;
    const ptrdiff_t U = a->of.U, unit = step->unit, n = U - unit;
    for (ptrdiff_t r = 0; r < step->count; r++) {
        const ptrdiff_t at = ((step->first + r) * a->of.T + step->t) * 4 * U + unit;
        const float *z = a->z + at, *sum = step->sums[r];
        const vf i = vf_recurrent(fr, vf_load_upto(z, n) + vf_load(sum));
        const vf f = vf_recurrent(fr, vf_load_upto(z + U, n) + vf_load(sum + CNN_W));
        const vf g = vf_recurrent(fa, vf_load_upto(z + 2 * U, n) + vf_load(sum + 2 * CNN_W));
        const vf o = vf_recurrent(fr, vf_load_upto(z + 3 * U, n) + vf_load(sum + 3 * CNN_W));
        if (a->gates) {
            float *gates = a->gates + at;
            vf_store_upto(gates, i, n);
            vf_store_upto(gates + U, f, n);
            vf_store_upto(gates + 2 * U, g, n);
            vf_store_upto(gates + 3 * U, o, n);
        }
        float *cell = step->cell + r * step->row + unit, *next = step->next + r * step->row + unit;
        const vf c = vf_fma(f, vf_load(cell), i * g), h = o * vf_recurrent(fa, c);
        if (is_used(&a->of, step->first + r, step->t)) {
            vf_store(cell, c);
            vf_store(next, h);
        } else
            vf_store(next, vf_load(step->now + r * step->row + unit));
    }
}

static void usual_gates(const struct step *step)
{
    gates_of_rows(step, CNN_TANH, CNN_SIGMOID);
}

static void any_gates(const struct step *step)
{
    gates_of_rows(step, (enum cnn_function)step->a->of.activation,
                  (enum cnn_function)step->a->of.recurrent_activation);
}

void CNN_NAME(lstm_forward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_recurrent_forward *a = args;
    const struct cnn_recurrent *of = &a->of;
    const struct sequences q = sequences_of(of, tile);
    const ptrdiff_t size = q.count * q.row, most = most_rows(of);
    float *now = scratch, *next = now + size, *cell = next + size, *seen = cell + size;
    float sums[TILE_MOST_ROWS][BLOCK_COLUMNS];
    const int usual = of->activation == CNN_TANH && of->recurrent_activation == CNN_SIGMOID;

    CNN_NAME(load_state)(now, a->h0, of->U, q);
    CNN_NAME(load_state)(cell, a->c0, of->U, q);
    for (ptrdiff_t s = 0; s < of->T; s++) {
        const ptrdiff_t t = step_of(of, s);
        if (a->gates) {
            CNN_NAME(save_state)(a->states, now, of, t, q);
            CNN_NAME(save_state)(a->cells, cell, of, t, q);
        }
        if (of->drop)
            CNN_NAME(drop_state)(seen, now, of, q);
        for (ptrdiff_t unit = 0; unit < of->U; unit += CNN_W)
            for (ptrdiff_t i = 0, mr; i < q.count; i += mr) {
                mr = rows_of_tile(q.count - i, most);
                for (ptrdiff_t part = 0; part < of->parts; part++)
                    CNN_NAME(block_sums)(sums, of, part, unit / CNN_W,
                                         (of->drop ? seen + part * size : now) + i * q.row, q.row,
                                         mr);
                const ptrdiff_t at = i * q.row;
                const struct step step = {a,     sums,        now + at, next + at, cell + at,
                                          q.row, q.first + i, mr,       t,         unit};
                (usual ? usual_gates : any_gates)(&step);
            }
        CNN_NAME(write_outputs)(a->y, next, of, s, q);
        float *old = now;
        now = next;
        next = old;
    }
    CNN_NAME(store_state)(a->h, now, of->U, q);
    CNN_NAME(store_state)(a->c, cell, of->U, q);
}

/* dz of one row from dh, and the new dc. */
CNN_INLINE void gradients_of_row(const struct cnn_recurrent_backward *a, ptrdiff_t at,
                                 const float *dh, float *dc, enum cnn_function fa,
                                 enum cnn_function fr)
{
    const ptrdiff_t U = a->of.U;
    for (ptrdiff_t u = 0; u < U; u += CNN_W) {
        const ptrdiff_t n = U - u;
        const float *gates = a->gates + 4 * at * U + u;
        const vf i = vf_load_upto(gates, n), f = vf_load_upto(gates + U, n);
        const vf g = vf_load_upto(gates + 2 * U, n), o = vf_load_upto(gates + 3 * U, n);
        const vf before = vf_load_upto(a->cells + at * U + u, n), d = vf_load(dh + u);
        const vf y = vf_recurrent(fa, vf_fma(f, before, i * g));
        const vf d_cell = vf_load(dc + u) + vf_recurrent_gradient(fa, d * o, y);
        float *dz = a->dz + 4 * at * U + u;
        vf_store(dc + u, d_cell * f);
        vf_store_upto(dz, vf_recurrent_gradient(fr, d_cell * g, i), n);
        vf_store_upto(dz + U, vf_recurrent_gradient(fr, d_cell * before, f), n);
        vf_store_upto(dz + 2 * U, vf_recurrent_gradient(fa, d_cell * i, g), n);
        vf_store_upto(dz + 3 * U, vf_recurrent_gradient(fr, d * y, o), n);
    }
}

static void usual_gradients(const struct cnn_recurrent_backward *a, ptrdiff_t at, const float *dh,
                            float *dc)
{
    gradients_of_row(a, at, dh, dc, CNN_TANH, CNN_SIGMOID);
}

static void any_gradients(const struct cnn_recurrent_backward *a, ptrdiff_t at, const float *dh,
                          float *dc)
{
    gradients_of_row(a, at, dh, dc, (enum cnn_function)a->of.activation,
                     (enum cnn_function)a->of.recurrent_activation);
}

void CNN_NAME(lstm_backward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_recurrent_backward *a = args;
    const struct cnn_recurrent *of = &a->of;
    const struct sequences q = sequences_of(of, tile);
    const ptrdiff_t size = q.count * q.row;
    float *now = scratch, *next = now + size, *dc = next + size;
    float *repeated = dc + size, *product = repeated + size;
    const int usual = of->activation == CNN_TANH && of->recurrent_activation == CNN_SIGMOID;

    CNN_NAME(load_state)(now, a->dh, of->U, q);
    CNN_NAME(load_state)(dc, a->dc, of->U, q);
    CNN_NAME(load_state)(next, NULL, of->U, q); /* zeros after the last unit stay */
    CNN_NAME(load_state)(repeated, NULL, of->U, q);
    CNN_NAME(load_state)(product, NULL, of->U, q);
    for (ptrdiff_t s = of->T - 1; s >= 0; s--) {
        const ptrdiff_t t = step_of(of, s);
        CNN_NAME(add_output_gradients)(now, repeated, a->dy, of, s, q);
        for (ptrdiff_t i = 0; i < q.count; i++) {
            const ptrdiff_t at = (q.first + i) * of->T + t;
            if (is_used(of, q.first + i, t))
                (usual ? usual_gradients : any_gradients)(a, at, now + i * q.row, dc + i * q.row);
            else
                zero_floats(a->dz + 4 * at * of->U, 4 * of->U);
        }
        CNN_NAME(state_gradient)(next, product, a->dz, of, of->parts, t, q, 0);
        CNN_NAME(keep_masked)(next, now, of, t, q);
        float *old = now;
        now = next;
        next = old;
    }
    CNN_NAME(store_state)(a->dh0, now, of->U, q);
    CNN_NAME(store_state)(a->dc0, dc, of->U, q);
}
