"""Run every large case on 1, 2, 3, 4 and 8 threads; assert teams and bits.

Each thread computes its own share, so that a team is as large as it says; then four threads
compute each case once more, who is early taking from who is late.

``python -m tests.thread_bits BACKEND LEVEL [DTYPE ...]``, in a process of its own so that
no other test's threads or settings take part.
"""

from __future__ import annotations

import sys

import numpy as np

from bench.cases import SHARED
from bench.products import Matmul
from cnnlite.kernels import threads
from tests.backends import Variant
from tests.comparison import assert_same_bits, call, copied, leaves, seeded

OTHER = 5  # a team that none of the runs asks for
NUMBERS = (1, 2, 3, 4, 8)


# A number for each row of a batch is too little to share; these stay on one thread.
ALONE = {
    "native": (
        "weighted_mean",
        "mean_update",
        "loss_weights",
        "label_mask",
        "threshold_update",
        "class_update",
        "confusion_update",
        "regression_update",
        "batchnorm_update",
    ),
    "cython": (),
    "numba": ("label_mask",),
}


def run_on(n: int, kernel, arguments, other, other_arguments, alone: bool) -> list:
    """Return the outputs on n threads, after a product on another number of threads."""
    threads.set_num_threads(OTHER)
    call(other, other_arguments)
    assert threads.last_team_size() == OTHER, "the product that resets the team was not shared"
    threads.set_num_threads(n)
    outputs = call(kernel, copied(arguments))
    team = threads.last_team_size()
    # One thread may open no region; then the team of the product before it still stands.
    right = (OTHER,) if alone else (1, OTHER) if n == 1 else (n,)
    assert team in right, f"asked for {n} threads, ran on {team}"
    return outputs


def run_claimed(n: int, kernel, arguments) -> list:
    threads.set_num_threads(n)
    threads.set_even_shares(False)
    outputs = call(kernel, copied(arguments))
    threads.set_even_shares(True)
    return outputs


def main(backend: str, level: str, *dtypes: str) -> None:
    threads.set_even_shares(True)
    failed, count = [], 0
    for dtype in dtypes or Variant.dtypes(backend):
        variant = Variant(backend, level, dtype)
        variant.use()
        kernels = variant.kernels()
        product = Matmul(m=200, n=200, k=200).arguments(np.random.default_rng(0), dtype)
        for case in SHARED:
            if case.operation not in kernels:
                continue
            count += 1
            kernel, alone = kernels[case.operation], case.operation in ALONE[backend]
            arguments = case.arguments(seeded(case), dtype)
            try:
                first, *others = (
                    run_on(n, kernel, arguments, kernels["matmul"], product, alone) for n in NUMBERS
                )
                others.append(run_claimed(4, kernel, arguments))
                for n, outputs in zip((*NUMBERS[1:], "4 claiming"), others, strict=True):
                    differing = [
                        np.count_nonzero(a != b)
                        for a, b in zip(leaves(first), leaves(outputs), strict=True)
                    ]
                    assert not any(differing), f"{n} threads: {differing} elements differ"
                    assert_same_bits(outputs, first)
            except AssertionError as error:
                failed.append(f"{variant} {case}: {error}")
    print("\n".join(failed))
    print(f"{count} cases, {len(failed)} failed")


if __name__ == "__main__":
    main(*sys.argv[1:])
