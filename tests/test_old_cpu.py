"""An older CPU gets a level that it can run, and right results, instead of a crash."""

import os
import shutil
import subprocess
import sys

import pytest

EMULATOR = shutil.which("qemu-x86_64") or shutil.which("qemu-x86_64-static")

PROGRAM = """
import numpy as np
from cnnlite import ops, using_backend
from cnnlite.kernels.native import dispatch

rng = np.random.default_rng(0)
x = rng.integers(-3, 4, (2, 9, 9, 3)).astype("float32")
w = rng.integers(-3, 4, (3, 3, 3, 5)).astype("float32")
fast = ops.conv2d_forward(x, w)
with using_backend("reference"):
    assert np.array_equal(fast, ops.conv2d_forward(x, w))
print(*dispatch.levels())
"""


@pytest.mark.skipif(EMULATOR is None, reason="needs QEMU's user mode (Debian: qemu-user)")
@pytest.mark.parametrize(
    ("cpu", "levels"), [("Nehalem", "baseline"), ("Haswell", "baseline avx2")]
)
def test_emulated_cpu_runs_the_levels_it_has(cpu: str, levels: str) -> None:
    """Nehalem (2008) has no AVX, Haswell (2013) has AVX2 and FMA but no AVX-512."""
    environment = {k: v for k, v in os.environ.items() if k != "CNNLITE_SIMD"}
    result = subprocess.run(
        [EMULATOR, "-cpu", cpu, sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == levels
