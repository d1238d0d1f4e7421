"""Which back end serves an operation, and what happens when it cannot."""

from __future__ import annotations

import sys
import types
import warnings

import numpy as np
import pytest

from cnnlite import ops
from cnnlite.errors import BackendError, CnnliteWarning
from cnnlite.kernels import reference, registry
from cnnlite.models.plan import record
from tests.processes import error_of, output_of

F32, F64 = np.dtype("float32"), np.dtype("float64")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A back end called "fake", empty, in a registry that has loaded nothing yet."""
    module = types.ModuleType("cnnlite.kernels.fake")
    module.KERNELS, module.DTYPES = {}, ("float32",)
    monkeypatch.setitem(sys.modules, "cnnlite.kernels.fake", module)
    monkeypatch.setattr(registry, "BACKENDS", (*registry.BACKENDS, "fake"))
    for name, empty in (("_loaded", {}), ("_resolved", {}), ("_warned", set())):
        monkeypatch.setattr(registry, name, empty)
    monkeypatch.delenv("CNNLITE_STRICT", raising=False)
    return module


def bias_gradient(db, dy, *, accumulate=False):
    """A kernel of the right signature."""


def renamed(db, dyy, *, accumulate=False):
    """A parameter has another name."""


def positional(db, dy, accumulate=False):
    """A keyword-only parameter became positional."""


def defaulted(db, dy, *, accumulate=True):
    """A default differs."""


def shorter(db, dy):
    """A parameter is missing."""


def swapped(dy, db, *, accumulate=False):
    """The order differs."""


@pytest.mark.parametrize("function", [renamed, positional, defaulted, shorter, swapped])
def test_other_signature_is_refused(fake: types.ModuleType, function):
    fake.KERNELS["bias_gradient"] = function
    with pytest.raises(BackendError, match=r"Make it bias_gradient\(db, dy, \*, accumulate=False"):
        registry.set_backend("fake")
    assert registry.get_backend() != "fake"


def test_operation_that_the_reference_lacks_is_refused(fake: types.ModuleType):
    fake.KERNELS["conv9d"] = bias_gradient
    with pytest.raises(BackendError, match="'conv9d', which the reference does not define"):
        registry.set_backend("fake")


def test_back_end_serves_what_it_holds_and_the_reference_the_rest(fake: types.ModuleType):
    fake.KERNELS["bias_gradient"] = bias_gradient
    with registry.using_backend("fake"):
        assert registry.get_backend() == "fake"
        assert registry.kernel("bias_gradient", F32) is bias_gradient
        with pytest.warns(CnnliteWarning, match="matmul: back end 'fake' has no float32"):
            assert registry.kernel("matmul", F32) is reference.matmul
        table = {(name, dtype): served for name, dtype, served in registry.kernel_table()}
    assert table.pop(("bias_gradient", "float32")) == "fake"
    assert set(table.values()) == {"reference"}
    assert len(table) == 2 * len(reference.KERNELS) - 1


def test_one_warning_for_each_missing_operation(fake: types.ModuleType):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for name in ("matmul", "unary", "matmul"):
            registry.kernel(name, F32, "fake")
            registry._resolved.clear()  # as another thread might see it
    assert [w.category for w in caught] == [CnnliteWarning] * 2


@pytest.mark.usefixtures("fake")
def test_float64_falls_to_the_reference_with_one_warning():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for name, function in reference.KERNELS.items():
            assert registry.kernel(name, F64, "native") is function
    assert [w.category for w in caught] == [CnnliteWarning]
    assert "float64" in str(caught[0].message) and "set_backend" in str(caught[0].message)


def test_reference_serves_both_dtypes_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, function in reference.KERNELS.items():
            assert registry.kernel(name, F32, "reference") is function
            assert registry.kernel(name, F64, "reference") is function
    assert {served for *_, served in registry.kernel_table("reference")} == {"reference"}


def test_native_is_the_default_and_serves_float32():
    script = "from cnnlite.kernels import registry as r; print(r.get_backend(), r.kernel_table())"
    table = [
        (name, dtype, "native" if dtype == "float32" else "reference")
        for name in reference.KERNELS
        for dtype in ("float32", "float64")
    ]
    assert output_of(script) == f"native {table}"


KERNEL = """
import numpy as np
from cnnlite.kernels import registry
registry.kernel("matmul", np.dtype("float64"))
"""


def test_strict_makes_a_fall_an_error():
    assert "BackendError: matmul: back end 'native' has no float64" in error_of(
        KERNEL, CNNLITE_STRICT="1"
    )
    assert output_of(KERNEL, CNNLITE_STRICT="0") == ""
    assert output_of(KERNEL, CNNLITE_STRICT="1", CNNLITE_BACKEND="reference") == ""


def test_strict_is_a_switch():
    message = error_of(KERNEL, CNNLITE_STRICT="yes")
    assert message == "ValueError: CNNLITE_STRICT: not a switch. Got 'yes'. Set it to 1 or 0."


@pytest.mark.parametrize("name", ["tensorflow", "", None, "Native"])
def test_unknown_back_end(name):
    before = registry.get_backend()
    for where in (registry.set_backend, lambda n: registry.using_backend(n).__enter__()):
        choice = "Choose one of native, cython, numba, cuda, reference"
        with pytest.raises(BackendError, match=choice):
            where(name)
    assert registry.get_backend() == before


def test_back_end_from_the_environment():
    script = "from cnnlite.kernels import registry; print(registry.get_backend())"
    assert output_of(script, CNNLITE_BACKEND="reference") == "reference"
    assert output_of(script, CNNLITE_BACKEND="") == "native"
    message = error_of(script, CNNLITE_BACKEND="torch")
    assert "BackendError: CNNLITE_BACKEND: no such back end. Got 'torch'" in message


def test_context_manager_restores_after_an_error():
    registry.set_backend("native")
    with pytest.raises(ZeroDivisionError), registry.using_backend("reference"):
        assert registry.get_backend() == "reference"
        raise ZeroDivisionError
    assert registry.get_backend() == "native"


@pytest.mark.parametrize(
    "shapes", [((5, 7), (7, 3)), ((64, 64), (64, 64)), ((3, 0), (0, 2))], ids=str
)
def test_the_shortcut_of_a_product_has_the_kernel_s_bits(shapes):
    rng = np.random.default_rng(1)
    a, b = (rng.standard_normal(shape).astype(F32) for shape in shapes)
    expected = np.full((len(a), b.shape[1]), np.nan, F32)
    registry.kernel("matmul", F32, "native")(expected, a, b, None)
    with registry.using_backend("native"):
        quick = registry.shortcut("matmul")
        assert quick(a, b).tobytes() == ops.matmul(a, b).tobytes() == expected.tobytes()


def test_the_shortcut_of_a_product_leaves_alone_what_is_not_plain():
    a = np.ones((3, 3), F32)
    read_only, odd = a.copy(), np.ones(37, np.uint8)[1:].view(F32).reshape(3, 3)
    read_only.flags.writeable = False
    others = [a.astype(F64), a.T[:2], a[0], a[None], [[1.0]], None, read_only, odd, a[:, ::2]]
    others += [a.astype(">f4"), np.ma.masked_array(a), np.ones((2, 2), F32)]
    with registry.using_backend("native"):
        quick = registry.shortcut("matmul")
        for other in others:
            assert quick(other, a) is None and quick(a, other) is None
    with registry.using_backend("reference"):
        assert registry.shortcut("matmul") is None


def test_a_plan_records_a_plain_product():
    def program(plan):
        plan.output("y", ops.matmul(np.ones((3, 3), F32), np.ones((3, 3), F32)))

    assert record(program).operations == ["matmul"]
