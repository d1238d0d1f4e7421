"""``python -m bench memory``: the resident memory that training the 32x32 CNN takes at its peak.

Each contestant trains in a fresh process.  Its peak, less what was resident after the import
of its library, holds data, weights, activations, gradients and workspace.
"""

from __future__ import annotations

import argparse
import os

from bench import peers
from bench.contestants import OURS
from bench.driver import Options, Team, WorkerError, prepared
from bench.suite import ROWS, Row

ROW = "train CNN 64-128-256 BN N64 SGD"
EAGER = ("torch", "torch-nhwc")
GOAL = 0.5  # of the more sparing of PyTorch's two


def peak(row: Row, name: str, threads: int, options: Options) -> int:
    """Return the bytes that some epochs of a training row took; WorkerError if they failed."""
    with Team(threads, options) as team, prepared(team, row, [name]) as (ready, measured):
        if not ready:
            raise WorkerError(measured[name].error)
        return team.worker(name).ask("memory")["bytes"]


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench memory", description=__doc__)
    peers.add_option(parser)
    parser.add_argument("--threads", type=int, default=os.cpu_count(), metavar="N")
    arguments = parser.parse_args(argv)
    (row,) = (r for r in ROWS if r.name == ROW)
    options = Options(peers=arguments.peers, warm_up=0.0)
    has_torch = peers.python(arguments.peers, "torch") is not None
    print(f"{row.name}, {arguments.threads} thread(s): peak less what the import left")
    found = {}
    for name in (OURS, *(EAGER if has_torch else ())):
        found[name] = peak(row, name, arguments.threads, options)
        print(f"{name:12}{found[name] / 2**20:8.1f} MiB", flush=True)
    if has_torch:
        share = found[OURS] / min(found[name] for name in EAGER)
        met = "yes" if share <= GOAL else "NO"
        print(f"cnnlite takes {share:.0%} of PyTorch's; at most {GOAL:.0%}: {met}")
    return 0
