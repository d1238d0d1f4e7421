"""The ladder's rung on a GPU."""

from __future__ import annotations

import numpy as np
import pytest

from cnnlite.ladder import backends
from cnnlite.ladder.operations import OPERATIONS

SHAPES = {
    "matmul": {"M": 5, "N": 6, "K": 7},
    "conv2d": {"N": 1, "H": 4, "W": 4, "C": 2, "F": 3, "K": 3},
    "maxpool2d": {"N": 1, "H": 4, "W": 4, "C": 3},
    "batchnorm": {"N": 2, "H": 2, "W": 2, "C": 3},
    "lstm": {"N": 2, "T": 3, "F": 2, "U": 4},
    "softmax": {"R": 3, "K": 5},
}


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_run_of_the_rung_computes_the_right_result(name: str):
    operation, shape = OPERATIONS[name], SHAPES[name]
    arrays = operation.arrays(shape, np.random.default_rng(0))
    expected, tolerance = operation.truth(shape, arrays)
    job = backends.prepare(name, shape, arrays, {"backend": "cuda", "threads": 1})
    for _ in range(2):  # launched by the operation, and launched again
        job.run()
        assert (np.abs(job.result() - expected) <= tolerance).all()
