"""The machine code of the micro-kernel: all arithmetic in FMA, all sums in registers.

Wrong code here gives right numbers, only slowly, so no other test would notice: a
compiler that contracts nothing leaves multiplications, one that runs out of registers
moves sums to the stack and back in each step.
"""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from bench import spills
from bench.spills import SETS, Code, InstructionSet, Loop
from cnnlite.kernels.native import dispatch

X86, AARCH64 = SETS.values()
# rows x vectors of the largest tiles
TILES = {"avx2": [(6, 2), (10, 1)], "avx512": [(6, 4), (8, 3), (10, 2), (10, 1)]}
if platform.machine() == "aarch64":
    TILES = {"baseline": [(5, 4), (7, 3), (10, 2), (10, 1)]}
CASES = [(level, *tile) for level, tiles in TILES.items() for tile in tiles]


@pytest.fixture(scope="module")
def built() -> tuple[InstructionSet, dict[str, Code]]:
    """The built extension's instruction set, and its functions."""
    try:
        instructions = spills.instruction_set(Path(dispatch.__file__))
        return instructions, spills.disassembly(Path(dispatch.__file__), instructions)
    except LookupError as error:
        pytest.skip(f"the machine code cannot be read: {error}")


def inner_loop(
    built: tuple[InstructionSet, dict[str, Code]], level: str, rows: int, vectors: int
) -> Loop:
    instructions, functions = built
    loop = spills.hot_loop(functions[f"{level} vf_tile_{rows}x{vectors}"], instructions)
    assert loop is not None
    return loop


@pytest.mark.parametrize(("level", "rows", "vectors"), CASES)
def test_inner_loop_is_fma_in_registers(built, level: str, rows: int, vectors: int):
    loop = inner_loop(built, level, rows, vectors)
    assert loop.fmas == rows * vectors, "\n".join(loop.lines)
    assert not loop.spills, "\n".join(loop.lines)
    assert not loop.unfused, "\n".join(loop.lines)


@pytest.mark.parametrize("level", TILES)
def test_inner_loop_has_little_besides(built, level: str):
    """At most one load per vector of B, one broadcast per row, and a few of bookkeeping."""
    rows, vectors = TILES[level][0]
    lines = inner_loop(built, level, rows, vectors).lines
    assert len(lines) <= rows * vectors + rows + vectors + 6, "\n".join(lines)


def test_the_check_sees_a_spill():
    lines = ["vmovaps %zmm3,0x40(%rsp)", "vfmadd231ps %zmm1,%zmm2,%zmm3", "mov %rax,0x8(%rsp)"]
    loop = Loop(lines, X86)
    assert (loop.spills, loop.stores, loop.fmas, loop.unfused) == (lines[:1], 1, 1, 0)
    loop = Loop(["vmulps -0x40(%rbp),%zmm1,%zmm2"], X86, framed=True)
    assert (len(loop.spills), loop.stores, loop.products, loop.unfused) == (1, 0, 1, 1)
    assert not Loop(loop.lines, X86).spills  # %rbp is a pointer like any other


def test_the_check_sees_a_spill_on_aarch64():
    lines = ["ldp q1, q8, [sp, #112]", "fmla v1.4s, v0.4s, v4.s[0]", "str q3, [sp, #144]"]
    loop = Loop([*lines, "str x3, [sp, #144]", "fadd v1.4s, v2.4s, v3.4s"], AARCH64)
    assert (loop.spills, loop.stores) == (lines[::2], 1)
    assert (loop.fmas, loop.products, loop.unfused) == (1, 1, 1)


def test_the_loop_is_the_shortest_with_the_most_products():
    texts = [
        "mov %rsp,%rbp",
        "mov (%rax),%rcx",  # 1: the outer loop
        "vfmadd231ps %ymm1,%ymm2,%ymm3",  # 2: the inner
        "vmovaps %ymm3,-0x20(%rbp)",
        "jne 2 <f+0x2>",
        "jne 1 <f+0x1>",
        "vaddps %ymm3,%ymm4,%ymm4",  # 6: a sum
        "jle 6 <f+0x6>",
    ]
    loop = spills.hot_loop(list(enumerate(texts)), X86)
    assert loop is not None and loop.lines == texts[2:5] and loop.stores == 1
    assert spills.hot_loop(list(enumerate(texts[:2])), X86) is None


def test_the_command_prints_every_inner_loop(built, capsys: pytest.CaptureFixture[str]):
    instructions, _ = built
    assert spills.main([]) == 0
    title, header, _, *rows = capsys.readouterr().out.splitlines()
    assert title.endswith(instructions.name)
    levels = header.strip("| ").split(" | ")
    assert set(levels) >= set(dispatch.levels())
    assert [row.split(" |")[0] for row in rows] == [f"| {body}" for body in spills.BODIES]
    for row in rows:
        cells = row.strip("| ").split(" | ")[1:]
        if row.startswith("| tile, "):
            assert all(cell == "-" or cell.endswith(" / 0 / 0") for cell in cells), row
        else:
            assert all(cell.count("/") == 2 for cell in cells), row  # found at every level


def test_the_command_refuses_what_it_cannot_read(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit, match="2"):
        spills.main([__file__])
    assert "is no ELF file of x86_64 or aarch64" in capsys.readouterr().err
