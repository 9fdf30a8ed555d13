"""Progress, always on stderr: a bar on a terminal; elsewhere the demo says a line a step, exports nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text


@contextmanager
def progress_bar() -> Iterator[Callable[[str, float], None]]:
    """Gives a function to call with what is being done and the share that is done (0 to 1)."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _a_line_a_step(console)
        return
    columns = (BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=1.0)
        yield lambda text, share: bar.update(task, description=text, completed=share)


def _a_line_a_step(console: Console) -> Callable[[str, float], None]:
    last = ""

    def show(text: str, share: float) -> None:
        nonlocal last
        if text != last:
            console.print(f"[{share:4.0%}] {text}", markup=False, highlight=False, soft_wrap=True)
            last = text

    return show


@contextmanager
def edges_bar(text: str, console: Console | None = None) -> Iterator[Callable[[int, int], None] | None]:
    """Gives a function to call with the edges that are written and all that will be; None where nobody looks."""
    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    whole = Column(no_wrap=True)  # a long path is cut short before the counts are
    where = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=False, overflow="ellipsis"))
    counts = (MofNCompleteColumn(table_column=whole), _Rate(whole), TimeRemainingColumn(table_column=whole))
    with Progress(where, BarColumn(), *counts, console=console, transient=True) as bar:
        task = bar.add_task(text, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


class _Rate(ProgressColumn):
    """Rows a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f} rows/s")
