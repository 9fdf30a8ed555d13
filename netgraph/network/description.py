"""What is told about a network beside its graph: its fingerprint, its operations, and a graph's meta entries."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from netgraph import __version__
from netgraph.graph.graph import SCHEMA
from netgraph.network.numbering import Numbering
from netgraph.network.operations import lookup
from netgraph.network.tape import Tape

if TYPE_CHECKING:
    from netgraph.network.network import Network


def fingerprint(tape: Tape) -> str:
    """sha256 of the operations and the parameters, its first 16 hexadecimal digits."""
    digest = hashlib.sha256("\n".join(tape.signature).encode())
    for slot in sorted(tape.constants):
        tensor = tape.constants[slot].detach().cpu().contiguous()
        digest.update(f"{slot} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b"")
    return digest.hexdigest()[:16]


def kinds(numbering: Numbering) -> dict[str, int]:
    """Kind -> number of operations that depend on the input; "frozen" are those whose results are only held fixed."""
    tape = numbering.tape
    calls = (c for c in tape.calls if c.index in tape.needed and any(s in tape.dependent for s in c.reads))
    found = Counter(lookup(call).kind if call.index in numbering.flowing else "frozen" for call in calls)
    return dict(sorted(found.items()))


def metadata(
    net: Network, granularity: str, reduce: str, numbering: Numbering, target: tuple[Any, ...] = ()
) -> dict[str, Any]:
    """A graph's ``meta``: versions, the model, and how the graph was asked for; ``target`` empty for weights alone."""
    meta: dict[str, Any] = {
        "schema": SCHEMA,
        "netgraph": __version__,
        "torch": torch.__version__,
        "model": type(net.model).__name__,
        "model_hash": net.hash,
        "input_shape": list(net.input_shape),
        "granularity": granularity,
        "reduce": reduce,
        "gauge": "none",
        "bias": "column",
        "exact": not numbering.inexact,
    }
    if net.dropped:
        meta["nonfinite"] = dict(net.dropped)
    if target:
        meta.update(target=_readable(target[0]), aggregate="mean", exact=True)
    return meta


def _readable(target: Any) -> Any:
    """A target as it can be written to a manifest."""
    if isinstance(target, tuple):
        return list(target)
    if isinstance(target, (torch.Tensor, list, np.ndarray)):
        return "a class per input"
    return target if target is None or isinstance(target, (int, str)) else getattr(target, "__name__", "a function")
