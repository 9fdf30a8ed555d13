"""Work that a forked process cannot do.

polars' threads do not survive a fork: in a worker of a plain ``ProcessPoolExecutor()`` on Linux (before Python 3.14)
the first write would wait for ever. Such a worker asks a process of its own, which was started anew.
"""

from __future__ import annotations

import multiprocessing.context
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from multiprocessing import process
from typing import TypeVar

Argument = TypeVar("Argument")
Result = TypeVar("Result")

_forked = False
_helpers: dict[int, subprocess.Popen[bytes]] = {}
"""Number of a process -> the one that works for it: a fork of a fork needs another."""
_one_at_a_time = threading.Lock()


def _note() -> None:
    global _forked
    _forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note)


def is_forked() -> bool:
    """Whether this process began as a copy of another."""
    kind = getattr(multiprocessing.context, "ForkProcess", ())
    return _forked or isinstance(process.current_process(), kind)


def call(function: Callable[[Argument], Result], argument: Argument) -> Result:
    """``function(argument)``, in a process that was not forked. Both must be picklable where this one was.

    Raises
    ------
    EOFError : the process that worked for this one died.
    """
    if not is_forked():
        return function(argument)
    with _one_at_a_time:
        helper = _helper()
        assert helper.stdin is not None
        assert helper.stdout is not None
        try:
            pickle.dump((function, argument), helper.stdin, pickle.HIGHEST_PROTOCOL)
            helper.stdin.flush()
            raised, result = pickle.load(helper.stdout)
        except (OSError, EOFError) as error:
            raise EOFError(f"process {helper.pid}, which worked for process {os.getpid()}, died") from error
    if raised:
        raise result
    done: Result = result
    return done


def serve() -> None:
    """Answer what comes on stdin until it ends."""
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not get among the answers
    while True:
        try:
            function, argument = pickle.load(questions)
        except EOFError:
            return
        try:
            answer = (False, function(argument))
        except Exception as error:  # raised again in the process that asked
            answer = (True, error)
        pickle.dump(answer, answers, pickle.HIGHEST_PROTOCOL)
        answers.flush()


def _helper() -> subprocess.Popen[bytes]:
    found = _helpers.get(os.getpid())
    if found is None or found.poll() is not None:
        command = [sys.executable, "-c", f"from {__name__} import serve; serve()"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
        found = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        _helpers[os.getpid()] = found
    return found
