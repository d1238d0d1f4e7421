"""Input and InputLayer: where a graph begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnnlite import config
from cnnlite.arguments import checks_arguments
from cnnlite.errors import ShapeError
from cnnlite.layers.base import Layer
from cnnlite.layers.symbolic import Shape, SymbolicTensor, checked_sample_shape
from cnnlite.shapes import is_int

# Tensors of indices and of masks have one dtype each.
_INTEGERS = {"int32": "int32", "int64": "int32", "uint8": "uint8", "bool": "uint8"}


class InputLayer(Layer):
    """The place of an input among a model's layers; :func:`Input` makes one.

    Parameters
    ----------
    shape, batch_size, dtype, batch_shape, name
        As in :func:`Input`.
    input_shape, batch_input_shape : sequence of int or None, optional
        Older names of ``shape`` and ``batch_shape``.

    Attributes
    ----------
    output : SymbolicTensor
        What the model's layers are called on.

    Examples
    --------
    >>> import cnnlite
    >>> from cnnlite import layers
    >>> model = cnnlite.Sequential([layers.InputLayer((4,)), layers.Dense(2)])
    >>> model.count_params()
    10
    >>> x = layers.InputLayer((4,), name="x").output
    >>> [layer.name for layer in cnnlite.Model(x, layers.Dense(2, name="y")(x)).layers]
    ['x', 'y']
    """

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: str | None = None,
        batch_shape: Sequence[int | None] | None = None,
        name: str | None = None,
        input_shape: Sequence[int | None] | None = None,
        batch_input_shape: Sequence[int | None] | None = None,
    ) -> None:
        super().__init__(name=name)
        for new, old, values in (
            ("shape", "input_shape", (shape, input_shape)),
            ("batch_shape", "batch_input_shape", (batch_shape, batch_input_shape)),
        ):
            if None not in [v if v is None else 0 for v in values]:
                raise ShapeError(
                    f"Input: {old} is an older name of {new}. Got {values[1]!r} and {values[0]!r}. "
                    "Leave one out."
                )
        shape = input_shape if shape is None else shape
        batch_shape = batch_input_shape if batch_shape is None else batch_shape
        self.batch_shape: Shape = _checked_batch_shape(shape, batch_size, batch_shape)
        self.dtype = _INTEGERS.get(config.dtype_name(dtype)) or config.checked_dtype(
            config.floatx() if dtype is None else dtype, "Input"
        )
        self.built = True
        tensor = SymbolicTensor(self.batch_shape, self.dtype)
        tensor.name, tensor.source = self.name, self
        self.inputs: list[SymbolicTensor] = []
        self.outputs = [tensor]

    @property
    def output(self) -> SymbolicTensor:
        """The symbolic tensor."""
        return self.outputs[0]

    @property
    def input(self) -> SymbolicTensor:
        """The symbolic tensor, which nothing comes before."""
        return self.outputs[0]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            f"{self.name}: an InputLayer is not called. "
            f"Call the next layer on its output: layers.Dense(3)({self.name}.output)."
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments from which :meth:`from_config` makes an equal layer."""
        return {"batch_shape": list(self.batch_shape), "dtype": self.dtype, "name": self.name}


def _checked_batch_shape(shape: Any, batch_size: Any, batch_shape: Any) -> Shape:
    """Return the batch's size and the shape of a sample."""
    if batch_shape is not None:
        listed = isinstance(batch_shape, list | tuple) and len(batch_shape)
        if shape is not None or batch_size is not None or not listed:
            raise ShapeError(
                "Input: batch_shape stands for shape and batch_size together, a tuple. "
                f"Got batch_shape={batch_shape!r}, shape={shape!r}, batch_size={batch_size!r}."
            )
        batch_size, shape = batch_shape[0], tuple(batch_shape[1:])
    if batch_size is not None and (not is_int(batch_size) or batch_size < 0):
        raise ShapeError(
            f"Input: batch_size must be an integer, 0 or more, or None. Got {batch_size!r}."
        )
    if shape is None:
        raise ShapeError("Input: shape must be a tuple of sizes. Got None. Write (28, 28, 1).")
    sizes = checked_sample_shape(shape, "Input: shape") or ()
    return (None if batch_size is None else int(batch_size), *sizes)


@checks_arguments("Input")
def Input(
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: str | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
) -> SymbolicTensor:
    """Return a symbolic tensor that stands for a model's input.

    Parameters
    ----------
    shape : sequence of int or None
        Shape of one sample, without the batch; None is a size that may vary from one
        batch to the next, such as a sequence's length.
    batch_size : int, optional
        Default: any.
    dtype : {"float32", "float64", "int32", "uint8"}, optional
        "int64" counts as "int32", "bool" as "uint8".
    batch_shape : sequence of int or None, optional
        Batch size and shape together, in place of the first two.
    name : str, optional
        Default: "input_layer", numbered.

    Examples
    --------
    >>> import cnnlite
    >>> cnnlite.Input((28, 28, 1)).shape
    (None, 28, 28, 1)
    """
    return InputLayer(shape, batch_size, dtype, batch_shape, name).output
