"""The reference against an oracle that others wrote: the evaluator of the ONNX standard.

It guards against a misreading that the reference and our own loops share.
"""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from bench.case import Case
from bench.cases import EDGES
from bench.images import Upsample2d
from bench.products import Matmul
from bench.rows import Rows
from bench.windows import VALID, Conv2d, Pool2d
from cnnlite.kernels import reference
from tests.comparison import NUMPY_ULPS, assert_within, call, seeded


def onnx(operation: str, *inputs: np.ndarray, **attributes: object) -> np.ndarray:
    """Evaluate one operation of ONNX, opset 22, in float64."""
    names = [f"i{n}" for n in range(len(inputs))]
    node = helper.make_node(operation, names, ["y"], **attributes)
    values = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, None) for name in names]
    result = helper.make_tensor_value_info("y", TensorProto.DOUBLE, None)
    graph = helper.make_graph([node], "one", values, [result])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)])
    return ReferenceEvaluator(model).run(None, dict(zip(names, inputs, strict=True)))[0]


def channels_first(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2))


def channels_last(x: np.ndarray) -> np.ndarray:
    return x.transpose(0, 2, 3, 1)


def pads(padding: tuple) -> list[int]:
    (top, bottom), (left, right) = padding
    return [top, left, bottom, right]


def linear_cases(operation: str, kind: type, limit: int = 20_000) -> list[Case]:
    """Return the small cases with nothing but the linear part, and with batches."""
    return [
        case
        for case in EDGES
        if isinstance(case, kind)
        and case.operation == operation
        and case.flops() < limit
        and getattr(case, "activation", None) is None
        and getattr(case, "n", 1) > 0
    ]


def assert_equal(case: Case, expected: np.ndarray) -> None:
    """Run the reference in float64 and compare within twice the case's tolerance."""
    arguments = case.arguments(seeded(case), np.float64)
    got = call(reference.KERNELS[case.operation], arguments)
    bounds = case.tolerance(arguments, [expected], np.float64, NUMPY_ULPS)
    assert_within(got[:1], [expected], [2 * bounds[0]])


@pytest.mark.parametrize("case", linear_cases("conv2d_forward", Conv2d), ids=str)
def test_convolution(case: Conv2d):
    x, w, bias = case.arguments(seeded(case), np.float64).inputs
    inputs = [channels_first(x), np.ascontiguousarray(w.transpose(3, 2, 0, 1))]
    y = onnx(
        "Conv",
        *inputs,
        *([] if bias is None else [bias]),
        kernel_shape=case.kernel,
        strides=case.strides,
        pads=pads(case.padding),
        dilations=case.dilation,
        group=case.groups,
    )
    assert_equal(case, channels_last(y))


@pytest.mark.parametrize("case", linear_cases("maxpool2d_forward", Pool2d), ids=str)
def test_maximum_pooling(case: Pool2d):
    (x,) = case.arguments(seeded(case), np.float64).inputs
    padding = case.padding
    if case.strides == (1, 1):
        # With unit strides, version 1.23 of the evaluator gives outputs of a wrong shape
        # where there is padding, so it gets the image already padded.
        x = np.pad(x, ((0, 0), *padding, (0, 0)), constant_values=-np.inf)
        padding = VALID
    y = onnx(
        "MaxPool",
        channels_first(x),
        kernel_shape=case.pool_size,
        strides=case.strides,
        pads=pads(padding),
    )
    assert_equal(case, channels_last(y))


@pytest.mark.parametrize("case", linear_cases("averagepool2d_forward", Pool2d), ids=str)
def test_average_pooling(case: Pool2d):
    (x,) = case.arguments(seeded(case), np.float64).inputs
    y = onnx(
        "AveragePool",
        channels_first(x),
        kernel_shape=case.pool_size,
        strides=case.strides,
        pads=pads(case.padding),
        count_include_pad=0,
    )
    assert_equal(case, channels_last(y))


@pytest.mark.parametrize("case", linear_cases("matmul", Matmul), ids=str)
def test_matrix_product(case: Matmul):
    a, b, bias = case.arguments(seeded(case), np.float64).inputs
    inputs = [a, b] if bias is None else [a, b, bias]
    y = onnx("Gemm", *inputs, transA=int(case.transpose_a), transB=int(case.transpose_b))
    assert_equal(case, y)


@pytest.mark.parametrize("case", linear_cases("softmax_forward", Rows), ids=str)
def test_softmax(case: Rows):
    (x,) = case.arguments(seeded(case), np.float64).inputs
    assert_equal(case, onnx("Softmax", x, axis=1))


# Version 1.23 of the evaluator cannot transpose a convolution in groups.
TRANSPOSED = [
    case
    for case in linear_cases("conv2d_backward_input", Conv2d)
    if case.groups == 1  # type: ignore[attr-defined]
]


@pytest.mark.parametrize("case", TRANSPOSED, ids=str)
def test_transposed_convolution(case: Conv2d):
    """The gradient of a convolution's input is ONNX's transposed convolution."""
    dy, w = case.arguments(seeded(case), np.float64).inputs
    axes = zip(
        case.size, case.out, case.kernel, case.strides, case.dilation, case.padding, strict=True
    )
    rest = [n - ((o - 1) * s + d * (k - 1) + 1 - sum(p)) for n, o, k, s, d, p in axes]
    y = onnx(
        "ConvTranspose",
        channels_first(dy),
        np.ascontiguousarray(w.transpose(3, 2, 0, 1)),
        kernel_shape=case.kernel,
        strides=case.strides,
        pads=pads(case.padding),
        dilations=case.dilation,
        group=case.groups,
        output_padding=rest,
    )
    assert_equal(case, channels_last(y))


@pytest.mark.parametrize("case", linear_cases("upsample2d_forward", Upsample2d), ids=str)
def test_upsampling(case: Upsample2d):
    (x,) = case.arguments(seeded(case), np.float64).inputs
    linear = case.interpolation == "bilinear"
    y = onnx(
        "Resize",
        channels_first(x),
        np.zeros(0),
        np.array([1.0, 1.0, *case.factor]),
        mode="linear" if linear else "nearest",
        coordinate_transformation_mode="half_pixel" if linear else "asymmetric",
        nearest_mode="floor",
    )
    assert_equal(case, channels_last(y))
