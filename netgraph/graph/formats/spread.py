"""Work given to an executor a few pieces at a time."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait

from netgraph.graph.formats.fresh import call
from netgraph.graph.formats.parts import Failed, Made, Part, make
from netgraph.graph.formats.staging import Unfinished

AHEAD = 2
"""Parts that wait or run at once, per worker: none is idle, and few are held in memory."""


def all_made(parts: Iterable[tuple[int, Part]], executor: Executor | None) -> Iterator[tuple[int, Made]]:
    """Make the parts, here or in an executor; (number of the block, what was made), as they are done.

    Raises
    ------
    Unfinished : a worker died, or the executor failed otherwise.
    OSError, NetgraphError : a part cannot be made.
    """
    if executor is None:
        for number, part in parts:
            yield number, _sound(make(part))
        return
    running: dict[Future[Made | Failed], int] = {}
    limit = AHEAD * (getattr(executor, "_max_workers", None) or os.cpu_count() or 1)
    try:
        for number, part in parts:
            running[_submitted(executor, part)] = number
            while len(running) >= limit:
                yield from _finished(running)
        while running:
            yield from _finished(running)
    finally:  # nobody may write any more when what was gathered is removed
        wait([future for future in running if not future.cancel()])


def _submitted(executor: Executor, part: Part) -> Future[Made | Failed]:
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sending large graph")  # Dask's: parts are meant to be sent
            return executor.submit(call, make, part)
    except Exception as error:  # a pool whose workers died refuses in its own way
        raise _unfinished(error) from error


def _finished(running: dict[Future[Made | Failed], int]) -> Iterator[tuple[int, Made]]:
    for future in wait(running, return_when=FIRST_COMPLETED).done:
        number = running.pop(future)
        try:
            made = future.result()
        except Exception as error:  # what a part itself fails with comes as a result
            raise _unfinished(error) from error
        yield number, _sound(made)


def _sound(made: Made | Failed) -> Made:
    if isinstance(made, Failed):
        raise made.error
    return made


def _unfinished(error: Exception) -> Unfinished:
    return Unfinished(
        f"the workers failed before all parts were written ({type(error).__name__}: {error}); parts that are whole are "
        "kept beside the target: run the same export again, with a new executor, and it goes on from there"
    )
