"""The rows of recurrent networks: layers over sequences, with their products and gradients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

GATES = {"lstm": 4, "gru": 3, "simple_rnn": 1}
TITLES = {"lstm": "LSTM", "gru": "GRU", "simple_rnn": "SimpleRNN"}


@dataclass(frozen=True)
class Sequences:
    """n sequences of t steps, f features, u units; ``backward``: gradients as well."""

    n: int
    t: int
    f: int
    u: int
    backward: bool
    ratio: float  # of the best peer's time to ours
    cell: str = "lstm"

    @property
    def name(self) -> str:
        passes = "forward+backward" if self.backward else "forward"
        return f"{TITLES[self.cell]} N{self.n} T{self.t} F{self.f} U{self.u} {passes}"

    @property
    def flops(self) -> int:
        """Of the products; each pass back has two products for one forward."""
        forward = 2 * self.n * self.t * GATES[self.cell] * self.u * (self.f + self.u)
        return 3 * forward if self.backward else forward

    def data(self) -> dict[str, np.ndarray]:
        rng, columns = np.random.default_rng(0), GATES[self.cell] * self.u
        shapes = {
            "x": (self.n, self.t, self.f),
            "kernel": (self.f, columns),
            "recurrent_kernel": (self.u, columns),
            "bias": (2, columns) if self.cell == "gru" else (columns,),
            "dy": (self.n, self.t, self.u),
        }
        arrays = {k: rng.standard_normal(s, np.float32) for k, s in shapes.items()}
        for name in ("kernel", "recurrent_kernel"):
            arrays[name] /= np.sqrt(np.float32(self.u))
        return arrays


SEQUENCES = [
    Sequences(64, 28, 28, 128, False, 1),
    Sequences(64, 28, 28, 128, True, 1.3),
    Sequences(64, 100, 64, 256, False, 1),
    Sequences(64, 100, 64, 256, True, 1.7),
    Sequences(128, 35, 256, 512, False, 1),
    Sequences(128, 35, 256, 512, True, 1.3),
    Sequences(1, 50, 32, 64, False, 2),
    Sequences(1, 200, 256, 256, False, 2),
    *(
        Sequences(*sizes, cell=cell)
        for cell in ("gru", "simple_rnn")
        for sizes in (
            (64, 100, 64, 256, False, 1),
            (64, 100, 64, 256, True, 1.3),
            (1, 200, 256, 256, False, 2),
        )
    ),
]
