"""What a lesion cuts: names, and sets of vertices or edges by their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from netgraph.analysis.circuits import Circuit
from netgraph.analysis.modules import Modules
from netgraph.analysis.modules.find import NO_MODULE
from netgraph.errors import AnalysisError, unknown
from netgraph.graph.flat import FlatEdges
from netgraph.graph.graph import Graph

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Cut:
    """One lesion.

    Attributes
    ----------
    name : its row in the tables.
    what : "vertices" or "edges".
    members : their numbers, rising.
    notes : what ought to be known of it.
    """

    name: str
    what: str
    members: Array
    notes: tuple[str, ...] = ()


def vertex_cuts(edges: FlatEdges, vertices: Any) -> list[Cut]:
    """A lesion for each id, or for each named set of ids.

    Raises
    ------
    UnknownName : a vertex that is not in the graph.
    AnalysisError : an output vertex, where no edge leaves; nothing to cut; a vertex twice.
    """
    graph = edges.graph
    number = {str(identifier): i for i, identifier in enumerate(graph.ids)}
    outputs, leaving = output_vertices(graph), np.zeros(graph.n, dtype=bool)
    leaving[edges.source[edges.real]] = True
    found = []
    for name, ids, labelled in _named_vertices(vertices):
        members = np.array([_number(number, identifier, name) for identifier in ids], dtype=np.int64)
        _check(name, members, [str(identifier) for identifier in ids], "vertex")
        notes, ends = [], outputs[members]
        if ends.any() and not (labelled and not ends.all()):
            raise AnalysisError(_about_outputs(name, [str(graph.ids[v]) for v in members[ends]], labelled))
        if ends.any():
            notes.append(f"without its {_count(int(ends.sum()), 'output vertex', 'output vertices')}")
            members = members[~ends]
        still = int((~leaving[members]).sum())
        if still:
            notes.append("no edge leaves it" if still == len(members) else f"no edge leaves {still:,} of its vertices")
        found.append(Cut(name, "vertices", np.sort(members), tuple(notes)))
    return found


def edge_cuts(edges: FlatEdges, wanted: Any) -> list[Cut]:
    """A lesion for each pair of ids, each named set of pairs, or a circuit.

    Raises
    ------
    UnknownName : a vertex that is not in the graph.
    AnalysisError : a pair that no edge joins; nothing to cut; a circuit of another graph.
    """
    graph = edges.graph
    number = {str(identifier): i for i, identifier in enumerate(graph.ids)}
    real = np.flatnonzero(edges.real)
    code = edges.source[real] * graph.n + edges.target[real]
    order = np.argsort(code, kind="stable")
    code, real = code[order], real[order]
    found = []
    for name, pairs in _named_edges(wanted):
        if isinstance(pairs, Circuit):
            found.append(Cut(name, "edges", _of_circuit(edges, pairs)))
            continue
        ends = np.array(
            [[_number(number, end, name) for end in _pair(pair, name)] for pair in pairs], dtype=np.int64
        ).reshape(-1, 2)
        asked = ends[:, 0] * graph.n + ends[:, 1]
        _check(name, asked, ["{} -> {}".format(*pair) for pair in pairs], "edge")
        first, last = np.searchsorted(code, asked), np.searchsorted(code, asked, side="right")
        if (first == last).any():
            source, target = graph.ids[ends[np.flatnonzero(first == last)[0]]]
            raise AnalysisError(
                f"no edge {source} -> {target}{_of(name)}: pairs are (source, target), and an entry of weight 0 is no "
                f"edge; graph.edges lists those that exist"
            )
        spans = [real[a:b] for a, b in zip(first, last, strict=True)]
        found.append(Cut(name, "edges", np.sort(np.concatenate(spans))))
    return found


def output_vertices(graph: Graph) -> Array:
    """(n,) which vertices lie in a layer that nothing reads."""
    read = {block.source for block in graph.blocks}
    found = np.zeros(graph.n, dtype=bool)
    for layer in graph.layers:
        found[layer.vertices] = layer.name not in read
    return found


def refuse_namesakes(cuts: Iterable[Cut]) -> None:
    """Every lesion has a row, so every name is one lesion's."""
    seen = set()
    for cut in cuts:
        if cut.name in seen:
            raise AnalysisError(f"two lesions are called {cut.name!r}: name each but once")
        seen.add(cut.name)


def _named_vertices(vertices: Any) -> list[tuple[str, list[Any], bool]]:
    """(name, ids, whether the ids are those that share a label: then outputs among them are left out)."""
    if isinstance(vertices, Circuit):
        return [("circuit", vertices.graph.ids.tolist(), True)]
    if isinstance(vertices, Modules):
        vertices = vertices.labels
    if isinstance(vertices, pd.Series):
        if all(isinstance(identifier, str) for identifier in vertices.index):
            labels = vertices.dropna().convert_dtypes()
            labels = labels[labels != NO_MODULE]
            kind = "module" if vertices.name is None else str(vertices.name)
            return [(f"{kind} {label}", list(its.index), True) for label, its in labels.groupby(labels, observed=True)]
        vertices = vertices.tolist()
    if isinstance(vertices, str):
        vertices = [vertices]
    if isinstance(vertices, Mapping):
        return [(str(name), [ids] if isinstance(ids, str) else list(ids), False) for name, ids in vertices.items()]
    if not isinstance(vertices, Iterable):
        raise AnalysisError(
            f"vertices={vertices!r}: expected an id, ids, a mapping of names to ids, labels by id, modules or a circuit"
        )
    return [(str(identifier), [identifier], False) for identifier in vertices]


def _named_edges(wanted: Any) -> list[tuple[str, Any]]:
    if isinstance(wanted, Circuit):
        return [("circuit", wanted)]
    if isinstance(wanted, Mapping):
        return [
            (str(name), pairs if isinstance(pairs, Circuit) else [pairs] if _is_pair(pairs) else list(pairs))
            for name, pairs in wanted.items()
        ]
    if _is_pair(wanted):
        wanted = [wanted]
    if isinstance(wanted, str) or not isinstance(wanted, Iterable):
        raise AnalysisError(f"edges={wanted!r}: expected pairs of ids, a mapping of names to such pairs, or a circuit")
    return [("{} -> {}".format(*_pair(pair, "")), [pair]) for pair in wanted]


def _is_pair(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and len(value) == 2 and all(isinstance(end, str) for end in value)


def _pair(pair: Any, name: str) -> tuple[str, str]:
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise AnalysisError(f"{pair!r}{_of(name)} is no edge: expected a pair of ids, (source, target)")
    return pair[0], pair[1]


def _number(number: Mapping[str, int], identifier: Any, name: str) -> int:
    if str(identifier) not in number:
        raise unknown("vertex", identifier, number, _of(name) if str(identifier) != name else "")
    return number[str(identifier)]


def _check(name: str, members: Array, words: list[str], what: str) -> None:
    if len(members) == 0:
        raise AnalysisError(f"the lesion {name!r} is empty: give it at least one {what}")
    _, first, counts = np.unique(members, return_index=True, return_counts=True)
    if counts.max() > 1:
        raise AnalysisError(
            f"{words[first[counts.argmax()]]} stands twice in the lesion {name!r}: name each {what} once"
        )


def _of(name: str) -> str:
    return f" in the lesion {name!r}" if name else ""


def _count(n: int, one: str, many: str) -> str:
    return one if n == 1 else f"{n:,} {many}"


def _about_outputs(name: str, ids: list[str], labelled: bool) -> str:
    shown = ", ".join(ids[:5]) + (f", … ({len(ids)} in all)" if len(ids) > 5 else "")
    where = _of(name) if ids != [name] else ""
    held = f"the lesion {name!r} holds output vertices alone: {shown}" if labelled else f"{shown}{where}"
    if not labelled:
        held += " is an output vertex" if len(ids) == 1 else " are output vertices"
    return f"{held}; a vertex is cut by its leaving edges, and none leaves an output: leave outputs out, or cut edges="


def _of_circuit(edges: FlatEdges, circuit: Circuit) -> Array:
    own = circuit.question.edges
    same = own.size == edges.size and np.array_equal(own.graph.ids, edges.graph.ids)
    if not same or not np.array_equal(own.real, edges.real) or not np.array_equal(own.source, edges.source):
        raise AnalysisError(
            f"the circuit is of another graph: it was found at granularity={circuit.settings['granularity']!r} among "
            f"{int(own.real.sum()):,} edges, here there are {int(edges.real.sum()):,}; pass its own network and "
            f"granularity"
        )
    return np.asarray(circuit.chosen)
