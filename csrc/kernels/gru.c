/* GRU, with the reset gate before or after the candidate's product. */
#include "recurrent.h"

/* A few rows of a step: their sums so far, and their states in scratch. */
struct step {
    const struct cnn_recurrent_forward *a;
    float (*sums)[BLOCK_COLUMNS];
    const float *now;     /* h, rows of `row` floats */
    float *next;          /* the new h */
    float *kept, *update; /* without reset_after: r h as the candidate sees it, and u */
    ptrdiff_t row, first, count, t, unit;
};

CNN_INLINE vf dropped(const struct cnn_recurrent *of, ptrdiff_t n, ptrdiff_t unit, vf h)
{
    if (!of->drop)
        return h;
    return h * vf_load_upto(of->drop + (n * 3 + 2) * of->U + unit, of->U - unit);
}

/* The candidate's and the update gate's new state. */
CNN_INLINE void mix(const struct step *step, ptrdiff_t r, vf u, vf g)
{
    const ptrdiff_t at = r * step->row + step->unit;
    const vf h = vf_load(step->now + at);
    const int used = is_used(&step->a->of, step->first + r, step->t);
    vf_store(step->next + at, used ? vf_fma(u, h, (1.0f - u) * g) : h);
}

/* Where gate 0 of row r lies in gates and z. */
CNN_INLINE ptrdiff_t gates_at(const struct step *step, ptrdiff_t r)
{
    return ((step->first + r) * step->a->of.T + step->t) * 3 * step->a->of.U + step->unit;
}

/* All three gates, with reset_after. */
CNN_INLINE void gates_of_rows(const struct step *step, enum cnn_function fa, enum cnn_function fr)
{
    const struct cnn_recurrent_forward *a = step->a;
    const ptrdiff_t U = a->of.U, n = U - step->unit;
    for (ptrdiff_t r = 0; r < step->count; r++) {
        const float *z = a->z + gates_at(step, r), *sum = step->sums[r];
        const vf kept = vf_load(sum + 2 * CNN_W);
        const vf u = vf_recurrent(fr, vf_load_upto(z, n) + vf_load(sum));
        const vf reset = vf_recurrent(fr, vf_load_upto(z + U, n) + vf_load(sum + CNN_W));
        const vf g = vf_recurrent(fa, vf_fma(reset, kept, vf_load_upto(z + 2 * U, n)));
        if (a->gates) {
            float *gates = a->gates + gates_at(step, r);
            vf_store_upto(gates, u, n);
            vf_store_upto(gates + U, reset, n);
            vf_store_upto(gates + 2 * U, g, n);
            vf_store_upto(a->inner + ((step->first + r) * a->of.T + step->t) * U + step->unit, kept,
                          n);
        }
        mix(step, r, u, g);
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

/* Without reset_after: update and reset. */
static void first_gates(const struct step *step)
{
    const struct cnn_recurrent_forward *a = step->a;
    const enum cnn_function fr = (enum cnn_function)a->of.recurrent_activation;
    const ptrdiff_t U = a->of.U, n = U - step->unit;
    for (ptrdiff_t r = 0; r < step->count; r++) {
        const float *z = a->z + gates_at(step, r), *sum = step->sums[r];
        const ptrdiff_t at = r * step->row + step->unit;
        const vf u = vf_recurrent(fr, vf_load_upto(z, n) + vf_load(sum));
        const vf reset = vf_recurrent(fr, vf_load_upto(z + U, n) + vf_load(sum + CNN_W));
        if (a->gates) {
            vf_store_upto(a->gates + gates_at(step, r), u, n);
            vf_store_upto(a->gates + gates_at(step, r) + U, reset, n);
        }
        vf_store(step->update + at, u);
        vf_store(step->kept + at,
                 dropped(&a->of, step->first + r, step->unit, reset * vf_load(step->now + at)));
    }
}

/* Then the candidate. */
static void last_gate(const struct step *step)
{
    const struct cnn_recurrent_forward *a = step->a;
    const enum cnn_function fa = (enum cnn_function)a->of.activation;
    const ptrdiff_t U = a->of.U, n = U - step->unit;
    for (ptrdiff_t r = 0; r < step->count; r++) {
        const ptrdiff_t at = gates_at(step, r) + 2 * U;
        const vf sum = vf_load(step->sums[r] + 2 * CNN_W);
        const vf g = vf_recurrent(fa, vf_load_upto(a->z + at, n) + sum);
        if (a->gates)
            vf_store_upto(a->gates + at, g, n);
        mix(step, r, vf_load(step->update + r * step->row + step->unit), g);
    }
}

/* The sums of parts p0..p1-1 for every unit and row, each followed by `then`.
 * Part p is of the states at seen + p * part_floats. */
static void sweep(const struct step *of_all, struct sequences q, ptrdiff_t p0, ptrdiff_t p1,
                  const float *seen, ptrdiff_t part_floats, void (*then)(const struct step *))
{
    const struct cnn_recurrent *of = &of_all->a->of;
    const ptrdiff_t most = most_rows(of);
    float sums[TILE_MOST_ROWS][BLOCK_COLUMNS];
    for (ptrdiff_t unit = 0; unit < of->U; unit += CNN_W)
        for (ptrdiff_t i = 0, mr; i < q.count; i += mr) {
            mr = rows_of_tile(q.count - i, most);
            for (ptrdiff_t p = p0; p < p1; p++)
                CNN_NAME(block_sums)(sums, of, p, unit / CNN_W, seen + p * part_floats + i * q.row,
                                     q.row, mr);
            struct step step = *of_all;
            step.sums = sums;
            step.now += i * q.row;
            step.next += i * q.row;
            step.kept += i * q.row;
            step.update += i * q.row;
            step.first = q.first + i;
            step.count = mr;
            step.unit = unit;
            then(&step);
        }
}

void CNN_NAME(gru_forward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_recurrent_forward *a = args;
    const struct cnn_recurrent *of = &a->of;
    const struct sequences q = sequences_of(of, tile);
    const ptrdiff_t size = q.count * q.row, part = of->drop ? size : 0;
    float *now = scratch, *next = now + size, *kept = next + size, *update = kept + size;
    float *seen = update + size;
    const int usual = of->activation == CNN_TANH && of->recurrent_activation == CNN_SIGMOID;

    CNN_NAME(load_state)(now, a->h0, of->U, q);
    for (ptrdiff_t s = 0; s < of->T; s++) {
        const struct step step = {.a = a,
                                  .now = now,
                                  .next = next,
                                  .kept = kept,
                                  .update = update,
                                  .row = q.row,
                                  .t = step_of(of, s)};
        if (a->gates)
            CNN_NAME(save_state)(a->states, now, of, step.t, q);
        if (of->drop)
            CNN_NAME(drop_state)(seen, now, of, q);
        const float *state = of->drop ? seen : now;
        if (of->reset_after)
            sweep(&step, q, 0, of->parts, state, part, usual ? usual_gates : any_gates);
        else {
            sweep(&step, q, 0, of->parts - 1, state, part, first_gates);
            if (a->gates)
                CNN_NAME(save_state)(a->inner, kept, of, step.t, q);
            sweep(&step, q, of->parts - 1, of->parts, kept, 0, last_gate);
        }
        CNN_NAME(write_outputs)(a->y, next, of, s, q);
        float *old = now;
        now = next;
        next = old;
    }
    CNN_NAME(store_state)(a->h, now, of->U, q);
}

/* From a row's dh (now): the gradients of update and candidate, with
 * reset_after of all; next = u dh. */
static void gradients_of_row(const struct cnn_recurrent_backward *a, ptrdiff_t at, const float *now,
                             float *next)
{
    const enum cnn_function fa = (enum cnn_function)a->of.activation;
    const enum cnn_function fr = (enum cnn_function)a->of.recurrent_activation;
    const ptrdiff_t U = a->of.U;
    for (ptrdiff_t v = 0; v < U; v += CNN_W) {
        const ptrdiff_t n = U - v;
        const float *gates = a->gates + 3 * at * U + v;
        const vf u = vf_load_upto(gates, n), g = vf_load_upto(gates + 2 * U, n);
        const vf before = vf_load_upto(a->states + at * U + v, n), d = vf_load(now + v);
        const vf d_u = vf_recurrent_gradient(fr, d * (before - g), u);
        const vf d_g = vf_recurrent_gradient(fa, d * (1.0f - u), g);
        float *dz = a->dz + 3 * at * U + v;
        if (a->of.reset_after) {
            const vf r = vf_load_upto(gates + U, n);
            const vf d_r =
                vf_recurrent_gradient(fr, d_g * vf_load_upto(a->inner + at * U + v, n), r);
            float *dr = a->dr + 3 * at * U + v;
            vf_store_upto(dr, d_u, n);
            vf_store_upto(dr + U, d_r, n);
            vf_store_upto(dr + 2 * U, d_g * r, n);
            vf_store_upto(dz + U, d_r, n);
        }
        vf_store_upto(dz, d_u, n);
        vf_store_upto(dz + 2 * U, d_g, n);
        vf_store(next + v, d * u);
    }
}

/* Without reset_after, from the gradient of r h: that of the reset gate, and
 * next. */
static void reset_of_row(const struct cnn_recurrent_backward *a, ptrdiff_t n, ptrdiff_t t,
                         const float *product, float *next)
{
    const enum cnn_function fr = (enum cnn_function)a->of.recurrent_activation;
    const ptrdiff_t U = a->of.U, at = n * a->of.T + t;
    for (ptrdiff_t v = 0; v < U; v += CNN_W) {
        const vf p = dropped(&a->of, n, v, vf_load(product + v));
        const vf r = vf_load_upto(a->gates + (3 * at + 1) * U + v, U - v);
        const vf before = vf_load_upto(a->states + at * U + v, U - v);
        vf_store(next + v, vf_fma(p, r, vf_load(next + v)));
        vf_store_upto(a->dz + (3 * at + 1) * U + v, vf_recurrent_gradient(fr, p * before, r),
                      U - v);
    }
}

void CNN_NAME(gru_backward)(const void *args, ptrdiff_t tile, void *scratch)
{
    const struct cnn_recurrent_backward *a = args;
    const struct cnn_recurrent *of = &a->of;
    const struct sequences q = sequences_of(of, tile);
    const ptrdiff_t size = q.count * q.row;
    float *now = scratch, *next = now + size, *repeated = next + size, *product = repeated + size;

    CNN_NAME(load_state)(now, a->dh, of->U, q);
    CNN_NAME(load_state)(next, NULL, of->U, q); /* zeros after the last unit stay */
    CNN_NAME(load_state)(repeated, NULL, of->U, q);
    CNN_NAME(load_state)(product, NULL, of->U, q);
    for (ptrdiff_t s = of->T - 1; s >= 0; s--) {
        const ptrdiff_t t = step_of(of, s);
        CNN_NAME(add_output_gradients)(now, repeated, a->dy, of, s, q);
        for (ptrdiff_t i = 0; i < q.count; i++) {
            const ptrdiff_t at = (q.first + i) * of->T + t;
            if (is_used(of, q.first + i, t)) {
                gradients_of_row(a, at, now + i * q.row, next + i * q.row);
                continue;
            }
            zero_floats(a->dz + 3 * at * of->U, 3 * of->U);
            if (of->reset_after)
                zero_floats(a->dr + 3 * at * of->U, 3 * of->U);
        }
        if (of->reset_after)
            CNN_NAME(state_gradient)(next, product, a->dr, of, of->parts, t, q, 1);
        else {
            CNN_NAME(transposed_product)(product, a->dz, of, of->parts - 1, t, q, 0);
            for (ptrdiff_t i = 0; i < q.count; i++)
                if (is_used(of, q.first + i, t))
                    reset_of_row(a, q.first + i, t, product + i * q.row, next + i * q.row);
            CNN_NAME(state_gradient)(next, product, a->dz, of, of->parts - 1, t, q, 1);
        }
        CNN_NAME(keep_masked)(next, now, of, t, q);
        float *old = now;
        now = next;
        next = old;
    }
    CNN_NAME(store_state)(a->dh0, now, of->U, q);
}
