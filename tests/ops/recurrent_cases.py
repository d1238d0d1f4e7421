"""Valid calls of the recurrent operations."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from cnnlite import ops
from tests.ops.case import Case, array, positive


def recurrent_cases() -> list[Case]:
    """Return the cases of LSTM, GRU and simple RNN: batch 3, 2 steps, 4 features, 5 units."""
    n, t, f, u = 3, 2, 4, 5
    mask = {"mask": np.array([[1, 1], [1, 0], [0, 1]], "uint8")}
    found = []
    for name, gates in (("lstm", 4), ("gru", 3), ("simple_rnn", 1)):
        steps = {"x": array(n, t, f)}
        weights = {"kernel": array(f, gates * u), "recurrent_kernel": array(u, gates * u)}
        bias = {"bias": array(*((2, gates * u) if name == "gru" else (gates * u,)))}
        starts = {"h0": array(n, u)} | ({"c0": array(n, u)} if name == "lstm" else {})
        names = {"lstm": ("states", "cells"), "gru": ("states", "inner")}.get(name, ("states",))
        kept = {"gates": positive(n, t, gates * u)} | {k: array(n, t, u) for k in names}

        def masked(*arrays: Any, name: str = "", **kwargs: Any) -> Any:
            return getattr(ops, name)(*arrays[:-1], mask=arrays[-1], **kwargs)

        call = functools.partial(masked, name=f"{name}_forward")
        arrays = steps | weights | bias | starts | mask
        case = Case(f"{name}_forward", call, arrays, where=name)
        case.batched, case.optional = ("x", *starts, "mask"), ("bias", *starts, "mask")
        found.append(case)

        call = functools.partial(masked, name=f"{name}_backward")
        arrays = {"dy": array(n, t, u)} | steps | weights | kept | mask
        case = Case(f"{name}_backward", call, arrays)
        case.batched, case.optional = ("dy", "x", *kept, "mask"), ("dy", "mask")
        found.append(case)

        start = {"x": array(n, f), "h": array(n, u)}
        start |= {"c": array(n, u)} if name == "lstm" else {}
        where, call = f"{name}_cell", getattr(ops, f"{name}_cell_forward")
        arrays = start | weights | bias
        found.append(Case(f"{where}_forward", call, arrays, batched=tuple(start), where=where))

        kept = {"new_h" if gates == 1 else "gates": positive(n, gates * u)}
        kept |= {"inner": array(n, u)} if name == "gru" else {}
        ends = {f"d{k}": array(n, u) for k in start if k != "x"}
        call = getattr(ops, f"{name}_cell_backward")
        case = Case(f"{where}_backward", call, ends | start | weights | kept, has_out=False)
        case.batched = (*ends, *start, *kept)
        found.append(case)
    return found
