"""``python -m bench``: time cnnlite against its peers; see ``--help``.

``python -m bench peers`` installs PyTorch, TensorFlow and onnxruntime to be timed against
(:mod:`bench.peers`), ``python -m bench sweep`` looks at random shapes instead
(:mod:`bench.sweep`), ``python -m bench ulps`` at the errors of elementary functions
(:mod:`bench.ulps`), ``python -m bench memory`` at a training step's peak
(:mod:`bench.memory`), ``python -m bench points`` at those of Winograd's convolution
(:mod:`bench.points`), ``python -m bench spills`` at the machine code (:mod:`bench.spills`).
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import memory, peers, points, report, spills, sweep, ulps
from bench.contestants import BESIDE
from bench.driver import Options, Team, measure
from bench.results import summary
from bench.suite import ROWS, Row
from cnnlite.config import checked_thread_count, cpu_limits
from cnnlite.kernels.native import dispatch
from cnnlite.kernels.registry import BACKENDS

FORMAT = 1  # of the JSON file
OTHERS = {
    "sweep": sweep.main,
    "ulps": ulps.main,
    "points": points.main,
    "peers": peers.main,
    "memory": memory.main,
    "spills": spills.main,
}
QUICK = {"rounds": 2, "turn": 0.01, "warm_up": 0.01, "pause": 0.0, "long_pause": 0.0}


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    cpus = min(cpu_limits().values())
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Time cnnlite against NumPy and its peers, in alternation, each contestant "
        "in a process of its own.",
        epilog=f"{report.EXPLANATION} `python -m bench sweep` looks for slow shapes instead, "
        "`ulps` and `points` for errors, `memory` at a training step's peak, "
        "`spills` at the machine code; `peers` makes the environments for --peers.",
    )
    add = parser.add_argument
    add("--threads", type=_threads, nargs="+", default=sorted({1, cpus}), metavar="N")
    add("--only", type=_pattern, metavar="REGEX", help="rows whose name matches (re.search)")
    add("--list", action="store_true", help="print the rows and their goals, and stop")
    add("--rounds", type=int, help=f"turns of every contestant (default {Options.rounds})")
    add("--quick", action="store_true", help="few and short turns: shows that it works, no more")
    add(
        "--simd",
        choices=dispatch.levels(),
        nargs="+",
        default=[],
        help="cnnlite's SIMD level, also the peak's; of several, the first is compared with "
        "the peers, the others are shown with the share of their own peaks",
    )
    add("--backend", choices=BACKENDS, help="cnnlite's back end")
    add("--beside", choices=BESIDE, nargs="+", default=[], help="show these back ends too")
    peers.add_option(parser)
    add("--json", type=Path, default=Path("bench-results.json"), metavar="FILE")
    add("--markdown", type=Path, metavar="FILE", help="also write the table as Markdown")
    arguments = parser.parse_args(argv)
    arguments.rows = [r for r in ROWS if not arguments.only or arguments.only.search(r.name)]
    if not arguments.rows:
        parser.error(f"no row matches {arguments.only.pattern!r}. --list shows their names.")
    if arguments.rounds is not None and arguments.rounds < 1:
        parser.error(f"--rounds must be at least 1. Got {arguments.rounds}.")
    return arguments


def _threads(text: str) -> int:
    try:
        return checked_thread_count(text, "--threads")
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"no regular expression: {error}") from None


def _options(arguments: argparse.Namespace) -> Options:
    settings: dict[str, Any] = dict(QUICK) if arguments.quick else {}
    if arguments.rounds is not None:
        settings["rounds"] = arguments.rounds
    return Options(
        peers=arguments.peers,
        simd=arguments.simd,
        backend=arguments.backend,
        beside=arguments.beside,
        **settings,
    )


def cpu_name() -> str:
    """Return the CPU's name where the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _limits(team: Team) -> dict[str, Any]:
    fma = {level: team.rate("fma", level) for level in dispatch.levels()}
    return {"fma": fma, "triad": team.rate("triad")}


def new_report(options: Options) -> dict[str, Any]:
    """Return a report without rows."""
    return {
        "format": FORMAT,
        "when": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "machine": {"cpu": cpu_name(), "cpus": min(cpu_limits().values()), "limits": {}},
        "options": asdict(options),
        "contestants": {},
        "rows": [],
    }


def run(rows: list[Row], threads: list[int], options: Options, found: dict[str, Any]) -> None:
    """Measure the rows, print each as it is done, and add it to the report."""
    machine = found["machine"]
    for n in threads:
        with Team(n, options) as team:
            machine["limits"][str(n)] = _limits(team)
            print(report.limits(machine)[-1], report.heading(), sep="\n", flush=True)
            for row in rows:
                if row.uses_threads or n == threads[0]:
                    result = summary(row, n, measure(team, row))
                    found["rows"].append(result)
                    print(report.lines(result), flush=True)
            found["contestants"][str(n)] = team.about()
    for line in report.scaling(found["rows"]):
        print(line)


def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] and argv[0] in OTHERS:
        return OTHERS[argv[0]](argv[1:])
    arguments = _arguments(argv)
    if arguments.list:
        for row in arguments.rows:
            print(f"{row.name}: {', '.join(goal.text for goal in row.goals) or 'no goal'}")
        return 0
    options = _options(arguments)
    found = new_report(options)
    try:
        run(arguments.rows, arguments.threads, options, found)
    finally:  # a run that is interrupted keeps what it has
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")
        if arguments.markdown:
            arguments.markdown.write_text(report.markdown(found))
    failed = [(r["row"], r["error"]) for r in found["rows"] if "error" in r]
    for name, error in failed:
        print(f"{name}: {error}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
