"""Measures a ladder: children of their own for every kind of rung, all taking turns.

Two OpenMP runtimes in one process disturb each other, and so do two processes that compute
at once: one computes, the others wait for input.  The idle threads of a pool spin for a while
after their work; a pause after each turn lets them fall asleep.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import cnnlite
from cnnlite.config_report import cpu_name
from cnnlite.kernels import threads as thread_settings
from cnnlite.kernels.native import dispatch  # type: ignore[attr-defined]
from cnnlite.ladder import explain, worker
from cnnlite.ladder import rungs as all_rungs
from cnnlite.ladder.operations import OPERATIONS, Operation, parse
from cnnlite.ladder.results import Ladder, Result
from cnnlite.ladder.rungs import Rung

__all__ = ["climb"]

ANSWER_SECONDS = 900  # a child that takes longer is stuck; compilers may take minutes
# What is set for other programs must not change what is measured here.
LIBRARIES = "CNNLITE OMP GOMP KMP MKL OPENBLAS BLIS VECLIB NPY TORCH"
SETTINGS = tuple(f"{name}_" for name in LIBRARIES.split())
COUNTS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS", "CNNLITE_NUM_THREADS",
)  # fmt: skip

# A rung that takes long has fewer turns, and at least one.
BUDGET_SECONDS = 3.0
# CPU time of idle threads after a turn (Zen 4, 2026-11): GNU OpenMP spins for 5 to 8 ms,
# OpenBLAS for 95.
PAUSE, LONG_PAUSE = 0.02, 0.12

Progress = Callable[[str, int, int], None]  # what, how much is done, of how much


class ChildError(Exception):
    """A child could not do what it was asked."""


class UnavailableError(ChildError):
    """A rung cannot run here."""


class Child:
    """A worker's process, and talking to it."""

    def __init__(self, module: str, threads: int, python: str, folder: Path) -> None:
        self.log = (folder / f"log-{module}-{threads}.txt").open("w+")
        self._popen = subprocess.Popen(
            [python, worker.__file__, module],
            env=_environment(threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        """Send a request and wait for the answer."""
        assert self._popen.stdin is not None and self._popen.stdout is not None
        watchdog = threading.Timer(ANSWER_SECONDS, self._popen.kill)
        watchdog.daemon = True
        watchdog.start()
        try:
            self._popen.stdin.write(json.dumps({"do": do, **request}) + "\n")
            self._popen.stdin.flush()
            line = self._popen.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            watchdog.cancel()
        if not line:
            raise ChildError(f"its process ended (exit code {self._popen.wait()}){self._said()}")
        answer = json.loads(line)
        if "unavailable" in answer:
            raise UnavailableError(answer["unavailable"])
        if "failed" in answer:
            raise ChildError(answer["failed"])
        return answer

    def _said(self) -> str:
        self.log.seek(0)
        lines = self.log.read().strip().splitlines()
        return f": {lines[-1]}" if lines else ""

    def close(self) -> None:
        """End it, whatever it does."""
        self._popen.kill()
        self._popen.communicate()
        self.log.close()


def _environment(threads: int) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(SETTINGS)}
    # Strict: what a back end lacks must not be computed by the reference in its name.
    return kept | dict.fromkeys(COUNTS, str(threads)) | {"CNNLITE_STRICT": "1"}


class Children:
    """All children of a run, started when first needed, ended when it ends."""

    def __init__(self, stack: ExitStack, folder: Path, torch_python: str | None) -> None:
        self.stack, self.folder, self.torch_python = stack, folder, torch_python
        self.work: dict[str, Any] = {}
        self.started: dict[tuple[str, int], Child] = {}
        self.broken: dict[tuple[str, int], ChildError] = {}

    def of(self, rung: Rung) -> Child:
        """Return the child that runs a rung."""
        place = rung.module, rung.threads
        if place in self.broken:
            raise self.broken[place]
        if place not in self.started:
            is_other = rung.family == "torch" and self.torch_python
            python = str(self.torch_python) if is_other else sys.executable
            child = Child(*place, python, self.folder)
            self.stack.callback(child.close)
            try:
                child.ask("load", folder=str(self.folder), **self.work)
            except ChildError as error:
                self.broken[place] = error
                raise
            self.started[place] = child
        return self.started[place]

    def lose(self, rung: Rung) -> None:
        """A child that died is started anew for its next rung."""
        child = self.started.pop((rung.module, rung.threads), None)
        if child is not None:
            child.close()

    def versions(self) -> dict[str, str]:
        """Return what the children say of their libraries."""
        found: dict[str, str] = {}
        for child in self.started.values():
            told = child.ask("about")
            found |= {k: v for k, v in told.items() if k in ("numpy", "numba", "torch")} | found
        return found


def climb(
    operation: str,
    shape: str | None = None,
    *,
    threads: int | None = None,
    torch_python: str | None = None,
    rounds: int = 5,
    turn: float = 0.1,
    only: Sequence[str] | None = None,
    extra: Sequence[Rung] = (),
    progress: Progress = lambda what, done, total: None,
) -> Ladder:
    """Check and measure all rungs of one operation on one shape.

    Parameters
    ----------
    operation : str
    shape : str, optional
    threads : int, optional
        Of the rungs on all threads; default: as many as cnnlite would use.
    torch_python : str, optional
        An interpreter that has PyTorch; default: this one.
    rounds : int
        Turns of every rung; the median counts.
    turn : float
        Seconds of a turn.
    only : sequence of str, optional
        Keys of the rungs that are wanted.
    extra : sequence of Rung
        Rungs of your own, above the others.
    progress : callable
        Is told what is being done, and how much of how much is.

    Returns
    -------
    Ladder

    Raises
    ------
    ValueError
        If the operation is unknown or the shape does not fit it.

    Examples
    --------
    >>> found = climb("matmul", "8x8x8", rounds=1, turn=0.01, only=["numpy", "native-baseline-1"])
    >>> [(r.rung.label, r.speedup is None) for r in found.rungs]
    [('best hand-written NumPy', True), ('native, baseline', False)]
    """
    if operation not in OPERATIONS:
        raise ValueError(
            f"ladder: no such operation. Got {operation!r}. Choose one of {', '.join(OPERATIONS)}."
        )
    chosen = OPERATIONS[operation]
    sizes = parse(chosen, chosen.default if shape is None else shape)
    threads = threads or thread_settings.get_num_threads()
    levels = dispatch.levels()
    wanted = [
        Result(rung)
        for rung in (*all_rungs.rungs(operation, threads, levels), *extra)
        if only is None or rung.key in only or rung in extra
    ]
    ladder = Ladder(chosen, sizes, threads, wanted, machine=_machine())
    limits = [Result(probe) for probe in all_rungs.probes(levels, threads)]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cnnlite-ladder-")))
        progress("computing the right result", 0, 1)
        _write_arrays(chosen, sizes, folder)
        children = Children(stack, folder, torch_python)
        children.work = {"operation": operation, "shape": sizes}
        _prepare([*limits, *wanted], children, turn, progress)
        _take_turns([*limits, *wanted], children, rounds, turn, progress)
        ladder.versions |= children.versions()
    ladder.versions |= {"cnnlite": cnnlite.__version__, "python": platform.python_version()}
    _conclude(ladder, limits)
    return ladder


def _machine() -> dict[str, Any]:
    return {
        "cpu": cpu_name(),
        "cores": thread_settings.get_num_threads(),
        "system": f"{platform.system()} {platform.machine()}",
        "levels": dispatch.levels(),
        "cache_bytes": _largest_cache(),
        "load": os.getloadavg()[0],  # of the last minute, before the run
    }


def _largest_cache() -> int | None:
    """Return the bytes of the largest cache, as Linux tells them; None if it does not."""
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    found = []
    for file in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        try:
            text = file.read_text().strip()
            found.append(int(text[:-1]) * units[text[-1]])
        except (OSError, ValueError, KeyError, IndexError):
            continue
    return max(found, default=None)


def _write_arrays(operation: Operation, sizes: dict[str, int], folder: Path) -> None:
    """Inputs, the right result and the tolerances, for the children to read."""
    arrays = operation.arrays(sizes, np.random.default_rng(0))
    for name, array in arrays.items():
        np.save(folder / f"in-{name}.npy", array)
    expected, tolerance = operation.truth(sizes, arrays)
    np.save(folder / "expected.npy", expected)
    np.save(folder / "tolerance.npy", tolerance)


def _prepare(
    results: Sequence[Result], children: Children, turn: float, progress: Progress
) -> None:
    """Let every rung be made, checked and warmed up."""
    for done, result in enumerate(results):
        rung = result.rung
        progress(f"preparing {rung.label}", done, len(results))
        if rung.skip:
            result.status, result.reason = "skipped", rung.skip
            continue
        try:
            found = children.of(rung).ask(
                "prepare", rung=rung.key, options=rung.options, seconds=turn
            )
        except UnavailableError as error:
            result.status, result.reason = "skipped", str(error)
            continue
        except (ChildError, OSError) as error:
            result.status, result.reason = "failed", str(error)
            children.lose(rung)
            continue
        result.error, result.of_tolerance = found["error"], found["of_tolerance"]
        result.fraction = found["fraction"]
        if not found["right"]:
            result.status = "wrong"
            result.reason = f"off by {result.error:.3g}" + (
                f", {result.of_tolerance:.3g} times what rounding may cost"
                if result.of_tolerance
                else ", where no error is possible"
            )
        _pause(rung)


def _take_turns(
    results: Sequence[Result], children: Children, rounds: int, turn: float, progress: Progress
) -> None:
    """Time everybody in every round, each round beginning with another."""
    ready = [r for r in results if r.status == "measured"]
    spent = dict.fromkeys((r.rung.key for r in ready), 0.0)
    for number in range(rounds):
        start = number * len(ready) // rounds
        for done, result in enumerate((*ready[start:], *ready[:start])):
            rung = result.rung
            progress(f"timing {rung.label}", number * len(ready) + done, rounds * len(ready))
            if result.status != "measured" or spent[rung.key] > BUDGET_SECONDS:
                continue
            began = time.perf_counter()
            try:
                times = children.of(rung).ask("time", rung=rung.key, seconds=turn)["times"]
            except ChildError as error:
                result.status, result.reason = "failed", str(error)
                children.broken[rung.module, rung.threads] = error
                continue
            spent[rung.key] += time.perf_counter() - began
            # A limit is the best that is possible, not what is usual.
            result.rounds.append(min(times) if rung.family == "machine" else median(times))
            _pause(rung)
    progress("done", rounds * len(ready), rounds * len(ready))


def _pause(rung: Rung) -> None:
    """Wait until a child's threads sleep."""
    spins = rung.threads > 1 and (rung.family == "numpy" or rung.key == "reference")
    time.sleep(LONG_PAUSE if spins else PAUSE)


def _conclude(ladder: Ladder, limits: Sequence[Result]) -> None:
    """Turn times into limits, rates, speed-ups and explanations."""
    for result in limits:
        if result.status != "measured":
            raise RuntimeError(
                f"ladder: the machine's limits cannot be probed: {result.reason}. "
                "Without them no share can be told."
            )
        level, threads = result.rung.options["level"], result.rung.threads
        rate = 1 / min(result.rounds)
        if level is None:
            ladder.bandwidths[threads] = rate
        else:
            ladder.peaks[level, threads] = rate
    for result in ladder.measured():
        result.seconds = median(result.rounds)
    ladder.compare()
    for result in ladder.rungs:
        result.explanation = explain.explanation(ladder, result)
