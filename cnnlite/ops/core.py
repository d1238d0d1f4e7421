"""What every operation shares: checked inputs, outputs, and calling a kernel or recording it.

An operation runs in one of two ways.  Eagerly, it allocates its result and calls
the kernel.  Under a recorder, inputs and results are :class:`Buffer` objects,
arrays to be, and the call is appended to a plan that places the buffers and
replays the calls later (see :mod:`cnnlite.models.plan`).
"""

from __future__ import annotations

import math
import operator
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeAlias

import numpy as np

from cnnlite.errors import DtypeError, ShapeError
from cnnlite.kernels.registry import kernel
from cnnlite.ops.parameter import Parameter

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
INTEGERS = (np.dtype(np.int32), np.dtype(np.uint8))
FLOAT32 = FLOATS[0]  # kernels that read no floats are registered with it
MOST_DIMENSIONS = 8


class Buffer:
    """An array of a plan: shape and dtype now, memory when the plan is bound.

    ``base`` is the buffer whose memory this one views under another shape.
    """

    __slots__ = ("base", "dtype", "shape")
    base: Buffer

    def __init__(self, shape: Sequence[int], dtype: Any, base: Buffer | None = None) -> None:
        self.shape = tuple(shape)
        self.dtype = np.dtype(dtype)
        self.base = self if base is None else base.base

    ndim = property(lambda self: len(self.shape))
    size = property(lambda self: math.prod(self.shape))
    nbytes = property(lambda self: self.size * self.dtype.itemsize)

    def __repr__(self) -> str:
        return f"Buffer({self.shape}, {self.dtype})"

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        raise TypeError(
            "a layer's call() computes with NumPy on an array of a recorded plan, which has no "
            "values yet. Use functions of cnnlite.ops, or set `dynamic = True` in the layer "
            "(or in the loss)."
        )

    # As the operators of Python would: `y_true - y_pred` is NumPy's too.
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __array__
    __truediv__ = __rtruediv__ = __pow__ = __rpow__ = __matmul__ = __rmatmul__ = __array__
    __neg__ = __abs__ = __getitem__ = __lt__ = __le__ = __gt__ = __ge__ = __array__


Tensor: TypeAlias = "np.ndarray | Buffer"


class Gradient:
    """Where a gradient goes: the first write overwrites, later ones add."""

    __slots__ = ("_state", "array")

    def __init__(self, array: Tensor) -> None:
        self.array = array
        self._state = {"accumulate": False}  # one for all views

    @property
    def accumulate(self) -> bool:
        """Whether it has been written, so that the next write adds."""
        return self._state["accumulate"]

    @accumulate.setter
    def accumulate(self, value: bool) -> None:
        self._state["accumulate"] = value

    def view(self, shape: Sequence[int]) -> Gradient:
        """Return the same gradient under another shape, for an operation that writes that."""
        found = Gradient(view(self.array, shape))
        found._state = self._state
        return found

    def viewed(self, shape: Sequence[int]) -> Gradient:
        """Return the same memory under another shape, which must be written next."""
        other = Gradient(view(self.array, shape))
        other.accumulate, self.accumulate = self.accumulate, True
        return other


class Recorder(Protocol):
    """What a plan offers to the operations that it records."""

    def append(
        self, name: str, dtype: np.dtype, outputs: tuple, inputs: tuple, params: dict[str, Any]
    ) -> None: ...


class _State(threading.local):
    recorder: Recorder | None = None


_state = _State()


@contextmanager
def recording(recorder: Recorder | None) -> Iterator[None]:
    """Context manager: operations of this thread go to ``recorder`` (None: run eagerly)."""
    before, _state.recorder = _state.recorder, recorder
    try:
        yield
    finally:
        _state.recorder = before


def is_recording() -> bool:
    """Return whether operations of this thread are recorded."""
    return _state.recorder is not None


def tensor(
    value: Any,
    where: str,
    ndim: int | None = None,
    dtype: Any = None,
    integer: bool = False,
) -> Tensor:
    """Return an operation's input as a C-contiguous array (or a plan's buffer).

    Parameters
    ----------
    value : array-like
        Any strides, read-only and empty included.  A list becomes float32.
    where : str
        "operation: argument", for errors.
    ndim : int, optional
        The number of dimensions it must have.
    dtype : dtype, optional
        The dtype it must have: an operation never mixes two.
    integer : bool
        Labels, offsets, masks: cast to ``dtype`` instead of refusing another integer type.
    """
    if type(value) is Parameter:
        value = value.value
    if type(value) is np.ndarray and value.flags.carray and value.dtype in FLOATS and not integer:
        pass  # the common case costs little
    elif type(value) is not Buffer or _state.recorder is None:
        value = _array(value, where, dtype, integer)
    elif dtype is None and value.dtype not in FLOATS:
        raise DtypeError(f"{where} is {value.dtype} but must be float32 or float64.")
    if dtype is not None and value.dtype != dtype:
        raise DtypeError(
            f"{where} is {value.dtype} but {np.dtype(dtype)} is needed. "
            f'Convert it: .astype("{np.dtype(dtype)}").'
        )
    if ndim is not None and len(value.shape) != ndim:
        raise ShapeError(
            f"{where} has {len(value.shape)} dimensions but needs {ndim}. Got shape {value.shape}."
        )
    return value


def typed_tensor(value: Any, where: str) -> Tensor:
    """Return an input that may be of any of the four dtypes; a list becomes float32."""
    if getattr(value, "dtype", None) in INTEGERS:
        return tensor(value, where, dtype=value.dtype, integer=True)
    try:
        return tensor(value, where)
    except DtypeError as error:
        text = str(error).replace("float32 or float64", "float32, float64, int32 or uint8")
        raise DtypeError(text) from None


def kernel_dtype(x: Tensor) -> np.dtype:
    """Return the dtype under which the kernels for ``x`` are registered."""
    return x.dtype if x.dtype in FLOATS else FLOAT32


def check_dimensions(x: Tensor, where: str) -> None:
    """Raise if an array has more axes than the kernels can walk along."""
    if len(x.shape) > MOST_DIMENSIONS:
        raise ShapeError(
            f"{where} has {len(x.shape)} dimensions; at most {MOST_DIMENSIONS} are possible. "
            f"Got shape {x.shape}."
        )


def _array(value: Any, where: str, dtype: Any, integer: bool) -> np.ndarray:
    if value is None or type(value) is Buffer:
        raise TypeError(f"{where} must be an array. Got {value!r}.")
    if hasattr(value, "refuse"):  # a symbolic tensor knows what to say
        value.refuse(where)
    if not isinstance(value, np.ndarray) and not hasattr(value, "__array__"):
        try:
            value = np.asarray(value, dtype=None if integer else dtype or np.float32)
        except (TypeError, ValueError) as error:
            raise DtypeError(f"{where} is no array of numbers: {error}.") from None
    array = np.asarray(value, order="C")  # unlike ascontiguousarray, it keeps a scalar a scalar
    if integer and (array.dtype.kind in "iub" or array.size == 0):
        return _as_integers(array, where, np.dtype(dtype))
    native = array.dtype.newbyteorder("=")
    if native in FLOATS and not integer:
        array = array.astype(native, copy=False)
        return array if array.flags.aligned else array.copy()
    wanted = np.dtype(dtype) if dtype is not None else "float32"
    raise DtypeError(
        f"{where} is {array.dtype} but must be {'integers' if integer else 'float32 or float64'}. "
        f'Convert it: .astype("{wanted}").'
    )


def _as_integers(array: np.ndarray, where: str, dtype: np.dtype) -> np.ndarray:
    """Return whole numbers as ``dtype``; one that does not fit raises instead of wrapping."""
    if array.dtype == dtype:
        return array if array.flags.aligned else array.copy()
    limits = np.iinfo(dtype)
    if array.size and not (limits.min <= array.min() and array.max() <= limits.max):
        raise ValueError(
            f"{where} holds numbers outside of {dtype}'s {limits.min}..{limits.max}. "
            f"Got {array.min()}..{array.max()}."
        )
    return array.astype(dtype)


class Output:
    """The output of one operation: a fresh array, the caller's ``out``, or a gradient.

    ``array`` is what the kernel writes.  Eagerly that is a temporary where the
    caller's array is not contiguous or overlaps an input; :meth:`deliver` copies.
    An operation whose kernel can add to its output says so (``adds``) and passes
    ``accumulate`` on; the others write a temporary, which :meth:`deliver` adds.
    """

    __slots__ = ("accumulate", "array", "out", "sum")

    def __init__(
        self,
        out: Any,
        shape: Sequence[int],
        dtype: Any,
        where: str,
        reads: Sequence[Any] = (),
        alias: Sequence[Any] = (),
        adds: bool = False,
    ) -> None:
        self.out, self.accumulate, self.sum = out, False, None
        make: Any = Buffer if _state.recorder is not None else np.empty
        if out is None:
            self.array = make(shape, dtype)
            return
        if type(out) is Gradient:
            self.array, self.accumulate = out.array, out.accumulate
        else:
            self.array = out.value if type(out) is Parameter else out
        _check_out(self.array, tuple(shape), np.dtype(dtype), where)
        if type(out) is Gradient:
            out.accumulate = True
        if self.accumulate and not adds:
            self.sum, self.array, self.accumulate = self.array, make(shape, dtype), False
            return
        if type(self.array) is np.ndarray and _state.recorder is None:
            self._avoid_overlap(reads, alias)

    def _avoid_overlap(self, reads: Sequence[Any], alias: Sequence[Any]) -> None:
        target = self.array
        clash = any(a is not None and np.may_share_memory(target, a) for a in reads)
        clash = clash or any(
            a is not None and np.may_share_memory(target, a) and not _same_memory(target, a)
            for a in alias
        )
        if not target.flags.c_contiguous or not target.flags.aligned or clash:
            self.out = target
            self.array = np.empty(target.shape, target.dtype)
            if self.accumulate:
                self.array[...] = target
        else:
            self.out = None

    def deliver(self) -> Tensor:
        """Return the finished output, copied to the caller's array where need be."""
        if self.sum is not None:
            total = self.sum
            run("binary", total.dtype, (total,), (total, self.array), function="add")
            return total
        if type(self.out) is np.ndarray and self.out is not self.array:
            self.out[...] = self.array
            return self.out
        return self.array


def check_out(out: Any, shape: Sequence[int], dtype: Any, where: str) -> None:
    """Raise, before any work, unless ``out`` is None or fits a result."""
    if out is not None:
        array = out.array if type(out) is Gradient else out
        array = array.value if type(array) is Parameter else array
        _check_out(array, tuple(shape), np.dtype(dtype), where)


def _same_memory(a: np.ndarray, b: np.ndarray) -> bool:
    return a.ctypes.data == b.ctypes.data and a.shape == b.shape and a.strides == b.strides


def _check_out(out: Any, shape: tuple, dtype: np.dtype, where: str) -> None:
    if not isinstance(out, np.ndarray | Buffer):
        raise TypeError(f"{where}: out must be a NumPy array. Got {type(out).__name__}.")
    if out.shape != shape or out.dtype != dtype:
        raise ShapeError(
            f"{where}: out does not fit the result. Got {out.shape} {out.dtype}. "
            f"Make it {shape} {dtype}."
        )
    if isinstance(out, np.ndarray) and not out.flags.writeable:
        raise ValueError(f"{where}: out is read-only. Pass a writable array.")


def run(name: str, dtype: np.dtype, outputs: tuple, inputs: tuple, **params: Any) -> None:
    """Call the kernel ``name`` now, or append the call to the plan being recorded."""
    if _state.recorder is not None:
        _state.recorder.append(name, dtype, outputs, inputs, params)
    else:
        kernel(name, dtype)(*outputs, *inputs, **params)


def same_shape(where: str, a: Tensor, b: Tensor, names: str = "x and y") -> None:
    """Raise unless two inputs have one shape and one dtype."""
    if a.shape != b.shape:
        raise ShapeError(f"{where}: {names} differ in shape. Got {a.shape} and {b.shape}.")
    if a.dtype != b.dtype:
        raise DtypeError(f"{where}: {names} differ in dtype. Got {a.dtype} and {b.dtype}.")


def checked_shape(shape: Any, ndim: int | None, where: str) -> tuple[int, ...]:
    """Return a shape given as a parameter, of ``ndim`` sizes unless that is None, or raise."""
    try:
        checked = tuple(operator.index(n) for n in shape)
    except TypeError:
        checked = (-1,)
    if ndim not in (None, len(checked)) or min(checked, default=0) < 0:
        sizes = "" if ndim is None else f" of {ndim} sizes"
        raise ShapeError(f"{where}: not a shape{sizes}. Got {shape!r}.")
    return checked


def rows_of(x: Tensor) -> Tensor:
    """Return ``x`` (..., K) as (rows, K), without copying."""
    if x.ndim == 2:
        return x
    rows = int(np.prod(x.shape[:-1], dtype=object))
    return view(x, (rows, x.shape[-1]))


def view(x: Tensor, shape: Sequence[int]) -> Tensor:
    """Return ``x`` under another shape of the same size, sharing its memory."""
    return Buffer(shape, x.dtype, x) if isinstance(x, Buffer) else x.reshape(shape)
