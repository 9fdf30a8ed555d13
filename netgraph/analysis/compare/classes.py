"""The problem of matching: sheets between layers, and classes of layers that one permutation moves together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from netgraph.analysis.compare.pairing import NONE, meetings, paired
from netgraph.analysis.compare.sheets import Numbers, Sheet, features, sheet
from netgraph.graph.graph import Graph

Array = npt.NDArray[np.float64]
Order = dict[str, Numbers]
"""Class -> for each feature of the first graph the second's feature in its place, -1 for none."""


@dataclass(frozen=True)
class Problem:
    """What is to be matched.

    Attributes
    ----------
    sheets : the blocks that both graphs have.
    of : layer -> its class, named by its first layer.
    free : class -> (features in the first, in the second); in the order of the layers.
    fixed : class -> what stands for what there, since it holds an input, an output, or what only one graph has.
    features : for each graph, layer -> feature of each vertex.
    biases : layer -> (a bias for each feature of the first, of the second).
    """

    sheets: tuple[Sheet, ...]
    of: Mapping[str, str]
    free: Mapping[str, tuple[int, int]]
    fixed: Order
    features: tuple[dict[str, Numbers], dict[str, Numbers]]
    biases: Mapping[str, tuple[Array, Array]]

    @cached_property
    def touching(self) -> dict[str, list[Sheet]]:
        """Class -> the sheets that its permutation moves."""
        found: dict[str, list[Sheet]] = {name: [] for name in self.free}
        for one in self.sheets:
            for name in {self.of[one.source], self.of[one.target]} & set(found):
                found[name].append(one)
        return found

    def empty(self) -> Order:
        """Nothing matched but what is fixed."""
        return self.fixed | {name: np.full(size, NONE, dtype=np.int64) for name, (size, _) in self.free.items()}

    def bias_terms(self, name: str) -> list[tuple[Array, Array]]:
        """(first, second) biases of a class, each pair of layers scaled to length 1."""
        found = []
        for layer, (one, two) in self.biases.items():
            sizes = float(np.linalg.norm(one)), float(np.linalg.norm(two))
            if self.of[layer] == name and min(sizes) > 0:
                found.append((one / sizes[0], two / sizes[1]))
        return found

    def inner(self, one: Sheet, order: Order) -> float:
        """The cosine of a sheet's two sides under a matching."""
        target, source = order[self.of[one.target]], order[self.of[one.source]]
        first, second = one.one.by_target(), _rows(one.two.by_target(source), target)
        dot = first.multiply(second).sum() if sp.issparse(first) and sp.issparse(second) else (first * second).sum()
        return float(dot) * one.scale

    def raised(self, name: str, gains: Array, old: Order, new: Order) -> float:
        """By how much a class's score rises; ``gains`` are those of the old order.

        They add up to the score, but where a block lies between two layers of one class: its both ends move.
        """
        if any(not one.ties and self.of[one.source] == self.of[one.target] for one in self.touching[name]):
            return self.score(name, new) - self.score(name, old)
        padded = np.pad(gains, ((0, 0), (0, 1)))
        each = np.arange(len(gains))
        return float((padded[each, new[name]] - padded[each, old[name]]).sum())

    def score(self, name: str, order: Order) -> float:
        """Σ of the cosines that a class has a part in."""
        total = sum(self.inner(one, order) for one in self.touching[name])
        for one, two in self.bias_terms(name):
            total += float(one @ np.append(two, 0.0)[order[name]])
        return total

    def similarity(self, order: Order) -> float:
        """The mean cosine of all sheets that were learned and that a permutation can move: 1 for an exact copy."""
        moved = [
            self.inner(one, order)
            for one in self.sheets
            if one.learned and one.scale > 0 and {self.of[one.source], self.of[one.target]} & set(self.free)
        ]
        return float(np.mean(moved)) if moved else 1.0

    def gains(self, name: str, order: Order) -> Array:
        """(first's features, second's) what each match of a class would add to its score, all else as it is."""
        one_size, two_size = self.free[name]
        total = np.zeros((one_size, two_size))
        for one in self.touching[name]:
            for first, second in self._ends(one, name, order):
                product = first @ second.T
                total += one.scale * (product.toarray() if sp.issparse(product) else product)
        for one_bias, two_bias in self.bias_terms(name):
            total += np.outer(one_bias, two_bias)
        return total

    def cosines(self, name: str, order: Order) -> Array:
        """The same as cosines: of all that is known about one feature and about the other."""
        sizes = [np.zeros(size) for size in self.free[name]]
        for one in self.touching[name]:
            for sides in self._ends(one, name, order):
                for size, side in zip(sizes, sides, strict=True):
                    squares = side.multiply(side) if sp.issparse(side) else side * side
                    size += one.scale * np.asarray(squares.sum(axis=1)).ravel()
        for biases in self.bias_terms(name):
            for size, values in zip(sizes, biases, strict=True):
                size += values**2
        lengths = np.sqrt(np.outer(sizes[0], sizes[1]))
        gains = self.gains(name, order)
        return np.divide(gains, lengths, out=np.zeros_like(gains), where=lengths > 0)

    def _ends(self, one: Sheet, name: str, order: Order) -> list[tuple[Any, Any]]:
        """(first, second) as rows of a class: by target, by source; once where they are the same rows."""
        target, source = self.of[one.target], self.of[one.source]
        if one.ties and target == source:  # only the diagonal, which moves with both ends
            return [(_diagonal(one.one), _diagonal(one.two))] if one.learned else []
        found = []
        if target == name:
            found.append((one.one.by_target(), one.two.by_target(order[source])))
        if source == name:
            found.append((one.one.by_source(), one.two.by_source(order[target])))
        return found


def _rows(matrix: Any, order: Numbers) -> Any:
    if len(order) == matrix.shape[0] and (order == np.arange(len(order))).all():
        return matrix
    out = matrix[np.maximum(order, 0)]
    if (order == NONE).any():
        keep = (order != NONE).astype(np.float64)
        out = sp.csr_array(sp.diags_array(keep) @ out) if sp.issparse(out) else out * keep[:, None]
    return out


def _diagonal(side: Any) -> Array:
    """(features, places) the weights between a feature and itself."""
    matrix = side.matrix.toarray() if sp.issparse(side.matrix) else side.matrix
    whole = matrix.reshape(side.targets, side.to_places, side.sources, side.since_places)
    each = np.arange(side.targets)
    found: Array = whole[each, :, each].reshape(side.targets, -1)
    return found


def problem(first: Graph, second: Graph) -> Problem:
    """The problem for two graphs: layers of one name stand for each other."""
    names = [layer.name for layer in first.layers if layer.name in {other.name for other in second.layers}]
    of = tuple({layer.name: features(graph, layer) for layer in graph.layers} for graph in (first, second))
    made = (sheet(pair, (of[0], of[1])) for pair in paired(first, second))
    sheets = tuple(one for one in made if one is not None)
    group = {name: name for name in names}

    def root(name: str) -> str:
        while group[name] != name:
            name = group[name]
        return name

    place = {name: i for i, name in enumerate(names)}
    for one in sheets:
        if one.ties:
            a, b = sorted((root(one.source), root(one.target)), key=place.__getitem__)
            group[b] = a
    roots = {name: root(name) for name in names}
    by_id = meetings(first, second)
    ends = set(names) - (_hidden(first) & _hidden(second))
    free, fixed = {}, {}
    for name in dict.fromkeys(roots.values()):
        members = [member for member in names if roots[member] == name]
        sizes = [tuple(_count(of[i][member]) for i in range(2)) for member in members]
        if ends & set(members) or len(set(sizes)) > 1:
            fixed[name] = _by_vertices(by_id[members[0]].to, of[0][members[0]], of[1][members[0]])
        else:
            free[name] = (sizes[0][0], sizes[0][1])
    biases = {
        name: (_mean(first, name, of[0][name]), _mean(second, name, of[1][name]))
        for name in names
        if "bias" in first.columns and "bias" in second.columns and roots[name] in free
    }
    return Problem(sheets, roots, free, fixed, (of[0], of[1]), biases)


def _hidden(graph: Graph) -> set[str]:
    """Layers that are neither inputs nor outputs, nor constants."""
    entered = {b.target for b in graph.blocks if b.kind != "bias"}
    fixed = {layer.name for layer in graph.layers if layer.kind in ("input", "constant", "bias")}
    return entered & {b.source for b in graph.blocks} - fixed


def _count(of: Numbers) -> int:
    return int(of.max()) + 1 if len(of) else 0


def _by_vertices(to: Numbers, one: Numbers, two: Numbers) -> Numbers:
    """Features that stand for each other, from vertices that do."""
    out = np.full(_count(one), NONE, dtype=np.int64)
    met = to != NONE
    out[one[met]] = two[to[met]]
    return out


def _mean(graph: Graph, name: str, of: Numbers) -> Array:
    values = np.nan_to_num(np.asarray(graph.columns["bias"][graph.layer(name).vertices], dtype=np.float64))
    return np.bincount(of, values) / np.maximum(np.bincount(of), 1)
