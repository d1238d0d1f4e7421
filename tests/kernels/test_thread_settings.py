"""How many threads: what is asked for, else what OpenMP, the CPUs and the container allow."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from cnnlite import config
from cnnlite.kernels import threads
from tests.processes import error_of, output_of

COUNT = "from cnnlite.kernels import threads; print(threads.get_num_threads())"
BAD = [0, -1, "x", "", 1.5, 2.0, True, 1e9, 10**9, 4097, [2], np.float32(2)]


def test_explicit_number_is_obeyed_and_none_goes_back():
    automatic = threads.get_num_threads()
    for n in (1, 3, 64, np.int64(2)):
        threads.set_num_threads(n)
        assert threads.get_num_threads() == n
        assert threads.explain_num_threads() == f"{n} (set explicitly)"
    threads.set_num_threads(None)
    assert threads.get_num_threads() == automatic
    assert threads.explain_num_threads().startswith(f"{automatic} (least of ")


def test_context_manager_nests_and_restores_after_an_error():
    automatic = threads.get_num_threads()
    with threads.threads(7):
        with pytest.raises(ZeroDivisionError), threads.threads(3):
            assert threads.get_num_threads() == 3
            raise ZeroDivisionError
        assert threads.get_num_threads() == 7
        with threads.threads(None):
            assert threads.get_num_threads() == automatic
        assert threads.get_num_threads() == 7
    assert threads.get_num_threads() == automatic


@pytest.mark.parametrize("value", BAD, ids=repr)
def test_bad_number_is_an_error_and_changes_nothing(value: object):
    threads.set_num_threads(3)
    message = "set_num_threads: n: not a number of threads. Got .* Give an integer from 1 to 4096"
    with pytest.raises(ValueError, match=message):
        threads.set_num_threads(value)
    with pytest.raises(ValueError, match=message), threads.threads(value):
        raise AssertionError("the block must not run")
    assert threads.get_num_threads() == 3


@pytest.mark.parametrize("value", ["0", "-1", "x", "1.5", "True", "1e9", "1000000000"])
def test_bad_number_in_the_environment_is_an_error(value: str):
    message = error_of(COUNT, CNNLITE_NUM_THREADS=value)
    assert message.startswith(
        f"ValueError: CNNLITE_NUM_THREADS: not a number of threads. Got {value!r}."
    )


def test_number_from_the_environment():
    assert output_of(COUNT, CNNLITE_NUM_THREADS="7") == "7"  # above the number of cores too
    assert output_of(COUNT, CNNLITE_NUM_THREADS="7", OMP_NUM_THREADS="2") == "7"
    assert output_of(COUNT, CNNLITE_NUM_THREADS="") == output_of(COUNT)


def test_openmp_bounds_the_automatic_number():
    assert output_of(COUNT, OMP_NUM_THREADS="1") == "1"
    allowed = min(config.cpu_limits().values())
    assert output_of(COUNT, OMP_NUM_THREADS="64") == str(allowed)  # never more than the CPUs
    limited = "import threadpoolctl\nfrom cnnlite.kernels import threads\n"
    limited += "with threadpoolctl.threadpool_limits(1, 'openmp'): print(threads.get_num_threads())"
    assert output_of(limited) == "1"


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="this system cannot bind a process to CPUs"
)
def test_affinity_bounds_the_automatic_number():
    bind = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
    assert output_of(bind + COUNT, OMP_NUM_THREADS="64") == "1"
    assert output_of(bind + COUNT, CNNLITE_NUM_THREADS="3") == "3"


# The quota of a container: a faked /proc and /sys


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that writes files below a root that ``config`` takes for /."""
    monkeypatch.setattr(config, "Path", lambda path: tmp_path / path.lstrip("/"))

    def write(files: dict[str, str]) -> None:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return write


V2, V1 = "0::/kube/pod\n", "5:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n0::/\n"
GROUP, CPU = "sys/fs/cgroup", "sys/fs/cgroup/cpu"
QUOTAS = {
    "none": (V2, {f"{GROUP}/kube/pod/cpu.max": "max 100000\n"}, None),
    "one and a half": (V2, {f"{GROUP}/kube/pod/cpu.max": "150000 100000\n"}, 2),
    "a tenth": (V2, {f"{GROUP}/kube/pod/cpu.max": "10000 100000\n"}, 1),
    "of the parent": (
        V2,
        {
            f"{GROUP}/kube/pod/cpu.max": "800000 100000\n",
            f"{GROUP}/kube/cpu.max": "300000 100000\n",
            f"{GROUP}/cpu.max": "max 100000\n",
        },
        3,
    ),
    "of the root of a namespace": ("0::/\n", {f"{GROUP}/cpu.max": "400000 100000\n"}, 4),
    "version 1": (
        V1,
        {
            f"{CPU}/docker/x/cpu.cfs_quota_us": "250000\n",
            f"{CPU}/docker/x/cpu.cfs_period_us": "100000\n",
        },
        3,
    ),
    "version 1, path unseen from inside": (
        V1,
        {f"{CPU}/cpu.cfs_quota_us": "200000\n", f"{CPU}/cpu.cfs_period_us": "100000\n"},
        2,
    ),
    "version 1, none": (
        V1,
        {f"{CPU}/cpu.cfs_quota_us": "-1\n", f"{CPU}/cpu.cfs_period_us": "100000\n"},
        None,
    ),
    "garbage": (V2, {f"{GROUP}/kube/pod/cpu.max": "many\n", f"{GROUP}/cpu.max": "1 0\n"}, None),
    "empty file": (V2, {f"{GROUP}/kube/pod/cpu.max": ""}, None),
    "files missing": (V2, {}, None),
}


@pytest.mark.parametrize("name", QUOTAS)
def test_quota_of_a_container(machine, name: str):
    own, files, expected = QUOTAS[name]
    machine({"proc/self/cgroup": own, **files})
    assert config.cpu_limits().get("cgroup quota") == expected


def test_system_without_control_groups(machine):
    machine({})
    assert "cgroup quota" not in config.cpu_limits()
