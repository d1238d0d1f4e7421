"""Elements of an array by their offset from its first one, single or four at a time.

Four neighbouring float32 are 16 bytes, the most that a thread of the device reads or writes by
one instruction (``ld.global.v4.f32``); four float64 take two.  Their address must be a multiple
of 16 bytes, or the device stops with an error: so the offset is a multiple of 4, and whoever
passes the array has asked :func:`is_aligned`.

An offset counts elements of a contiguous array of any number of axes.  Unlike an index it is
never negative, so no instruction goes into what a negative one would mean.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numba import types

from cnnlite.kernels.cuda.launching import SIMULATED
from cnnlite.kernels.cuda.memory import address

__all__ = ["is_aligned", "load", "load_at", "load_four", "store", "store_at", "store_four"]


def is_aligned(array: Any) -> bool:
    """Return whether the first element lies at a multiple of 16 bytes."""
    return address(array) % 16 == 0


if SIMULATED:

    def load(array, at):
        return array.reshape(array.size)[at]

    def store(array, at, value):
        array.reshape(array.size)[at] = value

    def _element(start, at, dtype):
        of_c = ctypes.c_float if dtype is np.float32 else ctypes.c_double
        return of_c.from_address(int(start) + int(at) * ctypes.sizeof(of_c))

    def load_at(start, at, dtype):
        return dtype(_element(start, at, dtype).value)

    def store_at(start, at, value):
        _element(start, at, type(value)).value = value

    def load_four(array, at):
        assert at % 4 == 0
        flat = array.reshape(array.size)
        return flat[at], flat[at + 1], flat[at + 2], flat[at + 3]

    def store_four(array, at, values):
        assert at % 4 == 0
        array.reshape(array.size)[at : at + 4] = values

else:
    from llvmlite import ir
    from numba.cuda.extending import intrinsic

    def _place(context: Any, builder: Any, array_type: Any, array: Any, at: Any) -> Any:
        data = context.make_array(array_type)(context, builder, array).data
        return builder.gep(data, [at])

    def _four(context: Any, builder: Any, array_type: Any, array: Any, at: Any) -> Any:
        vector = ir.VectorType(context.get_data_type(array_type.dtype), 4)
        place = _place(context, builder, array_type, array, at)
        return vector, builder.bitcast(place, vector.as_pointer())

    @intrinsic
    def load(typing_context, array, at):
        def generate(context, builder, signature, arguments):
            return builder.load(_place(context, builder, signature.args[0], *arguments))

        return array.dtype(array, types.int64), generate

    @intrinsic
    def store(typing_context, array, at, value):
        def generate(context, builder, signature, arguments):
            *place, value = arguments
            builder.store(value, _place(context, builder, signature.args[0], *place))
            return context.get_dummy_value()

        return types.void(array, types.int64, array.dtype), generate

    @intrinsic
    def load_at(typing_context, start, at, dtype):
        """Return an element of this type, so many after an address."""

        def generate(context, builder, signature, arguments):
            start, at, _ = arguments
            pointer = context.get_data_type(signature.return_type).as_pointer()
            return builder.load(builder.gep(builder.inttoptr(start, pointer), [at]))

        return dtype.dtype(types.int64, types.int64, dtype), generate

    @intrinsic
    def store_at(typing_context, start, at, value):
        """Write an element, so many of its type after an address."""

        def generate(context, builder, signature, arguments):
            start, at, value = arguments
            place = builder.gep(builder.inttoptr(start, value.type.as_pointer()), [at])
            builder.store(value, place)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, value), generate

    @intrinsic
    def load_four(typing_context, array, at):
        def generate(context, builder, signature, arguments):
            _, place = _four(context, builder, signature.args[0], *arguments)
            loaded = builder.load(place, align=16)
            elements = [builder.extract_element(loaded, ir.IntType(32)(n)) for n in range(4)]
            return context.make_tuple(builder, signature.return_type, elements)

        return types.UniTuple(array.dtype, 4)(array, types.int64), generate

    @intrinsic
    def store_four(typing_context, array, at, values):
        def generate(context, builder, signature, arguments):
            *place, values = arguments
            vector, place = _four(context, builder, signature.args[0], *place)
            stored = ir.Constant(vector, ir.Undefined)
            for n in range(4):
                element = builder.extract_value(values, n)
                stored = builder.insert_element(stored, element, ir.IntType(32)(n))
            builder.store(stored, place, align=16)
            return context.get_dummy_value()

        four = types.UniTuple(array.dtype, 4)
        return types.void(array, types.int64, four), generate
