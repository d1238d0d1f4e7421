"""Model: a graph of layers with weights; training comes from Trainer."""

from __future__ import annotations

import json
import os
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnnlite.arguments import CheckedArguments, flag
from cnnlite.layers.context import accepts
from cnnlite.layers.graph import Graph
from cnnlite.layers.naming import snake_case, unique_name
from cnnlite.layers.no_values import SymbolicError
from cnnlite.layers.sublayers import models_and_layers_in, refuse_changed
from cnnlite.layers.symbolic import ModelCall, SymbolicTensor
from cnnlite.layers.weights import WeightNames, assign_all
from cnnlite.models import architecture, saving, tracing, units
from cnnlite.models import summary as summaries
from cnnlite.models.structure import (
    Structure,
    alone,
    by_key,
    by_name,
    flatten,
    symbolic_tensors,
)
from cnnlite.models.training import Trainer
from cnnlite.ops import Parameter
from cnnlite.serialization import custom_object_scope
from cnnlite.shapes import is_int
from cnnlite.unmade import NeedsInit

_models: weakref.WeakSet[Model] = weakref.WeakSet()


def _renew_locks() -> None:
    """In a forked child: the thread that held a lock does not exist here."""
    for model in _models:
        model._lock = threading.RLock()


os.register_at_fork(after_in_child=_renew_locks)


class Model(WeightNames, CheckedArguments, Trainer, NeedsInit):
    """A network from input to output tensors (Keras's functional model).

    A subclass without inputs and outputs defines ``call(self, inputs)`` with its
    layers; it is run once, on symbolic tensors, when the model first sees data.

    Parameters
    ----------
    inputs, outputs : SymbolicTensor, or list or dict of them
    name : str, optional
    trainable : bool

    Examples
    --------
    >>> import cnnlite
    >>> from cnnlite import layers
    >>> x = cnnlite.Input((4,))
    >>> h = layers.Dense(4, activation="relu")(x)
    >>> model = cnnlite.Model(x, layers.Add()([x, h]))
    >>> model.predict([[1, 2, 3, 4]], verbose=0).shape
    (1, 4)
    """

    set_by_init = frozenset({"name", "_lock", "_trainable", "_graph", "_traced", "_structures"})

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in ("train_step", "test_step", "predict_step", "compute_loss"):
            if name in vars(cls):
                raise TypeError(
                    f"{cls.__name__}: a {name} of one's own needs automatic differentiation, which "
                    "cnnlite has not. Write a Layer, a Loss or a Metric with its call and "
                    "backward, or loop over train_on_batch()."
                )

    def __init__(
        self,
        inputs: Any = None,
        outputs: Any = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        functional = inputs is not None or outputs is not None
        if not functional and type(self) is Model:
            raise TypeError("Model: inputs and outputs are missing. Write Model(inputs, outputs).")
        self._begin(name)
        if functional:
            self._traced = False
            self._set_graph(alone(inputs), alone(outputs))
            units.check_names(self.graph, "Model")
        if not trainable:
            self.trainable = False

    def _begin(self, name: str | None) -> None:
        """Set what every model has, before it has a graph."""
        Trainer.__init__(self)
        stem = "functional" if type(self) is Model else snake_case(type(self).__name__)
        self.name = unique_name(stem) if name is None else name
        self._trainable = True
        self._graph: Graph | None = None
        self._traced = True  # the graph comes of tracing `call`
        self._traced_with: frozenset[Any] = frozenset()  # on these layers
        self._structures = Structure(None), Structure(None)
        _models.add(self)

    @classmethod
    def _of_graph(cls, inputs: Any, outputs: Any, name: str | None) -> Model:
        """Return a functional model; two of its layers may have one name, as in a subclass."""
        made = object.__new__(cls)
        made._begin(name)
        made._traced = False
        made._set_graph(inputs, outputs)
        return made

    def _set_graph(self, inputs: Any, outputs: Any) -> None:
        inputs, outputs = by_key(inputs), by_key(outputs)
        self._structures = Structure(inputs), Structure(outputs)
        graph = Graph(symbolic_tensors(inputs, "inputs"), symbolic_tensors(outputs, "outputs"))
        for tensor in graph.inputs:
            if tensor.node is not None:
                raise ValueError("Model: inputs must come from Input(), not from a layer.")
        self._graph = graph
        if not self._trainable:
            self.trainable = False
        self._forget_plans()

    # -- structure

    @property
    def graph(self) -> Graph:
        if self._graph is None:
            raise ValueError(
                f"{self.name}: the model is not built, so its shapes are not known. Start it with "
                "an Input, call build(input_shape), or call it on data first."
            )
        return self._graph

    @property
    def built(self) -> bool:
        return self._graph is not None

    @property
    def layers(self) -> list[Any]:
        """The InputLayers, layers and nested models, in Keras's order.

        Those of a subclass are its attributes, in the order in which they were set.
        """
        if self._traced:
            return models_and_layers_in(self)
        return [layer for layer in units.in_order(self.graph) if not units.is_operator(layer)]

    @layers.setter
    def layers(self, value: Any) -> None:
        raise AttributeError(
            f"{type(self).__name__}: `layers` lists the layers of the model, so it cannot be set. "
            "Keep yours under another name, self.blocks say."
        )

    @property
    def inputs(self) -> list[SymbolicTensor]:
        return self.graph.inputs

    @property
    def outputs(self) -> list[SymbolicTensor]:
        return self.graph.outputs

    @property
    def input(self) -> Any:
        """The symbolic inputs, in the form that the model was made with."""
        return self._structures[0].pack(self.inputs)

    @property
    def output(self) -> Any:
        """The symbolic outputs, in the form that the model was made with."""
        return self._structures[1].pack(self.outputs)

    @property
    def trainable(self) -> bool:
        """Whether an optimizer changes the weights; setting it sets every layer.

        Where it is False, a layer that is set to True again stays as it is too.
        """
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = flag(value, f"{self.name}: trainable")
        for layer in self._parts():
            layer.trainable = value

    def _parts(self) -> list[Any]:
        """Return the layers, and those that the graph has besides."""
        listed = self.layers if self._traced or self.built else []
        return list(dict.fromkeys([*listed, *(units.called(self.graph) if self.built else [])]))

    @property
    def sublayers(self) -> list[Any]:
        """The layers; what a layer that holds the model looks for."""
        return self._parts()

    @property
    def input_shape(self) -> Any:
        shapes = [t.shape for t in self.inputs]
        return shapes if len(shapes) > 1 else shapes[0]

    @property
    def output_shape(self) -> Any:
        shapes = [t.shape for t in self.outputs]
        return shapes if len(shapes) > 1 else shapes[0]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Any:
        """Return a layer, or a nested model, by name or by place in ``layers``.

        Raises
        ------
        ValueError
            If there is none such.
        """
        if index is not None and name is not None:
            raise ValueError(
                f"{self.name}: get_layer takes a name or an index. "
                f"Got both, {name!r} and {index!r}. Leave one out."
            )
        if index is None and name is None:
            raise ValueError(f"{self.name}: get_layer needs a name or an index. Pass one.")
        if index is not None:
            if not is_int(index):
                raise TypeError(f"{self.name}: index must be an integer. Got {index!r}.")
            if not -len(self.layers) <= index < len(self.layers):
                raise ValueError(
                    f"{self.name}: no layer {index}. The model has {len(self.layers)} layers."
                )
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = ", ".join(layer.name for layer in self.layers)
        raise ValueError(f"{self.name}: no layer named {name!r}. It has: {names}.")

    def summary(
        self, print_fn: Callable[[str], object] = print, expand_nested: bool = False
    ) -> None:
        """Print every layer's output shape, parameters and multiply-adds, and the totals.

        Parameters
        ----------
        print_fn : function of a line
        expand_nested : bool
            List the layers of nested models too.
        """
        if not callable(print_fn):
            raise TypeError(f"{self.name}: print_fn must be a function. Got {print_fn!r}.")
        summaries.summary(self, print_fn, expand_nested)

    @property
    def multiply_adds(self) -> int:
        """Multiplications with a weight that one sample takes."""
        return summaries.multiply_adds(self)

    # -- weights

    @property
    def weights(self) -> list[Parameter]:
        return self._each("weights")

    @property
    def trainable_weights(self) -> list[Parameter]:
        """Those of the layers; none where the model itself is not trainable."""
        return self._each("trainable_weights") if self._trainable else []

    @property
    def non_trainable_weights(self) -> list[Parameter]:
        trained = set(self.trainable_weights)
        return [p for p in self.weights if p not in trained]

    def _each(self, kind: str) -> list[Parameter]:
        """Return the parameters of all layers, each once though its layer be there twice."""
        self.graph  # noqa: B018 (raises unless built)
        return list(dict.fromkeys(p for layer in self._parts() for p in getattr(layer, kind)))

    @property
    def _stored_weights(self) -> list[Parameter]:
        """The weights in the order of a file: that in which building the graph makes them."""
        return self._stored("weights")

    def _stored(self, kind: str) -> list[Parameter]:
        """Return weights of a kind in that order; so slots and sums over them keep theirs."""
        if kind == "trainable_weights" and not self._trainable:
            return []
        found: list[Parameter] = []
        for layer in units.called(self.graph) if self.built else []:
            nested = isinstance(layer, Model)
            found += layer._stored(kind) if nested else getattr(layer, kind)
        return list(dict.fromkeys(found))

    def count_params(self) -> int:
        """Return the number of values in all weights."""
        return sum(p.value.size for p in self.weights)

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of all weights, layer by layer."""
        with self._lock:
            return [p.numpy() for p in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Copy arrays into the weights, in the order of :meth:`get_weights`; all or none."""
        with self._lock:
            assign_all(self.weights, weights, self.name)

    # -- calling

    def call(self, inputs: Any) -> Any:
        """Return the outputs for symbolic inputs; what a subclass defines."""
        raise NotImplementedError(
            f"{type(self).__name__}: no call(self, inputs). Write one that applies layers to "
            "inputs, or pass inputs and outputs to the constructor."
        )

    def __call__(self, x: Any, training: Any = None, mask: Any = None) -> Any:
        """Inline the model in another graph, or compute on arrays and return fresh ones.

        ``training=False`` on symbolic tensors stays: batch normalization inside keeps its
        statistics, and dropout does nothing, though the outer model be trained.
        """
        xs = flatten(x)
        if xs and all(isinstance(t, SymbolicTensor) for t in xs):
            self._build_for(x)
            return self._structures[1].pack(
                self._inline(self._in_order(x, f"{self.name}: inputs"), training)
            )
        return self._predict_now(x, bool(training), self.name)

    def _in_order(self, x: Any, where: str) -> list[SymbolicTensor]:
        """Return what is given for each input: one, a list in their order, or a dict by name."""
        names = self._structures[0].keys or [t.name for t in self.inputs]
        xs = by_name(x, names, where)
        for name, tensor in zip(names, xs, strict=True):
            if tensor is None:
                raise ValueError(f"{where}: {name!r} is missing. Pass a tensor for it.")
        return xs

    def _inline(self, xs: Sequence[SymbolicTensor], training: Any = None) -> list[SymbolicTensor]:
        """Call the model's layers on other symbolic tensors, as one call of the model."""
        if not isinstance(training, bool | int | np.bool_):
            training = None  # as the outer model runs
        call = ModelCall(self, xs, training)
        outputs = self.graph.apply(xs, call)
        call.outputs = list(outputs)
        return outputs

    def build(self, input_shape: Any) -> None:
        """Build for inputs of this shape, batch first (a list or dict of shapes for several)."""
        if self.built:
            return
        self._trace(tracing.inputs_of_shape(input_shape, self.name))

    def _trace(self, inputs: Any) -> None:
        """Run ``call`` once on symbolic inputs; what comes out is the graph."""
        known = (
            {"training": tracing.AS_THE_MODEL_RUNS} if accepts(type(self).call, "training") else {}
        )
        try:
            outputs = self.call(inputs, **known)
        except SymbolicError as error:
            raise SymbolicError(
                f"{self.name}: {type(self).__name__}.call runs once, on symbolic tensors. {error}"
            ) from None
        self._set_graph(inputs, outputs)
        self._traced_with = frozenset(self.layers)

    def _build_for(self, x: Any) -> None:
        """Build on first use, for data or symbolic tensors; a functional model always is."""
        if not self.built:
            self._trace(tracing.inputs_like(x))
        elif self._traced:
            refuse_changed(self, self._traced_with, self.layers, "")

    # -- files

    def save(self, filepath: Any, overwrite: bool = True) -> None:
        """Write the model to one ``.safetensors`` file.

        It holds the architecture, the weights, the optimizer with its slots, the
        compile settings, step and seed.  A crash leaves the old file or the new.
        Of a subclass of Model it holds the graph of layers, so a plain Model is loaded.

        Parameters
        ----------
        filepath : str or path
            Must end in ``.safetensors``.
        overwrite : bool

        Raises
        ------
        ValueError
            If the name ends otherwise.
        NotImplementedError
            If the model holds a Lambda, whose function no file can hold.
        FileExistsError
            With ``overwrite=False``.
        """
        saving.save_model(self, filepath, overwrite)

    def save_weights(self, filepath: Any, overwrite: bool = True) -> None:
        """Write the weights alone to a ``.safetensors`` file."""
        saving.save_weights(self, filepath, overwrite)

    def load_weights(self, filepath: Any) -> None:
        """Read weights of a model of the same architecture; all or none."""
        saving.load_weights(self, filepath)

    def get_config(self) -> dict[str, Any]:
        """Return the architecture as JSON-ready data, from which :meth:`from_config` builds."""
        return architecture.graph_config(self)

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, type] | None = None
    ) -> Model:
        """Return a new model of an architecture, with fresh weights."""
        with custom_object_scope(custom_objects):
            return architecture.build(config)

    def to_json(self) -> str:
        """Return the architecture as text; ``models.model_from_json`` reads it."""
        return json.dumps(self.get_config())

    def __reduce__(self) -> Any:
        # copy, pickle and joblib go through the bytes of a model file.
        return saving.from_bytes, (saving.to_bytes(self), "model", saving.own_classes(self))
