"""Write docs/keras-coverage.md: which of Keras 3.15's public names cnnlite has.

Run ``python docs/keras_coverage.py`` from the repository's root.  ``keras-3.15.json`` beside this
file lists Keras's names with their arguments and defaults, and the methods and attributes of
its base classes (facts, read from an installed Keras 3.15.0 by ``inspect``); the rest is read
from cnnlite itself.  What an argument is refused with is found by trying it: see
``keras_refused.py``.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER))
from keras_refused import refused  # noqa: E402

TARGET = FOLDER / "keras-coverage.md"
_EMPTY = inspect.Parameter.empty
# Every layer, loss, metric and optimizer takes these, by keyword at least.
_COMMON = {"name", "dtype", "trainable"}
_MEMBERS = " members"  # ends the namespaces that are a base class


def keras() -> dict[str, dict[str, list[list[str]] | None]]:
    """Return Keras's public names by namespace: a list of [argument, default if any] each."""
    return json.loads((FOLDER / "keras-3.15.json").read_text())


def ours(namespace: str, name: str) -> Any:
    """Return what cnnlite has under a name of Keras's, or None."""
    module: Any
    if namespace.endswith(_MEMBERS):
        return _member(_base(namespace.removesuffix(_MEMBERS)), name)
    if namespace == "keras":
        found = getattr(importlib.import_module("cnnlite"), name, None)
        return None if name in OTHER else found
    try:
        module = importlib.import_module(f"cnnlite.{namespace}")
    except ImportError:
        return None
    found = getattr(module, name, None)
    # A module of this name is what Keras means only among the data sets.
    return None if inspect.ismodule(found) and namespace != "datasets" else found


def _base(name: str) -> Any:
    """Return the class that Keras's base class of this name is here."""
    for module in ("models", "layers", "metrics", "optimizers", "losses", "callbacks"):
        found = getattr(importlib.import_module(f"cnnlite.{module}"), name, None)
        if found is not None:
            return found
    raise ValueError(f"no class {name!r}.")


@functools.cache
def _samples() -> list[Any]:
    """Return an object of each base class, for the attributes that constructors set."""
    from cnnlite import callbacks, layers, losses, metrics, models, optimizers

    model = models.Sequential([layers.Input((1,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    return [
        model,
        layers.Layer(name="layer"),
        metrics.Metric(),
        optimizers.SGD(),
        losses.Loss(),
        callbacks.Callback(),
    ]


def _member(cls: Any, name: str) -> Any:
    """Return a class's method or property, or its name for an attribute; None if there is none."""
    if inspect.getattr_static(cls, name, None) is not None:
        return getattr(cls, name)
    return name if any(isinstance(s, cls) and name in vars(s) for s in _samples()) else None


def differences(namespace: str, name: str, theirs: list[list[str]] | None) -> list[str]:
    """Return how the arguments of one name differ from Keras's, each as a phrase."""
    found = ours(namespace, name)
    if theirs is None or not callable(found):
        return []
    function = found.__init__ if inspect.isclass(found) else found
    parameters = list(inspect.signature(function).parameters.values())
    if parameters and parameters[0].name == "self":
        parameters = parameters[1:]
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    free = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
    own = {p.name: p for p in parameters if p.kind not in kinds}
    wanted = [entry for entry in theirs if entry[0] not in _COMMON]
    phrases = []
    # What Keras's layers take by **kwargs, ours may name, and the other way round.
    common = {"activity_regularizer", "input_shape"} if namespace == "layers" else set()
    missing = [n for n, *_ in wanted if n not in own and not (free and n in common)]
    if missing:
        phrases.append(f"lacks {', '.join(missing)}")
    extra = [n for n in own if n not in {n for n, *_ in theirs} | _COMMON | common]
    if extra:
        phrases.append(f"adds {', '.join(extra)}")
    for argument, *default in wanted:
        if argument in own:
            mine = own[argument].default
            if (mine is _EMPTY) != (not default) or (default and not _same(mine, default[0])):
                shown = "required" if mine is _EMPTY else f"{mine!r} by default"
                phrases.append(f"{argument} is {shown} (Keras: {(default or ['required'])[0]})")
    shared = [n for n, *_ in wanted if n in own]
    if shared != [n for n in own if n in shared]:
        phrases.append("another order of arguments")
    return phrases


def _same(value: Any, text: str) -> bool:
    """Return whether a default equals Keras's, given as text."""
    try:
        return value == ast.literal_eval(text)
    except ValueError:  # an object, not a literal
        return repr(value) == text


def _ignored() -> list[tuple[str, str, str]]:
    """Return the arguments that are taken and change nothing: name, argument, why."""
    step = "nothing is compiled, and nothing scaled"
    return [
        *(
            ("Model members.compile", argument, step)
            for argument in ("steps_per_execution", "jit_compile", "auto_scale_loss")
        ),
        *(
            (f"layers.{name}", "unroll", "a sequence is one kernel call, with nothing to unroll")
            for name in ("SimpleRNN", "LSTM", "GRU", "RNN")
        ),
        *(
            (f"layers.{name}", "use_cudnn", "no back end here runs on a GPU")
            for name in ("LSTM", "GRU")
        ),
        ("Metric members.add_variable", "aggregation", "there is one process"),
        ("layers.Lambda", "output_shape", "the function's result has it"),
    ]


# Modules of Keras's names that hold other things than Keras's.
OTHER = {
    "applications": "functions in lower case (`vgg16`), with sizes to choose, without weights",
    "config": "of Keras's functions `floatx` and `set_floatx` alone",
    "ops": "operations on arrays, with names and derivatives of their own: `help(cnnlite.ops)`",
    "visualization": "the charts of `cnnlite compare-cnns`",
}

# What is taken and means another thing than in Keras.
MEANINGS = {
    **{f"keras.{name}": what for name, what in OTHER.items()},
    "models.save_model": "a file ends in `.safetensors`; `.keras` and `.h5` files are refused, "
    "for saving and for loading",
    "models.load_model": "a subclass of Model comes back as a plain Model of the same layers",
    "metrics": "`dtype` is what a call computes in; a state is always float64, also that of "
    "`add_variable`",
    "Model members.losses": "penalties on weights alone; those on outputs are in the loss",
    "Model members.call": "runs once, on symbolic tensors; a `train_step` of one's own is refused",
    "Layer members.call": "only calls layers, or computes with `cnnlite.ops`, takes `ctx` and "
    "comes with a `backward`",
    "layers": "`training=` given on symbolic tensors stays, in `fit` and `predict` too; a mask "
    "goes through Lambda and on to an RNN with `initial_state`; a sample all of whose steps are "
    "masked has the mean 0 in GlobalAveragePooling1D, and what may attend to nothing attends "
    "with weight 0",
    "layers.LayerNormalization": "several axes are taken in ascending order",
    "layers.TimeDistributed": "one call for all steps: BatchNormalization inside takes its "
    "statistics over samples and steps together",
    "Model members.fit": "with `steps_per_epoch`, arrays go on in the next epoch where the last "
    "one ended, and so does a generator of validation data; each metric heeds an output's mask",
    "losses": "a `sample_weight` that is one number counts once a row",
    "layers.Lambda": "the function uses + - * / and layers without weights, and is not saved",
    "Loss members.call": "takes `ctx`, computes with `cnnlite.ops` and comes with a `backward`",
}


def coverage() -> Iterator[str]:
    """Yield the lines of the page."""
    yield "# What of Keras 3.15 cnnlite covers"
    yield ""
    yield "Written by `python docs/keras_coverage.py`, from the code; do not edit it by hand."
    yield "Covered is what has Keras's name; the tables below tell what differs, what is refused,"
    yield "what has no effect.  `Layer members` and the like are the methods and attributes of the"
    yield "base classes."
    yield ""
    api = keras()
    yield "| namespace | covered | not covered |"
    yield "|---|---|---|"
    for namespace, names in api.items():
        have = [n for n in names if ours(namespace, n) is not None]
        lack = [n for n in names if n not in have]
        share = f"{namespace} ({len(have)} of {len(names)})"
        yield f"| {share} | {', '.join(have)} | {', '.join(lack)} |"
    yield ""
    yield "Arguments that differ (`name`, `dtype`, `trainable` are taken wherever Keras has them):"
    yield ""
    yield "| name | difference |"
    yield "|---|---|"
    for namespace, names in api.items():
        for name, theirs in names.items():
            for phrase in differences(namespace, name, theirs):
                yield f"| {namespace}.{name} | {phrase} |"
    yield ""
    yield "Arguments that are there and refused, with what the error says:"
    yield ""
    yield "| argument | refused by | reason |"
    yield "|---|---|---|"
    grouped: dict[tuple[str, str], list[str]] = {}
    for namespace, name, given, reason in refused(api):
        grouped.setdefault((given, reason), []).append(f"{namespace}.{name}")
    for (given, reason), classes in grouped.items():
        yield f"| {given} | {', '.join(classes)} | {reason} |"
    yield ""
    yield "Arguments that are there and change nothing:"
    yield ""
    yield "| name | argument | why |"
    yield "|---|---|---|"
    for name, argument, why in _ignored():
        yield f"| {name} | {argument} | {why} |"
    yield ""
    yield "What has Keras's name and another meaning, as far as it is known:"
    yield ""
    yield "| name | meaning |"
    yield "|---|---|"
    for name, meaning in MEANINGS.items():
        yield f"| {name} | {meaning} |"


def main() -> None:
    TARGET.write_text("\n".join(coverage()) + "\n")
    print(f"Wrote {TARGET}.")


if __name__ == "__main__":
    main()
