/* GRU, with the reset gate before or after the candidate's product.  Before it, the product needs
 * all units of r h: the update and reset gates are a phase, the candidate is the next. */
#include "recurrent.h"

/* The sums of a few rows, and what follows from them. */
typedef void rows_fn(const struct cnn_recurrent_forward *a, const struct step *step,
                     float (*sums)[BLOCK_COLUMNS], ptrdiff_t n, ptrdiff_t mr);

CNN_INLINE vf dropped(const struct cnn_recurrent *of, ptrdiff_t n, ptrdiff_t unit, vf h)
{
    if (!of->drop)
        return h;
    return h * vf_load_upto(of->drop + (n * 3 + 2) * of->U + unit, of->U - unit);
}

/* The candidate's and the update gate's new state. */
CNN_INLINE void mix(const struct cnn_recurrent_forward *a, const struct step *step, ptrdiff_t n,
                    ptrdiff_t unit, vf u, vf g)
{
    const vf h = state_before(a, step, n, unit);
    const int used = is_used(&a->of, n, step->t);
    CNN_NAME(end_of_step)(a, step, n, unit, used ? vf_fma(u, h, (1.0f - u) * g) : h);
}

/* All three gates, with reset_after. */
CNN_INLINE void gates_of_rows(const struct cnn_recurrent_forward *a, const struct step *step,
                              float (*sums)[BLOCK_COLUMNS], ptrdiff_t n, ptrdiff_t mr,
                              enum cnn_function fa, enum cnn_function fr)
{
    const ptrdiff_t U = a->of.U, unit = step->block * CNN_W, left = U - unit;
    for (ptrdiff_t r = 0; r < mr; r++, n++) {
        const ptrdiff_t at = n * a->of.T + step->t;
        const float *z = a->z + 3 * at * U + unit, *sum = sums[r];
        const vf kept = vf_load(sum + 2 * CNN_W);
        const vf u = vf_recurrent(fr, vf_load_upto(z, left) + vf_load(sum));
        const vf reset = vf_recurrent(fr, vf_load_upto(z + U, left) + vf_load(sum + CNN_W));
        const vf g = vf_recurrent(fa, vf_fma(reset, kept, vf_load_upto(z + 2 * U, left)));
        if (a->gates) {
            float *gates = a->gates + 3 * at * U + unit;
            vf_store_upto(gates, u, left);
            vf_store_upto(gates + U, reset, left);
            vf_store_upto(gates + 2 * U, g, left);
            vf_store_upto(a->inner + at * U + unit, kept, left);
        }
        mix(a, step, n, unit, u, g);
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

/* Without reset_after: update and reset. */
static void first_gates(const struct cnn_recurrent_forward *a, const struct step *step,
                        float (*sums)[BLOCK_COLUMNS], ptrdiff_t n, ptrdiff_t mr)
{
    const enum cnn_function fr = (enum cnn_function)a->of.recurrent_activation;
    const ptrdiff_t U = a->of.U, unit = step->block * CNN_W, left = U - unit;
    for (ptrdiff_t r = 0; r < mr; r++, n++) {
        const ptrdiff_t at = n * a->of.T + step->t, row = n * a->of.row + unit;
        const float *z = a->z + 3 * at * U + unit, *sum = sums[r];
        const vf u = vf_recurrent(fr, vf_load_upto(z, left) + vf_load(sum));
        const vf reset = vf_recurrent(fr, vf_load_upto(z + U, left) + vf_load(sum + CNN_W));
        const vf kept = dropped(&a->of, n, unit, reset * state_before(a, step, n, unit));
        vf_store(a->update + row, u);
        vf_store(a->kept + row, kept);
        if (a->gates) {
            vf_store_upto(a->gates + 3 * at * U + unit, u, left);
            vf_store_upto(a->gates + (3 * at + 1) * U + unit, reset, left);
            vf_store_upto(a->inner + at * U + unit, kept, left);
        }
    }
}

/* Then the candidate. */
static void last_gate(const struct cnn_recurrent_forward *a, const struct step *step,
                      float (*sums)[BLOCK_COLUMNS], ptrdiff_t n, ptrdiff_t mr)
{
    const enum cnn_function fa = (enum cnn_function)a->of.activation;
    const ptrdiff_t U = a->of.U, unit = step->block * CNN_W, left = U - unit;
    for (ptrdiff_t r = 0; r < mr; r++, n++) {
        const ptrdiff_t at = (3 * (n * a->of.T + step->t) + 2) * U + unit;
        const vf sum = vf_load(sums[r] + 2 * CNN_W);
        const vf g = vf_recurrent(fa, vf_load_upto(a->z + at, left) + sum);
        if (a->gates)
            vf_store_upto(a->gates + at, g, left);
        mix(a, step, n, unit, vf_load(a->update + n * a->of.row + unit), g);
    }
}

void CNN_NAME(gru_forward)(const void *args, ptrdiff_t tile, void *scratch)
{
    (void)scratch;
    const struct cnn_recurrent_forward *a = args;
    const struct cnn_recurrent *of = &a->of;
    const struct step step = step_of_tile(of, of->reset_after ? 1 : 2, tile);
    const int candidate = !of->reset_after && of->phase % 2;
    rows_fn *const then = candidate          ? last_gate
                          : !of->reset_after ? first_gates
                          : is_usual(of)     ? usual_gates
                                             : any_gates;
    const ptrdiff_t most = most_rows(of), last = of->parts - 1;
    float sums[TILE_MOST_ROWS][BLOCK_COLUMNS];
    for (ptrdiff_t n = step.n0, mr; n < step.n1; n += mr) {
        mr = rows_of_tile(step.n1 - n, most);
        if (candidate)
            CNN_NAME(block_sums)(sums, of, last, step.block, a->kept + n * of->row, mr);
        else
            part_sums(sums, a, &step, 0, of->reset_after ? of->parts : last, n, mr);
        then(a, &step, sums, n, mr);
    }
}

/* The gradients of update and candidate from d, that of the new state; with reset_after of all
 * gates.  What goes to the state before without a product stays in d_state. */
static void gradients_of_units(const struct cnn_recurrent_backward *a, const struct step *step,
                               ptrdiff_t n, ptrdiff_t unit, vf d)
{
    const enum cnn_function fa = (enum cnn_function)a->of.activation;
    const enum cnn_function fr = (enum cnn_function)a->of.recurrent_activation;
    const ptrdiff_t U = a->of.U, at = n * a->of.T + step->t, left = U - unit;
    const float *gates = a->gates + 3 * at * U + unit;
    const vf u = vf_load_upto(gates, left), g = vf_load_upto(gates + 2 * U, left);
    const vf before = vf_load_upto(a->states + at * U + unit, left);
    const vf d_u = vf_recurrent_gradient(fr, d * (before - g), u);
    const vf d_g = vf_recurrent_gradient(fa, d * (1.0f - u), g);
    float *dz = a->dz + 3 * at * U + unit;
    if (a->of.reset_after) {
        const vf r = vf_load_upto(gates + U, left);
        const vf inner = vf_load_upto(a->inner + at * U + unit, left);
        const vf d_r = vf_recurrent_gradient(fr, d_g * inner, r);
        float *dr = a->dr + 3 * at * U + unit;
        vf_store_upto(dr, d_u, left);
        vf_store_upto(dr + U, d_r, left);
        vf_store_upto(dr + 2 * U, d_g * r, left);
        vf_store_upto(dz + U, d_r, left);
    }
    vf_store_upto(dz, d_u, left);
    vf_store_upto(dz + 2 * U, d_g, left);
    vf_store(a->d_state + n * a->of.row + unit, d * u);
}

/* Without reset_after, from p, the gradient of r h: that of the reset gate, and of h. */
static void gradient_of_reset(const struct cnn_recurrent_backward *a, const struct step *step,
                              ptrdiff_t n, ptrdiff_t unit, vf p)
{
    const enum cnn_function fr = (enum cnn_function)a->of.recurrent_activation;
    const ptrdiff_t U = a->of.U, at = n * a->of.T + step->t, left = U - unit;
    const vf r = vf_load_upto(a->gates + (3 * at + 1) * U + unit, left);
    const vf before = vf_load_upto(a->states + at * U + unit, left);
    float *d_state = a->d_state + n * a->of.row + unit;
    vf_store(d_state, vf_fma(p, r, vf_load(d_state)));
    vf_store_upto(a->dz + (3 * at + 1) * U + unit, vf_recurrent_gradient(fr, p * before, r), left);
}

/* A phase of sequences n..n+mr-1: from the later step's gradient to that of the gates. */
static void gates_back(const struct cnn_recurrent_backward *a, const struct step *step,
                       ptrdiff_t n, ptrdiff_t mr)
{
    const struct cnn_recurrent *of = &a->of;
    const ptrdiff_t first = step->block * CNN_BLOCK_UNITS;
    const ptrdiff_t end = cnn_min(first + CNN_BLOCK_UNITS, of->U);
    CNN_NAME(gradient_of_state)(a, step, of->reset_after ? a->dr : a->dz,
                                of->reset_after ? of->parts : of->parts - 1, n, mr);
    for (ptrdiff_t i = n; i < n + mr; i++)
        for (ptrdiff_t unit = first; unit < end; unit += CNN_W) {
            if (step->s < 0) {
                vf_store_upto(a->dh0 + i * of->U + unit, vf_load(a->d_state + i * of->row + unit),
                              of->U - unit);
                continue;
            }
            const vf d = CNN_NAME(with_output_gradient)(a, step, i, unit);
            const ptrdiff_t at = i * of->T + step->t;
            if (is_used(of, i, step->t)) {
                gradients_of_units(a, step, i, unit, d);
                continue;
            }
            zero_gates(of, a->dz, at, unit);
            if (of->reset_after)
                zero_gates(of, a->dr, at, unit);
        }
}

/* Without reset_after the phase after it: through the candidate's product. */
static void reset_back(const struct cnn_recurrent_backward *a, const struct step *step, ptrdiff_t n,
                       ptrdiff_t mr)
{
    const struct cnn_recurrent *of = &a->of;
    const ptrdiff_t first = step->block * CNN_BLOCK_UNITS;
    const ptrdiff_t end = cnn_min(first + CNN_BLOCK_UNITS, of->U);
    float product[TILE_MOST_ROWS][CNN_BLOCK_UNITS];
    CNN_NAME(transposed_sums)(product, of, a->dz, of->parts - 1, of->parts, step->block, step->t, n,
                              mr);
    for (ptrdiff_t r = 0; r < mr; r++)
        for (ptrdiff_t unit = first; unit < end && is_used(of, n + r, step->t); unit += CNN_W)
            gradient_of_reset(a, step, n + r, unit, vf_load(product[r] + unit - first));
}

void CNN_NAME(gru_backward)(const void *args, ptrdiff_t tile, void *scratch)
{
    (void)scratch;
    const struct cnn_recurrent_backward *a = args;
    const struct cnn_recurrent *of = &a->of;
    const struct step step = step_back_of_tile(of, of->reset_after ? 1 : 2, tile);
    const int product = !of->reset_after && of->phase % 2;
    for (ptrdiff_t n = step.n0, mr; n < step.n1; n += mr) {
        mr = rows_of_tile(step.n1 - n, CNN_NAME(vf_tiles).rows[TILE_VECTORS - 1]);
        (product ? reset_back : gates_back)(a, &step, n, mr);
    }
}
