"""Layers as objects: configurations, names, shapes, errors, layers of one's own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import config, initializers, layers, ops
from cnnlite.errors import ShapeError
from cnnlite.layers.context import Context

IMAGE, ROWS, STEPS = (2, 6, 6, 4), (3, 5), (2, 7, 4)

EXAMPLES: list[tuple[Callable[[], layers.Layer], Any]] = [
    (lambda: layers.Dense(3), ROWS),
    (
        lambda: layers.Dense(
            3,
            "tanh",
            use_bias=False,
            kernel_initializer=initializers.HeNormal(seed=3),
            name="mine",
            trainable=False,
        ),
        ROWS,
    ),
    (lambda: layers.Dense(3, bias_initializer=initializers.Constant(2)), ROWS),
    (lambda: layers.Conv2D(4, (3, 2), (2, 1), "SAME", groups=2, activation="relu"), IMAGE),
    (lambda: layers.Conv2D(4, 2, dilation_rate=2, use_bias=False), IMAGE),
    (lambda: layers.MaxPooling2D((2, 3), 1, "same"), IMAGE),
    (lambda: layers.AveragePooling2D(3), IMAGE),
    (lambda: layers.Activation("sigmoid"), ROWS),
    (lambda: layers.Activation(None), ROWS),
    (lambda: layers.ReLU(), ROWS),
    (lambda: layers.ReLU(6, 0.5, 1.0), ROWS),
    (lambda: layers.LeakyReLU(0.25), ROWS),
    (lambda: layers.ELU(0.5), ROWS),
    (lambda: layers.Softmax(), ROWS),
    (lambda: layers.Dropout(0.25, seed=4), ROWS),
    (lambda: layers.Flatten(), IMAGE),
    (lambda: layers.Conv1D(4, 2, 2, "causal", bias_initializer="ones"), STEPS),
    (
        lambda: layers.Conv2D(
            4, 3, kernel_regularizer="l2", activity_regularizer="l1", kernel_constraint="max_norm"
        ),
        IMAGE,
    ),
    (lambda: layers.Conv2DTranspose(3, (3, 2), 2, output_padding=(1, 0)), IMAGE),
    (lambda: layers.Conv1DTranspose(3, 3, padding="same"), STEPS),
    (lambda: layers.DepthwiseConv2D(3, depth_multiplier=2, depthwise_initializer="ones"), IMAGE),
    (lambda: layers.DepthwiseConv1D(3, 2), STEPS),
    (lambda: layers.SeparableConv2D(3, 2, pointwise_regularizer="l1"), IMAGE),
    (lambda: layers.SeparableConv1D(3, 2, dilation_rate=2), STEPS),
    (lambda: layers.MaxPooling1D(3, 1, "same"), STEPS),
    (lambda: layers.AveragePooling1D(2), STEPS),
    (lambda: layers.GlobalMaxPooling1D(keepdims=True), STEPS),
    (lambda: layers.GlobalMaxPooling2D(), IMAGE),
    (lambda: layers.GlobalAveragePooling1D(), STEPS),
    (lambda: layers.GlobalAveragePooling2D(keepdims=True), IMAGE),
    (lambda: layers.ZeroPadding1D((1, 2)), STEPS),
    (lambda: layers.ZeroPadding2D((1, 2)), IMAGE),
    (lambda: layers.Cropping1D(1), STEPS),
    (lambda: layers.Cropping2D(((1, 0), (2, 1))), IMAGE),
    (lambda: layers.UpSampling1D(3), STEPS),
    (lambda: layers.UpSampling2D((2, 1), interpolation="bilinear"), IMAGE),
    (lambda: layers.Rescaling([1, 2, 3, 4], offset=0.5), IMAGE),
    (lambda: layers.Normalization((1, -1)), STEPS),
    (lambda: layers.Normalization(None, mean=2, variance=3, invert=True), STEPS),
    (lambda: layers.RandomFlip("vertical", seed=3), IMAGE),
    (lambda: layers.RandomTranslation((-0.1, 0.3), 0.2, "wrap", fill_value=1), IMAGE),
    (lambda: layers.Add(), [ROWS, ROWS]),
    (lambda: layers.Concatenate(axis=1), [ROWS, (3, 2)]),
]
every_layer = pytest.mark.parametrize(("make", "shape"), EXAMPLES)


def random(shape: Any) -> Any:
    if isinstance(shape, list):
        return [random(s) for s in shape]
    return np.random.default_rng(len(shape)).normal(size=shape).astype("float32")


@every_layer
def test_configuration_round_trip(make: Callable[[], layers.Layer], shape: Any):
    """from_config(get_config()), through JSON, makes an equal layer that computes the same."""
    first = make()
    second = type(first).from_config(json.loads(json.dumps(first.get_config())))
    assert second.get_config() == first.get_config()
    assert (second.name, second.dtype, second.trainable) == (
        first.name,
        first.dtype,
        first.trainable,
    )
    x = random(shape)
    expected = first(x, training=False)
    second.ensure_built(shape)
    second.set_weights(first.get_weights())
    assert second(x).tobytes() == expected.tobytes()
    assert expected.shape == first.compute_output_shape(shape)


@every_layer
def test_symbolic_shape_is_the_shape_of_the_values(make: Callable[[], layers.Layer], shape: Any):
    """What calling on Input promises is what calling on arrays gives."""
    layer = make()
    shapes = shape if isinstance(shape, list) else [shape]
    inputs = [layers.Input(s[1:]) for s in shapes]
    symbolic = layer(inputs if isinstance(shape, list) else inputs[0])
    assert symbolic.shape == (None, *layer(random(shape)).shape[1:])


@every_layer
def test_results_share_no_memory_with_inputs(make: Callable[[], layers.Layer], shape: Any):
    """layer(x) is a fresh array even where the layer does nothing, and x stays as it was."""
    x = random(shape)
    arrays = x if isinstance(x, list) else [x]
    before = [a.copy() for a in arrays]
    y = make()(x)
    assert type(y) is np.ndarray
    assert not any(np.may_share_memory(y, a) for a in arrays)
    assert all((a == b).all() for a, b in zip(arrays, before, strict=True))


@every_layer
def test_dtypes_and_lists(make: Callable[[], layers.Layer], shape: Any):
    """Integers, float64 and strided inputs are cast to the layer's dtype."""
    layer = make()
    x = random(shape)
    arrays = x if isinstance(x, list) else [x]
    whole = [(8 * a).astype("int32") for a in arrays]
    single = layer([a.astype("float32") for a in whole] if len(whole) > 1 else whole[0] * 1.0)
    given = [np.asfortranarray(a.astype("float64")) for a in whole]
    assert layer(given if len(given) > 1 else given[0]).tobytes() == single.tobytes()
    assert layer(whole if len(whole) > 1 else whole[0]).dtype == np.float32


def test_default_names_are_numbered_snake_case():
    """conv2d, conv2d_1, ...: Keras's names; a name given is kept."""

    class ConvLSTM2Cell(layers.ReLU):
        """A name that no other test uses, with every kind of boundary."""

    names = [ConvLSTM2Cell().name for _ in range(3)]
    assert names == ["conv_lstm2_cell", "conv_lstm2_cell_1", "conv_lstm2_cell_2"]
    assert layers.Conv2D(1, 1).name.startswith("conv2d")
    assert layers.ReLU().name.startswith("re_lu")
    assert layers.Dense(1, name="output").name == "output"
    assert layers.MaxPooling2D().name.startswith("max_pooling2d")


def test_weights_are_named_after_their_layer():
    layer = layers.Dense(2, name="d")
    layer.ensure_built((None, 3))
    assert [p.name for p in layer.weights] == ["d/kernel", "d/bias"]
    assert repr(layer) == "<Dense d>"


def test_trainable_switches_the_weights():
    layer = layers.Dense(2)
    layer.ensure_built((None, 3))
    assert len(layer.trainable_weights) == 2 and not layer.non_trainable_weights
    layer.trainable = False
    assert not layer.trainable_weights and len(layer.non_trainable_weights) == 2
    assert layer.count_params() == 8


def test_get_weights_are_copies_and_set_weights_copies_in():
    layer = layers.Dense(2)
    layer.ensure_built((None, 3))
    kernel, bias = layer.get_weights()
    address = layer.kernel.value.ctypes.data
    kernel[...] = 7
    assert not (layer.kernel.numpy() == 7).any()
    layer.set_weights([kernel, bias])
    kernel[...] = 8
    assert (layer.kernel.numpy() == 7).all()
    assert layer.kernel.value.ctypes.data == address
    assert layer.kernel.version == 1


@pytest.mark.parametrize(
    "bad", [[np.zeros((3, 2))], [np.zeros((3, 3)), np.zeros(2)], [np.ones((3, 2)), "ab"]]
)
def test_set_weights_changes_all_or_none(bad: list):
    """Arrays that do not fit raise and leave every weight as it was."""
    layer = layers.Dense(2)
    layer.ensure_built((None, 3))
    before = [w.tobytes() for w in layer.get_weights()]
    with pytest.raises((ValueError, TypeError), match=r"^dense.*: set_weights"):
        layer.set_weights(bad)
    assert [w.tobytes() for w in layer.get_weights()] == before


def test_floatx_is_the_default_dtype():
    """config.set_floatx changes the dtype of layers that name none, and refuses others."""
    assert config.floatx() == "float32"
    config.set_floatx("float64")
    try:
        assert layers.Dense(1).dtype == "float64"
        assert layers.Input((3,)).dtype == "float64"
    finally:
        config.set_floatx("float32")
    with pytest.raises(ValueError, match="float16"):
        config.set_floatx("float16")


# ---- errors

BAD_CONSTRUCTORS = [
    (lambda: layers.Dense(0), "units.*0"),
    (lambda: layers.Dense(-3), "units.*-3"),
    (lambda: layers.Dense(2.0), "units.*2.0"),
    (lambda: layers.Dense(True), "units.*True"),
    (lambda: layers.Dense(np.arange(2)), "units"),
    (lambda: layers.Dense("3"), "units.*'3'"),
    (lambda: layers.Dense(3, "swosh"), "activation.*'swosh'"),
    (lambda: layers.Dense(3, lambda x: x), "derivative.*backward"),
    (lambda: layers.Dense(3, kernel_initializer="diagonal"), "initializer.*'diagonal'"),
    (lambda: layers.Dense(3, dtype="float16"), "dtype.*'float16'"),
    (lambda: layers.Dense(3, name=3), "name.*3"),
    (lambda: layers.Conv2D(0, 3), "filters.*0"),
    (lambda: layers.Conv2D(4, 0), "kernel_size.*0"),
    (lambda: layers.Conv2D(4, (3, 3, 3)), r"kernel_size.*\(3, 3, 3\)"),
    (lambda: layers.Conv2D(4, 3, strides=0), "strides.*0"),
    (lambda: layers.Conv2D(4, 3, padding="causal"), "padding.*'causal'"),
    (lambda: layers.Conv2D(4, 3, padding=1), "padding.*1"),
    (lambda: layers.Conv2D(4, 3, dilation_rate=0), "dilation_rate.*0"),
    (lambda: layers.Conv2D(4, 3, groups=3), "groups must divide filters.*4.*3"),
    (lambda: layers.Conv2D(4, 3, groups=0), "groups.*0"),
    (lambda: layers.Conv2D(4, 3, data_format="channels_first"), "channels_last.*transpose"),
    (lambda: layers.MaxPooling2D(0), "pool_size.*0"),
    (lambda: layers.MaxPooling2D(2, strides=(0, 1)), "strides"),
    (lambda: layers.AveragePooling2D(2, padding="full"), "padding.*'full'"),
    (lambda: layers.MaxPooling2D(data_format="channels_first"), "channels_last"),
    (lambda: layers.Dropout(1.0), "rate.*1.0"),
    (lambda: layers.Dropout(-0.1), "rate.*-0.1"),
    (lambda: layers.Dropout("0.5"), "rate.*'0.5'"),
    (lambda: layers.Dropout(True), "rate.*True"),
    (lambda: layers.Dropout(0.5, seed="a"), "seed.*'a'"),
    (lambda: layers.Dropout(0.5, seed=-1), "seed.*-1"),
    (lambda: layers.Activation("swosh"), "activation.*'swosh'"),
    (lambda: layers.Softmax(axis="x"), "axis.*'x'"),
    (lambda: layers.ReLU(max_value=-1), "max_value.*-1"),
    (lambda: layers.LeakyReLU(-0.5), "negative_slope.*-0.5"),
    (lambda: layers.ELU("a"), "alpha.*'a'"),
    (lambda: layers.Input(5), "Input.*5"),
    (lambda: layers.Input(), "Input.*None"),
    (lambda: layers.Input("ab"), "Input.*'ab'"),
    (lambda: layers.Input((0,)), r"Input.*\(0,\)"),
    (lambda: layers.Input((-1, 3)), r"Input.*-1"),
    (lambda: layers.Input((True,)), r"Input.*True"),
    (lambda: layers.Input((3,), dtype="float16"), "float16"),
    (lambda: layers.Concatenate(axis="a"), "axis.*'a'"),
]


@pytest.mark.parametrize(("make", "match"), BAD_CONSTRUCTORS, ids=[m for _, m in BAD_CONSTRUCTORS])
def test_bad_constructors(make: Callable[[], Any], match: str):
    """A wrong argument is an error at once, which names the argument and what was given."""
    with pytest.raises((ValueError, TypeError), match=match) as error:
        make()
    assert str(error.value).rstrip().endswith(".")


BAD_SHAPES = [
    (lambda: layers.Dense(3), (4,), "dense"),
    (lambda: layers.Conv2D(4, 3), (2, 6, 6), "conv2d.*4 dimensions"),
    (lambda: layers.Conv2D(4, 7), IMAGE, r"window of \(7, 7\)"),
    (lambda: layers.Conv2D(4, 3, groups=4), (2, 6, 6, 6), "groups must divide the channels"),
    (lambda: layers.MaxPooling2D(), (2, 6), "max_pooling2d.*4 dimensions"),
    (lambda: layers.AveragePooling2D(8), IMAGE, r"window of \(8, 8\)"),
    (lambda: layers.Subtract(), [ROWS], "subtract.*2 inputs"),
    (lambda: layers.Add(), [ROWS, (3, 4)], "do not broadcast"),
    (lambda: layers.Concatenate(axis=2), [IMAGE, (2, 6, 5, 4), (2, 5, 6, 4)], "axis 2 alone"),
    (lambda: layers.Concatenate(axis=0), [ROWS, ROWS], "batch"),
    (lambda: layers.Concatenate(axis=5), [ROWS, ROWS], "axis.*5"),
    (lambda: layers.Concatenate(), [ROWS, IMAGE], "axis 1 alone"),
]


@pytest.mark.parametrize("symbolic", [True, False], ids=["symbolic", "arrays"])
@pytest.mark.parametrize(("make", "shape", "match"), BAD_SHAPES, ids=[m for *_, m in BAD_SHAPES])
def test_calls_on_shapes_that_do_not_fit(
    make: Callable[[], layers.Layer], shape: Any, match: str, symbolic: bool
):
    """The same error names the layer and the shape, on the graph and on arrays."""
    shapes = shape if isinstance(shape, list) else [shape]
    xs = [layers.Input(s[1:]) if symbolic else np.zeros(s) for s in shapes]
    with pytest.raises(ShapeError, match=match) as error:
        make()(xs if isinstance(shape, list) else xs[0])
    assert re.search(r"\d", str(error.value))


@pytest.mark.parametrize(
    ("make", "first", "then"),
    [
        (lambda: layers.Dense(3), (2, 4), (2, 5)),
        (lambda: layers.Conv2D(3, 2), (2, 4, 4, 2), (2, 4, 4, 3)),
    ],
)
@pytest.mark.parametrize("symbolic", [True, False], ids=["symbolic", "arrays"])
def test_a_built_layer_keeps_its_channels(make: Any, first: tuple, then: tuple, symbolic: bool):
    """Weights made for one number of channels are refused another."""
    layer = make()
    layer(np.zeros(first))
    with pytest.raises(ShapeError, match="built for"):
        layer(layers.Input(then[1:]) if symbolic else np.zeros(then))


def test_arrays_and_symbolic_tensors_do_not_mix():
    with pytest.raises(TypeError, match="mixture"):
        layers.Add()([layers.Input((3,)), np.zeros((2, 3))])


def test_a_layer_of_one_input_refuses_two():
    with pytest.raises(ShapeError, match="one input"):
        layers.Dense(2)([np.zeros((2, 3)), np.zeros((2, 3))])
    with pytest.raises(ShapeError, match="one input"):
        layers.Dense(2)([layers.Input((3,)), layers.Input((3,))])


def test_a_symbolic_tensor_is_no_array():
    with pytest.raises(TypeError, match="no values"):
        np.asarray(layers.Input((3,)))
    with pytest.raises(TypeError, match="no values"):
        ops.relu(layers.Input((3,)))


def test_an_initializer_of_ones_own_is_checked_and_copied():
    """What a function returns is copied, cast to the layer's dtype, and must have the shape."""
    shared = np.asfortranarray(np.arange(6.0).reshape(3, 2))
    first, second = (layers.Dense(2, kernel_initializer=lambda s, d: shared) for _ in range(2))
    for layer in (first, second):
        layer.ensure_built((None, 3))
        assert layer.kernel.dtype == np.float32 and layer.kernel.value.flags.c_contiguous
    assert not np.may_share_memory(first.kernel.value, second.kernel.value)
    assert not np.may_share_memory(first.kernel.value, shared)
    wrong = layers.Dense(3, kernel_initializer=lambda shape, dtype: shared)
    with pytest.raises(ShapeError, match=r"kernel.*\(3, 2\).*\(3, 3\)"):
        wrong.ensure_built((None, 3))


# ---- layers of one's own


class NoBackward(layers.Layer):
    def call(self, x, *, ctx, training=False, mask=None):
        return ops.relu(x)


class Square(layers.Layer):
    """y = x^2 with operations."""

    def call(self, x, *, ctx, training=False, mask=None):
        ctx.save(x)
        return ops.multiply(x, x)

    def backward(self, dy, *, ctx):
        (x,) = ctx.saved
        d = ops.multiply(dy, x)
        return ops.add(d, d)


class NumpySquare(layers.Layer):
    """The same in NumPy."""

    dynamic = True

    def call(self, x, *, ctx, training=False, mask=None):
        ctx.save(x)
        return x**2

    def backward(self, dy, *, ctx):
        (x,) = ctx.saved
        return 2 * x * dy


def model_with(middle: layers.Layer) -> cnnlite.Sequential:
    cnnlite.set_random_seed(3)
    model = cnnlite.Sequential(
        [cnnlite.Input((4,)), layers.Dense(5, "tanh"), middle, layers.Dense(2)]
    )
    model.compile("sgd", "mse")
    return model


X = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
Y = np.random.default_rng(1).normal(size=(8, 2)).astype("float32")


def test_a_layer_without_call_or_backward_says_so():
    """Predicting without backward works; training names the layer's class and the method."""
    model = model_with(NoBackward())
    assert model.predict(X, verbose=0).shape == (8, 2)
    with pytest.raises(NotImplementedError, match=r"NoBackward.*backward\(dy, \*, ctx\)"):
        model.train_on_batch(X, Y)
    with pytest.raises(NotImplementedError, match=r"Layer has no call"):
        layers.Layer()(X)


def test_operations_and_numpy_give_the_same_training():
    """A layer of operations is planned, a dynamic one runs anew each step: equal results."""
    histories = []
    for middle in (Square(), NumpySquare()):
        model = model_with(middle)
        losses = [model.train_on_batch(X, Y) for _ in range(5)]
        assert losses[-1] < losses[0]
        histories.append((losses, model.get_weights(), model.predict(X, verbose=0)))
    (a, weights_a, y_a), (b, weights_b, y_b) = histories
    np.testing.assert_allclose(a, b, rtol=1e-5)
    for left, right in zip(weights_a, weights_b, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(y_a, y_b, rtol=1e-5, atol=1e-6)


def test_numpy_in_a_planned_layer_says_what_to_do():
    """NumPy on a plan's buffer fails while recording, and the message names `dynamic`."""

    class Forgotten(NumpySquare):
        dynamic = False

        def call(self, x, *, ctx, training=False, mask=None):
            ctx.save(x)
            return np.square(x)

    with pytest.raises(TypeError, match="dynamic = True"):
        model_with(Forgotten()).train_on_batch(X, Y)


class NumpyBias(layers.Layer):
    """A dynamic layer with a weight: its gradient is written by an operation."""

    dynamic = True

    def build(self, input_shape):
        self.bias = self.add_weight((input_shape[-1],), "zeros", name="bias")

    def call(self, x, *, ctx, training=False, mask=None):
        return x + self.bias.value

    def backward(self, dy, *, ctx):
        ops.bias_gradient(dy, out=ctx.grad(self.bias))
        return dy


def test_a_dynamic_layer_with_a_weight_learns():
    model = model_with(NumpyBias())
    before = model.layers[1].bias.numpy()
    losses = [model.train_on_batch(X, Y) for _ in range(5)]
    assert losses[-1] < losses[0]
    assert (model.layers[1].bias.numpy() != before).any()


@pytest.mark.parametrize(
    ("returned", "match"),
    [
        (lambda dy: None, "no gradient of its input"),
        (lambda dy: ops.concatenate([dy, dy]), r"\(8, 10\).*\(8, 5\)"),
    ],
)
def test_a_backward_that_returns_no_gradient_of_the_input(returned: Any, match: str):
    """A forgotten return is an error, not garbage in the weights before it."""

    class Forgetful(layers.Layer):
        def call(self, x, *, ctx, training=False, mask=None):
            return ops.relu(x)

        def backward(self, dy, *, ctx):
            return returned(dy)

    model = model_with(Forgetful(name="forgetful"))
    with pytest.raises(ValueError, match=f"forgetful.*{match}"):
        model.train_on_batch(X, Y)


@pytest.mark.parametrize("dynamic", [False, True])
def test_a_backward_that_writes_no_gradient_of_a_weight(dynamic: bool):
    """A forgotten gradient is an error that names the weight, not whatever lay in memory."""

    class Silent(Square):
        def build(self, input_shape):
            self.unused = self.add_weight((3,), "ones", name="unused")

    Silent.dynamic = dynamic
    model = model_with(Silent(name="silent"))
    with pytest.raises(ValueError, match=r"silent/unused.*gradient"):
        model.train_on_batch(X, Y)


def test_an_output_shape_other_than_promised():
    """A call whose result differs from compute_output_shape names the method to write."""

    class Twice(layers.Layer):
        def call(self, x, *, ctx, training=False, mask=None):
            return ops.concatenate([x, x])

    x = cnnlite.Input((4,))
    model = cnnlite.Model(x, Twice(name="twice")(x))
    with pytest.raises(ShapeError, match=r"twice.*compute_output_shape"):
        model.predict(X, verbose=0)


def test_a_layer_used_twice_adds_its_gradients():
    """One weight in two places gets the sum of both gradients, by any operation."""

    class Shift(layers.Layer):
        """y = x + shift; the gradient goes through operations that cannot add by themselves."""

        def build(self, input_shape):
            self.shift = self.add_weight((8, input_shape[-1]), "zeros", name="shift")

        def call(self, x, *, ctx, training=False, mask=None):
            return ops.add(x, self.shift)

        def backward(self, dy, *, ctx):
            ops.multiply(dy, np.ones(dy.shape, "float32"), out=ctx.grad(self.shift))
            return dy

    x = cnnlite.Input((4,))
    shift = Shift()
    model = cnnlite.Model(x, shift(shift(x)))
    model.compile(cnnlite.optimizers.SGD(1.0), "mse")
    model.train_on_batch(X, np.zeros((8, 4)))
    # d mean(x^2) = 2 x / 32 per use, twice
    np.testing.assert_allclose(shift.shift.numpy(), -2 * (2 * X / 32), rtol=1e-6)


def test_random_draws_of_a_node_differ_and_are_bounded():
    """Each draw of a node has a stream of its own; too many are refused."""
    ctx = Context()
    draws = [ctx.draw() for _ in range(256)]
    assert len({d["stream"] for d in draws}) == 256
    child = Context(node=1).child(layers.ReLU())
    assert child.draw()["stream"] == 256
    with pytest.raises(ValueError, match="256"):
        ctx.draw()


def test_input_of_a_batch_shape():
    """The batch's size and the rest in one, as stateful layers need it."""
    assert layers.Input(batch_shape=(8, None, 3)).shape == (8, None, 3)
    assert layers.Input(batch_shape=(None, 3)).shape == (None, 3)
    for wrong in ({"shape": (3,)}, {"batch_size": 8}):
        with pytest.raises(ShapeError, match=r"batch_shape.*together"):
            layers.Input(batch_shape=(8, 3), **wrong)
