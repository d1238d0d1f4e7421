"""Lambda: a function of layers and arithmetic, as a layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from cnnlite.layers.base import Layer
from cnnlite.layers.symbolic import checked_sample_shape


class Lambda(Layer):
    """Apply a function that uses + - * / and layers without weights.

    The function runs on symbolic tensors, so that its derivative is that of what it
    uses: cnnlite does not differentiate operations on arrays.  Whatever else is needed
    is a :class:`Layer` with ``call`` and ``backward``.

    Parameters
    ----------
    function : function of a symbolic tensor, or of a list of them
    output_shape : tuple, optional
        Taken for Keras's sake: the function's result has it.
    arguments : dict, optional
        Keyword arguments for the function.

    Raises
    ------
    SymbolicError
        When called, if the function needs values; it names the layer to use.

    Notes
    -----
    A function cannot be saved: a model with a Lambda saves its weights alone.

    Examples
    --------
    >>> from cnnlite import layers
    >>> layers.Lambda(lambda x: x / 4 + 1)([[2, 4]])
    array([[1.5, 2. ]], dtype=float32)
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        arguments: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(f"{self.name}: function must be a function. Got {function!r}.")
        if arguments is not None and not isinstance(arguments, dict):
            raise TypeError(f"{self.name}: arguments must be a dict. Got {arguments!r}.")
        if not callable(output_shape):
            checked_sample_shape(output_shape, f"{self.name}: output_shape")
        self.function, self.output_shape = function, output_shape
        self.arguments = dict(arguments or {})

    def call(self, x: Any) -> Any:  # type: ignore[override]
        return self.function(x, **self.arguments)

    def get_config(self) -> NoReturn:
        """Raise: a function cannot be saved."""
        raise NotImplementedError(
            f"{self.name}: the function of a Lambda cannot be saved or copied. Got "
            f"{self.function!r}. Write a Layer whose call(self, x) does the same, or use "
            "save_weights()."
        )
