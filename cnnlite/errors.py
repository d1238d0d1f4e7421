"""The errors that cnnlite raises on purpose.

Each message says where, what is wrong, what was received and how to mend it,
for example::

    ShapeError: conv2d: x has 3 channels but w expects 4. Got x (8, 32, 32, 3),
    w (3, 3, 4, 16). Make x.shape[3] equal w.shape[2].

Every class derives from the built-in exception that a caller would expect, so
``except ValueError`` catches a :class:`ShapeError`.
"""

from __future__ import annotations

__all__ = [
    "BackendError",
    "CnnliteWarning",
    "DataNotFoundError",
    "DtypeError",
    "FileFormatError",
    "ShapeError",
]


class ShapeError(ValueError):
    """An array's shape, or a size given as a parameter, does not fit."""


class DtypeError(TypeError):
    """An array's dtype does not fit, or two arrays' dtypes differ."""


class BackendError(RuntimeError):
    """A back end is missing, cannot run here, or lacks an operation."""


class FileFormatError(ValueError):
    """A file is damaged, hostile, or not of the format it was opened as."""


class DataNotFoundError(FileNotFoundError):
    """A data set's files are in none of the places that were searched."""


class CnnliteWarning(UserWarning):
    """A result is right but not what the caller may expect (slower, say)."""
