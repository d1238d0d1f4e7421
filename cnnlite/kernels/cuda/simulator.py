"""What Numba's simulator of a GPU lacks; imported in it alone."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numba.cuda.simulator import kernel, kernelapi
from numba.np.numpy_support import as_dtype

__all__ = ["Device"]

# Waiting for a barrier is a loop there that, by default, keeps the other threads from
# running for 5 ms at a time: the tests take an eighth of the time so.
sys.setswitchinterval(1e-4)


def _shared_array(self: Any, shape: Any, dtype: Any, alignment: int | None = None) -> np.ndarray:
    """Return the array that this line of the kernel makes: one for all threads of a block.

    In Numba's function two threads that ask for it at once may get one each.
    """
    caller = sys._getframe(1)
    place = caller.f_code, caller.f_lineno
    return self._allocations.setdefault(place, np.empty(shape, as_dtype(dtype)))


kernelapi.FakeCUDAShared.array = _shared_array  # type: ignore[method-assign]

# As on a GPU, infinities and NaN come without a warning.
kernel.BlockThread.run = np.errstate(all="ignore")(kernel.BlockThread.run)  # type: ignore


class Device:
    """Stands for ``cuda`` in functions of the device that kernels of other modules call.

    The simulator gives its own to the module of the kernel that runs, and takes it away from
    the module of such a function as soon as one thread has left it.
    """

    def __getattr__(self, name: str) -> Any:
        return getattr(kernel._get_kernel_context(), name)
