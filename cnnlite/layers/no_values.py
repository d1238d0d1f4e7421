"""What a symbolic tensor says where it is used as if it had values: which layer to take."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

# For an operation of this name on a symbolic tensor: the layer that does it.
_LAYERS = {
    "add": "a + b or layers.Add()([a, b])",
    "subtract": "a - b or layers.Subtract()([a, b])",
    "multiply": "a * b or layers.Multiply()([a, b])",
    "divide": "a / b",
    "true_divide": "a / b",
    "negative": "-x",
    "square": "layers.Multiply()([x, x])",
    "power": "layers.Multiply()([x, x]) for x ** 2",
    "absolute": "layers.Add()([layers.ReLU()(x), layers.ReLU()(-x)])",
    "maximum": "layers.Maximum()([a, b])",
    "minimum": "layers.Minimum()([a, b])",
    "exp": 'layers.Activation("exponential")(x)',
    "concatenate": "layers.Concatenate()([a, b])",
    "stack": "layers.Concatenate()([a, b]) after layers.Reshape",
    "split": "layers.Cropping1D or Cropping2D for part of an axis",
    "reshape": "layers.Reshape(shape)(x), or layers.Flatten()(x)",
    "ravel": "layers.Flatten()(x)",
    "flatten": "layers.Flatten()(x)",
    "squeeze": "layers.Reshape(shape)(x)",
    "expand_dims": "layers.Reshape(shape)(x)",
    "transpose": "layers.Permute(dims)(x), which leaves the batch where it is",
    "swapaxes": "layers.Permute(dims)(x)",
    "T": "layers.Permute(dims)(x)",
    "pad": "layers.ZeroPadding1D or ZeroPadding2D",
    "repeat": "layers.RepeatVector(n)(x), or layers.UpSampling1D",
    "flip": "go_backwards=True of a recurrent layer, for sequences",
    "mean": "layers.GlobalAveragePooling1D()(x) or GlobalAveragePooling2D()(x)",
    "max": "layers.GlobalMaxPooling1D()(x) or GlobalMaxPooling2D()(x)",
    "amax": "layers.GlobalMaxPooling1D()(x) or GlobalMaxPooling2D()(x)",
    "matmul": "layers.Dot(axes)([a, b]), or layers.Dense(units)(x) for a matrix of weights",
    "batch_matmul": "layers.Dot(axes)([a, b])",
    "dot": "layers.Dot(axes)([a, b]), or layers.Dense(units)(x) for a matrix of weights",
    "gather": "layers.Embedding(rows, units)(ids)",
    "embedding": "layers.Embedding(rows, units)(ids)",
    "dropout": "layers.Dropout(rate)(x)",
    "softmax": "layers.Softmax()(x)",
    "relu": "layers.ReLU()(x)",
    "elu": "layers.ELU()(x)",
    "leaky_relu": "layers.LeakyReLU()(x)",
    "conv1d": "layers.Conv1D(filters, kernel_size)(x)",
    "conv2d": "layers.Conv2D(filters, kernel_size)(x)",
    "maxpool2d": "layers.MaxPooling2D()(x)",
    "avgpool2d": "layers.AveragePooling2D()(x)",
    "batch_norm": "layers.BatchNormalization()(x)",
    "layer_norm": "layers.LayerNormalization()(x)",
    "lstm": "layers.LSTM(units)(x)",
    "gru": "layers.GRU(units)(x)",
}
for _name in ("gelu", "selu", "sigmoid", "hard_sigmoid", "silu", "softplus", "softsign", "tanh"):
    _LAYERS[_name] = f'layers.Activation("{_name}")(x)'
_LAYERS["exponential"] = _LAYERS["exp"]

# Attributes that arrays have and symbolic tensors have not.
_OF_ARRAYS = frozenset(
    "T all any argmax argmin astype clip copy cumsum data dot fill flat flatten item mean max min "
    "nonzero numpy prod ravel repeat reshape round size sort squeeze std strides sum swapaxes take "
    "tobytes tolist transpose var view".split()
)

OWN = "write a Layer with call(self, x, *, ctx) and backward(self, dy, *, ctx)"
_DEPENDS = (
    "Calls run once, before there are values, so they cannot depend on them: "
    f"{OWN}, and `dynamic = True` in it if it computes outside of cnnlite.ops."
)


class SymbolicError(TypeError):
    """A symbolic tensor was used as if it had values."""


def refuse(tensor: Any, what: str, mend: str) -> NoReturn:
    """Raise a SymbolicError: what was done, to which tensor, what to do instead."""
    raise SymbolicError(f"{what}: a symbolic tensor has no values. Got {tensor!r}. {mend}")


def refuse_function(tensor: Any, where: str) -> NoReturn:
    """Raise for an operation; ``where`` begins with its name."""
    name = where.split(":")[0].split(".")[-1]
    stem = name.removesuffix("_forward").removesuffix("_backward")
    layer = _LAYERS.get(name) or _LAYERS.get(stem)
    mend = f"Use {layer}; or {OWN}." if layer else f"Use a layer; or {OWN}."
    refuse(tensor, where, mend)


def refuse_operand(function: str, tensor: Any, other: Any) -> NoReturn:
    """Raise for + - * / with what is neither a number nor a symbolic tensor."""
    shown = f"an array of shape {other.shape}" if hasattr(other, "shape") else repr(other)
    raise SymbolicError(
        f"{function}: a symbolic tensor goes with a number or another symbolic tensor. "
        f"Got {shown} and {tensor!r}. Make the array an Input, layers.Rescaling or "
        f"layers.Normalization with it; or {OWN}."
    )


class NoValues:
    """Base of symbolic tensors: whatever needs values raises, and names the layer to use."""

    def refuse(self, where: str) -> NoReturn:
        """Raise for an operation of cnnlite.ops; ``where`` begins with its name."""
        refuse_function(self, where)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        refuse(
            self,
            "numpy.asarray",
            "Build a Model from it and call predict(), or pass an array to the layer.",
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        refuse_function(self, f"numpy.{ufunc.__name__}")

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        refuse_function(self, f"numpy.{function.__name__}")

    def __getattr__(self, name: str) -> Any:
        # An AttributeError, for hasattr() to work.
        if name not in _OF_ARRAYS:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        layer = _LAYERS.get(name)
        mend = f"Use {layer}; or {OWN}." if layer else _DEPENDS
        raise AttributeError(f"x.{name}: a symbolic tensor has no values. Got {self!r}. {mend}")

    def __getitem__(self, index: Any) -> Any:
        refuse(
            self,
            "x[...]",
            "Use layers.Cropping1D or Cropping2D for part of an axis, layers.Reshape or Flatten to "
            "drop one, return_sequences=False for the last step of a recurrent layer; "
            f"or {OWN}.",
        )

    def __iter__(self) -> Any:
        refuse(self, "for ... in x", f"Use layers.TimeDistributed or RNN for steps; or {OWN}.")

    def __len__(self) -> int:
        refuse(self, "len(x)", "The batch's size is known when data come; x.shape has the others.")

    def __contains__(self, value: Any) -> bool:
        refuse(self, "... in x", _DEPENDS)

    def __bool__(self) -> bool:
        refuse(self, "if x", _DEPENDS)

    def __float__(self) -> float:
        refuse(self, "float(x)", _DEPENDS)

    def __int__(self) -> int:
        refuse(self, "int(x)", _DEPENDS)

    def __eq__(self, other: Any) -> bool:
        if isinstance(other, int | float | np.number | np.ndarray):
            refuse(self, "x == ...", _DEPENDS)
        return self is other

    __hash__ = object.__hash__

    def __matmul__(self, other: Any) -> Any:
        refuse_function(self, "matmul: x @ y")

    __rmatmul__ = __matmul__

    def __pow__(self, other: Any) -> Any:
        refuse_function(self, "power: x ** y")

    __rpow__ = __pow__

    def __abs__(self) -> Any:
        refuse_function(self, "absolute: abs(x)")


def _comparison(sign: str) -> Any:
    def compare(self: NoValues, other: Any) -> Any:
        refuse(self, f"x {sign} ...", _DEPENDS)

    return compare


for _method, _sign in {
    "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "mod": "%", "floordiv": "//",
    "and": "&", "or": "|", "xor": "^",
}.items():  # fmt: skip
    setattr(NoValues, f"__{_method}__", _comparison(_sign))
