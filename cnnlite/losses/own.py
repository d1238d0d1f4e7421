"""Losses of the user's own: what is missing for training, and what to write."""

from __future__ import annotations

from typing import Any

from cnnlite.layers.context import accepts
from cnnlite.losses.base import Loss


def refusal(what: str, given: Any, name: str) -> str:
    """Return the text of the error for a loss without its derivative.

    Examples
    --------
    >>> print(refusal("no derivative", abs, "MyLoss"))
    loss: no derivative. Got <built-in function abs>. Write a Loss with call and backward:
    <BLANKLINE>
        class MyLoss(cnnlite.losses.Loss):
            def call(self, y_true, y_pred, *, ctx):
                ctx.save(y_true, y_pred)
                return ...  # one value per row of y_pred, with functions of cnnlite.ops
    <BLANKLINE>
            def backward(self, weights, *, ctx):
                y_true, y_pred = ctx.saved
                return ...  # gradient of sum(weights * values) / rows; weights may be None
    <BLANKLINE>
    Or pass it in metrics=[...], which only measures.
    """
    return f"""loss: {what}. Got {given!r}. Write a Loss with call and backward:

    class {name}(cnnlite.losses.Loss):
        def call(self, y_true, y_pred, *, ctx):
            ctx.save(y_true, y_pred)
            return ...  # one value per row of y_pred, with functions of cnnlite.ops

        def backward(self, weights, *, ctx):
            y_true, y_pred = ctx.saved
            return ...  # gradient of sum(weights * values) / rows; weights may be None

Or pass it in metrics=[...], which only measures."""


def class_name(function: Any) -> str:
    """Return what to call the class that replaces a function.

    Examples
    --------
    >>> def my_loss(y_true, y_pred): ...
    >>> class_name(my_loss)
    'MyLoss'
    """
    words = getattr(function, "__name__", "<lambda>")
    return "MyLoss" if not words.isidentifier() else words.title().replace("_", "")


def check_trainable(loss: Loss) -> Loss:
    """Return a loss that a model can be trained with, or raise the error that says what to write.

    Raises
    ------
    TypeError
        If its ``call`` takes no ``ctx``, or it has no ``backward``.
    """
    cls = type(loss)
    if "name" not in vars(loss) or "reduction" not in vars(loss):
        raise RuntimeError(
            f"{cls.__name__}: the base's __init__ has not run. Begin __init__ with "
            "super().__init__(name=name)."
        )
    missing = [] if takes_ctx(loss) else ["its call takes no ctx"]
    if cls.backward is Loss.backward:
        missing.append("it has no backward")
    if missing:
        what = f"{cls.__name__} has no derivative: {' and '.join(missing)}"
        raise TypeError(refusal(what, loss, cls.__name__))
    return loss


def takes_ctx(loss: Loss) -> bool:
    """Return whether a loss computes with operations, as one that trains does."""
    return accepts(type(loss).call, "ctx")
