"""Cut edges: from masks on blocks to masks on the kernels that are played."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
import torch

from netgraph.errors import AnalysisError, unknown
from netgraph.network.inputs import rows
from netgraph.network.numbering import Numbering
from netgraph.network.replay import Replay
from netgraph.network.vertices import At

if TYPE_CHECKING:
    from netgraph.network.network import Network


CORRUPTED = ("mean", "zero")
"""What a cut edge may carry."""


def masked_logits(
    net: Network,
    given: list[torch.Tensor],
    masks: Sequence[Any],
    granularity: str,
    corrupted: str,
    reference: list[torch.Tensor],
) -> np.ndarray[Any, Any]:
    """See :meth:`netgraph.network.network.Network.masked`."""
    if corrupted not in CORRUPTED:
        raise unknown("corrupted", corrupted, CORRUPTED)
    numbering = net.programs.numbering(granularity, given)
    kernels = by_joint(numbering, masks, net.dtype, given[0].device)
    base = baseline(net, numbering, reference, corrupted, kernels)
    logits = []
    for batch, _ in net.programs.batches(given):
        tape, where = net.programs.tape(batch, numbering), batch[0].device
        played = Replay(
            tape,
            numbering,
            net.dtype,
            freeze=False,
            gradients=False,
            masks=kernels,
            reference=base,
            device=where,
            keep=(),
        )
        logits.append((played.run(batch), len(batch[0])))
    return rows(logits)


def by_joint(
    numbering: Numbering, masks: Sequence[Any], dtype: torch.dtype, device: torch.device | str = "cpu"
) -> dict[At, Any]:
    """Step -> mask in the shape that its joint plays. ``masks``: one per block, None keeps it whole."""
    out: dict[At, Any] = {}
    at_block = 0
    for at, joint in numbering.joints.items():
        parts = joint.parts(numbering.layers, "sum")
        mine = list(masks[at_block : at_block + len(parts)])
        if len(mine) < len(parts):
            raise AnalysisError(f"{len(masks)} masks: expected one per block of the graph")
        at_block += len(parts)
        if any(m is not None for m in mine):
            dense = [_dense(m, (joint.layer.size, p.source.size)) for m, p in zip(mine, parts, strict=True)]
            mask = joint.mask(numbering.layers, dense, dtype)
            out[at] = [m.to(device) for m in mask] if isinstance(mask, list) else mask.to(device)
    if at_block != len(masks):
        raise AnalysisError(f"{len(masks)} masks: expected one per block, {at_block}")
    return out


def _dense(mask: Any, shape: tuple[int, int]) -> Any:
    if mask is None:
        return None
    if tuple(mask.shape) != shape:
        raise AnalysisError(f"a mask of shape {tuple(mask.shape)} for a block of shape {shape}")
    return mask if sp.issparse(mask) else np.asarray(mask)


def baseline(
    net: Network, numbering: Numbering, given: list[torch.Tensor], corrupted: str, kernels: Mapping[At, Any]
) -> dict[At, list[torch.Tensor]]:
    """Step -> what its sources carry where an edge is cut: their mean over the inputs, or 0."""
    totals: dict[At, list[torch.Tensor]] = {}
    n = len(given[0])
    for batch, _ in net.programs.batches(given):
        tape = net.programs.tape(batch, numbering)
        played = Replay(tape, numbering, net.dtype, freeze=False, gradients=False, device=batch[0].device)
        played.run(batch)
        for at in kernels:
            sums = [
                v.sum(0, keepdim=True) if v.shape[0] == len(batch[0]) else v * len(batch[0])
                for v in played.records[at].values
            ]
            totals[at] = [a + b for a, b in zip(totals[at], sums, strict=True)] if at in totals else sums
    return {at: [t * 0 if corrupted == "zero" else t / n for t in sums] for at, sums in totals.items()}
