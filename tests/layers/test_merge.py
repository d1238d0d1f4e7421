"""Merging, reshaping, embedding and masking: meanings and masks; figures of Keras 3.15."""

from __future__ import annotations

import numpy as np
import pytest

import cnnlite
from cnnlite import layers
from tests.figures import MaskOf, assert_figures, waves

# ---- merging: Keras 3.15 gives


def test_shapes_of_different_rank_broadcast_after_the_batch():
    y = layers.Add()([waves(1, 2), waves(1, 3, 2)])
    assert_figures(y, [[[-1.40614, -0.86049], [0.57704, -1.09164], [-1.34657, -0.3648]]])
    y = layers.Subtract()([waves(1, 3, 1), waves(1, 3, 2)])
    assert_figures(y, [[[0.0, -0.9776], [-1.00557, 0.23116], [1.92361, 0.50988]]])
    x = waves(1, 2)
    assert_figures(layers.Average()([x, x + 1, x * 2]), [[-0.22153, -0.79747]])
    assert layers.Add()([x]).tolist() == x.tolist()


def test_dot_figures():
    y = layers.Dot(axes=(1, 2))([waves(1, 2, 3), waves(1, 2, 2)])
    assert_figures(y, [[[0.9831, -0.92393], [0.02379, 0.2143], [-0.98923, 0.86871]]])
    y = layers.Dot(axes=-1)([waves(1, 2, 3), waves(1, 3)])
    assert_figures(y, [[1.05286, 1.19719]])
    cosine = layers.Dot(axes=1, normalize=True)
    assert_figures(cosine([waves(2, 3), waves(2, 3) + 1]), [[0.3357], [0.36369]])
    # A vector of zeros has no direction: 0, and no NaN.
    assert cosine([np.zeros((1, 3)), np.ones((1, 3))]).tolist() == [[0.0]]


IDS = {"a": np.array([[1, 0, 0]]), "b": np.array([[2, 3, 0]])}
MERGED = [
    (layers.Multiply, [4.0, 2.0, 0.0]),
    (layers.Maximum, [4.0, 2.0, 5.0]),
    (layers.Minimum, [1.0, 2.0, 5.0]),
    (layers.Add, [5.0, 7.0, 12.0]),
]


def embedded() -> tuple[list, list]:
    """Two inputs of ids, and their embeddings with masks where the id is 0."""
    inputs = [cnnlite.Input((3,), dtype="int32", name=name) for name in IDS]
    tables = [[[5.0], [1.0], [2.0], [3.0]], [[7.0], [-1.0], [4.0], [2.0]]]
    found = [
        layers.Embedding(4, 1, mask_zero=True, weights=np.array(table))(tensor)
        for tensor, table in zip(inputs, tables, strict=True)
    ]
    return inputs, found


@pytest.mark.parametrize(("cls", "figures"), MERGED, ids=lambda value: str(value))
def test_merging_masked_steps(cls: type, figures: list[float]):
    """Masked steps count as in Keras 3.15; the output's mask is that of any input."""
    inputs, (a, b) = embedded()
    y = cls()([a, b])
    model = cnnlite.Model(inputs, [y, MaskOf()(y)])
    values, mask = model.predict(IDS, verbose=0)
    assert values.ravel().tolist() == figures
    assert mask.tolist() == [[1, 1, 0]]


def test_masks_of_one_input_alone():
    """Only the masked input's steps are replaced, and the output has no mask: Keras 3.15."""
    mask = [None, np.array([[1, 0, 0]])]
    x, e = waves(1, 3, 1), np.array([[[1.0], [5.0], [5.0]]])
    product = layers.Multiply()([x, e], mask=mask)
    assert_figures(product, [[[-0.98999], [-0.01239], [0.99318]]])
    largest = layers.Maximum()([x - 5, e], mask=mask)
    assert_figures(largest, [[[1.0], [-5.01239], [-4.00681]]])


@pytest.mark.parametrize(
    ("axis", "figures"), [(-1, [1, 1, 0]), (2, [1, 1, 0]), (1, [1, 0, 0, 1, 1, 0])]
)
def test_mask_of_a_concatenation(axis: int, figures: list[int]):
    """Any input's step, or the masks one after the other: Keras 3.15."""
    inputs, tensors = embedded()
    model = cnnlite.Model(inputs, MaskOf()(layers.Concatenate(axis=axis)(tensors)))
    assert model.predict(IDS, verbose=0).tolist() == [figures]


def test_operators_of_symbolic_tensors():
    """+, -, *, / and a minus sign, with tensors and numbers; the graph trains through them."""
    x, z = cnnlite.Input((3,)), cnnlite.Input((3,))
    y = (np.float32(2) * x - z / 4 + 1.5) * (1 - x) / (z + np.int64(3)) - (-x) + 1 / z
    model = cnnlite.Model([x, z], layers.Dense(1)(y))
    a, b = waves(4, 3), waves(4, 3)[::-1] + 2
    inner = cnnlite.Model(model.inputs, y).predict([a, b], verbose=0)
    expected = (2 * a - b / 4 + 1.5) * (1 - a) / (b + 3) + a + 1 / b
    np.testing.assert_allclose(inner, expected, rtol=1e-5)
    again = cnnlite.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    expected = model.predict([a, b], verbose=0)
    np.testing.assert_array_equal(again.predict([a, b], verbose=0), expected)
    with pytest.raises(TypeError):
        x + "a"


def test_gradients_of_the_operators():
    """The model above, by central differences."""
    x, z = cnnlite.Input((3,)), cnnlite.Input((3,))
    h, g = layers.Dense(3)(x), layers.Dense(3)(z)
    y = (2 * h - g / 4 + 1.5) * (1 - h) / (g + 30) - (-h) + 1 / (g + 9) + (h / 3 - 2)
    model = cnnlite.Model([x, z], y)
    report = cnnlite.check_gradients(model, [waves(2, 3), waves(2, 3)[::-1].copy()])
    assert report.passed, report


# ---- other shapes


def test_reshaping_shapes():
    assert layers.Reshape((-1, 2)).compute_output_shape((None, None, 4)) == (None, None, 2)
    assert layers.Reshape((2, -1)).compute_output_shape((None, 6)) == (None, 2, 3)
    x = waves(2, 3, 4)
    np.testing.assert_array_equal(layers.Permute((2, 1))(x), x.swapaxes(1, 2))
    np.testing.assert_array_equal(layers.RepeatVector(3)(waves(2, 4))[:, 1], waves(2, 4))


# ---- embedding and masking


def test_a_sequential_model_of_ids_trains():
    """It takes integers, keeps the rows that no id names, and moves the others."""
    cnnlite.set_random_seed(1)
    model = cnnlite.Sequential([layers.Embedding(6, 3), layers.Flatten(), layers.Dense(1)])
    ids = np.array([[1, 2], [4, 2], [1, 4], [2, 2]])
    model.compile(optimizer="sgd", loss="mse")
    model.predict(ids, verbose=0)
    before = model.layers[0].get_weights()[0]
    losses = model.fit(ids, [[1.0], [2.0], [3.0], [4.0]], epochs=30, verbose=0).history["loss"]
    after = model.layers[0].get_weights()[0]
    assert losses[-1] < losses[0] / 2
    changed = (before != after).any(axis=1)
    assert changed.tolist() == [False, True, True, False, True, False]
    again = cnnlite.Sequential.from_config(model.get_config())
    assert again.predict(ids, verbose=0).shape == (4, 1)


def test_ids_out_of_range_are_refused_at_the_model_s_edge():
    model = cnnlite.Sequential([layers.Embedding(6, 3), layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.predict(np.array([[5, 0]]), verbose=0)
    for bad in (np.array([[6, 0]]), np.array([[0, -1]])):
        with pytest.raises(ValueError, match=r"0\.\.5\. Got"):
            model.predict(bad, verbose=0)
        for method in (model.fit, model.evaluate):
            with pytest.raises(ValueError, match=r"0\.\.5\. Got"):
                method(bad, [[1.0]], verbose=0)
    with pytest.raises(ValueError, match=r"embedding.*0\.\.6 for 6 rows"):
        layers.Embedding(6, 3, name="embedding")(np.array([0, 6]))


def test_masking_zeroes_what_it_masks():
    x = np.array([[[2, 2], [2, 3], [0, 0], [np.nan, 2]]])
    y = layers.Masking(2.0)(x)
    np.testing.assert_array_equal(y, [[[0, 0], [2, 3], [0, 0], [np.nan, 2]]])
    steps = cnnlite.Input((None, 2))
    model = cnnlite.Model(steps, MaskOf()(layers.Dense(4)(layers.Masking(2.0)(steps))))
    assert model.predict(x, verbose=0).tolist() == [[0, 1, 1, 1]]


def test_activity_regularization_counts_per_sample():
    """l1 sum |x| + l2 sum x^2, over the batch's size: (3 * 1 + 2 * 2) / 2 + (9 * 2 + 3 * 4) / 2."""
    x = cnnlite.Input((2,))
    model = cnnlite.Model(x, layers.ActivityRegularization(l1=1.0, l2=2.0)(x))
    model.compile("sgd", "mse")
    data = np.array([[1.0, -2.0], [0.0, 3.0]])
    penalty = ((1 + 2 + 3) + 2 * (1 + 4 + 9)) / 2
    assert model.evaluate(data, data, verbose=0) == pytest.approx(penalty)


def test_dense_takes_penalties_and_constraints():
    """Argument order, the loss with its penalties, and a kernel that is kept non-negative."""
    layer = layers.Dense(2, "relu", True, "ones", "ones", "l2", "l1", "l1", "non_neg", "max_norm")
    x = cnnlite.Input((1,))
    model = cnnlite.Model(x, layer(x))
    model.compile(optimizer=cnnlite.optimizers.SGD(10.0), loss="mse")
    # y = 2; mse 4, kernel 0.01 * 2, bias 0.01 * 2, activity 0.01 * 4
    assert model.evaluate([[1.0]], [[0.0, 0.0]], verbose=0) == pytest.approx(4.08)
    model.fit([[1.0]], [[0.0, 0.0]], verbose=0)
    assert (layer.get_weights()[0] == 0).all()
    config = layer.get_config()
    assert config["activation"] == "relu" and config["kernel_constraint"] is not None
    assert layers.Dense.from_config(config).get_config() == config


@pytest.mark.parametrize(
    "name", ["add", "subtract", "multiply", "average", "maximum", "minimum", "concatenate"]
)
def test_functions_are_their_layers(name: str):
    """On arrays and on symbolic tensors, with the layer's own arguments."""
    a, b = np.array([[1.0, 5.0]], "float32"), np.array([[3.0, 4.0]], "float32")
    layer = getattr(layers, name.capitalize())
    function = getattr(layers, name)
    np.testing.assert_array_equal(function([a, b]), layer()([a, b]))
    x = layers.Input((2,))
    made = function([x, x], name=f"my_{name}")
    assert type(made.node.layer) is layer and made.node.layer.name == f"my_{name}"


@pytest.mark.parametrize("order", [1, -1])
def test_a_size_that_one_input_knows_holds_for_all(order: int):
    inputs = [layers.Input((None, 3)), layers.Input((4, 2))][::order]
    assert layers.Concatenate()(inputs).shape == (None, 4, 5)
