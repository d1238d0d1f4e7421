"""The benchmark: contestants compute the right thing, and the harness reports what it measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import driver, goals, job, memory, report, results
from bench.contestants import CONTESTANTS, OURS
from bench.driver import Measured, Options, Process, Team, WorkerError, environment, prepared
from bench.products import Matmul
from bench.suite import ROWS, Row, matmul_row
from cnnlite.kernels.native import dispatch
from tests.bench_checks import SMALL_ROWS
from tests.processes import output_of, run_python

QUICK = {"rounds": 1, "turn": 0.0, "warm_up": 0.0, "pause": 0.0, "long_pause": 0.0}


def test_workers_of_other_interpreters_need_no_cnnlite():
    output_of(
        "import sys; from unittest.mock import MagicMock\n"
        "sys.modules['cnnlite'] = None\n"
        "names = 'torch torch.nn tensorflow keras onnx onnxruntime'.split()\n"
        "sys.modules.update({name: MagicMock() for name in names})\n"
        "import bench.worker, bench.contestants.torch_eager\n"
        "import bench.contestants.tensorflow_ops, bench.contestants.onnx_sessions",
        OMP_NUM_THREADS="1",
    )


@pytest.mark.parametrize(
    ("name", "flops"),
    [
        # 64 images, 28 x 28 pixels, 5 x 5 taps of 1 channel, 6 filters, 2 FLOP each
        ("conv 5x5 LeNet 1 forward", 15_052_800),
        ("conv 5x5 LeNet 1 forward+weight gradient", 2 * 15_052_800),
        # 64 images, 10 x 10 pixels, 5 x 5 taps of 6 channels, 16 filters
        ("conv 5x5 LeNet 2 forward", 30_720_000),
        ("conv 5x5 LeNet 2 forward+backward", 3 * 30_720_000),
        ("matmul 128^3", 2 * 128**3),
        # 64 sequences, 28 steps, 4 gates of 128 units from 28 features and 128 units
        ("LSTM N64 T28 F28 U128 forward", 2 * 64 * 28 * 512 * 156),
        ("LSTM N64 T28 F28 U128 forward+backward", 3 * 2 * 64 * 28 * 512 * 156),
    ],
)
def test_flops(name: str, flops: int):
    (row,) = [r for r in ROWS if r.name == name]
    assert row.flops == flops


def test_pool_bytes():
    (row,) = [r for r in ROWS if r.work["kind"] == "maxpool2d"]
    image, windows = 64 * 32 * 32 * 64, 64 * 16 * 16 * 64
    # Forward reads x, writes y and a byte of argmax; backward reads dy and argmax, writes dx.
    assert row.nbytes == 2 * (4 * image + 4 * windows + windows)


def test_names_are_unique():
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names)


def test_harness_end_to_end(tmp_path: Path):
    file, table = tmp_path / "out.json", tmp_path / "out.md"
    levels = dispatch.levels()[::-1]
    done = run_python(
        *("-m", "bench", "--quick", "--threads", "1", "2", "--only", r"matmul (64|128)\^3"),
        *("--json", str(file), "--markdown", str(table), "--simd", *levels),
        CNNLITE_BENCH_PEERS="",
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(file.read_text())
    assert found["format"] == 1
    assert found["options"]["peers"] is None
    for limits in found["machine"]["limits"].values():
        assert limits["triad"] > 1e6 and min(limits["fma"].values()) > 1e6
    rows = [(r["row"], r["threads"]) for r in found["rows"]]
    names = ("matmul 128^3", "matmul 64^3 eager call")
    assert sorted(rows) == [(name, n) for name in names for n in (1, 2)]
    for result in found["rows"]:
        peers = set(result["contestants"])
        assert {OURS, "numpy"} <= peers <= {OURS, "numpy", "numpy-skylakex"}
        for times in result["contestants"].values():
            assert len(times["rounds"]) == 2 and times["seconds"] > 0 and times["spread"] >= 0
        assert result["contestants"][OURS]["ratio"] == 1
        assert result["rate"] > 0 and result["limit"] > 0 and result["of_limit"] > 0
        assert result["best_peer"] in peers - {OURS}
        assert list(result["variants"]) == [f"cnnlite-{x}" for x in reversed(levels[1:])]
        assert all(times["of_limit"] > 0 for times in result["variants"].values())
        (goal,) = result["goals"]
        assert goal["met"] in (True, False)
        assert result["row"] in done.stdout
        assert f"| {result['row']} | {result['threads']} |" in table.read_text()
    assert found["contestants"]["2"][OURS]["threads"].startswith("2 ")
    ran = [found["contestants"]["1"][n]["level"] for n in (OURS, *reversed(result["variants"]))]
    assert ran == levels


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--only", "no such row"), "no row matches 'no such row'. --list shows their names."),
        (("--only", "("), "no regular expression"),
        (("--rounds", "0"), "--rounds must be at least 1. Got 0."),
        (("--threads", "0"), "not a number of threads"),
        (("--simd", "sse9"), "invalid choice: 'sse9'"),
        (("--peers", "nowhere"), "no environment of these versions in 'nowhere'. Make them with: "),
    ],
)
def test_bad_arguments_are_errors(arguments: tuple[str, ...], message: str, tmp_path: Path):
    file = tmp_path / "out.json"
    done = run_python("-m", "bench", "--json", str(file), *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert not file.exists()


def test_list_names_every_row():
    listed = output_of("from bench.__main__ import main; main(['--list'])").splitlines()
    assert [line.rsplit(": ", 1)[0] for line in listed] == [row.name for row in ROWS]


def test_memory_is_the_peak_beyond_the_import():
    """A product of 4 MiB by 4 MiB: two operands and the result at least, and no library."""
    row = matmul_row(Matmul(name="square", m=1024, n=1024, k=1024))
    found = memory.peak(row, "numpy", 1, Options(**QUICK))
    assert 12 << 20 < found < 100 << 20


def test_a_failed_request_leaves_the_worker_alive():
    worker = Process("numpy", 1, Options(**QUICK))
    try:
        with pytest.raises(WorkerError, match="numpy: FileNotFoundError"):
            worker.ask("prepare", work={}, data="no-such-file.npz", seconds=0)
        assert worker.ask("about")["numpy"] == np.__version__
    finally:
        worker.close()


def test_a_worker_that_hangs_is_killed_and_started_anew(monkeypatch: pytest.MonkeyPatch):
    row, _ = SMALL_ROWS[0]
    with Team(1, Options(**QUICK)) as team, prepared(team, row, ["numpy"]) as (_, measured):
        monkeypatch.setattr(driver, "ANSWER_SECONDS", 0.1)
        with pytest.raises(WorkerError, match=r"numpy: died or hung \(exit code -9\)"):
            team.worker("numpy").ask("time", seconds=60)
        monkeypatch.undo()
        measured["numpy"].error = "hung"
        assert team.worker("numpy").ask("about")["numpy"] == np.__version__


def test_environment_is_free_of_the_users_settings(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    monkeypatch.setenv("CNNLITE_POISON", "1")
    found = environment(CONTESTANTS["numpy"], 3, Options(simd=("avx2",)))
    assert "OMP_WAIT_POLICY" not in found and "CNNLITE_POISON" not in found
    assert found["OMP_NUM_THREADS"] == found["OPENBLAS_NUM_THREADS"] == "3"
    assert found["CNNLITE_SIMD"] == "avx2"


def _clock(seconds: float, units: float = 1) -> job.Job:
    return job.Job(lambda: seconds, units=units, has_own_clock=True)


def test_a_sample_is_long_enough_to_time():
    assert job.warm_up(_clock(1.0), 0) == 1
    assert job.warm_up(_clock(job.SAMPLE_SECONDS / 3), 0) == 4


def test_the_fastest_way_is_taken_by_its_best_run_after_the_first():
    compiled = iter([9.0, 0.03, 0.01, 0.02])  # slow once, and then the faster
    quick = job.Job(lambda: next(compiled), has_own_clock=True)
    assert job.fastest([_clock(0.015), quick]) is quick
    assert job.fastest([quick]) is quick
    assert next(compiled, None) is None


def test_times_are_per_unit():
    assert job.turn(_clock(1.0, units=4), 2, 0.0) == [0.25]


def test_spread_is_the_quartiles_distance():
    assert results.spread([1.0, 2.0, 3.0, 4.0, 5.0]) == (4 - 2) / 3
    assert results.spread([7.0]) == 0


def test_ratio_is_taken_round_by_round():
    """A machine that is ten times slower in one round changes no ratio."""
    assert results.paired([2.0, 20.0, 2.0], [1.0, 10.0, 1.0]) == 2


def _row(**fields: Any) -> Row:
    return Row("some row", {"kind": "matmul"}, dict, **fields)


def test_summary_of_rates_and_goals():
    measured = {
        OURS: Measured([2.0, 4.0, 3.0]),
        "numpy": Measured([6.0, 12.0, 9.0]),
        "torch": Measured(error="torch: broke"),
        "machine": Measured([0.25, 0.5, 0.25]),
    }
    row = _row(flops=6, goals=[goals.peak(0.4), goals.numpy(4), goals.best_peer(1)])
    found = results.summary(row, 1, measured)
    assert found["rate"] == 2 and found["limit"] == 4 and found["of_limit"] == 0.5
    assert found["contestants"]["numpy"]["ratio"] == 3
    assert found["contestants"]["torch"] == {"error": "torch: broke"}
    assert [goal["met"] for goal in found["goals"]] == [True, False, None]
    assert report.cells(found)[3:5] == ["0.00 GFLOP/s 50%", "numpy 3.00x"]


def test_other_levels_are_shown_with_their_own_peaks():
    measured = {
        OURS: Measured([2.0]),
        "cnnlite-baseline": Measured([3.0]),
        "machine": Measured([0.25e-9]),  # seconds per FLOP
        "machine-baseline": Measured([0.4e-9]),
    }
    found = results.summary(_row(flops=6e9, goals=[goals.best_peer(1)]), 1, measured)
    assert found["of_limit"] == pytest.approx(3 / 4) and found["best_peer"] is None
    assert found["variants"]["cnnlite-baseline"]["of_limit"] == pytest.approx(2 / 2.5)
    assert "cnnlite-baseline 3.00 s ±0% 2.00 GFLOP/s 80%" in report.lines(found)


def test_other_back_ends_are_shown_but_are_no_peers():
    measured = {
        OURS: Measured([2.0]),
        "cnnlite-numba": Measured([3.0]),
        "cnnlite-cython": Measured(error="cnnlite-cython: lacks it"),
        "machine": Measured([0.25e-9]),
    }
    found = results.summary(_row(flops=6e9, goals=[goals.best_peer(1)]), 1, measured)
    assert found["best_peer"] is None and list(found["contestants"]) == [OURS]
    assert found["variants"]["cnnlite-numba"]["of_limit"] == pytest.approx(2 / 4)
    shown = "cnnlite-numba 3.00 s ±0% 2.00 GFLOP/s 50% 1.50x | cnnlite-cython failed"
    assert shown in report.lines(found)


def test_scaling_is_the_time_of_fewest_threads_over_the_others():
    def row(name: str, threads: int, seconds: float, images: int = 64) -> dict[str, Any]:
        times = {"contestants": {OURS: {"seconds": seconds}}}
        return {"row": name, "threads": threads, "images": images} | times

    rows = [row("train", 1, 3.0), row("matmul", 1, 3.0, 0), row("one", 1, 1.0)]
    rows += [row("train", 2, 2.0), row("matmul", 2, 1.0, 0)]
    assert report.scaling(rows) == ["train: 2 threads are 1.50x as fast as 1"]


def test_summary_of_a_row_that_cnnlite_fails():
    found = results.summary(_row(), 1, {OURS: Measured(error="cnnlite: broke")})
    assert report.cells(found)[2:4] == ["failed", "cnnlite: broke"]
    json.dumps(found)


def test_best_peer_is_not_beaten_while_one_is_absent():
    best = goals.best_peer(1.5)
    assert best.is_met(goals.Outcome(1.0, {"numpy": 9.0}, absent=["torch"])) is None
    assert best.is_met(goals.Outcome(1.0, {"numpy": 1.2}, absent=["torch"])) is False
    assert best.is_met(goals.Outcome(1.0, {"numpy": 9.0, "torch": 1.2})) is False
    assert best.is_met(goals.Outcome(1.0, {"numpy": 1.6, "torch-nhwc": 2.0})) is True
    assert best.is_met(goals.Outcome(1.0, {})) is None


def test_hand_written_numpy_is_the_faster_of_two():
    goal = goals.hand_written(5)
    assert goal.measure(goals.Outcome(1.0, {"numpy": 9.0, "numpy-best": 6.0, "torch": 1.0})) == 6
    assert goal.is_met(goals.Outcome(1.0, {"torch": 9.0})) is None


def test_time_goal_is_an_upper_bound():
    assert goals.time(1e-3, "1 ms").is_met(goals.Outcome(0.9e-3, {}))
    assert not goals.time(1e-3, "1 ms").is_met(goals.Outcome(1.1e-3, {}))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2.5, "2.50 s"), (0.0123, "12.3 ms"), (99.96e-6, "100 us"), (4.2e-8, "42.0 ns")],
)
def test_times_are_readable(seconds: float, text: str):
    assert report.time(seconds) == text
