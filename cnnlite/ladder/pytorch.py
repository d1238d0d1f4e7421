"""PyTorch, with the layout that it is fastest with: channels last for images.

Imports PyTorch, NumPy and this package's plain files only, for it may run under another
interpreter (``--torch-python``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnnlite.ladder.job import Job, Unavailable
from cnnlite.ladder.operations import EPSILON

missing = ""
try:
    import torch
    from torch.nn import functional
except ImportError as error:
    missing = str(error)

Arrays = dict[str, np.ndarray]
Shape = dict[str, int]


def about() -> dict[str, Any]:
    """Return versions and settings."""
    return {} if missing else {"torch": torch.__version__, "numpy": np.__version__}


def prepare(name: str, shape: Shape, arrays: Arrays, options: dict[str, Any]) -> Job:
    """Return the job of an operation.

    Raises
    ------
    Unavailable
        PyTorch cannot be imported.
    """
    if missing:
        raise Unavailable(
            f"PyTorch cannot be imported ({missing}); --torch-python names a Python that has it"
        )
    torch.set_num_threads(options["threads"])
    forward, restore = PREPARE[name]({k: torch.from_numpy(a) for k, a in arrays.items()})
    latest: list[Any] = [None]

    def run() -> None:
        with torch.inference_mode():
            latest[0] = forward()

    return Job(run, result=lambda: restore(latest[0]).contiguous().numpy())


Made = tuple[Callable[[], Any], Callable[[Any], Any]]


def _image(x: Any) -> Any:
    """(N, H, W, C) as PyTorch's (N, C, H, W), whose memory stays as it is."""
    return x.permute(0, 3, 1, 2)


def _from_image(y: Any) -> Any:
    return y.permute(0, 2, 3, 1)


def _as_it_is(y: Any) -> Any:
    return y


def matmul(given: dict[str, Any]) -> Made:
    a, b = given["a"], given["b"]
    y = torch.full((len(a), b.shape[1]), torch.nan)
    return lambda: torch.mm(a, b, out=y), _as_it_is


def conv2d(given: dict[str, Any]) -> Made:
    x = _image(given["x"])
    w = given["w"].permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)
    return lambda: functional.conv2d(x, w, padding=1), _from_image


def maxpool2d(given: dict[str, Any]) -> Made:
    x = _image(given["x"])
    return lambda: functional.max_pool2d(x, 2, return_indices=True)[0], _from_image


def batchnorm(given: dict[str, Any]) -> Made:
    x, gamma, beta = _image(given["x"]), given["gamma"], given["beta"]

    def forward() -> Any:
        y = functional.batch_norm(x, None, None, gamma, beta, True, 0.1, EPSILON)
        return y.relu_()

    return forward, _from_image


def lstm(given: dict[str, Any]) -> Made:
    x, w, u, bias = (given[k] for k in ("x", "w", "u", "bias"))
    layer = torch.nn.LSTM(len(w), len(u), batch_first=True)
    weights = (layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0)
    with torch.no_grad():
        for own, value in zip(weights, (w.T, u.T, bias, torch.zeros_like(bias)), strict=True):
            own.copy_(value)
    return lambda: layer(x)[0], _as_it_is


def softmax(given: dict[str, Any]) -> Made:
    x = given["x"]
    return lambda: torch.softmax(x, 1), _as_it_is


PREPARE: dict[str, Callable[[dict[str, Any]], Made]] = {
    function.__name__: function
    for function in (matmul, conv2d, maxpool2d, batchnorm, lstm, softmax)
}
