"""Model: a graph of layers with weights; training comes from Trainer."""

from __future__ import annotations

import json
import os
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnnlite.errors import ShapeError
from cnnlite.layers.base import Layer, assign_all, snake_case, unique_name
from cnnlite.layers.context import accepts
from cnnlite.layers.symbolic import Input, SymbolicTensor
from cnnlite.models import architecture, saving
from cnnlite.models import summary as summaries
from cnnlite.models.graph import Graph
from cnnlite.models.structure import Structure, flatten
from cnnlite.models.training import Trainer
from cnnlite.ops import Parameter
from cnnlite.serialization import custom_object_scope

_models: weakref.WeakSet[Model] = weakref.WeakSet()


def _renew_locks() -> None:
    """In a forked child: the thread that held a lock does not exist here."""
    for model in _models:
        model._lock = threading.RLock()


os.register_at_fork(after_in_child=_renew_locks)


class Model(Trainer):
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
        super().__init__()
        functional = inputs is not None or outputs is not None
        if not functional and type(self) is Model:
            raise TypeError("Model: inputs and outputs are missing. Write Model(inputs, outputs).")
        stem = "functional" if type(self) is Model else snake_case(type(self).__name__)
        self.name = unique_name(stem) if name is None else name
        self._trainable = True
        self._graph: Graph | None = None
        self._structures = Structure(None), Structure(None)
        if functional:
            self._set_graph(inputs, outputs)
        if not trainable:
            self.trainable = False
        _models.add(self)

    def _set_graph(self, inputs: Any, outputs: Any) -> None:
        self._structures = Structure(inputs), Structure(outputs)
        graph = Graph(_tensors(inputs, "inputs"), _tensors(outputs, "outputs"))
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
    def layers(self) -> list[Layer]:
        return self.graph.layers

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
        """Whether an optimizer changes the weights; setting it sets every layer."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for layer in self.layers if self.built else []:
            layer.trainable = value

    @property
    def input_shape(self) -> Any:
        shapes = [t.shape for t in self.inputs]
        return shapes if len(shapes) > 1 else shapes[0]

    @property
    def output_shape(self) -> Any:
        shapes = [t.shape for t in self.outputs]
        return shapes if len(shapes) > 1 else shapes[0]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return a layer by name or by place.

        Raises
        ------
        ValueError
            If there is none such.
        """
        if index is not None:
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

    def summary(self, print_fn: Callable[[str], object] = print) -> None:
        """Print every layer's output shape, parameters and multiply-adds, and the totals."""
        summaries.summary(self, print_fn)

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
        return self._each("trainable_weights")

    @property
    def non_trainable_weights(self) -> list[Parameter]:
        return self._each("non_trainable_weights")

    def _each(self, kind: str) -> list[Parameter]:
        """Return the parameters of all layers, each once though its layer be there twice."""
        return list(dict.fromkeys(p for layer in self.layers for p in getattr(layer, kind)))

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

    def __call__(self, x: Any, training: Any = False, mask: Any = None) -> Any:
        """Inline the model in another graph, or compute on arrays and return fresh ones."""
        xs = flatten(x)
        if xs and all(isinstance(t, SymbolicTensor) for t in xs):
            self._build_for(x)
            if len(xs) != len(self.inputs):
                raise ValueError(f"{self.name}: needs {len(self.inputs)} inputs. Got {len(xs)}.")
            keys = self._structures[0].keys
            if isinstance(x, dict) and keys is not None:
                xs = [x[key] for key in keys]
            return self._structures[1].pack(self.graph.apply(xs))
        return self.predict_on_batch(x, training=training)

    def build(self, input_shape: Any) -> None:
        """Build for inputs of this shape, batch first (a list or dict of shapes for several)."""
        if self.built:
            return
        if isinstance(input_shape, dict):
            inputs: Any = {k: Input(s[1:], s[0], name=k) for k, s in input_shape.items()}
        elif input_shape and isinstance(input_shape[0], list | tuple):
            inputs = [Input(s[1:], s[0]) for s in input_shape]
        else:
            inputs = Input(input_shape[1:], input_shape[0])
        self._trace(inputs)

    def _trace(self, inputs: Any) -> None:
        """Run ``call`` once on symbolic inputs; what comes out is the graph."""
        known = {"training": _TRAINING} if accepts(type(self).call, "training") else {}
        outputs = self.call(inputs, **known)
        self._set_graph(inputs, outputs)

    def _build_for(self, x: Any) -> None:
        """Build on first use, for data or symbolic tensors; a functional model always is."""
        if self.built:
            return
        if isinstance(x, dict):
            self._trace({name: _input_like(value, name) for name, value in x.items()})
        elif isinstance(x, list | tuple) and any(hasattr(a, "ndim") for a in x):
            self._trace([_input_like(value) for value in x])
        else:
            self._trace(_input_like(x))

    # -- files

    def save(self, filepath: Any, overwrite: bool = True) -> None:
        """Write the model to one ``.safetensors`` file.

        It holds the architecture, the weights, the optimizer with its slots, the
        compile settings, step and seed.  A crash leaves the old file or the new.

        Parameters
        ----------
        filepath : str or path
            Must end in ``.safetensors``.
        overwrite : bool

        Raises
        ------
        ValueError
            If the name ends otherwise, or the model holds a class of the user's.
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


class _Training:
    """Stands for "as the model runs" while a subclass's ``call`` is traced."""

    def __bool__(self) -> bool:
        raise TypeError(
            "a model's call runs once, for training and inference alike, so it cannot branch on "
            "`training`. Pass training on to the layers, which know."
        )


_TRAINING = _Training()


def _input_like(value: Any, name: str | None = None) -> SymbolicTensor:
    """Return an Input for arrays of this shape and kind."""
    if isinstance(value, SymbolicTensor):
        return Input(value.shape[1:], value.shape[0], value.dtype, name)
    array = np.asarray(value)
    if array.ndim < 1:
        raise ShapeError(f"the model's input needs a batch axis. Got {value!r}.")
    return Input(array.shape[1:], dtype="int32" if array.dtype.kind in "iub" else None, name=name)


def _tensors(value: Any, where: str) -> list[SymbolicTensor]:
    tensors = flatten(value)
    for t in tensors:
        if not isinstance(t, SymbolicTensor):
            raise TypeError(
                f"Model: {where} must be symbolic tensors. Got {t!r}. "
                "Begin with cnnlite.Input(shape) and call layers on it."
            )
    if not tensors:
        raise ValueError(f"Model: no {where}.")
    return tensors
