"""How far a long run has come, as a bar on stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def bar(total: int | None, what: str) -> Iterator[Callable[[int], object]]:
    """Gives what to call with how much was done just now; the bar is gone when it ends."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=total)
        yield lambda n: shown.advance(task, n)


@contextmanager
def counted(
    progress: Callable[[int, int], object] | bool | None, total: int, what: str
) -> Iterator[Callable[[], object]]:
    """Gives what to call after each of ``total`` runs: True draws a bar, a function is told (done, in all)."""
    if progress is True:
        with bar(total, what) as advance:
            yield lambda: advance(1)
        return
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        if callable(progress):
            progress(done, total)

    yield tick
