"""Joints that are listed element by element: unrolled maps, chosen elements, sums of tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import scipy.sparse as sp
import torch

from netgraph.network.blocks import Extent, Joint, Part, Record, sparse_extent
from netgraph.network.reads import NORMS, Array, Layout, Read, entries, layout, read
from netgraph.network.shapes import batchify, count, lift, product_to, sum_to, unbatchify

if TYPE_CHECKING:
    from netgraph.network.vertices import At, Form, Vertices


class Entries(NamedTuple):
    """A linear map by its entries: element to, element from, and coefficients (shared where ``taps`` says so)."""

    rows: torch.Tensor
    cols: torch.Tensor
    coefficients: torch.Tensor
    taps: torch.Tensor | None = None


def repeated(n: int, places: torch.Tensor, size: int) -> torch.Tensor:
    """Places on each of ``n`` maps of ``size`` elements that lie one after the other."""
    return (torch.arange(n)[:, None] * size + places).reshape(-1)


def attention_entries(n: int, i: int, k: int, d: int) -> Entries:
    """(n, i, k) patterns times (n, k, d) values."""
    h, row = torch.arange(n)[:, None, None, None], torch.arange(i)[:, None, None]
    inner, column = torch.arange(k)[:, None], torch.arange(d)
    rows = ((h * i + row) * d + column).expand(n, i, k, d).reshape(-1)
    cols = ((h * k + inner) * d + column).expand(n, i, k, d).reshape(-1)
    taps = ((h * i + row) * k + inner).expand(n, i, k, d).reshape(-1)
    return Entries(rows, cols, torch.ones(0, dtype=torch.float64), taps)


class Linear(Joint):
    """A linear map listed element by element: unrolled convolutions, average pooling, sums over features."""

    def __init__(
        self,
        at: At,
        layer: Vertices,
        kind: str,
        numbers: torch.Tensor,
        scale: torch.Tensor | None,
        new: torch.Tensor,
        listing: Callable[[], Entries],
        shape: Sequence[int],
        exact: bool,
        small: Sequence[int] | None = None,
        usage: Callable[[], Array] | None = None,
    ) -> None:
        super().__init__(at, layer, kind)
        self._usage = usage
        self.numbers, self.scale, self.new, self._listing = numbers, scale, new, listing
        self.shape, self.exact, self.small = tuple(shape), exact, small
        self.before: Sequence[int] = ()
        self._layouts: list[Layout] | None = None

    @cached_property
    def listed(self) -> Entries:
        """The entries, listed when they are first needed: numbering alone does not need them."""
        return self._listing()

    def usage(self) -> Array:
        """How many entries that are not 0 leave each element: known without listing them where a formula says it."""
        if self._usage is not None:
            return self._usage()
        return np.bincount(self.cols.numpy()[self.weights().numpy() != 0], minlength=self.numbers.numel())

    def extents(self, layers: Sequence[Vertices], how: str, itemsize: int) -> list[Extent]:
        if not self.exact:  # several entries may make one edge
            return super().extents(layers, how, itemsize)
        usage = self.usage()
        return [
            sparse_extent(r.layer, self.layer.size, int(usage[r.columns].sum()), itemsize)
            for r in read(self.numbers.numpy(), layers, True)
        ]

    @property
    def rows(self) -> torch.Tensor:
        """(entries,) the element that each entry goes to."""
        return self.listed.rows

    @property
    def cols(self) -> torch.Tensor:
        """(entries,) the element that each entry comes from."""
        return self.listed.cols

    @property
    def taps(self) -> torch.Tensor | None:
        """(entries,) which coefficient each entry has, where they share some."""
        return self.listed.taps

    @cached_property
    def target(self) -> torch.Tensor:
        """(entries,) the vertex of the layer that each entry goes to."""
        return self.new.expand(self.shape).reshape(-1)[self.rows] - self.layer.start

    def weights(self) -> torch.Tensor:
        """(entries,) the coefficient of each."""
        values = self.listed.coefficients.detach().cpu()
        return values if self.taps is None else values[self.taps]

    def layouts(self, layers: Sequence[Vertices]) -> list[Layout]:
        """How the entries become edges, one for each block."""
        if self._layouts is None:
            cols, target = self.cols.numpy(), self.target.numpy()
            self._layouts = []
            for r in read(self.numbers.numpy(), layers, self.exact):
                local = np.full(self.numbers.numel(), -1, dtype=np.int64)
                local[r.columns] = np.repeat(r.vertices, r.counts)
                chosen = np.flatnonzero(local[cols] >= 0)
                self._layouts.append(layout(r, chosen, target[chosen], local[cols[chosen]], self.layer.size))
        return self._layouts

    def parts(self, layers: Sequence[Vertices], how: str, record: Record | None = None) -> list[Part]:
        weights = self.weights() if record is None else self.entry_weights(record)
        if self.scale is not None:
            weights = weights * self.scale[self.cols]
        if self.factor is not None:
            weights = weights * self.factor[self.target]
        values = weights.numpy()
        scale = None if self.scale is None else self.scale.numpy()
        parts = []
        for block in self.layouts(layers):
            r = block.read
            data, sums = self._reduced(values[block.chosen], block, how)
            gate, constant = None, None
            if self.exact:
                gate, constant = self._gates(record, 0, r.columns, np.repeat(r.vertices, r.counts), r.layer, scale)
            tap_sum = None if sums is None else block.operator(sums)
            parts.append(Part(r.layer, block.operator(data), tap_sum, gate, constant))
        return parts

    def _reduced(self, values: Array, block: Layout, how: str) -> tuple[Array, Array | None]:
        """(weight of each edge, its signed sum where several taps met in a norm)."""
        edge, edges = block.edge, len(block.column)
        if edges == len(values):
            out = np.empty_like(values)
            out[edge] = values
            return out, None
        if self.taps is not None:  # positions share a kernel: each tap counts once for an edge
            taps = self.taps.numpy()[block.chosen]
            order = np.argsort(-np.abs(values), kind="stable")  # where its scale differs, the strongest
            _, first = np.unique((edge * (int(taps.max()) + 1) + taps)[order], return_index=True)
            values, edge = values[order[first]], edge[order[first]]
        sums = np.bincount(edge, values, edges).astype(values.dtype)
        counts = np.bincount(edge, minlength=edges)
        data: Array
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
        """(entries,) weight · value · upstream, summed over the batch."""
        x = record.values[0].detach().cpu()  # lists of places live there
        small = self.small if self.small is not None else self._source_shape(x)
        xs, us = batchify(x, small), batchify(upstream.cpu(), self.shape)
        total = torch.zeros(len(self.rows), dtype=x.dtype)
        for n in range(xs.shape[0]):
            total += xs[n][self.cols] * us[n if us.shape[0] > 1 else 0][self.rows]
        flow: Array = (self.entry_weights(record).to(x.dtype) * total).numpy()
        return flow

    def entry_weights(self, record: Record) -> torch.Tensor:
        """(entries,) the weights that were played."""
        return self.weights()

    def mask(self, layers: Sequence[Vertices], masks: Sequence[Any], dtype: torch.dtype) -> Any:
        kept = np.ones(len(self.rows))
        for block, m in zip(self.layouts(layers), masks, strict=True):
            if m is not None:
                row = np.repeat(np.arange(self.layer.size), np.diff(block.indptr))
                kept[block.chosen] = entries(m, row, block.column)[block.edge]
        return torch.from_numpy(kept).to(dtype)

    def cut(
        self, x: torch.Tensor, base: torch.Tensor, kept: torch.Tensor, z: torch.Tensor, record: Record
    ) -> torch.Tensor:
        """``z`` where each entry carries base + kept·(x − base) instead of x."""
        lost = torch.nonzero(kept.cpu() != 1)[:, 0]
        share, rows, cols = 1 - kept.cpu()[lost], self.rows[lost], self.cols[lost]
        gap = batchify((x - base).cpu(), self.small if self.small is not None else self._source_shape(x))
        weights = self.weights_of_each(record, len(gap))
        if weights is None:
            values = (self.entry_weights(record).to(x.dtype)[lost] * share).numpy()
            operator = sp.coo_array((values, (rows.numpy(), cols.numpy())), shape=(count(self.shape), gap.shape[1]))
            moved = torch.from_numpy(np.ascontiguousarray((operator.tocsr() @ gap.numpy().T).T))
        else:
            moved = gap.new_zeros(len(gap), count(self.shape))
            for n, its in enumerate(weights):
                moved[n].index_add_(0, rows, gap[n, cols] * (its[lost] * share).to(x.dtype))
        return z - unbatchify(moved, z, self.shape).to(z.device)

    def weights_of_each(self, record: Record, inputs: int) -> Iterator[torch.Tensor] | None:
        """(entries,) the weights that were played for each input; None where they are the same for all."""
        return None

    def _source_shape(self, x: torch.Tensor) -> tuple[int, ...]:
        """The source's shape with a batch of one."""
        n = self.numbers.numel()
        return tuple(x.shape) if x.numel() == n else (1, *x.shape[1:])

    def flows(self, layers: Sequence[Vertices], record: Record, upstream: torch.Tensor) -> list[Any]:
        flow = self.entry_flows(record, upstream)
        return [block.summed(flow) for block in self.layouts(layers)]


class Elementwise(Joint):
    """A sum of tensors of different vertices, each times a coefficient."""

    def __init__(
        self,
        at: At,
        layer: Vertices,
        kind: str,
        terms: list[tuple[Form, torch.Tensor, Any]],
        new: torch.Tensor,
        exact: bool,
    ) -> None:
        super().__init__(at, layer, kind)
        self.terms, self.new, self.exact = terms, new, exact

    def _target(self) -> Array:
        """The local number of the vertex that each element makes."""
        target: Array = (self.new.reshape(-1) - self.layer.start).numpy()
        return target

    def _reads(self, term: int, layers: Sequence[Vertices]) -> list[Read]:
        """The columns of one term; a unit that stands in several states comes in a block for each."""
        form, numbers, _ = self.terms[term]
        return read(numbers.reshape(-1).numpy(), layers, self.exact and not form.alike)

    def layouts_of(self, term: int, layers: Sequence[Vertices]) -> list[Layout]:
        """How the elements of one term become edges, one for each block."""
        target, size = self._target(), self.layer.size
        return [
            layout(r, r.columns, target[r.columns], np.repeat(r.vertices, r.counts), size)
            for r in self._reads(term, layers)
        ]

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
        for term, (form, _, c) in enumerate(self.terms):
            weight = self._coefficient(form, c, record, term).expand(self.new.shape).reshape(-1).numpy()
            if self.factor is not None:
                weight = weight * self.factor.numpy()[self._target()]
            scale = None
            if form.scale is not None and _fits(form.scale, self.new.shape):
                scale = lift(form.scale, self.new.dim()).expand(self.new.shape).reshape(-1).numpy()
            for block in self.layouts_of(term, layers):
                r, edge, edges = block.read, block.edge, len(block.column)
                data = np.bincount(edge, weight[block.chosen], edges) / np.bincount(edge, minlength=edges)
                vertices = np.repeat(r.vertices, r.counts)
                gate, constant = self._gates(record, term, r.columns, vertices, r.layer, scale)
                parts.append(Part(r.layer, block.operator(data), None, gate, constant))
        return parts

    def mask(self, layers: Sequence[Vertices], masks: Sequence[Any], dtype: torch.dtype) -> Any:
        left = list(masks)
        target = self._target()
        out = []
        for term in range(len(self.terms)):
            kept = np.ones(self.new.numel())
            for r in self._reads(term, layers):
                m = left.pop(0)
                if m is not None:
                    kept[r.columns] = entries(m, target[r.columns], np.repeat(r.vertices, r.counts))
            out.append(torch.from_numpy(kept).to(dtype).reshape(self.new.shape))
        return out

    def flows(self, layers: Sequence[Vertices], record: Record, upstream: torch.Tensor) -> list[Any]:
        out = []
        for term in range(len(self.terms)):
            flow = product_to((record.values[term], record.coefficients[term], upstream), self.new.shape)
            flat = flow.reshape(-1).cpu().numpy()
            out += [block.summed(flat) for block in self.layouts_of(term, layers)]
        return out


def _fits(t: torch.Tensor, shape: Sequence[int]) -> bool:
    t = lift(t, len(shape))
    return all(n in (1, shape[i]) for i, n in enumerate(t.shape))
