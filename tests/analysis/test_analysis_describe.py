"""The described row against numpy, scipy and igraph on the whole list of edges; nulls keep what they say they keep."""

from __future__ import annotations

import tracemalloc
from typing import Any

import igraph
import numpy as np
import pytest
import scipy.sparse as sp
import scipy.stats
import torch
from analysis_graphs import awkward, chain, make, random_graph
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import netgraph as ng
from netgraph.analysis.description.tail import distance, exponent, gini, tail
from netgraph.analysis.nulls import NULLS, shuffle, strength
from netgraph.errors import AnalysisError, NetgraphWarning, UnknownName
from netgraph.graph.graph import Graph

SHARES = (1, 5, 25, 50, 75, 95, 99)


def simple(seed: int) -> Graph:
    """A random graph without parallel edges."""
    graph = random_graph(seed)
    seen: dict[tuple[str, str], Any] = {(b.source, b.target): b for b in graph.blocks}
    return Graph(graph.layers, tuple(seen.values()))


def check(graph: Graph, row: Any, rtol: float = 1e-9) -> None:
    """Every column, from the list of all edges."""
    edges = graph.edges.to_pandas()
    number = {vertex: i for i, vertex in enumerate(graph.ids)}
    source, target = edges["source"].map(number).to_numpy(int), edges["target"].map(number).to_numpy(int)
    w = edges["weight"].to_numpy(np.float64)
    s = np.bincount(source, np.abs(w), graph.n) + np.bincount(target, np.abs(w), graph.n)
    k = np.bincount(source, minlength=graph.n) + np.bincount(target, minlength=graph.n)
    pairs = {(graph.layer(b.source).size, graph.layer(b.target).size, b.source, b.target) for b in graph.blocks}
    wanted = {
        "vertices": graph.n,
        "edges": len(w),
        "layers": len(graph.layers),
        "density": len(w) / sum(a * b for a, b, *_ in pairs),
        "mean_degree": k.mean(),
        "isolated": (k == 0).sum(),
        "strength_mean": s.mean(),
        "strength_sd": s.std(),
        "strength_max": s.max(),
        "strength_gini": np.abs(s[:, None] - s).mean() / (2 * s.mean()),
        "positive": (w > 0).mean(),
        "positive_weight": w[w > 0].sum() / np.abs(w).sum(),
        "weight_mean": w.mean(),
        "weight_sd": w.std(),
        "weight_min": w.min(),
        "weight_max": w.max(),
    }
    wanted |= {f"weight_p{q}": np.percentile(w, q, method="inverted_cdf") for q in SHARES}
    for name, value in wanted.items():
        assert row[name] == pytest.approx(value, rel=rtol, abs=1e-12), name
    peer = igraph.Graph(n=graph.n, edges=list(zip(source.tolist(), target.tolist(), strict=True)), directed=True)
    mixing = peer.assortativity(s.tolist(), s.tolist(), directed=True)
    if np.isfinite(row["assortativity"]):
        assert row["assortativity"] == pytest.approx(mixing, abs=1e-6)
    found, mass = 0.0, 0.0
    for block in graph.blocks:
        a, b = graph.layer(block.source), graph.layer(block.target)
        mine = (source >= a.start) & (source < a.stop) & (target >= b.start) & (target < b.stop)
        if mine.sum() > 1 and np.ptp(s[source[mine]]) > 1e-5 and np.ptp(s[target[mine]]) > 1e-5:
            covariance = np.cov(s[source[mine]], s[target[mine]], aweights=np.abs(w[mine]), ddof=0)
            found += np.abs(w[mine]).sum() * covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
            mass += np.abs(w[mine]).sum()
    if mass:
        assert row["assortativity_by_layer"] == pytest.approx(found / mass, abs=1e-6)


@settings(max_examples=40)
@given(st.integers(0, 10_000))
def test_every_column_is_numpys_and_igraphs(seed: int) -> None:
    graph = simple(seed)
    if len(graph.edges):
        check(graph, ng.describe(graph).loc["graph"])


def test_units_of_convolutions_are_described_without_their_edges() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 2, 3, stride=2))
    model[1].weight.data.uniform_(0.5, 2)
    net = ng.trace(nn.Sequential(*model, nn.Flatten(), nn.Linear(18, 4)).eval(), (2, 7, 7))
    graph = net.graph("unit")
    check(graph, ng.describe(graph).loc["graph"], rtol=1e-6)
    tokens = ng.trace(nn.Linear(3, 4), (5, 3)).graph("unit")
    check(tokens, ng.describe(tokens).loc["graph"], rtol=1e-6)


def test_by_hand() -> None:
    row = ng.describe(chain([[1.0, 2.0], [3.0, 0.0]], [[1.0, -1.0]])).loc["graph"]
    # Strengths 4, 2 | 4, 4 | 2; places 4 + 2; edges 1, 2, 3, 1, −1.
    assert row[["vertices", "edges", "layers", "isolated"]].tolist() == [5, 5, 3, 0]
    assert row["density"] == pytest.approx(5 / 6) and row["mean_degree"] == 2
    assert row["strength_mean"] == pytest.approx(16 / 5) and row["strength_max"] == 4
    assert row["positive"] == 4 / 5 and row["positive_weight"] == 7 / 8
    assert row[["weight_p1", "weight_p50", "weight_p99"]].tolist() == [-1, 1, 3]
    assert np.isnan(row["tail_exponent"]) and row["tail_vertices"] == 0  # too few


def test_other_columns_and_their_pruned_places() -> None:
    graph = make([2, 1], [(0, 1, [[0.0, 2.0]])])
    block = graph.blocks[0]
    values = {"score": np.array([[7.0, -3.0]])}
    graph = Graph(graph.layers, (type(block)(block.source, block.target, block.kind, block.weight, values),))
    row = ng.describe(graph, weight="score").loc["graph"]
    assert (row["edges"], row["weight_min"], row["weight_max"], row["strength_max"]) == (1, -3, -3, 3)


def test_percentiles_are_exact_at_any_scale() -> None:
    rng = np.random.default_rng(0)
    for dtype in (np.float16, np.float32, np.float64):
        w = (rng.standard_normal((60, 70)) * 10.0 ** rng.integers(-4, 4, (60, 70))).astype(dtype)
        w[w == 0] = 1
        row = ng.describe(chain(sp.csr_array(w)) if dtype == np.float64 else Graph.from_matrices([w])).loc["graph"]
        for q in SHARES:
            assert row[f"weight_p{q}"] == np.percentile(w.astype(float), q, method="inverted_cdf")


def test_a_power_law_is_found_and_its_distance_is_kolmogorovs() -> None:
    rng = np.random.default_rng(1)
    x = (1 - rng.random(3_000)) ** (-1 / 1.5)  # alpha 2.5 from 1 on
    body = rng.random(2_000)
    found = tail(np.concatenate([x, body]))
    assert found.alpha == pytest.approx(2.5, abs=0.15) and found.xmin == pytest.approx(1, abs=0.6)
    part = np.sort(x)
    alpha = exponent(part, part[0])
    assert alpha == pytest.approx(1 + 1 / scipy.stats.pareto.fit(part, floc=0, fscale=part[0])[0] ** -1)
    wanted = scipy.stats.kstest(part, scipy.stats.pareto(alpha - 1, scale=part[0]).cdf).statistic
    assert distance(part, alpha) == pytest.approx(wanted)
    small = np.sort(x[:200])  # the threshold is the best of all
    each = [(distance(small[i:], exponent(small[i:], small[i])), small[i]) for i in range(191)]
    assert (tail(small).ks, tail(small).xmin) == pytest.approx(min(each))


def test_gini_of_known_shares() -> None:
    assert gini(np.array([1.0, 2.0, 3.0])) == pytest.approx(2 / 9)
    assert np.isnan(gini(np.zeros(3))) and np.isnan(gini(np.zeros(0)))


def test_memory_stays_that_of_a_piece() -> None:
    rng = np.random.default_rng(0)
    graph = Graph.from_matrices([rng.standard_normal((2_000, 2_000)).astype(np.float32) for _ in range(3)])
    ng.describe(graph)
    tracemalloc.start()
    ng.describe(graph)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 0.75 * sum(block.weight.nbytes for block in graph.blocks)
    assert most < 32 << 20


# -- nulls --------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.integers(0, 10_000))
def test_the_strength_null_keeps_layers_edges_and_strengths(seed: int) -> None:
    graph = random_graph(seed)
    made = strength(graph, seed=seed)
    for old, new in zip(graph.blocks, made.blocks, strict=True):
        a, b = (np.asarray(m if isinstance(m, np.ndarray) else m.toarray()) for m in (old.weight, new.weight))
        if old.kind in ("skip", "bias"):
            np.testing.assert_array_equal(a, b)
            continue
        np.testing.assert_array_equal(a != 0, b != 0)
        for axis in (0, 1):
            np.testing.assert_allclose(np.abs(a).sum(axis), np.abs(b).sum(axis), rtol=2e-3, atol=1e-9)
        assert (a > 0).sum() == (b > 0).sum()
    assert made.layers == graph.layers
    again = strength(graph, seed=seed)
    assert all(np.array_equal(_full(x.weight), _full(y.weight)) for x, y in zip(made.blocks, again.blocks, strict=True))


def _full(weight: Any) -> np.ndarray[Any, Any]:
    return weight if isinstance(weight, np.ndarray) else weight.toarray()


def test_nulls_move_what_was_learned_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    graph = make(
        [6, 6, 6],
        [
            (0, 1, rng.normal(size=(6, 6))),
            (0, 2, np.eye(6)),
            (1, 2, sp.random_array((6, 6), density=0.5, rng=rng).tocsr()),
        ],
    )
    for name, null in NULLS.items():
        made = null(graph, 3)
        assert made.meta["null"] == name and made.origin is None
        assert np.array_equal(made.blocks[1].weight, np.eye(6))
        assert not np.array_equal(made.blocks[0].weight, graph.blocks[0].weight)
        assert not np.array_equal(null(graph, 4).blocks[0].weight, made.blocks[0].weight)
    shuffled = shuffle(graph, 3)
    for old, new in zip(graph.blocks, shuffled.blocks, strict=True):
        assert np.array_equal(np.sort(_full(old.weight).ravel()), np.sort(_full(new.weight).ravel()))


def test_tied_copies_move_together() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(5, 5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.a(torch.relu(self.a(x)))

    graph = ng.trace(Tied(), (5,)).graph()
    for null in NULLS.values():
        first, second = (block.weight for block in null(graph, 0).blocks)
        assert np.array_equal(first, second)


def test_described_nulls_lose_what_was_planted() -> None:
    rng = np.random.default_rng(0)
    # Strong units read strong units: the assortativity that strengths alone do not explain.
    modules = np.kron(np.eye(2), np.ones((20, 20))) + 0.05
    first, second = (np.abs(rng.standard_normal((40, 40))) * modules for _ in range(2))
    first[:20] *= 5
    second[:, :20] *= 5
    table = ng.describe(chain(first, second), nulls=5, seed=1)
    assert list(table.index) == ["graph", *(f"strength {i}" for i in range(5))]
    nulls = table.iloc[1:]
    np.testing.assert_allclose(nulls["strength_gini"], table.loc["graph", "strength_gini"], rtol=1e-6)
    np.testing.assert_allclose(nulls["edges"], table.loc["graph", "edges"])
    assert table.loc["graph", "assortativity_by_layer"] > nulls["assortativity_by_layer"].max() + 0.2
    assert ng.describe(chain(first, second), nulls=5, seed=1).equals(table)
    assert list(ng.describe(chain(first, second), nulls=1, null="shuffle").index) == ["graph", "shuffle 0"]


@pytest.mark.parametrize("name", awkward())
def test_awkward_graphs_have_a_row(name: str) -> None:
    graph = awkward()[name]
    table = ng.describe(graph, nulls=1)
    assert table.loc["graph", "vertices"] == graph.n and table.loc["graph", "edges"] == len(graph.edges)
    assert not np.isinf(table.to_numpy(float)).any()


def test_bad_questions() -> None:
    graph = chain([[1.0, 2.0]])
    with pytest.raises(UnknownName, match="unknown null 'shufle': did you mean 'shuffle'"):
        ng.describe(graph, null="shufle")
    with pytest.raises(AnalysisError, match="nulls is -1; it must be 0 or more"):
        ng.describe(graph, nulls=-1)
    with pytest.raises(UnknownName, match="edge column 'score'"):
        ng.describe(graph, weight="score")
    with pytest.raises(AnalysisError, match="nulls= are made of the weights, and have no 'abs_weight'"):
        ng.describe(graph, weight="abs_weight", nulls=1)
    broken = chain([[np.nan, 2.0]])
    with pytest.raises(AnalysisError, match="'weight' of the edges holds NaN or infinity"):
        ng.describe(broken)
    for null in NULLS.values():
        with pytest.raises(AnalysisError, match="'weight' of the edges l0 -> l1 holds NaN or infinity"):
            null(broken, 0)


def test_a_null_that_does_not_come_about_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from netgraph.analysis import nulls

    monkeypatch.setattr(nulls, "ROUNDS", 1)
    rng = np.random.default_rng(0)
    with pytest.warns(NetgraphWarning, match="strengths are off by"):
        strength(chain(10 ** rng.normal(size=(5, 5))), 0)
