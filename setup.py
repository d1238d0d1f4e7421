"""Build: every C file of csrc/kernels once per SIMD level, one Extension per .pyx.

The C objects of all levels are linked into one extension (``OWNER``), which hands
out their tables; the other native extensions ``cimport`` its pointer.
"""

import os
import platform
import sys
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

if sys.platform == "win32":
    raise SystemExit("cnnlite: MSVC is not supported; build on Linux, on macOS or in WSL.")

OWNER = "cnnlite.kernels.native.dispatch"
# What Cython would else put into each module (its memoryviews and functions), once.
SHARED = "cnnlite.kernels._cyutility"

# No -march=native and no -ffast-math: the wheel must run, and give the same
# bits, on other machines.  simd.h writes the fused multiply-adds by hand.
C_FLAGS = "-std=gnu11 -O3 -fno-math-errno -ffp-contract=off -g0 -fvisibility=hidden -fPIC".split()
X86_LEVELS = {
    "baseline": [],
    "avx2": ["-mavx2", "-mfma"],
    "avx512": "-mavx512f -mavx512vl -mavx512dq -mavx512bw -mfma -mprefer-vector-width=512".split(),
}
IS_X86 = platform.machine().lower() in ("x86_64", "amd64")
LEVELS = X86_LEVELS if IS_X86 else {"baseline": []}

# CNNLITE_SANITIZE=address,undefined builds with those sanitizers;
# CNNLITE_WERROR=1 is for development: every warning is an error.
SANITIZE = os.environ.get("CNNLITE_SANITIZE")
SANITIZE_FLAGS = [f"-fsanitize={SANITIZE}", "-fno-omit-frame-pointer", "-g"] if SANITIZE else []
if os.environ.get("CNNLITE_WERROR") == "1":
    C_FLAGS += ["-Wall", "-Wextra", "-Werror"]

OPENMP = ["-fopenmp"]
OPENMP_LINK = ["-fopenmp"]
if sys.platform == "darwin":  # Apple's clang needs libomp (brew install libomp)
    OPENMP, OPENMP_LINK = ["-Xpreprocessor", "-fopenmp"], ["-lomp"]


class BuildLevels(build_ext):
    """build_ext that first compiles csrc, one object folder per SIMD level."""

    def build_extension(self, ext):
        if ext.name == OWNER:
            ext.extra_objects = self.compile_csrc()
            # Linked anew when a kernel changed, not only when its .pyx or a header did.
            ext.depends += [str(source) for source in Path("csrc").rglob("*.[ch]")]
        super().build_extension(ext)

    def compile_csrc(self):
        kernels = sorted(map(str, Path("csrc/kernels").glob("*.c")))
        objects = self.compile_stale(
            ["csrc/dispatch.c", "csrc/team.c"], self.build_temp, ["-pthread"]
        )
        for level, flags in LEVELS.items():
            folder = os.path.join(self.build_temp, level)
            objects += self.compile_stale(kernels, folder, [*flags, f"-DCNN_LEVEL={level}"])
        return objects

    def compile_stale(self, sources, folder, flags):
        """Compile what is older than its source or a header (``--force``: all); return objects."""
        headers = max(path.stat().st_mtime for path in [*Path("csrc").rglob("*.h"), Path(__file__)])
        objects = self.compiler.object_filenames(sources, output_dir=folder)
        stale = [
            source
            for source, made in zip(sources, map(Path, objects), strict=True)
            if self.force
            or not made.exists()
            or made.stat().st_mtime < max(headers, Path(source).stat().st_mtime)
        ]
        flags = [*C_FLAGS, *SANITIZE_FLAGS, *flags]
        self.compiler.compile(stale, output_dir=folder, extra_postargs=flags)
        return objects


def extension(path):
    name = ".".join(path.with_suffix("").parts)
    # The loops of the cython back end are arithmetic; the others call csrc, and -O2 with no
    # symbols makes them a quarter smaller and no slower (a call of `unary` on 16 floats: 106 ns).
    optimize = "-O3" if "cython" in path.parts else "-O2"
    strip = ["-Wl,-s"] if sys.platform == "linux" and name != OWNER and not SANITIZE else []
    return Extension(
        name,
        [] if name == SHARED else [str(path)],
        include_dirs=[numpy.get_include(), "csrc"],
        depends=[str(header) for header in Path("csrc").glob("*.h")],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
        extra_compile_args=[optimize, "-g0", "-ffp-contract=off", *OPENMP, *SANITIZE_FLAGS],
        extra_link_args=[*OPENMP_LINK, *SANITIZE_FLAGS, *strip],
    )


setup(
    ext_modules=cythonize(
        [
            extension(Path(*SHARED.split("."))),
            *map(extension, sorted(Path("cnnlite").rglob("*.pyx"))),
        ],
        shared_utility_qualified_name=SHARED,
        compiler_directives={
            "language_level": 3,
            "boundscheck": False,
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": False,
            "freethreading_compatible": False,
        },
    ),
    cmdclass={"build_ext": BuildLevels},
)
