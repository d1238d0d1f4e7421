"""The ladder: right results, caught wrong ones, honest lines, figures, children that end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cnnlite import cli, visualization
from cnnlite.ladder import (
    backends,
    climb,
    command,
    driver,
    explain,
    handwritten,
    plain,
    report,
    rungs,
)
from cnnlite.ladder.job import Unavailable, check
from cnnlite.ladder.operations import OPERATIONS, parse, written
from cnnlite.ladder.results import Ladder, Result
from cnnlite.ladder.rungs import Rung
from tests.processes import HEED_CTRL_C, PATIENCE, ROOT, run_python

# Odd sizes, several images, more than one block of im2col's columns.
SHAPES = {
    "conv2d": "3x5x7x4:6",
    "matmul": "5x7x9",
    "maxpool2d": "2x5x7x3",
    "batchnorm": "2x3x5x4",
    "lstm": "3x4x5:6",
    "softmax": "7x11",
}
FAST = {"rounds": 1, "turn": 0.005}


def made(name: str):
    """Return (shape, arrays, the right result, its tolerances)."""
    operation = OPERATIONS[name]
    shape = parse(operation, SHAPES[name])
    arrays = operation.arrays(shape, np.random.default_rng(1))
    return shape, arrays, *operation.truth(shape, arrays)


def test_shapes_are_read_and_written():
    for operation in OPERATIONS.values():
        shape = parse(operation, operation.default)
        assert written(operation, shape) == operation.default
        assert parse(operation, operation.default.replace("->", " : ").upper()) == shape
        assert set(shape) == set(operation.letters)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("conv2d", "64x32x32x64", "NxHxWxC->F, that is 5 positive integers. Got '64x32x32x64'"),
        ("conv2d", "64x32x32x64-", "the shell took > for a redirection"),
        ("conv2d", "64x32x32x64:0", "positive integers"),
        ("matmul", "512x512", "for instance --shape 1024x1024x1024"),
        ("matmul", "axbxc", "Got 'axbxc'"),
        ("softmax", "-3x4", "positive integers"),
        ("softmax", "", "RxK"),
        ("maxpool2d", "1x1x8x8", "Make H at least 2"),
        ("batchnorm", "999999x999x999x9", "GiB"),
    ],
)
def test_bad_shapes_say_what_is_right(name: str, text: str, told: str):
    with pytest.raises(ValueError, match="ladder: --shape: ") as error:
        parse(OPERATIONS[name], text)
    assert told.lower() in str(error.value).lower()


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_plain_slice_equals_the_reference(name: str):
    """All of the work, and the smallest slice; plain floats err far less than may be."""
    shape, arrays, expected, tolerance = made(name)
    for seconds, whole in ((1e9, True), (0.0, False)):
        job = plain.prepare(name, shape, arrays, {"seconds": seconds})
        job.run()
        allowed = np.asarray(job.part(tolerance) if tolerance.ndim else tolerance)
        found = check(job.result(), job.part(expected), allowed)
        assert found["right"] and found["error"] < 1e-12
        assert (job.fraction == 1) == whole
        assert job.result().size == round(job.fraction * expected.size)


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("way", ["numpy", "reference", "cython", "native"])
def test_rungs_equal_the_reference(name: str, way: str):
    """Outputs begin as NaN, so that what is not written shows."""
    shape, arrays, expected, tolerance = made(name)
    try:
        if way == "numpy":
            job = handwritten.prepare(name, shape, arrays, {})
        else:
            job = backends.prepare(name, shape, arrays, {"backend": way, "threads": 1})
    except Unavailable as reason:
        assert way == "cython" and str(reason).startswith("the cython back end has no ")
        return
    assert np.isnan(job.result()).all()
    for _ in range(2):  # a second run must not depend on what the first left behind
        job.run()
        assert check(job.result(), expected, tolerance)["right"]


def test_numpy_convolves_in_blocks(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(handwritten, "COLUMN_BYTES", 2 * 5 * 7 * 9 * 4 * 4)
    shape, arrays, expected, tolerance = made("conv2d")
    job = handwritten.prepare("conv2d", shape, arrays, {})
    job.run()
    assert check(job.result(), expected, tolerance)["right"]


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_check_can_fail(name: str):
    """One number a thousandth off, one missing, the neighbour's, nothing at all."""
    _, _, expected, tolerance = made(name)
    right = expected.astype(np.float32)
    assert check(right, expected, tolerance)["right"]
    largest = np.unravel_index(np.abs(right).argmax(), right.shape)
    for value in (right[largest] * np.float32(1.001), np.nan, np.inf, 0):
        wrong = right.copy()
        wrong[largest] = value
        assert not check(wrong, expected, tolerance)["right"], value
    assert not check(np.roll(right, 1, axis=-1), expected, tolerance)["right"]
    with pytest.raises(ValueError, match="where"):
        check(right[:1], expected, tolerance)


def test_a_wrong_algorithm_is_caught():
    """A convolution without its last channel, an LSTM without its recurrence."""
    shape, arrays, expected, tolerance = made("conv2d")
    arrays["w"][:, :, -1] = 0
    job = handwritten.prepare("conv2d", shape, arrays, {})
    job.run()
    assert not check(job.result(), expected, tolerance)["right"]
    shape, arrays, expected, tolerance = made("lstm")
    arrays["u"][...] = 0
    job = handwritten.prepare("lstm", shape, arrays, {})
    job.run()
    assert not check(job.result(), expected, tolerance)["right"]


def own_rung(how: str) -> Rung:
    return Rung(how, f"a rung that is {how}", "tests.ladder_rungs", 1, "own", {"how": how})


@pytest.fixture(scope="module")
def climbed() -> Ladder:
    """A whole ladder, with three rungs of our own that must not pass."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(ROOT)
    extra = [own_rung(how) for how in ("wrong", "unavailable", "dies")]
    try:
        return climb("conv2d", "1x4x5x16:16", threads=2, extra=extra, **FAST)
    finally:
        os.environ.pop("PYTHONPATH")
        if before is not None:
            os.environ["PYTHONPATH"] = before


def test_every_rung_is_accounted_for(climbed: Ladder):
    """All rungs in order; those without a time say why; ours are caught, and only ours."""
    keys = [r.rung.key for r in climbed.rungs]
    expected = [r.key for r in rungs.rungs("conv2d", 2)]
    assert keys == [*expected, "wrong", "unavailable", "dies"]
    status = {r.rung.key: r.status for r in climbed.rungs}
    assert (status["wrong"], status["unavailable"], status["dies"]) == (
        "wrong",
        "skipped",
        "failed",
    )
    for result in climbed.rungs[:-3]:
        assert result.status in ("measured", "skipped")
        assert bool(result.reason) == (result.status == "skipped")
        assert bool(result.explanation) == (result.status == "measured")
    for key in (
        "python",
        "reference",
        "numpy",
        "cython",
        "native-baseline-1",
        "native-baseline-all",
    ):
        assert status[key] == "measured"
    assert not climbed.is_right and replace(climbed, rungs=climbed.rungs[:-3]).is_right
    text = "\n".join(report.table(climbed))
    assert "WRONG: off by" in text and "not run: there is none" in text
    assert "FAILED: its process ended (exit code 3)" in text


def test_json_tells_all(climbed: Ladder):
    document = json.loads(json.dumps(climbed.as_dict(), allow_nan=False))
    assert document["shape"] == {"N": 1, "H": 4, "W": 5, "C": 16, "F": 16}
    assert document["flops"] == 2 * 20 * 9 * 16 * 16 and document["threads"] == 2
    assert document["machine"]["cpu"] and document["versions"]["numpy"] == np.__version__
    assert {p["threads"] for p in document["peaks"]} == {1, 2}
    assert all(p["flops_per_second"] > 1e8 for p in document["peaks"])
    assert all(b["bytes_per_second"] > 1e8 for b in document["bandwidths"])
    for number, rung in enumerate(document["rungs"], 1):
        assert rung["number"] == number
        if rung["status"] != "measured":
            assert rung["seconds"] is None and rung["reason"]
            continue
        assert rung["gflops"] == pytest.approx(document["flops"] / rung["seconds"] / 1e9)
        assert rung["share"] > 0 and rung["error"] >= 0 and rung["threads"] in (1, 2)
        assert rung["extrapolated"] == (rung["fraction"] < 1)
        if rung["below"]:
            (below,) = (r for r in document["rungs"] if r["key"] == rung["below"])
            assert rung["speedup"] == pytest.approx(below["seconds"] / rung["seconds"])


def outcome(name: str, pattern: str, threads: int = 2, level: float = 1.0) -> Ladder:
    """A ladder with made-up times: each rung faster, as fast, slower than the one below."""
    operation = OPERATIONS[name]
    found = [Result(rung) for rung in rungs.rungs(name, threads)]
    factor = {"faster": 0.5, "same": 1.0, "slower": 1.5, "unsteady": 0.8}[pattern]
    seconds = 100.0
    for result in found:
        spread = (0.3, 1.0, 3.0) if pattern == "unsteady" else (0.99, 1.0, 1.01)
        result.seconds, result.rounds = seconds, [seconds * s for s in spread]
        result.error, result.of_tolerance = 1e-6, 0.01
        seconds *= factor
    found[0].fraction = 0.001
    peaks = {
        (simd, n): n * peak * 1e9
        for n in sorted({1, threads})
        for simd, peak in (("baseline", 50), ("avx2", 112), ("avx512", 112 * level))
    }
    bandwidths = {n: 20e9 + 12e9 * n for n in sorted({1, threads})}
    shape = parse(operation, operation.default)
    ladder = Ladder(operation, shape, threads, found, peaks, bandwidths, {"cpu": "A CPU"})
    ladder.versions = {"cnnlite": "0"}
    ladder.compare()
    for result in ladder.rungs:
        result.explanation = explain.explanation(ladder, result)
    return ladder


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("pattern", ["faster", "same", "slower", "unsteady"])
@pytest.mark.parametrize("level", [1.0, 1.9])
def test_lines_fit_and_claim_no_gain_that_is_not_there(name: str, pattern: str, level: float):
    ladder = outcome(name, pattern, level=level)
    assert all(len(line) <= report.WIDTH for line in report.table(ladder))
    for result in ladder.rungs:
        text = result.explanation
        assert text.endswith(".") and len(text) <= report.WIDTH - 4, text
        if result.rung.key in ("numba-all", "native-winograd-1"):
            assert ("no gain" in text) == (pattern == "same")
        if result.rung.key in ("numba-all", "numpy", "native-avx2-1", "native-winograd-1"):
            assert ("slower" in text) == (pattern == "slower")
            assert ("unsteady" in text) == (pattern == "unsteady")
    ends = {"faster": "gain", "same": "none", "slower": "loss", "unsteady": "unsure"}
    found = {explain.verdict(ladder, r) for r in ladder.rungs[1:] if r.rung.key != ALL}
    assert found == {ends[pattern]}


ALL = "native-baseline-all"  # which is compared with a rung far below it


def test_speedups_are_over_the_rung_that_is_named():
    """All threads at the lowest level are compared with one; all else with what is below."""
    ladder = outcome("softmax", "faster")
    for before, result in zip(ladder.rungs, ladder.rungs[1:], strict=False):
        if result.rung.key == "native-baseline-all":
            assert result.below == "native-baseline-1" and result.speedup == pytest.approx(8)
        else:
            assert result.below == before.rung.key and result.speedup == pytest.approx(2)
    numbers = {r.rung.key: n for n, r in enumerate(ladder.rungs, 1)}
    (line,) = (
        x for x in report.table(ladder) if x.startswith(f"{numbers['native-baseline-all']:2}")
    )
    assert f"8.00x (#{numbers['native-baseline-1']})" in line
    assert "~100 s" in "\n".join(report.table(ladder))


def test_one_thread_has_no_rungs_on_all():
    """They are listed, as what they are: the same as those on one thread."""
    skipped = [r for r in rungs.rungs("conv2d", 1) if r.skip]
    assert [r.key for r in skipped] == [
        "numba-all",
        *(f"native-{k}-all" for k in ("baseline", "avx2", "avx512", "winograd")),
    ]
    few = rungs.rungs("matmul", 2, ["baseline"])
    assert [r.skip for r in few if r.key == "native-avx2-1"] == ["this CPU cannot run AVX2"]


def test_colour_only_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch):
    ladder = outcome("matmul", "faster")
    assert "\x1b[" not in "".join(report.table(ladder))
    assert "\x1b[32m" in "".join(report.table(ladder, colour=True))
    assert "".join(report.table(ladder, unicode=False)).isascii()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert command._colour()
    monkeypatch.setenv("NO_COLOR", "1")
    assert not command._colour()


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_figure(name: str, tmp_path: Path):
    """Every rung's number is on both halves, no number on another, and a PNG comes out."""
    pytest.importorskip("matplotlib", reason='figures need: pip install "cnnlite-engine[plot]"')
    ladder = outcome(name, "same")  # all points in one place: the worst case
    figure = visualization.draw_ladder(ladder)
    figure.savefig(tmp_path / "ladder.png")
    assert (tmp_path / "ladder.png").stat().st_size > 20_000
    roof, bars = figure.axes
    numbers = {str(n) for n, _ in enumerate(ladder.rungs, 1)}
    for ax in (roof, bars):
        badges = [t for t in ax.texts if t.get_text() in numbers]
        assert {t.get_text() for t in badges} == numbers
        boxes = [t.get_bbox_patch().get_window_extent() for t in badges]
        for k, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[k + 1 :])
    assert any("GFLOP/s" in t.get_text() for t in roof.texts)
    assert any("GB/s" in t.get_text() for t in roof.texts)
    assert visualization.plot_roofline(ladder, roof) is figure


def test_the_command(tmp_path: Path):
    """One JSON document and nothing else on stdout, a figure, exit code 0."""
    pytest.importorskip("matplotlib", reason='figures need: pip install "cnnlite-engine[plot]"')
    picture = tmp_path / "softmax.png"
    done = run_python(
        "-m", "cnnlite", "ladder", "softmax", "--shape", "8x9", "--threads", "1", "--rounds", "1",
        "--json", "--plot", str(picture),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["operation"] == "softmax" and document["threads"] == 1
    assert picture.stat().st_size > 20_000 and done.stderr == f"Drawn to {picture}.\n"


def test_the_command_refuses(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """Before anything is timed: a bad shape, a folder that is not there, no matplotlib."""
    monkeypatch.setattr(driver, "_prepare", lambda *_: pytest.fail("went on"))
    for arguments, told in (
        (["--shape", "8"], "softmax takes RxK"),
        (["--plot", "no/such/folder/a.png"], "there is no folder"),
    ):
        assert cli.main(["ladder", "softmax", *arguments]) == 1
        assert told in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert cli.main(["ladder", "softmax", "--plot", "a.png"]) == 1
    assert "cnnlite-engine[plot]" in capsys.readouterr().err
    with pytest.raises(ValueError, match="no such operation"):
        climb("conv3d")


def test_a_wrong_rung_fails_the_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(driver.all_rungs, "rungs", lambda *_: [own_rung("wrong")])
    assert cli.main(["ladder", "softmax", "--shape", "8x9", "--rounds", "1"]) == 1
    assert " 1  a rung that is wrong       WRONG: off by" in capsys.readouterr().out


def test_pytorch_of_another_interpreter_needs_no_cnnlite(tmp_path: Path):
    """The child finds the package's plain files, and says what is missing, or runs."""
    found = climb("softmax", "4x5", only=["torch"], torch_python=sys.executable, **FAST)
    (result,) = found.rungs
    assert result.status in ("measured", "skipped")
    if result.status == "skipped":
        assert "--torch-python" in result.reason
    missing = str(tmp_path / "python")
    (result,) = climb("softmax", "4x5", only=["torch"], torch_python=missing, **FAST).rungs
    assert result.status == "failed" and missing in result.reason


CHILDREN = (
    HEED_CTRL_C
    + """
from cnnlite.ladder import climb
climb("matmul", "64x64x64", rounds=10_000, turn=0.05, only=["numpy", "native-baseline-1"],
      progress=lambda what, done, total: print(what, flush=True))
"""
)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_children_end_with_their_parent(how: signal.Signals):
    """Ctrl-C ends all of them, and so does the parent's sudden death."""
    psutil = pytest.importorskip("psutil", reason="needs psutil to see the children")
    parent = subprocess.Popen(
        [sys.executable, "-c", CHILDREN],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert parent.stdout is not None
    for line in parent.stdout:
        if line.startswith("timing"):
            break
    children = psutil.Process(parent.pid).children(recursive=True)
    assert len(children) >= 3
    parent.send_signal(how)
    parent.communicate(timeout=30 * PATIENCE)
    end = time.monotonic() + 10 * PATIENCE
    while any(c.is_running() and c.status() != "zombie" for c in children):
        assert time.monotonic() < end, "a child outlives its parent"
        time.sleep(0.05)
