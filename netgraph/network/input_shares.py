"""What every number of the input adds to vertices: gradient × input of the frozen network, a backward pass a vertex."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from netgraph.errors import InputError
from netgraph.network.inputs import storable
from netgraph.network.reads import Array
from netgraph.network.replay import Replay
from netgraph.network.targets import named, objective
from netgraph.network.undisturbed import own_precision

if TYPE_CHECKING:
    from netgraph.network.network import Network


def input_shares(net: Network, inputs: Any, vertices: Sequence[str], granularity: str) -> Array:
    """See :meth:`netgraph.network.network.Network.input_shares`."""
    given = net.programs.separate(net.programs.inputs(inputs))
    dtype = storable(net.dtype)
    numbering = net.programs.numbering(granularity, given, dtype)
    wanted = [objective(vertex) for vertex in vertices]
    keep = {name for vertex in vertices for name in named(vertex)}
    if len(keep) == 0 and len(vertices):
        raise InputError(f"vertices holds {vertices[0]!r}: expected ids of vertices, such as 'fc2:7'")
    total = np.zeros((len(vertices), *given[0].shape[1:]))
    for batch, _ in net.programs.batches(given):
        tape = net.programs.tape(batch, numbering)
        played = Replay(tape, numbering, dtype, device=batch[0].device, keep=keep)
        with torch.inference_mode(False), torch.enable_grad(), own_precision():
            played.run(batch)
            leaf = played.inputs[0]
            if not leaf.requires_grad:
                raise InputError("shares of the input need one of numbers; this network reads whole numbers (tokens)")
            for i, value in enumerate(wanted):
                read = value(played, leaf).sum()
                if not read.requires_grad:
                    continue
                (slope,) = torch.autograd.grad(read, leaf, retain_graph=True, allow_unused=True)
                if slope is not None:
                    total[i] += (slope * leaf.detach()).sum(0).double().cpu().numpy()
    return total / len(given[0])
