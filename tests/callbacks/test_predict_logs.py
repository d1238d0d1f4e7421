"""What callbacks hear while a model predicts, and at each beginning."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cnnlite import Input, Model, Sequential, callbacks, layers

X = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")


class Listening(callbacks.Callback):
    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Any] = []

    def on_predict_batch_end(self, batch, logs=None):
        self.heard.append((batch, logs))


def predicted(model: Model) -> tuple[Any, list[Any]]:
    listening = Listening()
    y = model.predict(X, batch_size=3, verbose=0, callbacks=[listening])
    return y, listening.heard


def test_one_output():
    y, heard = predicted(Sequential([Input((3,)), layers.Dense(2)]))
    assert [batch for batch, _ in heard] == [0, 1]
    assert [list(logs) for _, logs in heard] == [["outputs"], ["outputs"]]
    np.testing.assert_array_equal(np.concatenate([logs["outputs"] for _, logs in heard]), y)


def test_several_outputs_are_a_list():
    x = Input((3,))
    (a, b), heard = predicted(Model(x, [layers.Dense(1)(x), layers.Dense(2)(x)]))
    for batch, logs in heard:
        part = slice(3 * batch, 3 * batch + 3)
        np.testing.assert_array_equal(logs["outputs"][0], a[part])
        np.testing.assert_array_equal(logs["outputs"][1], b[part])


def test_a_dict_of_outputs_is_the_logs():
    """As Keras 3.15 gives them."""
    x = Input((3,))
    y, heard = predicted(Model(x, {"a": layers.Dense(1)(x), "b": layers.Dense(2)(x)}))
    assert [list(logs) for _, logs in heard] == [["a", "b"]] * 2
    np.testing.assert_array_equal(heard[1][1]["b"], y["b"][3:])


def test_they_are_copies():
    """What a callback writes there is not predicted."""

    class Writing(callbacks.Callback):
        def on_predict_batch_end(self, batch, logs=None):
            logs["outputs"][...] = 7

    model = Sequential([Input((3,)), layers.Dense(2)])
    expected = model.predict(X, verbose=0)
    found = model.predict(X, verbose=0, callbacks=[Writing()])
    np.testing.assert_array_equal(found, expected)


def test_a_lambda_callback_hears_them_too():
    seen = []
    calls = callbacks.LambdaCallback(on_train_begin=lambda logs: seen.append(logs))
    model = Sequential([Input((3,)), layers.Dense(2)])
    model.compile("sgd", "mse")
    model.fit(X, np.ones((5, 2)), verbose=0, callbacks=[calls])
    assert seen == [{}]


@pytest.mark.parametrize("call", ["fit", "evaluate", "predict"])
def test_logs_are_a_dict_in_every_hook(call: str):
    """Never None, so that logs.get(...) works everywhere, as in Keras 3.15."""
    heard: dict[str, Any] = {}

    def hook(name: str) -> Any:
        def called(self: Any, *args: Any) -> None:
            heard.setdefault(name, []).append(args[-1])

        return called

    names = [n for n in dir(callbacks.Callback) if n.startswith("on_") and n != "on_train_abort"]
    every = type("Every", (callbacks.Callback,), {name: hook(name) for name in names})()
    model = Sequential([Input((3,)), layers.Dense(2)])
    model.compile("sgd", "mse")
    data = (X,) if call == "predict" else (X, np.ones((5, 2)))
    getattr(model, call)(*data, verbose=0, callbacks=[every])
    assert len(heard) >= 4
    assert all(isinstance(logs, dict) for found in heard.values() for logs in found)
