"""Paths against brute force over all of them, and against sums known by hand."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from analysis_graphs import chain, make, random_graph
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from netgraph.analysis.paths import paths
from netgraph.errors import AnalysisError, GraphError, UnknownName
from netgraph.graph.convolution import Convolution
from netgraph.graph.graph import Block, Graph

seeds = st.integers(0, 10_000)


def dense(graph: Graph, column: str = "weight") -> np.ndarray[Any, Any]:
    """One n×n matrix, rows = targets, built block by block."""
    whole = np.zeros((graph.n, graph.n))
    for block in graph.blocks:
        operator = block.operator(column)
        operator = operator if isinstance(operator, np.ndarray) else operator.toarray()
        whole[graph.layer(block.target).vertices, graph.layer(block.source).vertices] += operator
    return whole


def every_path(weight: np.ndarray[Any, Any], end: int, starts: set[int]) -> Iterator[tuple[float, tuple[int, ...]]]:
    def back(vertex: int) -> Iterator[tuple[float, tuple[int, ...]]]:
        if vertex in starts:
            yield 1.0, (vertex,)
        for source in np.flatnonzero(weight[vertex]):
            for value, before in back(int(source)):
                yield value * weight[vertex, source], (*before, vertex)

    return back(end)


@given(seeds, st.sampled_from([None, "positive", "negative"]), st.integers(1, 200))
def test_k_best_is_brute_force(seed: int, sign: str | None, k: int) -> None:
    graph = random_graph(seed)
    weight = dense(graph)
    entered = (weight != 0).any(axis=1)
    assume(entered[-1])
    wanted = {None: lambda v: True, "positive": lambda v: v > 0, "negative": lambda v: v < 0}[sign]
    all_paths = list(every_path(weight, graph.n - 1, set(np.flatnonzero(~entered).tolist())))
    expected = sorted((v for v, _ in all_paths if wanted(v)), key=abs, reverse=True)[:k]
    found = paths(graph, graph.ids[-1], k=k, sign=sign)
    np.testing.assert_allclose(found["value"], expected, rtol=1e-12)
    assert found["rank"].tolist() == list(range(1, len(expected) + 1))
    by_ids = {tuple(graph.ids[list(p)]): v for v, p in all_paths}
    for value, vertices in zip(found["value"], found["vertices"], strict=True):
        assert value == pytest.approx(by_ids[vertices], rel=1e-12)
    assert len(set(found["vertices"])) == len(found)


@given(seeds)
def test_attrs_are_the_sums_over_all_paths(seed: int) -> None:
    graph = random_graph(seed)
    weight = dense(graph)
    entered = (weight != 0).any(axis=1)
    assume(entered[-1])
    values = [v for v, _ in every_path(weight, graph.n - 1, set(np.flatnonzero(~entered).tolist()))]
    found = paths(graph, graph.ids[-1], k=3)
    assert found.attrs["paths"] == len(values)
    assert found.attrs["total"] == pytest.approx(sum(values), rel=1e-9, abs=1e-9)
    assert found.attrs["total_abs"] == pytest.approx(sum(map(abs, values)))
    assert found.attrs["coverage_abs"] == pytest.approx(found["value"].abs().sum() / sum(map(abs, values)))
    np.testing.assert_allclose(found["share"], found["value"] / sum(map(abs, values)))


@given(seeds)
def test_grouping_adds_up_first_vertices(seed: int) -> None:
    graph = random_graph(seed)
    weight = dense(graph)
    entered = (weight != 0).any(axis=1)
    assume(entered[-1])
    routes: dict[tuple[str, ...], float] = {}
    for value, path in every_path(weight, graph.n - 1, set(np.flatnonzero(~entered).tolist())):
        route = tuple(graph.ids[list(path[1:])])
        routes[route] = routes.get(route, 0.0) + value
    found = paths(graph, graph.ids[-1], k=10_000, group="input")
    assert dict(zip(found["vertices"], found["value"], strict=True)) == pytest.approx(routes)
    assert found["value"].abs().is_monotonic_decreasing


@given(seeds)
def test_paths_from_one_source(seed: int) -> None:
    graph = random_graph(seed)
    weight = dense(graph)
    entered = (weight != 0).any(axis=1)
    assume(entered[-1])
    for source in range(graph.n - 1):
        expected = sorted((v for v, _ in every_path(weight, graph.n - 1, {source})), key=abs, reverse=True)
        np.testing.assert_allclose(paths(graph, graph.ids[-1], graph.ids[source])["value"], expected, rtol=1e-12)


def test_the_same_call_gives_the_same_order_of_ties() -> None:
    graph = chain(np.ones((4, 4)), np.ones((4, 4)))
    first = paths(graph, graph.ids[-1], k=7)
    assert first["value"].tolist() == [1.0] * 7
    assert first.equals(paths(graph, graph.ids[-1], k=7))
    assert first["vertices"].tolist() == paths(graph, graph.ids[-1])["vertices"].tolist()[:7]


def test_a_path_starts_at_a_bias_vertex_too() -> None:
    graph = make([1, 1, 1], [(0, 2, [[2.0]]), (1, 2, [[5.0]])], {1: "bias"})
    assert paths(graph, graph.ids[-1])["value"].tolist() == [5.0, 2.0]


# -- attribution -------------------------------------------------------------------------------


def at_input(graph: Graph, x: list[float], target: int) -> Graph:
    """A LeakyReLU chain (slope 1/4) at one input: activations, gates and flows, by their definitions."""
    activation, gates, z = [np.array(x)], [np.ones(len(x))], [np.array(x)]
    bias = np.asarray(graph.columns.get("bias", np.zeros(graph.n)), dtype=float)
    for i, block in enumerate(graph.blocks):
        z.append(block.weight @ activation[-1] + bias[graph.layer(block.target).vertices])
        last = i == len(graph.blocks) - 1
        gates.append(np.ones(len(z[-1])) if last else np.where(z[-1] > 0, 1.0, 0.25))
        activation.append(gates[-1] * z[-1])
    upstream = np.eye(len(z[-1]))[target]
    blocks: list[Block] = []
    for i in reversed(range(len(graph.blocks))):
        w = graph.blocks[i].weight
        values = {
            "contribution": w * activation[i],
            "gated_weight": w * gates[i],
            "attribution": w * activation[i] * upstream[:, None],
        }
        blocks.insert(0, Block(graph.blocks[i].source, graph.blocks[i].target, "linear", w, values))
        upstream = gates[i] * (w.T @ upstream)
    return Graph(graph.layers, tuple(blocks), {**graph.columns, "activation": np.concatenate(activation)})


XOR = chain([[1.0, 1.0], [1.0, 1.0]], [[1.0, -2.0]])


def test_xor_has_its_four_paths() -> None:
    # h1 = relu(x1+x2), h2 = relu(x1+x2−1), y = h1 − 2·h2 at (1, 1): +1, +1, −2, −2, and the bias of h2 holds +2.
    graph = at_input(Graph(XOR.layers, XOR.blocks, {"bias": np.array([0, 0, 0, -1.0, 0])}), [1.0, 1.0], 0)
    found = paths(graph, graph.ids[-1], weight="attribution")
    assert found["value"].tolist() == [-2, -2, 1, 1]
    assert [p[1] for p in found["vertices"]] == ["l1:1", "l1:1", "l1:0", "l1:0"]
    assert found.attrs["total"] == -2
    assert found.attrs["total_abs"] == 6
    assert found.attrs["target_value"] == 0  # −2 by the inputs, +2 by the bias
    assert found["share"].isna().all()  # a share of 0 is no number


def test_exact_shares_add_up_to_the_output_without_biases() -> None:
    rng = np.random.default_rng(0)
    graph = at_input(
        chain(rng.normal(size=(5, 4)), rng.normal(size=(4, 5)), rng.normal(size=(3, 4))), [1, -2, 0.5, 3], 1
    )
    target = graph.ids[-2]
    found = paths(graph, target, weight="attribution", k=10_000)
    assert found["share"].sum() == pytest.approx(1.0)
    assert found["value"].sum() == pytest.approx(graph.columns["activation"][-2])
    # The sum of all paths through an edge is its attribution.
    through = [v for v, p in zip(found["value"], found["vertices"], strict=True) if p[0] == "l0:3" and "l1:2" in p]
    assert sum(through) == pytest.approx(graph.blocks[0].values["attribution"][2, 3])


def test_paths_from_a_hidden_vertex_carry_what_it_passes_on() -> None:
    rng = np.random.default_rng(2)
    plain = chain(rng.normal(size=(4, 3)), rng.normal(size=(4, 4)), rng.normal(size=(2, 4)))
    graph = at_input(plain, [1.0, 2.0, -1.0], 0)
    for hidden in range(4):
        found = paths(graph, graph.ids[-2], source=f"l1:{hidden}", weight="attribution")
        # What flows on from a vertex: the sum of the attributions that leave it.
        assert found["value"].sum() == pytest.approx(graph.blocks[1].values["attribution"][:, hidden].sum())


def test_a_path_from_a_unit_without_incoming_edges_carries_its_bias_once_through_the_gate() -> None:
    # Unit 0 reads nothing and has bias −4: a = −4/4 = −1 (slope 1/4), and y reads 3·a = −3.
    plain = chain([[0.0], [2.0]], [[3.0, 1.0]])
    graph = at_input(Graph(plain.layers, plain.blocks, {"bias": np.array([0, -4.0, 0, 0])}), [1.0], 0)
    found = paths(graph, graph.ids[-1], weight="attribution")
    assert dict(zip(found["vertices"], found["value"], strict=True)) == {
        ("l1:0", "l2:0"): -3.0,
        ("l0:0", "l1:1", "l2:0"): 2.0,
    }
    assert found["share"].sum() == 1


def test_bias_column_counts_in_what_a_share_is_a_share_of() -> None:
    plain = chain([[2.0]], [[1.0]])
    graph = at_input(Graph(plain.layers, plain.blocks, {"bias": np.array([0, 1.0, 5.0])}), [1.0], 0)
    found = paths(graph, graph.ids[-1], weight="attribution")
    assert found["value"].tolist() == [2.0]
    assert found["share"].tolist() == [2 / 8]


def test_without_gated_weights_the_flow_is_split() -> None:
    exact = at_input(chain([[1.0, 3.0], [2.0, 2.0]], [[1.0, 0.5]]), [1.0, 1.0], 0)
    blocks = [
        Block(b.source, b.target, b.kind, b.weight, {"attribution": b.values["attribution"]}) for b in exact.blocks
    ]
    graph = Graph(exact.layers, tuple(blocks), exact.columns)
    found = paths(graph, graph.ids[-1], weight="attribution")
    # Hidden flows 4 and 2 of 6; inside, 1:3 and 1:1.
    assert found["value"].tolist() == pytest.approx([3 / 6, 1 / 6, 1 / 6, 1 / 6])
    assert "share" not in found
    assert "candidates" in found.attrs["rule"]
    with pytest.raises(AnalysisError, match="sign='positive' has no meaning here"):
        paths(graph, graph.ids[-1], weight="attribution", sign="positive")


def test_bad_questions_are_answered_by_name() -> None:
    graph = chain([[1.0, 2.0]], [[1.0]])
    with pytest.raises(UnknownName, match="unknown vertex 'l2:7': did you mean 'l2:0'"):
        paths(graph, "l2:7")
    with pytest.raises(UnknownName, match="unknown vertex 'l0:9'"):
        paths(graph, "l2:0", source="l0:9")
    with pytest.raises(UnknownName, match="unknown sign"):
        paths(graph, "l2:0", sign="plus")
    with pytest.raises(UnknownName, match="unknown group"):
        paths(graph, "l2:0", group="layer")
    with pytest.raises(UnknownName, match="edge column 'score'"):
        paths(graph, "l2:0", weight="score")
    with pytest.raises(AnalysisError, match="no edge leads to 'l0:0'"):
        paths(graph, "l0:0")
    with pytest.raises(AnalysisError, match="at least one path"):
        paths(graph, "l2:0", k=0)
    with pytest.raises(AnalysisError, match=r"net\.graph\(inputs=x"):
        paths(graph, "l2:0", weight="attribution")


def test_no_target_or_source_is_refused() -> None:
    graph = chain([[1.0, 2.0]], [[1.0]])
    with pytest.raises(AnalysisError, match="target= names no vertex: give an id, several ids, or the name of a layer"):
        paths(graph, [])
    with pytest.raises(AnalysisError, match="source= names no vertex"):
        paths(graph, "l2:0", source=())
    with pytest.raises(UnknownName, match="unknown vertex 'l2:1': did you mean 'l2:0'"):
        paths(graph, ["l2:0", "l2:1"])
    with pytest.raises(AnalysisError, match="no edge leads to 'l0:0' or the other targets"):
        paths(graph, "l0")


def test_a_value_that_is_no_number_is_refused_with_its_place() -> None:
    for matrix in (np.array([[1.0, np.nan]]), sp.csr_array(np.array([[1.0, np.inf]]))):
        graph = chain(matrix, [[1.0]])
        with pytest.raises(AnalysisError, match="'weight' of the edges l0 -> l1 holds NaN or infinity"):
            paths(graph, "l2:0")


def test_a_cycle_is_no_layered_graph() -> None:
    import networkx as nx

    with pytest.raises(GraphError, match="the edges run in a circle: 2 -> 1 -> 2"):
        paths(Graph.from_networkx(nx.DiGraph([(0, 1), (1, 2), (2, 1), (2, 3)])), "3")


@settings(max_examples=25)
@given(seeds)
def test_several_ends_are_the_union_of_each(seed: int) -> None:
    graph = random_graph(seed)
    layer = graph.layers[-1]
    weight = dense(graph)
    assume((weight[layer.vertices] != 0).any())
    ends = [i for i in range(layer.start, layer.stop) if (weight[i] != 0).any()]
    sources = [str(graph.ids[i]) for i in range(graph.layers[0].size)]
    each = [
        (value, path)
        for end in ends
        for source in sources
        for _, value, _, path in paths(graph, str(graph.ids[end]), source, k=10_000).itertuples(index=False)
    ]
    found = paths(graph, layer.name, source=sources, k=10_000)
    assert sorted(zip(found["value"], found["vertices"], strict=True)) == sorted(each)
    assert found.attrs["paths"] == len(each)
    assert found.equals(paths(graph, layer.name, source="l0", k=10_000))


@pytest.mark.parametrize("spread", [1.0, 40.0, 200.0])
def test_products_beyond_the_range_of_numbers_keep_their_order(spread: float) -> None:
    # Weights such as 1e-120: the completions of one layer lie further apart than doubles reach.
    rng = np.random.default_rng(3)
    matrices = [10.0 ** rng.uniform(-spread, spread / 3, size=(4, 4)) * rng.choice([-1, 1], (4, 4)) for _ in range(3)]
    matrices[1][2, 1] = 0.0
    graph = chain(matrices[0], sp.csr_array(matrices[1]), matrices[2])
    logs = {}
    with np.errstate(divide="ignore"):
        size = [np.log10(np.abs(m)) for m in matrices]
    for a, b, c in itertools.product(range(4), repeat=3):
        logs[f"l0:{a}", f"l1:{b}", f"l2:{c}", "l3:1"] = size[0][b, a] + size[1][c, b] + size[2][1, c]
    wanted = [p for p in sorted(logs, key=lambda p: -logs[p]) if logs[p] > -300][:20]
    assert paths(graph, "l3:1", k=len(wanted))["vertices"].tolist() == wanted
    signs = {}
    for p in wanted:
        at = [int(vertex[3:]) for vertex in p]
        signs[p] = np.prod([np.sign(m[t, s]) for m, (s, t) in zip(matrices, itertools.pairwise(at), strict=True)])
    found = paths(graph, "l3:1", k=100, sign="negative")["vertices"].tolist()
    negative = [p for p in wanted if signs[p] < 0]
    assert found[: len(negative)] == negative


def convolutions() -> Graph:
    """Units of a strided, a padded and a grouped convolution, and a skip: implicit blocks."""
    import torch

    from netgraph import trace

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = torch.nn.Conv2d(1, 2, 2, stride=2)
            self.b = torch.nn.Conv2d(2, 2, 3, padding=1, groups=2)
            self.c = torch.nn.Linear(8, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.a(x)
            return self.c((self.b(x) + x).flatten(1))

    torch.manual_seed(0)
    return trace(Net().double().eval(), (1, 4, 4)).graph("unit")


@pytest.mark.parametrize("sign", [None, "positive", "negative"])
@pytest.mark.parametrize("group", [None, "input"])
def test_implicit_convolutions_are_read_as_they_are(
    sign: str | None, group: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = convolutions()
    assert {type(block.weight).__name__ for block in graph.blocks} >= {"Convolution"}
    wanted = paths(graph.unrolled(), "c:1", k=50, sign=sign, group=group)
    monkeypatch.setattr(Convolution, "unrolled", property(lambda _: pytest.fail("unrolled")))
    found = paths(graph, "c:1", k=50, sign=sign, group=group)
    assert found["vertices"].tolist() == wanted["vertices"].tolist()
    np.testing.assert_allclose(found["value"], wanted["value"], rtol=1e-12)
    for name in ("paths", "total", "total_abs"):
        assert found.attrs[name] == pytest.approx(wanted.attrs[name], rel=1e-12)


def test_igraph_and_networkx_find_the_same_paths() -> None:
    import igraph
    import networkx as nx

    rng = np.random.default_rng(5)
    matrices = [rng.normal(size=(12, 15)), rng.normal(size=(10, 12)), rng.normal(size=(3, 10))]
    graph = chain(*matrices)
    found = paths(graph, "l3:2", source="l0:4", k=40)
    edges = graph.edges.to_pandas()
    number = {vertex: i for i, vertex in enumerate(graph.ids)}
    lengths = -np.log(edges["abs_weight"]) + np.log(edges["abs_weight"].max())
    peer = igraph.Graph(
        n=graph.n,
        edges=[(number[s], number[t]) for s, t in zip(edges["source"], edges["target"], strict=True)],
        directed=True,
    )
    ways = peer.get_k_shortest_paths(
        number["l0:4"], number["l3:2"], k=40, weights=lengths.tolist(), mode="out", output="vpath"
    )
    assert [tuple(graph.ids[way]) for way in ways] == found["vertices"].tolist()
    other = nx.DiGraph()
    other.add_weighted_edges_from(zip(edges["source"], edges["target"], lengths, strict=True))
    generated = nx.shortest_simple_paths(other, "l0:4", "l3:2", weight="weight")
    assert [tuple(way) for way in itertools.islice(generated, 40)] == found["vertices"].tolist()


def test_a_printed_table_says_what_it_holds() -> None:
    graph = chain([[1.0, 2.0], [3.0, 0.0]], [[1.0, -1.0]])
    found = paths(graph, "l2:0", k=2)
    line = "2 of 3 paths: 83.33% of Σ|path|; Σ path is 0: all of it cancels"
    assert str(found).endswith(line) and line in found._repr_html_()
    assert type(found.head(1)) is pd.DataFrame  # a part is no answer to the question
    assert "of Σ|path|" not in repr(found.head(1))


def test_no_path_from_the_source_is_an_empty_table() -> None:
    graph = chain([[1.0, 0.0]], [[1.0]])
    found = paths(graph, "l2:0", source="l0:1")
    assert len(found) == 0
    assert list(found.columns) == ["rank", "value", "share", "vertices"]
    assert found.attrs["paths"] == 0
