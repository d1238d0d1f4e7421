/* LSTM: one tile computes the four gates of a vector of units, and what follows
 * from them. */
#include "recurrent.h"

/* Sequences n..n+mr-1 from their sums.  fa, fr: the activation and the gates' (constants, or
 * not). */
CNN_INLINE void gates_of_rows(const struct cnn_recurrent_forward *a, const struct step *step,
                              float (*sums)[BLOCK_COLUMNS], ptrdiff_t n, ptrdiff_t mr,
                              enum cnn_function fa, enum cnn_function fr)
{
    const ptrdiff_t U = a->of.U, unit = step->block * CNN_W, left = U - unit;
    for (ptrdiff_t r = 0; r < mr; r++, n++) {
        const ptrdiff_t at = (n * a->of.T + step->t) * U + unit, gates_at = 4 * (at - unit) + unit;
        const float *z = a->z + gates_at, *sum = sums[r];
        const vf i = vf_recurrent(fr, vf_load_upto(z, left) + vf_load(sum));
        const vf f = vf_recurrent(fr, vf_load_upto(z + U, left) + vf_load(sum + CNN_W));
        const vf g = vf_recurrent(fa, vf_load_upto(z + 2 * U, left) + vf_load(sum + 2 * CNN_W));
        const vf o = vf_recurrent(fr, vf_load_upto(z + 3 * U, left) + vf_load(sum + 3 * CNN_W));
        float *cell = a->cell + n * a->of.row + unit;
        const vf before = vf_load(cell), c = vf_fma(f, before, i * g);
        const vf h = o * vf_recurrent(fa, c);
        if (a->gates) {
            float *gates = a->gates + gates_at;
            vf_store_upto(gates, i, left);
            vf_store_upto(gates + U, f, left);
            vf_store_upto(gates + 2 * U, g, left);
            vf_store_upto(gates + 3 * U, o, left);
            vf_store_upto(a->cells + at, before, left);
        }
        const int used = is_used(&a->of, n, step->t);
        if (used)
            vf_store(cell, c);
        if (step->s == a->of.T - 1)
            vf_store_upto(a->c + n * U + unit, used ? c : before, left);
        CNN_NAME(end_of_step)(a, step, n, unit, used ? h : state_before(a, step, n, unit));
    }
}

static void usual_gates(const struct cnn_recurrent_forward *a, const struct step *step,
                        float (*sums)[BLOCK_COLUMNS], ptrdiff_t n, ptrdiff_t mr)
{
    gates_of_rows(a, step, sums, n, mr, CNN_TANH, CNN_SIGMOID);
}

static void any_gates(const struct cnn_recurrent_forward *a, const struct step *step,
                      float (*sums)[BLOCK_COLUMNS], ptrdiff_t n, ptrdiff_t mr)
{
    gates_of_rows(a, step, sums, n, mr, (enum cnn_function)a->of.activation,
                  (enum cnn_function)a->of.recurrent_activation);
}

void CNN_NAME(lstm_forward)(const void *args, ptrdiff_t tile, void *scratch)
{
    (void)scratch;
    const struct cnn_recurrent_forward *a = args;
    const struct step step = step_of_tile(&a->of, 1, tile);
    const ptrdiff_t most = most_rows(&a->of);
    const int usual = is_usual(&a->of);
    float sums[TILE_MOST_ROWS][BLOCK_COLUMNS];
    for (ptrdiff_t n = step.n0, mr; n < step.n1; n += mr) {
        mr = rows_of_tile(step.n1 - n, most);
        part_sums(sums, a, &step, 0, a->of.parts, n, mr);
        (usual ? usual_gates : any_gates)(a, &step, sums, n, mr);
    }
}

/* dz of a vector of units of sequence n, and the new gradient of c. */
CNN_INLINE void gradients_of_units(const struct cnn_recurrent_backward *a, const struct step *step,
                                   ptrdiff_t n, ptrdiff_t unit, vf d, enum cnn_function fa,
                                   enum cnn_function fr)
{
    const ptrdiff_t U = a->of.U, at = n * a->of.T + step->t, left = U - unit;
    const float *gates = a->gates + 4 * at * U + unit;
    const vf i = vf_load_upto(gates, left), f = vf_load_upto(gates + U, left);
    const vf g = vf_load_upto(gates + 2 * U, left), o = vf_load_upto(gates + 3 * U, left);
    const vf before = vf_load_upto(a->cells + at * U + unit, left);
    const vf y = vf_recurrent(fa, vf_fma(f, before, i * g));
    float *dc = a->d_cell + n * a->of.row + unit, *dz = a->dz + 4 * at * U + unit;
    const vf d_cell = vf_load(dc) + vf_recurrent_gradient(fa, d * o, y);
    vf_store(dc, d_cell * f);
    vf_store_upto(dz, vf_recurrent_gradient(fr, d_cell * g, i), left);
    vf_store_upto(dz + U, vf_recurrent_gradient(fr, d_cell * before, f), left);
    vf_store_upto(dz + 2 * U, vf_recurrent_gradient(fa, d_cell * i, g), left);
    vf_store_upto(dz + 3 * U, vf_recurrent_gradient(fr, d * y, o), left);
}

static void usual_gradients(const struct cnn_recurrent_backward *a, const struct step *step,
                            ptrdiff_t n, ptrdiff_t unit, vf d)
{
    gradients_of_units(a, step, n, unit, d, CNN_TANH, CNN_SIGMOID);
}

static void any_gradients(const struct cnn_recurrent_backward *a, const struct step *step,
                          ptrdiff_t n, ptrdiff_t unit, vf d)
{
    gradients_of_units(a, step, n, unit, d, (enum cnn_function)a->of.activation,
                       (enum cnn_function)a->of.recurrent_activation);
}

void CNN_NAME(lstm_backward)(const void *args, ptrdiff_t tile, void *scratch)
{
    (void)scratch;
    const struct cnn_recurrent_backward *a = args;
    const struct cnn_recurrent *of = &a->of;
    const struct step step = step_back_of_tile(of, 1, tile);
    const ptrdiff_t first = step.block * CNN_BLOCK_UNITS;
    const ptrdiff_t end = cnn_min(first + CNN_BLOCK_UNITS, of->U);
    const int usual = is_usual(of);
    for (ptrdiff_t n = step.n0, mr; n < step.n1; n += mr) {
        mr = rows_of_tile(step.n1 - n, CNN_NAME(vf_tiles).rows[TILE_VECTORS - 1]);
        CNN_NAME(gradient_of_state)(a, &step, a->dz, of->parts, n, mr);
        for (ptrdiff_t i = n; i < n + mr; i++)
            for (ptrdiff_t unit = first; unit < end; unit += CNN_W) {
                float *d_state = a->d_state + i * of->row + unit;
                if (step.s < 0) {
                    vf_store_upto(a->dh0 + i * of->U + unit, vf_load(d_state), of->U - unit);
                    vf_store_upto(a->dc0 + i * of->U + unit,
                                  vf_load(a->d_cell + i * of->row + unit), of->U - unit);
                    continue;
                }
                const vf d = CNN_NAME(with_output_gradient)(a, &step, i, unit);
                if (!is_used(of, i, step.t)) {
                    zero_gates(of, a->dz, i * of->T + step.t, unit);
                    continue;
                }
                (usual ? usual_gradients : any_gradients)(a, &step, i, unit, d);
                vf_store(d_state, (vf){0}); /* all of it goes through the gates */
            }
    }
}
