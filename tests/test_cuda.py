"""The cuda back end: its tests in Numba's simulator, and what is said without a GPU."""

from __future__ import annotations

import pytest

from tests.processes import error_of, run_python

pytest.importorskip("numba", reason='needs Numba: pip install "cnnlite-engine[numba]"')


@pytest.mark.numba
def test_the_back_end_in_the_simulator():
    """In a process of its own: Numba decides at its import whether it simulates."""
    arguments = ("-q", "-m", "", "-p", "no:cacheprovider", "tests/cuda")
    done = run_python("-m", "pytest", *arguments, timeout=600, NUMBA_ENABLE_CUDASIM="1")
    print(done.stdout[-4000:], done.stderr[-2000:])
    assert done.returncode == 0
    assert " passed" in done.stdout.splitlines()[-1]


def test_without_a_gpu_the_error_says_so_and_why():
    from numba import cuda

    if cuda.is_available():
        pytest.skip("there is a GPU")
    said = error_of("import cnnlite; cnnlite.set_backend('cuda')")
    assert said.startswith('cnnlite.errors.BackendError: back end "cuda": no GPU can be used. Got ')
    assert "Install an NVIDIA driver, or set NUMBA_ENABLE_CUDASIM=1" in said
