"""Packed sequences: the steps of sequences of different lengths, one after the other."""

from __future__ import annotations

from typing import Any

import torch

from netgraph.network.operations import Operation


def _pack(run: Any, call: Any, x: Any, lengths: Any, batch_first: bool) -> Any:
    """The steps of each sequence up to its length; the lengths do not depend on the input."""
    steps = int(lengths.max())
    sizes = torch.tensor([int((lengths > t).sum()) for t in range(steps)])
    step = torch.cat([torch.full((int(n),), t) for t, n in enumerate(sizes)])
    row = torch.cat([torch.arange(int(n)) for n in sizes])
    return [run.move((lambda t: t[row, step]) if batch_first else (lambda t: t[step, row]), x), sizes]


ROWS = [
    Operation("_pack_padded_sequence", "movement", _pack, _pack.__doc__ or ""),
]
