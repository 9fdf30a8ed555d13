"""Formats that are one file: written to a hidden one beside the target, which takes its place when it is whole."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from netgraph.errors import TableError
from netgraph.graph.formats.disk import append, explained, synchronise_folder
from netgraph.graph.formats.swap import hidden_folder, settled
from netgraph.graph.formats.system import exchange

_BUFFER = 1 << 20


@contextlib.contextmanager
def writing(path: Path, overwrite: bool = True) -> Iterator[BinaryIO]:
    """A new file that takes the target's place when the block ends, and vanishes when it fails.

    Parameters
    ----------
    path : a file that exists or not. Of a link to a file, what it leads to is replaced: the link stays.
    overwrite : False refuses a file that is there.

    Raises
    ------
    TableError : a folder is there, or a file that may not be replaced, or the file system refuses (full, read-only,
        no permission …); the old file is then as it was.
    """
    with explained(path):
        check_file_target(path, overwrite)
        target = settled(path)
        with hidden_folder(target) as new:
            file = io.BufferedWriter(_NewFile(new), _BUFFER)
            try:
                yield file
                file.flush()
                os.fsync(file.fileno())
            except BaseException:
                with contextlib.suppress(OSError):  # what is left in the buffer may fail to be written again
                    file.close()
                raise
            file.close()
            _put_in_place(new, target)


def check_file_target(path: Path, overwrite: bool) -> None:
    """Refuse a folder, a link to one, and a file that may not be replaced."""
    if path.is_dir():
        what = "a link to a folder" if path.is_symlink() else "a folder"
        raise TableError(f"{path} is {what}; a graph in the format {path.suffix} is one file: choose another name")
    if path.exists() and not path.is_file():
        raise TableError(f"{path} is no plain file; expected one, or nothing, there")
    if path.exists() and not overwrite:
        raise TableError(f"{path} is there already; pass overwrite=True to replace it")


def check_is_file(path: Path) -> None:
    """Refuse to read what is no file."""
    if path.is_dir():
        raise TableError(f"{path} is a folder; a graph in the format {path.suffix} is one file")
    if not path.is_file():
        raise TableError(f"{path}: no such file; expected one that netgraph.write_graph made")


def _put_in_place(new: Path, target: Path) -> None:
    if not target.exists():
        os.rename(new, target)
        _confirmed(target, target.unlink)
        return
    shutil.copymode(target, new)
    if exchange(new, target):  # afterwards the old one is the hidden one
        _confirmed(target, partial(exchange, new, target))
    else:
        with hidden_folder(target) as old:
            _keep(target, old)
            os.replace(new, target)
            _confirmed(target, partial(os.replace, old, target))


def _keep(path: Path, other: Path) -> None:
    """A second name for a file; where the file system has no such thing, a copy."""
    try:
        os.link(path, other)
    except OSError:
        shutil.copy2(path, other)


def _confirmed(target: Path, undo: Callable[[], object]) -> None:
    """The new name, to the disk; what the disk did not take is taken back."""
    try:
        synchronise_folder(target.parent)
    except OSError:
        undo()
        raise


class _NewFile(io.RawIOBase):
    """A new file, by the system's own calls."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)

    def fileno(self) -> int:
        return self._number

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return os.lseek(self._number, offset, whence)

    def write(self, piece: Any) -> int:
        return append(self._number, piece)

    def close(self) -> None:
        if not self.closed:
            super().close()
            os.close(self._number)
