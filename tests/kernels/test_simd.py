"""The SIMD level: chosen by the CPU, capped by CNNLITE_SIMD, switched in one process."""

from __future__ import annotations

import platform
from pathlib import Path

import numpy as np
import pytest

from bench.products import Matmul
from cnnlite.errors import BackendError
from cnnlite.kernels import native
from cnnlite.kernels.native import dispatch
from tests.comparison import call, seeded
from tests.processes import error_of, output_of

LEVEL = "from cnnlite.kernels.native import dispatch; print(dispatch.level())"
CPUINFO = Path("/proc/cpuinfo")


def test_levels_are_in_order_and_begin_with_the_baseline():
    levels = dispatch.levels()
    assert levels[0] == "baseline"
    assert [name for name in dispatch.LEVELS if name in levels] == levels


@pytest.mark.skipif(
    platform.machine() != "x86_64" or not CPUINFO.exists(),
    reason="only Linux on x86-64 lists the CPU's SIMD extensions in /proc/cpuinfo",
)
def test_levels_are_those_of_the_cpu():
    flags = next(line for line in CPUINFO.read_text().splitlines() if line.startswith("flags"))
    has = set(flags.split()).issuperset
    expected = ["baseline"]
    if has({"avx2", "fma"}):
        expected.append("avx2")
        if has({"avx512f", "avx512vl", "avx512dq", "avx512bw"}):
            expected.append("avx512")
    assert dispatch.levels() == expected


def test_best_level_is_the_default():
    assert output_of(LEVEL) == dispatch.levels()[-1]
    assert output_of(LEVEL, CNNLITE_SIMD="") == dispatch.levels()[-1]


@pytest.mark.parametrize("level", dispatch.levels())
def test_environment_caps_the_level(level: str):
    assert output_of(LEVEL, CNNLITE_SIMD=level) == level


@pytest.mark.parametrize("name", ["sse9", "AVX2", "1"])
def test_unknown_level_is_an_error(name: str):
    message = f"no such SIMD level. Got {name!r}. Choose one of baseline, avx2, avx512."
    assert error_of(LEVEL, CNNLITE_SIMD=name).endswith(f"BackendError: CNNLITE_SIMD: {message}")
    before = dispatch.level()
    with pytest.raises(BackendError, match="no such SIMD level"):
        dispatch.set_level(name)
    assert dispatch.level() == before


def test_level_that_the_cpu_lacks_is_an_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dispatch, "levels", lambda: ["baseline"])
    before = dispatch.level()
    with pytest.raises(BackendError, match=r"cannot run 'avx512'. Choose one of baseline\.$"):
        dispatch.set_level("avx512")
    assert dispatch.level() == before


def test_every_level_is_switched_to_and_back():
    for name in [*dispatch.levels(), *reversed(dispatch.levels())]:
        dispatch.set_level(name)
        assert dispatch.level() == name


@pytest.mark.skipif(len(dispatch.levels()) == 1, reason="this CPU has one SIMD level")
def test_levels_run_code_of_their_own():
    """The baseline rounds every product, the others fuse it with the sum: other bits."""
    case = Matmul(m=30, n=30, k=300)
    bits = []
    for name in ("baseline", "avx2", "baseline"):
        dispatch.set_level(name)
        arguments = case.arguments(seeded(case), np.float32)
        bits.append(call(native.KERNELS["matmul"], arguments)[0].tobytes())
    assert bits[0] == bits[2] != bits[1]
