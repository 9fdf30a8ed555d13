"""What a model complained about while it ran, said again with the place and the likely mend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from netgraph.errors import InputError, NetgraphError, RecordError, UnsupportedOperation
from netgraph.network.inputs import mend
from netgraph.network.shapes import count

if TYPE_CHECKING:
    from netgraph.network.record import Recorder

_SHAPES = ("shape", "size", "dimension", "channels", "expected input", "invalid for input", "out of range")
"""Words of an error about shapes."""


def explain(
    error: Exception, recorder: Recorder, inputs: list[torch.Tensor], expected: Sequence[tuple[int, ...]] = ()
) -> NetgraphError:
    """The error to raise in place of the model's own; ``expected``: shapes of one input each, where known."""
    shapes = ", ".join(str(tuple(t.shape)) for t in inputs)
    module = recorder.module
    kind = recorder.tape.modules.get(module, "")
    place = f"layer {module!r} ({kind})" if module else "the model"
    text = str(error).strip().split("\n")[0]
    if "more than 1 value per channel" in text:
        return UnsupportedOperation(
            f"{place} normalises by the statistics of the batch: an input's graph would depend on its neighbours. "
            "Use track_running_stats=True"
        )
    if "scalar types: Long, Int" in text or "only integer tensors" in text:
        return InputError(
            f"{place} takes whole numbers, such as token ids, but got others on an input of shape {shapes}: pass an "
            "example of them, such as torch.randint(vocabulary, (1, length))"
        )
    if isinstance(error, IndexError) and "index out of range" in text:
        return InputError(f"{place} was given an index that it has no row for (input of shape {shapes}): {text}")
    if isinstance(error, (RuntimeError, ValueError, IndexError)) and any(word in text.lower() for word in _SHAPES):
        said, size = recorder.needs.get(module, ("", 0))
        hint = _hint([tuple(t.shape) for t in inputs], expected, size)
        return InputError(
            f"the input of shape {shapes} does not fit: {place} failed with: {text}. {said}"
            f"Pass inputs with a leading batch axis, in the shape that the network was trained on{hint}"
        )
    return RecordError(f"{place} failed on an input of shape {shapes}: {type(error).__name__}: {text}")


def _hint(shapes: Sequence[tuple[int, ...]], expected: Sequence[tuple[int, ...]], size: int) -> str:
    """The likely mend: what makes the shape the example's, or brings ``size`` channels or features in place."""
    for got, one in zip(shapes, expected, strict=False):
        if got[1:] != one and mend(got, one):
            return f" ({mend(got, one)})"
    for got in shapes if size else ():
        if len(got) > 2 and count(got[1:]) == size:
            return " (flatten it: x.flatten(1))"
        if len(got) > 3 and got[-1] == size and got[1] != size:
            return f" (move its axes: x.permute(0, {len(got) - 1}, {', '.join(map(str, range(1, len(got) - 1)))}))"
        if len(got) > 1 and count(got) == size:
            return " (flatten it: x.reshape(1, -1))"
    return ""
