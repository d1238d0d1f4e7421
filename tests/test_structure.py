"""The house rules: who imports whom, a light import, documented names."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cnnlite
from tests.processes import output_of

ROOT = Path(cnnlite.__file__).parent
CSRC = ROOT.parent / "csrc"

# A module may import what stands on its own line or above it; never below.
LAYERS = (
    (
        "errors",
        "shapes",
        "arguments",
        "signatures",
        "nearest",
        "numeric",
        "unmade",
        "config",
        "random_state",
        "schedules",
        "optional",
        "serialization",
    ),
    ("kernels",),
    ("ops",),
    (
        "activations",
        "layers",
        "initializers",
        "regularizers",
        "constraints",
        "losses",
        "optimizers",
        "metrics",
    ),
    ("models", "callbacks", "datasets"),
    (
        "applications",
        "saving",
        "visualization",
        "utils",
        "sklearn",
        "config_report",
        "gradient_check",
        "ladder",
        "cli",
        "__main__",
    ),
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
BACKENDS = {path.name for path in (ROOT / "kernels").iterdir() if (path / "__init__.py").exists()}
SHARED_KERNELS = {"reference", "threads", "registry"}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_type_checking(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def imports_of_python(source: str) -> set[str]:
    """Return the modules and names that a Python file imports, but for its annotations."""
    found: set[str] = set()
    pending: list[ast.AST] = [ast.parse(source)]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide who imports whom"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        for child in ast.iter_child_nodes(node):
            if not is_type_checking(child):
                pending.append(child)
    return found


def imports_of_cython(source: str) -> set[str]:
    """Return what a Cython file imports or cimports."""
    found: set[str] = set()
    for line in source.splitlines():
        match = re.match(r"\s*from\s+([\w.]+)\s+c?import\s+\(?([\w\s,]*)", line)
        if match:
            names = re.findall(r"\w+", re.sub(r"\bas\s+\w+", "", match[2])) or [""]
            found |= {f"{match[1]}.{name}".rstrip(".") for name in names}
        match = re.match(r"\s*c?import\s+([\w.]+)", line)
        if match:
            found.add(match[1])
    return found


def ours(names: set[str]) -> set[str]:
    return {n for n in names if n == "cnnlite" or n.startswith("cnnlite.")}


def sources() -> list[Path]:
    return sorted(p for p in ROOT.rglob("*") if p.suffix in (".py", ".pyx", ".pxd"))


def imports(path: Path) -> set[str]:
    read = imports_of_python if path.suffix == ".py" else imports_of_cython
    return ours(read(path.read_text()))


def part(name: str) -> str:
    """Return the part of the house that a dotted name lies in: "ops" for cnnlite.ops.core."""
    return name.split(".")[1] if "." in name else ""


def test_the_reader_of_imports_sees_every_form():
    """The checks below rest on it, so it is checked first."""
    python = "import cnnlite.ops\nfrom cnnlite.kernels import registry as r\ndef f():\n import a.b"
    assert imports_of_python(python) == {"cnnlite.ops", "cnnlite.kernels.registry", "a.b"}
    cython = "from cnnlite.kernels cimport threads\ncimport openmp\nfrom a import b, c as d"
    assert imports_of_cython(cython) == {"cnnlite.kernels.threads", "openmp", "a.b", "a.c"}


@pytest.mark.parametrize(
    "path", [p for p in sources() if p != ROOT / "__init__.py"], ids=module_name
)
def test_imports_point_downward(path: Path):
    """No module imports from a part of the house above its own."""
    own = part(module_name(path))
    assert own in LEVEL, f"{own} has no place in the order of parts"
    top = LEVEL[own] == len(LAYERS) - 1
    for name in imports(path):
        other = part(name)
        if other == "" or other not in LEVEL:  # names of cnnlite itself: __version__, set_backend
            assert top, f"{module_name(path)} imports {name}, which loads the whole package's names"
        else:
            assert LEVEL[other] <= LEVEL[own], f"{module_name(path)} imports {name}"


@pytest.mark.parametrize("path", sources(), ids=module_name)
def test_only_operations_ask_the_registry_for_kernels(path: Path):
    """Layers, losses, optimizers and metrics reach arithmetic through cnnlite.ops alone."""
    own = part(module_name(path))
    wanted = {n for n in imports(path) if part(n) == "kernels"}
    if own in LAYERS[3] or own in ("callbacks", "datasets", "applications", "utils"):
        assert not wanted
    elif own == "models":  # a plan binds kernels that are offered; its key has the back end's name
        names = ("device", "kernel", "offers", "get_backend")
        allowed = {f"cnnlite.kernels.registry.{n}" for n in names}
        assert wanted <= allowed


@pytest.mark.parametrize(
    "path", [p for p in sources() if part(module_name(p)) == "kernels"], ids=module_name
)
def test_back_ends_do_not_import_each_other(path: Path):
    """A back end knows the reference and the threads, no other back end."""
    parts = module_name(path).split(".")
    own = parts[2] if len(parts) > 2 else ""
    for name in imports(path):
        pieces = name.split(".")
        if part(name) != "kernels" or len(pieces) < 3 or pieces[2] == own:
            continue
        assert pieces[2] in SHARED_KERNELS, f"{module_name(path)} imports {name}"


@pytest.mark.skipif(not CSRC.is_dir(), reason="an installed copy has no C sources")
def test_c_sources_know_nothing_of_python():
    """csrc is plain C: no Python.h, no NumPy headers, no memory of its own."""
    files = [p for p in CSRC.rglob("*") if p.suffix in (".c", ".h")]
    assert len(files) > 5
    for path in files:
        text = re.sub(r"/\*.*?\*/|//[^\n]*", "", path.read_text(), flags=re.DOTALL)
        assert not re.search(r'#\s*include\s*[<"](Python|numpy|arrayobject)', text), path
        assert not re.search(r"\b(malloc|calloc|realloc|free|posix_memalign)\s*\(", text), path


def modules_after(code: str) -> set[str]:
    """Return the modules that a fresh interpreter holds after ``code``."""
    command = [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=60, cwd=ROOT.parent
    )
    return set(done.stdout.split())


def test_importing_the_package_is_light():
    """`import cnnlite` loads neither NumPy nor a single module of its own parts."""
    loaded = modules_after("import cnnlite")
    assert {n for n in loaded if n.startswith("cnnlite")} == {"cnnlite"}
    assert not loaded & {"numpy", "tqdm", "safetensors"}


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import cnnlite.ops, cnnlite.layers", {"tqdm", "safetensors", "json"}),
        (
            "import cnnlite; cnnlite.Sequential; cnnlite.datasets; cnnlite.applications",
            {"numba", "torch", "matplotlib", "scipy", "sklearn", "onnx", "PIL", "pooch"},
        ),
    ],
    ids=["layers", "models"],
)
def test_nothing_heavy_is_imported_before_it_is_used(code: str, heavy: set[str]):
    """What a program does not use it does not load; optional packages never eagerly."""
    assert not modules_after(code) & heavy


def test_every_public_name_of_the_package_exists():
    """What dir(cnnlite) promises can be had, and an unknown name is an AttributeError."""
    for name in cnnlite.__all__:
        assert getattr(cnnlite, name) is not None
        assert name in dir(cnnlite)
    with pytest.raises(AttributeError, match="no_such_name"):
        cnnlite.no_such_name  # noqa: B018


@pytest.mark.parametrize("name", ["visualization", "sklearn"])
def test_modules_of_optional_packages_need_no_import_of_their_own(name: str):
    """As help(cnnlite) lists them; without its package one says which extra to install."""
    script = f"""
import cnnlite
try:
    print(cnnlite.{name}.__name__)
except ImportError as error:
    print("cnnlite.{name}" if "pip install" in str(error) else error)
"""
    assert output_of(script) == f"cnnlite.{name}"


def public_objects() -> list[tuple[str, str]]:
    found = []
    for part_name in (
        "ops", "layers", "initializers", "regularizers", "constraints", "losses", "metrics",
        "optimizers", "models", "callbacks", "datasets", "utils",
    ):  # fmt: skip
        module = importlib.import_module(f"cnnlite.{part_name}")
        found += [(module.__name__, name) for name in module.__all__]
    return found


@pytest.mark.parametrize(("module", "name"), public_objects())
def test_public_names_have_docstrings(module: str, name: str):
    """Every public function and class says what it is, in its own words."""
    thing = getattr(importlib.import_module(module), name)
    if inspect.isclass(thing) or inspect.isroutine(thing):
        assert thing.__doc__ and len(thing.__doc__.strip()) > 10
        if inspect.isclass(thing):
            inherited = [base.__doc__ for base in thing.__mro__[1:]]
            assert thing.__doc__ not in inherited


@pytest.mark.parametrize(
    "path", [p for p in sources() if p.suffix == ".py" and p.read_text().strip()], ids=module_name
)
def test_modules_say_what_they_are_for(path: Path):
    """Every module begins with a docstring."""
    assert ast.get_docstring(ast.parse(path.read_text()))
