"""Which vertices of a network may be rescaled, and its graphs in the balanced gauge.

A vertex may be rescaled where s·z in place of z does what s times the weights that leave it would do: its value reaches
every reader through functions with φ(s·z) = s·φ(z) for s > 0 (ReLU, leaky ReLU, PReLU, absolute value, maxima and means
over positions, sums, scales, movement), and decides nothing that is held fixed (attention patterns, the denominators of
normalisations, factors of products, conditions). Constants met on the way (a bias, a BatchNorm's shift) are parameters,
and are scaled along. Inputs, outputs, constants and vertices that nothing enters or leaves stay as they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from netgraph.graph.gauge import Gauge, balance
from netgraph.graph.graph import Graph
from netgraph.network.assemble import build
from netgraph.network.numbering import Numbering
from netgraph.network.tape import Call, fill
from netgraph.network.vertices import Curve

Array = np.ndarray[Any, Any]

GAUGES = ("none", "balanced")
"""How the scales of rescalable vertices are chosen: as the parameters have them, or in- and out-strength equal."""
SHAPES_ONLY = frozenset(
    [
        *("zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "randn_like"),
        *("new_zeros", "new_ones", "new_full", "new_empty", "sym_size"),
    ]
)
"""Operations that look at a tensor's shape, not at its values."""
RESHAPED = ("view", "_unsafe_view", "reshape", "_reshape_alias")
"""Views, of which other memory may have none."""
FOLLOWED = frozenset(
    [
        *(*RESHAPED, "flatten", "unflatten", "squeeze", "unsqueeze"),
        *("transpose", "permute", "t", "movedim", "swapaxes", "roll", "flip", "clone", "alias", "detach", "contiguous"),
        *("slice", "select", "narrow", "split", "split_with_sizes", "chunk", "unbind"),
        *("expand", "unsafe_split", "unsafe_split_with_sizes", "unsafe_chunk"),
    ]
)
"""Operations that move elements, and can be played on their numbers as they are."""
STRETCHES = (2.0**-30, 2.0**-4, 0.5, 2.0, 2.0**5, 2.0**40)
"""Powers of two: a positively homogeneous function of floating numbers keeps them exactly."""


def gauge_of(numbering: Numbering, weights: Graph) -> Gauge:
    """The balanced gauge of a network, whatever its inputs; ``weights``: the graph of its weights alone."""
    return balance(weights, ~anchored(numbering))


class Gauges:
    """The gauges of graphs of inputs, each found once: that of the weights alone, so that inputs can be compared."""

    def __init__(self, reduce: str, dtype: Any) -> None:
        self.reduce, self.dtype = reduce, dtype
        self._known: dict[Numbering, Gauge] = {}

    def of(self, numbering: Numbering) -> Gauge:
        """The gauge of all graphs of these vertices."""
        if numbering not in self._known:
            self._known[numbering] = gauge_of(numbering, build(numbering, self.reduce, self.dtype, {}))
        return self._known[numbering]


def anchored(numbering: Numbering) -> Array:
    """(n,) bool: inputs, outputs, constants, and vertices whose value meets anything but homogeneous functions."""
    fixed = np.zeros(numbering.n, dtype=bool)
    for layer in numbering.layers:
        if layer.kind in {"input", "constant"}:
            fixed[layer.start : layer.start + layer.size] = True
    output = [s for _, s in numbering.tape.output.slots if s in numbering.forms]
    given_back = [numbering.forms[s].numbers for s in (*output, numbering.tape.logits_slot)]
    for numbers in (*given_back, *numbering.held, *read_aside(numbering)):
        fixed[numbers[numbers >= 0].numpy()] = True
    for curve, form in numbering.curves:
        bent = ~homogeneous(curve, len(form.shape))
        if bool(bent.any()):
            wide = torch.broadcast_shapes(bent.shape, form.numbers.shape)
            numbers = form.numbers.expand(wide)[bent.expand(wide)]
            fixed[numbers[numbers >= 0].numpy()] = True
    return fixed


def homogeneous(curve: Curve, rank: int = 0) -> torch.Tensor:
    """Where an elementwise function has φ(s·z) = s·φ(z) for s > 0: bool, broadcasts to what it was applied to.

    >>> bool(homogeneous(torch.relu)), bool(homogeneous(torch.tanh)), bool(homogeneous(torch.abs))
    (True, False, True)
    """
    holds = torch.ones([1] * rank, dtype=torch.bool)
    for side in (1.0, -1.0, 0.0):
        at = torch.full([1] * rank, side, dtype=torch.float64)
        once = curve(at)
        for s in STRETCHES:
            holds = holds & (curve(s * at) == s * once)
    return holds


def read_aside(numbering: Numbering) -> list[torch.Tensor]:
    """Numbers of the values that calls read through which nothing flows: they decide what is held fixed.

    Where such a call only moves values, what it makes is followed: of queries, keys and values that one projection
    makes, the values stay free.
    """
    moved: dict[int, torch.Tensor] = {}
    found: list[torch.Tensor] = []
    tape = numbering.tape
    for call in tape.calls:
        if call.index not in tape.needed or call.name in SHAPES_ONLY:
            continue
        flows = call.index in numbering.flowing
        read = {s: moved[s] for s in call.reads if s in moved}
        if not flows:
            read |= {s: numbering.forms[s].full for s in call.reads if s in numbering.forms}
        if not read:
            continue
        made = None if flows else _moved(call, read)
        if made is None:
            found += [numbers.reshape(-1) for numbers in read.values()]
        else:
            moved.update(made)
    return found


def _moved(call: Call, read: dict[int, torch.Tensor]) -> dict[int, torch.Tensor] | None:
    """Slot -> numbers after a call that only moves elements of one tensor; None for any other call."""
    if call.name not in FOLLOWED or set(call.reads) != set(read):
        return None
    args, kwargs = fill((call.args, call.kwargs), read.__getitem__)
    out = args[0].reshape(args[1]) if call.name in RESHAPED else call.op(*args, **kwargs)
    made = out if isinstance(out, (tuple, list)) else [out]
    return {s: t for s, t in zip(call.outputs, made, strict=True) if s is not None}
