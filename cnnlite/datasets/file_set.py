"""A data set in files of the user's own: where it is looked for, and what is lacking."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from cnnlite.errors import DataNotFoundError

__all__ = ["FileSet"]

_HOME = "~/.cnnlite/datasets"  # where a download goes if nobody says otherwise


@dataclass(frozen=True, kw_only=True)
class FileSet:
    """The files of a data set and the places to look for them.

    Parameters
    ----------
    name : str
        The module, for error messages.
    title : str
        The set's own name.
    folder : str
        The set's folder inside ``$CNNLITE_DATA``, ``data_dir`` or
        ``~/.cnnlite/datasets``.
    files : tuple of str
        Their names.
    suffixes : tuple of str
        What a file's name may go on with, the first that exists is taken.
    system_folder : str or None
        Where a system package installs the set.
    advice : str
        One more way to get at data, for the error when nothing is found.
    """

    name: str
    title: str
    folder: str
    files: tuple[str, ...]
    suffixes: tuple[str, ...] = ("",)
    system_folder: str | None = None
    advice: str

    def find(self, data_dir: str | os.PathLike[str] | None = None) -> Path | None:
        """Return the first place that holds all the files, or None."""
        for place in self._places(data_dir):
            if not self.missing(place):
                return place
        return None

    def require(self, data_dir: str | os.PathLike[str] | None = None) -> Path:
        """Return the first place that holds all the files.

        Raises
        ------
        DataNotFoundError
            With every place searched, what it lacks, and what to do.
        """
        folder = self.find(data_dir)
        if folder is None:
            raise DataNotFoundError(self._not_found(data_dir))
        return folder

    def locate(self, folder: Path, name: str) -> Path | None:
        """Return one of the files in a folder, or None."""
        for suffix in self.suffixes:
            path = folder / f"{name}{suffix}"
            # Path.is_file raises where a folder may not be searched; this says no.
            if os.path.isfile(path):  # noqa: PTH113
                return path
        return None

    def missing(self, folder: Path) -> list[str]:
        """Return the names of the files that a folder lacks."""
        return [name for name in self.files if self.locate(folder, name) is None]

    def target(self, data_dir: str | os.PathLike[str] | None) -> Path:
        """Return the folder that a download goes to, one of those that are searched."""
        root = data_dir if data_dir is not None else os.environ.get("CNNLITE_DATA") or _HOME
        given = _absolute(root)
        return given if data_dir is not None and given.name == self.folder else given / self.folder

    def _places(self, data_dir: str | os.PathLike[str] | None) -> list[Path]:
        """Return the folders to search, in order."""
        if data_dir is not None:
            given = _absolute(data_dir)
            # The subfolder first: the folder itself may hold another set.
            return [given / self.folder, given]
        places = []
        root = os.environ.get("CNNLITE_DATA")
        if root:
            places.append(_absolute(root) / self.folder)
        places.append(_absolute(_HOME) / self.folder)
        if self.system_folder is not None:
            places.append(Path(self.system_folder))
        return places

    def _not_found(self, data_dir: str | os.PathLike[str] | None) -> str:
        lines = [f"{self.name}.load_data: {self.title} is in none of the places searched:"]
        for place in self._places(data_dir):
            if os.path.isdir(place):  # noqa: PTH112 (see locate)
                lines.append(f"  {place}: lacks {', '.join(self.missing(place))}")
            else:
                lines.append(f"  {place}: no such folder")
        if data_dir is None and not os.environ.get("CNNLITE_DATA"):
            lines.append(f"  $CNNLITE_DATA/{self.folder}: CNNLITE_DATA is not set")
        packed = "".join(f", each plain or with {s}" for s in self.suffixes if s)
        lines += [
            f"It is {len(self.files)} files{packed}: {', '.join(self.files)}.",
            f"Put them in a folder {self.folder} and set CNNLITE_DATA to the folder around it,",
            "or name their folder with data_dir=.",
            self.advice,
        ]
        return "\n".join(lines)


def _absolute(path: str | os.PathLike[str]) -> Path:
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError:  # "~name", and there is no such user
        return Path(path).absolute()
