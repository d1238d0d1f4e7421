"""Passes over a recorded plan: each makes it shorter or smaller.

None changes what the plan computes, but where its docstring says so.  A model with a
dynamic layer has no plan, so no pass runs for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnnlite.ops import Buffer
from cnnlite.ops.core import view

if TYPE_CHECKING:
    from cnnlite.models.plan import Life, Step

# Which inputs the first output of an operation may overwrite ("may alias" in the
# reference), as places among the inputs.
IN_PLACE = {
    "unary": (0,),
    "unary_backward": (0,),
    "binary": (0, 1),
    "where": (1,),
    "softmax_forward": (0,),
    "batchnorm_inference": (0,),
    "batchnorm_backward": (0,),
    "softmax_backward": (0,),
    "log_softmax_forward": (0,),
    "log_softmax_backward": (0,),
    "softmax_crossentropy_backward": (0,),
    "sparse_softmax_crossentropy_backward": (0,),
    "elementwise_loss_backward": (0,),
    "map_targets": (0,),
    "dropout_forward": (0,),
    "dropout_backward": (0,),
    "lstm_backward": (3,),
    "gru_backward": (2,),
    "simple_rnn_backward": (2,),
}

# Where beta stands among the inputs of a batch normalization.
_BETA = {"batchnorm_forward": 2, "batchnorm_inference": 4}

# Gradient of a cross-entropy from probabilities followed by the gradient of the
# softmax that made them: together they are p - target.
_FUSED_CROSSENTROPY = {
    "sparse_categorical_crossentropy_backward": "sparse_softmax_crossentropy_backward",
    "categorical_crossentropy_backward": "softmax_crossentropy_backward",
}


def _bases(values: tuple) -> list[Any]:
    """Return the base of every buffer, and every array, among a step's arguments."""
    found: list[Any] = []
    for value in values:
        if isinstance(value, list | tuple):
            found += _bases(tuple(value))
        elif value is not None:
            found.append(value.base if type(value) is Buffer else value)
    return found


def fuse_softmax_crossentropy(steps: list[Step], kept: set[Buffer]) -> None:
    """Turn the gradients of cross-entropy and softmax into one operation, ``p - target``.

    Besides saving a pass, it keeps the gradient of a sample whose probability
    fell below the clip of 1e-7, as Keras on TensorFlow does; apart they give 0.
    """
    for first in [s for s in steps if s.name in _FUSED_CROSSENTROPY]:
        dp, p = first.outputs[0].base, first.inputs[0].base
        readers = [s for s in steps if any(b is dp for b in _bases(s.inputs))]
        if len(readers) != 1 or dp in kept or first.params["accumulate"]:
            continue
        second = readers[0]
        if second.name == "softmax_backward" and second.inputs[1].base is p:
            second.name = _FUSED_CROSSENTROPY[first.name]
            second.inputs = first.inputs
            second.params = {**first.params, "accumulate": second.params["accumulate"]}
            steps.remove(first)


def _users(steps: list[Step]) -> dict[int, list[Step]]:
    """Return the steps that read or write each base, by its id and in order."""
    users: dict[int, list[Step]] = {}
    for step in steps:
        for base in {id(b) for b in _bases((*step.inputs, *step.outputs))}:
            users.setdefault(base, []).append(step)
    return users


def _only_between(
    first: Step, second: Step, users: dict[int, list[Step]], kept: set[Buffer]
) -> bool:
    """Whether what ``first`` makes is read by ``second`` alone, as its first input."""
    made = first.outputs[0]
    return (
        type(made) is Buffer
        and made.base not in kept
        and users[id(made.base)] == [first, second]
        and second.inputs[0].base is made.base
    )


def mask_before_unpooling(steps: list[Step], kept: set[Buffer]) -> None:
    """Apply ReLU's derivative to the pooled gradient, a quarter of the size for 2x2.

    After convolution, ReLU, maximum pooling, the gradient goes back through the
    pooling to each window's winner and is then masked by the winner's sign.  The
    winner's value is the pooled value, so the mask can come first.  (Of several
    NaN in one window, only the first, the winner, then has a NaN gradient.)
    """
    used_by = _users(steps)
    for mask in [s for s in steps if s.params.get("function") == "relu"]:
        if mask.name != "unary_backward" or mask.params["accumulate"]:
            continue
        dx, y = mask.inputs[0].base, mask.inputs[1].base
        uses = used_by.get(id(dx), [])  # none: an array of the caller's
        if len(uses) != 2 or uses[0].name != "maxpool2d_backward" or dx in kept:
            continue
        unpool = uses[0]
        dy, argmax = unpool.inputs
        pools = [s for s in used_by[id(argmax.base)] if s.name == "maxpool2d_forward"]
        if unpool.params["accumulate"] or len(pools) != 1 or pools[0].inputs[0].base is not y:
            continue
        masked = Buffer(dy.shape, dy.dtype)
        unpool.outputs, unpool.inputs = mask.outputs, (masked, argmax)
        mask.outputs, mask.inputs = (masked,), (dy, pools[0].outputs[0])
        steps.remove(mask)
        steps.insert(steps.index(unpool), mask)


def fuse_relu_into_batchnorm(steps: list[Step], kept: set[Buffer]) -> None:
    """Let a batch normalization apply the ReLU behind it, and its gradient ReLU's derivative.

    That spares a pass over the array forward, and one back that writes and reads another:
    the gradient computes ReLU's sign anew, with the same bits.
    """
    users = _users(steps)
    fused: dict[int, Step] = {}  # by the id of what ReLU makes
    for relu in [s for s in steps if s.name == "unary" and s.params["function"] == "relu"]:
        norm = users[id(_bases(relu.inputs)[0])][0]
        if (
            norm.name in _BETA
            and norm.params["activation"] is None
            and _only_between(norm, relu, users, kept)
        ):
            norm.outputs = (view(relu.outputs[0], norm.outputs[0].shape), *norm.outputs[1:])
            norm.params["activation"] = "relu"
            fused[id(_bases(norm.outputs)[0])] = norm
            steps.remove(relu)
    slopes = [s for s in steps if s.name == "unary_backward" and s.params["function"] == "relu"]
    for mask in slopes:
        forward = fused.get(id(_bases(mask.inputs)[1]))
        back = users[id(_bases(mask.outputs)[0])][-1]
        if (
            forward is None
            or back.name != "batchnorm_backward"
            or not _only_between(mask, back, users, kept)
        ):
            continue
        mean = (*forward.outputs[1:], *forward.inputs[1:])[0]
        pairs = zip(_bases(back.inputs[1:3]), _bases((forward.inputs[0], mean)), strict=True)
        if all(a is b for a, b in pairs):
            dy = view(mask.inputs[0], back.inputs[0].shape)
            beta = forward.inputs[_BETA[forward.name]]
            back.inputs = (dy, *back.inputs[1:5], beta, *back.inputs[6:])
            back.params["activation"] = "relu"
            steps.remove(mask)


def fuse_batchnorm_into_conv(steps: list[Step], kept: set[Buffer]) -> None:
    """Let a convolution do the batch normalization by given statistics that follows it.

    It normalizes what it made of a few pixels while they are in the L1 cache.  The bits are those
    of both operations: the weights stay as they are, for scaling them would round differently.
    """
    users = _users(steps)
    for norm in [s for s in steps if s.name == "batchnorm_inference"]:
        made = norm.inputs[0]
        conv = users[id(_bases((made,))[0])][0]
        if (
            conv.name == "conv2d_forward"
            and conv.params["activation"] is None
            and _only_between(conv, norm, users, kept)
        ):
            norm.outputs = (view(norm.outputs[0], conv.outputs[0].shape),)
            norm.name, norm.inputs = "conv2d_batchnorm", (*conv.inputs, *norm.inputs[1:])
            norm.params = {**conv.params, **norm.params}
            steps.remove(conv)


def drop_dead(steps: list[Step], kept: set[Buffer]) -> None:
    """Remove the steps whose results nobody reads.

    A step matters if it writes an array that outlives the plan (a parameter, a
    metric's state), a kept output, or a buffer that a later step reads.
    """
    needed: set[Any] = set(kept)
    for index in range(len(steps) - 1, -1, -1):
        step = steps[index]
        written = _bases(step.outputs)
        lasting = any(type(a) is not Buffer for a in written)
        if lasting or any(b in needed for b in written if type(b) is Buffer):
            needed.update(b for b in _bases(step.inputs) if type(b) is Buffer)
        else:
            del steps[index]


def work_in_place(steps: list[Step], lives: dict[Buffer, Life], pinned: set[Buffer]) -> None:
    """Let an operation write over an input that nobody reads after it."""
    for index, step in enumerate(steps):
        target = step.outputs[0]
        if step.name not in IN_PLACE or type(target) is not Buffer or target.base in pinned:
            continue
        life = lives[target.base]
        if life.start != index or life.host is not None or step.params.get("accumulate"):
            continue
        for place in IN_PLACE[step.name]:
            source = step.inputs[place]
            if type(source) is not Buffer or source.base in pinned:
                continue
            host = lives[source.base]
            while host.host is not None:
                host = host.host
            if host.end == index and host.buffer.nbytes == life.buffer.nbytes:
                life.host = host
                host.end = life.end
                break
