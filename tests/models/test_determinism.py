"""The same bits on any number of threads, after fork, and after Ctrl-C a usable model."""

from __future__ import annotations

import os
import signal
import threading

import numpy as np
import pytest

from cnnlite import random_state
from cnnlite.kernels import registry
from cnnlite.kernels.registry import kernel_table
from tests.backends import ON_CPU
from tests.models.network import LABELS, X, network
from tests.processes import HEED_CTRL_C, output_of, run_python

TRAINING = """
import hashlib, sys
import numpy as np
import cnnlite
from cnnlite import layers
from cnnlite.kernels import threads
threads.set_even_shares(sys.argv[1:] != ["claimed"])
cnnlite.set_random_seed(3)
model = cnnlite.Sequential([
    cnnlite.Input((28, 28, 1)),
    layers.Conv2D(6, 5, padding="same", activation="relu"), layers.MaxPooling2D(2),
    layers.Conv2D(16, 5, activation="relu"), layers.MaxPooling2D(2), layers.Flatten(),
    layers.Dense(120, "relu"), layers.Dropout(0.4), layers.Dense(10, "softmax"),
])
model.compile("adam", "sparse_categorical_crossentropy")
rng = np.random.default_rng(0)
x = rng.random((320, 28, 28, 1), "float32")
y = rng.integers(0, 10, 320)
model.fit(x, y, batch_size=32, epochs=1, verbose=0)  # 10 steps
parts = [*model.get_weights(), model.predict(x, verbose=0)]
assert all(np.isfinite(p).all() for p in parts)
model.layers[0](x)  # ends with a large operation: small ones run, and count, as a team of one
print(hashlib.sha256(b"".join(p.tobytes() for p in parts)).hexdigest(), threads.last_team_size())
"""


@pytest.mark.parametrize("backend", [b for b in ON_CPU if b != "reference"])
def test_training_has_the_same_bits_on_any_number_of_threads(backend: str):
    """Ten steps of a LeNet with dropout, each run in a process of its own, really shared.

    The plain Cython back end falls to the reference for what it lacks, which shares no
    work; the others must serve every operation themselves.
    """
    strict = "0" if backend == "cython" else "1"
    # Numba's own limit, else the number of cores, cannot be raised once it has started.
    settings = {"CNNLITE_BACKEND": backend, "CNNLITE_STRICT": strict, "NUMBA_NUM_THREADS": "8"}
    digests = {}
    for n in (1, 2, 3, 4, 8):
        digest, team = output_of(TRAINING, CNNLITE_NUM_THREADS=str(n), **settings).split()
        assert int(team) == n, f"asked for {n} threads, ran on {team}"
        digests[n] = digest
    assert len(set(digests.values())) == 1, digests
    script = "import sys; sys.argv[1:] = ['claimed']\n" + TRAINING  # as users run it
    assert output_of(script, CNNLITE_NUM_THREADS="4", **settings).split()[0] == digests[4]


def test_set_random_seed_repeats_a_whole_training():
    """Weights, order and dropout: equal bits from equal seeds, others from another."""
    found = []
    for seed in (1, 1, 2):
        model = network(seed)
        model.fit(X, LABELS, 4, epochs=2, verbose=0)
        found.append(b"".join(w.tobytes() for w in model.get_weights()))
    assert found[0] == found[1] != found[2]


# ---- fork

FORKED = """
import multiprocessing, os, sys
import numpy as np
from tests.models.network import X, LABELS, network
model = network()
big = np.repeat(X, 50, axis=0)
model.fit(big, np.repeat(LABELS, 50), 300, verbose=0)
expected = model.predict(big, 300, verbose=0).tobytes()

def child(_=None):
    model.fit(X, LABELS, verbose=0)
    model.set_weights(weights)
    return model.predict(big, 300, verbose=0).tobytes() == expected

weights = model.get_weights()
pid = os.fork()
if pid == 0:
    grandchild = os.fork()
    if grandchild == 0:
        os._exit(0 if child() else 1)
    status = os.waitpid(grandchild, 0)[1]
    os._exit(0 if child() and status == 0 else 1)
assert os.waitpid(pid, 0)[1] == 0
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert all(pool.map_async(child, range(4)).get(60))
assert model.predict(big, 300, verbose=0).tobytes() == expected
print("done")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork()")
def test_children_of_a_process_that_trained():
    """Children, grandchildren and a Pool train and predict, and do not hang."""
    backend = os.environ.get("CNNLITE_BACKEND", "")
    assert output_of(FORKED, CNNLITE_NUM_THREADS="2", CNNLITE_BACKEND=backend) == "done"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork()")
def test_a_child_forked_while_a_thread_holds_the_locks():
    """The thread that held a lock does not exist in the child: it has new ones."""
    model = network()
    expected = model.predict(X, verbose=0).tobytes()
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with model._lock, registry._lock, random_state._lock:
            held.set()
            release.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(60)
    pid = os.fork()
    if pid == 0:
        signal.alarm(30)
        random_state.next_seed()
        kernel_table()
        os._exit(0 if model.predict(X, verbose=0).tobytes() == expected else 1)
    release.set()
    thread.join(60)
    assert os.waitpid(pid, 0)[1] == 0


# ---- Ctrl-C

INTERRUPTED = """
import os, signal, threading, time
import numpy as np
from tests.models.network import X, LABELS, network
model = network()
x, y = np.repeat(X, 20, axis=0), np.repeat(LABELS, 20)
model.fit(x, y, 16, verbose=0)
for delay in (0.0, 0.003, 0.01, 0.05, 0.1):
    timer = threading.Timer(delay, lambda: os.kill(os.getpid(), signal.SIGINT))
    try:
        timer.start()
        model.fit(x, y, 16, epochs=100000, verbose=0)
    except KeyboardInterrupt:
        pass
    else:
        raise SystemExit("not interrupted")
    assert all(np.isfinite(w).all() for w in model.get_weights())
    assert model._lock.acquire(blocking=False)
    model._lock.release()
    before = model.evaluate(x, y, verbose=0)
    history = model.fit(x, y, 16, epochs=2, verbose=0).history["loss"]
    assert np.isfinite([before, *history]).all() and history[-1] < 2
    model.predict(x, verbose=0)
print("usable")
"""


def test_ctrl_c_leaves_a_usable_model():
    """Interrupted at several moments, even while recording, a model trains on."""
    backend = os.environ.get("CNNLITE_BACKEND", "")
    assert output_of(HEED_CTRL_C + INTERRUPTED, CNNLITE_BACKEND=backend) == "usable"


def test_ctrl_c_in_the_command_line_ends_with_130():
    """The command says that it was interrupted, without a traceback."""
    script = """
import os, signal, sys, threading
from cnnlite.cli import main
threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
sys.exit(main(["train", "lenet5", "--epochs", "100000", "--quiet"]))
"""
    backend = os.environ.get("CNNLITE_BACKEND", "")
    done = run_python("-c", HEED_CTRL_C + script, CNNLITE_BACKEND=backend)
    assert done.returncode == 130
    assert "interrupted" in done.stderr and "Traceback" not in done.stderr


def test_a_step_that_fails_does_not_count():
    """An error while recording leaves step and iterations as they were."""
    model = network()
    model.fit(X, LABELS, verbose=0)
    state = (model.optimizer.iterations, model._clock.step)

    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("of the layer's")

    model.layers[1].call = fail  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="of the layer's"):
        model.fit(X[:5], LABELS[:5], verbose=0)
    assert (model.optimizer.iterations, model._clock.step) == state
    del model.layers[1].call
    model.fit(X[:5], LABELS[:5], verbose=0)
    assert np.isfinite(model.get_weights()[0]).all()
