"""``python -m bench spills``: what the hot loops of csrc move between registers and the stack.

It disassembles the built library.  A loop is what stands between a jump backwards and its target;
of a function's loops, the shortest of those with the most products counts.  A spill is an
instruction that moves a vector to or from a fixed place on the stack: a sum for which there was
no register, an array that is meant to lie there, a constant put there before the loop.
"""

from __future__ import annotations

import argparse
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cnnlite.kernels.native import dispatch

Code = list[tuple[int, str]]  # addresses and instructions


@dataclass(frozen=True)
class InstructionSet:
    """Patterns for what GNU's objdump prints."""

    name: str
    jump: str  # group 1 is its target
    fma: str
    multiply: str
    add: str
    frame: str  # from here on a second register points at the stack
    stack: tuple[str, str]  # an operand there: without that register, and with it
    register: str  # for floats and vectors
    store: str


# By the number that an ELF file's header has for them.
SETS = {
    62: InstructionSet(
        name="x86_64",
        jump=r"j\w+ ([0-9a-f]+) <",
        fma=r"vfn?m(add|sub)\w+ps",
        multiply=r"v?mulps",
        add=r"v?(add|sub)ps",
        frame="mov %rsp,%rbp",
        stack=(r"\(%rsp\)", r"\(%r[sb]p\)"),
        register=r"%[xyz]mm\d",
        store=r".*\)$",
    ),
    183: InstructionSet(
        name="aarch64",
        jump=r"(?:b|b\.\w+|cbn?z|tbn?z) (?:[^<]*, )?([0-9a-f]+) <",
        fma=r"fml[as] v",
        multiply=r"fmul v",
        add=r"f(add|sub) v",
        frame="mov x29, sp",
        stack=(r"\[sp\b", r"\[(sp|x29)\b"),
        register=r"\b[qds]\d",
        store="st",
    ),
}

# The table's rows, and the functions that they stand for: a kernel without cnn_ and its level, or
# a local function after the kernel that follows it in its file.
BODIES = {
    "tile, 1 vector wide": r"vf_tile_\d+x1",
    "tile, 2 vectors": r"vf_tile_\d+x2",
    "tile, 3 vectors": r"vf_tile_\d+x3",
    "tile, 4 vectors": r"vf_tile_\d+x4",
    "tile, masked": r"vf_masked_\d+",
    "tile, half a vector": r"vh_(tile|masked)_.*",
    "to seven filters": r"planes",
    "from few channels, adding up": r"scatter",
    "Winograd, pixels": r"winograd_weights/transform_patch",
    "Winograd, filters": r"winograd_weights",
    "Winograd, outputs": r"winograd_weights/write_patch|winograd",
    "Winograd, output gradients": r"winograd_weights/transform_dy",
    "Winograd, filter gradients": r"winograd_gradient",
    "depthwise": r"depthwise\w*/(sliding|vector)_sums",
    "depthwise, filter gradients": r"depthwise\w*/vector_slopes",
    "LSTM, gates": r"lstm_forward/usual_gates",
    "LSTM, gates backward": r"lstm_forward/usual_gradients",
    "GRU, gates": r"gru_forward/usual_gates",
    "GRU, gates backward": r"gru_forward/gates_back",
    "simple RNN": r"simple_rnn_forward",
    "simple RNN, backward": r"simple_rnn_backward",
    "probe of the FMA peak": r"probe_fma",
}
# Which loop of a function that has one for each size.
PRODUCTS = {"to seven filters": 14}


class Loop:
    """The instructions of a loop; `framed`: the function set the frame register."""

    def __init__(self, lines: list[str], of: InstructionSet, framed: bool = False):
        def count(pattern: str, among: list[str]) -> int:
            return sum(re.match(pattern, text) is not None for text in among)

        self.lines = lines
        on_stack = [t for t in lines if re.search(of.stack[framed], t)]
        self.spills = [t for t in on_stack if re.search(of.register, t)]
        self.stores = count(of.store, self.spills)
        self.fmas = count(of.fma, lines)
        self.products = self.fmas + count(of.multiply, lines)
        self.unfused = self.products - self.fmas + count(of.add, lines)


def instruction_set(library: Path) -> InstructionSet:
    """Return the instruction set of a library.

    Raises
    ------
    LookupError
        If it is none that is known here.
    """
    header = library.read_bytes()[:20]
    found = SETS.get(int.from_bytes(header[18:20], "little"))
    if header[:4] != b"\x7fELF" or found is None:
        names = " or ".join(known.name for known in SETS.values())
        raise LookupError(f"{library} is no ELF file of {names}.")
    return found


def disassembly(library: Path, of: InstructionSet) -> dict[str, Code]:
    """Return the functions of csrc by level and name, as in ``"avx2 matmul"``.

    Raises
    ------
    LookupError
        If there is no objdump, or if the library has no symbols.
    """
    machine = f"{of.name}-linux-gnu"
    names = [f"{machine}-objdump", *(["objdump"] if of.name == platform.machine() else [])]
    objdump = next(filter(None, map(shutil.which, names)), None)
    if objdump is None:
        package = f"binutils-{machine.replace('_', '-')}"
        raise LookupError(f"{names[-1]} is not installed (Debian: apt install {package}).")
    command = [objdump, "-d", "--no-show-raw-insn", str(library)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found, level, kernel = {}, "", ""
    for name, body in reversed(re.findall(r" <([^>]+)>:\n((?:.+\n)+)", text)):
        lines = re.findall(r"^\s*([0-9a-f]+):\s+(.*?)\s*$", body, re.MULTILINE)
        if exported := re.fullmatch(r"cnn_(\w+)_(baseline|avx2|avx512)", name):
            kernel, level = exported.groups()
        if not level:
            continue  # what follows the last kernel
        key = f"{level} {kernel}" if exported else f"{level} {kernel}/{name.split('.')[0]}"
        found[key] = [(int(address, 16), " ".join(code.split())) for address, code in lines]
    if not level:
        raise LookupError(f"{library} is stripped of its symbols.")
    return found


def hot_loop(code: Code, of: InstructionSet, most: int | None = None) -> Loop | None:
    """Return the shortest loop with the most products, at `most` so many; None if there is none."""
    place = {address: i for i, (address, _) in enumerate(code)}
    framed = any(text == of.frame for _, text in code)
    jumps = []
    for end, (address, text) in enumerate(code):
        jump = re.match(of.jump, text)
        if jump and int(jump[1], 16) <= address and int(jump[1], 16) in place:
            jumps.append((place[int(jump[1], 16)], end))
    loops = [Loop([text for _, text in code[begin : end + 1]], of, framed) for begin, end in jumps]
    busy = [
        loop
        for loop in loops
        if loop.fmas + loop.unfused and loop.products <= (most or loop.products)
    ]
    return max(busy, key=lambda loop: (loop.products, -len(loop.lines)), default=None)


def cell(code: dict[str, Code], level: str, body: str, of: InstructionSet) -> str:
    """Return arithmetic / stores / loads: of several functions, the most of each."""
    name_of = re.compile(f"{level} (?:{BODIES[body]})")
    chosen = [lines for name, lines in code.items() if name_of.fullmatch(name)]
    loops = [loop for lines in chosen if (loop := hot_loop(lines, of, PRODUCTS.get(body)))]
    if not loops:
        return "-"
    arithmetic = max(loop.fmas + loop.unfused for loop in loops)
    stores = max(loop.stores for loop in loops)
    return f"{arithmetic} / {stores} / {max(len(loop.spills) - loop.stores for loop in loops)}"


def main(argv: list[str]) -> int:
    """Run ``python -m bench spills``; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench spills", description=__doc__)
    parser.add_argument(
        "library",
        nargs="?",
        type=Path,
        default=Path(dispatch.__file__),
        help="another build's cnnlite/kernels/native/dispatch*.so",
    )
    library = parser.parse_args(argv).library
    try:
        of = instruction_set(library)
        code = disassembly(library, of)
    except (LookupError, OSError) as error:
        parser.error(str(error))
    levels = list(dict.fromkeys(name.split()[0] for name in reversed(code)))
    print(f"Vector arithmetic / stores to / loads from the stack, in a step of the loop: {of.name}")
    print("| |", " | ".join(levels), "|")
    print("|---" * (len(levels) + 1) + "|")
    for body in BODIES:
        print(f"| {body} |", " | ".join(cell(code, level, body, of) for level in levels), "|")
    return 0
