"""Symbolic tensors used as if they had values: each error names the layer or class to use."""

from __future__ import annotations

import inspect
import operator
from typing import Any

import numpy as np
import pytest

from cnnlite import Input, Model, layers, ops
from cnnlite.layers.no_values import SymbolicError

X = Input((3,))
Z = Input((3,))


@pytest.mark.parametrize(
    ("use", "match"),
    [
        (lambda: X[:, 0], r"^x\[\.\.\.\]: .*Got SymbolicTensor\(.*Cropping1D.*Reshape"),
        (lambda: X @ Z, r"^matmul: x @ y: .*layers\.Dot\(axes\)"),
        (lambda: np.ones((3, 3)) @ X, r"^numpy\.matmul: .*layers\.Dot"),
        (lambda: X**2, r"^power: .*layers\.Multiply\(\)\(\[x, x\]\)"),
        (lambda: 2**X, "^power: "),
        (lambda: abs(X), r"^absolute: .*layers\.ReLU"),
        (lambda: X + np.ones(3), r"^add: .*Got an array of shape \(3,\).*Input"),
        (lambda: np.ones(3) * X, r"^multiply: .*Got an array of shape \(3,\)"),
        (lambda: X - "a", r"^subtract: .*Got 'a'"),
        (lambda: X / None, "^divide: .*Got None"),
        (lambda: X + True, "^add: .*Got True"),
        (lambda: bool(X), r"^if x: .*cannot depend on them.*call\(self, x, \*, ctx\)"),
        (lambda: 1 if X > 0 else 0, "^x > .*cannot depend"),
        (lambda: X <= 0, "^x <= "),
        (lambda: X == 0, "^x == "),
        (lambda: np.zeros(3) == X, r"^numpy\.equal: "),
        (lambda: X % 2, "^x % "),
        (lambda: X // 2, "^x // "),
        (lambda: len(X), r"^len\(x\): .*x\.shape"),
        (lambda: list(X), r"^for \.\.\. in x: .*TimeDistributed"),
        (lambda: 3 in X, r"^\.\.\. in x: "),
        (lambda: float(X), r"^float\(x\): "),
        (lambda: int(X), r"^int\(x\): "),
        (lambda: np.exp(X), r"^numpy\.exp: .*Activation\(\"exponential\"\)"),
        (lambda: np.tanh(X), r"^numpy\.tanh: .*Activation\(\"tanh\"\)"),
        (lambda: np.mean(X, axis=1), r"^numpy\.mean: .*GlobalAveragePooling1D"),
        (lambda: np.concatenate([X, Z]), r"^numpy\.concatenate: .*layers\.Concatenate"),
        (lambda: np.fft.fft(X), r"^numpy\.fft: .*Use a layer; or write a Layer"),
        (lambda: np.asarray(X), r"^numpy\.asarray: .*predict\(\)"),
        (lambda: ops.relu(X), r"^relu: x: .*layers\.ReLU\(\)\(x\)"),
        (lambda: ops.add(X, Z), r"^add: .*a \+ b or layers\.Add"),
        (lambda: ops.matmul(X, np.ones((3, 3))), r"^matmul: .*layers\.Dense"),
        (lambda: ops.reshape(X, (1, 3)), r"^reshape: .*layers\.Reshape"),
        (lambda: ops.concatenate([X, Z]), r"^concatenate: .*layers\.Concatenate"),
        (lambda: ops.gather(np.ones((3, 3)), X), r"^gather: .*layers\.Embedding"),
    ],
)
def test_values_are_needed(use: Any, match: str):
    with pytest.raises(SymbolicError, match=match):
        use()


def test_they_are_type_errors():
    assert issubclass(SymbolicError, TypeError)


@pytest.mark.parametrize("name", ["numpy", "sum", "mean", "T", "reshape", "argmax"])
def test_attributes_of_arrays(name: str):
    """An AttributeError, so that hasattr() works."""
    with pytest.raises(AttributeError, match=rf"^x\.{name}: a symbolic tensor has no values.*"):
        getattr(X, name)
    assert not hasattr(X, name) and not hasattr(X, "anything")


# Of these the first argument is no tensor, or is a list of weights.
OTHERS = {
    "average_update", "clip_scales", "clock", "elementwise_loss_backward",
    "elementwise_loss_forward", "full", "is_recording", "loss_weights", "mean_update",
    "project_norms", "random_normal", "random_uniform", "recording", "row_loss_backward",
    "row_loss_forward", "scatter_add", "update",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(set(ops.__all__) - OTHERS))
def test_every_operation(name: str):
    """Whatever cnnlite.ops is called on a symbolic tensor, the error is of this kind."""
    function = getattr(ops, name)
    if inspect.isclass(function) or not callable(function):
        return
    required = [p for p in inspect.signature(function).parameters.values() if p.default is p.empty]
    positional = [X for p in required if p.kind is p.POSITIONAL_OR_KEYWORD]
    keywords = {p.name: X for p in required if p.kind is p.KEYWORD_ONLY}
    with pytest.raises(SymbolicError, match=r"a symbolic tensor has no values.*write a Layer"):
        function(*positional, **keywords)


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        (lambda x: x + 1, lambda x: x + 1),
        (lambda x: np.float32(2) * x, lambda x: 2 * x),
        (lambda x: np.float64(1) - x, lambda x: 1 - x),
        (lambda x: np.int64(3) + x, lambda x: 3 + x),
        (lambda x: np.float32(2) / x, lambda x: 2 / x),
        (lambda x: -x / 4, lambda x: -x / 4),
    ],
)
def test_numbers_still_work(use: Any, expected: Any):
    """On either side, NumPy's too."""
    x = Input((3,))
    values = np.array([[1.0, 2.0, -4.0]], "float32")
    np.testing.assert_allclose(Model(x, use(x))(values), expected(values), rtol=1e-6)


def test_identity_and_hash_stay():
    assert X == X and X != Z and X in [Z, X] and len({X, Z}) == 2 and X is not None
    assert operator.eq(X, None) is False


def test_a_model_s_call_that_depends_on_data():
    class Depends(Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, x):
            h = self.dense(x)
            return h if h > 0 else -h

    with pytest.raises(SymbolicError, match=r"Depends\.call runs once.*x > \.\.\..*dynamic"):
        Depends().predict(np.ones((1, 3)), verbose=0)
