"""The paths inside a circuit at one input, with the share of the target that each of them holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from netgraph.analysis.circuits.targets import label_array
from netgraph.analysis.path_steps import entered
from netgraph.analysis.path_table import PathTable, table
from netgraph.analysis.paths import paths
from netgraph.analysis.routes import units_of
from netgraph.errors import AnalysisError, unknown
from netgraph.graph import blocks as ops
from netgraph.graph.flat import FlatEdges, beside, places
from netgraph.graph.graph import Graph
from netgraph.graph.selection import masked

if TYPE_CHECKING:
    from netgraph.analysis.circuits.result import Circuit

Array = np.ndarray[Any, Any]

FLIPPED = {None: None, "positive": "negative", "negative": "positive"}
"""The sign of a path into a vertex that counts against the target."""


def inside(
    circuit: Circuit,
    inputs: Any,
    labels: Any = None,
    k: int = 1000,
    target: str | None = None,
    sign: str | None = None,
    group: str | None = None,
) -> PathTable:
    """See :meth:`netgraph.analysis.circuits.result.Circuit.paths`, with an input."""
    net = circuit._net
    asked = _asked(circuit, inputs, labels)
    graph = net.graph("unit", bias="vertex", inputs=inputs, target=asked)
    units = None
    if not _sizes(circuit.whole).items() <= _sizes(graph).items():
        units, graph = graph, net.graph("channel", bias="vertex", inputs=inputs, target=asked)
    graph = graph.unrolled()
    cut = replace(graph, blocks=tuple(map(masked, graph.blocks, _masks(circuit, graph))))
    behind = None if units is None else units_of(cut, _Made(units), inputs)
    sources = {} if behind is None else _sources(cut)
    begin = ~entered(graph)
    number = {identifier: i for i, identifier in enumerate(graph.ids.tolist())}
    found: list[tuple[float, tuple[int, ...]]] = []
    slopes, has = _slopes(circuit, graph, target), entered(cut)
    told = _Sums(whole=sum(slope * _inflow(graph, number[end]) for end, slope in slopes.items()))
    if target is None and not any(has[number[end]] for end in slopes):
        raise AnalysisError("at this input nothing flows from this circuit to its target: no path has a share")
    for end, slope in slopes.items():
        if target is None and not has[number[end]]:
            continue
        more = {} if units is None else {"network": _Made(units), "inputs": inputs}
        its_sign = sign if slope > 0 else FLIPPED.get(sign, sign)
        its = paths(cut, end, graph.ids[begin], k, "attribution", its_sign, group, **more)
        total = float(its.attrs["total"])
        if behind is not None:
            total = behind.inside(behind.start(begin), number[end], sources)
        told.add(its.attrs, slope, total)
        rows = zip(its["value"].to_numpy() * slope, its["vertices"], strict=True)
        found += [(float(value), tuple(number[v] for v in path)) for value, path in rows]
    found = sorted(found, key=lambda f: (-abs(f[0]), f[1]))[:k]
    listed = table(graph, found, told.whole)
    about = {"target": target or circuit.settings["target_name"], "source": None, "sign": sign, "group": group}
    listed.attrs.update({"weight": "attribution", **about, **told.attrs(np.array([value for value, _ in found]))})
    return listed


class _Made:
    """In place of a network: the graph of units that was made already."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def graph(self, **_: Any) -> Graph:
        return self._graph


@dataclass
class _Sums:
    """What all paths hold, over the vertices where they end."""

    whole: float
    total: float = 0.0
    total_abs: float = 0.0
    count: float = 0
    rule: str = ""

    def add(self, attrs: Any, slope: float, total: float) -> None:
        self.total += slope * total
        self.total_abs += abs(slope) * float(attrs["total_abs"])
        self.count += attrs["paths"]
        self.rule = attrs["rule"]

    def attrs(self, listed: Array) -> dict[str, Any]:
        total, size, whole, held = self.total, self.total_abs, self.whole, float(listed.sum())
        return {
            "rule": f"{self.rule}; inside the circuit",
            "paths": self.count,
            "total": total,
            "total_abs": size,
            "coverage": held / total if total else float("nan"),
            "coverage_abs": float(np.abs(listed).sum()) / size if size else float("nan"),
            "cancellation": size / abs(total) if total else float("inf") if np.isfinite(size) else float("nan"),
            "target_value": whole,
            "listed_share": held / whole if whole else float("nan"),
            "circuit_share": total / whole if whole else float("nan"),
        }


def _asked(circuit: Circuit, inputs: Any, labels: Any) -> Any:
    """The circuit's target at one input, as ``net.graph(target=…)`` takes it."""
    logits = circuit._net.outputs(inputs)
    if len(logits) != 1:
        raise AnalysisError(
            f"inputs= holds {len(logits)} inputs, and a path has a share at one: pass x[i:i+1]; without inputs= paths "
            "are ranked over those of the circuit"
        )
    target = circuit.settings["target"]
    if isinstance(target, str) and target == "prediction":
        return ("centred", int(logits.argmax()))
    if (isinstance(target, str) and target == "label") or (np.ndim(target) == 1 and not isinstance(target, tuple)):
        if labels is None:
            raise AnalysisError("this circuit is for every input's own class: say that of this one, labels=[c]")
        return ("centred", int(label_array(labels, 1)[0]))
    return ("centred", int(target)) if isinstance(target, Integral) and logits.shape[1] > 1 else target


def _sizes(graph: Graph) -> dict[str, int]:
    return {layer.name: layer.size for layer in graph.layers}


def _masks(circuit: Circuit, graph: Graph) -> list[Any]:
    """Which edges of a graph at an input are the circuit's; of biases, those of its vertices."""
    whole, edges, keys = circuit.whole, circuit.question.edges, _keys(graph)
    kept: dict[Any, Array] = {}
    inner: dict[str, Array] = {layer.name: np.zeros(layer.size, dtype=bool) for layer in whole.layers}
    for i, key in enumerate(_keys(whole)):
        block = whole.blocks[i]
        mine = circuit.chosen[(circuit.chosen >= edges.starts[i]) & (circuit.chosen < edges.starts[i + 1])]
        rows = edges.target[mine] - whole.layer(block.target).start
        columns = edges.source[mine] - whole.layer(block.source).start
        inner[block.target][rows] = True
        kept[key] = rows * block.shape[1] + columns
    masks = []
    for block, key in zip(graph.blocks, keys, strict=True):
        rows, columns = places(block.weight)
        if block.kind == "bias":
            known = inner.get(block.target, np.zeros(block.shape[0], dtype=bool))
            mask = known[rows]
        else:
            mask = np.isin(rows * block.shape[1] + columns, kept.get(key, np.zeros(0, dtype=np.int64)))
        masks.append(beside(block.weight, mask))
    return masks


def _keys(graph: Graph) -> list[tuple[str, str, str, int]]:
    """What a block is called in graphs with and without an input: its ends, its kind, and which of those it is."""
    seen: dict[tuple[str, str, str], int] = {}
    out = []
    for block in graph.blocks:
        key = (block.source, block.target, block.kind)
        seen[key] = seen.get(key, 0) + 1
        out.append((*key, seen[key]))
    return out


def _slopes(circuit: Circuit, graph: Graph, target: str | None) -> dict[str, float]:
    """Id of each vertex where paths end -> ∂target/∂z; 1 where the target is a vertex."""
    own = circuit.settings["target"]
    named = target or (own if isinstance(own, str) and ":" in own else None)
    number = {identifier: i for i, identifier in enumerate(graph.ids.tolist())}
    if named is not None:
        if named not in number:
            raise unknown("vertex", named, number)
        return {named: 1.0}
    ends = circuit.whole.ids[circuit.question.ways.ends].tolist()
    slopes = {end: _ratio(graph, number[end]) for end in ends if end in number}
    return {end: slope for end, slope in slopes.items() if slope}


def _ratio(graph: Graph, vertex: int) -> float:
    """∂target/∂z of a vertex: attribution / contribution of what enters it."""
    flow, size = 0.0, 0.0
    for made, given in _entering(graph, vertex):
        flow, size = flow + float(made @ given), size + float(made @ made)
    return flow / size if size else 0.0


def _inflow(graph: Graph, vertex: int) -> float:
    return sum(float(made.sum()) for made, _ in _entering(graph, vertex))


def _entering(graph: Graph, vertex: int) -> Iterable[tuple[Array, Array]]:
    """(contributions, attributions) of the edges into a vertex, block by block."""
    for block in graph.blocks:
        layer = graph.layer(block.target)
        if layer.start <= vertex < layer.stop:
            row = np.array([vertex - layer.start])
            every = np.arange(block.shape[1])
            found = [ops.submatrix(block.operator(name), row, every) for name in ("contribution", "attribution")]
            made, given = (np.asarray(f.toarray() if hasattr(f, "toarray") else f)[0].astype(float) for f in found)
            yield made, given


def _sources(graph: Graph) -> dict[int, Array]:
    """Vertex -> the vertices that edges lead from."""
    edges = FlatEdges(graph)
    real = np.flatnonzero(edges.real)
    real = real[np.argsort(edges.target[real], kind="stable")]
    targets, first = np.unique(edges.target[real], return_index=True)
    return dict(zip(targets.tolist(), np.split(edges.source[real], first[1:]), strict=True))
