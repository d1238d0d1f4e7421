"""What Model.layers lists, in which order, and what goes by it.

The orders are those that Keras 3.15 gives for the same models.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import Input, Model, Sequential, layers, models

X = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")


def names(model: Any) -> list[str]:
    return [layer.name for layer in model.layers]


def two_inputs() -> Model:
    """The branches are of different depth."""
    a, b = Input((3,), name="a"), Input((3,), name="b")
    left = layers.Dense(4, name="da")(a)
    right = layers.Dense(4, name="db2")(layers.Dense(4, name="db")(b))
    return Model([a, b], layers.Dense(1, name="out")(layers.Add(name="sum")([left, right])))


def nested() -> Model:
    i = Input((3,), name="i")
    inner = Model(
        i, layers.Dense(2, name="in2")(layers.Dense(4, "tanh", name="in1")(i)), name="inner"
    )
    x = Input((3,), name="x")
    return Model(x, layers.Dense(2, name="last")(inner(layers.Dense(3, name="first")(x))))


def siamese() -> Model:
    """One nested model, called twice."""
    x, y = Input((3,), name="x"), Input((3,), name="y")
    encoder = Sequential(
        [Input((3,)), layers.Dense(2, "tanh", name="e1"), layers.Dense(2, name="e2")], name="enc"
    )
    joined = layers.Subtract(name="sub")([encoder(x), encoder(y)])
    return Model([x, y], layers.Dense(1, name="head")(joined))


def shared() -> Model:
    x = Input((3,), name="x")
    s = layers.Dense(3, name="s")
    return Model(x, layers.Add(name="add1")([s(s(x)), layers.ReLU(name="r")(x)]))


def operators() -> Model:
    """Keras lists no layer for ``+`` and ``*``."""
    x = Input((3,), name="x")
    h = layers.Dense(3, name="d")(x)
    return Model(x, layers.Dense(3, name="e")(h + x * 2))


def two_outputs() -> Model:
    x = Input((3,), name="x")
    h = layers.Dense(2, name="c1")(x)
    left = layers.BatchNormalization(name="bn")(layers.Dense(2, name="c2")(h))
    ends = [
        layers.ReLU(name="gap")(layers.Add(name="res")([left, h])),
        layers.Flatten(name="fl")(left),
    ]
    return Model(x, ends)


def unused_input() -> Model:
    a, u = Input((3,), name="a"), Input((3,), name="unused")
    return Model([a, u], layers.Dense(2, name="d")(a))


ORDERS = [
    (two_inputs, ["b", "a", "db", "da", "db2", "sum", "out"]),
    (nested, ["x", "first", "inner", "last"]),
    (siamese, ["x", "y", "enc", "sub", "head"]),
    (shared, ["x", "s", "r", "add1"]),
    (operators, ["x", "d", "e"]),
    (two_outputs, ["x", "c1", "c2", "bn", "res", "gap", "fl"]),
    (unused_input, ["a", "unused", "d"]),
]
MODELS = pytest.mark.parametrize("make", [make for make, _ in ORDERS])


def data(model: Any) -> Any:
    given = [X + i for i in range(len(model.inputs))]
    return given if len(given) > 1 else X


def outputs(model: Any) -> list[bytes]:
    y = model.predict(data(model), verbose=0)
    return [a.tobytes() for a in (y if isinstance(y, list) else [y])]


@pytest.mark.parametrize(("make", "expected"), ORDERS)
def test_order(make: Any, expected: list[str]):
    model = make()
    assert names(model) == expected
    for i, name in enumerate(expected):
        assert model.get_layer(name) is model.get_layer(index=i) is model.layers[i]
    inputs = [layer for layer in model.layers if isinstance(layer, layers.InputLayer)]
    assert {id(layer.output) for layer in inputs} == {id(t) for t in model.inputs}
    flat = [w for layer in model.layers for w in layer.weights]
    assert flat == model.weights  # as Keras: get_weights() goes by the layers


@MODELS
def test_copies_keep_the_order(make: Any, tmp_path: Any):
    """clone_model, JSON, configuration and file: equal layers, weights and predictions."""
    model = make()
    model.compile("adam", "mse")
    model.save(tmp_path / "m.safetensors")
    loaded = cnnlite.load_model(tmp_path / "m.safetensors")
    assert outputs(loaded) == outputs(model)
    copies = [
        cnnlite.models.clone_model(model),
        cnnlite.models.model_from_json(model.to_json()),
        Model.from_config(model.get_config()),
    ]
    for copy in (*copies, loaded):
        assert names(copy) == names(model)
        assert [type(layer) for layer in copy.layers] == [type(layer) for layer in model.layers]
        assert not set(map(id, copy.layers)) & set(map(id, model.layers))
        copy.set_weights(model.get_weights())
        assert outputs(copy) == outputs(model)
        assert copy.to_json() == model.to_json()


@MODELS
def test_training_goes_on_in_a_copy_from_a_file(make: Any, tmp_path: Any):
    """The optimizer's slots come back to their own weights."""
    model = make()
    model.compile("adam", "mse")
    ys = [np.zeros((6, *t.shape[1:])) for t in model.outputs]
    y = ys if len(ys) > 1 else ys[0]
    model.fit(data(model), y, verbose=0)
    model.save(tmp_path / "m.safetensors")
    loaded = cnnlite.load_model(tmp_path / "m.safetensors")
    for one in (model, loaded):
        one.fit(data(one), y, epochs=2, verbose=0)
    assert outputs(loaded) == outputs(model)


def test_freezing_the_first_layers():
    """``for layer in model.layers[:n]`` freezes what it freezes in Keras."""
    model = nested()
    for layer in model.layers[:3]:
        layer.trainable = False
    assert [w.name for w in model.trainable_weights] == ["last/kernel", "last/bias"]
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(X, np.zeros((6, 2)), verbose=0)
    same = [(a == b).all() for a, b in zip(before, model.get_weights(), strict=True)]
    assert same == [True] * 6 + [False] * 2
    kept = Model.from_config(model.get_config())
    assert [layer.trainable for layer in kept.layers[1:]] == [False, False, True]


def test_a_nested_model_called_without_training_keeps_its_statistics():
    """``base(x, training=False)``: batch normalization inside moves nothing when trained."""
    base = Sequential([Input((3,)), layers.BatchNormalization(), layers.Dropout(0.9)])
    x = Input((3,))
    model = Model(x, layers.Dense(1)(base(x, training=False)))
    copies = [model, cnnlite.models.clone_model(model), Model.from_config(model.get_config())]
    for one in copies:
        one.compile("sgd", "mse")
        state = one.layers[1].layers[0].moving_mean
        one.fit(X, np.zeros((6, 1)), verbose=0)
        assert (state.numpy() == 0).all()
        assert one(X, training=True).tobytes() == one(X).tobytes()
    free = Model(x, layers.Dense(1)(base(x)))
    free.compile("sgd", "mse")
    free.fit(X, np.zeros((6, 1)), verbose=0)
    assert base.layers[0].moving_mean.numpy().any()


def test_clone_function_and_nested_models():
    """It is asked once for a nested model, or for its layers; never for an InputLayer."""
    model = siamese()
    for recursive, expected in (
        (False, ["enc", "sub", "head"]),
        (True, ["e1", "e2", "sub", "head"]),
    ):
        asked: list[str] = []

        def same(layer: Any, asked: list[str] = asked) -> Any:
            asked.append(layer.name)
            return layer

        clone = cnnlite.models.clone_model(model, clone_function=same, recursive=recursive)
        assert asked == expected
        assert clone.get_layer("head") is model.get_layer("head")
        assert (clone.get_layer("enc") is model.get_layer("enc")) is not recursive
        assert outputs(clone) == outputs(model)
    with pytest.raises(TypeError, match=r"clone_function must return a layer.*None"):
        cnnlite.models.clone_model(model, clone_function=lambda layer: None)
    with pytest.raises(TypeError, match="must be a function"):
        cnnlite.models.clone_model(model, clone_function=3)


class Odd(Model):
    """Its attributes stand in another order than that of the calls."""

    def __init__(self) -> None:
        super().__init__()
        self.b = layers.Dense(2, name="b")
        self.a = layers.Dense(2, name="a")
        self.several = [layers.Dense(2, name="l0"), {"k": layers.Dense(2, name="l1")}]
        self.unused = layers.Dense(2, name="unused")
        self.tail = Sequential([layers.Dense(2, name="q")], name="tail")

    def call(self, x: Any) -> Any:
        h = self.several[0](self.b(self.a(x)))
        return self.tail(self.several[1]["k"](h)) + h


def test_a_subclass_lists_its_attributes(tmp_path: Any):
    """Before it is built too, in the order in which they were set; get_weights() likewise."""
    model = Odd()
    expected = ["b", "a", "l0", "l1", "unused", "tail"]
    assert names(model) == expected and not model.built
    model.compile("adam", "mse")
    model.fit(X, np.zeros((6, 2)), verbose=0)
    assert names(model) == expected
    assert [w.name for w in model.weights][::2] == [f"{n}/kernel" for n in "b a l0 l1 q".split()]
    model.save(tmp_path / "m.safetensors")
    loaded = cnnlite.load_model(tmp_path / "m.safetensors")
    assert outputs(loaded) == outputs(model)
    for one in (model, loaded):
        one.fit(X, np.zeros((6, 2)), epochs=2, verbose=0)
    assert outputs(loaded) == outputs(model)
    assert cnnlite.check_gradients(model, X).passed
    model.trainable = False
    assert model.trainable_weights == []


def test_layers_cannot_be_set():
    class Mine(Model):
        def __init__(self) -> None:
            super().__init__()
            self.layers = [layers.Dense(2)]

    with pytest.raises(AttributeError, match=r"Mine: `layers`.*self\.blocks"):
        Mine()


def test_summary_shows_nested_models_in_one_row_or_expanded():
    """Parameters by hand: 3*3+3, then 3*4+4 + 4*2+2, then 2*2+2."""
    for expand, expected in (
        (False, ["x", "first", "inner", "last"]),
        (True, ["x", "first", "inner", "i", "in1", "in2", "last"]),
    ):
        lines: list[str] = []
        nested().summary(lines.append, expand_nested=expand)
        rows = [line.split() for line in lines[4:-3] if not line.startswith("-")]
        assert [row[0] for row in rows][: len(expected)] == expected
        assert ("Model" in rows[2][1]) and rows[2][-2:] == ["26", "20"]
        assert "Parameters: 44" in "\n".join(lines)


def test_get_layer_refuses():
    model = nested()
    with pytest.raises(ValueError, match=r"'middle'.*x, first, inner, last"):
        model.get_layer("middle")
    with pytest.raises(ValueError, match="a name or an index"):
        model.get_layer()
    with pytest.raises(ValueError, match="Got both"):
        model.get_layer("x", 0)


def test_outputs_are_named_by_the_nested_model():
    x = Input((3,))
    inner = Sequential([Input((3,)), layers.Dense(2)], name="inner")
    model = Model(x, [inner(x), layers.Dense(1, name="other")(x)])
    assert model.output_names == ["inner", "other"]


def test_a_sequential_that_begins_with_a_model_is_built():
    """As in Keras: the model's own Input gives the shape."""
    base = nested()
    model = Sequential([base, layers.Dense(1)])
    assert model.built and model.input_shape == (None, 3) and model.layers[0] is base
    base.trainable = False
    assert len(model.trainable_weights) == 2
    assert Sequential([Sequential([layers.Dense(2)]), layers.Dense(1)]).built is False


def test_outputs_in_a_dict_are_ordered_by_key():
    """Keras 3.15 gives these orders."""
    x = Input((3,))
    z = layers.Dense(2, name="for_z")(x)
    b = layers.Dense(1, name="for_b")(x)
    model = Model(x, {"z": z, "b": b})
    assert [layer.name for layer in model.layers[1:]] == ["for_b", "for_z"]
    assert list(model.predict(np.ones((1, 3)), verbose=0)) == ["b", "z"]


def test_a_list_of_one_output_is_that_output():
    """As in Keras 3.15: predict gives an array, not a list."""
    x = Input((3,))
    model = Model([x], [layers.Dense(2)(x)])
    assert model.output_shape == (None, 2)
    assert model.predict(np.ones((1, 3)), verbose=0).shape == (1, 2)
    assert model(np.ones((1, 3), "float32")).shape == (1, 2)


def difference(as_dict: bool = False) -> Model:
    """Return a model of inputs "a" and "b", which may be a dict: a - 2 b."""
    a, b = Input((1,), name="a"), Input((2,), name="b")
    y = layers.Concatenate()([a, b])
    return Model({"a": a, "b": b} if as_dict else [a, b], y)


@pytest.mark.parametrize("as_dict", [False, True])
def test_a_dict_of_symbolic_tensors_goes_by_name(as_dict: bool):
    """In whatever order, as a dict of arrays does; and so does clone_model's."""
    inner = difference(as_dict)
    given = {"b": Input((2,), name="b"), "a": Input((1,), name="a")}
    x = {"a": [[1.0]], "b": [[2.0, 3.0]]}
    outer = Model(given, inner(given))
    clone = models.clone_model(inner, input_tensors=given)
    for model in (inner, outer, clone):
        assert model.predict(x, verbose=0).tolist() == [[1.0, 2.0, 3.0]]


@pytest.mark.parametrize(
    ("given", "error", "match"),
    [
        ({"a": Input((1,)), "c": Input((2,))}, ValueError, "there is no 'c'. Name one of 'a', 'b'"),
        ({"a": Input((1,))}, ValueError, "'b' is missing"),
        ([Input((1,))], ValueError, "needs 2 entries.* Got 1"),
    ],
)
@pytest.mark.parametrize("as_dict", [False, True])
def test_symbolic_tensors_for_other_inputs(given: Any, error: type, match: str, as_dict: bool):
    model = difference(as_dict)
    with pytest.raises(error, match=f"functional.*: inputs: {match}"):
        model(given)
    with pytest.raises(error, match=f"clone_model: input_tensors: {match}"):
        models.clone_model(model, input_tensors=given)


def test_clones_begin_with_symbolic_tensors():
    with pytest.raises(TypeError, match="input_tensors must be symbolic tensors"):
        models.clone_model(difference(), input_tensors=[np.ones((1, 1)), np.ones((1, 2))])


def test_a_frozen_model_outranks_its_layers():
    """As in Keras: a layer made trainable again in a frozen model stays as it is."""
    model = nested()
    model.trainable = False
    model.layers[-1].trainable = True
    everything = [w.name for w in model.weights]
    assert model.trainable_weights == []
    assert [w.name for w in model.non_trainable_weights] == everything
    outer = Sequential([Input(model.input_shape[1:]), model, layers.Dense(1, name="top")])
    assert [w.name for w in outer.trainable_weights] == ["top/kernel", "top/bias"]
    outer.compile("sgd", "mse")
    before = [w.numpy() for w in model.weights]
    outer.fit(X, np.zeros((6, 1)), verbose=0)
    assert all((a == w.numpy()).all() for a, w in zip(before, model.weights, strict=True))
    kept = Model.from_config(model.get_config())
    assert kept.trainable_weights == []
    model.trainable = True
    assert [w.name for w in model.trainable_weights] == everything
