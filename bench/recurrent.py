"""Cases of recurrent networks: the recurrence of whole sequences, and back through time.

Errors of a recurrence grow from step to step, so the bounds are recurrences as well.
Forward they follow the formulas: a sum of K terms, what the activation makes of its
error (Lipschitz), the products after it.  Backward the gradient is linear in what comes
from above, so the bound is the number of roundings on the longest path times the same
computation on absolute values.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from bench.case import LIPSCHITZ, Arguments, Case, draw, roundoff, ulps, unwritten
from cnnlite.kernels import reference
from cnnlite.kernels.reference.recurrent import OutputGradients, Outputs, applied, keep, steps, used

GATES = {"lstm": 4, "gru": 3, "simple_rnn": 1}


@dataclass(frozen=True, kw_only=True)
class Recurrent(Case):
    """lstm, gru or simple_rnn, forward or backward: n sequences of t steps, u units.

    ``last``: only the last output.  ``saves``: forward, keep what backward needs.
    ``states``: with an initial state, and a gradient of the final one.
    """

    n: int
    t: int
    u: int
    last: bool = False
    saves: bool = True
    states: bool = True
    dropped: bool = False
    masked: bool = False
    backwards: bool = False
    zero: bool = False
    reset_after: bool = True
    activation: str | None = "tanh"
    recurrent_activation: str | None = "sigmoid"

    @property
    def kind(self) -> str:
        return self.operation.rsplit("_", 1)[0]

    @property
    def gates(self) -> int:
        return GATES[self.kind]

    @property
    def forward(self) -> bool:
        return self.operation.endswith("forward")

    def flops(self) -> int:
        return 2 * self.n * self.t * self.u * self.gates * self.u

    def arguments(self, rng, dtype, *, integers=False):
        n, t, u, g = self.n, self.t, self.u, self.gates
        out = 1 if self.last else t
        kernel = draw(rng, (u, g * u), dtype) / dtype_of(dtype)(max(u, 1))
        bias = draw(rng, (g * u,), dtype) if self.kind == "gru" and self.reset_after else None
        # What was dropped is 0, the rest is scaled up.
        drop = np.asarray(rng.integers(0, 2, (n, g, u)) * 1.5, dtype) if self.dropped else None
        mask = rng.integers(0, 2, (n, t)).astype(np.uint8) if self.masked else None
        state, cell = (draw(rng, (n, u), dtype) if self.states else None for _ in range(2))
        sequence, new = (n, t, u), (n, u)
        if self.forward:
            z = draw(rng, (n, t, g * u), dtype)
            saved = [unwritten(s, dtype) if self.saves else None for s in ((n, t, g * u), sequence)]
            more = [unwritten(sequence, dtype) if self.saves else None]
            ends = [unwritten((n, out, u), dtype), unwritten(new, dtype)]
            if self.kind == "lstm":
                outputs = [*saved, *more, *ends, unwritten(new, dtype)]
                inputs = [z, state, cell, kernel, drop, mask]
            elif self.kind == "gru":
                outputs = [*saved, *more, *ends]
                inputs = [z, state, kernel, bias, drop, mask]
            else:
                outputs, inputs = [*saved, *ends], [z, state, kernel, drop, mask]
            return Arguments(outputs, inputs, self.params())
        # Activations of made-up sums: between 0 and 1, the candidate's between -1 and 1.
        gates = rng.uniform(0.05, 0.95, (n, t, g * u)).astype(dtype)
        candidate = slice(2 * u, 3 * u) if g > 1 else slice(None)
        gates[:, :, candidate] *= rng.choice(np.array([-1, 1], dtype), (n, t, u))
        dy, one, two = draw(rng, (n, out, u), dtype), draw(rng, sequence, dtype), None
        dz, dr, dh0 = (unwritten(s, dtype) for s in ((n, t, g * u), (n, t, g * u), new))
        if self.kind == "lstm":
            outputs = [dz, dh0, unwritten(new, dtype)]
            inputs = [dy, state, cell, gates, one, kernel, drop, mask]
        elif self.kind == "gru":
            two = draw(rng, sequence, dtype)
            outputs = [dz, dr if self.reset_after else None, dh0]
            inputs = [dy, state, gates, one, two, kernel, drop, mask]
        else:
            outputs, inputs = [dz, dh0], [dy, state, gates, kernel, drop, mask]
        return Arguments(outputs, inputs, self.params())

    def params(self) -> dict:
        found = {"activation": self.activation, "go_backwards": self.backwards}
        found["zero_output_for_mask"] = self.zero
        if self.kind == "gru":
            found["reset_after"] = self.reset_after
        if self.kind != "simple_rnn":
            found["recurrent_activation"] = self.recurrent_activation
        return found

    def tolerance(self, arguments, expected, dtype, function_ulps):
        with np.errstate(all="ignore"):
            if self.forward:
                return _forward_bounds(self, arguments, roundoff(dtype), dtype, function_ulps)
            return _backward_bounds(self, arguments, roundoff(dtype), function_ulps)


def dtype_of(dtype):
    return np.dtype(dtype).type


def _forward_bounds(case: Recurrent, arguments: Arguments, u: float, dtype, function_ulps: float):
    """Bounds in the order of the outputs."""
    n, t, units, count = case.n, case.t, case.u, case.gates
    z = arguments.inputs[0]
    kernel, drop, mask = arguments.inputs[-3 if case.kind != "gru" else -4], *arguments.inputs[-2:]
    bias = arguments.inputs[-3] if case.kind == "gru" else None
    # The right values at every step, from the reference in float64.
    places = 2 if case.kind == "simple_rnn" else 3
    values = [np.zeros((n, t, count * units)), *(np.zeros((n, t, units)) for _ in range(2))]
    outputs = [*values[:places], *(np.zeros_like(a) for a in arguments.outputs[places:])]
    reference.KERNELS[case.operation](*outputs, *arguments.inputs, **arguments.params)
    gates, states, extra = values

    errors = [np.zeros_like(a) for a in values]
    e_h, e_c = np.zeros((n, units)), np.zeros((n, units))
    e_y = np.zeros_like(arguments.outputs[places])
    shown = Outputs(e_y, case.zero)

    def gate(value, error, function):
        if function == "hard_sigmoid":
            return error / 6 + 4 * u  # of (x + 3) / 6, at most 1
        bound = LIPSCHITZ[function] * error
        known = function in ("sigmoid", "tanh")
        return bound + ulps(value, function_ulps, dtype) if known else bound

    def share(k, h, e):
        """Size and error of what gate k gets from the state."""
        w = np.abs(kernel[:, k * units : (k + 1) * units])
        d = 1.0 if drop is None else np.abs(drop[:, k])
        return (np.abs(h) * d) @ w, (e * d) @ w

    for s, t_in in steps(t, case.backwards):
        h, size = states[:, t_in], []
        e_sum = []
        for k in range(count):
            part = slice(k * units, (k + 1) * units)
            b = 0.0 if bias is None else np.abs(bias[part])
            absolute, error = share(k, h, e_h)
            size.append(absolute + b)
            e_sum.append((units + 4) * u * (np.abs(z[:, t_in, part]) + absolute + b) + error)
        value = [gates[:, t_in, k * units : (k + 1) * units] for k in range(count)]
        errors[1][:, t_in] = e_h
        if case.kind == "simple_rnn":
            e_gates = [gate(value[0], e_sum[0], case.activation)]
            new_h = e_gates[0]
        elif case.kind == "lstm":
            r, a = case.recurrent_activation, case.activation
            e_gates = [gate(v, e, f) for v, e, f in zip(value, e_sum, (r, r, a, r), strict=True)]
            (i, f, g, o), (ei, ef, eg, eo) = value, e_gates
            before, errors[2][:, t_in] = extra[:, t_in], e_c
            new = f * before + i * g
            rounding = 4 * u * (np.abs(f * before) + np.abs(i * g))
            new_c = rounding + np.abs(f) * e_c + np.abs(before) * ef + ef * e_c
            new_c = new_c + np.abs(i) * eg + np.abs(g) * ei + ei * eg
            top = applied(a, new)
            e_top = gate(top, new_c, a)
            new_h = np.abs(o) * e_top + np.abs(top) * eo + eo * e_top + 2 * u * np.abs(o * top)
        else:
            r, a = case.recurrent_activation, case.activation
            eu, er = (gate(value[k], e_sum[k], r) for k in range(2))
            update, reset, g = value
            kept = extra[:, t_in]
            if case.reset_after:
                absolute, error = share(2, h, e_h)
                e_kept = (units + 4) * u * size[2] + error
                product_ = np.abs(reset * kept)
                e_last = np.abs(reset) * e_kept + np.abs(kept) * er + er * e_kept
            else:
                d = 1.0 if drop is None else np.abs(drop[:, 2])
                e_kept = d * (np.abs(reset) * e_h + np.abs(h) * er + er * e_h)
                e_kept = e_kept + 3 * u * np.abs(kept)
                w = np.abs(kernel[:, 2 * units :])
                product_ = np.abs(kept) @ w
                e_last = (units + 4) * u * product_ + e_kept @ w
            errors[2][:, t_in] = e_kept
            e_last = e_last + 4 * u * (np.abs(z[:, t_in, 2 * units :]) + product_)
            eg = gate(g, e_last, a)
            e_gates = [eu, er, eg]
            new_h = np.abs(update) * e_h + np.abs(h - g) * eu + np.abs(1 - update) * eg
            new_h = new_h + eu * (e_h + eg)
            new_h = new_h + 5 * u * (np.abs(update * h) + (1 + np.abs(update)) * np.abs(g))
        errors[0][:, t_in] = np.concatenate(e_gates, axis=1)
        use = used(mask, t_in)
        e_h = keep(use, new_h, e_h)
        if case.kind == "lstm":
            e_c = keep(use, new_c, e_c)
        shown.write(s, e_h, use)
    saved = errors[:places] if case.saves else [None] * places
    return [*saved, e_y, e_h, *([e_c] if case.kind == "lstm" else [])]


def _slope(function, y):
    """The size of an activation's derivative, from its output, without cancellation."""
    return {
        None: 1.0,
        "relu": 1.0,
        "hard_sigmoid": 1.0,
        "sigmoid": np.abs(y) * (1 + np.abs(y)),
        "tanh": 1 + y * y,
    }[function]


def _backward_bounds(case: Recurrent, arguments: Arguments, u: float, function_ulps: float):
    """The number of roundings times the computation on absolute values."""
    units, count = case.u, case.gates
    inputs = [None if a is None else np.abs(a) for a in arguments.inputs]
    kernel, drop = inputs[-3], inputs[-2]
    mask = arguments.inputs[-1]
    dy, d_h = inputs[0], inputs[1]
    gates = inputs[3] if case.kind == "lstm" else inputs[2]
    zeros = np.zeros((case.n, units))
    d_h = zeros if d_h is None else d_h
    d_c = zeros if case.kind != "lstm" or inputs[2] is None else inputs[2]
    dz, dr = np.zeros_like(gates), np.zeros_like(gates)
    outputs = OutputGradients(dy, case.t, zeros, case.zero)
    a, r = case.activation, case.recurrent_activation

    def back(sums, ks):
        total = 0.0
        for k in ks:
            part = sums[k] @ kernel[:, k * units : (k + 1) * units].T
            total = total + (part if drop is None else part * drop[:, k])
        return total

    roundings = 0.0
    for s, t in reversed(list(steps(case.t, case.backwards))):
        use = used(mask, t)
        # A sum of all gates' terms, those around it, and a function of the cell.
        roundings += count * units + 20 + 4 * function_ulps
        value = [gates[:, t, k * units : (k + 1) * units] for k in range(count)]
        d = d_h + outputs.take(s, use)
        new_c = d_c
        if case.kind == "simple_rnn":
            recurrent = sums = [d * _slope(a, value[0])]
            new = back(sums, range(1))
        elif case.kind == "lstm":
            i, f, g, o = value
            before = inputs[4][:, t]
            top = f * before + i * g  # no less than its tanh
            slope = 1 + 2 * top
            cell = d_c + d * o * slope
            sums = [
                cell * g * _slope(r, i), cell * before * _slope(r, f), cell * i * _slope(a, g),
                d * top * _slope(r, o),
            ]  # fmt: skip
            recurrent, new, new_c = sums, back(sums, range(4)), cell * f
        else:
            update, reset, g = value
            before, inner = inputs[3][:, t], inputs[4][:, t]
            d_u = d * (before + g) * _slope(r, update)
            d_g = d * (1 + update) * _slope(a, g)
            if case.reset_after:
                d_r = d_g * inner * _slope(r, reset)
                recurrent = [d_u, d_r, d_g * reset]
                new = d * update + back(recurrent, range(3))
            else:
                p = back([None, None, d_g], [2])
                d_r = p * before * _slope(r, reset)
                recurrent = [d_u, d_r, d_g]
                new = d * update + p * reset + back(recurrent, range(2))
            sums = [d_u, d_r, d_g]
        for array, parts in ((dz, sums), (dr, recurrent)):
            both = np.concatenate(parts, axis=1)
            array[:, t] = roundings * u * keep(use, both, np.zeros_like(both))
        d_h, d_c = keep(use, new, d_h), keep(use, new_c, d_c)
    ends = (roundings + 2) * u * d_h, (roundings + 2) * u * d_c
    if case.kind == "lstm":
        return [dz, *ends]
    if case.kind == "gru":
        return [dz, dr if case.reset_after else None, ends[0]]
    return [dz, ends[0]]


OPERATIONS = [f"{kind}_{way}" for kind, way in product(GATES, ("forward", "backward"))]


def recurrent(**fields: object) -> list[Case]:
    """Return the case for each kind and both ways, a GRU with and without reset_after."""
    made: list[Case] = []
    for operation in OPERATIONS:
        for reset_after in (True, False) if operation.startswith("gru") else (True,):
            made.append(
                Recurrent(operation=operation, reset_after=reset_after, **fields)  # type: ignore[arg-type]
            )
    return made


def recurrent_edges() -> list[Case]:
    small = {"n": 3, "t": 4, "u": 5}
    sizes = [(1, 1, 1), (2, 3, 4), (1, 2, 15), (7, 2, 16), (6, 3, 17), (2, 2, 33), (13, 1, 8)]
    sizes += [(11, 2, 3), (1, 2, 65), (0, 3, 4), (3, 0, 4)]
    cases = [case for n, t, u in sizes for case in recurrent(n=n, t=t, u=u)]
    for fields in (
        {"last": True},
        {"saves": False, "states": False},
        {"states": False},
        {"dropped": True},
        {"masked": True},
        {"masked": True, "last": True},
        {"masked": True, "zero": True},
        {"masked": True, "zero": True, "last": True},
        {"backwards": True},
        {"backwards": True, "last": True, "masked": True, "dropped": True},
        {"n": 7, "u": 18, "dropped": True, "masked": True},
        {"n": 7, "u": 18, "saves": False, "backwards": True},
        {"t": 0, "last": True},
        {"t": 1, "last": True, "masked": True},
        {"activation": "relu", "recurrent_activation": "tanh"},
        {"activation": None, "recurrent_activation": "relu"},
        {"recurrent_activation": "hard_sigmoid"},
        {"activation": "hard_sigmoid", "recurrent_activation": "hard_sigmoid"},
        {"activation": "sigmoid", "recurrent_activation": None},
    ):
        cases += recurrent(**small | fields)  # type: ignore[arg-type]
    # A forward pass that saves nothing has no twin backward.
    return list({str(case): case for case in cases if case.forward or case.saves}.values())  # type: ignore[attr-defined]


RECURRENT_SHARED = [
    *recurrent(n=40, t=6, u=50),
    *recurrent(n=37, t=5, u=64, masked=True, dropped=True),
]
