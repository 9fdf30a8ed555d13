"""Graphs from matrices, tables and networkx graphs."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from graph_strategies import layered_graphs
from hypothesis import given, settings
from hypothesis import strategies as st

from netgraph.errors import GraphError, UnknownName
from netgraph.graph.equality import difference
from netgraph.graph.graph import Graph, Layer
from netgraph.graph.layering import depths


def edges(*rows: tuple[object, ...]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["source", "target", "weight"][: len(rows[0])])


def test_a_linear_layer_by_hand() -> None:
    graph = Graph.from_matrices([[[1, 2, 3], [4, 5, 6]]], biases=[[7, 8]])
    assert len(graph.edges) == 6
    assert graph.to_scipy()[1, 3] == 2  # input 1 -> output 0
    assert graph.columns["bias"].tolist() == [0, 0, 0, 7, 8]
    assert [layer.kind for layer in graph.layers] == ["input", "linear"]


def test_matrices_keep_their_layout_and_type() -> None:
    graph = Graph.from_matrices([np.ones((2, 3), dtype=np.float32), sp.coo_array(np.eye(2))], names=["a", "b", "c"])
    assert graph.blocks[0].weight.dtype == np.float32
    assert isinstance(graph.blocks[1].weight, sp.csr_array)
    assert graph.blocks[1].edges == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([],), "no matrices"),
        (([np.ones((2, 3)), np.ones((3, 2))],), r"matrix 1 has shape \(3, 2\) and reads 2 vertices|a transpose"),
        (([np.ones((2, 3)), np.ones((1, 4))],), "matrix 1 .* reads 4 vertices, but matrix 0 makes 2; .* a transpose"),
        (([np.ones(3)],), r"need 2 axes, \(n_target, n_source\); got shape \(3,\)"),
        (([np.ones((2, 3))], [np.ones(3)]), r"bias 0 has shape \(3,\), expected \(2,\)"),
        (([np.ones((2, 3))], []), "0 biases for 1 matrices"),
        (([np.ones((2, 3))], None, ["a"]), "1 layer names for 1 matrices, expected 2"),
        (([np.ones((2, 3))], None, ["a", "a"]), "layer names are not unique"),
    ],
)
def test_matrices_that_do_not_fit(arguments: tuple[object, ...], message: str) -> None:
    if "reads 2" in message:  # this pair fits: the error of the next row is the real one
        assert Graph.from_matrices(*arguments).n == 8  # type: ignore[arg-type]
        return
    with pytest.raises(GraphError, match=message):
        Graph.from_matrices(*arguments)  # type: ignore[arg-type]


def test_depth_makes_the_layers_of_an_unlayered_graph() -> None:
    graph = Graph.from_pandas(None, edges(("c", "d", 1.0), ("a", "c", 2.0), ("b", "d", -3.0), ("a", "d", 4.0)))
    assert [graph.ids[layer.vertices].tolist() for layer in graph.layers] == [["a", "b"], ["c"], ["d"]]
    assert {(b.source, b.target): b.weight.tolist() for b in graph.blocks} == {
        ("layer_0", "layer_1"): [[2.0, 0.0]],
        ("layer_1", "layer_2"): [[1.0]],
        ("layer_0", "layer_2"): [[4.0, -3.0]],
    }


def test_a_layer_column_is_kept_where_edges_run_forward() -> None:
    table = pd.DataFrame(
        {"id": ["a", "b", "c", "d"], "layer": ["hidden", "in", "in", "out"], "kind": ["x", "input", "input", "x"]}
    )
    graph = Graph.from_pandas(table, edges(("b", "a", 1.0), ("a", "d", 1.0)))
    assert [layer.name for layer in graph.layers] == ["in", "hidden", "out"]
    assert [layer.kind for layer in graph.layers] == ["input", "x", "x"]
    assert graph.ids.tolist() == ["b", "c", "a", "d"]


def test_a_layer_column_that_edges_contradict_gives_way_to_the_depth() -> None:
    table = pd.DataFrame({"id": ["a", "b"], "layer": ["one", "one"]})
    graph = Graph.from_pandas(table, edges(("a", "b", 1.0)))
    assert [layer.name for layer in graph.layers] == ["layer_0", "layer_1"]
    assert graph.columns["layer_given"].tolist() == ["one", "one"]


def test_parallel_edges_are_summed_and_kinds_kept_apart() -> None:
    table = edges(("a", "b", 1.0), ("a", "b", 2.0), ("a", "b", 4.0)).assign(
        kind=["x", "x", "y"], score=[1.0, 2.0, np.nan]
    )
    graph = Graph.from_pandas(None, table)
    assert {block.kind: block.weight.tolist() for block in graph.blocks} == {"x": [[3.0]], "y": [[4.0]]}
    assert graph.blocks[0].values["score"].tolist() == [[3.0]]
    assert "score" not in graph.blocks[1].values
    assert graph.to_scipy().toarray().tolist() == [[0.0, 7.0], [0.0, 0.0]]
    assert graph.to_networkx().edges["a", "b"]["weight"] == 7.0


def test_a_circle_is_spelled_out() -> None:
    with pytest.raises(
        GraphError, match=r"run in a circle: (b -> c -> d -> b|c -> d -> b -> c|d -> b -> c -> d); .*directed=False"
    ):
        Graph.from_pandas(None, edges(("a", "b"), ("b", "c"), ("c", "d"), ("d", "b"), ("d", "e")))
    with pytest.raises(GraphError, match="row 1 of the edges joins vertex 'b' to itself"):
        Graph.from_pandas(None, edges(("a", "b"), ("b", "b")))
    graph = Graph.from_pandas(None, edges(("a", "b"), ("b", "c"), ("c", "a")), directed=False)
    assert (len(graph.edges), graph.meta["directed"]) == (3, False)


@pytest.mark.parametrize(
    ("vertices", "table", "error", "message"),
    [
        (None, {"src": ["a"], "target": ["b"]}, UnknownName, "unknown column 'source' in the edge table"),
        ({"name": ["a"]}, {"source": ["a"], "target": ["b"]}, UnknownName, "unknown column 'id' in the vertex table"),
        (
            {"id": ["fc1:0", "x"]},
            {"source": ["fc1:0"], "target": ["fc1:1"]},
            UnknownName,
            "'fc1:1' .target of edge row 0.: did you mean 'fc1:0'",
        ),
        ({"id": ["a", "a"]}, {"source": ["a"], "target": ["a"]}, GraphError, "vertex id 'a' is there twice"),
        ({"id": ["a", None]}, {"source": ["a"], "target": ["a"]}, GraphError, "vertex 1 has no id"),
        (
            None,
            {"source": ["a"], "target": ["b"], "weight": ["x"]},
            GraphError,
            "edge column 'weight' holds values that are no numbers",
        ),
        (
            None,
            {"source": ["a"], "target": ["b"], "weigth": [0.5]},
            UnknownName,
            "'weight' in the edge table, without which every edge would weigh 1: did you mean 'weigth'",
        ),
        (None, {"source": ["a"], "target": ["b"], "WEIGHT": [0.5]}, UnknownName, "did you mean 'WEIGHT'"),
    ],
)
def test_tables_that_are_no_graph(
    vertices: dict[str, list[object]] | None, table: dict[str, list[object]], error: type, message: str
) -> None:
    with pytest.raises(error, match=message):
        Graph.from_pandas(None if vertices is None else pd.DataFrame(vertices), pd.DataFrame(table))


@pytest.mark.parametrize(
    ("attribute", "asked", "message"),
    [
        ("weigth", "weight", "unknown edge attribute 'weight' at the edges, .* weigh 1: did you mean 'weigth'"),
        ("cost", "csot", "'csot' .weight=None makes every edge weigh 1.: did you mean 'cost'"),
    ],
)
def test_a_misspelt_weight_in_networkx_is_asked_about(attribute: str, asked: str, message: str) -> None:
    theirs = nx.DiGraph()
    theirs.add_edge("a", "b", **{attribute: 2.0})
    with pytest.raises(UnknownName, match=message):
        Graph.from_networkx(theirs, weight=asked)
    assert Graph.from_networkx(theirs, weight=attribute).to_scipy().sum() == 2.0
    assert Graph.from_networkx(theirs, weight=None).to_scipy().sum() == 1.0


def test_ids_that_are_numbers_get_a_letter_and_keep_their_label() -> None:
    graph = Graph.from_pandas(None, edges((1, 2, 0.5), (2, 10, 0.5)))
    assert graph.ids.tolist() == ["v1", "v2", "v10"]
    assert graph.vertices["label"].tolist() == ["1", "2", "10"]


def test_the_karate_club_comes_whole() -> None:
    club = nx.karate_club_graph()
    graph = Graph.from_networkx(club)
    assert (graph.n, len(graph.edges), graph.meta["directed"]) == (34, 78, False)
    label = dict(zip(graph.ids, graph.vertices["label"], strict=True))
    found = {tuple(sorted((int(label[s]), int(label[t])))): w for s, t, w in graph.to_networkx().edges(data="weight")}
    assert found == {tuple(sorted((s, t))): float(w) for s, t, w in club.edges(data="weight")}
    assert dict(zip(map(int, graph.vertices["label"]), graph.vertices["club"], strict=True)) == dict(
        club.nodes(data="club")
    )


def test_networkx_there_and_back() -> None:
    graph = Graph.from_matrices([np.array([[0.5, 0.0, -2.0], [1.0, 3.0, 4.0]]), np.array([[1.0, 1.0]])])
    again = Graph.from_networkx(graph.to_networkx())
    assert difference(Graph(graph.layers, graph.blocks, {}, {"directed": True}), again) is None


@settings(max_examples=60, deadline=None)
@given(layered_graphs())
def test_pandas_there_and_back_keeps_ids_edges_and_weights(graph: Graph) -> None:
    vertices, edge_table = graph.to_pandas()
    again = Graph.from_pandas(vertices, edge_table)
    assert [(layer.name, layer.size) for layer in again.layers] == [(layer.name, layer.size) for layer in graph.layers]
    assert again.ids.tolist() == graph.ids.tolist()
    matrices = [g.to_scipy().toarray() for g in (graph, again)]
    np.testing.assert_array_equal(*matrices)
    for name in ("channel", "row", "col", "index"):
        assert again.vertices[name].equals(vertices[name])


@given(
    st.integers(1, 12).flatmap(
        lambda n: st.tuples(st.just(n), st.sets(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1))))
    )
)
def test_depths_are_the_longest_ways(case: tuple[int, set[tuple[int, int]]]) -> None:
    n, pairs = case
    forward = sorted((min(p), max(p)) for p in pairs if p[0] != p[1])
    source, target = (np.array([p[i] for p in forward], dtype=np.intp) for i in (0, 1))
    network = nx.DiGraph(forward)
    network.add_nodes_from(range(n))
    expected = dict.fromkeys(range(n), 0)
    for vertex in nx.topological_sort(network):
        expected[vertex] = max((expected[p] + 1 for p in network.predecessors(vertex)), default=0)
    assert depths(n, source, target).tolist() == [expected[v] for v in range(n)]


def test_attributes_that_are_no_numbers_or_text_are_written_out() -> None:
    network = nx.DiGraph()
    network.add_node("a", pos=(0.5, 1))
    network.add_node("b", rank=3)
    network.add_edge("a", "b", colour="red", flow=2, kind="pipe")
    graph = Graph.from_networkx(network)
    assert graph.columns["pos"].tolist() == ["(0.5, 1)", None]
    assert graph.columns["rank"].tolist()[1] == 3.0
    assert (graph.blocks[0].kind, graph.blocks[0].weight.tolist()) == ("pipe", [[1.0]])
    assert {name: value.tolist() for name, value in graph.blocks[0].values.items()} == {"flow": [[2.0]]}
    assert Graph.from_networkx(nx.DiGraph()).n == 0


def test_layers_that_contradict_themselves() -> None:
    with pytest.raises(GraphError, match=r"grid \(2, 2\) does not hold 3 vertices"):
        Layer("a", "a", "input", (3,), 0, 3, grid=(2, 2))
    with pytest.raises(GraphError, match="starts at vertex 1, expected 0"):
        Graph((Layer("a", "a", "input", (3,), 1, 3),), ())
