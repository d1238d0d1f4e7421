"""Model: a graph of layers with weights; training comes from Trainer."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnnlite.layers.base import Layer, assign_all, unique_name
from cnnlite.layers.symbolic import SymbolicTensor
from cnnlite.models import saving
from cnnlite.models import summary as summaries
from cnnlite.models.graph import Graph
from cnnlite.models.training import Trainer
from cnnlite.ops import Parameter

_models: weakref.WeakSet[Model] = weakref.WeakSet()


def _renew_locks() -> None:
    """In a forked child: the thread that held a lock does not exist here."""
    for model in _models:
        model._lock = threading.RLock()


os.register_at_fork(after_in_child=_renew_locks)


class Model(Trainer):
    """A network from input to output tensors (Keras's functional model).

    Parameters
    ----------
    inputs, outputs : SymbolicTensor or list of them
    name : str, optional

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

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None) -> None:
        super().__init__()
        self.name = unique_name("functional") if name is None else name
        self._lists = isinstance(inputs, list | tuple), isinstance(outputs, list | tuple)
        tensors = [_tensors(inputs, "inputs"), _tensors(outputs, "outputs")]
        self._graph: Graph | None = Graph(*tensors)
        for tensor in self._graph.inputs:
            if tensor.node is not None:
                raise ValueError("Model: inputs must come from Input(), not from a layer.")
        _models.add(self)

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
        return [p for layer in self.layers for p in layer.weights]

    @property
    def trainable_weights(self) -> list[Parameter]:
        return [p for layer in self.layers for p in layer.trainable_weights]

    @property
    def non_trainable_weights(self) -> list[Parameter]:
        return [p for layer in self.layers for p in layer.non_trainable_weights]

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

    def __call__(self, x: Any, training: bool = False, mask: Any = None) -> Any:
        """Inline the model in another graph, or compute on arrays and return fresh ones."""
        xs = list(x) if isinstance(x, list | tuple) else [x]
        if xs and all(isinstance(t, SymbolicTensor) for t in xs):
            self._build_for([t.shape for t in xs])
            if len(xs) != len(self.inputs):
                raise ValueError(f"{self.name}: needs {len(self.inputs)} inputs. Got {len(xs)}.")
            outputs = self.graph.apply(xs)
            return outputs if self._lists[1] else outputs[0]
        return self.predict_on_batch(x, training=training)

    def _build_for(self, shapes: list[tuple]) -> None:
        """Build on first use; a functional model always is."""

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
        return saving.graph_config(self)

    def __reduce__(self) -> Any:
        # copy, pickle and joblib go through the bytes of a model file.
        return saving.from_bytes, (saving.to_bytes(self),)


def _tensors(value: Any, where: str) -> list[SymbolicTensor]:
    tensors = list(value) if isinstance(value, list | tuple) else [value]
    for t in tensors:
        if not isinstance(t, SymbolicTensor):
            raise TypeError(
                f"Model: {where} must be symbolic tensors. Got {t!r}. "
                "Begin with cnnlite.Input(shape) and call layers on it."
            )
    if not tensors:
        raise ValueError(f"Model: no {where}.")
    return tensors
