"""One line for each rung: what changed from the rung below, and why it helps, or does not.

What changed is told as it stands in the code (csrc/kernels, docs/micro-kernel.md); whether it
helped is read from the times, so that no line claims a gain that was not measured.
"""

from __future__ import annotations

import math

from cnnlite.ladder.results import Ladder, Result

__all__ = ["explanation", "verdict"]

GAIN = 1.1  # less is within the noise of a shared machine
SURE = 0.8  # of all pairs of rounds, the share that must agree on which rung is faster
SAME_PEAK = 1.15

# Of the first NumPy rung, over plain Python.
REFERENCE = {
    "conv2d": "a BLAS product for each tap and image row; nine partial sums go through memory.",
    "matmul": "those of BLAS: sums in registers, blocks in the caches; then a copy to y.",
    "maxpool2d": "one ufunc at a time, each over whole temporary arrays in memory.",
    "batchnorm": "one ufunc at a time, through temporaries in float64, twice the size of x.",
    "lstm": "a BLAS product for each step; every operation of the gates makes a temporary.",
    "softmax": "x - max, exp, sum and quotient each pass a whole array through memory.",
}

# What changed to the best NumPy; why that helps; why it may not.
HANDWRITTEN = {
    "conv2d": (
        "im2col: windows side by side in a matrix, then BLAS",
        ": {terms} terms a sum, in registers.",
        "; no gain: x is copied nine times.",
    ),
    "matmul": (
        "The same BLAS product, straight into y",
        ": no temporary array, no copy.",
        "; beside {terms} terms a number, that copy is a trifle.",
    ),
    "maxpool2d": (
        "np.maximum of four strided views, image by image, without places",
        ": no masks or temporaries.",
        "; no gain here.",
    ),
    "batchnorm": (
        "float32, in place, in blocks that stay in cache, several pixels a row",
        ": long inner loops.",
        "; no gain here.",
    ),
    "lstm": (
        "In place, in arrays made beforehand; one tanh serves all gates",
        ": fewer passes, no temporaries.",
        "; no gain here.",
    ),
    "softmax": (
        "In place, in blocks that stay in cache from one ufunc to the next",
        ": no temporaries.",
        "; no gain here.",
    ),
}

# What a tile does in Python that Numba compiles.
NUMBA = {
    "conv2d": "windows gathered in cache, sums in registers",
    "matmul": "packed panels, sums in registers",
    "maxpool2d": "one pass, no temporaries",
    "batchnorm": "moments, then y, no temporaries",
    "lstm": "some sequences from first step to last",
    "softmax": "a row from maximum to quotient",
}

CYTHON = {
    "conv2d": "Plain loops, compiled ahead: 4 lanes, no FMA; y is loaded and stored for each term.",
    "matmul": "Plain loops, compiled ahead: 4 lanes, no FMA; y is loaded and stored for each term.",
    "maxpool2d": "Plain loops, compiled ahead, 4 lanes; y and places are stored anew for each tap.",
    "lstm": "Plain loops by sequence: all weights are read in each step, exp and tanh one by one.",
}

NATIVE = {
    "conv2d": "C: tiles of sums stay in registers over all taps; x is read in place",
    "matmul": "C: tiles of sums stay in registers; panels of b fit the caches",
    "maxpool2d": "C: a window's maxima and places stay in registers, written once",
    "batchnorm": "C: moments and y in two sweeps over x, with ReLU; no temporaries",
    "lstm": "C: tiles of four gates in registers, tanh and exp as polynomials",
    "softmax": "C: rows stay in cache from maximum to quotient; exp a polynomial",
}

TORCH = {
    "conv2d": "PyTorch: the convolution of oneDNN, channels last, {threads}.",
    "matmul": "PyTorch: the product of its BLAS, into an array that is there, {threads}.",
    "maxpool2d": "PyTorch: loops over channels last, {threads}; its places take 8 bytes, ours one.",
    "batchnorm": "PyTorch: two operations, so ReLU reads and writes y once more; {threads}.",
    "lstm": "PyTorch: its LSTM layer as it stands, {threads}.",
    "softmax": "PyTorch: its softmax over rows, {threads}.",
}


def explanation(ladder: Ladder, result: Result) -> str:
    """Return what changed from the rung below, and why that helps or does not.

    Parameters
    ----------
    ladder : Ladder
        With all rungs' times.
    result : Result
        One of them.

    Returns
    -------
    str
        One line; empty for a rung without a time.

    Examples
    --------
    >>> from cnnlite.ladder import climb
    >>> found = climb("softmax", "4x3", rounds=1, turn=0.01, only=["reference"])
    >>> explanation(found, found.rungs[0])
    'Loops in C: x - max, exp, sum and quotient each pass a whole array through memory.'
    """
    if result.status != "measured":
        return ""
    family, key = result.rung.family, result.rung.key
    if key == "python":
        return _python(ladder, result)
    if key == "reference":
        return f"Loops in C: {REFERENCE[ladder.operation.name]}"
    if family == "numpy":
        return _handwritten(ladder, result)
    if family == "cython":
        return CYTHON.get(ladder.operation.name, "Plain loops, compiled ahead for any such CPU.")
    if family == "native":
        return _native(ladder, result)
    if family == "numba":
        return _threads(ladder, result) if key == "numba-all" else _numba(ladder, result)
    if family == "cuda":
        return (
            "The GPU: thousands of threads at once, on arrays that are in its own memory already."
        )
    if family == "torch":
        return TORCH[ladder.operation.name].format(threads=_count(result.rung.threads))
    return ""


def _count(threads: int) -> str:
    return f"{threads} thread{'s' if threads > 1 else ''}"


def verdict(ladder: Ladder, result: Result) -> str:
    """Return "gain", "none" or "loss" against the rung below, "unsure" where rounds contradict.

    Examples
    --------
    >>> from cnnlite.ladder import climb
    >>> found = climb("softmax", "4x3", rounds=1, turn=0.01, only=["reference"])
    >>> verdict(found, found.rungs[0])
    'none'
    """
    below = ladder.find(result.below)
    if below is None or result.speedup is None:
        return "none"
    ratios = [b / a for a in _undisturbed(result) for b in _undisturbed(below)]
    counts = {
        "gain": sum(r >= GAIN for r in ratios),
        "none": sum(1 / GAIN < r < GAIN for r in ratios),
        "loss": sum(r <= 1 / GAIN for r in ratios),
    }
    if result.speedup >= GAIN:
        found = "gain"
    else:
        found = "loss" if result.speedup <= 1 / GAIN else "none"
    # About as fast is a matter of degree: there, no more than as many may be faster or slower.
    against = len(ratios) - counts[found]
    allowed = (1 - SURE) * len(ratios) if found != "none" else 0.5 * len(ratios)
    return found if against <= allowed else "unsure"


def _undisturbed(result: Result) -> list[float]:
    """The faster three fifths of the rounds: other programs only ever make one slower."""
    return sorted(result.rounds)[: math.ceil(0.6 * len(result.rounds))]


def _waits_for_memory(ladder: Ladder) -> bool:
    return ladder.is_memory_bound and not ladder.fits_cache


def _told(change: str, gain: str, none: str, found: str) -> str:
    """What changed, and the end that fits what was found; a loss is called so."""
    loss = none.replace("no gain", "slower") if "no gain" in none else "; slower here."
    ends = {"gain": gain, "none": none, "loss": loss, "unsure": "; too unsteady to tell."}
    return change + ends[found]


def _python(ladder: Ladder, result: Result) -> str:
    products = ladder.operation.name in ("conv2d", "matmul", "lstm")
    units = ladder.flops / 2 if products else math.prod(ladder.shape.values())
    cost = (result.seconds or 0) / units * 1e9
    what = "a multiply-add" if products else "a number of x"
    change = "The interpreter unpacks every number and makes an object of each result"
    return f"{change}: {cost:.0f} ns {what}."


def _handwritten(ladder: Ladder, result: Result) -> str:
    s = ladder.shape
    terms = 9 * s["C"] if ladder.operation.name == "conv2d" else s.get("K", 1)
    change, gain, none = HANDWRITTEN[ladder.operation.name]
    return _told(change, gain, none, verdict(ladder, result)).format(terms=terms)


def _numba(ladder: Ladder, result: Result) -> str:
    change, below = NUMBA[ladder.operation.name], ladder.find(result.below)
    threads = "1 thread" + (
        f", not {below.rung.threads}" if below and below.rung.threads > 1 else ""
    )
    return f"Compiled by LLVM for this CPU: {change}; {threads}."


def _threads(ladder: Ladder, result: Result) -> str:
    """All threads after one."""
    change, found = f"The same tiles, shared by {ladder.threads} threads", verdict(ladder, result)
    if _waits_for_memory(ladder):
        one, both = (ladder.bandwidths[n] / 1e9 for n in (1, ladder.threads))
        gives = f"memory gives them {both:.0f} GB/s, and {one:.0f} to one alone."
        return _told(change, f": {gives}", f"; no gain: {gives}", found)
    none = "; no gain: little work, or other programs on the cores."
    return _told(change, ": each has a core's units and caches to itself.", none, found)


def _native(ladder: Ladder, result: Result) -> str:
    key, level = result.rung.key, result.rung.options.get("level")
    if level == "baseline" and result.below == "native-baseline-1":
        return _threads(ladder, result)
    if level == "baseline":
        return _first_native(ladder, result)
    if key.endswith("-all") and ladder.find(key.replace("-all", "-1")) is not None:
        return _again(ladder, result)
    return _winograd(ladder, result) if level is None else _wider(ladder, result, level)


def _first_native(ladder: Ladder, result: Result) -> str:
    change, below = NATIVE[ladder.operation.name], ladder.find(result.below)
    own, other = result.rung.threads, below.rung.threads if below else 1
    return f"{change}; 4 lanes, {_count(own)}" + (f", not {other}." if other > own else ".")


def _again(ladder: Ladder, result: Result) -> str:
    """On all threads: the step was explained on one; what do the threads bring?"""
    alone = ladder.find(result.rung.key.replace("-all", "-1"))
    assert alone is not None
    times = (alone.seconds or 0) / (result.seconds or 1)
    text = f"The same step, on {ladder.threads} threads: {times:.2f} times the speed of one"
    if _waits_for_memory(ladder) and times < 0.8 * ladder.threads:
        ratio = ladder.bandwidths[ladder.threads] / ladder.bandwidths[1]
        return f"{text}, where the bandwidth is {ratio:.2f} times."
    return f"{text}."


def _wider(ladder: Ladder, result: Result, level: str) -> str:
    """A SIMD level after the one before it."""
    levels, threads, found = ladder.levels, result.rung.threads, verdict(ladder, result)
    before = levels[max(0, levels.index(level) - 1)]
    low, high = (ladder.peaks[name, threads] / 1e9 for name in (before, level))
    lanes = {"avx2": "8 lanes", "avx512": "16 lanes"}[level]
    if ladder.is_memory_bound:
        change = f"{lanes}: half the instructions for the same bytes"
        return _told(change, "; they were part of the limit.", "; they were not the limit.", found)
    if level == "avx2":
        change = f"8 lanes, fused multiply-add: the peak rises from {low:.0f} to {high:.0f} GFLOP/s"
        return _told(change, ".", ", not the limit.", found)
    change, peak = "16 lanes, 32 registers", f"{low:.0f} to {high:.0f} GFLOP/s"
    if high < SAME_PEAK * low:
        change = f"{change}: the peak hardly moves ({peak})"
        return _told(change, ", larger tiles load less.", ", nor does the time.", found)
    change = f"{change}: the peak rises ({peak})"
    return _told(change, ", larger tiles load less.", ", but is not the limit.", found)


def _winograd(ladder: Ladder, result: Result) -> str:
    change = "F(4x4, 3x3): 36 products make 16 outputs, not 144"
    gain = "; GFLOP/s count 144: over 100% can be."
    return _told(change, gain, "; no gain here: transforms cost as much.", verdict(ladder, result))
