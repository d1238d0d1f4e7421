"""The machine code of the micro-kernel: all arithmetic in FMA, all sums in registers.

Wrong code here gives right numbers, only slowly, so no other test would notice: a
compiler that contracts nothing leaves multiplications, one that runs out of registers
moves sums to the stack and back in each step.
"""

import platform
import re
import shutil
import subprocess

import pytest

from cnnlite.kernels.native import dispatch

# rows x vectors of the largest tiles
TILES = {"avx2": [(6, 2), (10, 1)], "avx512": [(6, 4), (8, 3), (10, 2), (10, 1)]}
CASES = [(level, *tile) for level, tiles in TILES.items() for tile in tiles]


@pytest.fixture(scope="module")
def functions():
    """Instructions [(address, text)] of every function of the built extension."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        pytest.skip("the instructions that this test counts are x86's")
    objdump = shutil.which("objdump")
    if objdump is None:
        pytest.skip("objdump is not installed (Debian: apt install binutils)")
    command = [objdump, "-d", "--no-show-raw-insn", dispatch.__file__]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = {}
    for name, body in re.findall(r"<(cnn_\w+)>:\n((?:.+\n)+)", text):
        lines = re.findall(r"^\s*([0-9a-f]+):\s+(.*?)\s*$", body, re.MULTILINE)
        found[name] = [(int(address, 16), code) for address, code in lines]
    if not any("tile_6x" in name for name in found):
        pytest.skip("the extension is stripped of its symbols, so tiles cannot be told apart")
    return found


def inner_loop(code):
    """Return the instructions of the shortest backward jump's loop that multiplies."""
    place = {address: i for i, (address, _) in enumerate(code)}
    loops = []
    for end, (address, text) in enumerate(code):
        jump = re.match(r"j\w+\s+([0-9a-f]+)", text)
        if jump and int(jump[1], 16) <= address and int(jump[1], 16) in place:
            loop = [t for _, t in code[place[int(jump[1], 16)] : end + 1]]
            if any(re.match(r"v?f?n?madd|v?mulps", t) for t in loop) or fma_count(loop):
                loops.append(loop)
    return min(loops, key=len)


def fma_count(loop):
    return sum(text.startswith("vfmadd") for text in loop)


def vector_stack_moves(loop):
    """Return the instructions that move a vector to or from the stack."""
    return [t for t in loop if re.search(r"\(%r[sb]p", t) and re.search(r"%[xyz]mm", t)]


@pytest.mark.parametrize(("level", "rows", "vectors"), CASES)
def test_inner_loop_is_fma_in_registers(functions, level, rows, vectors):
    loop = inner_loop(functions[f"cnn_vf_tile_{rows}x{vectors}_{level}"])
    assert fma_count(loop) == rows * vectors, "\n".join(loop)
    assert not vector_stack_moves(loop), "\n".join(loop)
    assert not [t for t in loop if re.match(r"v(mul|add)ps", t)], "\n".join(loop)


@pytest.mark.parametrize("level", TILES)
def test_inner_loop_has_little_besides(functions, level):
    """At most one load per vector of B, one broadcast per row, and a few of bookkeeping."""
    rows, vectors = TILES[level][0]
    loop = inner_loop(functions[f"cnn_vf_tile_{rows}x{vectors}_{level}"])
    assert len(loop) <= rows * vectors + rows + vectors + 6, "\n".join(loop)


def test_the_check_sees_a_spill():
    loop = ["vmovaps %zmm3,0x40(%rsp)", "vfmadd231ps %zmm1,%zmm2,%zmm3", "mov %rax,0x8(%rsp)"]
    assert vector_stack_moves(loop) == loop[:1]
    assert fma_count(loop) == 1
