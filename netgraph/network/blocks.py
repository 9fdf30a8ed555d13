"""Operations that make vertices, and the edge blocks that they become.

A *joint* stands for one step of the tape where values of some vertices become values of others. It knows, without any
input, the weight of every edge; and, given what was played through it, the flow over every edge:
``flow = weight · value of the source · upstream``. With ``upstream = ∂target/∂z`` that is the attribution, with ones
the contribution. Every joint emits its operators in one fixed order and layout.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
import torch

from netgraph.errors import AnalysisError
from netgraph.network.shapes import Geometry, batchify, canonical, count, lift, sum_to

if TYPE_CHECKING:
    from netgraph.network.vertices import At, Form, Vertices

Array = np.ndarray[Any, Any]

REDUCTIONS: dict[str, Callable[[Array], Array]] = {
    "l1": lambda taps: np.abs(taps).sum(-1),
    "l2": lambda taps: np.sqrt(np.square(taps).sum(-1)),
    "max": lambda taps: np.abs(taps).max(-1),
    "sum": lambda taps: taps.sum(-1),
    "mean": lambda taps: taps.mean(-1),
}
"""What a kernel with several taps weighs: entrywise norms, or signed sums. One tap keeps exactly its parameter."""
NORMS = {"l1", "l2", "max"}


@dataclass
class Record:
    """What was played through a joint: the source's value(s), coefficients, and the sum that it made."""

    values: list[torch.Tensor]
    z: torch.Tensor
    coefficients: list[Any] = field(default_factory=list)
    gates: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    index: torch.Tensor | None = None


@dataclass(frozen=True, eq=False)
class Read:
    """Which columns of a joint read one layer, and as which vertices of it.

    ``columns`` are sorted by vertex; ``vertices`` are the distinct ones (local numbers), ``counts`` how many columns each.
    """

    layer: Vertices
    columns: Array
    vertices: Array
    counts: Array

    @property
    def one_to_one(self) -> bool:
        return len(self.columns) == len(self.vertices)

    def gather(self, taps: Array, how: str) -> Array:
        """(rows, columns, taps) -> (rows, vertices): the taps of each vertex reduced."""
        rows, total, per = taps.shape
        whole = len(self.columns) == total and np.array_equal(self.columns, np.arange(total))
        picked = taps if whole else taps[:, self.columns]
        if self.one_to_one and per == 1:
            return picked[:, :, 0]
        if (self.counts == self.counts[0]).all():
            return _reduce(picked.reshape(rows, len(self.vertices), -1), how)
        stops = np.cumsum(self.counts)
        pieces = [_reduce(picked[:, b - c : b].reshape(rows, 1, -1), how) for b, c in zip(stops, self.counts, strict=True)]
        return np.concatenate(pieces, 1)


def _reduce(taps: Array, how: str) -> Array:
    return taps[..., 0] if taps.shape[-1] == 1 else REDUCTIONS[how](taps)


def read(numbers: Array, layers: Sequence[Vertices], exact: bool) -> list[Read]:
    """Split columns by the layer that they read; with ``exact``, a vertex that is read again comes in a further Read."""
    order = np.argsort(numbers, kind="stable")
    order = order[numbers[order] >= 0]
    sorted_numbers = numbers[order]
    fresh = np.ones(len(order), dtype=bool)
    fresh[1:] = sorted_numbers[1:] != sorted_numbers[:-1]
    starts = np.flatnonzero(fresh)
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    out = []
    begins = np.array([layer.start for layer in layers])
    where = np.searchsorted(begins, sorted_numbers, side="right") - 1
    for index in np.unique(where):
        layer = layers[index]
        inside = where == index
        for r in range(int(rank[inside].max()) + 1) if exact else [None]:
            mask = inside if r is None else inside & (rank == r)
            vertices, counts = np.unique(sorted_numbers[mask] - layer.start, return_counts=True)
            out.append(Read(layer, order[mask], vertices, counts))
    return out


@dataclass(frozen=True, eq=False)
class Part:
    """One edge block before it has a dtype: operators in the layout that the joint always emits."""

    source: Vertices
    weight: Any
    tap_sum: Any = None
    gate: Array | None = None
    constant: Array | None = None


class Joint:
    """The common part: where it stands, what it makes, and a scale that was folded into it."""

    def __init__(self, at: At, layer: Vertices, kind: str) -> None:
        self.at, self.layer, self.kind = at, layer, kind
        self.factor: torch.Tensor | None = None

    def fold(self, per_vertex: torch.Tensor) -> None:
        """Multiply every weight into vertex j by ``per_vertex[j]``."""
        self.factor = per_vertex if self.factor is None else self.factor * per_vertex

    def ones(self, z: torch.Tensor) -> torch.Tensor:
        """The upstream that gives contributions: 1, times the scale that was folded into the weights."""
        if self.factor is None:
            return torch.ones_like(z)
        local = canonical(self.layer.numbers) - self.layer.start
        return self.factor.to(z.dtype).to(z.device)[local].expand(z.shape)

    def parts(self, layers: Sequence[Vertices], how: str, record: Record | None = None) -> list[Part]:
        """The edge blocks, one per layer that is read."""
        raise NotImplementedError

    def flows(self, layers: Sequence[Vertices], record: Record, upstream: torch.Tensor) -> list[Any]:
        """Operators in the layout of :meth:`parts`: weight · value · upstream, summed over positions and inputs."""
        raise NotImplementedError

    def mask(self, layers: Sequence[Vertices], masks: Sequence[Any], dtype: torch.dtype) -> Any:
        """Masks on the parts' edges, in the shape that is played."""
        raise NotImplementedError

    def _gates(self, record: Record | None, term: int, pick: Array, at: Array, layer: Vertices, scale: Array | None) -> Any:
        """(gate, constant) of the vertices at ``at`` from the elements ``pick``; (None, None) where they were not tracked."""
        if record is None or not record.gates:
            return None, None
        gate, constant = np.ones(layer.size), np.zeros(layer.size)
        gate[at] = self._elements(record.gates[term])[pick]
        values = self._elements(record.constants[term])[pick]
        constant[at] = values if scale is None else values / scale[pick]
        return gate, constant

    def _elements(self, t: torch.Tensor) -> Array:
        """The elements of a source tensor in the order of the columns."""
        flat: Array = t.detach().to(torch.float64).reshape(-1).cpu().numpy()
        return flat


class Grouped(Joint):
    """Groups of rows that each read their own columns through a dense matrix: linear layers and channels."""

    numbers: Array  # (groups, K)
    scale: Array | None  # (groups, K)
    exact: bool

    def matrix(self, group: int) -> Array:
        """(rows of the group, K, taps)."""
        raise NotImplementedError

    def flow_matrices(self, record: Record, upstream: torch.Tensor) -> Array:
        """(groups, rows of a group, K), summed over positions and the batch."""
        raise NotImplementedError

    def parts(self, layers: Sequence[Vertices], how: str, record: Record | None = None) -> list[Part]:
        reads = read(self.numbers.reshape(-1), layers, self.exact)
        factor = None if self.factor is None else self.factor.numpy()
        parts = []
        several = any(not r.one_to_one for r in reads) or self.matrix(0).shape[2] > 1
        scale = None if self.scale is None else self.scale.reshape(-1)
        for r in reads:
            weight = self._assemble(r, how, factor)
            tap_sum = self._assemble(r, "sum", factor) if several and how in NORMS else None
            gate, constant = self._gates(record, 0, r.columns, r.vertices, r.layer, scale) if self.exact else (None, None)
            parts.append(Part(r.layer, weight, tap_sum, gate, constant))
        return parts

    def mask(self, layers: Sequence[Vertices], masks: Sequence[Any], dtype: torch.dtype) -> Any:
        groups, columns = self.numbers.shape
        rows = self.layer.size // groups
        kept = np.ones((groups, rows, columns))
        for r, m in zip(read(self.numbers.reshape(-1), layers, self.exact), masks, strict=True):
            if m is None:
                continue
            vertices = np.repeat(r.vertices, r.counts)
            for g in range(groups):
                inside = (r.columns >= g * columns) & (r.columns < (g + 1) * columns)
                t, v = np.meshgrid(np.arange(g * rows, (g + 1) * rows), vertices[inside], indexing="ij")
                kept[g][:, r.columns[inside] - g * columns] = entries(m, t, v)
        return self.kernel_mask(torch.from_numpy(kept).to(dtype))

    def kernel_mask(self, kept: torch.Tensor) -> torch.Tensor:
        """(groups, rows, K) in the shape of the weight."""
        raise NotImplementedError

    def flows(self, layers: Sequence[Vertices], record: Record, upstream: torch.Tensor) -> list[Any]:
        matrices = self.flow_matrices(record, upstream)
        reads = read(self.numbers.reshape(-1), layers, self.exact)
        return [self._assemble(r, "sum", None, matrices) for r in reads]

    def _assemble(self, r: Read, how: str, factor: Array | None, flows: Array | None = None) -> Any:
        groups, columns = self.numbers.shape
        pieces, indices, lengths = [], [], []
        for g in range(groups):
            inside = (r.columns >= g * columns) & (r.columns < (g + 1) * columns) if groups > 1 else slice(None)
            cols = r.columns[inside] - g * columns
            if not len(cols):
                continue
            if groups == 1:
                sub = Read(r.layer, cols, r.vertices, r.counts)
            else:
                vertices, counts = np.unique(np.repeat(r.vertices, r.counts)[inside], return_counts=True)
                sub = Read(r.layer, cols, vertices, counts)
            taps = self.matrix(g) if flows is None else flows[g][:, :, None]
            if flows is None and self.scale is not None:
                taps = taps * self.scale[g][None, :, None]
            if factor is not None:
                rows = taps.shape[0]
                taps = taps * factor[g * rows : (g + 1) * rows, None, None]
            pieces.append((g, sub.gather(taps, how)))
            indices.append(sub.vertices)
            lengths.append(len(sub.vertices))
        if groups == 1:
            piece, vertices = pieces[0][1], indices[0]
            if len(vertices) == r.layer.size:
                return piece
            out = np.zeros((piece.shape[0], r.layer.size), dtype=piece.dtype)
            out[:, vertices] = piece
            return out
        rows = pieces[0][1].shape[0]
        per_row = np.zeros(groups * rows, dtype=np.int64)
        for (g, _), n in zip(pieces, lengths, strict=True):
            per_row[g * rows : (g + 1) * rows] = n
        indptr = np.concatenate([[0], np.cumsum(per_row)])
        data = np.concatenate([p.reshape(-1) for _, p in pieces])
        index = np.concatenate([np.tile(v, rows) for v in indices])
        return sp.csr_array((data, index, indptr), shape=(groups * rows, r.layer.size))


class Matmul(Grouped):
    """(…, K) times a constant (K, O)."""

    def __init__(
        self, at: At, layer: Vertices, kind: str, rows: torch.Tensor, representative: torch.Tensor, scale: torch.Tensor | None,
        weight: torch.Tensor, group: torch.Tensor, exact: bool,
    ) -> None:
        super().__init__(at, layer, kind)
        self.numbers, self.exact, self.weight, self.group = rows[representative].numpy(), exact, weight, group
        self.representative = representative
        self.scale = None if scale is None else scale.numpy()

    def _elements(self, t: torch.Tensor) -> Array:
        rows = t.detach().to(torch.float64).expand(t.shape).reshape(-1, t.shape[-1])[self.representative]
        flat: Array = rows.reshape(-1).cpu().numpy()
        return flat

    def matrix(self, group: int) -> Array:
        matrix: Array = self.weight.detach().t().cpu().numpy()[:, :, None]
        return matrix

    def kernel_mask(self, kept: torch.Tensor) -> torch.Tensor:
        if len(kept) > 1:
            raise AnalysisError(
                f"layer {self.layer.name!r}: its weights are shared by {len(kept)} groups of vertices, so its edges cannot be cut "
                "one by one at this granularity; use granularity='channel'"
            )
        return kept[0].t()

    def flow_matrices(self, record: Record, upstream: torch.Tensor) -> Array:
        x = record.values[0]
        weight = self.weight.detach().to(x.dtype).to(x.device).t()
        k, o = x.shape[-1], upstream.shape[-1]
        if len(self.numbers) == 1:
            inner = upstream.reshape(-1, o).t() @ x.reshape(-1, k)
            flow: Array = (weight * inner).cpu().numpy()[None]
            return flow
        small = tuple(self.group.shape)
        xs, us = batchify_rows(x, small), batchify_rows(upstream, small)
        group = self.group.reshape(-1)
        out = []
        for g in range(len(self.numbers)):
            mask = group == g
            out.append(weight * (us[:, mask].reshape(-1, o).t() @ xs[:, mask].reshape(-1, k)))
        stacked: Array = torch.stack(out).cpu().numpy()
        return stacked


def batchify_rows(t: torch.Tensor, lead: Sequence[int]) -> torch.Tensor:
    """(B, rows, features) of a tensor whose leading axes are ``lead`` up to the batch."""
    features = t.shape[-1]
    flat = batchify(t, (*lead, features))
    return flat.reshape(flat.shape[0], count(lead), features)


class Convolution(Grouped):
    """A convolution between channels: each edge is a kernel."""

    def __init__(
        self, at: At, layer: Vertices, kind: str, channels: torch.Tensor, scale: torch.Tensor | None, weight: torch.Tensor,
        geometry: Geometry,
    ) -> None:
        super().__init__(at, layer, kind)
        self.geometry, self.weight, self.exact = geometry, weight, False
        self.numbers = channels.reshape(geometry.groups, -1).numpy()
        self.scale = None if scale is None else scale.reshape(geometry.groups, -1).numpy()

    def _by_output(self, kernel: torch.Tensor) -> torch.Tensor:
        """(groups, outputs of a group, inputs of a group, taps)."""
        groups = self.geometry.groups
        if self.geometry.transposed:
            return kernel.reshape(groups, -1, kernel.shape[1], count(kernel.shape[2:])).transpose(1, 2)
        return kernel.reshape(groups, -1, kernel.shape[1], count(kernel.shape[2:]))

    def matrix(self, group: int) -> Array:
        matrix: Array = self._by_output(self.weight.detach())[group].cpu().numpy()
        return matrix

    def kernel_mask(self, kept: torch.Tensor) -> torch.Tensor:
        taps = [1] * (self.weight.dim() - 2)
        turned = kept.transpose(1, 2) if self.geometry.transposed else kept
        return turned.reshape(self.weight.shape[0], self.weight.shape[1], *taps)

    def flow_matrices(self, record: Record, upstream: torch.Tensor) -> Array:
        x, g = record.values[0], self.geometry
        weight = self.weight.detach().to(x.dtype).to(x.device)
        _, gradient, _ = torch.ops.aten.convolution_backward(
            upstream, x.detach(), weight, None, g.stride, g.padding, g.dilation, g.transposed, g.output_padding, g.groups,
            [False, True, False],
        )
        flow: Array = self._by_output(weight * gradient).sum(-1).cpu().numpy()
        return flow


class Linear(Joint):
    """A linear map listed element by element: unrolled convolutions, average pooling, sums over features."""

    def __init__(
        self, at: At, layer: Vertices, kind: str, numbers: torch.Tensor, scale: torch.Tensor | None, new: torch.Tensor,
        rows: torch.Tensor, cols: torch.Tensor, coefficients: torch.Tensor, taps: torch.Tensor | None, shape: Sequence[int],
        exact: bool, small: Sequence[int] | None = None,
    ) -> None:
        super().__init__(at, layer, kind)
        self.numbers, self.scale = numbers, scale
        self.target = new.expand(tuple(shape)).reshape(-1)[rows] - layer.start
        self.rows, self.cols, self.coefficients, self.taps = rows, cols, coefficients, taps
        self.shape, self.exact, self.small = tuple(shape), exact, small
        self.before: Sequence[int] = ()
        self._plan: list[tuple[Read, Array, Array, Array, Array]] | None = None

    def weights(self) -> torch.Tensor:
        """The coefficient of each entry."""
        values = self.coefficients.detach().cpu()
        return values if self.taps is None else values[self.taps]

    def plan(self, layers: Sequence[Vertices]) -> list[tuple[Read, Array, Array, Array, Array]]:
        """Per block: its Read, which entries, the edge of each entry, and the CSR's columns and row pointer."""
        if self._plan is not None:
            return self._plan
        plan = []
        cols, target = self.cols.numpy(), self.target.numpy()
        for r in read(self.numbers.numpy(), layers, self.exact):
            local = np.full(self.numbers.numel(), -1, dtype=np.int64)
            local[r.columns] = np.repeat(r.vertices, r.counts)
            entries = np.flatnonzero(local[cols] >= 0)
            code = target[entries] * r.layer.size + local[cols[entries]]
            if len(code) and (np.diff(code) > 0).all():
                distinct, edge = code, np.arange(len(code))
            else:
                distinct, edge = np.unique(code, return_inverse=True)
            row, column = np.divmod(distinct, r.layer.size)
            indptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=self.layer.size))])
            plan.append((r, entries, edge, column, indptr))
        self._plan = plan
        return plan

    def parts(self, layers: Sequence[Vertices], how: str, record: Record | None = None) -> list[Part]:
        weights = self.weights()
        if self.scale is not None:
            weights = weights * self.scale[self.cols]
        if self.factor is not None:
            weights = weights * self.factor[self.target]
        values = weights.numpy()
        scale = None if self.scale is None else self.scale.numpy()
        parts = []
        for r, entries, edge, column, indptr in self.plan(layers):
            data, sums = self._reduced(values[entries], entries, edge, len(column), how)
            gate, constant = self._gates(record, 0, r.columns, np.repeat(r.vertices, r.counts), r.layer, scale) if self.exact else (None, None)
            tap_sum = None if sums is None else _csr(sums, column, indptr, self.layer.size, r.layer.size)
            parts.append(Part(r.layer, _csr(data, column, indptr, self.layer.size, r.layer.size), tap_sum, gate, constant))
        return parts

    def _reduced(self, values: Array, entries: Array, edge: Array, edges: int, how: str) -> tuple[Array, Array | None]:
        if edges == len(values):
            out = np.empty_like(values)
            out[edge] = values
            return out, None
        if self.taps is not None:  # positions share a kernel: each tap counts once for an edge
            taps = self.taps.numpy()[entries]
            _, first = np.unique(edge * (int(taps.max()) + 1) + taps, return_index=True)
            values, edge = values[first], edge[first]
        sums = np.bincount(edge, values, edges).astype(values.dtype)
        counts = np.bincount(edge, minlength=edges)
        if how == "l1":
            data = np.bincount(edge, np.abs(values), edges)
        elif how == "l2":
            data = np.sqrt(np.bincount(edge, values.astype(np.float64) ** 2, edges))
        elif how == "max":
            data = np.zeros(edges)
            np.maximum.at(data, edge, np.abs(values))
        else:
            data = sums if how == "sum" else sums / counts
        data = np.where(counts == 1, sums, data).astype(values.dtype)
        return data, sums if how in NORMS else None

    def entry_flows(self, record: Record, upstream: torch.Tensor) -> Array:
        x = record.values[0].detach()
        small = self.small if self.small is not None else self._source_shape(x)
        xs, us = batchify(x, small), batchify(upstream, self.shape)
        total = torch.zeros(len(self.rows), dtype=x.dtype)
        for n in range(xs.shape[0]):
            total += xs[n][self.cols] * us[n if us.shape[0] > 1 else 0][self.rows]
        flow: Array = (self.entry_weights(record).to(x.dtype) * total).numpy()
        return flow

    def entry_weights(self, record: Record) -> torch.Tensor:
        return self.weights()

    def mask(self, layers: Sequence[Vertices], masks: Sequence[Any], dtype: torch.dtype) -> Any:
        kept = np.ones(len(self.rows))
        for (r, chosen, edge, column, indptr), m in zip(self.plan(layers), masks, strict=True):
            if m is not None:
                row = np.repeat(np.arange(self.layer.size), np.diff(indptr))
                kept[chosen] = entries(m, row, column)[edge]
        return torch.from_numpy(kept).to(dtype)

    def cut(self, x: torch.Tensor, base: torch.Tensor, kept: torch.Tensor, z: torch.Tensor, record: Record) -> torch.Tensor:
        """``z`` with the entries that are not kept carrying ``base`` instead of ``x``."""
        small = self.small if self.small is not None else self._source_shape(base)
        difference = batchify(x - base, small)
        lost = torch.nonzero(kept != 1)[:, 0]
        weights = (self.entry_weights(record).to(x.dtype)[lost] * (1 - kept[lost]))[None]
        moved = torch.zeros(difference.shape[0], count(self.shape), dtype=x.dtype)
        moved.index_add_(1, self.rows[lost], difference[:, self.cols[lost]] * weights)
        return z - moved.reshape(z.shape)

    def _source_shape(self, x: torch.Tensor) -> tuple[int, ...]:
        """The source's shape with a batch of one."""
        n = self.numbers.numel()
        return tuple(x.shape) if x.numel() == n else (1, *x.shape[1:])

    def flows(self, layers: Sequence[Vertices], record: Record, upstream: torch.Tensor) -> list[Any]:
        flow = self.entry_flows(record, upstream)
        out = []
        for r, entries, edge, column, indptr in self.plan(layers):
            data = np.bincount(edge, flow[entries], len(column)).astype(flow.dtype)
            out.append(_csr(data, column, indptr, self.layer.size, r.layer.size))
        return out


def entries(operator: Any, rows: Array, columns: Array) -> Array:
    """Entries of a dense or sparse operator; 1 where a sparse one holds none (an edge of weight 0 that was left out)."""
    if not sp.issparse(operator):
        picked: Array = np.asarray(operator, dtype=np.float64)[rows, columns]
        return picked
    width = operator.shape[1]
    held = np.repeat(np.arange(operator.shape[0]), np.diff(operator.indptr)) * width + operator.indices
    order = np.argsort(held)
    wanted = rows.reshape(-1) * width + columns.reshape(-1)
    at = np.minimum(np.searchsorted(held[order], wanted), max(len(held) - 1, 0))
    found = held[order][at] == wanted if len(held) else np.zeros(len(wanted), dtype=bool)
    values = np.where(found, operator.data[order][at] if len(held) else 1.0, 1.0)
    return values.reshape(rows.shape)


def _csr(data: Array, column: Array, indptr: Array, rows: int, columns: int) -> sp.csr_array:
    return sp.csr_array((data, column, indptr), shape=(rows, columns))


class Select(Linear):
    """One member of each window passes. Without an input all have an edge; with one, the chosen member's alone counts."""

    def parts(self, layers: Sequence[Vertices], how: str, record: Record | None = None) -> list[Part]:
        if record is None or record.index is None:
            return super().parts(layers, how, record)
        kept, self.coefficients = self.coefficients, self.entry_weights(record).to(torch.float64)
        try:
            return super().parts(layers, how, record)
        finally:
            self.coefficients = kept

    def entry_weights(self, record: Record) -> torch.Tensor:
        """1 at the chosen member of each window, 0 at the others."""
        assert record.index is not None
        chosen = record.index.reshape(-1)
        return (chosen[self.rows] == self.cols).to(torch.float64)

    def entry_flows(self, record: Record, upstream: torch.Tensor) -> Array:
        x = record.values[0].detach()
        xs, us = batchify(x, self._source_shape(x)), batchify(upstream, self.shape)
        assert record.index is not None
        chosen = batchify(record.index, self.shape)
        total = torch.zeros(len(self.rows), dtype=x.dtype)
        for n in range(xs.shape[0]):
            hit = chosen[n][self.rows] == self.cols
            total += torch.where(hit, xs[n][self.cols] * us[n if us.shape[0] > 1 else 0][self.rows], 0)
        flow: Array = total.numpy()
        return flow


class Elementwise(Joint):
    """A sum of tensors of different vertices, each times a coefficient."""

    def __init__(self, at: At, layer: Vertices, kind: str, terms: list[tuple[Form, torch.Tensor, Any]], new: torch.Tensor) -> None:
        super().__init__(at, layer, kind)
        self.terms, self.new = terms, new

    def _edges(self, numbers: torch.Tensor, layers: Sequence[Vertices]) -> list[tuple[Read, Array, Array, Array, Array]]:
        target = (self.new.reshape(-1) - self.layer.start).numpy()
        flat = numbers.reshape(-1).numpy()
        out = []
        for r in read(flat, layers, False):
            local = np.repeat(r.vertices, r.counts)
            code = target[r.columns] * r.layer.size + local
            distinct, edge = np.unique(code, return_inverse=True)
            row, column = np.divmod(distinct, r.layer.size)
            indptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=self.layer.size))])
            out.append((r, r.columns, edge, column, indptr))
        return out

    def _coefficient(self, form: Form, c: Any, record: Record | None, term: int) -> torch.Tensor:
        """Scale times coefficient, at the shape of the numbers."""
        known = c
        if isinstance(c, torch.Tensor) and c.is_meta:
            played = record.coefficients[term] if record is not None and record.coefficients else None
            known = 1.0 if played is None else played.detach()
        total = torch.as_tensor(known, dtype=torch.float64).cpu()
        if form.scale is not None:
            total = total * form.scale
        total = lift(total, self.new.dim())
        full = torch.broadcast_shapes(total.shape, self.new.shape)
        return sum_to(total.expand(full), self.new.shape) / (count(full) / self.new.numel())

    def parts(self, layers: Sequence[Vertices], how: str, record: Record | None = None) -> list[Part]:
        parts = []
        for term, (form, numbers, c) in enumerate(self.terms):
            weight = self._coefficient(form, c, record, term).expand(self.new.shape).reshape(-1).numpy()
            if self.factor is not None:
                weight = weight * self.factor.numpy()[(self.new.reshape(-1) - self.layer.start).numpy()]
            scale = None
            if form.scale is not None:
                scale = lift(form.scale, self.new.dim()).expand(self.new.shape).reshape(-1).numpy() if _fits(form.scale, self.new.shape) else None
            for r, columns, edge, column, indptr in self._edges(numbers, layers):
                n = np.bincount(edge, minlength=len(column))
                data = np.bincount(edge, weight[columns], len(column)) / n
                gate, constant = (None, None)
                if record is not None and record.gates:
                    gate, constant = self._gates(record, term, columns, np.repeat(r.vertices, r.counts), r.layer, scale)
                parts.append(Part(r.layer, _csr(data, column, indptr, self.layer.size, r.layer.size), None, gate, constant))
        return parts

    def mask(self, layers: Sequence[Vertices], masks: Sequence[Any], dtype: torch.dtype) -> Any:
        left = list(masks)
        target = (self.new.reshape(-1) - self.layer.start).numpy()
        out = []
        for _, numbers, _c in self.terms:
            kept = np.ones(self.new.numel())
            for r, columns, _, _, _ in self._edges(numbers, layers):
                m = left.pop(0)
                if m is not None:
                    kept[columns] = entries(m, target[columns], np.repeat(r.vertices, r.counts))
            out.append(torch.from_numpy(kept).to(dtype).reshape(self.new.shape))
        return out

    def flows(self, layers: Sequence[Vertices], record: Record, upstream: torch.Tensor) -> list[Any]:
        out = []
        for term, (_, numbers, _c) in enumerate(self.terms):
            flow = record.values[term].detach() * record.coefficients[term] * upstream
            flat = sum_to(flow, self.new.shape).reshape(-1).cpu().numpy()
            for r, columns, edge, column, indptr in self._edges(numbers, layers):
                data = np.bincount(edge, flat[columns], len(column)).astype(flat.dtype)
                out.append(_csr(data, column, indptr, self.layer.size, r.layer.size))
        return out


def _fits(t: torch.Tensor, shape: Sequence[int]) -> bool:
    t = lift(t, len(shape))
    return all(n in (1, shape[i]) for i, n in enumerate(t.shape))
