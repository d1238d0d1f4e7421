"""Downloads, through pooch and checked against their MD5, on request alone."""

from __future__ import annotations

import sys
from pathlib import Path

from cnnlite.errors import DataNotFoundError, FileFormatError
from cnnlite.optional import require

__all__ = ["download"]


def download(url: str, md5: str, path: Path, where: str) -> None:
    """Download one file; ``path`` holds all of it, checked, or is left as it was.

    Parameters
    ----------
    url : str
    md5 : str
        Of the content, in hexadecimal. It guards against damage, not against an
        attacker: the sets are published with no better checksum.
    path : Path
        Where the file goes. Its folder is made.
    where : str
        The function to name in errors.

    Raises
    ------
    ImportError
        pooch is not installed.
    DataNotFoundError
        The server cannot be reached or has no such file.
    FileFormatError
        What came is not the file: its checksum differs.
    """
    pooch = require("pooch", "datasets", f"{where}: download=True")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        pooch.retrieve(
            url,
            known_hash=f"md5:{md5}",
            fname=path.name,
            path=path.parent,
            progressbar=sys.stderr.isatty(),
        )
    except ValueError as error:  # pooch's word for a checksum that differs
        raise FileFormatError(
            f"{where}: the download of {url} is not the file that was published: {error} "
            "Try again later; a proxy may have answered in its place."
        ) from None
    except OSError as error:
        raise DataNotFoundError(
            f"{where}: cannot download {url} to {str(path)!r}: {error}. Check the connection and "
            "the free space, or copy the file there from elsewhere."
        ) from error
