"""Cases of the matrix product and of the gradient of a bias."""

from __future__ import annotations

from dataclasses import dataclass

from bench.case import Arguments, Case, draw, through_activation, unwritten


@dataclass(frozen=True, kw_only=True)
class Matmul(Case):
    """(M, K) @ (K, N), either operand possibly stored transposed."""

    operation: str = "matmul"
    m: int
    n: int
    k: int
    bias: bool = False
    activation: str | None = None
    transpose_a: bool = False
    transpose_b: bool = False

    @property
    def exact_on_integers(self):
        return self.activation in (None, "relu")

    @property
    def terms(self):
        return self.k

    @property
    def accumulates(self):
        return not self.bias and self.activation is None

    def flops(self):
        return 2 * self.m * self.n * self.k

    def arguments(self, rng, dtype, *, integers=False):
        m, n, k = self.m, self.n, self.k
        a = draw(rng, (k, m) if self.transpose_a else (m, k), dtype, integers)
        b = draw(rng, (n, k) if self.transpose_b else (k, n), dtype, integers)
        bias = draw(rng, (n,), dtype, integers) if self.bias else None
        params = {
            "transpose_a": self.transpose_a,
            "transpose_b": self.transpose_b,
            "activation": self.activation,
        }
        return Arguments([unwritten((m, n), dtype)], [a, b, bias], params)

    def tolerance(self, arguments, expected, dtype, function_ulps):
        (bound,) = super().tolerance(arguments, expected, dtype, function_ulps)
        return [through_activation(bound, self.activation, expected[0], dtype, function_ulps)]


@dataclass(frozen=True, kw_only=True)
class BiasGradient(Case):
    """Sums over the rows of (rows, F)."""

    operation: str = "bias_gradient"
    rows: int
    f: int

    @property
    def exact_on_integers(self):
        return True

    @property
    def terms(self):
        return self.rows

    def flops(self):
        return self.rows * self.f

    def arguments(self, rng, dtype, *, integers=False):
        dy = draw(rng, (self.rows, self.f), dtype, integers)
        return Arguments([unwritten((self.f,), dtype)], [dy], {})
