"""Runs the contestants in turns, each in a process of its own.

Two OpenMP runtimes in one process disturb each other, and so do two processes that
compute at once: only one works at a time, the others wait for input.  Idle threads of a
pool spin for a while after their work; a pause after each turn lets them fall asleep.
Every library keeps its own default policy of waiting (``OMP_WAIT_POLICY`` is not set).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from bench import peers
from bench.contestants import CONTESTANTS, MACHINE, OURS, Contestant, at_level
from bench.suite import Row
from cnnlite.kernels.native import dispatch

ROOT = Path(__file__).parents[1]
LIBRARIES = "CNNLITE NUMBA OMP GOMP KMP MKL OPENBLAS NPY TORCH TORCHINDUCTOR TF XLA KERAS ORT"
SETTINGS = tuple(f"{name}_" for name in LIBRARIES.split())
ANSWER_SECONDS = 900  # a worker that takes longer is stuck; compilers may take minutes


@dataclass(frozen=True)
class Options:
    """How to measure.

    Attributes
    ----------
    rounds : int
        Turns of every contestant.
    turn, warm_up : float
        Seconds of a turn, and of running before the first.
    pause, long_pause : float
        Seconds of silence after a turn, and after that of a contestant that spins.
    peers : str, optional
        The folder of :mod:`bench.peers`' environments.
    simd : sequence of str
        cnnlite's SIMD levels; the first is compared with others, the rest with their peaks.
    backend : str, optional
        cnnlite's back end.
    beside : sequence of str
        Other back ends of cnnlite, to be shown beside it.
    """

    rounds: int = 7
    turn: float = 0.15
    warm_up: float = 0.2
    # CPU time of idle workers after a turn on two threads (Zen 4): GNU OpenMP (cnnlite,
    # PyTorch) spins for 5 to 8 ms, OpenBLAS for 95 ms.
    pause: float = 0.03
    long_pause: float = 0.13
    peers: str | None = None
    simd: Sequence[str] = ()
    backend: str | None = None
    beside: Sequence[str] = ()


class WorkerError(Exception):
    """A contestant could not do its work."""


def environment(contestant: Contestant, threads: int, options: Options) -> dict[str, str]:
    """Return a worker's environment: the user's, without settings that change speed."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(SETTINGS)}
    libraries = ("OMP", "OPENBLAS", "MKL", "NUMBA", "CNNLITE")
    kept |= {f"{library}_NUM_THREADS": str(threads) for library in libraries}
    kept["PYTHONPATH"] = str(ROOT)
    if contestant.peer is None:
        level = contestant.level or next(iter(options.simd), "")
        backend = contestant.backend or options.backend or ""
        kept |= {"CNNLITE_SIMD": level, "CNNLITE_BACKEND": backend}
    return kept | contestant.environment


class Process:
    """A worker's process, and talking to it."""

    def __init__(self, name: str, threads: int, options: Options) -> None:
        contestant = CONTESTANTS[name]
        python = peers.python(options.peers, contestant.peer) if contestant.peer else sys.executable
        assert python is not None
        self.name = name
        self._popen = subprocess.Popen(
            [python, "-m", "bench.worker", name],
            cwd=ROOT,
            env=environment(contestant, threads, options),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        """Send a request and wait for the answer.

        Raises
        ------
        WorkerError
            If it fails, dies, or does not answer.
        """
        assert self._popen.stdin is not None and self._popen.stdout is not None
        watchdog = threading.Timer(ANSWER_SECONDS, self._popen.kill)
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
            raise WorkerError(f"{self.name}: died or hung (exit code {self._popen.wait()})")
        answer = json.loads(line)
        if "error" in answer:
            raise WorkerError(f"{self.name}: {answer['error']}")
        return answer

    def is_alive(self) -> bool:
        return self._popen.poll() is None

    def close(self) -> None:
        self._popen.kill()
        self._popen.communicate()


@dataclass
class Measured:
    """One contestant's times of one row, in seconds per unit: the median of each round.

    Of the machine's limits, the least.
    """

    rounds: list[float] = field(default_factory=list)
    error: str | None = None


class Team:
    """The workers for one number of threads, started when first needed."""

    def __init__(self, threads: int, options: Options) -> None:
        self.threads, self.options = threads, options
        self._workers: dict[str, Process] = {}

    def __enter__(self) -> Team:
        return self

    def __exit__(self, *error: object) -> None:
        for worker in self._workers.values():
            worker.close()

    def worker(self, name: str) -> Process:
        found = self._workers.get(name)
        if found is None or not found.is_alive():
            found = self._workers[name] = Process(name, self.threads, self.options)
        return found

    def about(self) -> dict[str, Any]:
        """Return what each contestant that was started says of itself."""
        return {n: w.ask("about") for n, w in self._workers.items() if w.is_alive()}

    def contestants(self, row: Row) -> list[str]:
        """Return who takes part in a row, cnnlite first."""
        return [name for name in row.contestants if self._can_run(CONTESTANTS[name])]

    def _can_run(self, contestant: Contestant) -> bool:
        has_simd = contestant.needs_simd in (None, *dispatch.levels())
        is_there = contestant.peer is None or peers.python(self.options.peers, contestant.peer)
        is_wanted = contestant.level in (None, *self.options.simd[1:])
        is_wanted = is_wanted and contestant.backend in (None, *self.options.beside)
        return has_simd and bool(is_there) and is_wanted

    def pause(self, name: str) -> None:
        """Wait until a worker's threads sleep."""
        spins = CONTESTANTS[name].spins and self.threads > 1
        time.sleep(self.options.long_pause if spins else self.options.pause)

    def rate(self, kind: str, level: str | None = None) -> float:
        """Return the machine's FLOP/s or bytes/s: the best of a few turns."""
        limit = _limit_row(kind, level)
        with prepared(self, limit, [MACHINE]) as (_, measured):
            _take_turns(self, [MACHINE], measured, 3)
        return 1 / min(measured[MACHINE].rounds)


def _limit_row(kind: str, level: str | None) -> Row:
    return Row(kind, {"kind": kind, "level": level}, dict)


@contextmanager
def prepared(
    team: Team, row: Row, names: Sequence[str]
) -> Iterator[tuple[list[str], dict[str, Measured]]]:
    """Let the contestants prepare a row; yield who is ready, and where results go."""
    measured = {name: Measured() for name in names}
    options = team.options
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        np.savez(folder / "data.npz", **row.data())
        for name in names:
            work = row.work
            if CONTESTANTS[name].module == MACHINE and row.work["kind"] not in ("fma", "triad"):
                work = _limit_of(row, name, options).work
            try:
                worker = team.worker(name)
                request = {"data": str(folder / "data.npz"), "seconds": options.warm_up}
                worker.ask("prepare", work=work, **request)
            except WorkerError as error:
                measured[name].error = str(error)
            team.pause(name)
        yield [name for name in names if measured[name].error is None], measured
        for name in names:
            if measured[name].error is None:
                team.worker(name).ask("drop")


def _limit_of(row: Row, name: str, options: Options) -> Row:
    level = CONTESTANTS[name].level or next(iter(options.simd), None)
    return _limit_row("fma" if row.flops else "triad", level)


def _take_turns(
    team: Team, names: Sequence[str], measured: dict[str, Measured], rounds: int
) -> None:
    """Time everybody in every round, each round beginning with another."""
    for number in range(rounds):
        start = number % len(names)
        for name in (*names[start:], *names[:start]):
            if measured[name].error is not None:
                continue
            module = CONTESTANTS[name].module
            try:
                times = team.worker(name).ask("time", seconds=team.options.turn)["times"]
                # A limit is the best that is possible, not what is usual.
                measured[name].rounds.append(min(times) if module == MACHINE else median(times))
            except WorkerError as error:
                measured[name].error = str(error)
            team.pause(name)


def measure(team: Team, row: Row) -> dict[str, Measured]:
    """Time one row; the machine's limit takes its turns like a contestant."""
    names = team.contestants(row)
    if row.flops or row.nbytes:
        names.append(MACHINE)
    if row.flops:
        names += [at_level(MACHINE, level) for level in team.options.simd[1:]]
    with prepared(team, row, names) as (ready, measured):
        if OURS in ready:
            _take_turns(team, ready, measured, team.options.rounds)
    return measured
