"""Layers that consist of layers, written as in Keras: no ctx, no backward, no build."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import Input, Model, Sequential, layers, ops
from cnnlite.layers.no_values import SymbolicError

X = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
Y = np.random.default_rng(1).normal(size=(6, 2)).astype("float32")


class Block(layers.Layer):
    """Two dense layers, a Sequential, and the input added."""

    def __init__(self, units: int, rate: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.rate = units, rate
        self.first = layers.Dense(units, "tanh")
        self.second = layers.Dense(3)
        self.net = Sequential([layers.Dense(3, "tanh"), layers.Dropout(rate)])

    def call(self, x):
        return self.second(self.first(x)) + x * 2 + self.net(x)


def functional(block: Block, last: layers.Dense) -> Model:
    """Return the model that calls the block's own layers in its place."""
    x = Input((3,))
    return Model(x, last(block.second(block.first(x)) + x * 2 + block.net(x)))


@pytest.mark.parametrize("eagerly", [False, True])
def test_it_trains_to_the_bits_of_its_layers(eagerly: bool):
    """One step from the same weights, as one layer and layer by layer."""
    block, last = Block(4), layers.Dense(2)
    model = Sequential([Input((3,)), block, last])
    flat = functional(block, last)
    assert set(flat.weights) == set(model.weights) and len(model.weights) == 8
    start = model.get_weights()
    found = []
    for one in (model, flat):
        model.set_weights(start)
        one.compile("adam", "mse", run_eagerly=eagerly)
        one.fit(X, Y, epochs=3, shuffle=False, verbose=0)
        found.append([w.tobytes() for w in model.get_weights()])
    assert found[0] == found[1]
    assert all(a.tobytes() != b for a, b in zip(start, found[0], strict=True))


def test_gradients():
    """Alone, inside TimeDistributed, and inside another."""

    class Outer(layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.parts = [Block(2), Block(3)]

        def call(self, x):
            for part in self.parts:
                x = part(x)
            return x

    sequences = np.random.default_rng(2).normal(size=(2, 4, 3))
    for layer, x in (
        (Block(4), X),
        (Outer(), X),
        (layers.TimeDistributed(Block(2)), sequences),
    ):
        report = cnnlite.check_gradients(layer, x)
        assert report.passed, report
    assert len(Outer().sublayers) == 2


def test_shapes_names_and_counts():
    """It is one layer of the model; parameters and multiply-adds are those inside, by hand."""
    block = Block(4, name="block")
    model = Sequential([Input((3,)), block])
    assert [layer.name for layer in model.layers] == ["block"]
    assert model.count_params() == (3 * 4 + 4) + (4 * 3 + 3) + (3 * 3 + 3)
    assert model.multiply_adds == 3 * 4 + 4 * 3 + 3 * 3
    assert block.compute_output_shape((None, 3)) == (None, 3)
    assert block(X).shape == (6, 3) and model(X).tobytes() == block(X).tobytes()
    block.trainable = False
    assert model.trainable_weights == [] and not block.first.trainable


def test_training_reaches_the_layers_inside():
    model = Sequential([Input((3,)), Block(4, rate=0.5)])
    assert model(X).tobytes() == model(X).tobytes()
    assert model(X, training=True).tobytes() != model(X, training=True).tobytes()


def test_call_may_branch_on_training():
    """It is traced for both; the layer of one branch alone is built too."""

    class Noisy(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.noise = layers.Dense(3)

        def call(self, x, training=False):
            return self.noise(x) if training else x

    model = Sequential([Input((3,)), Noisy()])
    assert model.count_params() == 12
    assert model(X).tobytes() == X.tobytes()
    assert model(X, training=True).tobytes() == model.layers[0].noise(X).tobytes()
    model.compile("sgd", "mse")
    assert np.isfinite(model.fit(X, X, verbose=0).history["loss"][0])


def test_copies_and_files(tmp_path: Any):
    model = Sequential([Input((3,)), Block(4), layers.Dense(2)])
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "m.safetensors")
    classes = {"Block": Block}
    loaded = cnnlite.load_model(tmp_path / "m.safetensors", classes)
    clone = cnnlite.models.clone_model(model)
    clone.set_weights(model.get_weights())
    other = Sequential.from_config(model.get_config(), classes)
    other.set_weights(model.get_weights())
    for one in (loaded, clone, other):
        assert one.predict(X, verbose=0).tobytes() == model.predict(X, verbose=0).tobytes()
        assert one.layers[0].units == 4 and one.layers[0] is not model.layers[0]


def test_several_inputs_and_outputs():
    """One of two outputs may go without a loss: its weights stay."""

    class Two(layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.a, self.b = layers.Dense(2), layers.Dense(2)

        def call(self, inputs):
            first, second = inputs
            return [self.a(first) + second, self.b(second)]

    x, z = Input((3,)), Input((2,))
    two = Two()
    both = two([x, z])
    assert [y.shape for y in both] == [(None, 2), (None, 2)]
    model = Model([x, z], both[0])
    model.compile("sgd", "mse")
    kept = two.b.get_weights()
    model.fit([X, Y], Y, verbose=0)
    assert all((a == b).all() for a, b in zip(kept, two.b.get_weights(), strict=True))
    expected = X @ two.a.kernel.numpy() + two.a.bias.numpy() + Y
    np.testing.assert_allclose(model.predict([X, Y], verbose=0), expected, rtol=1e-5, atol=1e-6)
    # Neither output: the gradient of an input that goes nowhere is 0.
    assert cnnlite.check_gradients(Two(), [X, Y]).passed


def test_masks_go_through():
    """As from layer to layer: an LSTM inside skips what Masking marks."""

    class Reader(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = layers.LSTM(2, return_sequences=True)

        def call(self, x, mask=None):
            return self.lstm(x, mask=mask)

    x = np.random.default_rng(3).normal(size=(2, 5, 3)).astype("float32")
    x[0, 3:] = x[1, 1:] = 0
    reader = Reader()
    start = Input((5, 3))
    model = Model(start, layers.GlobalAveragePooling1D()(reader(layers.Masking()(start))))
    h = reader.lstm(x, mask=(x != 0).any(-1))
    expected = np.stack([h[0, :3].mean(0), h[1, :1].mean(0)])
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-6)


def test_other_arguments_and_shapes():
    """Each further argument, and each shape, has a graph of its own."""

    class Scaled(layers.Layer):
        def call(self, x, times=2):
            return x * times

    scaled = Scaled()
    assert (scaled(X) == 2 * X).all() and (scaled(X, times=3) == 3 * X).all()
    assert (scaled(Y) == 2 * Y).all()
    x = Input((3,))
    assert (Model(x, scaled(x, times=5))(X) == 5 * X).all()


def test_an_embedding_inside_checks_its_numbers():
    class Words(layers.Layer):
        input_dtype = "int32"

        def __init__(self) -> None:
            super().__init__()
            self.table = layers.Embedding(4, 2)

        def call(self, ids):
            return self.table(ids)

    model = Sequential([Input((3,), dtype="int32"), Words()])
    assert model.predict([[0, 3, 1]], verbose=0).shape == (1, 3, 2)
    with pytest.raises(ValueError, match=r"0\.\.3.*Got 0\.\.4"):
        model.predict([[0, 4, 1]], verbose=0)


class Operations(layers.Layer):
    def call(self, x):
        return ops.relu(x)


class MadeInCall(layers.Layer):
    def call(self, x):
        return layers.Dense(3, name="inner")(x)


class ReturnsNumber(layers.Layer):
    def call(self, x):
        return 3


class TwoArguments(layers.Layer):
    def call(self, a, b):
        return a + b


@pytest.mark.parametrize(
    ("layer", "error", "match"),
    [
        (
            Operations,
            SymbolicError,
            r"(?s)Operations\.call.*relu.*layers\.ReLU.*backward\(self, dy",
        ),
        (MadeInCall, ValueError, r"uses inner.*self\.inner = "),
        (ReturnsNumber, TypeError, "must return what its layers return.*Got 3"),
        (TwoArguments, TypeError, r"needs b.*layer\(\[a, b\]\)"),
    ],
)
def test_mistakes(layer: Any, error: type[Exception], match: str):
    for call in (lambda: layer()(Input((3,))), lambda: layer()(X)):
        with pytest.raises(error, match=match):
            call()


def test_two_tensors_are_passed_as_a_list():
    with pytest.raises(TypeError, match=r"one argument.*layer\(\[a, b\]\)"):
        layers.Add()(X, X)


def test_call_may_take_any_keyword():
    """As Keras's examples do; with a ``backward`` the keywords have ctx."""

    class Any1(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, x, **kwargs):
            return self.dense(x)

    class Any2(layers.Layer):
        def call(self, x, **kwargs):
            return ops.multiply(x, 3.0)

        def backward(self, dy, *, ctx):
            return ops.multiply(dy, 3.0)

    model = Sequential([Input((3,)), Any1(), Any2()])
    model.compile("sgd", "mse")
    assert np.isfinite(model.fit(X, Y, verbose=0).history["loss"][0])
    dense = model.layers[0].dense
    expected = 3 * (X @ dense.kernel.numpy() + dense.bias.numpy())
    np.testing.assert_allclose(model(X), expected, rtol=1e-5, atol=1e-6)


def test_a_compute_mask_of_its_own_counts():
    """It takes the place of the masks that the layers inside pass on."""

    class Ends(layers.Layer):
        supports_masking = True

        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, x):
            return self.dense(x)

        def compute_mask(self, inputs, mask=None):
            return None

    x = np.random.default_rng(3).normal(size=(2, 5, 3)).astype("float32")
    x[:, 3:] = 0
    found = []
    for kind in (Ends, lambda: layers.Dense(2)):
        start = Input((5, 3))
        layer = kind()
        h = layer(layers.Masking()(start))
        model = Model(start, [layers.GlobalAveragePooling1D()(h), h])
        mean, h = model.predict(x, verbose=0)
        found.append([np.allclose(mean, h[:, :n].mean(1), atol=1e-6) for n in (5, 3)])
    assert found == [[True, False], [False, True]]


def test_a_layer_of_numpy_inside_runs_anew_each_step():
    class Cube(layers.Layer):
        dynamic = True

        def call(self, x, *, ctx, training=False, mask=None):
            ctx.save(x)
            return x**3

        def backward(self, dy, *, ctx):
            (x,) = ctx.saved
            return 3 * x**2 * dy

    class Holder(layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.cube = Cube()

        def call(self, x):
            return self.cube(x) + x

    model = Sequential([Input((3,)), layers.Dense(3), Holder()])
    model.compile("sgd", "mse")
    assert np.isfinite(model.fit(X, X, epochs=2, verbose=0).history["loss"]).all()
    h = model.layers[0](X)
    np.testing.assert_allclose(model.predict(X, verbose=0), h**3 + h, rtol=1e-5, atol=1e-6)
    assert cnnlite.check_gradients(Holder(), X).passed


class Scaled(layers.Layer):
    """A layer with a further argument, which ``call`` reads when it is traced."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, x, factors=(1.0,)):
        return self.dense(x) * float(factors[0])


@pytest.mark.parametrize("make", [np.array, list])
def test_further_arguments_are_compared_by_value(make: Any):
    """Arrays and lists: equal ones share a trace, and one changed in place has its own."""
    layer, factors = Scaled(), make([2.0, 0.0])
    once = layer(X)
    np.testing.assert_array_equal(layer(X, factors=factors), once * 2)
    np.testing.assert_array_equal(layer(X, factors=make([2.0, 0.0])), once * 2)
    known = len(layer._traced)
    factors[0] = 4.0
    np.testing.assert_array_equal(layer(X, factors=factors), once * 4)
    assert len(layer._traced) == known + 1
    np.testing.assert_array_equal(layer(X, factors=make([2.0, 0.0])), once * 2)
    assert len(layer._traced) == known + 1


class Growing(layers.Layer):
    """A layer of a layer and a list of them."""

    def __init__(self) -> None:
        super().__init__(name="growing")
        self.first, self.rest = layers.Dense(3, name="first"), [layers.Dense(3, name="second")]

    def call(self, x):
        x = self.first(x)
        for layer in self.rest:
            x = layer(x)
        return x


def test_layers_inside_stay_as_they_were_built():
    """Keras refuses it too: the graph of call would go on with the old ones."""

    def replace(layer: Growing) -> None:
        layer.first = layers.Dense(3, name="other")

    def append(layer: Growing) -> None:
        layer.rest.append(layers.Dense(3, name="third"))

    for change, named in (
        (replace, "first, other"),
        (append, "third"),
        (lambda layer: layer.rest.pop(), "second"),
    ):
        layer = Growing()
        change(layer)
        assert layer(X).shape == (6, 3)
        layer, message = Growing(), rf"^growing: .*added, removed or replaced.*Got {named}\. "
        model = Sequential([Input((3,)), layer])
        layer(X)
        change(layer)
        for use in (layer, model.predict_on_batch):
            with pytest.raises(ValueError, match=message):
                use(X)


def test_a_built_layer_can_be_copied():
    layer = Growing()
    once = layer(X)
    for made in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        np.testing.assert_array_equal(made(X), once)
        assert not set(made.weights) & set(layer.weights)
