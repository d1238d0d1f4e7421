"""Launches: errors of the driver, scratch memory, addresses of many arrays."""

from __future__ import annotations

import numpy as np
import pytest
from numba import cuda
from numba.cuda.cudadrv.driver import CudaAPIError

from cnnlite.errors import BackendError
from cnnlite.kernels import cuda as back_end
from cnnlite.kernels.cuda import device, launching, memory

X = np.ones((2, 3), "float32")


@pytest.mark.parametrize(
    ("reason", "mend"),
    [("CUDA_ERROR_OUT_OF_MEMORY", "Take smaller batches"), ("CUDA_ERROR_UNKNOWN", "start Python")],
)
def test_an_error_of_the_driver_names_the_operation(monkeypatch, reason: str, mend: str):
    def launch(*arguments):
        raise CudaAPIError(2, reason)

    monkeypatch.setattr(launching.kernel, "launch", launch)
    with pytest.raises(BackendError, match=f"^softmax_forward: .*{reason}.*{mend}"):
        back_end.KERNELS["softmax_forward"](X.copy(), X)


def test_operations_of_a_plan_take_turns_in_one_scratch_memory():
    """And an operation's own arrays do not overlap, those of operations that it calls included."""

    def first_element(array) -> int:
        return memory.address(array)

    with device.kept_launches():
        with memory.scratch_used():
            outer = memory.scratch((3, 5), np.float32)
            with memory.scratch_used():
                inner = memory.scratch(7, np.float64)
            again = memory.scratch(7, np.float64)
        following = memory.scratch(2, np.float64)
    assert (outer.shape, outer.dtype, inner.shape) == ((3, 5), np.float32, (7,))
    assert abs(first_element(inner) - first_element(outer)) >= inner.nbytes
    assert first_element(again) == first_element(inner)
    assert following.nbytes == 16
    alone = memory.scratch(2, np.float64)  # outside of plans each has memory of its own
    assert first_element(alone) != first_element(following)


def test_pieces_of_many_arrays():
    """Every element is in one piece, pieces are of one array, and empty arrays have none."""
    sizes = [3, 0, memory.PIECE, 2 * memory.PIECE + 1]
    arrays = memory.as_arrays([cuda.to_device(np.zeros(n, "float32")) for n in sizes])
    pieces = arrays.pieces.copy_to_host()
    covered = [np.zeros(n, int) for n in sizes]
    for n, start, stop in pieces:
        assert 0 < stop - start <= memory.PIECE
        covered[n][start:stop] += 1
    assert all((c == 1).all() for c in covered)
    assert arrays.cuts.copy_to_host().tolist() == [0, 1, 1, 2, 5]
    assert memory.as_arrays(arrays) is arrays and memory.as_arrays(None) is None
