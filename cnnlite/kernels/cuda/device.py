"""What a plan needs of the device: memory, copies, and launches that it makes again."""

from __future__ import annotations

from numba import cuda

from cnnlite.kernels.cuda.launching import SIMULATED, driver_errors, kept_launches
from cnnlite.kernels.cuda.memory import (
    as_arrays,
    copy_of,
    empty,
    finish,
    read,
    staging,
    view,
    write,
)

__all__ = [
    "as_arrays",
    "copy_of",
    "driver_errors",
    "empty",
    "finish",
    "kept_launches",
    "name",
    "read",
    "staging",
    "view",
    "write",
]


def name() -> str:
    """Return what computes, in words."""
    if SIMULATED:
        return "Numba's simulator of a GPU"
    device = cuda.get_current_device()
    model = device.name.decode() if isinstance(device.name, bytes) else device.name
    return f"{model}, compute capability {'.'.join(map(str, device.compute_capability))}"
