"""Recurrent kernels: against ONNX's evaluator, by their gradients, and by known relations."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from bench.recurrent import GATES, Recurrent
from cnnlite.kernels import reference
from tests.comparison import call, seeded
from tests.gradient_check import assert_gradient, central_difference

# Places of Keras's gates among ONNX's: i o f c; z r h.
ONNX_ORDER = {"lstm": [0, 3, 1, 2], "gru": [0, 1, 2], "simple_rnn": [0]}
ONNX_NAME = {"lstm": "LSTM", "gru": "GRU", "simple_rnn": "RNN"}


def onnx_layer(
    kind: str, inputs: list[np.ndarray | None], **attributes: object
) -> list[np.ndarray]:
    """Evaluate one recurrent layer of ONNX, opset 14, in float64; return Y, Y_h, (Y_c)."""
    names = [f"i{n}" if a is not None else "" for n, a in enumerate(inputs)]
    outputs = ["y", "h", "c"][: 3 if kind == "lstm" else 2]
    node = helper.make_node(ONNX_NAME[kind], names, outputs, **attributes)
    given = {k: a for k, a in zip(names, inputs, strict=True) if a is not None}
    values = [
        helper.make_tensor_value_info(k, TensorProto.DOUBLE, a.shape) for k, a in given.items()
    ]
    results = [helper.make_tensor_value_info(o, TensorProto.DOUBLE, None) for o in outputs]
    graph = helper.make_graph([node], "one", values, results)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)])
    return ReferenceEvaluator(model).run(None, given)


def for_onnx(w: np.ndarray, kind: str) -> np.ndarray:
    """Return (K, G U) as ONNX has it: (1, G U, K), gates in its order."""
    gates = np.split(w, GATES[kind], axis=-1)
    return np.concatenate([gates[k] for k in ONNX_ORDER[kind]], axis=-1).T[None]


@pytest.mark.parametrize("reset_after", [True, False])
@pytest.mark.parametrize("kind", GATES)
def test_onnx(kind: str, reset_after: bool, rng: np.random.Generator):
    """Steps of the reference, its input product made here, are those of the standard."""
    n, t, f, u, g = 3, 4, 2, 5, GATES[kind]
    if kind != "gru" and not reset_after:
        return  # the same again
    x, w, k = (rng.standard_normal(s) for s in ((n, t, f), (f, g * u), (u, g * u)))
    b, rb = rng.standard_normal(g * u), np.zeros(g * u)
    if kind == "gru" and reset_after:
        rb = rng.standard_normal(g * u)
    h0, c0 = rng.standard_normal((n, u)), rng.standard_normal((n, u))
    both = np.concatenate([for_onnx(b[None], kind)[0, :, 0], for_onnx(rb[None], kind)[0, :, 0]])
    inputs = [np.swapaxes(x, 0, 1), for_onnx(w, kind), for_onnx(k, kind), both[None], None]
    inputs += [h0[None], *([c0[None]] if kind == "lstm" else [])]
    extra = {"linear_before_reset": int(reset_after)} if kind == "gru" else {}
    expected = onnx_layer(kind, inputs, hidden_size=u, **extra)

    z = x @ w + b
    y, h, c = np.empty((n, t, u)), np.empty((n, u)), np.empty((n, u))
    if kind == "lstm":
        reference.lstm_forward(None, None, None, y, h, c, z, h0, c0, k, None, None)
        np.testing.assert_allclose(c, expected[2][0], rtol=1e-12)
    elif kind == "gru":
        reference.gru_forward(
            None, None, None, y, h, z, h0, k, rb if reset_after else None, None, None,
            reset_after=reset_after,
        )  # fmt: skip
    else:
        reference.simple_rnn_forward(None, None, y, h, z, h0, k, None, None)
    np.testing.assert_allclose(h, expected[1][0], rtol=1e-12)
    np.testing.assert_allclose(y, np.swapaxes(expected[0][:, 0], 0, 1), rtol=1e-12)


OPTIONS = {
    "plain": {},
    "last": {"last": True},
    "masked": {"masked": True},
    "masked last": {"masked": True, "last": True},
    "masked zero": {"masked": True, "zero": True},
    "backwards": {"backwards": True, "masked": True},
    "dropped": {"dropped": True},
    "other functions": {"activation": "sigmoid", "recurrent_activation": "tanh"},
    "linear": {"activation": None, "recurrent_activation": "sigmoid"},
}


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize(("kind", "reset_after"), [*product(GATES, [True]), ("gru", False)])
def test_gradients(kind: str, reset_after: bool, option: str, rng: np.random.Generator):
    """dz, the initial state's gradients, and those of U and b by the saved arrays."""
    case = Recurrent(
        operation=f"{kind}_forward", n=3, t=4, u=3, reset_after=reset_after, **OPTIONS[option]
    )
    arguments = case.arguments(seeded(case), np.float64)
    saved_count = 2 if kind == "simple_rnn" else 3
    ends = [rng.standard_normal(a.shape) for a in arguments.outputs[saved_count:]]
    forward = reference.KERNELS[f"{kind}_forward"]

    def value() -> float:
        call(forward, arguments)
        found = arguments.outputs[saved_count:]
        return float(sum((r * a).sum() for r, a in zip(ends, found, strict=True)))

    value()
    saved = [a.copy() for a in arguments.outputs[:saved_count]]
    names = {"lstm": "z h0 c0 w drop mask", "gru": "z h0 w b drop mask"}
    given = dict(zip(names.get(kind, "z h0 w drop mask").split(), arguments.inputs, strict=True))
    dz, dr, dh0, dc0 = (np.full_like(given[k], np.nan) for k in ("z", "z", "h0", "h0"))
    kept = {"lstm": saved[::2], "gru": saved}.get(kind, saved[:1])
    outputs = {"lstm": [dz, dh0, dc0], "gru": [dz, dr if reset_after else None, dh0]}
    outs = outputs.get(kind, [dz, dh0])
    backward = reference.KERNELS[f"{kind}_backward"]
    backward(*outs, *ends, *kept, given["w"], given["drop"], given["mask"], **arguments.params)

    assert_gradient(dz, central_difference(value, given["z"]), "z")
    assert_gradient(dh0, central_difference(value, given["h0"]), "h0")
    if kind == "lstm":
        assert_gradient(dc0, central_difference(value, given["c0"]), "c0")
    # U's gradient: what each gate's product saw, times the gradient of its sum.
    sums = dr if kind == "gru" and reset_after else dz
    parts = []
    for k, part in enumerate(np.split(sums, GATES[kind], axis=2)):
        inner = kind == "gru" and k == 2 and not reset_after
        seen = saved[2] if inner else saved[1]
        if given["drop"] is not None and not inner:
            seen = seen * given["drop"][:, None, k]
        parts.append(np.einsum("ntk,ntu->ku", seen, part))
    assert_gradient(np.concatenate(parts, 1), central_difference(value, given["w"]), "w")
    if given.get("b") is not None:
        assert_gradient(dr.sum((0, 1)), central_difference(value, given["b"]), "b")


@pytest.mark.parametrize("kind", GATES)
def test_a_mask_at_the_end_is_a_shorter_sequence(kind: str):
    """The final state and the last output are those of the steps that count."""
    long = Recurrent(operation=f"{kind}_forward", n=2, t=5, u=4, saves=False, last=True)
    arguments = long.arguments(seeded(long), np.float64)
    arguments.inputs[-1] = np.array([[1, 1, 1, 0, 0]] * 2, np.uint8)
    masked = [a.copy() for a in call(reference.KERNELS[long.operation], arguments) if a is not None]
    arguments.inputs[0] = arguments.inputs[0][:, :3].copy()
    arguments.inputs[-1] = None
    short = [a for a in call(reference.KERNELS[long.operation], arguments) if a is not None]
    for a, b in zip(masked, short, strict=True):
        np.testing.assert_array_equal(a, b)
