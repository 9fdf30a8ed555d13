"""A first guess that finds every exact copy: units are told apart by what can be said of them without their numbers.

Colour refinement (Weisfeiler & Leman 1968) with vectors in place of colours: a unit's signature is a sum of functions
of its weights and of the signatures at their other ends, so that it does not depend on any order; inputs and outputs,
which do not move, start from random vectors, the same ones in both graphs. Where units of one graph are alike, one of
them is given a mark, its match the same one, and signatures spread again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.optimize import linear_sum_assignment

from netgraph.analysis.compare.classes import Order, Problem
from netgraph.analysis.compare.pairing import NONE
from netgraph.analysis.compare.sheets import Side

Array = npt.NDArray[np.float64]

WIDTH, SWEEPS, MARKS = 8, 2, 48
"""Numbers of a signature in each direction, sweeps over the layers, units that are marked at most."""
ALIKE = 1e-5
"""Units whose signatures are this close, on the scale of the typical distance, are alike."""


def by_signature(problem: Problem, seed: int) -> Order:
    """A matching in which each class's signatures agree best."""
    messages = _Messages(problem, np.random.default_rng([seed, 1]))
    marks: dict[str, list[tuple[int, int]]] = {name: [] for name in problem.free}
    order = problem.empty()
    left, idle = MARKS, {name: _idle(problem, name) for name in problem.free}
    signatures = messages.spread(marks)
    for name in problem.free:
        while True:
            distance = _distances(*signatures[name])
            rows, columns = linear_sum_assignment(distance)
            order[name][:] = NONE
            order[name][rows] = columns
            settled = {row for row, _ in marks[name]} | idle[name]
            doubt = _first_doubt(distance, rows, columns, settled, signatures[name][0])
            if doubt is None or not left:
                break
            marks[name].append(doubt)
            signatures = messages.spread(marks)
            left -= 1
    return order


def _distances(one: Array, two: Array) -> Array:
    squares = (one**2).sum(axis=1)[:, None] + (two**2).sum(axis=1)[None, :] - 2 * one @ two.T
    found: Array = np.sqrt(np.maximum(squares, 0.0))
    return found


def _first_doubt(distance: Array, rows: Any, columns: Any, settled: set[int], own: Array) -> tuple[int, int] | None:
    """A match that could as well be another: a unit that is like one of its own graph, and has a true counterpart."""
    typical = float(np.median(distance)) or float(distance.max(initial=0.0))
    if min(distance.shape) < 2:
        return None
    near = ALIKE * (typical or 1.0)
    apart = _distances(own, own)
    np.fill_diagonal(apart, np.inf)
    twins = apart.min(axis=1) <= near
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        if twins[row] and row not in settled and distance[row, column] <= near:
            return row, column
    return None


def _idle(problem: Problem, name: str) -> set[int]:
    """Features without any weight, which may stand for each other."""
    strength = np.zeros(problem.free[name][0])
    for one in problem.touching[name]:
        for layer, side in ((one.target, one.one.by_target), (one.source, one.one.by_source)):
            if problem.of[layer] == name:
                strength += np.asarray(abs(side()).sum(axis=1)).ravel()
    return set(np.flatnonzero(strength == 0).tolist())


class _Messages:
    """Signatures of all features of both graphs, spread along the sheets."""

    def __init__(self, problem: Problem, rng: np.random.Generator) -> None:
        self.problem = problem
        self.size = {}
        for i in range(2):
            self.size[i] = {name: int(of.max()) + 1 if len(of) else 0 for name, of in problem.features[i].items()}
        self.layers = list(problem.of)
        self.start = [{name: np.zeros((self.size[i][name], WIDTH)) for name in self.layers} for i in range(2)]
        for name in self.layers:
            if problem.of[name] in problem.fixed:
                to = problem.fixed[problem.of[name]]
                self.start[0][name] = rng.normal(size=self.start[0][name].shape)
                self.start[1][name][to[to != NONE]] = self.start[0][name][to != NONE]
                continue
            colour, direction = rng.normal(size=(2, WIDTH))
            size = float(np.std(np.concatenate(problem.biases[name]))) if name in problem.biases else 0.0
            for i in range(2):
                self.start[i][name] += colour
                if size:
                    self.start[i][name] += np.outer(problem.biases[name][i] / size, direction)
        self.sheets = [self._contracted(one.one, one.two, rng) for one in problem.sheets]
        self.mixing = rng.normal(size=(2, 4, 3 * WIDTH, WIDTH)) / np.sqrt(3 * WIDTH)
        self.marks = rng.normal(size=(MARKS + 1, WIDTH)) * 3

    def spread(self, marks: dict[str, list[tuple[int, int]]]) -> dict[str, tuple[Array, Array]]:
        """Class -> signatures (features, numbers) of the first and the second graph."""
        start = [{name: values.copy() for name, values in side.items()} for side in self.start]
        for number, (name, pair) in enumerate((name, pair) for name, pairs in marks.items() for pair in pairs):
            for i in range(2):
                start[i][name][pair[i]] += self.marks[number]
        into = [{name: np.zeros_like(values) for name, values in side.items()} for side in start]
        out = [{name: np.zeros_like(values) for name, values in side.items()} for side in start]
        for _ in range(SWEEPS):
            for name in self.layers:
                self._gather(name, 0, start, into, out)
            for name in reversed(self.layers):
                self._gather(name, 1, start, into, out)
        return {
            name: (self._of(name, 0, start, into, out), self._of(name, 1, start, into, out))
            for name in self.problem.free
        }

    def _of(self, name: str, i: int, *parts: list[dict[str, Array]]) -> Array:
        members = [layer for layer in self.layers if self.problem.of[layer] == name]
        return np.concatenate([part[i][layer] for layer in members for part in parts], axis=1)

    def _gather(
        self,
        name: str,
        end: int,
        start: list[dict[str, Array]],
        into: list[dict[str, Array]],
        out: list[dict[str, Array]],
    ) -> None:
        """What arrives at a layer from before (end 0) or from behind it (1), on the scale of both graphs together."""
        totals = [np.zeros_like(start[i][name]) for i in range(2)]
        for one, parts in zip(self.problem.sheets, self.sheets, strict=True):
            if (one.target if end == 0 else one.source) != name:
                continue
            other = one.source if end == 0 else one.target
            for i in range(2):
                near = np.concatenate([start[i][other], into[i][other], out[i][other]], axis=1)
                for number, matrix in enumerate(parts[i]):
                    totals[i] += (matrix if end == 0 else matrix.T) @ np.tanh(near @ self.mixing[end][number])
        if not len(totals[0]) or not len(totals[1]):
            return
        scale = np.sqrt((totals[0] ** 2).mean(axis=0) + (totals[1] ** 2).mean(axis=0))
        scale[scale == 0] = 1.0
        for i in range(2):
            (into if end == 0 else out)[i][name] = totals[i] / scale

    def _contracted(self, one: Side, two: Side, rng: np.random.Generator) -> tuple[list[Any], list[Any]]:
        """Four matrices (targets, sources) for each graph: what stands between two features, by random functions."""
        trivial = one.to_places == 1 and one.since_places == 1
        to, since = (np.ones((2, n)) if trivial else rng.normal(size=(2, n)) for n in (one.to_places, one.since_places))
        size = (one.norm + two.norm) / 2 / np.sqrt(max(one.targets * one.sources, 1)) or 1.0
        sides: tuple[list[Any], list[Any]] = ([], [])
        for side, parts in zip((one, two), sides, strict=True):
            for number in range(1 if trivial else 2):
                left = sp.kron(sp.eye_array(side.targets), to[number][None, :], format="csr")
                right = sp.kron(sp.eye_array(side.sources), since[number][:, None], format="csr")
                matrix = side.matrix if trivial else left @ side.matrix @ right
                matrix = sp.csr_array(matrix) if sp.issparse(matrix) else np.asarray(matrix)
                parts += [matrix / size, abs(matrix) / size]
        return sides
