"""The proof that a graph is the network at an input.

Five independent comparisons, in float64, each relative to the largest value of its kind:

forward       the frozen replay against the model itself (in float64, or link by link: netgraph.network.reference).
weight        the emitted blocks against the operations: a forward pass through weights, gates, biases and constants at
              the input; and random values at every vertex, pushed through both, so that no edge hides behind a silent
              unit. At channel granularity the weights against the reduction of the model's own kernels.
completeness  input shares + constant shares against the target.
conservation  what flows into and out of every vertex, and every edge's flow, against autograd.
path          the product of gated weights, summed over all paths, against autograd's ∂target/∂input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from netgraph.network.checks import Truth, check
from netgraph.network.frozen import PATTERN, Held, held_fixed, silent
from netgraph.network.gaps import worst
from netgraph.network.reference import MODEL, forward

if TYPE_CHECKING:
    from netgraph.network.network import Network

TOLERANCE = 1e-10
"""Largest relative error of a graph that is the network, in float64."""
CHECKS = ("forward", "weight", "completeness", "conservation", "path")
"""The comparisons, in the order in which they are printed."""


@dataclass(frozen=True)
class Verification:
    """Whether a graph is the network: relative errors, the worst over the inputs and over both granularities.

    ``print`` shows a small table; ``bool`` is true where every error is at most ``tolerance``.

    Attributes
    ----------
    forward_error : the frozen replay against the model itself.
    weight_error : the emitted weights against what the operations do.
    completeness_error : Σ input·∂ + Σ constant·∂ against the target (FullGrad's completeness: Srinivas & Fleuret 2019).
    conservation_error : what flows into and out of every vertex, and over every edge, against autograd.
    path_error : products of gated weights, summed over all paths, against autograd's ∂target/∂input.
    operations : number of operations of each kind ("affine", "gate" …) that depend on the input.
    unsupported : operations without a rule; empty, because :func:`netgraph.trace` refuses them.
    frozen : what is held fixed at an input, and why ("_softmax", 2, "attention pattern"): nothing flows through it.
    silent : layer -> (vertices that nothing flows out of, its size): queries and keys (W_Q, W_K), dropped units.
    warnings : every warning that was raised while the model was recorded and numbered.
    inputs : how many inputs were compared.
    tolerance : largest error that passes.
    granularities : at which the graphs were compared; paths are compared by units alone.
    reference : what the frozen replay was held against: the model in float64; or, where that cannot be run or is
        another function, the model's tape, and why (:mod:`netgraph.network.reference`).
    uncompared : layers whose weights by channel are too many to be listed, and were not compared one by one.

    Examples
    --------
    >>> import torch, netgraph as ng
    >>> check = ng.trace(torch.nn.Linear(3, 2), (3,)).verify()
    >>> bool(check), check.inputs, check.operations
    (True, 1, {'affine': 1})
    """

    forward_error: float
    weight_error: float
    completeness_error: float
    conservation_error: float
    path_error: float
    operations: dict[str, int] = field(default_factory=dict)
    unsupported: tuple[str, ...] = ()
    frozen: tuple[Held, ...] = ()
    silent: dict[str, tuple[int, int]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    inputs: int = 1
    tolerance: float = TOLERANCE
    granularities: tuple[str, ...] = ("unit", "channel")
    reference: tuple[str, ...] = (MODEL,)
    uncompared: tuple[str, ...] = ()

    @property
    def errors(self) -> dict[str, float]:
        """Name -> relative error, of the comparisons that were made."""
        made = [name for name in CHECKS if name != "path" or "unit" in self.granularities]
        return {name: getattr(self, f"{name}_error") for name in made}

    @property
    def exact(self) -> bool:
        """Every error is within the tolerance."""
        return all(error <= self.tolerance for error in self.errors.values())

    def __bool__(self) -> bool:
        return self.exact

    def __str__(self) -> str:
        rows = [
            f"  {name:<13}{error:9.1e}  {'ok' if error <= self.tolerance else 'FAILS'}"
            for name, error in self.errors.items()
        ]
        kinds = ", ".join(f"{n} {kind}" for kind, n in self.operations.items())
        head = "the graph is the network" if self.exact else "the graph is NOT the network"
        return "\n".join(
            [
                f"{head} (relative errors, float64, {' and '.join(f'{g}s' for g in self.granularities)}, "
                f"{self.inputs} input{'s' if self.inputs != 1 else ''})",
                *rows,
                f"  operations   {kinds}",
                *_listed("held against", [r for r in self.reference if r != MODEL]),
                *_listed("not compared", [f"{name}: its weights by channel are too many" for name in self.uncompared]),
                *_listed("held fixed", [f"{h.times} {h.operation}: {h.why}" for h in self.frozen]),
                *_listed("no flow", self.unmoved()),
                *_listed("warnings", self.warnings),
            ]
        )

    def unmoved(self) -> list[str]:
        """A line for each layer that has vertices which nothing flows out of."""
        patterns = any(h.why == PATTERN for h in self.frozen)
        held = " (queries and keys receive nothing: W_Q, W_K)" if patterns else ""
        return [f"{name}: {n} of {size} vertices{held}" for name, (n, size) in self.silent.items()]


def _listed(name: str, lines: Sequence[str], most: int = 6) -> list[str]:
    """Lines under one heading, the first beside it."""
    shown = [*lines[:most], *([f"… and {len(lines) - most} more"] if len(lines) > most else [])]
    return [f"  {name if i == 0 else '':<13}{line}" for i, line in enumerate(shown)]


def verify(
    net: Network,
    given: list[torch.Tensor],
    tolerance: float = TOLERANCE,
    granularities: Sequence[str] = ("unit", "channel"),
) -> Verification:
    """Compare the network's graphs with the network at each input."""
    found = dict.fromkeys(CHECKS, 0.0)
    found["forward"], references = forward(net, given, tolerance)
    left_out: dict[str, None] = {}
    for i in range(len(given[0])):
        one = [x[i : i + 1].double() if x.is_floating_point() else x[i : i + 1] for x in given]
        for granularity in granularities:
            for name, error in _compared(net, one, granularity, left_out).items():
                found[name] = worst(found[name], error)
    numbering = net.programs.numbering("channel")
    made = Verification(
        forward_error=found["forward"],
        weight_error=found["weight"],
        completeness_error=found["completeness"],
        conservation_error=found["conservation"],
        path_error=found["path"],
        operations=net.operations(),
        frozen=held_fixed(numbering),
        silent=silent(numbering),
        warnings=tuple(net.programs.warnings),
        inputs=len(given[0]),
        tolerance=tolerance,
        granularities=tuple(granularities),
        reference=references,
        uncompared=tuple(left_out),
    )
    net.verified = (net.hash, made)
    return made


def _compared(net: Network, one: list[torch.Tensor], granularity: str, left_out: dict[str, None]) -> dict[str, float]:
    """The errors at one input; what was played and made for them is gone afterwards."""
    truth = Truth(net, one, granularity)
    errors = check(truth.graph(), truth)
    left_out.update(dict.fromkeys(truth.uncompared))
    return errors


def forward_error(net: Network, given: list[torch.Tensor]) -> float:
    """The frozen replay against the model itself: the first of the errors alone, without any graph."""
    return forward(net, given, TOLERANCE)[0]
