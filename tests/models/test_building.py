"""Sequential and functional models: building, sharing, nesting, structure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import Input, Model, Sequential, layers
from cnnlite.errors import ShapeError

X = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")


def predict(model: Any, x: Any = X) -> Any:
    return model.predict(x, verbose=0)


def test_sequential_with_and_without_an_input_are_one_model():
    """Input first, input_shape=, build() and first data give equal structure and weights."""
    found = []
    for way in ("input", "input_shape", "build", "data", "add"):
        cnnlite.set_random_seed(1)
        stack = [layers.Dense(3, "relu"), layers.Dense(2)]
        if way == "input_shape":
            stack[0] = layers.Dense(3, "relu", input_shape=(4,))
        given = {"input": [Input((4,)), *stack], "add": []}
        model = Sequential(given.get(way, stack))
        if way == "add":
            model.add(Input((4,)))
            for layer in stack:
                model.add(layer)
        if way == "build":
            assert not model.built
            model.build((None, 4))
        if way != "data":
            assert model.built and model.count_params() == 23
        y = predict(model)
        assert model.built and model.input_shape == (None, 4) and model.output_shape == (None, 2)
        assert [type(layer) for layer in model.layers] == [layers.Dense] * 2
        found.append((y.tobytes(), [w.tobytes() for w in model.get_weights()]))
    assert all(other == found[0] for other in found)


def test_add_and_pop():
    """pop takes the last layer away, add puts another on; weights of the rest stay."""
    model = Sequential([Input((4,)), layers.Dense(3), layers.Dense(2)])
    kernel = model.layers[0].kernel
    popped = model.pop()
    assert popped.units == 2 and predict(model).shape == (5, 3)
    model.add(layers.Dense(7))
    assert predict(model).shape == (5, 7) and model.layers[0].kernel is kernel
    model.pop(), model.pop()
    assert model.layers == [] and not model.built
    with pytest.raises(ValueError, match="no layer to pop"):
        model.pop()
    with pytest.raises(ValueError, match="no layers"):
        predict(model)


def test_a_layer_that_does_not_fit_is_not_added():
    """After the error the model is as it was."""
    model = Sequential([Input((4,)), layers.Dense(3)])
    expected = predict(model)
    with pytest.raises(ShapeError, match="4 dimensions"):
        model.add(layers.Conv2D(3, 3))
    assert len(model.layers) == 1 and predict(model).tobytes() == expected.tobytes()


def test_compiled_metrics_follow_another_last_layer():
    """ "accuracy" is resolved anew for the outputs that the model has now."""
    cnnlite.set_random_seed(4)
    model = Sequential([Input((4,)), layers.Dense(3, "softmax")])
    model.compile("sgd", "mse", metrics=["accuracy"])
    model.fit(X, np.eye(3)[[0, 1, 2, 0, 1]], verbose=0)
    model.pop()
    model.add(layers.Dense(1, "sigmoid"))
    ones = np.ones((5, 1))
    positive = np.mean(predict(model) > 0.5)
    assert 0 < positive < 1  # or this test shows nothing
    assert model.evaluate(X, ones, verbose=0)[1] == pytest.approx(positive, rel=1e-6)


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: Sequential([layers.Dense(2), Input((4,))]), ValueError, "Input.*first"),
        (lambda: Sequential([Input((4,)), Input((4,))]), ValueError, "Input.*first"),
        (lambda: Sequential(["dense"]), TypeError, "not a layer.*'dense'"),
        (lambda: Sequential([lambda x: x]), TypeError, "not a layer"),
        (lambda: Sequential([layers.Dense(1)]).build((None, None)), ShapeError, "None"),
        (lambda: Sequential([layers.Dense(1)]).summary(), ValueError, "not built"),
        (lambda: Sequential([layers.Dense(1)]).input_shape, ValueError, "not built"),
        (lambda: Model(X, X), TypeError, "inputs must be symbolic"),
        (lambda: Model([], []), ValueError, "no inputs"),
        (lambda: Model(Input((2,)), X), TypeError, "outputs must be symbolic"),
        (lambda: Model(Input((2,)), layers.ReLU()(Input((2,)))), ValueError, "not among inputs"),
        (lambda: _intermediate_input(), ValueError, "must come from Input"),
    ],
)
def test_models_that_cannot_be(make: Any, error: type[Exception], match: str):
    with pytest.raises(error, match=match):
        make()


def _intermediate_input() -> Model:
    h = layers.ReLU()(Input((2,)))
    return Model(h, layers.ReLU()(h))


def numpy_dense(x: np.ndarray, layer: layers.Dense) -> np.ndarray:
    return x @ layer.kernel.numpy() + layer.bias.numpy()


def test_fork_and_join():
    """A tensor used by two layers, joined by Add and Concatenate, against NumPy."""
    x = Input((4,))
    first, left, right = layers.Dense(3), layers.Dense(3), layers.Dense(3)
    h = first(x)
    model = Model(x, layers.Concatenate()([layers.Add()([left(h), right(h)]), h]))
    hidden = numpy_dense(X, first)
    expected = np.hstack([numpy_dense(hidden, left) + numpy_dense(hidden, right), hidden])
    np.testing.assert_allclose(predict(model), expected, rtol=1e-5, atol=1e-6)
    residual = Model(x, layers.Dense(4)(x) + x)
    dense = residual.layers[1]
    np.testing.assert_allclose(predict(residual), numpy_dense(X, dense) + X, rtol=1e-5, atol=1e-6)


def test_a_shared_layer_is_one_layer():
    """Used twice, a layer counts once among layers and weights, twice in multiply-adds."""
    x = Input((4,))
    shared = layers.Dense(4)
    model = Model(x, shared(shared(x)))
    assert model.layers[1:] == [shared] and model.count_params() == 20
    assert model.multiply_adds == 32
    np.testing.assert_allclose(
        predict(model), numpy_dense(numpy_dense(X, shared), shared), rtol=1e-5, atol=1e-6
    )


def test_a_layer_twice_in_a_sequential_model():
    """The stack shows it twice; its weights are listed, counted and updated once."""
    shared = layers.Dense(4)
    model = Sequential([Input((4,)), shared, layers.ReLU(), shared])
    assert [p.name for p in model.weights] == [p.name for p in shared.weights]
    assert model.count_params() == 20 and len(model.get_weights()) == 2
    functional = Model(model.inputs, model.outputs)
    for other in (model, functional):
        other.compile(cnnlite.optimizers.SGD(0.1), "mse")
    start = model.get_weights()
    model.train_on_batch(X, X)
    stepped = model.get_weights()
    model.set_weights(start)
    functional.train_on_batch(X, X)
    for a, b in zip(stepped, functional.get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("built", [True, False])
def test_nested_models_are_inlined(built: bool):
    """A model inside a model shares its weights and computes the same."""
    inner = Sequential([layers.Dense(3, "relu"), layers.Dense(4)])
    if built:
        inner.build((None, 4))
    outer = Sequential([Input((4,)), inner, layers.Dense(2)])
    x = Input((4,))
    functional = Model(x, layers.Dense(2)(inner(x)))
    functional.set_weights(outer.get_weights())
    expected = numpy_dense(predict(inner), outer.layers[-1])
    np.testing.assert_allclose(predict(outer), expected, rtol=1e-5, atol=1e-6)
    assert predict(functional).tobytes() == predict(outer).tobytes()
    assert outer.count_params() == inner.count_params() + 10
    assert outer.layers[0] is inner
    outer.compile(cnnlite.optimizers.SGD(0.1), "mse")
    before = predict(inner)
    outer.train_on_batch(X, X[:, :2])
    assert (predict(inner) != before).any()


def test_several_inputs_and_outputs():
    """Lists in, lists out, in the order of inputs= and outputs=."""
    a, b = Input((4,)), Input((2,))
    da, db = layers.Dense(3), layers.Dense(3)
    model = Model([a, b], [db(b), layers.Add()([da(a), db(b)])])
    xb = X[:, 2:].copy()
    first, second = predict(model, [X, xb])
    np.testing.assert_allclose(first, numpy_dense(xb, db), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        second, numpy_dense(X, da) + numpy_dense(xb, db), rtol=1e-5, atol=1e-6
    )
    assert model.input_shape == [(None, 4), (None, 2)]
    assert model.output_shape == [(None, 3), (None, 3)]
    called = model([X, xb])
    assert [y.tobytes() for y in called] == [first.tobytes(), second.tobytes()]
    single = Model([a, b], [db(b)])  # a list of one is that one, as in Keras
    assert predict(single, [X, xb]).shape == (5, 3)
    with pytest.raises(ShapeError, match=r"2 inputs.*1 arrays"):
        predict(model, X)
    with pytest.raises(ShapeError, match=r"differ in samples.*5, 4"):
        predict(model, [X, xb[:4]])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="2 outputs"):
        model.fit([X, xb], xb, verbose=0)


def test_an_output_may_be_an_input_or_appear_twice():
    """Outputs that share memory in the plan leave it as separate arrays."""
    x = Input((4,))
    h = layers.ReLU()(x)
    model = Model(x, [x, h, h, layers.Flatten()(h)])
    outputs = predict(model)
    for y, expected in zip(outputs, [X, np.maximum(X, 0)] + [np.maximum(X, 0)] * 2, strict=True):
        assert y.tobytes() == expected.tobytes()
    for i, a in enumerate(outputs):
        assert not any(np.may_share_memory(a, b) for b in outputs[i + 1 :])
        assert not np.may_share_memory(a, X)


def test_training_flag_of_a_call_stays():
    """Dropout called with training=True drops in predict too; the model's flag rules the rest."""
    x = Input((50,))
    model = Model(x, layers.Dropout(0.5)(x, training=True))
    ones = np.ones((4, 50), "float32")
    assert set(np.unique(predict(model, ones))) == {0.0, 2.0}
    plain = Sequential([Input((50,)), layers.Dropout(0.5)])
    assert (plain(ones) == 1).all()
    assert set(np.unique(plain(ones, training=True))) == {0.0, 2.0}
    assert plain(ones, training=True).tobytes() != plain(ones, training=True).tobytes()


def test_get_layer():
    model = Sequential([Input((4,)), layers.Dense(3, name="first"), layers.Dense(2, name="last")])
    assert model.get_layer("last") is model.layers[1] is model.get_layer(index=-1)
    with pytest.raises(ValueError, match=r"'middle'.*first, last"):
        model.get_layer("middle")
    with pytest.raises(ValueError, match="no layer 2"):
        model.get_layer(index=2)


def test_summary_lists_layers_and_totals():
    """Names, shapes, parameters and multiply-adds, trainable and not."""
    model = Sequential(
        [Input((6, 6, 2)), layers.Conv2D(3, 3), layers.Flatten(), layers.Dense(5, trainable=False)]
    )
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    text = "\n".join(lines)
    assert "Conv2D" in text and "(batch, 4, 4, 3)" in text
    assert f"{4 * 4 * 3 * 3 * 3 * 2:,}" in text  # OH OW F KH KW C
    assert "Parameters: 302" in text and "Trainable: 57; not trainable: 245" in text
    assert model.multiply_adds == 864 + 48 * 5
    assert len({len(line) for line in lines if set(line) == {"-"}}) == 1


def test_a_deep_model_does_not_recurse():
    """Fifteen hundred layers build, predict and train."""
    x = Input((2,))
    h = layers.Dense(2, kernel_initializer="ones")(x)
    for _ in range(1500):
        h = layers.Activation("linear")(h)
    model = Model(x, h)
    model.compile("sgd", "mse")
    assert np.isfinite(model.train_on_batch(X[:, :2], X[:, :2]))
    assert predict(model, X[:, :2]).shape == (5, 2)


@pytest.mark.parametrize(
    ("x", "error", "match"),
    [
        (X[:, :3], ShapeError, r"\(5, 3\).*\(batch, 4\)"),
        (X[0], ShapeError, r"x\[None\]"),
        (np.array([["a"] * 4]), TypeError, "numbers"),
        (X.astype("complex64"), TypeError, "complex64"),
        (None, ValueError, "x=None"),
        ([[1, 2, 3], [4]], (TypeError, ValueError), None),
    ],
)
def test_predict_refuses(x: Any, error: Any, match: str):
    model = Sequential([Input((4,)), layers.Dense(2)])
    with pytest.raises(error, match=match):
        predict(model, x)


def test_images_without_a_channel_get_a_hint():
    model = Sequential([Input((4, 4, 1)), layers.Flatten()])
    with pytest.raises(ShapeError, match=r"x\[\.\.\., None\]"):
        predict(model, np.zeros((2, 4, 4)))


def test_predict_casts_and_takes_any_strides():
    """uint8, float64, lists and strided views give the bits of the float32 array."""
    model = Sequential([Input((4,)), layers.Dense(2)])
    whole = (X * 10).astype("int32")
    expected = predict(model, whole.astype("float32")).tobytes()
    wide = np.repeat(whole, 2, axis=1)[:, ::2]
    for given in (whole, whole.astype("float64"), whole.tolist(), wide, np.asfortranarray(whole)):
        assert predict(model, given).tobytes() == expected


def test_predict_of_nothing_and_of_partial_batches():
    """No samples give an empty result; the size of batches does not matter."""
    model = Sequential([Input((4,)), layers.Dense(2)])
    assert predict(model, X[:0]).shape == (0, 2)
    assert model.predict_on_batch(X[:0]).shape == (0, 2)
    parts = model.predict(X, batch_size=2, verbose=0)
    np.testing.assert_allclose(parts, predict(model), rtol=1e-6, atol=1e-7)


class TwoSteps(Model):
    def __init__(self):
        super().__init__()
        self.first, self.blocks = layers.Dense(3), [layers.Dense(2)]

    def call(self, x):
        return self.blocks[0](self.first(x))


@pytest.mark.parametrize("how", ["replaced", "added", "removed"])
def test_layers_of_a_subclass_stay_once_it_is_built(how: str):
    """Its call is not traced again, so another layer would not be used, without a word."""
    model, x = TwoSteps(), np.ones((4, 5), "float32")
    model.compile("sgd", "mse")
    model.fit(x, np.ones((4, 2)), verbose=0)
    before = model.predict(x, verbose=0)
    kept = model.first
    if how == "replaced":
        model.first = layers.Dense(3, name="other")
    elif how == "added":
        model.blocks.append(layers.Dense(2, name="other"))
    else:
        del model.first
    changed = "dense" if how == "removed" else "other"
    message = f"a layer was added, removed or replaced .* Got .*{changed}"
    for use in (
        lambda: model.predict(x, verbose=0),
        lambda: model.fit(x, np.ones((4, 2)), verbose=0),
        lambda: model(x),
    ):
        with pytest.raises(ValueError, match=message):
            use()
    model.first, model.blocks = kept, model.blocks[:1]
    np.testing.assert_array_equal(model.predict(x, verbose=0), before)
