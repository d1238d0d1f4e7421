"""Attention layers: figures of Keras 3.15, masks, and a transformer that learns."""

from __future__ import annotations

import numpy as np
import pytest

import cnnlite
from cnnlite import layers
from tests.figures import MaskOf, assert_figures, set_waves, waves

# ---- attention: Keras 3.15 gives

Q, V, K = waves(1, 3, 2), waves(1, 2, 3), waves(1, 2, 2) + np.float32(0.1)
ATTENTION = [
    (
        layers.Attention(use_scale=True),
        {},
        [
            [-0.76252, -0.29215, 0.83781],
            [-0.46668, -0.656, 0.63572],
            [-0.76229, -0.29244, 0.83764],
        ],
    ),
    (
        layers.Attention(score_mode="concat", use_scale=True),
        {},
        [
            [-0.56951, -0.52953, 0.70596],
            [-0.57254, -0.52581, 0.70803],
            [-0.56842, -0.53086, 0.70522],
        ],
    ),
    (
        layers.AdditiveAttention(),
        {},
        [
            [-0.55385, -0.54878, 0.69527],
            [-0.56718, -0.5324, 0.70437],
            [-0.54647, -0.55787, 0.69022],
        ],
    ),
    (
        layers.Attention(),
        {"mask": [np.array([[1, 1, 0]]), np.array([[0, 1]])]},
        [
            [-0.24354, -0.93043, 0.4833],
            [-0.24354, -0.93043, 0.4833],
            [0.0, 0.0, 0.0],
        ],
    ),
    (
        layers.Attention(),
        {"use_causal_mask": True},
        [
            [-0.98999, -0.01239, 0.99318],
            [-0.33051, -0.82347, 0.54271],
            [-0.89758, -0.12604, 0.93006],
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "options", "figures"), ATTENTION)
def test_attention_figures(layer: layers.Layer, options: dict, figures: list):
    layer([Q, V, K])
    set_waves(layer)
    assert_figures(layer([Q, V, K], **options), [figures])


def test_attention_scores():
    y, weights = layers.Attention()([Q, V, K], return_attention_scores=True)
    assert_figures(weights, [[[0.87658, 0.12342], [0.1165, 0.8835], [0.8762, 0.1238]]])
    np.testing.assert_allclose(y, weights @ V, rtol=1e-5)


def test_a_query_that_sees_nothing_gets_the_mean():
    """-1e9 is added to every score, which leaves them equal in float32: Keras 3.15."""
    q, v = waves(1, 3, 4), waves(1, 2, 4) + np.float32(0.1)
    y = layers.Attention()([q, v], mask=[None, np.array([[0, 0]])])
    assert_figures(y, [[[-0.86021, 0.33546, 0.99953, -0.36726]] * 3])


MULTI = [
    (
        {},
        [
            [0.51713, 0.61302, 0.1453, -0.45601],
            [0.51738, 0.61306, 0.14509, -0.45627],
            [0.51766, 0.6131, 0.14487, -0.45656],
        ],
    ),
    (  # the second query sees nothing: the bias of the output alone
        {"attention_mask": np.array([[[1, 0], [0, 0], [1, 1]]])},
        [
            [0.49154, 0.60875, 0.16627, -0.42907],
            [0.42074, 0.45465, 0.07056, -0.3784],
            [0.51766, 0.6131, 0.14487, -0.45656],
        ],
    ),
    (
        {"use_causal_mask": True},
        [
            [0.49154, 0.60875, 0.16627, -0.42907],
            [0.51738, 0.61306, 0.14509, -0.45627],
            [0.51766, 0.6131, 0.14487, -0.45656],
        ],
    ),
    ({"value_mask": np.array([[0, 1]])}, [[0.54296, 0.61728, 0.12408, -0.4832]] * 3),
]


@pytest.mark.parametrize(("options", "figures"), MULTI)
@pytest.mark.parametrize("backend", ["native", "reference"])
def test_multi_head_attention_figures(options: dict, figures: list, backend: str):
    q, v = waves(1, 3, 4), waves(1, 2, 4) + np.float32(0.1)
    layer = layers.MultiHeadAttention(2, 3, value_dim=2)
    with cnnlite.using_backend(backend):
        layer(q, v)
        set_waves(layer)
        assert_figures(layer(q, v, **options), [figures])
        y, weights = layer(q, v, return_attention_scores=True, **options)
    assert_figures(y, [figures])
    assert weights.shape == (1, 2, 3, 2)


def test_weights_of_multi_head_attention():
    """Names and shapes as in Keras, so that weights carry over."""
    layer = layers.MultiHeadAttention(2, 3, value_dim=5, output_shape=(7, 2), name="mha")
    assert layer(waves(1, 3, 4), waves(1, 2, 6), waves(1, 2, 8)).shape == (1, 3, 7, 2)
    assert {w.name: w.shape for w in layer.weights} == {
        "mha/query/kernel": (4, 2, 3),
        "mha/query/bias": (2, 3),
        "mha/key/kernel": (8, 2, 3),
        "mha/key/bias": (2, 3),
        "mha/value/kernel": (6, 2, 5),
        "mha/value/bias": (2, 5),
        "mha/attention_output/kernel": (2, 5, 7, 2),
        "mha/attention_output/bias": (7, 2),
    }
    assert len(layers.MultiHeadAttention(2, 3, use_bias=False).get_config()) > 10


def test_a_sliding_window():
    """Steps two apart do not see each other; the mask alone says the same."""
    x = waves(1, 5, 4)
    layer = layers.MultiHeadAttention(2, 3, sliding_window=2)
    expected = layer(x, x)
    band = (np.abs(np.arange(5)[:, None] - np.arange(5)) < 2).astype("uint8")
    layer.sliding_window = None
    np.testing.assert_array_equal(layer(x, x, attention_mask=band), expected)


def test_masks_travel_through_multi_head_attention():
    """Embedded sequences: what lies behind their end changes no result before it."""
    ids = cnnlite.Input((None,), dtype="int32")
    h = layers.Embedding(9, 4, mask_zero=True)(ids)
    h = layers.Add()([h, layers.MultiHeadAttention(2, 3)(h, h)])
    model = cnnlite.Model(ids, [h, MaskOf()(h)])
    short, _ = model.predict(np.array([[3, 5]]), verbose=0)
    padded, mask = model.predict(np.array([[3, 5, 0, 0]]), verbose=0)
    np.testing.assert_allclose(padded[:, :2], short, rtol=1e-5, atol=1e-6)
    assert mask.tolist() == [[1, 1, 0, 0]]


def test_the_penalty_on_activities_counts_every_projection():
    """Query, key, value and output: as Keras hands it to each of its projections."""
    x = cnnlite.Input((1, 1))
    ones = {"kernel_initializer": "ones", "bias_initializer": "zeros"}
    layer = layers.MultiHeadAttention(1, 1, activity_regularizer="l1", **ones)
    model = cnnlite.Model(x, layer(x, x))
    model.compile("sgd", "mse")
    data = np.full((2, 1, 1), 3.0)  # each projection gives 3, so does attention
    assert model.evaluate(data, data, verbose=0) == pytest.approx(4 * 3 * 0.01)
    assert "activity_regularizer" in layer.get_config()


def test_a_small_transformer_learns_and_is_saved(tmp_path):
    """It learns to tell which of two symbols comes first, which no bag of symbols tells."""
    cnnlite.set_random_seed(3)
    rng = np.random.default_rng(0)
    ids = rng.integers(3, 8, (256, 6))
    rows = np.arange(256)
    places = np.array([rng.choice(6, 2, replace=False) for _ in rows])
    ids[rows, places[:, 0]], ids[rows, places[:, 1]] = 1, 2
    labels = (places[:, 0] < places[:, 1]).astype("float32")[:, None]
    x = cnnlite.Input((6,), dtype="int32")
    steps = cnnlite.Input((6,), dtype="int32")
    h = layers.Embedding(8, 16)(x) + layers.Embedding(6, 16)(steps)
    h = h + layers.MultiHeadAttention(2, 8, dropout=0.05)(h, h)
    h = h + layers.Dense(16)(layers.Dense(32, "relu")(h))
    y = layers.Dense(1, "sigmoid")(layers.Flatten()(h))
    model = cnnlite.Model([x, steps], y)
    model.compile(cnnlite.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    data = [ids, np.tile(np.arange(6), (256, 1))]
    model.fit(data, labels, epochs=25, batch_size=32, verbose=0)
    assert model.evaluate(data, labels, verbose=0, return_dict=True)["accuracy"] > 0.95
    expected = model.predict(data, verbose=0)
    model.save(tmp_path / "transformer.safetensors")
    loaded = cnnlite.models.load_model(tmp_path / "transformer.safetensors")
    np.testing.assert_array_equal(loaded.predict(data, verbose=0), expected)
