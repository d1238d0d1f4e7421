"""Layers and models of the user's own: sublayers, subclasses, errors, clones, JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import Input, Layer, Model, Sequential, layers, models, ops, optimizers
from cnnlite.layers.context import Clock
from tests.weights import bits

RNG = np.random.default_rng(8)
X = RNG.normal(size=(12, 3)).astype("float32")
Y = RNG.normal(size=(12, 2)).astype("float32")


class Scale(Layer):
    """Multiplies by 2: the smallest layer with a derivative."""

    def call(self, x, *, ctx, training=False, mask=None):
        return ops.add(x, x)

    def backward(self, dy, *, ctx):
        return ops.add(dy, dy)


class Block(Layer):
    """Two layers inside of a layer, one of them in a list, with dropout."""

    def __init__(self, units: int, rate: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.rate = units, rate
        self.first = layers.Dense(units, "tanh", name="first")
        self.rest = [layers.Dropout(rate), layers.Dense(units, name="last")]

    def build(self, input_shape):
        self.first.ensure_built(input_shape)
        for layer in self.rest:
            layer.ensure_built((*input_shape[:-1], self.units))

    def call(self, x, *, ctx, training=False, mask=None):
        children = [ctx.child(layer) for layer in (self.first, *self.rest)]
        for child in children:
            x = child.call(x, training=training)
        ctx.save(children)
        return x

    def backward(self, dy, *, ctx):
        (children,) = ctx.saved
        for child in reversed(children):
            dy = child.backward(dy)
        return dy

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)


class Net(Model):
    """A model by subclassing: two branches that are added."""

    def __init__(self) -> None:
        super().__init__()
        self.left = layers.Dense(4, "tanh")
        self.right = layers.Dense(4)
        self.add = layers.Add()
        self.drop = layers.Dropout(0.4)
        self.end = layers.Dense(2)

    def call(self, inputs, training=None):
        h = self.add([self.left(inputs), self.right(inputs)])
        return self.end(self.drop(h, training=training))


def functional() -> Model:
    x = Input((3,))
    h = layers.Add()([layers.Dense(4, "tanh")(x), layers.Dense(4)(x)])
    return Model(x, layers.Dense(2)(layers.Dropout(0.4)(h)))


def trained(make: Any, **settings: Any) -> Any:
    """Return a model after three epochs, and its history; everything from one seed."""
    cnnlite.set_random_seed(5)
    model = make()
    model.compile("adam", "mse", **settings)
    history = model.fit(X, Y, 5, epochs=3, verbose=0, validation_split=0.25).history
    return model, history


# ---- layers


def test_weights_of_the_layers_inside_belong_to_the_layer():
    block = Block(4)
    model = Sequential([Input((3,)), block, layers.Dense(2)])
    names = [w.name for w in model.weights]
    assert names[:4] == ["first/kernel", "first/bias", "last/kernel", "last/bias"]
    assert block.count_params() == 3 * 4 + 4 + 4 * 4 + 4
    block.trainable = False
    assert len(model.trainable_weights) == 2 and len(block.non_trainable_weights) == 4
    assert not block.first.trainable


def test_a_layer_of_layers_trains_as_the_layers_one_by_one():
    """The same bits as a model that has them in a row."""
    flat = Sequential([Input((3,)), layers.Dense(4, "tanh"), layers.Dropout(0.0), layers.Dense(4)])
    nested = Sequential([Input((3,)), Block(4)])
    rng = np.random.default_rng(0)
    start = [rng.normal(size=w.shape) for w in flat.weights]
    targets = rng.normal(size=(12, 4))
    for model in (flat, nested):
        model.set_weights(start)
        model.compile("adam", "mse")
        model.fit(X, targets, 5, epochs=2, shuffle=False, verbose=0)
    assert bits(flat) == bits(nested)


def test_dropout_inside_follows_training():
    model = Sequential([Input((3,)), Block(64, rate=0.5)])
    still = [model(X) for _ in range(2)]
    assert still[0].tobytes() == still[1].tobytes()
    moving = [model(X, training=True) for _ in range(2)]
    assert moving[0].tobytes() != moving[1].tobytes()


def test_a_layer_without_backward_predicts_and_cannot_be_trained():
    class Forward(Layer):
        def call(self, x, *, ctx, training=False, mask=None):
            return ops.add(x, x)

    model = Sequential([Input((3,)), layers.Dense(2), Forward()])
    model.compile("sgd", "mse")
    assert np.isfinite(model.evaluate(X, Y, verbose=0))
    with pytest.raises(NotImplementedError, match=r"Forward cannot be trained.*backward"):
        model.fit(X, Y, verbose=0)
    # Where nothing before it learns, nobody asks for its derivative.
    last = Sequential([Input((3,)), Forward(), layers.Dense(2)])
    last.compile("sgd", "mse")
    assert np.isfinite(last.fit(X, Y, verbose=0).history["loss"][0])


# ---- subclassed models


def test_a_subclass_is_the_functional_model():
    """Its call is traced once: the same bits, figures and masks of dropout."""
    one, other = Net(), functional()
    one.build((None, 3))
    one.set_weights(other.get_weights())
    histories = []
    for model in (one, other):
        model._clock = Clock(5)  # the seed of its masks and of its order of samples
        model.compile("adam", "mse")
        histories.append(model.fit(X, Y, 5, epochs=3, verbose=0).history)
    assert histories[0] == histories[1] and bits(one) == bits(other)
    assert one.predict(X, verbose=0).tobytes() == other.predict(X, verbose=0).tobytes()
    assert [type(layer).__name__ for layer in one.layers].count("Dense") == 3


@pytest.mark.parametrize("make", [Net, functional, lambda: Sequential([Block(4, 0.3), Scale()])])
def test_eager_and_planned_training_have_the_same_bits(make: Any):
    def network() -> Any:
        made = make()
        return made if not isinstance(made, Sequential) else Sequential([made, layers.Dense(2)])

    (one, a), (other, b) = trained(network), trained(network, run_eagerly=True)
    assert a == b and bits(one) == bits(other)


def test_a_subclass_that_branches_on_training():
    class Branching(Net):
        def call(self, inputs, training=None):
            return self.left(inputs) if training else self.right(inputs)

    with pytest.raises(TypeError, match="cannot branch on `training`"):
        Branching().predict(X, verbose=0)


def test_a_subclass_without_call():
    class Empty(Model):
        pass

    with pytest.raises(NotImplementedError, match=r"Empty: no call\(self, inputs\)"):
        Empty().predict(X, verbose=0)


def test_a_subclass_with_several_inputs_and_outputs():
    class Two(Model):
        def __init__(self):
            super().__init__()
            self.join, self.a, self.b = layers.Concatenate(), layers.Dense(2), layers.Dense(1)

        def call(self, inputs):
            h = self.join([inputs["u"], inputs["v"]])
            return {"a": self.a(h), "b": self.b(h)}

    model = Two()
    model.compile("sgd", {"a": "mse", "b": "mse"}, loss_weights={"a": 1.0, "b": 2.0})
    x = {"u": X, "v": Y}
    history = model.fit(x, {"a": Y, "b": Y[:, :1]}, verbose=0, epochs=2).history
    assert list(history) == ["loss", "a_loss", "b_loss"]
    for total, a, b in zip(*history.values(), strict=True):
        assert total == pytest.approx(a + 2 * b, rel=1e-6)
    assert {name: y.shape for name, y in model.predict(x, verbose=0).items()} == {
        "a": (12, 2),
        "b": (12, 1),
    }


# ---- clones, JSON


@pytest.mark.parametrize(
    "make",
    [
        functional,
        lambda: Sequential([Input((3,)), Block(4, 0.5), Scale(), layers.Dense(2)]),
    ],
)
def test_clone_and_json(make: Any):
    """New layers, fresh weights, equal architecture; equal predictions with equal weights."""
    model = make()
    custom = {"Block": Block, "Scale": Scale}
    clones = [
        models.clone_model(model),
        models.model_from_json(model.to_json(), custom),
        Model.from_config(json.loads(json.dumps(model.get_config())), custom),
    ]
    for clone in clones:
        assert type(clone) is type(model)
        assert not set(map(id, clone.layers)) & set(map(id, model.layers))
        assert bits(clone) != bits(model)
        clone.set_weights(model.get_weights())
        assert clone.predict(X, verbose=0).tobytes() == model.predict(X, verbose=0).tobytes()
        assert clone.optimizer is None
        clone.compile(optimizers.SGD(0.1), "mse")
        before = bits(model)
        clone.fit(X, Y, verbose=0)
        assert bits(model) == before  # nothing is shared


def test_clone_with_a_function():
    model = Sequential([Input((3,)), layers.Dense(4, "relu"), layers.Dense(2)])

    def wider(layer: Layer) -> Layer:
        config = layer.get_config()
        return type(layer).from_config({**config, "units": config["units"] * 2})

    clone = models.clone_model(model, clone_function=wider)
    assert [w.shape for w in clone.get_weights()] == [(3, 8), (8,), (8, 4), (4,)]


def test_json_of_an_unknown_class():
    model = Sequential([Input((3,)), Scale()])
    with pytest.raises(ValueError, match="Scale"):
        models.model_from_json(model.to_json())


def test_a_layer_may_pass_its_mask_on_as_keras_s_do():
    """compute_mask(x, mask), without ctx, is enough for one that only hands it on."""

    class Through(layers.Layer):
        supports_masking = True

        def call(self, x, *, ctx):
            return x

        def backward(self, dy, *, ctx):
            return dy

        def compute_mask(self, x, mask):
            return mask

    x = cnnlite.Input((4,), dtype="int32")
    h = Through()(layers.Embedding(5, 3, mask_zero=True)(x))
    model = cnnlite.Model(x, layers.GlobalAveragePooling1D()(h))
    short, padded = model.predict(np.array([[1, 2, 0, 0], [1, 2, 1, 2]]), verbose=0)
    np.testing.assert_allclose(short, padded, rtol=1e-6)


@pytest.mark.parametrize("name", ["train_step", "test_step", "predict_step", "compute_loss"])
def test_a_step_of_one_s_own_is_refused_and_not_ignored(name: str):
    """It would need automatic differentiation; the error says what to write."""
    with pytest.raises(TypeError, match=rf"Mine: a {name}.*call and backward.*train_on_batch"):
        type("Mine", (Model,), {name: lambda self, data: None})


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: models.model_from_json("{"), ValueError, "no JSON text.*to_json"),
        (lambda: models.model_from_json("[]"), ValueError, "no architecture.*class_name"),
        (lambda: models.model_from_json("{}"), ValueError, "no architecture.*class_name"),
        (lambda: models.clone_model(3), TypeError, "clone_model: not a model. Got 3"),
        (lambda: models.load_model(None), TypeError, "string or path. Got None"),
        (lambda: layers.Dense(2, foo=1), TypeError, r"Dense: there is no argument 'foo'"),
    ],
)
def test_what_is_no_model_and_no_argument(call: Any, error: type, match: str):
    """The error names the thing that the user called."""
    with pytest.raises(error, match=match):
        call()
