"""Wrong values given to methods and functions: the error names who, what, and the mend."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cnnlite
from cnnlite import activations, constraints, initializers, layers, models, ops, optimizers
from cnnlite import regularizers as reg
from cnnlite.optimizers import schedules


def model() -> cnnlite.Sequential:
    made = cnnlite.Sequential([cnnlite.Input((3,)), layers.Dense(2)], name="mine")
    made.compile("sgd", "mse")
    return made


def unbuilt() -> cnnlite.Sequential:
    return cnnlite.Sequential([layers.Dense(2)], name="mine")


def dense(x: Any) -> Any:
    return layers.Dense(2, name="mine")(x)


def weight() -> ops.Parameter:
    return ops.Parameter(np.ones(2, "float32"), "w")


def stack(**changes: Any) -> dict[str, Any]:
    return {"class_name": "Sequential", "name": "s", "inputs": [], "layers": [], **changes}


UNKNOWN = [{"class_name": "Foo", "config": {}}]

CASES: list[tuple[Callable[[], Any], type[Exception], str]] = [
    # layers and models, called
    (lambda: dense(None), TypeError, "mine: x must be numbers of one shape. Got None"),
    (lambda: dense("x"), TypeError, "mine: x must be numbers of one shape. Got 'x'"),
    (lambda: dense([[1, 2], [3]]), TypeError, "mine: x must be numbers of one shape"),
    (lambda: dense(np.ones((2, 2), complex)), TypeError, "mine: x must be numbers"),
    (lambda: layers.Embedding(3, 2, name="mine")("x"), TypeError, "mine: x must be numbers"),
    (lambda: model()(None), ValueError, "mine: no data. Got x=None"),
    (lambda: model()("x"), TypeError, "mine: x must be numbers"),
    (lambda: unbuilt()(None), ValueError, "mine: no data. Got x=None"),
    (lambda: unbuilt()("x"), TypeError, "mine: x must be numbers of one shape. Got 'x'"),
    (lambda: unbuilt()(3.0), ValueError, "mine: x needs a batch axis. Got 3.0"),
    (lambda: model().predict(), TypeError, "Model.predict: the argument 'x' is missing"),
    # a model's other methods
    (lambda: model().add("ab"), TypeError, "mine: not a layer. Got 'ab'. Add a Layer or a Model"),
    (lambda: cnnlite.Sequential(3), TypeError, "layers must be a list of layers"),
    (lambda: cnnlite.Sequential("ab"), TypeError, "sequential.*: layers must be a list"),
    (lambda: model().set_weights(3), TypeError, "mine: set_weights needs a list of arr"),
    (lambda: model().set_weights([[[1], [2, 3]], [1]]), TypeError, "mine: set_weights: weights"),
    (lambda: model().get_layer(index="x"), TypeError, "mine: index must be an integer. Got 'x'"),
    (lambda: model().summary("x"), TypeError, "mine: print_fn must be a function. Got 'x'"),
    (lambda: model().save(3), TypeError, "save: the file's name must be a string or path. Got 3"),
    # architectures
    (lambda: cnnlite.Sequential.from_config(stack(layers=UNKNOWN)), ValueError,
     "no layer of class 'Foo'.*custom_objects={'Foo': Foo}"),
    (lambda: models.model_from_json(json.dumps(stack(layers=UNKNOWN))), ValueError,
     "no layer of class 'Foo'.*custom_objects={'Foo': Foo}"),
    (lambda: cnnlite.Sequential.from_config(stack(layers=[3])), ValueError,
     "no architecture of a model: layers must be a list of dicts"),
    (lambda: cnnlite.Sequential.from_config(stack(inputs=3)), ValueError,
     "no architecture of a model: inputs must be a list of dicts"),
    (lambda: models.model_from_json(json.dumps(stack(class_name="Functional"))), ValueError,
     "no architecture of a model: a part of it is missing or wrong. Got KeyError: 'nodes'"),
    # optimizers
    (lambda: optimizers.SGD().apply_gradients([(1, 2)]), TypeError,
     r"sgd: apply_gradients needs pairs \(gradient, weight\). Got \(1, 2\). Write zip"),
    (lambda: optimizers.SGD().apply_gradients(3), TypeError, "sgd: apply_gradients needs pairs"),
    (lambda: optimizers.SGD().apply_gradients([("x", weight())]), TypeError,
     "sgd: the gradient of w must be numbers"),
    (lambda: optimizers.SGD().apply_gradients([([1.0], weight())]), ValueError,
     r"sgd: the gradient of w must have the weight's shape. Got \(1,\). Make it \(2,\)"),
    (lambda: optimizers.SGD().build("x"), TypeError, "sgd: build needs a list of weights"),
    (lambda: optimizers.AdamW().exclude_from_weight_decay(var_list=3), TypeError,
     "adamw: var_list must be a list of weights. Got 3"),
    (lambda: optimizers.AdamW().exclude_from_weight_decay(var_names=3), TypeError,
     "adamw: var_names must be a list of str. Got 3"),
    (lambda: setattr(optimizers.SGD(), "learning_rate", "0.1"), ValueError,
     "sgd: learning_rate must not be negative: a finite number or a schedule. Got '0.1'"),
    (lambda: setattr(optimizers.SGD(), "iterations", "x"), ValueError, "sgd: iterations must be"),
    # initializers
    (lambda: initializers.get("foo"), ValueError, "initializer: no such initializer. Got 'foo'"),
    (lambda: initializers.RandomNormal()("ab"), ValueError, "RandomNormal: shape must be sizes"),
    (lambda: initializers.Zeros()((2, -1)), ValueError, r"Zeros: shape.*Got \(2, -1\)"),
    (lambda: initializers.Ones()((2,), "foo"), TypeError, "Ones: no dtype of a weight. Got 'foo'"),
    (lambda: initializers.HeNormal()((2,), "int32"), TypeError, "HeNormal: no dtype of a weight"),
    (lambda: initializers.Constant([1, 2])((3,)), ValueError, "Constant: value: .* 2 against 3"),
    (lambda: initializers.Constant([[1], [2]])((2,)), ValueError, "Constant: value.*larger"),
    (lambda: initializers.VarianceScaling(input_axes=[5], output_axes=[0])((2, 3)), ValueError,
     "VarianceScaling: input_axes: no such axis. Got 5"),
    # configurations
    *((lambda get=get: get({}), ValueError, "a configuration is a dict of .class_name., a string")
      for get in (initializers.get, reg.get, constraints.get, optimizers.get,
                  schedules.deserialize)),
    *((lambda get=get, name=name: get({"class_name": name, "config": 3}), ValueError,
       f'"config" must be a dict of the arguments of {name}. Got 3')
      for get, name in ((initializers.get, "Zeros"), (reg.get, "L2"), (constraints.get, "MaxNorm"),
                        (optimizers.get, "SGD"))),
    *((lambda save=save: save(3), TypeError, f"only an instance of {base} can be serialized. Got 3")
      for save, base in ((reg.serialize, "Regularizer"), (constraints.serialize, "Constraint"),
                         (optimizers.serialize, "Optimizer"),
                         (schedules.serialize, "LearningRateSchedule"))),
    (lambda: layers.Dense(2, kernel_regularizer={}, name="mine"), ValueError,
     "mine: kernel_regularizer: .*a configuration is a dict"),
    (lambda: layers.Dense(2, bias_constraint=3, name="mine"), ValueError,
     "mine: bias_constraint: .*no such constraint. Got 3"),
    # activations
    (lambda: activations.relu(np.array([1, 2])), TypeError, "relu: x is int64 .*float32"),
    (lambda: activations.softmax("x"), TypeError, "softmax: x is no array of numbers"),
    (lambda: activations.linear("x"), TypeError, "linear: x must be numbers of one shape"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "pattern"), CASES)
def test_a_wrong_call_says_who_and_what(call: Callable[[], Any], error: type, pattern: str):
    """No KeyError, no message of NumPy's or Python's inside."""
    with pytest.raises(error, match=pattern):
        call()


def test_the_errors_of_a_recurrent_layer_are_not_its_cells():
    """LSTM(0) is wrong of the LSTM."""
    for name in ("SimpleRNN", "LSTM", "GRU"):
        snake = {"SimpleRNN": "simple_rnn"}.get(name, name.lower())
        with pytest.raises(ValueError, match=f"^{snake}: units must be a positive integer. Got 0"):
            getattr(layers, name)(0)
        with pytest.raises(ValueError, match=f"^{snake}: dropout must be a number in"):
            getattr(layers, name)(2, dropout=2)
        made = getattr(layers, name)(2)
        assert made.cell.name == f"{made.name}_cell"


def test_an_initializer_of_none_is_keras_default():
    """Glorot's uniform distribution, of kernels and of biases."""
    made = layers.Dense(4, kernel_initializer=None)
    assert type(made.kernel_initializer).__name__ == "GlorotUniform"
    assert np.abs(made(np.ones((1, 2), "float32"))).max() > 0
