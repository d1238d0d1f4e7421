"""PyTorch's training steps and predictions: the loop of its tutorials.

A step gathers its batch by shuffled indices, sets the gradients to None, and runs
forward, loss, backward and the optimizer, all with PyTorch's defaults.  It does not
read the loss back, which spares it a synchronisation and a running mean.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from bench.job import Job


def _lenet5() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )


def _mlp() -> nn.Module:
    return nn.Sequential(
        *(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))
    )


def _cnn() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Dropout(0.25), nn.Flatten(), nn.Linear(9216, 128), nn.ReLU()),
        *(nn.Dropout(0.5), nn.Linear(128, 10)),
    )


def _toy() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 3), nn.Sigmoid(), nn.Linear(3, 1), nn.Sigmoid())


class _Lstm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(28, 128, batch_first=True)
        self.dense = nn.Linear(128, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.dense(self.lstm(x)[0][:, -1])


NETWORKS: dict[str, tuple[Callable[[], nn.Module], Callable[[Any], Any], Any]] = {
    "lenet5": (
        _lenet5,
        lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9),
        nn.functional.cross_entropy,
    ),
    "mlp": (_mlp, torch.optim.Adam, nn.functional.cross_entropy),
    "cnn": (_cnn, torch.optim.Adam, nn.functional.cross_entropy),
    "lstm": (_Lstm, torch.optim.Adam, nn.functional.cross_entropy),
    "toy": (_toy, lambda p: torch.optim.SGD(p, lr=0.1), nn.functional.mse_loss),
}


def _network(work: dict[str, Any], channels_last: bool) -> nn.Module:
    network = NETWORKS[work["network"]][0]()
    return network.to(memory_format=torch.channels_last) if channels_last else network


def _as_input(x: torch.Tensor) -> torch.Tensor:
    """(N, H, W, C) as (N, C, H, W) without moving it: with one channel, or channels last."""
    return x.permute(0, 3, 1, 2) if x.ndim == 4 else x


def _data(arrays: dict[str, np.ndarray], channels_last: bool) -> tuple[torch.Tensor, torch.Tensor]:
    x, y = torch.from_numpy(arrays["x"]), torch.from_numpy(arrays["y"])
    if x.ndim == 4 and not channels_last:
        x = _as_input(x).contiguous()
    return x, y.long() if y.dtype == torch.int32 else y


def train(work: dict[str, Any], arrays: dict[str, np.ndarray], channels_last: bool) -> Job:
    _, make_optimizer, loss = NETWORKS[work["network"]]
    network = _network(work, channels_last)
    optimizer = make_optimizer(network.parameters())
    x, y = _data(arrays, channels_last)
    batch = work["batch"]

    def step(inputs: torch.Tensor, targets: torch.Tensor) -> None:
        optimizer.zero_grad(set_to_none=True)
        outputs = network(_as_input(inputs) if channels_last else inputs)
        loss(outputs, targets).backward()
        optimizer.step()

    def epoch() -> None:
        order = torch.randperm(len(x))
        for start in range(0, len(x), batch):
            chosen = order[start : start + batch]
            step(x[chosen], y[chosen])

    if work["same_batch"]:
        inputs, targets = x[:batch], y[:batch]
        return Job(lambda: step(inputs, targets))
    return Job(epoch, units=len(x) // batch)


def predict(work: dict[str, Any], arrays: dict[str, np.ndarray], channels_last: bool) -> Job:
    network = _network(work, channels_last).eval()
    x = _data(arrays, channels_last)[0][: work["batch"]]
    inputs = _as_input(x) if channels_last else x

    @torch.inference_mode()
    def run() -> Any:
        return network(inputs).softmax(dim=1)

    return Job(run)
