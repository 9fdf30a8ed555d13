"""duplicates(): what could be left out of a network, or folded into something that is there already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from netgraph.analysis.duplicates.features import Features, Matrix, features, passes
from netgraph.errors import AnalysisError
from netgraph.graph import blocks as ops
from netgraph.graph.graph import Graph

Array = np.ndarray[Any, Any]

MOST = 50_000
"""Vertices of a layer that are compared with each other."""
_AT_ONCE = 1 << 24
"""Cosines that are held at once."""
_ROUNDING = 1e-5
"""By how much a cosine in single precision may be off."""

ZERO_AT_ZERO = frozenset(
    {
        None,
        "relu",
        "relu6",
        "leaky_relu",
        "gelu",
        "silu",
        "tanh",
        "elu",
        "selu",
        "celu",
        "mish",
        "hardswish",
        "softsign",
    }
)
"""Activation functions that are 0 at 0."""
ZERO_BELOW = frozenset({"relu", "relu6"})
"""Activation functions that are 0 below 0."""

TRANSFORMATIONS: dict[str, tuple[str, Any]] = {
    "rot90": ("rotated", lambda k: np.rot90(k, 1, (-2, -1))),
    "rot180": ("rotated", lambda k: np.rot90(k, 2, (-2, -1))),
    "rot270": ("rotated", lambda k: np.rot90(k, 3, (-2, -1))),
    "flip_rows": ("flipped", lambda k: np.flip(k, -2)),
    "flip_columns": ("flipped", lambda k: np.flip(k, -1)),
    "transpose": ("flipped", lambda k: np.swapaxes(k, -2, -1)),
    "antitranspose": ("flipped", lambda k: np.rot90(np.swapaxes(k, -2, -1), 2, (-2, -1))),
}
"""What the square's symmetries, beside the identity, make of a kernel (counter-clockwise): name -> (kind, function)."""

COLUMNS = ("layer", "vertex", "kind", "like", "by", "in_cosine", "out_cosine", "ratio", "transformation")
NUMBERS = ("in_cosine", "out_cosine", "ratio")
KINDS = ("equal", "negated", "rotated", "flipped", "dead", "constant")


@dataclass(frozen=True)
class Duplicates:
    """What :func:`duplicates` found.

    Attributes
    ----------
    table : a row for every vertex (of convolutions: channel) that is superfluous or like another, in the graph's order.
        ``kind``: "equal", "negated", "rotated", "flipped" (``like`` names the first vertex of that sort), "dead",
        "constant". ``by``: which weights say so: "in", "out" or "both" ("kernel" for transformed ones). ``in_cosine``,
        ``out_cosine`` : of its weights and those of ``like`` (of the transformed kernel's, for these). ``ratio``: how
        many times as large its incoming weights are. ``transformation``: what makes the kernel of ``like`` its own.
    settings : ``tol``, ``kernels`` (whether kernels were at hand), ``layers`` compared, ``vertices`` compared.
    skipped : what could not be compared, and why.
    """

    table: pd.DataFrame
    settings: Mapping[str, Any]
    skipped: tuple[str, ...] = field(default=())

    @property
    def families(self) -> tuple[tuple[str, ...], ...]:
        """Vertices that are alike, the first of each family first: equal, negated, rotated and flipped together."""
        found: dict[str, list[str]] = {}
        for vertex, like in self.table.loc[self.table["like"] != "", ["vertex", "like"]].itertuples(index=False):
            first = next((name for name, members in found.items() if like in members), like)
            members = found.setdefault(first, [first])
            if vertex not in members:
                members.append(vertex)
        return tuple(tuple(members) for members in found.values())

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        counts = self.table["kind"].value_counts()
        said = ", ".join(f"{counts[kind]} {kind}" for kind in KINDS if kind in counts) or "none"
        head = f"Duplicates among {self.settings['vertices']:,} vertices in {self.settings['layers']} layers: {said}"
        lines = [f"not compared: {line}" for line in self.skipped]
        return "\n".join([head, *([self.table.to_string(max_rows=20)] if len(self) else []), *lines])


def duplicates(graph: Graph, tol: float = 1e-3, network: Any = None) -> Duplicates:
    """Vertices that do what others of their layer do, and those that do nothing.

    Two vertices are near-equal by their incoming weights (bias included) where the cosine of these is at least
    1 − ``tol``: they compute the same, up to a scale. By their outgoing weights: what they say, they say to the same
    readers. Negated where a cosine is at most −1 + ``tol``. A vertex is dead if nothing reads it, or if nothing enters
    it and its value is 0; constant if nothing enters it and its value is another. Channels of convolutions are compared
    by their kernels; a channel whose kernel is another's, rotated or flipped (the other seven symmetries of the square;
    negated, too), belongs to its family (Olah et al. 2020, Naturally Occurring Equivariance in Neural Networks).

    Parameters
    ----------
    graph : any graph. Convolutions need their kernels: at granularity "unit" they are in the graph, at "channel" the
        network that the graph came from (``graph.origin``) has them.
    tol : how far |cosine| may be below 1. Chance brings none of 1e-3 about in more than a few dimensions; families of
        a trained network are looser (0.1 and more).
    network : where ``graph.origin`` is not at hand.

    Returns
    -------
    Duplicates : frozen; ``.table``, ``.families``, ``.skipped``.

    Raises
    ------
    AnalysisError : ``tol`` is not from 0 up to below 1; NaN or infinity in the weights.

    Notes
    -----
    A side that is a single number for each vertex says nothing, and is not compared. Each vertex is listed once for
    each sort, with the first vertex that it is like. Whether a unit never fires on data is no property of its weights:
    see the ``activation`` column of ``net.graph(inputs=…)``.

    Examples
    --------
    >>> import netgraph as ng
    >>> weights = [[[1, 2], [2, 4], [-1, -2], [0, 0], [1, -1]], [[1, 1, 3, 0, 0], [2, 2, 4, 0, 0]]]
    >>> found = ng.duplicates(ng.Graph.from_matrices(weights))
    >>> found.table[["vertex", "kind", "like", "by"]].to_numpy().tolist()[:2]
    [['layer_1:1', 'equal', 'layer_1:0', 'both'], ['layer_1:2', 'negated', 'layer_1:0', 'in']]
    >>> found.table["kind"].tolist(), found.families
    (['equal', 'negated', 'dead', 'dead'], (('layer_1:0', 'layer_1:1', 'layer_1:2'),))
    """
    if not 0 <= tol < 1:
        raise AnalysisError(f"tol is {tol}; it must be from 0 up to below 1, as it is 1 − |cosine|")
    held = _with_kernels(graph, network)
    rows: list[dict[str, Any]] = []
    missing: list[str] = []
    vertices = 0
    named = {layer.name for layer in graph.layers}
    compared = [
        layer
        for layer in held.layers
        if layer.name in named and layer.kind not in ("bias", "constant") and not passes(held, layer)
    ]
    for layer in compared:
        found = features(held, layer, missing)
        vertices += len(found.ids)
        rows += _of_layer(found, tol, missing)
    types = {name: np.float64 if name in NUMBERS else object for name in COLUMNS}
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype(types)
    kernels = not any("kernels of several taps" in line for line in missing)
    settings = {"tol": tol, "kernels": kernels, "layers": len(compared), "vertices": vertices}
    return Duplicates(table, MappingProxyType(settings), tuple(dict.fromkeys(missing)))


def _with_kernels(graph: Graph, network: Any) -> Graph:
    """The graph itself; the one between units where this one has a number for each kernel and the network is there."""
    network = graph.origin if network is None else network
    reduced = any("tap_sum" in block.values for block in graph.blocks)
    if not reduced or graph.meta.get("granularity") != "channel" or not callable(getattr(network, "graph", None)):
        return graph
    units: Graph = network.graph(granularity="unit", bias=graph.meta.get("bias", "column"))
    names = {layer.name for layer in graph.layers}
    return units if names <= {layer.name for layer in units.layers} else graph


def _of_layer(found: Features, tol: float, missing: list[str]) -> list[dict[str, Any]]:
    for side, where in ((found.inward, "into"), (found.outward, "out of")):
        if side is not None and not np.isfinite(side.data if sp.issparse(side) else side).all():
            raise AnalysisError(
                f"the weights {where} layer {found.layer.name!r} hold NaN or infinity; mend the network"
            )
    if len(found.ids) > MOST:
        missing.append(f"{found.layer.name}: {len(found.ids):,} vertices are too many to be compared (up to {MOST:,})")
        return _idle(found)
    inward, outward = _unit(_with_bias(found), found.inward), _unit(found.outward, found.outward)
    pairs: dict[tuple[int, int], set[str]] = {}
    for name, side in (("in", inward), ("out", outward)):
        for i, j in _alike(side, tol):
            pairs.setdefault((i, j), set()).add(name)
    rows = []
    for (i, j), _ in sorted(pairs.items(), key=lambda item: (item[0][1], item[0][0])):
        cosines = {name: _cosine(side, i, j) for name, side in (("in", inward), ("out", outward))}
        by = [name for name, value in cosines.items() if abs(value) >= 1 - tol]
        if by:
            kind = "equal" if cosines[by[0]] > 0 else "negated"
            rows.append(_row(found, j, kind, i, "both" if len(by) == 2 else by[0], cosines["in"], cosines["out"]))
    alike = {(row["like"], row["vertex"]) for row in rows if row["by"] != "out"}
    rows += [row for row in _transformed(found, tol) if (row["like"], row["vertex"]) not in alike]
    rows += _idle(found)
    place = {vertex: i for i, vertex in enumerate(found.ids)}
    return sorted(rows, key=lambda row: place[row["vertex"]])


def _row(found: Features, j: int, kind: str, i: int, by: str, into: float, out: float, how: str = "") -> dict[str, Any]:
    norms = [_norm(found.inward, at) for at in (j, i)]
    ratio = norms[0] / norms[1] if norms[1] else np.nan
    values = (found.layer.name, found.ids[j], kind, found.ids[i], by, into, out, ratio, how)
    return dict(zip(COLUMNS, values, strict=True))


def _norm(side: Matrix | None, at: int) -> float:
    if side is None:
        return float("nan")
    row = side[[at]]
    return float(np.linalg.norm((row.data if sp.issparse(row) else row).astype(np.float64)))


def _with_bias(found: Features) -> Matrix | None:
    """The incoming weights with the bias beside them, where the layer has any."""
    side = found.inward
    if side is None or not found.bias.any():
        return side
    column = found.bias[:, None].astype(side.dtype)
    return sp.csr_array(sp.hstack([side, column])) if sp.issparse(side) else np.concatenate([side, column], axis=1)


def _unit(side: Matrix | None, weights: Matrix | None) -> Matrix | None:
    """Rows of length 1; of 0 where no weight (bias aside) is other than 0. None where a row is a single number."""
    if side is None or weights is None or side.shape[1] < 2:
        return None
    squares = side.multiply(side).sum(axis=1) if sp.issparse(side) else np.square(side, dtype=np.float64).sum(axis=1)
    lengths = np.sqrt(np.asarray(squares, dtype=np.float64).ravel())
    lengths[~_filled(weights)] = 0.0
    scale = np.divide(1.0, lengths, out=np.zeros(len(lengths)), where=lengths > 0)
    if sp.issparse(side):
        return sp.csr_array(sp.diags_array(scale) @ side)
    return side * scale[:, None].astype(side.dtype)


def _filled(side: Matrix) -> Array:
    return np.asarray(ops.row_sums(side, absolute=True) > 0)


def _alike(side: Matrix | None, tol: float) -> Iterator[tuple[int, int]]:
    """(first, other): every row that is like an earlier one, with the first such one that is like none before it."""
    if side is None or side.shape[0] < 2:
        return
    taken = ~_filled(side)
    height = max(1, _AT_ONCE // side.shape[0])
    for first in range(0, side.shape[0], height):
        cosines = side[first : first + height] @ side.T
        cosines = cosines.toarray() if sp.issparse(cosines) else cosines
        close = np.abs(cosines) >= 1 - tol - _ROUNDING
        for i in first + np.flatnonzero(close.sum(axis=1) > 1):
            if taken[i]:
                continue
            others = np.flatnonzero(close[i - first])
            for j in others[(others > i) & ~taken[others]]:
                if abs(_cosine(side, int(i), int(j))) >= 1 - tol:
                    taken[j] = True
                    yield int(i), int(j)


def _cosine(side: Matrix | None, i: int, j: int) -> float:
    """Of two rows, in double precision; NaN where one is 0 or there are none."""
    if side is None:
        return float("nan")
    both = side[[i, j]]
    a, b = (both.toarray() if sp.issparse(both) else both).astype(np.float64)
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(np.clip(a @ b / length, -1, 1)) if length else float("nan")


def _transformed(found: Features, tol: float) -> list[dict[str, Any]]:
    """Kernels that are an earlier one, turned or flipped, and not that one as it is."""
    if found.kernels is None:
        return []
    kernels = found.kernels.astype(np.float64)
    flat = kernels.reshape(len(kernels), -1)
    lengths = np.linalg.norm(flat, axis=1)
    unit = np.divide(flat, lengths[:, None], out=np.zeros_like(flat), where=lengths[:, None] > 0)
    turned = {
        name: turn(unit.reshape(kernels.shape)).reshape(len(flat), -1) for name, (_, turn) in TRANSFORMATIONS.items()
    }
    rows, taken = [], lengths == 0
    for i in range(len(flat)):
        if taken[i]:
            continue
        as_it_is = np.abs(unit @ unit[i])
        cosines = {name: unit @ other[i] for name, other in turned.items()}
        size = np.abs(np.stack(list(cosines.values())))
        for j in np.flatnonzero((size.max(axis=0) >= 1 - tol) & ~taken):
            if j <= i or as_it_is[j] >= 1 - tol:
                continue
            best = list(cosines)[int(size[:, j].argmax())]
            cosine = float(cosines[best][j])
            taken[j] = True
            how = best if cosine > 0 else f"negated {best}"
            out = _cosine(found.outward, i, int(j)) if found.outward is not None else float("nan")
            rows.append(_row(found, int(j), TRANSFORMATIONS[best][0], i, "kernel", cosine, out, how))
    return rows


def _idle(found: Features) -> list[dict[str, Any]]:
    """Vertices that nothing reads, or that nothing enters."""
    rows = []
    for i, vertex in enumerate(found.ids):
        silent = not found.first and not found.entered[i]
        bias, name = found.bias[i], found.layer.activation
        zero = (bias == 0 and name in ZERO_AT_ZERO) or (bias < 0 and name in ZERO_BELOW)
        unread = not found.last and not found.left[i]
        if silent or unread:
            by = "both" if silent and unread else "in" if silent else "out"
            kind = "dead" if unread or zero else "constant"
            values = (found.layer.name, vertex, kind, "", by, np.nan, np.nan, np.nan, "")
            rows.append(dict(zip(COLUMNS, values, strict=True)))
    return rows
