"""Two networks that hold every kind of layer, for the tests of threads, plans and files."""

from __future__ import annotations

import hashlib
import inspect

import numpy as np

import cnnlite
from cnnlite import Input, Model, layers
from cnnlite.kernels import threads

STEPS, BATCH, CLASSES = 50, 16, 3
LENGTH, WORDS = 12, 20  # of the sequences


def images() -> Model:
    """Return a network over images of 16 x 16 x 3 with two inputs: the image, and 6 numbers."""
    x, extra = Input((16, 16, 3)), Input((6,))
    h = layers.Rescaling(0.5)(layers.RandomTranslation(0.1, 0.1)(layers.RandomFlip()(x)))
    h = layers.Normalization(mean=0.1, variance=2.0)(h)
    h = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(16, 3, padding="same")(h)))
    h = layers.ELU()(layers.SeparableConv2D(16, 3, padding="same")(h))
    h = layers.LeakyReLU()(layers.DepthwiseConv2D(3, padding="same")(h))
    h = layers.Conv2D(16, 3, groups=2, padding="same", activation="gelu")(h)
    h = layers.LocalResponseNormalization()(layers.SpatialDropout2D(0.1)(h))
    h = layers.GaussianDropout(0.1)(layers.GaussianNoise(0.1)(h))
    h = layers.Cropping2D(1)(layers.ZeroPadding2D(2)(layers.MaxPooling2D(2)(h)))
    h = layers.Conv2DTranspose(8, 3, strides=2, padding="same")(h)
    h = layers.PReLU()(layers.LayerNormalization()(h))
    h = layers.AveragePooling2D(2)(layers.UpSampling2D(2)(layers.AveragePooling2D(2)(h)))
    a, b = layers.Conv2D(8, 1)(h), layers.Conv2D(8, 1, activation="tanh")(h)
    joined = [kind()([a, b]) for kind in (layers.Add, layers.Subtract, layers.Multiply)]
    joined += [kind()([a, b]) for kind in (layers.Average, layers.Maximum, layers.Minimum)]
    h = layers.Concatenate()(joined)
    pooled = [layers.GlobalMaxPooling2D()(h), layers.GlobalAveragePooling2D()(h)]
    flat = layers.Flatten()(layers.Permute((3, 1, 2))(layers.MaxPooling2D(5)(h)))
    h = layers.Concatenate()([*pooled, flat, extra])
    h = layers.Dropout(0.2)(layers.Activation("silu")(layers.Dense(24)(h)))
    h = layers.ActivityRegularization(l2=1e-4)(h)
    score = layers.Dot(1)([h, layers.Dense(24)(extra)])
    h = layers.Concatenate()([layers.Reshape((24,))(h), score])
    return Model([x, extra], layers.Softmax()(layers.Dense(CLASSES)(h)))


def sequences() -> Model:
    """Return a network over sequences of words, some shorter than others, and of numbers."""
    words, numbers = Input((LENGTH,), dtype="int32"), Input((LENGTH, 4))
    h = layers.SpatialDropout1D(0.1)(layers.Embedding(WORDS, 8, mask_zero=True)(words))
    h = layers.Bidirectional(layers.LSTM(8, return_sequences=True, dropout=0.1))(h)
    h = layers.GRU(12, return_sequences=True, recurrent_dropout=0.1)(h)
    h = layers.SimpleRNN(12, return_sequences=True)(h)
    cells = [layers.LSTMCell(8), layers.GRUCell(8), layers.SimpleRNNCell(8)]
    h = layers.RNN(layers.StackedRNNCells(cells), return_sequences=True)(h)
    h = layers.TimeDistributed(layers.Dense(8, activation="relu"))(h)
    h = layers.MultiHeadAttention(2, 4, dropout=0.1)(h, h)
    words_seen = layers.GlobalAveragePooling1D()(h)
    g = layers.Masking(-1.0)(numbers)
    g = layers.LSTM(8, return_sequences=True)(g)
    g = layers.Conv1D(8, 3, padding="causal")(g)
    g = layers.SeparableConv1D(8, 3, padding="same")(g)
    g = layers.DepthwiseConv1D(3, padding="same")(g)
    g = layers.Cropping1D(1)(layers.ZeroPadding1D(1)(g))
    g = layers.AveragePooling1D(2)(layers.Conv1DTranspose(8, 3, 2, padding="same")(g))
    g = layers.MaxPooling1D(2)(layers.UpSampling1D(2)(g))
    g = layers.Attention(use_scale=True)([g, g])
    g = layers.AdditiveAttention()([g, g])
    again = layers.LSTM(8)(layers.RepeatVector(3)(layers.GlobalMaxPooling1D()(g)))
    h = layers.Concatenate()([words_seen, again])
    return Model([words, numbers], layers.Dense(CLASSES, activation="softmax")(h))


def data(seed: int = 0) -> tuple[list, list, np.ndarray]:
    """Return the inputs of both networks and their targets, one batch per step."""
    rng = np.random.default_rng(seed)
    n = STEPS * BATCH
    x = rng.normal(size=(n, 16, 16, 3)).astype("float32")
    words = rng.integers(1, WORDS, (n, LENGTH))
    lengths = rng.integers(0, LENGTH + 1, n)
    past = np.arange(LENGTH) >= lengths[:, None]
    words[past] = 0
    numbers = rng.normal(size=(n, LENGTH, 4)).astype("float32")
    numbers[past] = -1
    y = rng.integers(0, CLASSES, n)
    return [x, x[:, 0, :2].reshape(n, 6)], [words, numbers], y


def kinds() -> set[type]:
    """Return every class of layers that cnnlite offers."""
    found = {getattr(layers, name) for name in layers.__all__}
    found = {c for c in found if inspect.isclass(c) and issubclass(c, layers.Layer)}
    return found - {layers.Layer, layers.Lambda}  # a Lambda's function is not saved


def main(steps: int = STEPS, even: bool = True) -> None:
    """Train both networks; print a hash of all weights and the number of threads that ran."""
    threads.set_even_shares(even)
    cnnlite.set_random_seed(3)
    digest = hashlib.sha256()
    first, second, y = data()
    for model, x in ((images(), first), (sequences(), second)):
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x, y, batch_size=BATCH, steps_per_epoch=steps, verbose=0)
        parts = [*model.get_weights(), model.predict([a[:64] for a in x], verbose=0)]
        assert all(np.isfinite(p).all() for p in parts)
        digest.update(b"".join(p.tobytes() for p in parts))
    layers.Conv2D(16, 3)(np.ones((8, 32, 32, 16), "float32"))  # a large operation takes the team
    print(digest.hexdigest(), threads.last_team_size())
