"""Packages that only some functions need: imported on use, or named with their extra."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["require"]


def require(module: str, extra: str, where: str) -> Any:
    """Import an optional package, or say how to install it.

    Parameters
    ----------
    module : str
        Its name in an import statement.
    extra : str
        The extra of ``cnnlite-engine`` that installs it.
    where : str
        The function, and what it needs the package for.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        It, or a package that it needs in turn, is not installed.

    Examples
    --------
    >>> require("json", "datasets", "load_data").loads("[1]")
    [1]
    >>> require("no_such_package", "datasets", "load_data: download=True")
    Traceback (most recent call last):
        ...
    ImportError: load_data: download=True: needs the package no_such_package, ...
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(
            f"{where}: needs the package {package}, which cannot be imported. "
            f'Got {error!s}. Type: pip install "cnnlite-engine[{extra}]"',
            name=module,
        ) from error
