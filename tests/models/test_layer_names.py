"""Two layers of one name cannot stand in one model, as in Keras."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cnnlite import Input, Model, Sequential, layers


def chain(*parts: Any) -> Model:
    x = h = Input((2,), name="z")
    for part in parts:
        h = part(h)
    return Model(x, h)


def dense(name: str) -> layers.Dense:
    return layers.Dense(2, name=name)


def two_named_inputs() -> Model:
    a, b = Input((2,), name="x"), Input((3,), name="x")
    return Model([a, b], layers.Concatenate()([a, b]))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: chain(dense("k"), dense("k")), r"Model: two layers are named 'k'.*Dense.*name="),
        (lambda: chain(dense("z")), r"two layers are named 'z'.*Input\(.*Dense\("),
        (
            two_named_inputs,
            r"two inputs are named 'x'.*\(None, \d\).*\(None, \d\).*Pass another name=",
        ),
        (lambda: Sequential([dense("k"), dense("k")], name="s"), r"s: two layers are named 'k'"),
        (lambda: chain(Sequential([dense("a")], name="m"), dense("m")), r"named 'm'.*Sequential"),
    ],
)
def test_refused(make: Any, match: str):
    with pytest.raises(ValueError, match=match):
        make()


def test_a_refused_layer_is_not_added():
    model = Sequential([Input((2,)), dense("k")])
    with pytest.raises(ValueError, match="named 'k'"):
        model.add(dense("k"))
    assert len(model.layers) == 1


def test_names_inside_a_nested_model_are_its_own():
    """As in Keras; so are those of a subclass's layers, and a layer used twice is one."""
    inner = Sequential([Input((2,)), dense("k")], name="inner")
    model = chain(dense("k"), inner)
    shared = dense("s")
    assert len(chain(shared, shared).layers) == 2
    copy = Model.from_config(model.get_config())
    copy.set_weights(model.get_weights())
    x = np.ones((1, 2))
    assert copy.predict(x, verbose=0).tobytes() == model.predict(x, verbose=0).tobytes()

    class Twice(Model):
        def __init__(self) -> None:
            super().__init__()
            self.parts = [dense("k"), dense("k")]

        def call(self, x: Any) -> Any:
            return self.parts[1](self.parts[0](x))

    twice = Twice()
    twice.build((None, 2))
    copy = Model.from_config(twice.get_config())
    copy.set_weights(twice.get_weights())
    assert copy.predict(x, verbose=0).tobytes() == twice.predict(x, verbose=0).tobytes()
