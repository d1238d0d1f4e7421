"""Write docs/keras-coverage.md: which of Keras 3.15's public names cnnlite has.

Run ``python docs/coverage.py`` from the repository's root.  ``keras-3.15.json`` beside this
file lists Keras's names with their arguments and defaults (facts, read from an installed
Keras 3.15.0 by ``inspect``); the rest is read from cnnlite itself.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
TARGET = FOLDER / "keras-coverage.md"
MODULES = {"datasets": "cnnlite.datasets", "Model methods": "cnnlite.models"}
_EMPTY = inspect.Parameter.empty
# Every layer, loss, metric and optimizer takes these, by keyword at least.
_COMMON = {"name", "dtype", "trainable"}


def keras() -> dict[str, dict[str, list[list[str]] | None]]:
    """Return Keras's public names by namespace: a list of [argument, default if any] each."""
    return json.loads((FOLDER / "keras-3.15.json").read_text())


def ours(namespace: str, name: str) -> Any:
    """Return what cnnlite has under a name of Keras's, or None."""
    module: Any
    if namespace == "Model methods":
        module = importlib.import_module("cnnlite.models").Model
    else:
        try:
            module = importlib.import_module(f"cnnlite.{namespace}")
        except ImportError:
            return None
    found = getattr(module, name, None)
    # A module of this name is what Keras means only among the data sets.
    return None if inspect.ismodule(found) and namespace != "datasets" else found


def differences(namespace: str, name: str, theirs: list[list[str]] | None) -> list[str]:
    """Return how the arguments of one name differ from Keras's, each as a phrase."""
    found = ours(namespace, name)
    if theirs is None or not callable(found):
        return []
    function = found.__init__ if inspect.isclass(found) else found
    parameters = list(inspect.signature(function).parameters.values())
    if inspect.isclass(found) or namespace == "Model methods":
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


def coverage() -> Iterator[str]:
    """Yield the lines of the page."""
    yield "# What of Keras 3.15 cnnlite covers"
    yield ""
    yield "Written by `python docs/coverage.py`, from the code; do not edit it by hand."
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


def main() -> None:
    TARGET.write_text("\n".join(coverage()) + "\n")
    print(f"Wrote {TARGET}.")


if __name__ == "__main__":
    main()
