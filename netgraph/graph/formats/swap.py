"""Replacing a folder in one step: it is the old one or the new one, never half of each.

The new files are written to a hidden folder beside the target, synchronised to the disk, and swapped in whole. Where
the system cannot exchange two folders in one call, two renames do it under a marker file, and the next read or write
completes what a crash left between them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from netgraph.errors import TableError
from netgraph.graph.formats.system import exchange

_AT_WORK: set[str] = set()
"""Hidden folders that this process is filling now."""


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A new, empty folder that takes the target's place when the block ends, and vanishes when it fails.

    Parameters
    ----------
    target : a folder that exists or not; its parent is made when it is missing.

    Raises
    ------
    TableError : the file system refuses (full, read-only, no permission …); the old folder is then as it was.
    """
    with _explained(target):
        target = target.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        recover(target)
        _sweep(target)
        new = _hidden(target, "new")
        _AT_WORK.add(new.name)
        try:
            new.mkdir()
            yield new
            if target.exists():
                shutil.copymode(target, new)
            _synchronise(new)
            _swap(new, target)
        finally:
            shutil.rmtree(new, ignore_errors=True)  # after a failure; after a success nothing is there
            _AT_WORK.discard(new.name)


def recover(target: Path) -> None:
    """Complete a swap that was cut between its two renames, if there is one (and its process is gone)."""
    marker = _marker(target.resolve())
    if not marker.is_file():
        return
    try:
        plan = json.loads(marker.read_text(encoding="utf-8"))
    except ValueError:  # cut while it was written, so no rename has begun
        with _explained(target):
            marker.unlink(missing_ok=True)
        return
    if not _alive(plan["new"]):
        with _explained(target):
            _two_renames(marker.parent / plan["new"], marker.parent / plan["old"], target.resolve())


def _swap(new: Path, target: Path) -> None:
    if not target.exists():
        os.rename(new, target)
        _synchronise_folder(target.parent)
        return
    if exchange(new, target):
        _synchronise_folder(target.parent)
        shutil.rmtree(new)
        return
    old = _hidden(target, "old")
    marker = _marker(target)
    plan = _hidden(target, "plan")
    try:
        plan.write_text(json.dumps({"new": new.name, "old": old.name}), encoding="utf-8")
        _synchronise_file(plan)
        os.replace(plan, marker)  # so that no marker is ever half written
    finally:
        plan.unlink(missing_ok=True)
    _synchronise_folder(target.parent)
    _two_renames(new, old, target)


def _two_renames(new: Path, old: Path, target: Path) -> None:
    """Whatever was done already is not done again; if the second rename fails, the first is taken back."""
    if new.exists():
        if target.exists():
            os.rename(target, old)
        try:
            os.rename(new, target)
        except OSError:
            os.rename(old, target)
            _marker(target).unlink()
            raise
        _synchronise_folder(target.parent)
    shutil.rmtree(old, ignore_errors=True)
    _marker(target).unlink(missing_ok=True)


# -- hidden neighbours of a target: .netgraph-HOST-PROCESS-CHANCE-ROLE-TARGET ------------------------------


def _hidden(target: Path, role: str) -> Path:
    return target.parent / f"{_prefix()}{os.getpid()}-{secrets.token_hex(4)}-{role}-{_digest(target)}"


def _marker(target: Path) -> Path:
    return target.parent / f".netgraph-swap-{_digest(target)}"


def _prefix() -> str:
    host = "".join(letter for letter in socket.gethostname() if letter.isalnum())[:32]
    return f".netgraph-{host}-"


def _digest(target: Path) -> str:
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
    return True


def _sweep(target: Path) -> None:
    """Remove what killed processes left of this target."""
    for name in os.listdir(target.parent):
        if name.startswith(_prefix()) and name.endswith(f"-{_digest(target)}") and not _alive(name):
            left = target.parent / name
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)


# -- to the disk -------------------------------------------------------------------------------------------


def _synchronise(folder: Path) -> None:
    for path in folder.iterdir():
        _synchronise_file(path)
    _synchronise_folder(folder)


def _synchronise_file(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _synchronise_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextlib.contextmanager
def _explained(target: Path) -> Iterator[None]:
    try:
        yield
    except TableError:
        raise
    except OSError as error:
        raise TableError(
            f"cannot write {target}: {error.strerror or error}; what was there before is unchanged"
        ) from error
