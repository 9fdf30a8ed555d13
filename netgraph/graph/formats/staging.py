"""A hidden folder in which the parts of an export are gathered, over several runs if need be.

``.netgraph-parts-TARGET/PLAN-CHANCE/`` lies beside the target and holds ``export`` (what takes the target's place),
``done`` (a note beside each part that is whole) and ``making`` (files that are being written). A run that was killed
leaves it; the next run of the same plan goes on in it, one of another plan removes it. Each run gives it a new name, so
that workers which outlived their driver write into nothing.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path

from netgraph.errors import TableError
from netgraph.graph.formats.disk import explained, remove
from netgraph.graph.formats.swap import digest, hidden_folder, put_in_place, settled
from netgraph.graph.formats.system import lock

FOLDERS = ("export", "done", "making")

_HELD: set[str] = set()
"""Targets that this process writes now: the system's locks tell processes apart, but not threads."""
_HELD_CHANGES = threading.Lock()


class Unfinished(TableError):
    """Workers died while parts were written: what is whole is kept, and the same export goes on from there."""


@contextlib.contextmanager
def staged(target: Path, plan: str) -> Iterator[Path]:
    """The folder to gather an export in; when the block ends its ``export`` takes the target's place.

    Parameters
    ----------
    target : a folder that exists or not. Of a link, what it leads to is replaced: the link stays.
    plan : a digest of what is written, and how: parts of another plan are thrown away.

    Raises
    ------
    TableError : the file system refuses, or another process or thread is writing to the target.
    Unfinished : the block raised it; what was gathered stays for the next run. After any other error nothing stays.
    """
    with explained(target):
        target = settled(target)
        with _alone(target):
            home = target.parent / f".netgraph-parts-{digest(target)}"
            try:
                folder = _adopted(home, plan)
                yield folder
                with hidden_folder(target) as new:
                    os.rename(folder / "export", new)
                    put_in_place(new, target)
            except Unfinished:
                raise
            except BaseException:
                remove(home)
                raise
            remove(home)


def _adopted(home: Path, plan: str) -> Path:
    """What an earlier run of this plan left, under a new name, or an empty folder."""
    home.mkdir(exist_ok=True)
    folder = home / f"{plan}-{secrets.token_hex(4)}"
    for left in sorted(home.iterdir()):
        if left.name.startswith(f"{plan}-") and not folder.exists():
            os.rename(left, folder)
        else:
            remove(left)
    remove(folder / "making")
    for name in FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Holds the target against other writers of parts, in this process and in others."""
    path = target.parent / f".netgraph-lock-{digest(target)}"
    with _HELD_CHANGES:
        if str(target) in _HELD:
            raise _busy(target)
        _HELD.add(str(target))
    try:
        number = _locked(path, target)
        try:
            yield
        finally:
            remove(path)
            with contextlib.suppress(OSError):  # it was only read, and the lock ends either way
                os.close(number)
    finally:
        with _HELD_CHANGES:
            _HELD.discard(str(target))


def _locked(path: Path, target: Path) -> int:
    while True:
        number = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if not lock(number):
                raise _busy(target)
            if _is_open_as(path, number):  # else its last holder removed it between the two calls
                return number
        except BaseException:
            os.close(number)
            raise
        os.close(number)


def _is_open_as(path: Path, number: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(number))
    except FileNotFoundError:
        return False


def _busy(target: Path) -> TableError:
    return TableError(
        f"cannot write {target}: another export to it is under way; wait until it has ended, or choose another folder"
    )
