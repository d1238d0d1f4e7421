"""PyTorch's training steps and predictions: the loop of its tutorials.

A step gathers its batch by shuffled indices, sets the gradients to None, and runs
forward, loss, backward and the optimizer, all with PyTorch's defaults.  It does not
read the loss back, which spares it a synchronisation and a running mean.  Compiled,
the network with its loss is one function and the optimizer's update another, and the
faster memory layout of the two is timed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from bench.contestants.networks import initial_weights
from bench.job import Job, fastest

Arrays = dict[str, np.ndarray]


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


def _cnn_bn() -> nn.Module:
    """With Keras's defaults of batch normalization: momentum 0.99 and epsilon 1e-3."""
    layers: list[nn.Module] = []
    for c, f in ((3, 64), (64, 128), (128, 256)):
        for channels in (c, f):
            layers.append(nn.Conv2d(channels, f, 3, padding=1, bias=False))
            layers += [nn.BatchNorm2d(f, eps=1e-3, momentum=0.01), nn.ReLU()]
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, 10))


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
    "cnn_bn": (_cnn_bn, lambda p: torch.optim.SGD(p, lr=0.01), nn.functional.cross_entropy),
    "lstm": (_Lstm, torch.optim.Adam, nn.functional.cross_entropy),
    "toy": (_toy, lambda p: torch.optim.SGD(p, lr=0.1), nn.functional.mse_loss),
}


@torch.no_grad()
def _load(network: nn.Module, weights: list[np.ndarray]) -> None:
    """Copy weights in cnnlite's order and layouts into the network."""
    found, channels = iter(weights), 1
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            channels = layer.out_channels
            layer.weight.copy_(torch.from_numpy(next(found)).permute(3, 2, 0, 1))
            if layer.bias is not None:
                layer.bias.copy_(torch.from_numpy(next(found)))
        elif isinstance(layer, nn.BatchNorm2d):
            for t in (layer.weight, layer.bias, layer.running_mean, layer.running_var):
                t.copy_(torch.from_numpy(next(found)))
        elif isinstance(layer, nn.LSTM):
            layer.weight_ih_l0.copy_(torch.from_numpy(next(found)).T)
            layer.weight_hh_l0.copy_(torch.from_numpy(next(found)).T)
            layer.bias_ih_l0.copy_(torch.from_numpy(next(found)))
            layer.bias_hh_l0.zero_()
        elif isinstance(layer, nn.Linear):
            w = next(found)  # its rows are pixels of channels; PyTorch's, channels of pixels
            rows = w.reshape(-1, channels, w.shape[1]).swapaxes(0, 1).reshape(w.shape)
            layer.weight.copy_(torch.from_numpy(rows.T.copy()))
            layer.bias.copy_(torch.from_numpy(next(found)))
            channels = 1


def _network(work: dict[str, Any], arrays: Arrays, channels_last: bool) -> nn.Module:
    network = NETWORKS[work["network"]][0]()
    _load(network, initial_weights(arrays))
    return network.to(memory_format=torch.channels_last) if channels_last else network


def _as_input(x: torch.Tensor) -> torch.Tensor:
    """(N, H, W, C) as (N, C, H, W) without moving it: with one channel, or channels last."""
    return x.permute(0, 3, 1, 2) if x.ndim == 4 else x


def _data(arrays: Arrays, channels_last: bool) -> tuple[torch.Tensor, torch.Tensor]:
    x, y = torch.from_numpy(arrays["x"]), torch.from_numpy(arrays["y"])
    if x.ndim == 4 and not channels_last:
        x = _as_input(x).contiguous()
    return x, y.long() if y.dtype == torch.int32 else y


class _Trainer:
    """A network, its optimizer and its data in one memory layout."""

    def __init__(
        self, work: dict[str, Any], arrays: Arrays, channels_last: bool, compiled: bool = False
    ) -> None:
        _, make_optimizer, loss = NETWORKS[work["network"]]
        self.channels_last = channels_last
        self.network = network = _network(work, arrays, channels_last)
        self.optimizer = make_optimizer(network.parameters())
        self.x, self.y = _data(arrays, channels_last)
        self.update = self.optimizer.step
        self.loss = lambda inputs, targets: loss(network(inputs), targets)
        if compiled:
            self.loss = torch.compile(self.loss, dynamic=False)
            self.update = torch.compile(self.update, dynamic=False)

    def inputs(self, x: torch.Tensor) -> torch.Tensor:
        return _as_input(x) if self.channels_last else x

    def step(self, x: torch.Tensor, y: torch.Tensor) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        self.loss(self.inputs(x), y).backward()
        self.update()

    def epoch(self, batch: int) -> None:
        order = torch.randperm(len(self.x))
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            self.step(self.x[chosen], self.y[chosen])

    @torch.no_grad()
    def predict(self, x: torch.Tensor, has_classes: bool) -> np.ndarray:
        self.network.eval()
        y = self.network(self.inputs(x))
        self.network.train()
        return (y.softmax(1) if has_classes else y).numpy()


def train(work: dict[str, Any], arrays: Arrays, channels_last: bool, compiled: bool) -> Job:
    batch = work["batch"]

    def way(channels_last: bool) -> Job:
        trainer = _Trainer(work, arrays, channels_last, compiled)

        def outputs() -> Arrays:
            fresh = _Trainer(work, arrays, channels_last, compiled)
            x, y = fresh.x[:batch], fresh.y[:batch]
            has_classes = arrays["y"].dtype == np.int32
            before = fresh.predict(x, has_classes)
            fresh.step(x, y)
            return {"before": before, "after": fresh.predict(x, has_classes)}

        if work["same_batch"]:
            one = trainer.x[:batch], trainer.y[:batch]
            return Job(lambda: trainer.step(*one), outputs=outputs)
        return Job(lambda: trainer.epoch(batch), len(trainer.x) // batch, outputs)

    both = compiled and arrays["x"].ndim == 4
    return fastest([way(layout) for layout in ((False, True) if both else (channels_last,))])


def predict(work: dict[str, Any], arrays: Arrays, channels_last: bool, compiled: bool) -> Job:
    def way(channels_last: bool) -> Job:
        network = _network(work, arrays, channels_last).eval()
        x = _data(arrays, channels_last)[0][: work["batch"]]
        inputs = _as_input(x) if channels_last else x
        function = torch.compile(network, dynamic=False) if compiled else network

        @torch.inference_mode()
        def run() -> torch.Tensor:
            return function(inputs).softmax(dim=1)

        return Job(run, outputs=lambda: {"y": run().numpy()})

    return fastest([way(layout) for layout in ((False, True) if compiled else (channels_last,))])
