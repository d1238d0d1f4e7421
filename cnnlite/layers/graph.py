"""The graph of layers: forward in topological order, the chain rule backwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cnnlite import ops
from cnnlite.errors import ShapeError
from cnnlite.layers.base import Layer
from cnnlite.layers.context import Context, StepState
from cnnlite.layers.symbolic import ModelCall, Node, SymbolicTensor
from cnnlite.ops.core import Tensor


class Graph:
    """The nodes between some input and some output tensors.

    Attributes
    ----------
    nodes : list of Node
        In an order in which each comes after those it needs.  A node's place in
        it names the node's streams of random numbers.
    layers : list of Layer
        Each once, in the order of first use.
    """

    def __init__(self, inputs: Sequence[SymbolicTensor], outputs: Sequence[SymbolicTensor]) -> None:
        self.inputs, self.outputs = list(inputs), list(outputs)
        self.nodes = self._sorted()
        self.layers: list[Layer] = list(dict.fromkeys(node.layer for node in self.nodes))

    def _sorted(self) -> list[Node]:
        """Walk back from the outputs, depth first; no recursion, so depth has no limit."""
        given = {id(t) for t in self.inputs}
        nodes: list[Node] = []
        done: set[int] = set()
        stack: list[tuple[SymbolicTensor, bool]] = [(t, False) for t in reversed(self.outputs)]
        while stack:
            tensor, expanded = stack.pop()
            node = tensor.node
            if id(tensor) in given or (node is not None and id(node) in done):
                continue
            if node is None:
                raise ValueError(
                    f"Model: an output depends on an Input that is not among inputs= ({tensor!r}). "
                    "Add it to inputs."
                )
            if expanded:
                done.add(id(node))
                nodes.append(node)
            else:
                stack.append((tensor, True))
                # A model that is called here needs all its inputs, though this output may not.
                needed = [*node.inputs, *(t for call in node.calls for t in call.inputs)]
                stack += [(t, False) for t in reversed(needed)]
        return nodes

    @property
    def dynamic(self) -> bool:
        """Whether a layer computes outside of operations, so that no plan can hold it."""
        return any(_dynamic(layer) for layer in self.layers)

    def _learning(self, from_inputs: bool = False) -> set[int]:
        """Return the ids of the tensors that have a gradient.

        They come after a trainable weight, or with ``from_inputs`` after an input.
        """
        found = {id(t) for t in self.inputs} if from_inputs else set()
        for node in self.nodes:
            if any(id(t) in found for t in node.inputs) or node.layer.trainable_weights:
                found |= {id(t) for t in node.outputs}
        return found

    def leading_to(self, outputs: Sequence[SymbolicTensor]) -> list[Layer]:
        """Return the layers that a loss on some outputs, or a penalty on activity, depends on."""
        wanted = {id(t) for t in outputs}
        found: list[Layer] = []
        for node in reversed(self.nodes):
            penalized = node.layer.activity_regularizer is not None
            if penalized or any(id(t) in wanted for t in node.outputs):
                wanted |= {id(t) for t in node.inputs}
                found.append(node.layer)
        return found

    def forward(
        self,
        inputs: Sequence[Tensor],
        step: StepState,
        training: bool,
        gradients: bool | None = None,
    ) -> Forward:
        """Call every node on the values and masks of its inputs.

        ``gradients`` says whether a backward pass follows; by default in training.
        """
        learning = self._learning() if (training if gradients is None else gradients) else set()

        def context(index: int, node: Node, needs_dx: bool) -> Context:
            return Context(step, index, needs_dx, node.layer)

        return self._run(inputs, {}, context, training, learning)

    def forward_inside(
        self, inputs: Sequence[Tensor], masks: Sequence[Any], ctx: Context, training: bool
    ) -> Forward:
        """Do the same within one call of a layer, whose context is ``ctx``."""
        learning = self._learning(ctx.needs_dx)
        given = {id(t): m for t, m in zip(self.inputs, masks, strict=True)}

        def context(index: int, node: Node, needs_dx: bool) -> Context:
            return ctx.child(node.layer, needs_dx)

        return self._run(inputs, given, context, training, learning)

    def _run(
        self,
        inputs: Sequence[Tensor],
        masks: dict[int, Tensor | None],
        context: Callable[[int, Node, bool], Context],
        training: bool,
        learning: set[int],
    ) -> Forward:
        values = {id(t): v for t, v in zip(self.inputs, inputs, strict=True)}
        contexts = []
        for index, node in enumerate(self.nodes):
            ctx = context(index, node, any(id(t) in learning for t in node.inputs))
            xs = [values[id(t)] for t in node.inputs]
            x: Any = xs if node.listed else xs[0]
            known = [masks.get(id(t)) for t in node.inputs]
            mask: Any = known if node.listed else known[0]
            if all(m is None for m in known):
                mask = None
            train = training if node.training is None else node.training
            y = ctx.call(x, training=train, mask=mask, **node.arguments)
            made = ctx.mask(x, mask)
            ys = y if node.several else [y]
            for tensor, value in zip(node.outputs, ys, strict=True):
                _check_value(value, tensor, node.layer)
                values[id(tensor)] = value
            given = made if isinstance(made, list | tuple) else [made]
            # A mask for the first output alone leaves the others without one.
            masks |= {id(t): m for t, m in zip(node.outputs, given, strict=False)}
            contexts.append(ctx)
        outputs = [values[id(t)] for t in self.outputs]
        return Forward(outputs, [masks.get(id(t)) for t in self.outputs], contexts)

    def backward(
        self,
        dys: Sequence[Tensor | None],
        contexts: Sequence[Context],
        from_inputs: bool = False,
    ) -> list[Tensor | None]:
        """Run the chain rule: gradients of weights go to each step's state.

        Where a tensor forks, the gradients of its uses are added.  None is the
        gradient of an output that has no loss.  Returned are, with ``from_inputs``, the
        gradients of the inputs.
        """
        learning = self._learning(from_inputs)
        gradients: dict[int, Tensor] = {}

        def add(tensor: SymbolicTensor, dy: Tensor) -> None:
            known = gradients.get(id(tensor))
            gradients[id(tensor)] = dy if known is None else ops.add(known, dy)

        for tensor, d in zip(self.outputs, dys, strict=True):
            if d is not None:
                add(tensor, d)
        for node, ctx in zip(reversed(self.nodes), reversed(contexts), strict=True):
            found = [gradients.pop(id(t), None) for t in node.outputs]
            unused = all(d is None for d in found) and not ctx.penalized
            if unused or not any(id(t) in learning for t in node.outputs):
                continue
            dx = ctx.backward(found if node.several else found[0])
            if ctx.needs_dx:
                dxs = dx if node.listed and dx is not None else [dx] * len(node.inputs)
                for tensor, d in zip(node.inputs, dxs, strict=True):
                    if id(tensor) in learning:
                        _check_gradient(d, tensor, node.layer)
                        add(tensor, d)
        return [gradients.get(id(t)) for t in self.inputs]

    def apply(
        self,
        inputs: Sequence[SymbolicTensor],
        call: ModelCall | None = None,
    ) -> list[SymbolicTensor]:
        """Call the same layers on other symbolic tensors: how a nested model is inlined.

        ``call`` is the model's call that the new nodes belong to.
        """
        values = {id(t): v for t, v in zip(self.inputs, inputs, strict=True)}
        inner: dict[int, ModelCall] = {}  # the calls of models inside this one, made anew

        def renewed(known: ModelCall) -> ModelCall:
            if id(known) not in inner:
                given = [values[id(t)] for t in known.inputs]
                inner[id(known)] = ModelCall(known.layer, given, known.training)
            return inner[id(known)]

        for node in self.nodes:
            xs = [values[id(t)] for t in node.inputs]
            training = node.training
            if training is None and call is not None:
                training = call.training
            y = node.layer(xs if node.listed else xs[0], training=training, **node.arguments)
            new = node_of(y)
            values |= {id(t): v for t, v in zip(node.outputs, new.outputs, strict=True)}
            new.calls = (*([call] if call else []), *(renewed(c) for c in node.calls))
        for node in self.nodes:
            for known in node.calls:
                inner[id(known)].outputs = [values.get(id(t)) for t in known.outputs]
        return [values[id(t)] for t in self.outputs]


def node_of(y: Any) -> Node:
    """Return the node that a call of a layer made, from what the call returned."""
    while isinstance(y, list | tuple):
        y = y[0]
    return y.node


@dataclass
class Forward:
    """What a forward pass leaves: the outputs, their masks, each node's context."""

    outputs: list[Tensor]
    masks: list[Tensor | None]
    contexts: list[Context]


def _dynamic(layer: Layer) -> bool:
    return layer.dynamic or any(_dynamic(inner) for inner in layer.sublayers)


def _check_value(value: Any, tensor: SymbolicTensor, layer: Layer) -> None:
    """Raise unless a layer returned what its compute_output_shape promised."""
    if not _fits(value, tensor):
        raise ShapeError(
            f"{layer.name}: call returned another shape than compute_output_shape "
            f"promises. Got {value.shape}, promised {tensor.shape}. "
            f"Write compute_output_shape in {type(layer).__name__}."
        )


def _fits(value: Tensor, tensor: SymbolicTensor) -> bool:
    """Return whether a value has the shape of its symbolic tensor, the batch aside."""
    return len(value.shape) == len(tensor.shape) and all(
        n is None or n == m for n, m in zip(tensor.shape[1:], value.shape[1:], strict=True)
    )


def _check_gradient(d: Tensor | None, tensor: SymbolicTensor, layer: Layer) -> None:
    """Raise unless a layer's backward returned a gradient of its input."""
    if d is None:
        raise ValueError(
            f"{layer.name}: backward returned no gradient of its input. Return one array per input."
        )
    if not _fits(d, tensor):
        raise ShapeError(
            f"{layer.name}: backward returned a gradient of another shape than its input. "
            f"Got {d.shape}. Make it {(d.shape[0], *tensor.shape[1:])}."
        )
