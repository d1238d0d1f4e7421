"""Views of arrays that cost nothing, for rows of a few elements."""

from __future__ import annotations

from typing import Any

from numba import njit, types
from numba.core.ir_utils import _add_alias, alias_func_extensions
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

__all__ = ["makes_view", "row", "same_place", "span"]


def makes_view(function: Any) -> Any:
    """Tell Numba that the result of a function is its first argument's memory.

    It does not see that by itself, and would leave out what is written to the result.
    """

    def note(result, arguments, aliases, of_arguments):
        _add_alias(result, arguments[0].name, aliases, of_arguments)

    alias_func_extensions[function.__name__, function.__module__] = note
    return function


@makes_view
@intrinsic
def span(typingctx, x, start, stop):
    """Return the view of elements start..stop of ``x``, counted as if it were flat.

    A slice counts the references to its memory: some ten nanoseconds, for each row of a loop.
    This view does not and costs nothing, but ``x`` must be in use for longer than it is.
    """
    flat = types.Array(x.dtype, 1, "C")

    def generate(context, builder, signature, arguments):
        array, first, last = arguments
        data = context.make_array(x)(context, builder, array).data
        item = context.get_constant(types.intp, x.dtype.bitwidth // 8)
        view = context.make_array(flat)(context, builder)
        populate_array(
            view,
            data=builder.gep(data, [first]),
            shape=[builder.sub(last, first)],
            strides=[item],
            itemsize=item,
            meminfo=None,
        )
        return view._getvalue()

    return flat(x, types.intp, types.intp), generate


@makes_view
@njit(forceinline=True)
def row(x, r, count):
    """Return row r of those of ``count`` elements that ``x``, of any shape, consists of."""
    return span(x, r * count, (r + 1) * count)


@njit
def same_place(a, b):
    """Return whether two arrays start at the same place in memory."""
    return a.ctypes.data == b.ctypes.data
