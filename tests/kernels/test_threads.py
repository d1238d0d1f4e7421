"""The same bits on any number of threads, and in forked children and Python threads."""

from __future__ import annotations

import os

import pytest

from bench.cases import SHARED
from tests.backends import Variant, places
from tests.processes import HEED_CTRL_C, output_of, run_python

SHARING = ("native", "cython", "numba")
SETTINGS = {"CNNLITE_STRICT": "1", "NUMBA_NUM_THREADS": "8"}


@pytest.mark.parametrize(("backend", "level"), places())
def test_same_bits_on_1_2_3_4_and_8_threads(backend: str, level: str):
    held = Variant(backend, level, "").kernels()
    dtypes = Variant.dtypes(backend)[: 1 if backend == "numba" else 2]  # see Variant.use
    count = sum(case.operation in held for case in SHARED) * len(dtypes)
    assert count
    done = run_python("-m", "tests.thread_bits", backend, level, *dtypes, timeout=600, **SETTINGS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"{count} cases, 0 failed\n"), done.stdout


def test_every_operation_has_work_large_enough_to_share():
    held = Variant("native", "", "").kernels()
    assert set(held) == {case.operation for case in SHARED}


# What the scripts below compute with: a product and a convolution, large enough to share.
WORK = """
import os, sys, time
import numpy as np
from bench.case import Case
from bench.products import Matmul
from bench.windows import Conv2d
from cnnlite.kernels import registry, threads
from tests.comparison import call, seeded
CASES = [Matmul(m=160, n=170, k=180),
         Conv2d(operation="conv2d_forward", n=4, size=(20, 20), c=8, f=16, kernel=(3, 3))]
def work():
    bits = b""
    for case in CASES:
        kernel = registry.kernel(case.operation, np.dtype("float32"))
        bits += call(kernel, case.arguments(seeded(case), np.float32))[0].tobytes()
    return bits
"""
FORK = """
threads.set_num_threads(4)
threads.set_even_shares(True)
expected = work()
assert threads.last_team_size() == 4
def child():
    assert work() == expected, "other bits in the child"
    assert threads.get_num_threads() == 1
    assert "forked child" in threads.explain_num_threads()
    threads.set_num_threads(3)  # asking for threads does not bring them back
    assert work() == expected and threads.get_num_threads() == 1
def forked(function):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            function()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    assert status == 0, status
"""

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork()")


@needs_fork
@pytest.mark.parametrize("backend", SHARING)
def test_forked_child_computes(backend: str):
    """A child, its own child, and the parent after them; a hang ends in the time limit."""
    script = WORK + FORK
    script += "forked(child)\nforked(lambda: (child(), forked(child)))\n"
    script += "assert work() == expected and threads.last_team_size() == 4\nprint('done')"
    assert output_of(script, CNNLITE_BACKEND=backend, **SETTINGS) == "done"


@needs_fork
@pytest.mark.parametrize("backend", SHARING)
def test_pool_of_forked_processes_computes(backend: str):
    script = WORK + "threads.set_num_threads(4)\nexpected = work()\n"
    script += "def same(_):\n    return work() == expected\n"
    script += "import multiprocessing\n"
    script += "with multiprocessing.get_context('fork').Pool(3) as pool:\n"
    script += "    assert pool.map(same, range(6)) == [True] * 6\n"
    script += "assert work() == expected\nprint('done')"
    assert output_of(script, CNNLITE_BACKEND=backend, **SETTINGS) == "done"


@pytest.mark.parametrize("backend", SHARING)
def test_python_threads_compute_at_once(backend: str):
    """Four threads, each with shared operations of its own, do not disturb each other."""
    script = WORK + "threads.set_num_threads(2)\nexpected = work()\n"
    script += "from concurrent.futures import ThreadPoolExecutor\n"
    script += "with ThreadPoolExecutor(4) as pool:\n"
    script += "    results = list(pool.map(lambda _: work(), range(40)))\n"
    script += "assert results == [expected] * 40\nprint('done')"
    assert output_of(script, CNNLITE_BACKEND=backend, **SETTINGS) == "done"


def test_ctrl_c_ends_a_long_operation():
    """It stops between two batches of tiles: part of the output stays unwritten."""
    script = """
import os, signal, threading
import numpy as np
from bench.products import Matmul
from cnnlite.kernels import native, threads
from cnnlite.kernels.native import dispatch
from tests.comparison import call
dispatch.set_level("baseline")  # over a second on one thread
threads.set_num_threads(1)
matmul = native.KERNELS["matmul"]
arguments = Matmul(m=3000, n=3000, k=3000).arguments(np.random.default_rng(0), np.float32)
threading.Timer(0.1, os.kill, [os.getpid(), signal.SIGINT]).start()
try:
    call(matmul, arguments)
    print("not interrupted")
except KeyboardInterrupt:
    print(np.isnan(arguments.outputs[0]).any())
y, one = np.empty((2, 2), np.float32), np.ones((2, 2), np.float32)
matmul(y, one, one, None)
print(y.tolist())
"""
    assert output_of(HEED_CTRL_C + script) == "True\n[[2.0, 2.0], [2.0, 2.0]]"


def test_ctrl_c_ends_a_sequence_of_many_small_steps():
    """Ten million steps of one unit: over a second, of which hardly any is arithmetic."""
    script = """
import os, signal, threading
import numpy as np
from cnnlite.kernels import native
steps = 10**7
z, weights = np.zeros((1, steps, 1), np.float32), np.ones((1, 1), np.float32)
y, h = np.full_like(z, np.nan), np.empty((1, 1), np.float32)
threading.Timer(0.1, os.kill, [os.getpid(), signal.SIGINT]).start()
try:
    native.KERNELS["simple_rnn_forward"](None, None, y, h, z, None, weights, None, None)
    print("not interrupted")
except KeyboardInterrupt:
    print(np.isnan(y).any())
"""
    assert output_of(HEED_CTRL_C + script) == "True"


def test_the_state_of_the_processor_is_left_alone():
    """MXCSR's rounding, masks and flush-to-zero bits; denormals in our kernels and in NumPy's."""
    script = """
import ctypes, platform
import numpy as np
def control():
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return None
    state = (ctypes.c_uint32 * 8)()  # fenv_t of the x86-64 ABI; MXCSR is its last word
    assert ctypes.CDLL(None).fegetenv(state) == 0
    return state[7] & ~0x3F  # the low six bits are flags that arithmetic raises
def denormals():
    tiny = np.full(100_003, 1e-40, np.float32)
    return (tiny > 0).all() and (tiny * np.float32(0.5) > 0).all()
before = control()
assert denormals()
import cnnlite.kernels.registry as registry
from cnnlite.kernels import threads
assert control() == before and denormals()
from bench.cases import EDGES, SHARED
from tests.comparison import call, seeded
threads.set_num_threads(4)
count = 0
for case in EDGES + SHARED:
    kernel = registry.kernel(case.operation, np.dtype("float32"))
    call(kernel, case.arguments(seeded(case), np.float32))
    assert control() == before, case
    count += 1
assert denormals()
x = np.full(1_000_003, 3e-40, np.float32)
y = np.full_like(x, np.nan)
registry.kernel("binary", x.dtype)(y, x, x, function="add")
assert np.array_equal(y, x + x) and y[0] > 0  # the worker threads keep denormals too
print(count > 0, before is None or hex(before))
"""
    done = output_of(script, CNNLITE_BACKEND="native", CNNLITE_STRICT="1")
    assert done in ("True 0x1f80", "True True")  # all exceptions masked, nothing else set
