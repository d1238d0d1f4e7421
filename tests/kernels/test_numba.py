"""What is particular to the numba back end: compiling, its cache, and Numba's threads."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import cnnlite
from cnnlite.errors import BackendError
from tests.kernels.test_threads import FORK, WORK, needs_fork
from tests.processes import output_of, run_python

MATMUL = """
import numpy as np
import cnnlite
cnnlite.set_backend("numba")
cnnlite.set_num_threads(THREADS)
a = np.ones((200, 200), np.float32)
print(cnnlite.ops.matmul(a, a)[0, 0])
"""


def matmul_on(threads: int) -> str:
    return MATMUL.replace("THREADS", str(threads))


def test_without_numba_it_says_what_to_install():
    script = """
import sys
sys.modules["numba"] = None
import cnnlite
try:
    cnnlite.set_backend("numba")
except cnnlite.errors.BackendError as error:
    print(error)
print(cnnlite.get_backend())
"""
    message, backend = output_of(script).splitlines()
    assert message.startswith("back end 'numba': cannot be imported. Got ModuleNotFoundError")
    assert message.endswith('pip install "cnnlite-engine[numba]"')
    assert backend == "native"


def test_compilation_is_announced_once_and_kept(tmp_path: Path):
    """The first run names each function with its time, and how to avoid the wait."""
    first, second = (
        run_python("-c", matmul_on(1), NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(2)
    )
    assert first.stdout == second.stdout == "200.0\n"
    why, *compiled = first.stderr.splitlines()
    assert str(tmp_path) in why and 'cnnlite.compile_ahead("numba")' in why
    assert len(compiled) >= 2
    for line in compiled:
        assert re.fullmatch(r"cnnlite: compiled \w+ \(float32, serial\) in \d+\.\d s", line)
    assert second.stderr == ""


def test_no_folder_to_keep_compiled_code_in():
    """A read-only installation of a user without a home computes all the same, and says so."""
    script = "import numba.core.caching as c\nc.CacheImpl._locator_classes = []\n" + matmul_on(1)
    done = run_python("-c", script)
    assert done.stdout == "200.0\n"
    assert "found no folder to keep them in" in done.stderr


def test_a_changed_helper_is_compiled_anew():
    """Numba's cache looks at a function's own file; the name holds a digest of what it uses."""
    from cnnlite.kernels.numba import compiling

    for path in Path(compiling.__file__).parent.glob("*.py"):
        if path.name != "__init__.py":
            used = re.findall(r"from cnnlite\.kernels\.numba\.(\w+) import", path.read_text())
            assert set(used) <= set(compiling.LENDING)
    assert {"compiling", "simd", "functions", "product"} <= set(compiling.LENDING)
    assert all(compiling._DIGEST in f._dispatcher(False).__name__ for f in compiling.tiled.every)


def test_compile_ahead_compiles_both_kinds(monkeypatch: pytest.MonkeyPatch, capsys):
    from cnnlite.kernels.numba import compiling

    made = []
    function = compiling.tiled.every[0]
    monkeypatch.setattr(compiling.tiled, "every", [function])
    monkeypatch.setattr(function, "compile", lambda code, parallel: made.append((code, parallel)))
    cnnlite.compile_ahead("numba", "float64")
    assert made == [("d", False), ("d", True)]
    assert "compiling for float64" in capsys.readouterr().err
    with pytest.raises(ValueError, match=r"compile_ahead: no working type\. Got 'float16'"):
        cnnlite.compile_ahead("numba", "float16")
    with pytest.raises(BackendError, match="no such back end"):
        cnnlite.compile_ahead("torch")


def test_serial_and_parallel_are_one_source():
    from cnnlite.kernels.numba import compiling

    for function in compiling.tiled.every:
        serial, parallel = (function._dispatcher(kind) for kind in (False, True))
        assert serial.py_func.__code__.co_code == parallel.py_func.__code__.co_code
        assert parallel.targetoptions["parallel"] and not serial.targetoptions["parallel"]
        assert not serial.targetoptions.get("fastmath")
        assert not parallel.targetoptions.get("fastmath")


# Threads

LAYERS = ("omp", "workqueue")


@needs_fork
@pytest.mark.parametrize("layer", LAYERS)
def test_forked_child_computes_on_every_layer(layer: str):
    """OpenMP's layer would end a child that opens a parallel region; a child opens none."""
    script = WORK + FORK + "forked(child)\nforked(lambda: (child(), forked(child)))\n"
    script += "import numba\nassert work() == expected\nprint(numba.threading_layer())"
    settings = {"NUMBA_THREADING_LAYER": layer, "NUMBA_NUM_THREADS": "4"}
    assert output_of(script, CNNLITE_BACKEND="numba", CNNLITE_STRICT="1", **settings) == layer


@pytest.mark.parametrize("layer", LAYERS)
def test_two_threads_compute_at_once_on_every_layer(layer: str):
    """The layer "workqueue" would end the process: who comes second computes alone."""
    script = WORK + "threads.set_num_threads(2)\nexpected = work()\n"
    script += "from concurrent.futures import ThreadPoolExecutor\n"
    script += "with ThreadPoolExecutor(4) as pool:\n"
    script += "    results = list(pool.map(lambda _: work(), range(40)))\n"
    script += "assert results == [expected] * 40\n"
    script += "import numba\nprint(numba.threading_layer())"
    settings = {"NUMBA_THREADING_LAYER": layer, "NUMBA_NUM_THREADS": "2"}
    assert output_of(script, CNNLITE_BACKEND="numba", CNNLITE_STRICT="1", **settings) == layer


def test_the_team_is_as_large_as_it_says():
    """Each of so many threads takes part, as Numba itself numbers them."""
    script = """
import numpy as np, numba
from numba import prange
from cnnlite.kernels import threads
from cnnlite.kernels.numba.compiling import F1, tiled
@tiled
def who(out: F1):
    for tile in prange(len(out)):
        out[tile] = numba.get_thread_id()
for n in (1, 2, 3, 4):
    threads.set_num_threads(n)
    out = np.full(400, -1, np.float32)
    who(1e9, out)
    assert threads.last_team_size() == n, n
    assert set(out) == set(range(n)), (n, set(out))
print("done")
"""
    # A function of a script has no file, so nothing of it is kept.
    assert output_of(script, NUMBA_NUM_THREADS="4").endswith("done")


def test_more_threads_than_numba_has_are_refused_loudly():
    done = run_python("-c", matmul_on(7), NUMBA_NUM_THREADS="2")
    assert done.stdout == "200.0\n"
    assert "numba: 7 threads are wanted, but Numba was started with 2" in done.stderr
    assert "Set NUMBA_NUM_THREADS=7" in done.stderr


def test_the_user_s_own_number_of_threads_stays():
    script = "import numba\nnumba.set_num_threads(1)\n" + matmul_on(3)
    script += "print(numba.get_num_threads())"
    assert output_of(script, NUMBA_NUM_THREADS="3") == "200.0\n1"


def test_small_work_stays_on_one_thread():
    from cnnlite.kernels import threads

    with cnnlite.using_backend("numba"), cnnlite.threads(2):
        for size, team in ((8, 1), (400, 2)):
            a = np.ones((size, size), np.float32)
            cnnlite.ops.matmul(a, a)
            assert threads.last_team_size() == team


# Vectors and functions


def test_vectors_fill_a_register():
    from cnnlite.kernels.numba import simd

    assert simd.VECTOR_BYTES in (32, 64)
