"""How far a long run over inputs has come: told to a function, or shown as a bar on stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from netgraph.errors import InputError
from netgraph.graph.progress import bar

if TYPE_CHECKING:
    from netgraph.network.network import Network

Report = bool | Callable[[int, int | None], object] | None
"""``progress=``: True, a function of (inputs done, inputs in all or None), or nothing."""
Tick = Callable[[int], object]
"""Is called with how many inputs were done just now."""


def silent(inputs: int) -> None:
    """Nobody asked."""


@contextmanager
def reported(progress: Report, net: Network, inputs: Any, what: str) -> Iterator[Tick]:
    """Gives what to call with the number of inputs that were done.

    Raises
    ------
    InputError : neither True nor a function.
    """
    if progress is None or progress is False:
        yield silent
        return
    if progress is not True and not callable(progress):
        raise InputError(
            f"progress= is {type(progress).__name__}, expected True (a bar on stderr) or a function of (done, total)"
        )
    total = how_many(net, inputs)
    if progress is True:
        with bar(total, what) as tick:
            yield tick
        return
    done, tell = 0, progress

    def count(n: int) -> None:
        nonlocal done
        done += n
        tell(done, total)

    yield count


def how_many(net: Network, inputs: Any) -> int | None:
    """How many inputs there are; None where a loader does not say."""
    if net.programs.arguments.is_batch(inputs):
        return len(net.programs.inputs(inputs)[0])
    try:
        if getattr(inputs, "drop_last", False):
            return len(inputs) * int(inputs.batch_size)
        return len(inputs.sampler)
    except (AttributeError, TypeError):  # no DataLoader, or one over a stream
        return None
