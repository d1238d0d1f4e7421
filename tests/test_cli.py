"""The command line: what it prints, returns and refuses."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cnnlite
from cnnlite.datasets import fashion_mnist
from cnnlite.kernels.registry import kernel_table
from tests.processes import run_python

KEYS = [
    "network", "data", "test_accuracy", "test_loss", "epochs", "batch_size", "seconds",
    "images_per_second", "seed", "threads", "backend", "weights_sha256",
]  # fmt: skip
CHOSEN = os.environ.get("CNNLITE_BACKEND") or "native"
SERVED_NATIVELY = ("conv2d_forward", "float32", "native") in kernel_table("native")


def command(*arguments: str, timeout: float = 300, **environment: str):
    """Run `cnnlite ...` with the back end under test."""
    settings = {"CNNLITE_BACKEND": CHOSEN, **environment}
    return run_python("-m", "cnnlite", *arguments, timeout=timeout, **settings)


def test_info():
    """Versions, CPU, threads, back end, the table of operations, the data sets."""
    done = command("info")
    assert done.returncode == 0 and done.stderr == ""
    lines = done.stdout.splitlines()
    for start in ("cnnlite:", "Python:", "NumPy:", "CPU:", "SIMD level:", "threads:", "back end:"):
        assert any(line.startswith(start) for line in lines), start
    assert any(line.split() == ["cnnlite:", cnnlite.__version__] for line in lines)
    operations = {line.split()[0] for line in lines if line}
    assert {name for name, *_ in kernel_table("reference")} <= operations
    at = lines.index("data sets:")
    assert [line.split()[0] for line in lines[at + 1 :]] == ["mnist5k", "mnist", "fashion-mnist"]


def test_version_and_help():
    assert command("--version").stdout.split() == ["cnnlite", cnnlite.__version__]
    shown = command("train", "--help").stdout
    for option in (
        "--epochs", "--batch-size", "--optimizer", "--learning-rate", "--seed", "--threads",
        "--backend", "--data", "--data-dir", "--save", "--quiet", "--json",
    ):  # fmt: skip
        assert option in shown


def test_train_with_every_option(tmp_path: Path):
    """One epoch by SGD: summary, progress, accuracy, the file, and JSON in the last line."""
    path = tmp_path / "lenet.safetensors"
    done = command(
        "train", "lenet5", "--epochs", "1", "--batch-size", "50", "--optimizer", "sgd",
        "--learning-rate", "0.1", "--seed", "3", "--threads", "2", "--backend", CHOSEN,
        "--data", "mnist5k", "--save", str(path), "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Parameters: 61,706" in done.stdout and "Epoch 1/1" in done.stdout
    assert "Test accuracy" in done.stdout and f"Saved to {path}" in done.stdout
    result = json.loads(done.stdout.splitlines()[-1])
    assert list(result) == KEYS
    assert (result["network"], result["data"]) == ("lenet5", "mnist5k")
    assert (result["epochs"], result["batch_size"], result["seed"]) == (1, 50, 3)
    assert (result["threads"], result["backend"]) == (2, CHOSEN)
    assert 0.3 < result["test_accuracy"] < 1 and result["test_loss"] > 0
    assert result["seconds"] > 0
    model = cnnlite.load_model(path)
    images = result["images_per_second"] * result["seconds"]
    assert images == pytest.approx(model.optimizer.iterations * 50)
    assert type(model.optimizer).__name__ == "SGD" and model.optimizer.learning_rate == 0.1


def test_quiet_prints_one_line_and_seeds_repeat():
    """--quiet alone prints the test accuracy; with --json, JSON that a seed repeats."""
    options = ["train", "lenet5", "--epochs", "1", "--batch-size", "400", "--quiet"]
    silent = command(*options)
    assert (silent.returncode, silent.stderr) == (0, "")
    assert re.fullmatch(r"Test accuracy [\d.]+%, loss .* images per second\.\n", silent.stdout)
    found = []
    for seed in ("0", "0", "1"):
        done = command(*options, "--json", "--seed", seed)
        assert len(done.stdout.splitlines()) == 1
        result = json.loads(done.stdout)
        found.append((result["test_accuracy"], result["test_loss"]))
    assert found[0] == found[1] != found[2]


def test_a_training_that_diverges_is_still_json():
    """NaN is no JSON: it becomes null."""
    options = ["--learning-rate", "1e30", "--epochs", "1", "--batch-size", "800"]
    done = command("train", "lenet5", *options, "--quiet", "--json")
    assert done.returncode == 0

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    assert json.loads(done.stdout, parse_constant=refuse)["test_loss"] is None


@pytest.mark.parametrize(
    ("arguments", "code", "match"),
    [
        ((), 2, "COMMAND"),
        (("fly",), 2, "fly"),
        (("train",), 2, "network"),
        (("train", "vgg99"), 2, "vgg99"),
        (("train", "lenet5", "--epochs", "0"), 2, "positive integer, got '0'"),
        (("train", "lenet5", "--epochs", "-1"), 2, "epochs"),
        (("train", "lenet5", "--epochs", "1.5"), 2, "positive integer, got '1.5'"),
        (("train", "lenet5", "--batch-size", "x"), 2, "positive integer, got 'x'"),
        (("train", "lenet5", "--learning-rate", "0"), 2, "positive number, got '0'"),
        (("train", "lenet5", "--learning-rate", "nan"), 2, "positive number, got 'nan'"),
        (("train", "lenet5", "--learning-rate", "inf"), 2, "positive number, got 'inf'"),
        (("train", "lenet5", "--seed", "4294967296"), 2, "seed"),
        (("train", "lenet5", "--threads", "0"), 2, "threads"),
        (("train", "lenet5", "--threads", "99999"), 1, "threads.*99999"),
        (("train", "lenet5", "--optimizer", "lbfgs"), 2, "lbfgs"),
        (("train", "lenet5", "--data", "cifar"), 2, "cifar"),
        (("train", "lenet5", "--backend", "cobol"), 1, "cobol.*native"),
        (("train", "lenet5", "--save", "model.keras"), 1, r"\.safetensors"),
        (("train", "lenet5", "--save", "/no/such/m.safetensors"), 1, "no folder"),
        (("train", "lenet5", "--data-dir", "/tmp"), 1, "mnist5k is bundled"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_errors(arguments: tuple[str, ...], code: int, match: str):
    """An exit code, one reason on stderr, no traceback, and no training before it."""
    done = command(*arguments, timeout=60)
    assert done.returncode == code
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert re.search(match, done.stderr), done.stderr


def test_missing_data_lists_the_places(tmp_path: Path):
    """The error names every folder that was searched and how to get the data."""
    done = command(
        "train", "lenet5", "--data", "mnist", "--data-dir", str(tmp_path), CNNLITE_DATA="/nowhere"
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert str(tmp_path) in done.stderr and "train-images-idx3-ubyte" in done.stderr


def test_a_reader_that_goes_away():
    """`cnnlite info | head -1` ends without a traceback."""
    line = f"{sys.executable} -m cnnlite info | head -1"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("cnnlite:") and "Traceback" not in done.stderr


@pytest.mark.skipif(
    fashion_mnist.find() is None, reason="Fashion-MNIST is not installed on this machine"
)
@pytest.mark.skipif(
    not SERVED_NATIVELY or CHOSEN != "native",
    reason="60,000 images take minutes without native convolutions",
)
def test_fashion_mnist():
    """One epoch on the full set reaches 80% of test accuracy."""
    options = ["--data", "fashion-mnist", "--epochs", "1", "--quiet", "--json"]
    result = json.loads(command("train", "lenet5", *options).stdout)
    assert result["data"] == "fashion-mnist"
    assert result["test_accuracy"] > 0.8


def test_compare_cnns_counts_times_and_draws(tmp_path: Path):
    """One network: progress, the table, the figures as JSON, the chart."""
    pytest.importorskip("matplotlib", reason='the chart needs "cnnlite-engine[plot]"')
    path = tmp_path / "cnns.png"
    arguments = ["--only", "googlenet", "--repeats", "1", "--plot", str(path), "--json"]
    done = command("compare-cnns", *arguments)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("1/1 googlenet")
    assert any("6,998,552" in line and "1.58 G" in line for line in lines)
    (found,) = json.loads(lines[-1])
    assert found["parameters"] == 6_998_552 and found["seconds"] > 0
    assert path.read_bytes().startswith(b"\x89PNG")


def test_compare_cnns_names_what_it_does_not_know():
    """Before anything is built."""
    done = command("compare-cnns", "--only", "lenet")
    assert done.returncode == 1 and "no network 'lenet'" in done.stderr


def test_compare_cnns_needs_matplotlib_before_it_times():
    """One line that names the extra; nothing is built first."""
    script = """
import sys
from cnnlite.cli import main
sys.modules["matplotlib"] = sys.modules["matplotlib.figure"] = None  # as if not installed
sys.exit(main(["compare-cnns", "--only", "googlenet", "--plot", "out.png"]))
"""
    done = run_python("-c", script)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("cnnlite: error: --plot: needs the package matplotlib")
    assert line.endswith('pip install "cnnlite-engine[plot]"')
