"""Operations that make vertices, and the edge blocks that they become.

A *joint* stands for one step of the tape where values of some vertices become values of others. It knows, without any
input, the weight of every edge; and, given what was played through it, the flow over every edge:
``flow = weight · value of the source · upstream``. With ``upstream = ∂target/∂z`` that is the attribution, with ones
the contribution. Every joint emits its operators in one fixed order and layout.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import scipy.sparse as sp
import torch

from netgraph.graph import blocks as ops
from netgraph.graph.sliding import Geometry
from netgraph.network import kernels
from netgraph.network.reads import NORMS, Array, Read, entries, places_in, read
from netgraph.network.shapes import batchify_rows, canonical, count

if TYPE_CHECKING:
    from netgraph.network.vertices import At, Vertices


@dataclass
class Record:
    """What was played through a joint: the source's value(s), coefficients, and the sum that it made."""

    values: list[torch.Tensor]
    z: torch.Tensor
    coefficients: list[Any] = field(default_factory=list)
    gates: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    index: torch.Tensor | None = None

    def chosen(self) -> torch.Tensor:
        """Which element of the source passed, for each element of ``z``: the ``index`` of a joint that selects."""
        assert self.index is not None
        return self.index


@dataclass(frozen=True, eq=False)
class Part:
    """One edge block before it has a dtype: operators in the layout that the joint always emits."""

    source: Vertices
    weight: Any
    tap_sum: Any = None
    gate: Array | None = None
    constant: Array | None = None


class Extent(NamedTuple):
    """How much an edge block holds: its source, its edges, and what its weight and one value beside it take (B)."""

    source: Vertices
    edges: int
    weight: int
    value: int
    tap_sum: bool = False


def sparse_extent(source: Vertices, targets: int, edges: int, itemsize: int, tap_sum: bool = False) -> Extent:
    """Of a ``csr_array``: its values share the places of the weight."""
    index = np.dtype(places_in(targets, source.size, edges)).itemsize
    return Extent(source, edges, edges * (itemsize + index) + (targets + 1) * index, edges * itemsize, tap_sum)


class Joint(ABC):
    """The common part: where it stands, what it makes, and a scale that was folded into it.

    ``shared_with``: name of the layer that was first made by the same parameter, where one was.
    """

    by_kernel = False
    """Whether its flows follow from the gradient of its weight: W · ∂target/∂W, summed over the taps."""

    def __init__(self, at: At, layer: Vertices, kind: str) -> None:
        self.at, self.layer, self.kind = at, layer, kind
        self.factor: torch.Tensor | None = None
        self.shared_with: str | None = None

    def fold(self, per_vertex: torch.Tensor) -> None:
        """Multiply every weight into vertex j by ``per_vertex[j]``."""
        self.factor = per_vertex if self.factor is None else self.factor * per_vertex

    def ones(self, z: torch.Tensor) -> torch.Tensor:
        """The upstream that gives contributions: 1, times the scale that was folded into the weights."""
        if self.factor is None:
            return torch.ones((), dtype=z.dtype, device=z.device).expand(z.shape)
        local = canonical(self.layer.numbers) - self.layer.start
        return self.factor.to(z.dtype).to(z.device)[local].expand(z.shape)

    @abstractmethod
    def parts(self, layers: Sequence[Vertices], how: str, record: Record | None = None) -> list[Part]:
        """The edge blocks, one per layer that is read."""

    @abstractmethod
    def flows(self, layers: Sequence[Vertices], record: Record, upstream: torch.Tensor) -> list[Any]:
        """Operators in the layout of :meth:`parts`: weight · value · upstream, summed over positions and inputs."""

    def contributions(self, layers: Sequence[Vertices], record: Record) -> list[Any]:
        """Operators in the layout of :meth:`parts`: weight · value, summed over positions and inputs."""
        return self.flows(layers, record, self.ones(record.z))

    def extents(self, layers: Sequence[Vertices], how: str, itemsize: int) -> list[Extent]:
        """How much :meth:`parts` will hold, in its order: by making them one by one where no formula says it."""
        out = []
        for part in self.parts(layers, how):
            edges, summed = ops.count(part.weight), part.tap_sum is not None
            if sp.issparse(part.weight):
                out.append(sparse_extent(part.source, self.layer.size, edges, itemsize, summed))
            else:
                whole = self.layer.size * part.source.size * itemsize
                out.append(Extent(part.source, edges, whole, whole, summed))
        return out

    @abstractmethod
    def mask(self, layers: Sequence[Vertices], masks: Sequence[Any], dtype: torch.dtype) -> Any:
        """Masks on the parts' edges, in the shape that is played."""

    def _gates(
        self, record: Record | None, term: int, pick: Array, at: Array, layer: Vertices, scale: Array | None
    ) -> Any:
        """(gate, constant) of the vertices ``at`` from the elements ``pick``; (None, None) where none were tracked."""
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

    weight: torch.Tensor
    numbers: Array  # (groups, K)
    scale: Array | None  # (groups, K)
    exact: bool

    @abstractmethod
    def matrix(self, group: int) -> Array:
        """(rows of the group, K, taps)."""

    @abstractmethod
    def flow_matrices(self, record: Record, upstream: torch.Tensor) -> Array:
        """(groups, rows of a group, K), summed over positions and the batch."""

    @abstractmethod
    def each(self, x: torch.Tensor, upstream: torch.Tensor | None, made: Sequence[int]) -> torch.Tensor:
        """(B, groups, rows of a group, K) weight · value · upstream of each input, summed over positions.

        Only where :attr:`by_kernel`. ``x``, ``upstream`` (None: ones): (B, …); ``made``: the shape of what was made.
        """

    @abstractmethod
    def total(self, x: torch.Tensor) -> torch.Tensor:
        """(1, …) what was read, summed over the inputs (and over whatever else makes no difference)."""

    @abstractmethod
    def by_group(self, kernel: torch.Tensor) -> torch.Tensor:
        """(…, groups, rows of a group, K, taps) of a tensor in the shape (…) + that of the weight."""

    def parts(self, layers: Sequence[Vertices], how: str, record: Record | None = None) -> list[Part]:
        reads = read(self.numbers.reshape(-1), layers, self.exact)
        factor = None if self.factor is None else self.factor.numpy()
        parts = []
        several = any(not r.one_to_one for r in reads) or self.matrix(0).shape[2] > 1
        scale = None if self.scale is None else self.scale.reshape(-1)
        for r in reads:
            weight = self._assemble(r, how, factor)
            tap_sum = self._assemble(r, "sum", factor) if several and how in NORMS else None
            gate, constant = (
                self._gates(record, 0, r.columns, r.vertices, r.layer, scale) if self.exact else (None, None)
            )
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

    @abstractmethod
    def kernel_mask(self, kept: torch.Tensor) -> torch.Tensor:
        """(groups, rows, K) in the shape of the weight."""

    def flows(self, layers: Sequence[Vertices], record: Record, upstream: torch.Tensor) -> list[Any]:
        return self._operators(layers, self.flow_matrices(record, upstream))

    def contributions(self, layers: Sequence[Vertices], record: Record) -> list[Any]:
        if not self.by_kernel:
            return super().contributions(layers, record)
        x = record.values[0]
        matrices = self.each(self.total(x).double(), None, record.z.shape)[0].to(x.dtype)
        factor = None if self.factor is None else self.factor.numpy().astype(_numpy(matrices).dtype)
        return self._operators(layers, _numpy(matrices), factor)

    def kernel_flows(self, layers: Sequence[Vertices], gradient: torch.Tensor) -> list[Any]:
        """:meth:`flows` from ∂target/∂W, where :attr:`by_kernel`; ``gradient`` is used up."""
        flow = self.by_group(gradient.mul_(self.weight.detach().to(gradient))).sum(-1)
        return self._operators(layers, _numpy(flow))

    def _operators(self, layers: Sequence[Vertices], matrices: Array, factor: Array | None = None) -> list[Any]:
        reads = read(self.numbers.reshape(-1), layers, self.exact)
        return [self._assemble(r, "sum", factor, matrices) for r in reads]

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
        width = places_in(groups * rows, r.layer.size, len(data))
        places = index.astype(width), indptr.astype(width)
        return sp.csr_array((data, *places), shape=(groups * rows, r.layer.size))


class Matmul(Grouped):
    """(…, K) times a constant (K, O)."""

    def __init__(
        self,
        at: At,
        layer: Vertices,
        kind: str,
        rows: torch.Tensor,
        representative: torch.Tensor,
        scale: torch.Tensor | None,
        weight: torch.Tensor,
        group: torch.Tensor,
        exact: bool,
    ) -> None:
        super().__init__(at, layer, kind)
        self.numbers, self.exact, self.weight, self.group = rows[representative].numpy(), exact, weight, group
        self.representative = representative
        self.by_kernel = len(representative) == 1
        self.scale = None if scale is None else scale.numpy()

    def _elements(self, t: torch.Tensor) -> Array:
        rows = t.detach().to(torch.float64).expand(t.shape).reshape(-1, t.shape[-1])[self.representative]
        flat: Array = rows.reshape(-1).cpu().numpy()
        return flat

    def matrix(self, group: int) -> Array:
        matrix: Array = self.weight.detach().t().cpu().numpy()[:, :, None]
        return matrix

    def kernel_mask(self, kept: torch.Tensor) -> torch.Tensor:
        turned = kept.transpose(1, 2)
        return turned if len(kept) > 1 else turned[0]

    def total(self, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(1, -1, x.shape[-1]).sum(1, keepdim=True)

    def by_group(self, kernel: torch.Tensor) -> torch.Tensor:
        return kernel.transpose(-2, -1).unsqueeze(-3).unsqueeze(-1)

    def each(self, x: torch.Tensor, upstream: torch.Tensor | None, made: Sequence[int]) -> torch.Tensor:
        weight = self.weight.detach().to(x).t()
        x = x.reshape(len(x), -1, x.shape[-1])
        if upstream is None:
            return (weight * x.sum(1)[:, None, :])[:, None]
        u = upstream.reshape(len(x), -1, upstream.shape[-1])
        return (u.transpose(1, 2) @ x).mul_(weight)[:, None]

    def flow_matrices(self, record: Record, upstream: torch.Tensor) -> Array:
        x = record.values[0]
        weight = self.weight.detach().to(x).t()
        k, o = x.shape[-1], upstream.shape[-1]
        small = tuple(self.group.shape)
        xs, us = batchify_rows(x, small), batchify_rows(upstream, small)
        group = self.group.reshape(-1)
        out = []
        for g in range(len(self.numbers)):
            mask = group == g
            out.append(weight * (us[:, mask].reshape(-1, o).t() @ xs[:, mask].reshape(-1, k)))
        return _numpy(torch.stack(out))


class Convolution(Grouped):
    """A convolution between channels: each edge is a kernel."""

    by_kernel = True

    def __init__(
        self,
        at: At,
        layer: Vertices,
        kind: str,
        channels: torch.Tensor,
        scale: torch.Tensor | None,
        weight: torch.Tensor,
        geometry: Geometry,
    ) -> None:
        super().__init__(at, layer, kind)
        self.geometry, self.weight, self.exact = geometry, weight, False
        self.numbers = channels.reshape(geometry.groups, -1).numpy()
        self.scale = None if scale is None else scale.reshape(geometry.groups, -1).numpy()

    def by_group(self, kernel: torch.Tensor) -> torch.Tensor:
        lead = kernel.shape[: kernel.dim() - self.weight.dim()]
        ends, taps = self.weight.shape[:2], count(self.weight.shape[2:])
        split = kernel.reshape(*lead, self.geometry.groups, ends[0] // self.geometry.groups, ends[1], taps)
        return split.transpose(-3, -2) if self.geometry.transposed else split

    def matrix(self, group: int) -> Array:
        matrix: Array = self.by_group(self.weight.detach())[group].cpu().numpy()
        return matrix

    def kernel_mask(self, kept: torch.Tensor) -> torch.Tensor:
        taps = [1] * (self.weight.dim() - 2)
        turned = kept.transpose(1, 2) if self.geometry.transposed else kept
        return turned.reshape(self.weight.shape[0], self.weight.shape[1], *taps)

    def total(self, x: torch.Tensor) -> torch.Tensor:
        return x.sum(0, keepdim=True)

    def each(self, x: torch.Tensor, upstream: torch.Tensor | None, made: Sequence[int]) -> torch.Tensor:
        weight = self.weight.detach().to(x)
        if upstream is None:
            sums = kernels.met(x, weight.shape[2:], made[2:], self.geometry)
            return (self.by_group(weight) * sums.reshape(len(x), len(self.numbers), 1, -1, sums.shape[2])).sum(-1)
        return self.by_group(kernels.gradients(x, upstream, weight, self.geometry).mul_(weight)).sum(-1)

    def flow_matrices(self, record: Record, upstream: torch.Tensor) -> Array:
        x = record.values[0]
        weight = self.weight.detach().to(x)
        return _numpy(self.by_group(weight * kernels.gradient(x, upstream, weight, self.geometry)).sum(-1))


def _numpy(t: torch.Tensor) -> Array:
    array: Array = t.cpu().numpy()
    return array
