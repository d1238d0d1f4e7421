"""Every contestant of the benchmark does the same work; peers, where their environments are.

``CNNLITE_BENCH_PEERS`` names the folder that ``python -m bench peers DIR`` filled.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import job, peers
from bench.contestants import CONTESTANTS, OURS, numpy_best, numpy_plain, numpy_streams, ours
from bench.driver import Options, Team, prepared
from bench.suite import Row, from_weights, images, points, training_row
from tests.bench_checks import SMALL_ROWS

Judge = Callable[[dict[str, np.ndarray]], None]
QUICK = {"rounds": 1, "turn": 0.0, "warm_up": 0.0, "pause": 0.0, "long_pause": 0.0}
FOLDER = os.environ.get(peers.VARIABLE) or None


def contestant(name: str):
    """The contestant as a test's parameter, skipped where its environment was not made."""
    peer = CONTESTANTS[name].peer
    missing = peer is not None and peers.python(FOLDER, peer) is None
    reason = f"${peers.VARIABLE} names no folder with {peer}: `python -m bench peers DIR` makes it"
    return pytest.param(name, marks=pytest.mark.skipif(missing, reason=reason))


PEERS = [contestant(name) for name, c in CONTESTANTS.items() if c.peer]
TRAINERS = [
    contestant(name)
    for name, c in CONTESTANTS.items()
    if not c.level and c.kinds & {"train", "predict"}
]


def check(name: str, rows: list[tuple[Row, Judge]], folder: Path) -> None:
    """Run a contestant's rows in its process, and give each row's results to its check."""
    with Team(1, Options(peers=FOLDER, **QUICK)) as team:
        for number, (row, judge) in enumerate(rows):
            if name not in team.contestants(row):
                continue
            file = folder / f"{number}.npz"
            with prepared(team, row, [name]) as (ready, measured):
                assert ready == [name], measured[name].error
                team.worker(name).ask("outputs", file=str(file))
            with np.load(file) as found:
                judge(dict(found))


IN_PROCESS = [
    pytest.param(module, row, judge, id=f"{name}-{row.name}")
    for name, module in {OURS: ours, "numpy": numpy_plain, "numpy-best": numpy_best}.items()
    for row, judge in SMALL_ROWS
    if name in row.contestants
]


@pytest.mark.parametrize(("module", "row", "judge"), IN_PROCESS)
def test_contestants_compute_what_the_reference_does(
    module: Any, row: Row, judge: Judge, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(numpy_best, "BLOCK_BYTES", 2 * 5 * 5 * 9 * 4 * 4)  # several blocks
    monkeypatch.setattr(numpy_streams, "BLOCK_FLOATS", 20)
    arrays = {name: job.aligned(a) for name, a in row.data().items()}
    made = module.prepare(json.loads(json.dumps(row.work)), arrays)
    made.run()
    made.run()  # nothing may pile up from run to run
    assert made.outputs is not None
    judge(made.outputs())


@pytest.mark.parametrize("name", PEERS)
def test_peers_compute_what_the_reference_does(name: str, tmp_path: Path):
    check(name, SMALL_ROWS, tmp_path)


def test_an_environment_counts_with_its_whole_stamp_alone(tmp_path: Path):
    """Neither an installation that was cut short nor one of other versions is used."""
    stamp = tmp_path / "torch" / peers.STAMP
    assert peers.python(tmp_path, "torch") is None
    stamp.parent.mkdir()
    stamp.write_text("torch==0.1")
    assert peers.python(tmp_path, "torch") is None
    stamp.write_text("\n".join(peers.REQUIREMENTS["torch"]))
    assert peers.python(tmp_path, "torch") == str(tmp_path / "torch" / "bin" / "python")
    assert peers.found(tmp_path) == ["torch"] and peers.found(tmp_path / "other") == []


def test_peers_that_cannot_be_installed_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setitem(peers.REQUIREMENTS, "torch", ("no such requirement",))
    assert peers.main([str(tmp_path), "--only", "torch"]) == 1
    assert "torch: not installed: " in capsys.readouterr().err
    assert peers.python(tmp_path, "torch") is None


TRAINING = {
    "lenet5": images(8, (28, 28, 1)),
    "mlp": images(8, (784,)),
    "cnn": images(8, (28, 28, 1)),
    "cnn_bn": images(8, (32, 32, 3)),
    "lstm": images(8, (28, 28)),
    "toy": points(8),
}
PREDICTION = Row(
    "predict",
    {"kind": "predict", "network": "lenet5", "batch": 1},
    from_weights("lenet5", images(1, (28, 28, 1))),
)


def check_step(row: Row, found: dict[str, np.ndarray]) -> None:
    """Compare with cnnlite's outputs, before and after a step from the same weights."""
    made = ours.prepare(row.work, row.data())
    expected = made.outputs()
    before, after = (found[name] - expected[name] for name in ("before", "after"))
    # Probabilities, or a sigmoid's values: at most 1, with some tens of roundings of 6e-8.
    assert np.abs(before).max() < 2e-6
    if row.work["network"] == "cnn":
        return  # each library drops others out
    # Adam's first step moves each weight by the rate, however small its gradient is above
    # epsilon: PyTorch's is a tenth of Keras's, and its LSTM has a second bias, which moves too.
    bound = 2e-3 if row.work["network"] in ("mlp", "lstm") else 2e-6
    assert np.abs(expected["after"] - expected["before"]).max() > 2 * bound
    assert np.abs(after).max() < bound


def check_prediction(found: dict[str, np.ndarray]) -> None:
    expected = ours.prepare(PREDICTION.work, PREDICTION.data()).outputs()
    np.testing.assert_allclose(found["y"], expected["y"], atol=2e-6)  # as "before" above


@pytest.mark.parametrize("name", TRAINERS)
def test_contestants_train_the_same_network(name: str, tmp_path: Path):
    rows = [training_row(n, n, 8, data, 1) for n, data in TRAINING.items()]
    judged = [(row, lambda y, r=row: check_step(r, y)) for row in rows]
    check(name, [*judged, (PREDICTION, check_prediction)], tmp_path)
