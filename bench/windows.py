"""Cases of convolution and pooling: windows that move over images."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from bench.case import Arguments, Case, draw, through_activation, unwritten
from bench.normalization import BatchNorm
from cnnlite.kernels import reference

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]

VALID: Padding = ((0, 0), (0, 0))


def same(size: Pair, kernel: Pair, strides: Pair = (1, 1)) -> Padding:
    """Return the padding for ceil(n / s) outputs; an odd one comes after the image."""
    sides = []
    for n, k, s in zip(size, kernel, strides, strict=True):
        total = max((-(-n // s) - 1) * s + k - n, 0)
        sides.append((total // 2, total - total // 2))
    return sides[0], sides[1]


def output_size(size: Pair, kernel: Pair, strides: Pair, padding: Padding, dilation: Pair) -> Pair:
    """floor((n + pads - d (k - 1) - 1) / s) + 1 in each dimension."""
    h, w = (
        (n + sum(p) - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(size, kernel, strides, padding, dilation, strict=True)
    )
    return h, w


@dataclass(frozen=True, kw_only=True)
class Conv2d(Case):
    """One of the three passes of a convolution."""

    n: int
    size: Pair
    c: int
    f: int
    kernel: Pair
    strides: Pair = (1, 1)
    padding: Padding = VALID
    dilation: Pair = (1, 1)
    groups: int = 1
    bias: bool = True
    activation: str | None = None  # of the forward pass

    @property
    def exact_on_integers(self):
        return self.activation in (None, "relu")

    @property
    def out(self) -> Pair:
        return output_size(self.size, self.kernel, self.strides, self.padding, self.dilation)

    @property
    def terms(self):
        taps = self.kernel[0] * self.kernel[1]
        return {
            "conv2d_forward": taps * self.c // self.groups,
            "conv2d_backward_input": taps * self.f // self.groups,
            "conv2d_backward_weight": self.n * self.out[0] * self.out[1],
        }[self.operation]

    def flops(self):
        taps = self.kernel[0] * self.kernel[1]
        return 2 * self.n * self.out[0] * self.out[1] * taps * self.c // self.groups * self.f

    def arguments(self, rng, dtype, *, integers=False):
        x_shape = (self.n, *self.size, self.c)
        y_shape = (self.n, *self.out, self.f)
        w_shape = (*self.kernel, self.c // self.groups, self.f)
        x, dy, w, bias = (
            draw(rng, shape, dtype, integers) for shape in (x_shape, y_shape, w_shape, (self.f,))
        )
        params = {
            "strides": self.strides,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }
        if self.operation == "conv2d_forward":
            params["activation"] = self.activation
            inputs = [x, w, bias if self.bias else None]
            return Arguments([unwritten(y_shape, dtype)], inputs, params)
        if self.operation == "conv2d_backward_input":
            return Arguments([unwritten(x_shape, dtype)], [dy, w], params)
        db = unwritten((self.f,), dtype) if self.bias else None
        return Arguments([unwritten(w_shape, dtype), db], [dy, x], params)

    def tolerance(self, arguments, expected, dtype, function_ulps):
        bounds = super().tolerance(arguments, expected, dtype, function_ulps)
        bounds[0] = through_activation(
            bounds[0], self.activation, expected[0], dtype, function_ulps
        )
        return bounds


@dataclass(frozen=True, kw_only=True)
class Conv2dBatchNorm(Conv2d):
    """conv2d_batchnorm: a convolution that is normalized by given statistics."""

    gamma: bool = True
    beta: bool = True
    epsilon: float = 1e-3
    operation: str = "conv2d_batchnorm"

    @property
    def exact_on_integers(self):
        return False

    @property
    def _parts(self) -> tuple[Conv2d, BatchNorm]:
        own = {f.name: getattr(self, f.name) for f in fields(Conv2d)}
        norm = {"gamma": self.gamma, "beta": self.beta, "epsilon": self.epsilon}
        return Conv2d(**own | {"operation": "conv2d_forward", "activation": None}), BatchNorm(
            operation="batchnorm_inference",
            rows=self.n * self.out[0] * self.out[1],
            c=self.f,
            activation=self.activation,
            **norm,
        )

    def arguments(self, rng, dtype, *, integers=False):
        conv, norm = (part.arguments(rng, dtype) for part in self._parts)
        inputs = [*conv.inputs, *norm.inputs[1:]]
        return Arguments(conv.outputs, inputs, {**conv.params, **norm.params})

    def tolerance(self, arguments, expected, dtype, function_ulps):
        (x, w, bias, *_), (outputs, inputs, params) = arguments.inputs, arguments
        conv, norm = self._parts
        own = {k: v for k, v in params.items() if k not in ("epsilon", "activation")}
        made = np.empty_like(outputs[0])
        reference.conv2d_forward(made, x, w, bias, **own)
        (of_conv,) = conv.tolerance(
            Arguments([made], [x, w, bias], {**own, "activation": None}), [made], dtype, 0
        )
        rows = Arguments(
            outputs,
            [made.reshape(-1, self.f), *inputs[3:]],
            {"epsilon": self.epsilon, "activation": None},
        )
        (of_norm,) = norm.tolerance(rows, [expected[0].reshape(-1, self.f)], dtype, 0)
        scale = (1.0 if inputs[5] is None else np.abs(inputs[5])) / np.sqrt(
            inputs[4] + self.epsilon
        )
        return [scale * of_conv + of_norm.reshape(of_conv.shape)]


@dataclass(frozen=True, kw_only=True)
class Pool2d(Case):
    """One pass of maximum or average pooling."""

    n: int
    size: Pair
    c: int
    pool_size: Pair
    strides: Pair
    padding: Padding = VALID

    @property
    def out(self) -> Pair:
        return output_size(self.size, self.pool_size, self.strides, self.padding, (1, 1))

    @property
    def terms(self):
        return self.pool_size[0] * self.pool_size[1]

    @property
    def exact_on_integers(self):
        return self.operation.startswith("maxpool")

    def arguments(self, rng, dtype, *, integers=False):
        x_shape, y_shape = (self.n, *self.size, self.c), (self.n, *self.out, self.c)
        x, dy = draw(rng, x_shape, dtype, integers), draw(rng, y_shape, dtype, integers)
        y, dx = unwritten(y_shape, dtype), unwritten(x_shape, dtype)
        argmax = unwritten(y_shape, np.uint8 if self.terms <= 256 else np.int32)
        params = {"pool_size": self.pool_size, "strides": self.strides, "padding": self.padding}
        if self.operation == "maxpool2d_forward":
            return Arguments([y, argmax], [x], params)
        if self.operation == "maxpool2d_backward":
            reference.maxpool2d_forward(np.empty_like(y), argmax, x, **params)
            return Arguments([dx], [dy, argmax], params)
        if self.operation == "averagepool2d_forward":
            return Arguments([y], [x], params)
        return Arguments([dx], [dy], params)

    def tolerance(self, arguments, expected, dtype, function_ulps):
        if self.operation == "maxpool2d_forward":
            return [0.0, 0.0]  # it picks, it does not compute
        return super().tolerance(arguments, expected, dtype, function_ulps)
