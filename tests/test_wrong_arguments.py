"""Wrong values for every argument of every class and function that a user makes things with.

Each raises, when the object is made, an error that names the object and the argument, unless
the table below says that the value is right there.  Losses, metrics and callbacks have tests
of their own.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from cnnlite import (
    constraints,
    datasets,
    initializers,
    layers,
    optimizers,
    regularizers,
    schedules,
    utils,
)
from cnnlite.layers.configuration import snake_case

WRONG = {
    "text": "x",
    "None": None,
    "-1": -1,
    "0": 0,
    "1.5": 1.5,
    "NaN": float("nan"),
    "list": [],
    "dict": {},
    "object": object(),
    "array": np.zeros(3),
    "True": True,
    "bytes": b"x",
}

# Right values of the arguments without which nothing can be made.
NEEDED: dict[str, Callable[[], dict[str, Any]]] = {
    "Activation": lambda: {"activation": "relu"},
    "Bidirectional": lambda: {"layer": layers.LSTM(2)},
    "Dot": lambda: {"axes": 1},
    "Embedding": lambda: {"input_dim": 3, "output_dim": 2},
    "GaussianNoise": lambda: {"stddev": 0.5},
    "InputLayer": lambda: {"shape": (3,)},
    "Lambda": lambda: {"function": lambda x: x},
    "Input": lambda: {"shape": (3,)},
    "MultiHeadAttention": lambda: {"num_heads": 2, "key_dim": 2},
    "Permute": lambda: {"dims": (1,)},
    "RNN": lambda: {"cell": layers.GRUCell(2)},
    "RandomTranslation": lambda: {"height_factor": 0.1, "width_factor": 0.1},
    "RepeatVector": lambda: {"n": 2},
    "Rescaling": lambda: {"scale": 2.0},
    "Reshape": lambda: {"target_shape": (2, -1)},
    "StackedRNNCells": lambda: {"cells": [layers.GRUCell(2)]},
    "TimeDistributed": lambda: {"layer": layers.Dense(2)},
    "CosineDecay": lambda: {"initial_learning_rate": 0.1, "decay_steps": 9},
    "CosineDecayRestarts": lambda: {"initial_learning_rate": 0.1, "first_decay_steps": 9},
    "PiecewiseConstantDecay": lambda: {"boundaries": [1, 2], "values": [1.0, 0.5, 0.1]},
    "PolynomialDecay": lambda: {"initial_learning_rate": 0.1, "decay_steps": 9},
    "adding_problem": lambda: {"n": 4, "T": 11},
    "normalize": lambda: {"x": np.ones((2, 3))},
    "pad_sequences": lambda: {"sequences": [[1, 2], [3]]},
    "split_dataset": lambda: {"dataset": np.arange(6.0), "left_size": 0.5},
    "to_categorical": lambda: {"x": [0, 1]},
    "timeseries_dataset_from_array": lambda: {
        "data": np.arange(12.0).reshape(6, 2),
        "targets": None,
        "sequence_length": 2,
    },
}
FOR_ALL = {
    "filters": 2, "kernel_size": 2, "units": 2, "rate": 0.5, "pool_size": 2, "n": 8, "seed": 1,
    "initial_learning_rate": 0.1, "decay_steps": 9, "decay_rate": 0.5,
}  # fmt: skip

# What is right by an argument's name, or by class.name, besides defaults and None for an
# argument that may be None.
RIGHT = {
    # numbers: 0 switches off, and any size or sign has a meaning
    **dict.fromkeys(
        (
            "alpha",
            "beta",
            "k",
            "clipnorm",
            "clipvalue",
            "global_clipnorm",
            "decay_rate",
            "end_learning_rate",
            "initial_learning_rate",
            "learning_rate",
            "initial_accumulator_value",
            "l1",
            "l2",
            "m_mul",
            "max_value",
            "maxval",
            "negative_slope",
            "noise",
            "power",
            "threshold",
            "warmup_target",
            "weight_decay",
        ),
        "0 1.5",
    ),
    **dict.fromkeys(
        (
            "fill_value",
            "gain",
            "mask_value",
            "RandomNormal.mean",
            "TruncatedNormal.mean",
            "Rescaling.offset",
            "normalize.order",
        ),
        "-1 0 1.5",
    ),
    **dict.fromkeys(
        (
            "beta_2",
            "dropout",
            "recurrent_dropout",
            "rate",
            "ema_momentum",
            "momentum",
            "renorm_momentum",
            "rho",
            "min_value",
            "circles.factor",
        ),
        "0",
    ),
    **dict.fromkeys(("Adam.beta_1", "AdamW.beta_1", "Adamax.beta_1", "Nadam.beta_1"), "0"),
    **dict.fromkeys(
        ("decay_steps", "first_decay_steps", "warmup_steps", "t_mul", "epsilon"), "1.5"
    ),
    **dict.fromkeys(("BatchNormalization.epsilon", "LayerNormalization.epsilon"), "0 1.5"),
    "OrthogonalRegularizer.factor": "0 1.5",
    "Rescaling.scale": "-1 0 1.5 array",
    "Rescaling.offset": "-1 0 1.5 array",
    "VarianceScaling.scale": "1.5",
    "minval": "-1 0",
    **dict.fromkeys(("height_factor", "width_factor"), "-1 0"),
    "stddev": "0 1.5",
    "GaussianNoise.stddev": "0",
    "Constant.value": "-1 0 1.5 NaN array",
    "pad_sequences.value": "-1 0 True",
    # whole numbers; axes are compared with the input when there is one
    **dict.fromkeys(
        (
            "seed",
            "batch_size",
            "maxlen",
            "n",
            "output_padding",
            "start_index",
            "workers",
            "cropping",
            "ZeroPadding1D.padding",
            "ZeroPadding2D.padding",
        ),
        "0",
    ),
    "RepeatVector.n": "",
    "timeseries_dataset_from_array.batch_size": "",
    "axis": "0",
    **dict.fromkeys(("MaxNorm.axis", "MinMaxNorm.axis", "UnitNorm.axis"), "-1"),
    "Normalization.axis": "0 None list",
    "axes": "-1 0",
    "shared_axes": "-1 0 list",
    # shapes of no axes: a number for each sample; what does not fit says so when it is called
    **dict.fromkeys(("dims", "noise_shape", "target_shape", "input_shape", "shape"), "list"),
    "InputLayer.input_shape": "",
    "Lambda.output_shape": "list",
    "Lambda.arguments": "dict",
    "Bidirectional.weights": "list",
    # data
    **dict.fromkeys(("data", "dataset"), "array"),
    "sequences": "list dict",
    "targets": "None array list",
    "normalize.x": "array list",
    "to_categorical.x": "0 array True",
    # Keras's
    "activation": "None",
    "recurrent_activation": "None",
    "flash_attention": "0",
    "name": "text",
    "renorm_clipping": "dict",
    "use_cudnn": "True",
}
NOT_OFFERED = {  # True, or None, is a value of the type, and yet refused
    "BatchNormalization.renorm", "BatchNormalization.synchronized", "MultiHeadAttention.use_gate",
    "Input.shape", "InputLayer.shape", "split_dataset.left_size",
}  # fmt: skip

OLDER = {"batch_input_shape": "batch_shape"}  # Keras's older name for it
ELSEWHERE = {
    "image_dataset_from_directory",  # needs folders: tests/utils/test_image_dataset.py
    "custom_object_scope", "register_keras_serializable",
}  # fmt: skip
BASES = {"Layer", "Initializer", "Regularizer", "Constraint", "Optimizer", "LearningRateSchedule"}


def made() -> Iterator[Any]:
    """Yield every public class and function, once."""
    seen: set[int] = set()
    for module in (layers, initializers, regularizers, constraints, optimizers, schedules,
                   datasets, utils):  # fmt: skip
        for name in module.__all__:
            thing = getattr(module, name)
            lower = inspect.isfunction(thing) and module not in (datasets, utils)
            skipped = lower and name != "Input"
            if skipped or inspect.ismodule(thing) or id(thing) in seen:
                continue
            if thing.__name__ not in BASES | ELSEWHERE:
                seen.add(id(thing))
                yield thing


def arguments() -> list[Any]:
    found = []
    for thing in made():
        parameters = inspect.signature(thing).parameters.values()
        for p in parameters:
            if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL):
                found.append(pytest.param(thing, p, id=f"{thing.__name__}.{p.name}"))
    return found


def is_right(thing: Any, parameter: inspect.Parameter, label: str) -> bool:
    value, default = WRONG[label], parameter.default
    refused = f"{thing.__name__}.{parameter.name}" in NOT_OFFERED
    if refused and label in ("None", "True"):
        return False
    if type(value) is type(default) and label not in ("array", "object") and value == default:
        return True
    annotation = str(parameter.annotation)
    if label == "None" and (default is None or "None" in annotation):
        return True
    if annotation == "bool" and label in ("True", "0"):
        return True
    name = parameter.name
    right = RIGHT.get(f"{thing.__name__}.{name}", RIGHT.get(name, ""))
    for ending in ("_initializer", "_regularizer", "_constraint"):
        if name.endswith(ending):
            right = "None"
    return label in right.split()


@pytest.mark.filterwarnings("ignore:PyDataset. use_multiprocessing=True starts no processes")
@pytest.mark.parametrize(("thing", "parameter"), arguments())
def test_a_wrong_value_names_the_object_and_the_argument(thing: Any, parameter: inspect.Parameter):
    """And a value in the table of right ones is taken."""
    taken = inspect.signature(thing).parameters
    names = [thing.__name__, snake_case(thing.__name__), thing.__name__.lower()]
    names += ["Input"] if thing.__name__ == "InputLayer" else []
    for label, value in WRONG.items():
        given = {
            k: v for k, v in FOR_ALL.items() if k in taken and taken[k].default is taken[k].empty
        }
        given |= NEEDED.get(thing.__name__, dict)()
        given[parameter.name] = value
        if is_right(thing, parameter, label):
            thing(**given)
            continue
        try:
            thing(**given)
        except (TypeError, ValueError) as error:
            message = str(error)
            assert any(name in message for name in names), f"{label}: {message}"
            assert OLDER.get(parameter.name, parameter.name) in message, f"{label}: {message}"
        else:
            raise AssertionError(f"{parameter.name}={value!r} was taken")
