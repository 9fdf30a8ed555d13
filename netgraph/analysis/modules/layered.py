"""Layered modularity searched on the blocks themselves, without a list of edges: Leiden's moves, layer by layer.

The vertices of one layer share no edge, so what each of them gains elsewhere does not depend on the others: a part of
them moves at once, exactly as if they moved one after the other. Modules that no vertex leaves any more are merged as
wholes, taken apart and put together anew, and joined two by two on trial, until none of it brings anything.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import scipy.sparse as sp

from netgraph.analysis.modules import passes
from netgraph.analysis.modules.merging import ROUNDING, put_together
from netgraph.analysis.modules.quality import Codes, numbered, pair_shares
from netgraph.analysis.structure import Pair
from netgraph.errors import NetgraphWarning
from netgraph.graph.graph import Graph

Array = np.ndarray[Any, Any]

SWEEPS, ROUNDS = 100, 1_000
"""Most passes of vertex moves in a row; most improvements of a division."""
JOINS, JOINED_SWEEPS, MAX_JOINED = 8, 8, 1_000
"""Pairs of modules that are joined on trial, passes that a trial gets, and the most modules that are tried."""
BATCHES = 8
"""Parts of a layer that move one after the other: fewer are quicker, more find better divisions."""
SCORES = 1 << 21
"""Scores held at once: 16 MB."""
ENOUGH = 1e-4
"""A search ends when an improvement brings a smaller share of the quality."""
MAX_MERGED = 8_192
"""Most modules that are merged as wholes: their matrix takes 512 MB."""
RANGE = 1e-150, 1e150
"""Weights that add up to less or more are brought to 1: products of them would leave the range of floats."""


@dataclass(frozen=True)
class Side:
    """A block seen from one of its two layers: what the vertices there get from, or give to, modules of the other.

    Attributes
    ----------
    other : the vertices of the other layer.
    into : whether this layer is the target.
    matrix : the block.
    factor : share of the pair of layers / its |weight|.
    mine, theirs : strengths inside this block, each over the block's |weight|; γ and the share are in ``mine``.
    """

    other: slice
    into: bool
    matrix: Any
    factor: float
    mine: Array
    theirs: Array

    def mass(self, labels: Codes, k: int) -> Array:
        """(k,) what the null expects of every module over there."""
        return np.bincount(labels[self.other], self.theirs, minlength=k)

    def near(self, n: int) -> Any:
        """(vertices of this layer, n) the block's |weight| times its factor, as a ``csr_array``."""
        edges = sp.coo_array(self.matrix if self.into else self.matrix.T)
        row, column = edges.coords
        shape = edges.shape[0], n
        return sp.csr_array((self.factor * edges.data, (row, column + self.other.start)), shape=shape)


class Layered:
    """One layer ready to be moved: its blocks as they are, or where one of them is sparse, a list of its edges.

    Parameters
    ----------
    vertices : of the layer, of n in all.
    sides : its blocks.
    """

    def __init__(self, vertices: slice, sides: list[Side], n: int) -> None:
        self.vertices, self.sides, self.size = vertices, sides, vertices.stop - vertices.start
        self.near = None
        if any(sp.issparse(side.matrix) for side in sides):
            self.near = sp.csr_array(sum(side.near(n) for side in sides))
            self.mine = np.stack([side.mine for side in sides])

    def best(
        self, labels: Codes, k: int, chosen: Array, group: Array, of_group: Array, limit: Array
    ) -> tuple[Codes, Codes]:
        """The module of the chosen vertices, and the best one for each; -1 for one of its own."""
        own = labels[self.vertices][chosen]
        if self.near is not None:
            edges, mass = self.near, np.stack([side.mass(labels, k) for side in self.sides])
            return own, passes.choose_near(
                edges.data, edges.indices, edges.indptr, labels, chosen, self.mine, mass, own, group, of_group, limit
            )
        scores = np.zeros((len(chosen), k))
        for side in self.sides:
            loop = passes.into_dense if side.into else passes.out_of_dense
            loop(side.matrix, labels[side.other], chosen, side.factor, scores)
            scores -= np.outer(side.mine[chosen], side.mass(labels, k))
        return own, passes.choose(scores, own, group, of_group, limit)

    def batches(self, k: int, rng: np.random.Generator) -> list[Array]:
        """The layer's vertices in parts that move one after the other."""
        order = rng.permutation(self.size)
        held = 0 if self.near is not None else -(-self.size * k // SCORES)
        return [np.sort(part) for part in np.array_split(order, max(min(BATCHES, self.size), held)) if len(part)]


class Search:
    """A graph ready to be searched.

    Parameters
    ----------
    graph, edges : the graph and its |weight| between layers.
    layer_mass, resolution : of the quality, see :func:`modularity`.
    """

    def __init__(self, graph: Graph, edges: list[Pair], layer_mass: str, resolution: float) -> None:
        shares = pair_shares(edges, layer_mass)
        self.edges, self.n, self.resolution = [_in_range(pair) for pair in edges], graph.n, resolution
        self.factors = [share / pair.total for pair, share in zip(self.edges, shares, strict=True)]
        sides: dict[str, list[Side]] = {layer.name: [] for layer in graph.layers}
        self.weigh = np.zeros(graph.n)  # what a vertex could gain at most
        for pair, share, factor in zip(self.edges, shares, self.factors, strict=True):
            rows, columns, null = pair.rows / pair.total, pair.columns / pair.total, resolution * share
            into = Side(pair.source.vertices, True, pair.matrix, factor, null * rows, columns)
            out = Side(pair.target.vertices, False, pair.matrix, factor, null * columns, rows)
            sides[pair.target.name].append(into)
            sides[pair.source.name].append(out)
            self.weigh[pair.target.vertices] += share * rows
            self.weigh[pair.source.vertices] += share * columns
        self.layers = [
            Layered(layer.vertices, sides[layer.name], graph.n) for layer in graph.layers if sides[layer.name]
        ]
        # Vertices without edges never move; as one group they make no columns of scores.
        self.alone = numbered(np.where(self.weigh > 0, np.arange(graph.n), graph.n))

    def solve(self, seed: str) -> Codes:
        """One search; the module of every vertex. The same seed gives the same modules."""
        rng = np.random.default_rng(zlib.crc32(seed.encode()))
        best = self._merged(self._moved(self.alone, rng), rng)
        quality = self.quality(best)
        for _ in range(ROUNDS):
            before = quality
            for labels in chain(self._taken_apart(best, rng), self._joined(best, rng)):
                reached = self.quality(labels)
                if reached > quality * (1 + ROUNDING):
                    best, quality = labels, reached
                    break
            if quality <= before * (1 + ENOUGH):
                break
        return self._moved(best, rng)

    def _taken_apart(self, best: Codes, rng: np.random.Generator) -> Iterator[Codes]:
        """Its modules taken apart and put together anew (Traag, Waltman, van Eck 2019)."""
        # One sweep inside the modules leaves parts of them: more would but build the same modules again.
        parts = self._moved(self.alone, rng, within=best, sweeps=1)
        yield self._moved(self._merged(parts, rng, start=best), rng)

    def _joined(self, best: Codes, rng: np.random.Generator) -> Iterator[Codes]:
        """Two of its modules joined, those that lose least by it first; then every vertex moves where it gains.

        Joined modules are worth less until others have taken what does not belong: no single move gets there.
        """
        k = int(best.max()) + 1
        if k > MAX_JOINED:
            return
        weighs = np.bincount(best, self.weigh, minlength=k) > 0
        first, second = np.triu_indices(k, 1)
        alive = weighs[first] & weighs[second]
        first, second = first[alive], second[alive]
        between = self._between(best, k)[first, second]
        for pair in np.argsort(-between, kind="stable")[:JOINS]:
            joined = np.where(best == second[pair], first[pair], best)
            yield self._moved(joined, rng, sweeps=JOINED_SWEEPS)

    def quality(self, labels: Codes) -> float:
        """The layered modularity of a division."""
        k, total = int(labels.max(initial=-1)) + 1, 0.0
        for pair, factor in zip(self.edges, self.factors, strict=True):
            target, source, m = labels[pair.target.vertices], labels[pair.source.vertices], pair.matrix
            sparse = sp.issparse(m)
            ends = (target, source)
            inside = (
                passes.inside_sparse(m.data, m.indices, m.indptr, *ends) if sparse else passes.inside_dense(m, *ends)
            )
            into = np.bincount(target, pair.rows / pair.total, minlength=k)
            out = np.bincount(source, pair.columns / pair.total, minlength=k)
            total += factor * (inside - self.resolution * pair.total * float(into @ out))
        return total

    def _moved(
        self, labels: Codes, rng: np.random.Generator, within: Codes | None = None, sweeps: int = SWEEPS
    ) -> Codes:
        """Every vertex where it gains most, again and again; with ``within`` no module reaches over two of those."""
        groups = np.zeros(self.n, dtype=np.int64) if within is None else within
        labels = numbered(labels)
        for sweep in range(SWEEPS):
            k = int(labels.max()) + 1
            if sweep >= sweeps and k <= MAX_MERGED:
                break
            of_group = np.zeros(k, dtype=np.int64)
            of_group[labels] = groups
            moved = 0
            parts = [(layer, part) for layer in self.layers for part in layer.batches(k, rng)]
            for turn in rng.permutation(len(parts)):
                layer, chosen = parts[turn]
                at = chosen + layer.vertices.start
                own, new = layer.best(labels, k, chosen, groups[at], of_group, ROUNDING * self.weigh[at])
                moved += int((new != own).sum())
                alone = new < 0
                if alone.any():  # as many modules of one's own
                    new[alone] = k + np.arange(int(alone.sum()))
                    of_group = np.append(of_group, groups[at][alone])
                    k += int(alone.sum())
                labels[at] = new
            labels = numbered(labels)
            if moved == 0:
                break
        return labels

    def _merged(self, parts: Codes, rng: np.random.Generator, start: Codes | None = None) -> Codes:
        """Whole parts put together, from each alone or from the division ``start`` that they lie in."""
        parts = numbered(parts)
        k = int(parts.max()) + 1
        if k > MAX_MERGED:
            warnings.warn(
                f"{k:,} groups of vertices are too many to be merged as wholes (at most {MAX_MERGED:,}): modules are "
                "what moving single vertices finds; take a coarser granularity or a lower resolution for better ones",
                NetgraphWarning,
                stacklevel=5,
            )
            return parts if start is None else start
        first = None
        if start is not None:
            first = np.zeros(k, dtype=np.int64)
            first[parts] = start
        return put_together(self._between(parts, k), rng, first)[parts]

    def _between(self, labels: Codes, k: int) -> Array:
        """(k, k) what lies between every two groups, less what the null expects."""
        b = np.zeros((k, k))
        for pair, factor in zip(self.edges, self.factors, strict=True):
            target, source = labels[pair.target.vertices], labels[pair.source.vertices]
            matrix = pair.matrix
            if sp.issparse(matrix):
                passes.between_sparse(matrix.data, matrix.indices, matrix.indptr, target, source, factor, b)
            else:
                passes.between_dense(matrix, target, source, factor, b)
            into = np.bincount(target, pair.rows / pair.total, minlength=k)
            out = np.bincount(source, pair.columns / pair.total, minlength=k)
            b -= np.outer(self.resolution * factor * pair.total * into, out)
        return b + b.T


def _in_range(pair: Pair) -> Pair:
    """A pair with very small or large weights over the largest of them: no quality depends on it."""
    if RANGE[0] < pair.total < RANGE[1]:
        return pair
    matrix, largest = pair.matrix, pair.matrix.max()
    if sp.issparse(matrix):  # which would be multiplied by 1 / largest, itself out of range
        scaled = sp.csr_array((matrix.data / largest, matrix.indices, matrix.indptr), shape=matrix.shape)
        return Pair(pair.source, pair.target, scaled)
    return Pair(pair.source, pair.target, matrix / largest)
