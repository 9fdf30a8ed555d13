"""Calls of the system that Python has no name for, or several. Where there are none they do nothing, and say so."""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_SYNC_FILE_RANGE_WRITE = 2
_UNABLE = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP}


def exchange(one: Path, two: Path) -> bool:
    """Exchange two paths in one step; False where the system or the file system cannot.

    Raises
    ------
    OSError : it can, but not here (a permission, another disk …).
    """
    call = _function("renameat2")
    if call is None:
        return False
    if call(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(two), _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _UNABLE:
        return False
    raise OSError(number, os.strerror(number), str(two))


def start_writeback(descriptor: int) -> bool:
    """Begin to send a file's written pages to the disk without waiting; a later fsync has less to do.

    Only a hint: whether it was followed changes nothing but the time that fsync takes.
    """
    call = _function("sync_file_range")
    whole = ctypes.c_int64(0)
    return call is not None and call(descriptor, whole, whole, _SYNC_FILE_RANGE_WRITE) == 0


def lock(descriptor: int) -> bool:
    """Hold an open file against other processes until it is closed or this process ends, however it ends.

    False where another process holds it. File systems without locks grant it to everyone.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # unlike flock: not inherited by forked workers
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
            return False
        if error.errno not in (*_UNABLE, errno.ENOLCK):
            raise
    return True


@functools.cache
def _function(name: str) -> Callable[..., int] | None:
    if not sys.platform.startswith("linux"):
        return None
    call: Callable[..., int] | None = getattr(ctypes.CDLL(None, use_errno=True), name, None)
    return call
