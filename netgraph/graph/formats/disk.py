"""What reaches the disk, and when: files written whole, folders synchronised, folders removed."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from netgraph.errors import TableError

_TRIES = 3


def write_whole(path: Path, pieces: Iterable[Any]) -> int:
    """Write a new file, synchronise and close it; its bytes. A failure leaves no file.

    Parameters
    ----------
    path : where nothing is yet.
    pieces : bytes, or what shows its bytes (a ``memoryview``).

    Raises
    ------
    OSError : the file system refuses.
    """
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        total = 0
        try:
            for piece in pieces:
                total += append(number, piece)
            os.fsync(number)
        finally:
            os.close(number)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return total


def append(number: int, piece: Any) -> int:
    """Write all of a piece to an open file: one call may take only a part of it."""
    view = memoryview(piece).cast("B")
    done = 0
    while done < len(view):
        done += os.write(number, view[done:])
    return done


def synchronise(folder: Path) -> None:
    """All files below a folder, and the folders themselves, to the disk."""
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            synchronise(path)
        else:
            synchronise_file(path)
    synchronise_folder(folder)


def synchronise_file(path: Path) -> None:
    """What was written to a file, to the disk."""
    number = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    try:
        os.fsync(number)
    finally:
        os.close(number)


def synchronise_folder(folder: Path) -> None:
    """The names in a folder, to the disk."""
    if os.name != "posix":
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def remove(path: Path) -> None:
    """Remove a file or a folder that nobody needs any more; what cannot be removed is left to the next write.

    Several tries, since a worker that outlived its driver may add a file meanwhile.
    """
    for _ in range(_TRIES):
        with contextlib.suppress(OSError):  # rmtree raises what its own closing fails with, even where it should not
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        if not os.path.lexists(path):
            return


@contextlib.contextmanager
def explained(target: Path) -> Iterator[None]:
    """Errors of the file system as errors about the target."""
    try:
        yield
    except TableError:
        raise
    except OSError as error:
        raise TableError(
            f"cannot write {target}: {error.strerror or error}; what was there before is unchanged"
        ) from error
