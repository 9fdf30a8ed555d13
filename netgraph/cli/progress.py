"""The demo's progress: a bar on a terminal, a line a step elsewhere, always on stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


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
