"""What flows over every edge and through every vertex, taken while the network is played and while gradients return.

Nothing is kept for it: contributions are taken when a joint is played, attributions when its gradient passes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import scipy.sparse as sp
import torch

from netgraph.errors import InputError, NonFiniteError
from netgraph.graph.convolution import Convolution
from netgraph.network.blocks import Grouped, Record
from netgraph.network.numbering import Numbering
from netgraph.network.reads import Array
from netgraph.network.replay import Replay
from netgraph.network.shapes import canonical, product_to, sum_to
from netgraph.network.targets import named, objective
from netgraph.network.undisturbed import own_precision
from netgraph.network.values import Watch
from netgraph.network.vertices import At, Vertices

if TYPE_CHECKING:
    from netgraph.network.network import Network

FLOWS = ("contribution", "attribution")
"""What an edge of a graph of inputs carries."""


class Summary(NamedTuple):
    """What a graph says of its inputs: operators per joint and block, vertex columns (n,), the target, how many."""

    edges: dict[str, list[list[Any]]]
    columns: dict[str, Array]
    target: float
    inputs: int


def checked(summary: Summary, numbering: Numbering) -> Summary:
    """The same, where all of it are numbers.

    Raises
    ------
    NonFiniteError : NaN or infinity, with the first layers that hold it.
    """
    found: dict[str, str] = {}
    with np.errstate(over="ignore", invalid="ignore"):
        for name, operators in summary.edges.items():
            for joint, blocks in zip(numbering.joints.values(), operators, strict=True):
                bad = sum(_nonfinite(a) for operator in blocks for a in _held(operator))
                if bad:
                    found.setdefault(joint.layer.name, f"{name} of edges into it, {bad} numbers")
        for name, values in summary.columns.items():
            for v in numbering.layers if _nonfinite(values) else ():
                bad = _nonfinite(values[v.start : v.start + v.size])
                if bad:
                    found.setdefault(v.name, f"{name} of {bad} of its {v.size} vertices")
    if found or not np.isfinite(summary.target):
        order = [v.name for v in numbering.layers if v.name in found]
        where = "; ".join(f"layer {name!r}: {found[name]}" for name in order[:3]) or f"the target is {summary.target}"
        raise NonFiniteError(
            f"NaN or infinity flows at these inputs ({where}), so there is no share to give. Look for a division by 0, "
            "a logarithm or root of 0 or less, or an overflow in the model, or a target that is no number; "
            "float64 (model.double()) mends an overflow, torch.where or clamp the rest"
        )
    return summary


def _held(operator: Any) -> list[Array]:
    """The numbers that an operator is made of; those of a product of factors are not multiplied out."""
    if isinstance(operator, Convolution):
        return [a for a in (operator.kernel, operator.rows, operator.columns, operator.data) if a is not None]
    return [operator.data if sp.issparse(operator) else np.asarray(operator)]


def _nonfinite(values: Array) -> int:
    """How many values are NaN or infinite; seen from their sum, counted only where that is not finite."""
    return 0 if np.isfinite(values.sum(dtype=np.float64)) else int((~np.isfinite(values)).sum())


class Flows(Watch):
    """What flowed over every edge and through every vertex, summed over the inputs that were played."""

    kernels = True

    def __init__(self, numbering: Numbering) -> None:
        self.numbering = numbering
        self.edges: dict[str, dict[At, list[Any]]] = {name: {} for name in FLOWS}
        self.entry = np.zeros(numbering.n)
        self.constants = np.zeros(numbering.n)
        self.biases = np.zeros(numbering.n)
        self.seed = np.zeros(numbering.n)
        self.activations = np.zeros(numbering.n)
        self.target = 0.0
        self.count = 0
        self._batch: dict[str, dict[At, list[Any]]] = {}
        self._means = np.zeros(numbering.n)

    def begin(self) -> None:
        """A batch is played next."""
        self._batch = {name: {} for name in FLOWS}
        self._means[:] = 0

    def add(self, played: Replay, logits: torch.Tensor, objective: torch.Tensor) -> None:
        """What was played and differentiated before the eyes of this watch. ``objective``: (N,)."""
        numbering, n = self.numbering, len(objective)
        if logits.grad is not None:
            form = numbering.forms[played.tape.logits_slot]
            through(self.seed, form.numbers, logits.detach(), logits.grad)
        for leaf, numbers in played.leaves:
            if leaf.grad is not None:
                through(self.entry, numbers, leaf.detach(), leaf.grad)
        made = self._batch["contribution"]
        for name, batch in self._batch.items():
            known = self.edges[name]
            for at in numbering.joints:
                new = batch[at] if at in batch else [times(op, 0) for op in made[at]]  # no gradient came
                known[at] = [added(a, b) for a, b in zip(known[at], new, strict=True)] if at in known else new
        self.activations += self._means * n
        self.target += float(objective.detach().sum())
        self.count += n

    # -- what is told while it is played ---------------------------------------------------------------

    def activation(self, layer: Vertices, value: torch.Tensor) -> None:
        self._means[layer.start : layer.start + layer.size] = vertex_means(layer, value, layer.read.numbers)

    def made(self, at: At, record: Record) -> None:
        self._batch["contribution"][at] = self.numbering.joints[at].contributions(self.numbering.layers, record)

    def upstream(self, at: At, record: Record, gradient: torch.Tensor) -> None:
        joint = self.numbering.joints[at]
        through(self.entry, joint.layer.numbers, record.z, gradient)
        if not joint.by_kernel:
            self._batch["attribution"][at] = joint.flows(self.numbering.layers, record, gradient)

    def kernel(self, at: At, gradient: torch.Tensor) -> None:
        joint = self.numbering.joints[at]
        assert isinstance(joint, Grouped)  # the others have no kernel to be told of
        self._batch["attribution"][at] = joint.kernel_flows(self.numbering.layers, gradient)

    def constant(self, at: At, c: torch.Tensor, numbers: torch.Tensor, bias: bool, gradient: torch.Tensor) -> None:
        share = np.zeros(self.numbering.n)
        through(share, numbers, c, gradient)
        self.constants += share
        if bias:
            self.biases += share

    def summary(self) -> Summary:
        """Means over the inputs."""
        n = self.count
        edges = {}
        for name, operators in self.edges.items():
            edges[name] = [[times(op, 1 / n) for op in operators[at]] for at in self.numbering.joints]
        columns = {
            "activation": self.activations / n,
            "attribution": (self.entry + self.constants) / n,
            "constant_share": self.constants / n,
        }
        return Summary(edges, columns, self.target / n, n)


def passed(
    net: Network,
    batch: Sequence[torch.Tensor],
    numbering: Numbering,
    dtype: torch.dtype,
    watch: Watch,
    target: Any,
    keep: Collection[str] | None = None,
    gates: bool = False,
) -> tuple[Replay, torch.Tensor, torch.Tensor]:
    """One forward and one backward pass before the eyes of a watch: what was played, its logits, its targets (N,)."""
    kept = keep if keep is None else [*keep, *named(target)]
    tape = net.programs.tape(batch, numbering)
    played = Replay(tape, numbering, dtype, track_gates=gates, device=batch[0].device, watch=watch, keep=kept)
    with torch.inference_mode(False), torch.enable_grad(), own_precision():  # whatever mode the caller is in
        logits = played.run(batch)
        values = objective(target)(played, logits)
        if not values.requires_grad:
            raise InputError(
                "target= gives numbers that no change of the network would move (constants, or values behind detach(), "
                "numpy or a comparison), so nothing flows to them: compute it from the outputs with torch, such as "
                "logits[:, 0] - logits[:, 1]"
            )
        values.sum().backward()
    return played, logits, values


def through(total: Array, numbers: torch.Tensor, *factors: torch.Tensor) -> None:
    """Add the product of ``factors``, element by element, to the vertices that ``numbers`` say."""
    small = canonical(numbers)
    values = product_to(factors, small.shape).reshape(-1).to(torch.float64).cpu().numpy()
    index = small.reshape(-1).numpy()
    keep = index >= 0
    total += np.bincount(index[keep], values[keep], len(total))


def added(a: Any, b: Any) -> Any:
    """The sum of two operators of one layout; in float64 from the second batch on."""
    if sp.issparse(a):
        return sp.csr_array((np.add(a.data, b.data, dtype=np.float64), a.indices, a.indptr), shape=a.shape)
    return np.add(a, b, dtype=np.float64) if isinstance(a, np.ndarray) else a.astype(np.float64) + b.astype(np.float64)


def times(operator: Any, by: float) -> Any:
    return operator if by == 1 else operator * operator.dtype.type(by)


def vertex_means(v: Vertices, value: torch.Tensor, numbers: torch.Tensor | None = None) -> Array:
    """(size,) mean over positions and inputs of a value with the given numbers (default: as the layer was made)."""
    small = canonical(v.numbers if numbers is None else numbers)
    total = sum_to(value, small.shape)
    means = (total / (value.numel() / total.numel())).reshape(-1).to(torch.float64).cpu().numpy()
    index = small.reshape(-1).numpy() - v.start
    counts = np.bincount(index, minlength=v.size)
    result: Array = np.bincount(index, means, v.size) / np.maximum(counts, 1)
    return result


def input_means(v: Vertices, value: torch.Tensor, n: int) -> Array:
    """(n, size) the activation of each vertex on each of ``n`` inputs: means over positions."""
    moved = [i for i, size in enumerate(v.read.shape) if value.shape[i] != size]
    axis = moved[0] if moved else 0
    whole = value.movedim(axis, 0) if n > 1 else value.unsqueeze(0)
    small = canonical(v.read.numbers)
    small = small.squeeze(axis) if n > 1 else small
    total = sum_to(whole, (n, *small.shape))
    means = (total / (whole.numel() / total.numel())).reshape(n, -1).to(torch.float64).cpu()
    index = small.reshape(-1) - v.start
    sums = torch.zeros(n, v.size, dtype=torch.float64).index_add_(1, index, means)
    result: Array = (sums / torch.bincount(index, minlength=v.size).clamp_min(1)).numpy()
    return result
