"""One model in several threads: evaluations and a training do not mix."""

import threading

import numpy as np

import cnnlite
from cnnlite import layers

X = np.linspace(-1, 1, 400, dtype="float32").reshape(100, 4)
TARGETS = [np.full((100, 1), value, "float32") for value in (0.0, 2.0)]


def test_evaluations_in_two_threads_keep_their_means_apart():
    """Each gets its own data's loss every time, while a third thread fits at rate 0."""
    model = cnnlite.Sequential([cnnlite.Input((4,)), layers.Dense(1)])
    model.compile(cnnlite.optimizers.SGD(0.0), "mse")
    expected = [model.evaluate(X, y, batch_size=10, verbose=0) for y in TARGETS]
    assert expected[0] != expected[1]
    wrong: list[object] = []

    def evaluate(which: int) -> None:
        for _ in range(20):
            found = model.evaluate(X, TARGETS[which], batch_size=10, verbose=0)
            if found != expected[which]:
                wrong.append((which, found))

    def fit() -> None:
        history = model.fit(X, TARGETS[0], batch_size=10, epochs=20, shuffle=False, verbose=0)
        if set(history.history["loss"]) != {expected[0]}:
            wrong.append(history.history["loss"])

    threads = [threading.Thread(target=evaluate, args=(n,)) for n in (0, 1)]
    threads.append(threading.Thread(target=fit))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong and not any(thread.is_alive() for thread in threads)
