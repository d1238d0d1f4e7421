"""PyTorch's recurrent layers, which torch.compile leaves as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from bench.job import Job

Arrays = dict[str, np.ndarray]

LAYERS = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "simple_rnn": torch.nn.RNN}


def _gates(kind: str, rows: torch.Tensor) -> torch.Tensor:
    """(gates of units, ...) from Keras's order to PyTorch's, or back: a GRU's first two swap."""
    if kind != "gru":
        return rows
    update, reset, candidate = rows.chunk(3)
    return torch.cat([reset, update, candidate])


def prepare(work: dict[str, Any], arrays: Arrays) -> Job:
    """A GRU has two biases in Keras too; of the others, PyTorch's second is 0."""
    kind = work["kind"]
    x, w, u, bias, dy = (torch.from_numpy(a) for a in arrays.values())
    layer = LAYERS[kind](w.shape[0], u.shape[0], batch_first=True)
    biases = bias if kind == "gru" else torch.stack([bias, torch.zeros_like(bias)])
    weights = [layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0]
    with torch.no_grad():
        for own, given in zip(weights, (w.T, u.T, *biases), strict=True):
            own.copy_(_gates(kind, given))
    wanted = [x, *weights] if kind == "gru" else [x, *weights[:3]]
    latest: dict[str, Any] = {}
    layer.requires_grad_(work["backward"])
    if work["backward"]:
        x.requires_grad_()

    def forward() -> None:
        latest["y"], _ = layer(x)

    def both() -> None:
        forward()
        latest["gradients"] = torch.autograd.grad(latest["y"], wanted, dy)

    def outputs() -> Arrays:
        out = {"y": latest["y"].detach()}
        if work["backward"]:
            dx, dw, du, *biases = latest["gradients"]
            db = torch.stack([_gates(kind, b) for b in biases]).reshape(bias.shape)
            out |= {"dx": dx, "dw": _gates(kind, dw).T, "du": _gates(kind, du).T, "db": db}
        return {name: t.contiguous().numpy() for name, t in out.items()}

    return Job(both if work["backward"] else torch.inference_mode()(forward), outputs=outputs)
