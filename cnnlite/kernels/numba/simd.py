"""A small vocabulary of vector operations for Numba, made of LLVM's vector types.

LLVM turns a plain loop into vector code by itself where no element waits for another, and
most kernels here rely on that.  Two things it may not do, for they reorder sums or need more
than one loop: keep a tile of accumulators in registers, and sum along a row.  There a kernel
says what it means:

>>> import numpy as np
>>> from numba import njit
>>> @njit
... def dot(x, y):
...     total = splat(x.dtype.type(0))
...     for i in range(0, x.size, lanes(x)):
...         total = fma(load(x, i), load(y, i), total)
...     return reduce_add(total)
>>> float(dot(np.arange(64.0), np.full(64, 0.5)))
1008.0
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.extending import intrinsic, models, overload, register_model

__all__ = [
    "SCALES", "bits", "clear", "constant", "copy", "floats", "fma", "lanes", "larger",
    "ldexp", "like",
    "load", "load_upto", "load_whole", "maximum", "minimum", "polynomial", "reduce_add",
    "reduce_max", "root",
    "splat", "spread", "store", "store_upto", "store_whole", "turn", "upto",
    "where", "widen",
]  # fmt: skip


def _vector_bytes() -> int:
    """Return the bytes in a register of the CPU that Numba compiles for."""
    if config.CPU_FEATURES is not None:
        return 64 if "+avx512f" in config.CPU_FEATURES else 32
    return 64 if llvmlite.binding.get_host_cpu_features().get("avx512f") else 32


VECTOR_BYTES = _vector_bytes()


class Vector(types.Type):
    """The type of a vector in Numba's eyes: so many numbers of one floating type."""

    def __init__(self, dtype: types.Type, count: int) -> None:
        self.dtype, self.count = dtype, count
        super().__init__(f"Vector({dtype}, {count})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, vector: Vector) -> None:
        element = manager.lookup(vector.dtype).get_value_type()
        super().__init__(manager, vector, ir.VectorType(element, vector.count))


def _vector_of(dtype: types.Float) -> Vector:
    return Vector(dtype, VECTOR_BYTES * 8 // dtype.bitwidth)


def lanes(x):
    """Return how many elements of the array ``x`` a vector holds."""
    raise NotImplementedError("for compiled code")


@overload(lanes)
def _lanes(x):
    count = VECTOR_BYTES * 8 // x.dtype.bitwidth
    return lambda x: count


def _place(context, builder, array_type, array, index, vector):
    """Return the pointer to element ``index`` of a C-contiguous array, as one to a vector."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), context.get_value_type(vector).as_pointer())


@intrinsic
def load(typingctx, x, index):
    """Return the vector that starts at element ``index`` of ``x``, counted as if it were flat."""
    vector = _vector_of(x.dtype)

    def generate(context, builder, signature, arguments):
        place = _place(context, builder, x, *arguments, vector)
        return builder.load(place, align=x.dtype.bitwidth // 8, typ=context.get_value_type(vector))

    return vector(x, types.intp), generate


@intrinsic
def store(typingctx, x, index, value):
    """Write a vector to element ``index`` of ``x`` and those after it."""

    def generate(context, builder, signature, arguments):
        place = _place(context, builder, x, *arguments[:2], value)
        builder.store(arguments[2], place, align=x.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.none(x, types.intp, value), generate


@intrinsic
def load_upto(typingctx, x, index, end, other):
    """Return the vector that starts at ``index``; for elements from ``end`` on it has ``other``."""
    vector = _vector_of(x.dtype)

    def generate(context, builder, signature, arguments):
        array, start, stop, fill = arguments
        kind = context.get_value_type(vector)
        place = _place(context, builder, x, array, start, vector)
        mask = _mask(builder, builder.sub(stop, start), vector.count)
        align = ir.Constant(ir.IntType(32), x.dtype.bitwidth // 8)
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(kind, [place.type, align.type, mask.type, kind]),
            f"llvm.masked.load.{_letters(kind)}.p0",
        )
        return builder.call(function, (place, align, mask, _splat(builder, kind, fill)))

    return vector(x, types.intp, types.intp, x.dtype), generate


@intrinsic
def store_upto(typingctx, x, index, end, value):
    """Write a vector to element ``index`` of ``x`` and those after it, but none from ``end`` on."""

    def generate(context, builder, signature, arguments):
        array, start, stop, numbers = arguments
        place = _place(context, builder, x, array, start, value)
        mask = _mask(builder, builder.sub(stop, start), value.count)
        align = ir.Constant(ir.IntType(32), x.dtype.bitwidth // 8)
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [numbers.type, place.type, align.type, mask.type]),
            f"llvm.masked.store.{_letters(numbers.type)}.p0",
        )
        builder.call(function, (numbers, place, align, mask))
        return context.get_dummy_value()

    return types.none(x, types.intp, types.intp, value), generate


@intrinsic
def upto(typingctx, vector, count):
    """Return a vector with 0 in the lanes from ``count`` on."""

    def generate(context, builder, signature, arguments):
        numbers, rest = arguments
        mask = _mask(builder, rest, vector.count)
        return builder.select(mask, numbers, ir.Constant(numbers.type, None))

    return vector(vector, types.intp), generate


@intrinsic
def load_whole(typingctx, like, x, index, end):
    """Return ``load_upto`` of an array of whole numbers, in the floating type of ``like``."""
    vector = _vector_of(like.dtype)

    def generate(context, builder, signature, arguments):
        _, array, start, stop = arguments
        whole = ir.VectorType(context.get_value_type(x.dtype), vector.count)
        place, mask, align = _masked(context, builder, x, array, start, stop, whole)
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(whole, [place.type, align.type, mask.type, whole]),
            f"llvm.masked.load.v{whole.count}i{x.dtype.bitwidth}.p0",
        )
        numbers = builder.call(function, (place, align, mask, ir.Constant(whole, None)))
        convert = builder.sitofp if x.dtype.signed else builder.uitofp
        return convert(numbers, context.get_value_type(vector))

    return vector(like, x, types.intp, types.intp), generate


@intrinsic
def store_whole(typingctx, x, index, end, value):
    """``store_upto`` to an array of whole numbers, which those of the vector are."""

    def generate(context, builder, signature, arguments):
        array, start, stop, numbers = arguments
        whole = ir.VectorType(context.get_value_type(x.dtype), value.count)
        convert = builder.fptosi if x.dtype.signed else builder.fptoui
        place, mask, align = _masked(context, builder, x, array, start, stop, whole)
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [whole, place.type, align.type, mask.type]),
            f"llvm.masked.store.v{whole.count}i{x.dtype.bitwidth}.p0",
        )
        builder.call(function, (convert(numbers, whole), place, align, mask))
        return context.get_dummy_value()

    return types.none(x, types.intp, types.intp, value), generate


def _masked(context, builder, array_type, array, start, stop, whole):
    """Return pointer, mask and alignment for a masked access to whole numbers."""
    data = context.make_array(array_type)(context, builder, array).data
    place = builder.bitcast(builder.gep(data, [start]), whole.as_pointer())
    mask = _mask(builder, builder.sub(stop, start), whole.count)
    return place, mask, ir.Constant(ir.IntType(32), array_type.dtype.bitwidth // 8)


def _mask(builder: ir.IRBuilder, rest: ir.Value, count: int) -> ir.Value:
    """Return a vector of truth values: whether the lane's number is under ``rest``."""
    most = ir.Constant(rest.type, count)
    rest = builder.select(builder.icmp_signed("<", rest, most), rest, most)
    kind = ir.VectorType(ir.IntType(32), count)
    rests = _splat(builder, kind, builder.trunc(rest, kind.element))
    return builder.icmp_signed("<", ir.Constant(kind, list(range(count))), rests)


def _splat(builder: ir.IRBuilder, kind: ir.VectorType, number: ir.Value) -> ir.Value:
    empty = ir.Constant(kind, ir.Undefined)
    single = builder.insert_element(empty, number, ir.IntType(32)(0))
    first = ir.Constant(ir.VectorType(ir.IntType(32), kind.count), None)
    return builder.shuffle_vector(single, empty, first)


@intrinsic
def splat(typingctx, x):
    """Return a vector of which every lane is the number ``x``."""
    vector = _vector_of(x)

    def generate(context, builder, signature, arguments):
        return _splat(builder, context.get_value_type(vector), arguments[0])

    return vector(x), generate


@intrinsic
def constant(typingctx, vector, number):
    """Return a vector like ``vector`` of which every lane is ``number``, in its type."""

    def generate(context, builder, signature, arguments):
        return _splat(builder, context.get_value_type(vector), arguments[1])

    return vector(vector, vector.dtype), generate


@intrinsic
def copy(typingctx, to, at, x, start, count):
    """Copy ``count`` elements of the flat array x from ``start`` on to ``to``, from ``at`` on."""

    def generate(context, builder, signature, arguments):
        places = [
            builder.gep(context.make_array(of)(context, builder, array).data, [index])
            for of, array, index in ((to, *arguments[:2]), (x, *arguments[2:4]))
        ]
        cgutils.raw_memcpy(builder, *places, arguments[4], x.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.none(to, types.intp, x, types.intp, types.intp), generate


@intrinsic
def clear(typingctx, to, at, count):
    """Set ``count`` elements of the flat array ``to`` from ``at`` on to 0."""

    def generate(context, builder, signature, arguments):
        place = builder.gep(
            context.make_array(to)(context, builder, arguments[0]).data, [arguments[1]]
        )
        size = builder.mul(arguments[2], context.get_constant(types.intp, to.dtype.bitwidth // 8))
        cgutils.memset(builder, place, size, 0)
        return context.get_dummy_value()

    return types.none(to, types.intp, types.intp), generate


@intrinsic
def spread(typingctx, x, index):
    """Return a vector of which every lane is element ``index`` of ``x``, counted as if flat."""
    vector = _vector_of(x.dtype)

    def generate(context, builder, signature, arguments):
        data = context.make_array(x)(context, builder, arguments[0]).data
        number = builder.load(builder.gep(data, [arguments[1]]))
        return _splat(builder, context.get_value_type(vector), number)

    return vector(x, types.intp), generate


@intrinsic
def fma(typingctx, a, b, c):
    """Return ``a b + c``, rounded once; of three vectors or three numbers of one type."""

    kind = c if isinstance(c, Vector) else types.unliteral(c)

    def generate(context, builder, signature, arguments):
        return builder.call(_fma(builder, context.get_value_type(kind)), arguments)

    return kind(kind, kind, kind), generate


def _fma(builder: ir.IRBuilder, kind: ir.Type) -> ir.Function:
    name = f"llvm.fma.{_letters(kind)}"
    return cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind] * 3), name)


def _letters(kind: ir.Type) -> str:
    """Return a floating type's name as LLVM's intrinsics have it: f32, v16f32."""
    if isinstance(kind, ir.VectorType):
        return f"v{kind.count}{_letters(kind.element)}"
    return "f32" if isinstance(kind, ir.FloatType) else "f64"


# LLVM 22 makes one instruction of ldexp where there is AVX-512; without that, or before, it may
# call a function of the C library for each number.
SCALES = VECTOR_BYTES == 64 and llvmlite.binding.llvm_version_info[0] >= 22


@intrinsic
def ldexp(typingctx, x, n):
    """Return x 2^n, rounded once, for an int32 n: where SCALES holds, by an instruction."""

    def generate(context, builder, signature, arguments):
        kind, whole = (context.get_value_type(t) for t in signature.args)
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(kind, [kind, whole]), f"llvm.ldexp.{_letters(kind)}.i32"
        )
        return builder.call(function, arguments)

    return x(x, n), generate


@intrinsic
def like(typingctx, x, number):
    """Return ``number`` in the floating type of ``x``, which NumPy's rules would make float64."""
    kind = types.unliteral(x)

    def generate(context, builder, signature, arguments):
        return arguments[1]  # cast on the way in, as the signature says

    return kind(kind, kind), generate


def polynomial(*coefficients: float) -> Callable[..., Any]:
    """Return a function for ``c[0] + c[1] x + c[2] x^2 + ...``, by Horner's rule."""

    @intrinsic
    def evaluate(typingctx, x):
        kind = types.unliteral(x)

        def generate(context, builder, signature, arguments):
            function = _fma(builder, context.get_value_type(kind))
            *lower, total = (context.get_constant(kind, c) for c in coefficients)
            for c in reversed(lower):
                total = builder.call(function, (total, arguments[0], c))
            return total

        return kind(kind), generate

    return evaluate


def _chosen(symbol: str) -> Callable[..., Any]:
    """Return a function that takes, lane by lane, b where ``b symbol a`` holds, else a."""

    def typed(typingctx, a, b):
        def generate(context, builder, signature, arguments):
            a, b = arguments
            return builder.select(builder.fcmp_ordered(symbol, b, a), b, a)

        return a(a, a), generate

    return intrinsic(typed)


# The larger and the smaller of two lanes: a NaN in a stays, one in b is passed over.
maximum, minimum = _chosen(">"), _chosen("<")


@intrinsic
def larger(typingctx, a, b):
    """Return the larger of two vectors, lane by lane, or numbers; NaN where one of them is."""

    def generate(context, builder, signature, arguments):
        a, b = arguments
        taken = builder.and_(builder.fcmp_unordered(">", b, a), builder.fcmp_ordered("ord", a, a))
        return builder.select(taken, b, a)

    return a(a, a), generate


# Sides of a block that is turned around: eight numbers are a vector of every CPU, or two.
TURNED = 8


@intrinsic
def turn(typingctx, y, to, y_step, x, at, x_step):
    """Write a square of ``x`` to ``y`` with rows and columns exchanged.

    Eight rows of eight numbers, ``x_step`` elements apart, from element ``at`` on, counted as if
    the array were flat; in y as many from ``to`` on, ``y_step`` apart.
    """

    def generate(context, builder, signature, arguments):
        y_array, to, y_step, x_array, at, x_step = arguments
        square = ir.VectorType(context.get_value_type(x.dtype), TURNED)
        align = x.dtype.bitwidth // 8

        def place(kind, array, start, step, n):
            data = context.make_array(kind)(context, builder, array).data
            index = builder.add(start, builder.mul(step, ir.Constant(step.type, n)))
            return builder.bitcast(builder.gep(data, [index]), square.as_pointer())

        rows = [
            builder.load(place(x, x_array, at, x_step, n), align=align, typ=square)
            for n in range(TURNED)
        ]
        half = TURNED // 2
        while half:  # exchange the quarters of each square of side 2 half that lie askew
            rows = [_quarters(builder, rows, n, half) for n in range(TURNED)]
            half //= 2
        for n, row in enumerate(rows):
            builder.store(row, place(y, y_array, to, y_step, n), align=align)
        return context.get_dummy_value()

    return types.none(y, types.intp, types.intp, x, types.intp, types.intp), generate


def _quarters(builder, rows, n, half):
    """Return row n after the exchange: half of its numbers are those of the row ``half`` away."""
    own, other = n & half, [k ^ half for k in range(TURNED)]
    lanes = [k if k & half == own else TURNED + other[k] for k in range(TURNED)]
    order = ir.Constant(ir.VectorType(ir.IntType(32), TURNED), lanes)
    return builder.shuffle_vector(rows[n], rows[n ^ half], order)


@intrinsic
def widen(typingctx, a):
    """Return a vector or number in float64."""
    wide = Vector(types.float64, a.count) if isinstance(a, Vector) else types.float64

    def generate(context, builder, signature, arguments):
        if signature.args[0] == signature.return_type:
            return arguments[0]
        return builder.fpext(arguments[0], context.get_value_type(wide))

    return wide(a), generate


def _folded(builder, vector, combine):
    """Combine the two halves of a vector, and so on, to one number: always in this order."""
    count = vector.type.count
    while count > 1:
        count //= 2
        halves = [
            builder.shuffle_vector(
                vector,
                vector,
                ir.Constant(
                    ir.VectorType(ir.IntType(32), count), list(range(start, start + count))
                ),
            )
            for start in (0, count)
        ]
        vector = combine(*halves)
    return builder.extract_element(vector, ir.IntType(32)(0))


@intrinsic
def reduce_add(typingctx, a):
    """Return the sum of the lanes: halves to halves, always in the same order."""

    def generate(context, builder, signature, arguments):
        return _folded(builder, arguments[0], builder.fadd)

    return a.dtype(a), generate


@intrinsic
def reduce_max(typingctx, a):
    """Return the largest lane; NaNs may be passed over."""

    def generate(context, builder, signature, arguments):
        def larger(a, b):
            return builder.select(builder.fcmp_ordered(">", b, a), b, a)

        return _folded(builder, arguments[0], larger)

    return a.dtype(a), generate


def _overload_operator(sign: Callable[..., Any], name: str) -> None:
    @intrinsic
    def combine(typingctx, a, b):
        def generate(context, builder, signature, arguments):
            return getattr(builder, name)(*arguments)

        return a(a, a), generate

    @overload(sign)
    def of_vectors(a, b):
        if isinstance(a, Vector) and a == b:
            return lambda a, b: combine(a, b)
        return None


_overload_operator(operator.add, "fadd")
_overload_operator(operator.sub, "fsub")
_overload_operator(operator.mul, "fmul")
_overload_operator(operator.truediv, "fdiv")


def _overload_comparison(sign: Callable[..., Any], symbol: str) -> None:
    @intrinsic
    def compare(typingctx, a, b):
        def generate(context, builder, signature, arguments):
            # As for numbers: NaN differs from everything, and no other comparison holds for it.
            test = builder.fcmp_unordered if symbol == "!=" else builder.fcmp_ordered
            return test(symbol, *arguments)

        return Vector(types.boolean, a.count)(a, a), generate

    @overload(sign)
    def of_vectors(a, b):
        if isinstance(a, Vector) and a == b:
            return lambda a, b: compare(a, b)
        return None


for _sign, _symbol in (
    (operator.lt, "<"), (operator.gt, ">"), (operator.ge, ">="),
    (operator.eq, "=="), (operator.ne, "!="),
):  # fmt: skip
    _overload_comparison(_sign, _symbol)


def _overload_logic(sign: Callable[..., Any], name: str) -> None:
    @intrinsic
    def combine(typingctx, a, b):
        def generate(context, builder, signature, arguments):
            return getattr(builder, name)(*arguments)

        return a(a, a), generate

    @overload(sign)
    def of_conditions(a, b):
        if isinstance(a, Vector) and a == b and a.dtype == types.boolean:
            return lambda a, b: combine(a, b)
        return None


_overload_logic(operator.and_, "and_")
_overload_logic(operator.or_, "or_")


@intrinsic
def _not(typingctx, a):
    def generate(context, builder, signature, arguments):
        return builder.not_(arguments[0])

    return a(a), generate


@overload(operator.invert)
def _of_condition(a):
    if isinstance(a, Vector) and a.dtype == types.boolean:
        return lambda a: _not(a)
    return None


@intrinsic
def where(typingctx, condition, a, b):
    """Return, lane by lane, a where the condition holds, else b."""

    def generate(context, builder, signature, arguments):
        return builder.select(*arguments)

    return a(condition, a, a), generate


@intrinsic
def root(typingctx, x):
    """Return the square roots of a vector."""

    def generate(context, builder, signature, arguments):
        kind = context.get_value_type(x)
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(kind, [kind]), f"llvm.sqrt.{_letters(kind)}"
        )
        return builder.call(function, arguments)

    return x(x), generate


def _reinterpreted(to: dict[Any, Any]) -> Callable[..., Any]:
    def typed(typingctx, x):
        result = to[x]

        def generate(context, builder, signature, arguments):
            return builder.bitcast(arguments[0], context.get_value_type(result))

        return result(x), generate

    return typed


bits = intrinsic(_reinterpreted({types.float32: types.int32, types.float64: types.int64}))
floats = intrinsic(_reinterpreted({types.int32: types.float32, types.int64: types.float64}))
