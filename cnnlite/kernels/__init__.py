"""Arithmetic: back ends of one interface, and the registry that chooses among them."""

from importlib.util import find_spec

if find_spec("cnnlite.kernels.threads") is None:
    raise ImportError(
        f"cnnlite: {__path__[0]} is a source tree whose kernels are not built. Build them there "
        "with `pip install -e .`, or run Python in another folder, where it finds the installed "
        "package."
    )
