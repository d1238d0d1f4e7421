"""``python -m bench peers DIR``: environments for the libraries that cnnlite is timed against.

Each is a virtual environment of its own under DIR, made with the interpreter that runs this,
so that nothing of them enters cnnlite's own.  One that is there with the versions wanted is
left alone; ``python -m bench --peers DIR`` uses those that it finds.  Which build of a version
is installed (PyTorch has some with CUDA) is for pip's configuration to say.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

VARIABLE = "CNNLITE_BENCH_PEERS"
NUMPY = "numpy==2.4.6"
REQUIREMENTS = {
    "torch": ("torch==2.13.0", NUMPY),
    "tensorflow": ("tensorflow-cpu==2.21.0", "keras==3.15.0", NUMPY),
    "onnxruntime": ("onnxruntime==1.32.0", "onnx==1.23.2", NUMPY),
}
STAMP = "installed.txt"  # written last: an installation that was cut short does not count


def python(folder: str | Path | None, peer: str) -> str | None:
    """Return the interpreter of a peer's environment, or None where it was not made."""
    if folder is None or not _is_made(Path(folder) / peer, peer):
        return None
    return str((Path(folder) / peer / "bin" / "python").absolute())


def _is_made(folder: Path, peer: str) -> bool:
    stamp = folder / STAMP
    return stamp.exists() and stamp.read_text() == "\n".join(REQUIREMENTS[peer])


def found(folder: str | Path) -> list[str]:
    """Return the peers whose environments were made there."""
    return [peer for peer in REQUIREMENTS if python(folder, peer)]


def _folder(text: str) -> str:
    if not found(text):
        raise argparse.ArgumentTypeError(
            f"no environment of these versions in {text!r}. Make them with: "
            f"python -m bench peers {text}"
        )
    return text


def add_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--peers``."""
    parser.add_argument(
        "--peers",
        type=_folder,
        default=os.environ.get(VARIABLE) or None,
        metavar="DIR",
        help=f"environments that `python -m bench peers DIR` made (default: ${VARIABLE})",
    )


def _make(folder: Path, requirements: tuple[str, ...]) -> None:
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([folder / "bin" / "python", *install, *requirements], check=True)
    (folder / STAMP).write_text("\n".join(requirements))


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench peers", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--only", choices=REQUIREMENTS, nargs="+", default=list(REQUIREMENTS))
    arguments = parser.parse_args(argv)
    failed = []
    for peer in arguments.only:
        folder, wanted = arguments.folder / peer, REQUIREMENTS[peer]
        if _is_made(folder, peer):
            print(f"{peer}: there already ({', '.join(wanted)})", flush=True)
            continue
        print(f"{peer}: installing {', '.join(wanted)} in {folder}", flush=True)
        (folder / STAMP).unlink(missing_ok=True)
        start = time.perf_counter()
        try:
            _make(folder, wanted)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"{peer}: not installed: {error}. Its rows stay empty.", file=sys.stderr)
            failed.append(peer)
        else:
            print(f"{peer}: done in {time.perf_counter() - start:.0f} s", flush=True)
    return 1 if failed else 0
