"""Flows of every single input of a batch, from one forward and one backward pass, and their moments.

A batch is played as it is; what flowed for each of its inputs is worked out joint by joint while it passes, a few
inputs at a time, and only the moments are kept: memory grows neither with the inputs nor with what one of them takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from netgraph.graph.convolution import Convolution
from netgraph.network.axes import Axes
from netgraph.network.blocks import Grouped, Joint, Matmul, Record
from netgraph.network.elementwise import Elementwise
from netgraph.network.flows import FLOWS, Summary, input_means, passed
from netgraph.network.gathering import Gathering, gatherings
from netgraph.network.implicit import Implicit
from netgraph.network.moments import Moments, data_of, with_data
from netgraph.network.numbering import Numbering
from netgraph.network.progress import Tick, silent
from netgraph.network.shapes import canonical, lift, product_to
from netgraph.network.targets import of_rows
from netgraph.network.values import Watch
from netgraph.network.vertices import At, Vertices

if TYPE_CHECKING:
    from netgraph.network.network import Network

ROOM = 1 << 26
"""Bytes that the flows of a few inputs may take at once."""
COLUMNS = ("activation", "attribution", "constant_share")
Groups = Mapping[int, torch.Tensor]
"""Label -> which inputs of a batch have it."""


class Group:
    """The moments of the inputs that have one label."""

    def __init__(self, spread: Spread) -> None:
        self.numbering, self._spread = spread.numbering, spread
        self.edges: dict[tuple[str, At], list[Moments]] = {}
        self.columns = {name: Moments(spread.how) for name in COLUMNS}
        self.target, self.count = 0.0, 0

    def of(self, name: str, at: At) -> list[Moments]:
        """The moments of a joint's blocks."""
        blocks = len(self._spread.layout[at])
        return self.edges.setdefault((name, at), [Moments(self._spread.how) for _ in range(blocks)])

    def summary(self) -> Summary:
        """What is kept."""
        edges = {
            name: [
                [
                    with_data(operator, moments.finish())
                    for operator, moments in zip(self._spread.layout[at], self.edges[name, at], strict=True)
                ]
                for at in self.numbering.joints
            ]
            for name in FLOWS
        }
        columns = {name: moments.finish() for name, moments in self.columns.items()}
        return Summary(edges, columns, self.target / self.count, self.count)


class Spread(Watch):
    """The moments of what flows for each input over every edge and through every vertex, for each label.

    Parameters
    ----------
    numbering : of the program that all inputs run.
    how : "mean_abs" or "std".
    """

    def __init__(self, numbering: Numbering, how: str) -> None:
        self.numbering, self.how = numbering, how
        self.found: dict[int, Group] = {}
        self.layout: dict[At, list[Any]] = {}  # operators in the layout that each joint emits
        self._axes: Axes | None = None
        self._gathered: dict[At, list[Gathering]] = {}
        self._groups: Groups = {}
        self._begin(0, {})

    def play(
        self,
        net: Network,
        given: list[torch.Tensor],
        target: Any,
        groups: Groups,
        dtype: torch.dtype,
        tick: Tick = silent,
    ) -> None:
        """Add the flows of some inputs, ``groups`` by label; ``target`` as in :meth:`Network.graph`."""
        first = 0
        for batch, wanted in self._batches(net, given, target, dtype):
            n = len(batch[0])
            self._begin(n, within(groups, first, n))
            played, _, objective = passed(net, batch, self.numbering, dtype, self, wanted, keep=())
            self._finish(played.leaves, objective.detach().double().cpu())
            first += n
            tick(n)

    def _batches(
        self, net: Network, given: list[torch.Tensor], target: Any, dtype: torch.dtype
    ) -> Iterator[tuple[list[torch.Tensor], Any]]:
        """Batches whose vertices' values for every input fit; one by one where inputs cannot be told apart."""
        most = max(1, ROOM // (8 * max(self.numbering.n, 1)))
        for batch, wanted in net.programs.batches(given, target):
            n = len(batch[0])
            if n > 1 and self._axes is None:
                self._axes = Axes.found(net, batch, self.numbering, dtype)
            step = min(n, most) if self._axes is not None and self._axes.apart else 1
            for i in range(0, n, step):
                yield [x[i : i + step] for x in batch], of_rows(wanted, n, i, i + step)

    def _begin(self, n: int, groups: Groups) -> None:
        self._n, self._groups = n, groups
        shape = (n, self.numbering.n)
        self._entry, self._constants, self._activation = (torch.zeros(shape, dtype=torch.float64) for _ in range(3))
        self._reached: set[At] = set()

    def _finish(self, leaves: Sequence[tuple[torch.Tensor, torch.Tensor]], objective: torch.Tensor) -> None:
        for i, (leaf, numbers) in enumerate(leaves):
            if leaf.grad is not None:
                axis = self._axis("leaf", i)
                self._through(self._entry, numbers, [(leaf.detach(), axis), (leaf.grad, axis)], leaf.dim())
        found = (self._activation, self._entry + self._constants, self._constants)
        for label, chosen in self._groups.items():
            group = self.found.setdefault(label, Group(self))
            for name, values in zip(COLUMNS, found, strict=True):
                group.columns[name].add(values[chosen])
            for at in self.numbering.joints:
                if at not in self._reached:  # no gradient came
                    for operator, moments in zip(self.layout[at], group.of("attribution", at), strict=True):
                        moments.add(torch.zeros(1, 1, dtype=torch.float64).expand(len(chosen), data_of(operator).size))
            group.target += float(objective[chosen].sum())
            group.count += len(chosen)

    # -- what is told while it is played ---------------------------------------------------------------

    def activation(self, layer: Vertices, value: torch.Tensor) -> None:
        alone = layer.kind == "constant"
        means = input_means(layer, value[None] if alone else value, 1 if alone else self._n)
        self._activation[:, layer.start : layer.start + layer.size] = torch.from_numpy(means)

    def made(self, at: At, record: Record) -> None:
        self._flow("contribution", self.numbering.joints[at], record, None)

    def upstream(self, at: At, record: Record, gradient: torch.Tensor) -> None:
        joint, axis = self.numbering.joints[at], self._axis("z", at)
        self._through(self._entry, joint.layer.numbers, [(record.z, axis), (gradient, axis)], gradient.dim())
        self._reached.add(at)
        self._flow("attribution", joint, record, gradient)

    def constant(self, at: At, c: torch.Tensor, numbers: torch.Tensor, bias: bool, gradient: torch.Tensor) -> None:
        axis = self._axis("constant", at)
        wide = lift(c, gradient.dim())
        its = axis if axis is not None and wide.shape[axis] > 1 else None
        self._through(self._constants, numbers, [(wide, its), (gradient, axis)], gradient.dim())

    # -- input by input --------------------------------------------------------------------------------

    def _axis(self, what: str, key: Any, i: int = 0) -> int | None:
        """Along which axis the inputs lie."""
        return None if self._n == 1 or self._axes is None else self._axes.of[what, key][i]

    def _through(
        self, total: torch.Tensor, numbers: torch.Tensor, factors: list[tuple[torch.Tensor, int | None]], rank: int
    ) -> None:
        small = canonical(lift(numbers, max(rank, numbers.dim())))
        values = product_to([by_input(f, axis, small.dim()) for f, axis in factors], (self._n, *small.shape))
        index = small.reshape(-1)
        keep = index >= 0
        total.index_add_(1, index[keep], values.reshape(self._n, -1)[:, keep].double().cpu())

    def _flow(self, name: str, joint: Joint, record: Record, upstream: torch.Tensor | None) -> None:
        at, layers = joint.at, self.numbering.layers
        if at not in self.layout:
            one = self._one(joint, record, 0)
            self.layout[at] = joint.contributions(layers, one)
        with torch.no_grad():
            inputs_first = self._axis("value", at) == 0 and self._axis("z", at) == 0
            if isinstance(joint, Grouped) and joint.by_kernel and inputs_first:
                self._grouped(name, joint, record, upstream)
            elif isinstance(joint, Elementwise):
                self._elementwise(name, joint, record, upstream)
            elif isinstance(joint, Implicit) and self.how == "mean_abs" and joint.held(layers) is not None:
                self._implicit(name, joint, record, upstream)
            else:
                self._one_by_one(name, joint, record, upstream)

    def _take(self, name: str, at: At, first: int, blocks: Sequence[torch.Tensor]) -> None:
        """(inputs, numbers) of each block, for the inputs from ``first`` on."""
        n = len(blocks[0])
        for label, chosen in within(self._groups, first, n).items():
            moments = self.found.setdefault(label, Group(self)).of(name, at)
            for some, values in zip(moments, blocks, strict=True):
                some.add(values if len(chosen) == n else values[chosen.to(values.device)])

    def _one(self, joint: Joint, record: Record, i: int) -> Record:
        """What was played for one input."""

        def narrow(t: torch.Tensor, axis: int | None) -> torch.Tensor:
            return t if axis is None else t.narrow(axis, i, 1)

        at = joint.at
        values = [narrow(v, self._axis("value", at, k)) for k, v in enumerate(record.values)]
        held = [narrow(c, self._axis("coefficient", at, k)) for k, c in enumerate(record.coefficients)]
        index = None if record.index is None else narrow(record.index, self._axis("index", at))
        return replace(record, values=values, z=narrow(record.z, self._axis("z", at)), coefficients=held, index=index)

    def _one_by_one(self, name: str, joint: Joint, record: Record, upstream: torch.Tensor | None) -> None:
        axis = self._axis("z", joint.at)
        for i in range(self._n):
            one = self._one(joint, record, i)
            if upstream is None:
                operators = joint.contributions(self.numbering.layers, one)
            else:
                mine = upstream if axis is None else upstream.narrow(axis, i, 1)
                operators = joint.flows(self.numbering.layers, one, mine)
            self._take(name, joint.at, i, [torch.from_numpy(data_of(op))[None] for op in operators])

    def _implicit(self, name: str, joint: Implicit, record: Record, upstream: torch.Tensor | None) -> None:
        """Σ |w · u · x| where each edge is a product of a tap, one upstream and one value: their absolute values'."""
        held = joint.held(self.numbering.layers)
        assert held is not None
        xs, us = joint.played(record, joint.ones(record.z) if upstream is None else upstream)
        xs, us = xs.abs().double().cpu(), us.abs().double().cpu()
        taps = joint.weight.detach().abs().double().cpu().numpy()
        for label, chosen in self._groups.items():
            x, u = xs[chosen], us[chosen] if len(us) > 1 else us
            if upstream is None or len(us) == 1:  # one upstream for all
                x, u = x.sum(0, keepdim=True), u[:1]
            moments = self.found.setdefault(label, Group(self)).of(name, joint.at)
            for some, read in zip(moments, held, strict=True):
                product = Convolution(read.pattern, read.kernel(taps), u.numpy(), read.columns(x.numpy()))
                some.add_absolute(torch.from_numpy(data_of(product)), len(chosen))

    def _elementwise(self, name: str, joint: Elementwise, record: Record, upstream: torch.Tensor | None) -> None:
        at, rank = joint.at, record.z.dim()
        last = joint.ones(record.z) if upstream is None else upstream
        factor = by_input(last, self._axis("z", at), rank)
        flat: list[torch.Tensor] = []
        for term, (value, c) in enumerate(zip(record.values, record.coefficients, strict=True)):
            factors = [
                by_input(value, self._axis("value", at, term), rank),
                by_input(c, self._axis("coefficient", at, term), rank),
                factor,
            ]
            flat.append(product_to(factors, (self._n, *lift(joint.new, rank).shape)).reshape(self._n, -1).cpu())
        plans = [
            (term, torch.from_numpy(block.chosen), torch.from_numpy(block.edge), len(block.column))
            for term in range(len(joint.terms))
            for block in joint.layouts_of(term, self.numbering.layers)
        ]
        step = max(1, ROOM // (8 * max(sum(m for *_, m in plans), 1)))
        for i in range(0, self._n, step):
            blocks = []
            for term, chosen, edge, m in plans:
                values = flat[term][i : i + step, chosen]
                blocks.append(values.new_zeros(len(values), m).index_add_(1, edge, values))
            self._take(name, at, i, blocks)

    def _grouped(self, name: str, joint: Grouped, record: Record, upstream: torch.Tensor | None) -> None:
        at = joint.at
        if at not in self._gathered:
            self._gathered[at] = gatherings(joint, self.layout[at], self.numbering.layers)
        x, u = record.values[0], upstream
        factor = None
        if upstream is None and joint.factor is not None:
            factor = joint.factor.to(x).reshape(len(joint.numbers), -1, 1)
        if (
            self.how == "mean_abs"
            and isinstance(joint, Matmul)
            and x.numel() == self._n * joint.numbers.shape[1]
            and all(g.place is None for g in self._gathered[at])
        ):
            self._outer(name, joint, x, u, factor)
            return
        weight = joint.weight.numel() if u is not None else 0
        step = max(1, ROOM // (8 * (weight * 2 + joint.layer.size * joint.numbers.shape[1])))
        for i in range(0, self._n, step):
            each = joint.each(x[i : i + step], None if u is None else u[i : i + step], record.z.shape)
            each = each if factor is None else each * factor
            self._take(name, at, i, [g.of(each) for g in self._gathered[at]])

    def _outer(
        self, name: str, joint: Grouped, x: torch.Tensor, u: torch.Tensor | None, factor: torch.Tensor | None
    ) -> None:
        """Σ |w · u · x| = |w| · (|u|ᵀ|x|) where each edge is a product of one value and one upstream."""
        for label, chosen in self._groups.items():
            mine = x[chosen].abs().double()[None]
            upstream = None if u is None else u[chosen].abs().double()[None]
            total = joint.each(mine, upstream, ()).abs()
            total = total if factor is None else total * factor.abs()
            moments = self.found.setdefault(label, Group(self)).of(name, joint.at)
            for some, g in zip(moments, self._gathered[joint.at], strict=True):
                some.add_absolute(g.of(total)[0], len(chosen))


def within(groups: Groups, first: int, n: int) -> Groups:
    """The groups of ``n`` inputs from ``first`` on, counted from there."""
    inside = {label: chosen[(chosen >= first) & (chosen < first + n)] - first for label, chosen in groups.items()}
    return {label: chosen for label, chosen in inside.items() if len(chosen)}


def by_input(t: torch.Tensor, axis: int | None, rank: int) -> torch.Tensor:
    """(B, …) with the rank of one input after B: what lay along ``axis`` comes first; None: the same for all."""
    lifted = rank - t.dim()
    t = lift(t, rank)[None] if lifted > 0 else t[None]
    return t if axis is None else t.transpose(0, axis + max(lifted, 0) + 1)
