"""Packed sequences: the steps of sequences of different lengths, one after the other."""

from __future__ import annotations

from typing import Any

import torch

from netgraph.errors import UnsupportedOperation
from netgraph.network.operations import Operation


def _pack(run: Any, call: Any, x: Any, lengths: Any, batch_first: bool) -> Any:
    """The steps of each sequence up to its length; the lengths do not depend on the input."""
    steps = int(lengths.max())
    sizes = torch.tensor([int((lengths > t).sum()) for t in range(steps)])
    step = torch.cat([torch.full((int(n),), t) for t, n in enumerate(sizes)])
    row = torch.cat([torch.arange(int(n)) for n in sizes])
    return [run.move((lambda t: t[row, step]) if batch_first else (lambda t: t[step, row]), x), sizes]


def _unpack(run: Any, call: Any, x: Any, sizes: Any, batch_first: bool, padding: float, total: int) -> Any:
    """Packed steps of one sequence as (steps, 1, …), zeros after its end."""
    if int(sizes.max()) != 1 or padding:
        raise UnsupportedOperation(f"{call.place()} pads packed sequences with {padding}: pad with 0")
    steps = len(sizes)
    y = run.move(lambda t: t.unsqueeze(0 if batch_first else 1), x)
    if total > steps:
        after = [0, 0] * (len(run.shape(y)) - (2 if batch_first else 1)) + [0, total - steps]
        y = run.pad(y, after)
    return [y, torch.tensor([steps])]


ROWS = [
    Operation("_pack_padded_sequence", "movement", _pack, _pack.__doc__ or ""),
    Operation("_pad_packed_sequence", "movement", _unpack, _unpack.__doc__ or ""),
]
