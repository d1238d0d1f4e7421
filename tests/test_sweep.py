"""``python -m bench sweep``: random shapes, their rates, the worst of them, a figure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import __main__ as bench
from bench import sweep
from bench.products import Matmul
from bench.windows import Conv2d
from cnnlite.kernels.native import dispatch


def test_shapes_are_the_seeds_and_within_limits():
    first, again, other = (list(sweep.shapes(40, seed)) for seed in (0, 0, 1))
    assert first == again != other and len(first) == 40
    assert all(sweep.LEAST_FLOPS <= case.flops() <= sweep.MOST_FLOPS for case in first)
    assert {type(case) for case in first} == {Matmul, Conv2d}
    assert len({sweep.kind(case) for case in first}) >= 4


def test_describes_a_shape():
    assert sweep.describe(Matmul(m=2, n=3, k=4)) == "matmul 2 x 4 x 3"
    case = Conv2d(operation="conv2d_backward_weight", n=1, size=(5, 5), c=3, f=7, kernel=(3, 3),
                  strides=(2, 2))  # fmt: skip
    assert sweep.describe(case) == "conv 3x3 stride 2 N1 5x5 3->7 backward weight"


@pytest.mark.parametrize("level", dispatch.levels())
def test_probing_the_peak_leaves_the_level(level: str):
    dispatch.set_level(level)
    assert sweep.peak() > 0
    assert dispatch.level() == level


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    figure, file = tmp_path / "sweep.png", tmp_path / "sweep.json"
    options = ["--shapes", "3", "--worst", "2", "--threads", "1"]
    assert bench.main(["sweep", *options, "--figure", str(figure), "--json", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    worst = lines.index("The worst 2:")
    points = json.loads(file.read_text())
    shares = [p["rate"] / p["peak"] for p in points]
    assert len(points) == 3 and shares == sorted(shares) and min(shares) > 0
    for point, line in zip(points, lines[worst + 1 : worst + 3], strict=False):
        assert line.startswith(point["case"])
    assert figure.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("wrong", [["--shapes", "0"], ["--threads", "0"], ["--worst", "0"]])
def test_wrong_arguments(wrong: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        bench.main(["sweep", *wrong])
    assert wrong[0] in capsys.readouterr().err
