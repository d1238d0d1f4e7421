"""``cnnlite ladder``: its arguments, and what it prints."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cnnlite.ladder.operations import OPERATIONS
from cnnlite.optional import require

__all__ = ["add_parser"]

DESCRIPTION = """\
Run one operation on one shape in many ways, from plain Python loops to SIMD on all cores. Every
way is checked against the reference first. Printed are time, GFLOP/s, the share of what this
machine was measured to be capable of, the speed-up over the rung below, and why."""


def _shapes() -> str:
    """The shapes that --shape takes, for the help."""
    lines = ["shapes (: may stand for ->, which a shell must not see unquoted):"]
    for operation in OPERATIONS.values():
        default = operation.default.replace("->", ":")
        lines.append(f"  {operation.name:10} {operation.pattern:12} default {default}")
    return "\n".join(lines)


def add_parser(commands: Any, positive: Callable[[str], int]) -> None:
    """Add the command to the others.

    Parameters
    ----------
    commands : argparse's subparsers
    positive : callable
        Reads a positive integer.

    Examples
    --------
    >>> import argparse
    >>> parser = argparse.ArgumentParser()
    >>> add_parser(parser.add_subparsers(), int)
    >>> parser.parse_args(["ladder", "conv2d", "--shape", "1x8x8x3:16"]).shape
    '1x8x8x3:16'
    """
    parser = commands.add_parser(
        "ladder",
        help="time one operation from plain Python loops up to SIMD on all cores, and say why",
        description=DESCRIPTION,
        epilog=_shapes(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("operation", choices=tuple(OPERATIONS), help="the operation")
    parser.add_argument("--shape", help='for instance 64x32x32x64:64 or "64x32x32x64->64"')
    parser.add_argument("--threads", type=positive, help="of all threads; see `cnnlite info`")
    parser.add_argument("--rounds", type=positive, default=5, help="turns of each; default: 5")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the roofline there")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    parser.add_argument(
        "--torch-python", metavar="PATH", help="an interpreter with PyTorch; default: this one"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure, print, draw; return 1 if a rung was wrong or failed."""
    from cnnlite.ladder import report
    from cnnlite.ladder.driver import climb

    plot = arguments.plot
    if plot is not None:  # fail before the timings, not after them
        if not plot.parent.is_dir():
            raise FileNotFoundError(f"--plot: there is no folder {str(plot.parent)!r}.")
        require("matplotlib.figure", "plot", "--plot")
    with _Progress(quiet=arguments.json) as progress:
        ladder = climb(
            arguments.operation,
            arguments.shape,
            threads=arguments.threads,
            torch_python=arguments.torch_python,
            rounds=arguments.rounds,
            progress=progress,
        )
    if arguments.json:
        print(json.dumps(ladder.as_dict(), indent=2, allow_nan=False))
    else:
        print("\n".join(report.table(ladder, colour=_colour(), unicode=_unicode())))
    if plot is not None:
        from cnnlite.visualization import draw_ladder

        draw_ladder(ladder).savefig(plot, dpi=130)
        print(f"Drawn to {plot}.", file=sys.stderr)
    return 0 if ladder.is_right else 1


def _colour() -> bool:
    """On a terminal, unless the user wants none (https://no-color.org)."""
    is_dumb = os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and not is_dumb


def _unicode() -> bool:
    return (getattr(sys.stdout, "encoding", None) or "").lower().startswith("utf")


class _Progress:
    """A bar on stderr, if that is a terminal; gone when all is done."""

    def __init__(self, quiet: bool) -> None:
        from tqdm import tqdm

        form = "{desc:44.44} {bar} {percentage:3.0f}%"
        hidden = True if quiet else None  # None: where stderr is no terminal
        self.bar = tqdm(total=1, leave=False, disable=hidden, bar_format=form, file=sys.stderr)

    def __enter__(self) -> Callable[[str, int, int], None]:
        return self.show

    def __exit__(self, *error: object) -> None:
        self.bar.close()

    def show(self, what: str, done: int, total: int) -> None:
        if not self.bar.disable:
            self.bar.total, self.bar.n = total, done
            self.bar.set_description_str(what)
