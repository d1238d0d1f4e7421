"""PyTorch's normalizations, softmax and Adam; ``made`` compiles a function or leaves it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional

from bench.contestants.torch_layouts import from_image, image
from bench.job import Job, fastest

Arrays = dict[str, np.ndarray]


def _normalized(forward: Any, x: Any, dy: Any, arrays: Arrays, restore: Any) -> Job:
    """The job of y = forward(x, gamma, beta) and its three gradients."""
    gamma, beta = (torch.from_numpy(arrays[k]) for k in ("gamma", "beta"))
    wanted = (x, gamma, beta)
    for leaf in wanted:
        leaf.requires_grad_()
    latest: dict[str, Any] = {}

    def run() -> None:
        latest["y"] = forward(x, gamma, beta)
        latest["gradients"] = torch.autograd.grad(latest["y"], wanted, dy)

    def outputs() -> Arrays:
        dx, dgamma, dbeta = latest["gradients"]
        images = {"y": restore(latest["y"]), "dx": restore(dx)}
        return images | {"dgamma": dgamma.numpy(), "dbeta": dbeta.numpy()}

    return Job(run, outputs=outputs)


def batchnorm(work: dict[str, Any], arrays: Arrays, channels_last: bool, made: Any) -> Job:
    """Batch norm and ReLU, with Keras's defaults: momentum 0.99 and epsilon 1e-3."""
    x, dy = (image(arrays[k], channels_last) for k in ("x", "dy"))
    channels = arrays["gamma"].size
    moving = torch.zeros(channels), torch.ones(channels)

    def forward(x: torch.Tensor, gamma: torch.Tensor, beta: torch.Tensor) -> torch.Tensor:
        return functional.relu(functional.batch_norm(x, *moving, gamma, beta, True, 0.01, 1e-3))

    return _normalized(made(forward), x, dy, arrays, from_image)


def _layernorm(arrays: Arrays, made: Any) -> Job:
    def forward(x: torch.Tensor, gamma: torch.Tensor, beta: torch.Tensor) -> torch.Tensor:
        return functional.layer_norm(x, gamma.shape, gamma, beta, 1e-3)

    x, dy = (torch.from_numpy(arrays[k]) for k in ("x", "dy"))
    return _normalized(made(forward), x, dy, arrays, lambda t: t.detach().numpy())


def _softmax(arrays: Arrays, made: Any) -> Job:
    x, latest = torch.from_numpy(arrays["x"]), {}
    forward = made(lambda x: torch.softmax(x, 1))

    @torch.inference_mode()
    def run() -> None:
        latest["y"] = forward(x)

    return Job(run, outputs=lambda: {"y": latest["y"].numpy()})


def _update(arrays: Arrays, made: Any) -> Job:
    """torch.optim.Adam, as by default or fused; with Keras's epsilon."""

    def fresh(fused: bool) -> tuple[Any, dict[str, torch.Tensor]]:
        weights = {n: torch.from_numpy(a.copy()) for n, a in arrays.items() if n[0] == "w"}
        gradients = [torch.from_numpy(a) for n, a in arrays.items() if n[0] == "g"]
        for weight, gradient in zip(weights.values(), gradients, strict=True):
            weight.requires_grad_()
            weight.grad = gradient
        optimizer = torch.optim.Adam(weights.values(), eps=1e-7, fused=fused)
        return made(optimizer.step), weights

    def way(fused: bool) -> Job:
        def outputs() -> Arrays:
            step, weights = fresh(fused)
            step()
            step()
            return {name: w.detach().numpy() for name, w in weights.items()}

        return Job(fresh(fused)[0], outputs=outputs)

    return fastest([way(False), way(True)])


PREPARE = {"layernorm": _layernorm, "softmax": _softmax, "update": _update}
