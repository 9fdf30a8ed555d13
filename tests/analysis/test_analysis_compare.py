"""compare(): planted differences, all and only; overlap; what cannot be compared."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from analysis_graphs import awkward, chain, make, random_graph
from demo_digits import held_out, network

import netgraph as ng
from netgraph.analysis.compare import Comparison, compare
from netgraph.errors import AnalysisError, TableError, UnknownName
from netgraph.graph.graph import Graph

W1 = np.array([[1.0, 2.0, 0.0], [4.0, 5.0, 6.0]])
W2 = np.array([[7.0, -8.0]])


def planted(sparse: bool = False) -> tuple[Graph, Graph]:
    """Three weights changed, one added, one pruned."""
    one, two = W1.copy(), W2.copy()
    one[0, 0], one[1, 1], two[0, 1] = 1.5, 5.25, -4.0
    one[0, 2], one[1, 2] = 3.0, 0.0
    form = sp.csr_array if sparse else np.asarray
    return chain(form(W1), form(W2)), chain(form(one), form(two))


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("match", ["ids", "auto"])
def test_compare_finds_planted_edges_all_and_only(sparse: bool, match: str) -> None:
    found = compare(*planted(sparse), match=match)
    assert not found.identical
    assert found.edges[["source", "target", "status", "weight", "other_weight", "change"]].to_numpy().tolist() == [
        ["l0:2", "l1:1", "removed", 6.0, 0.0, -6.0],
        ["l1:1", "l2:0", "changed", -8.0, -4.0, 4.0],
        ["l0:2", "l1:0", "added", 0.0, 3.0, 3.0],
        ["l0:0", "l1:0", "changed", 1.0, 1.5, 0.5],
        ["l0:1", "l1:1", "changed", 5.0, 5.25, 0.25],
    ]
    layers = found.layers.set_index("target")
    assert layers.loc["l1", ["edges", "other_edges", "added", "removed", "changed", "same"]].tolist() == [
        5,
        5,
        1,
        1,
        2,
        2,
    ]
    assert layers.loc["l2", "distance"] == pytest.approx(4 / np.sqrt(113))
    assert layers.loc["l2", "cosine"] == pytest.approx((49 + 32) / np.sqrt(113 * 65))
    assert layers.loc["l1", "jaccard"] == pytest.approx(4 / 6)
    vertices = found.vertices.set_index("id")
    assert list(vertices.index[:2]) == ["l1:1", "l0:2"]  # 6 + 0.25 + 4, and 6 + 3
    assert vertices.loc["l1:1", ["strength", "other_strength", "change"]].tolist() == [23.0, 4 + 5.25 + 4, 10.25]
    assert set(vertices["status"]) == {"changed"}
    text = repr(found)
    assert text.startswith("Comparison: different (by ids)\n") and "1 added, 1 removed, 3 changed, 3 same" in text


def test_compare_lists_what_it_was_asked_for() -> None:
    found = compare(*planted(), top=2)
    assert list(found.edges["change"]) == [-6.0, 4.0]
    assert len(found.edge_table()) == 5 and len(found.edge_table(0)) == 0
    whole = found.edge_table(same=True)
    assert len(whole) == 8 and set(whole["status"][5:]) == {"same"}
    assert set(found.edges.columns) == set(found.edge_table(0).columns)


def test_compare_of_the_same_is_identical() -> None:
    for name, graph in awkward().items():
        if name == "no layers":
            continue
        for match in ("ids", "units", "auto"):
            found = compare(graph, graph, match=match, nulls=1)
            assert found.identical, (name, match)
            assert isinstance(found, Comparison) and repr(found).startswith("Comparison: identical")
            assert set(found.vertices["status"]) == {"same"} and len(found.edges) == 0
            assert found.graph().n == graph.n


@pytest.mark.parametrize("seed", range(8))
def test_compare_agrees_with_the_edge_tables(seed: int) -> None:
    one = random_graph(seed)
    rng = np.random.default_rng(seed)
    blocks = []
    for block in one.blocks:
        weight = block.weight.toarray() if sp.issparse(block.weight) else block.weight.copy()
        weight[rng.random(weight.shape) < 0.3] += 1.0
        weight[rng.random(weight.shape) < 0.2] = 0.0
        blocks.append(replace(block, weight=sp.csr_array(weight) if rng.random() < 0.3 else weight))
    two = replace(one, blocks=tuple(blocks))
    found = compare(one, two)
    totals = [{}, {}]
    for table, graph in zip(totals, (one, two), strict=True):
        for number, block in enumerate(graph.blocks):
            part = Graph(graph.layers, (block,)).edges.to_pandas()
            for row in part.itertuples():
                table[number, row.source, row.target] = row.weight
    keys = set(totals[0]) | set(totals[1])
    gaps = {key: totals[1].get(key, 0.0) - totals[0].get(key, 0.0) for key in keys}
    expected = sorted(abs(gap) for key, gap in gaps.items() if gap or (key in totals[0]) != (key in totals[1]))
    assert sorted(found.edge_table()["change"].abs()) == pytest.approx(expected)
    assert found.layers["added"].sum() == len(set(totals[1]) - set(totals[0]))
    assert found.layers["removed"].sum() == len(set(totals[0]) - set(totals[1]))
    by_vertex = pd.Series(0.0, index=one.ids)
    for (_, source, target), gap in gaps.items():
        by_vertex[source] += abs(gap)
        by_vertex[target] += abs(gap)
    changes = found.vertices.set_index("id")["change"]
    assert changes[one.ids].to_numpy() == pytest.approx(by_vertex.to_numpy())
    back = compare(two, one)
    assert back.edges["change"].to_numpy() == pytest.approx(-found.edges["change"].to_numpy())


def test_compare_looks_at_biases_beside_weights_only() -> None:
    one = ng.Graph.from_matrices([W1, W2], [[1.0, 2.0], [3.0]])
    two = ng.Graph.from_matrices([W1, W2], [[1.0, 2.5], [3.0]])
    found = compare(one, two)
    assert not found.identical and len(found.edges) == 0
    changed = found.vertices[found.vertices["status"] == "changed"]
    assert changed[["id", "change"]].to_numpy().tolist() == [["layer_1:1", 0.5]]


def test_compare_tolerance_is_relative() -> None:
    one, two = chain([[1.0, 1e-3]]), chain([[1.0 + 1e-4, 1e-3 * (1 + 1e-4)]])
    assert not compare(one, two).identical
    assert len(compare(one, two).edges) == 2
    assert compare(one, two, tolerance=2e-4).identical
    assert not compare(chain([[1.0]]), chain([[1.0 + 1e-15]]), tolerance=0).identical


def test_compare_parts_of_a_graph_by_ids() -> None:
    """Two circuits: precision is the share of the second's edges that the first has, recall of the first's."""
    whole = chain(np.ones((3, 3)), np.ones((2, 3)))
    first = whole.select(edges=[np.eye(3, dtype=bool), np.array([[1, 1, 1], [0, 0, 0]], dtype=bool)])
    keep = np.eye(3, dtype=bool)
    keep[2, 2] = False
    second = whole.select(edges=[keep, np.array([[1, 0, 0], [0, 1, 0]], dtype=bool)])
    found = compare(SimpleNamespace(graph=first), SimpleNamespace(graph=second))
    overlap = found.overlap.set_index(["what", "where"])
    row = overlap.loc["edges", "all"]
    assert row[["shared", "first", "second"]].tolist() == [3, 6, 4]
    assert row[["jaccard", "precision", "recall"]].tolist() == pytest.approx([3 / 7, 3 / 4, 1 / 2])
    assert overlap.loc["vertices", "all"][["shared", "first", "second"]].tolist() == [5, 7, 6]
    assert overlap.loc["edges", "l1 -> l2"]["jaccard"] == pytest.approx(1 / 4)
    status = found.vertices.set_index("layer")
    assert set(status.loc["l2", "status"]) == {"changed", "added"}
    added = found.vertices[found.vertices["status"] == "added"].iloc[0]
    assert pd.isna(added["id"]) and added["other_id"] == "l2:1"
    removed = found.edges[found.edges["status"] == "removed"]
    assert set(map(tuple, removed[["source", "target"]].to_numpy())) == {
        ("l0:2", "l1:2"), ("l1:1", "l2:0"), ("l1:2", "l2:0")
    }  # fmt: skip
    new = found.edges[found.edges["status"] == "added"].iloc[0]
    assert (new["source"], new["target"], new["other_target"]) == ("l1:1", "l2:1", "l2:1")


def test_compare_names_layers_of_one_graph_alone() -> None:
    one = make([2, 3, 1], [(0, 1, np.ones((3, 2))), (1, 2, np.ones((1, 3)))])
    two = make([2, 3, 2, 1], [(0, 1, np.ones((3, 2))), (1, 2, np.ones((2, 3))), (2, 3, np.ones((1, 2)))])
    names = [replace(layer, name=name) for layer, name in zip(two.layers, ("l0", "l1", "extra", "l2"), strict=True)]
    ends = [replace(b, source=names[i].name, target=names[i + 1].name) for i, b in enumerate(two.blocks)]
    two = Graph(tuple(names), tuple(ends))
    for match in ("ids", "units"):
        found = compare(one, two, match=match)
        assert found.layers_added == ("extra",) and found.layers_removed == ()
        assert "layers added: extra" in repr(found) and not found.identical
        assert found.overlap.set_index(["what", "where"]).loc["edges", "all"]["shared"] == 6
    assert compare(two, one).layers_removed == ("extra",)
    assert found.graph().n == one.n


def test_compare_attributions_of_two_classes() -> None:
    """The difference of two targets' attributions is the attribution of their difference."""
    net, x = network("mlp"), torch.as_tensor(held_out()[0][:1])
    three, five, both = (net.graph(inputs=x, target=target) for target in (3, 5, (5, 3)))
    found = compare(three, five, weight="attribution")
    gaps = {(row.source, row.target): row.change for row in found.edge_table(same=True).itertuples()}
    table = both.edges.to_pandas()
    expected = dict(zip(zip(table["source"], table["target"], strict=True), table["attribution"], strict=True))
    assert set(gaps) == set(expected)
    largest = max(map(abs, expected.values()))
    assert max(abs(gaps[key] - expected[key]) for key in gaps) < 1e-5 * largest
    assert list(found.edges["change"].abs()) == sorted(found.edges["change"].abs(), reverse=True)
    assert found.layers["added"].sum() == found.layers["removed"].sum() == 0  # both have the weights' edges


def test_compare_as_a_graph_and_as_a_folder(tmp_path: Path) -> None:
    found = compare(*planted())
    united = found.graph()
    assert len(united.edges) == 8  # of either
    table = united.edges.to_pandas().set_index(["source", "target"])
    assert table.loc[("l0:2", "l1:0"), ["weight", "change", "other_weight"]].tolist() == [3.0, 3.0, 3.0]
    assert table.loc[("l0:2", "l1:1"), ["weight", "change", "other_weight"]].tolist() == [6.0, -6.0, 0.0]
    assert united.columns["change"].tolist() == found.vertices.set_index("id")["change"][united.ids].tolist()
    folder = found.save(tmp_path / "out")
    edges = pd.read_csv(folder / "edges.csv")
    pd.testing.assert_frame_equal(edges, found.edge_table())
    told = json.loads((folder / "comparison.json").read_text())
    assert told["identical"] is False and told["edges"]["changed"] == 3
    found.save(folder)  # its own may be replaced
    (folder / "mine.txt").write_text("")
    with pytest.raises(TableError, match=r"holds mine\.txt, and not just a saved comparison"):
        found.save(folder)


def test_compare_changes_nothing() -> None:
    one, two = planted()
    before = [block.weight.copy() for graph in (one, two) for block in graph.blocks]
    compare(one, two, match="units").graph()
    for old, block in zip(before, [*one.blocks, *two.blocks], strict=True):
        np.testing.assert_array_equal(old, block.weight)


def test_compare_bad_questions() -> None:
    one, two = planted()
    with pytest.raises(UnknownName, match="unknown match 'unit': did you mean 'units'"):
        compare(one, two, match="unit")
    with pytest.raises(UnknownName, match="attribution"):
        compare(one, two, weight="attribution")
    with pytest.raises(AnalysisError, match="the second graph has no vertices: there is nothing to compare"):
        compare(one, Graph((), ()))
    with pytest.raises(
        AnalysisError, match=r"the first of the two to compare is a Network; give its graph: net\.graph"
    ):
        compare(network("mlp"), one)
    with pytest.raises(AnalysisError, match="second of the two to compare is a int; expected a Graph, or a Circuit"):
        compare(one, 3)
    with pytest.raises(AnalysisError, match="no layer in common: l0, l1, l2 in the first, layer_0, layer_1"):
        compare(one, ng.Graph.from_matrices([W1]))
    with pytest.raises(AnalysisError, match="top is -1; it must be a whole number from 0 up"):
        compare(one, two, top=-1)
    for top in (None, "all", 2.5):
        with pytest.raises(AnalysisError, match=f"top is {top!r}; it must be a whole number from 0 up"):
            compare(one, two, top=top)
    with pytest.raises(AnalysisError, match="tolerance is 1; it must be from 0 up to below 1"):
        compare(one, two, tolerance=1)
    broken = chain(W1, [[np.nan, 1.0]])
    with pytest.raises(AnalysisError, match="'weight' of the edges l1 -> l2 holds NaN or infinity in the second graph"):
        compare(one, broken)
    with pytest.raises(AnalysisError, match="in the first graph; units cannot be matched by such weights"):
        compare(broken, one, match="units")


def test_compare_needs_graphs_of_one_kind() -> None:
    net = network("cnn")
    with pytest.raises(AnalysisError, match="granularity is 'channel' in the first graph, 'unit' in the second"):
        compare(net.graph(), net.graph("unit"))
    with pytest.raises(AnalysisError, match="reduce is 'l1' in the first graph, 'l2' in the second: make both graphs"):
        compare(net.graph(), net.graph(reduce="l2"))
    with pytest.raises(AnalysisError, match="gauge is 'none' in the first graph, 'balanced' in the second"):
        compare(net.graph(), net.graph(gauge="balanced"))
    assert compare(net.graph(), net.graph(gauge="balanced"), match="units").identical
