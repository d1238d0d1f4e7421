"""Layers as objects: configurations, names, shapes, weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cnnlite import config, initializers, layers
from cnnlite.errors import ShapeError

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


def test_input_of_a_batch_shape():
    """The batch's size and the rest in one, as stateful layers need it."""
    assert layers.Input(batch_shape=(8, None, 3)).shape == (8, None, 3)
    assert layers.Input(batch_shape=(None, 3)).shape == (None, 3)
    for wrong in ({"shape": (3,)}, {"batch_size": 8}):
        with pytest.raises(ShapeError, match=r"batch_shape.*together"):
            layers.Input(batch_shape=(8, 3), **wrong)


@pytest.mark.parametrize("dtype", ["float64", np.float64, np.dtype("float64")])
def test_dtype_by_name_or_as_numpy_has_it(dtype: Any):
    assert layers.Dense(2, dtype=dtype).dtype == "float64"
    assert layers.Input((2,), dtype=dtype).dtype == "float64"
    assert layers.Input((2,), dtype=np.int64).dtype == "int32"
    assert layers.Input((2,), dtype=bool).dtype == "uint8"
    for wrong in (np.float16, np.dtype("int8"), float, 3):
        with pytest.raises(ValueError, match=r'dtype must be "float32" or "float64"\. Got'):
            layers.Dense(2, dtype=wrong)
