"""Settings from the environment, and what the machine allows."""

from __future__ import annotations

import operator
import os
from pathlib import Path

__all__ = ["checked_thread_count", "cpu_limits", "flag", "floatx", "set_floatx"]

_MAX_THREADS = 4096  # more is a typing error, and would exhaust memory in stacks


def flag(name: str, default: bool = False) -> bool:
    """Return whether the environment variable ``name`` is switched on.

    Raises
    ------
    ValueError
        If it is set to anything but 0, 1 or nothing.
    """
    value = os.environ.get(name, "")
    if value not in ("", "0", "1"):
        raise ValueError(f"{name}: not a switch. Got {value!r}. Set it to 1 or 0.")
    return value == "1" if value else default


_floatx = "float32"


def floatx() -> str:
    """Return the dtype of layers that name none.

    Examples
    --------
    >>> from cnnlite import config
    >>> config.floatx()
    'float32'
    """
    return _floatx


def set_floatx(dtype: str) -> None:
    """Make ``dtype`` the dtype of layers that name none.

    Parameters
    ----------
    dtype : {"float32", "float64"}

    Raises
    ------
    ValueError
        If it is any other.
    """
    global _floatx
    _floatx = checked_dtype(dtype, "set_floatx")


def dtype_name(dtype: object) -> str:
    """Return the name of a dtype, given as one, as ``np.float32`` or as ``np.dtype("float32")``.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnlite import config
    >>> config.dtype_name(np.float32)
    'float32'
    """
    if isinstance(dtype, type):
        return dtype.__name__
    return str(dtype if isinstance(dtype, str) else getattr(dtype, "name", ""))


def checked_dtype(dtype: object, where: str) -> str:
    """Return the name of ``dtype`` if it is one that layers compute in, or raise an error."""
    name = dtype_name(dtype)
    if name not in ("float32", "float64"):
        raise ValueError(f'{where}: dtype must be "float32" or "float64". Got {dtype!r}.')
    return name


def checked_thread_count(value: object, where: str) -> int:
    """Return ``value`` as a number of threads, or raise an error that names ``where``."""
    try:
        n = int(value) if isinstance(value, str) else operator.index(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        n = 0
    if isinstance(value, bool) or not 1 <= n <= _MAX_THREADS:
        raise ValueError(
            f"{where}: not a number of threads. Got {value!r}. "
            f"Give an integer from 1 to {_MAX_THREADS}."
        )
    return n


def _cgroup_quota() -> int | None:
    """Return the CPUs that this process's control groups allow, rounded up."""
    root = Path("/sys/fs/cgroup")
    quotas = []
    try:
        own = Path("/proc/self/cgroup").read_text()
    except OSError:
        return None
    for line in own.splitlines():
        _, controllers, path = line.split(":", 2)
        group = root / path.lstrip("/")
        if controllers == "":  # version 2: every ancestor may set a quota
            for folder in [group, *group.parents]:
                if root not in [folder, *folder.parents]:
                    break
                quotas.append(_read_quota(folder / "cpu.max"))
        elif "cpu" in controllers.split(","):  # version 1
            for folder in (root / "cpu" / path.lstrip("/"), root / "cpu"):
                quotas.append(
                    _read_quota(folder / "cpu.cfs_quota_us", folder / "cpu.cfs_period_us")
                )
    found = [q for q in quotas if q is not None]
    return min(found) if found else None


def _read_quota(*files: Path) -> int | None:
    try:
        quota, period = " ".join(f.read_text().strip() for f in files).split()
        if quota == "max" or int(quota) <= 0:
            return None
        return max(1, -(-int(quota) // int(period)))
    except (OSError, ValueError, ZeroDivisionError):
        return None


def cpu_limits() -> dict[str, int]:
    """Return what bounds the number of threads: reason and number of CPUs."""
    if hasattr(os, "sched_getaffinity"):
        limits = {"CPU affinity": len(os.sched_getaffinity(0))}
    else:
        limits = {"CPUs": os.cpu_count() or 1}
    quota = _cgroup_quota()
    if quota is not None:
        limits["cgroup quota"] = quota
    return limits
