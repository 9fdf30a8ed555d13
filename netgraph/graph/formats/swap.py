"""Replacing a folder in one step: it is the old one or the new one, never half of each.

The new files are written to a hidden folder beside the target, synchronised to the disk, and swapped in whole. Where
the system cannot exchange two folders in one call, two renames do it under a marker file, and the next read or write
completes what a crash left between them.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import secrets
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

from netgraph.graph.formats.disk import explained, remove, synchronise_folder, write_whole
from netgraph.graph.formats.disk import synchronise as _synchronise
from netgraph.graph.formats.system import exchange

_AT_WORK: set[str] = set()
"""Hidden folders that this process is filling now."""


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A new, empty folder that takes the target's place when the block ends, and vanishes when it fails.

    Parameters
    ----------
    target : a folder that exists or not; its parent is made when it is missing. Of a link, what it leads to is
        replaced: the link stays.

    Raises
    ------
    TableError : the file system refuses (full, read-only, no permission …); the old folder is then as it was.
    """
    with explained(target):
        target = settled(target)
        with hidden_folder(target) as new:
            new.mkdir()
            yield new
            put_in_place(new, target)


def settled(target: Path) -> Path:
    """Where a target really lies, once its parents are there and what killed processes left of it is gone."""
    target = target.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    recover(target)
    _sweep(target)
    return target


@contextlib.contextmanager
def hidden_folder(target: Path) -> Iterator[Path]:
    """The name of a new folder beside the target; whatever is there when the block ends is removed."""
    new = _hidden(target, "new")
    _AT_WORK.add(new.name)
    try:
        yield new
    finally:
        remove(new)  # after a failure the new one; after a success nothing, or what was exchanged for it
        _AT_WORK.discard(new.name)


def put_in_place(new: Path, target: Path) -> None:
    """Swap a whole folder in; afterwards the old one may lie at ``new``.

    Raises
    ------
    OSError : the file system refuses; the old folder is then as it was.
    """
    if target.exists():
        shutil.copymode(target, new)
    _synchronise(new)
    _swap(new, target)


def recover(target: Path) -> None:
    """Complete a swap that was cut between its two renames, if there is one (and its process is gone)."""
    target = target.resolve()
    marker = _marker(target)
    if not marker.is_file():
        return
    try:
        plan = json.loads(marker.read_text(encoding="utf-8"))
    except ValueError:  # cut while it was written, so no rename has begun
        with explained(target):
            marker.unlink(missing_ok=True)
        return
    if not _alive(plan["new"]):
        with explained(target):
            _two_renames(marker.parent / plan["new"], marker.parent / plan["old"], target)


def _swap(new: Path, target: Path) -> None:
    if _moved(new, target):
        _confirmed(target.parent, lambda: os.rename(target, new))
    elif exchange(new, target):
        _confirmed(target.parent, lambda: exchange(new, target))
    else:
        _swap_by_renames(new, target)


def _moved(new: Path, target: Path) -> bool:
    """Whether nothing was there, so that one rename did it."""
    if target.exists():
        return False
    try:
        os.rename(new, target)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):  # another writer was first
            return False
        raise
    return True


def _confirmed(parent: Path, undo: Callable[[], object]) -> None:
    """New names, to the disk; what the disk did not take is taken back."""
    try:
        synchronise_folder(parent)
    except OSError:
        undo()
        raise


def _swap_by_renames(new: Path, target: Path) -> None:
    old, marker, plan = _hidden(target, "old"), _marker(target), _hidden(target, "plan")
    try:
        write_whole(plan, [json.dumps({"new": new.name, "old": old.name}).encode()])
        os.replace(plan, marker)  # so that no marker is ever half written
        _confirmed(target.parent, lambda: marker.unlink(missing_ok=True))
    finally:
        remove(plan)
    _two_renames(new, old, target)


def _two_renames(new: Path, old: Path, target: Path) -> None:
    """Whatever was done already is not done again; if one of the two fails, the other is taken back."""
    marker = _marker(target)
    if new.exists():
        try:
            if target.exists():
                os.rename(target, old)
            os.rename(new, target)
            synchronise_folder(target.parent)
        except OSError:
            if not new.exists():
                os.rename(target, new)
            if old.exists():
                os.rename(old, target)
            marker.unlink(missing_ok=True)
            raise
    remove(old)
    remove(marker)


# -- hidden neighbours of a target: .netgraph-HOST-PROCESS-CHANCE-ROLE-TARGET ------------------------------


def _hidden(target: Path, role: str) -> Path:
    return target.parent / f"{_prefix()}{os.getpid()}-{secrets.token_hex(4)}-{role}-{digest(target)}"


def _marker(target: Path) -> Path:
    return target.parent / f".netgraph-swap-{digest(target)}"


def _prefix() -> str:
    host = "".join(letter for letter in socket.gethostname() if letter.isalnum())[:32]
    return f".netgraph-{host}-"


def digest(target: Path) -> str:
    """The target's name, short enough for any file system."""
    return hashlib.sha256(os.fsencode(target.name)).hexdigest()[:12]


def _alive(hidden: str) -> bool:
    """Whether the process that made a hidden folder may still be at work on it."""
    if not hidden.startswith(_prefix()):
        return True  # another machine's: it cannot be asked
    process = int(hidden[len(_prefix()) :].split("-")[0])
    if process == os.getpid():
        return hidden in _AT_WORK
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return not _is_zombie(process)


def _is_zombie(process: int) -> bool:
    """Whether it has ended, and only waits to be noticed (in a container often for ever); asked of Linux alone."""
    try:
        said = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return said.rpartition(")")[2].split()[:1] == ["Z"]


def _sweep(target: Path) -> None:
    """Remove what killed processes left of this target."""
    for name in os.listdir(target.parent):
        if name.startswith(_prefix()) and name.endswith(f"-{digest(target)}") and not _alive(name):
            remove(target.parent / name)
