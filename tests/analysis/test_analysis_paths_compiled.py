"""The compiled search against the one in Python, which brute force and igraph have judged, and against all products."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from unittest.mock import patch

import numpy as np
import pytest
import torch
from analysis_graphs import chain, random_graph
from hypothesis import assume, given
from hypothesis import strategies as st

from netgraph import trace
from netgraph.analysis import path_search
from netgraph.analysis.path_steps import inflow, steps
from netgraph.analysis.path_table import PathTable
from netgraph.analysis.paths import paths
from netgraph.graph.convolution import Convolution
from netgraph.graph.graph import Graph

seeds = st.integers(0, 10_000)
signs = st.sampled_from([None, "positive", "negative"])


def ways(graph: Graph, target: str | Iterable[str], k: int, **options: str | None) -> tuple[PathTable, PathTable]:
    """(in Python, compiled)."""
    with patch.object(path_search, "_MANY", k + 1):
        plain = paths(graph, target, k=k, **options)
    with patch.object(path_search, "_MANY", 0), patch.object(path_search, "_LARGE", 0):
        return plain, paths(graph, target, k=k, **options)


def assert_same(plain: PathTable, compiled: PathTable) -> None:
    assert plain["vertices"].tolist() == compiled["vertices"].tolist()
    np.testing.assert_array_equal(plain["value"], compiled["value"])
    assert str(plain.attrs) == str(compiled.attrs)  # NaN is not NaN


@given(seeds, signs, st.sampled_from([1, 3, 20, 10**12]))
def test_compiled_paths_are_those_of_python(seed: int, sign: str | None, k: int) -> None:
    graph = random_graph(seed)
    assume((inflow(graph.n, steps(graph, "weight", absolute=True))[graph.layers[-1].vertices] > 0).any())
    assert_same(*ways(graph, graph.layers[-1].name, k, sign=sign))


@given(seeds, signs, st.integers(1, 300))
def test_equal_paths_keep_their_order(seed: int, sign: str | None, k: int) -> None:
    rng = np.random.default_rng(seed)
    graph = chain(*(rng.integers(-1, 3, (4, 4)) for _ in range(3)), np.ones((2, 4)))
    assert_same(*ways(graph, graph.layers[-1].name, k, sign=sign))


@pytest.mark.parametrize("k", [200, 1_500, 20_000])
def test_the_best_of_all_products(k: int) -> None:
    rng = np.random.default_rng(3)
    first, second, third = (rng.standard_normal(shape) for shape in ((64, 64), (64, 64), (1, 64)))
    graph = chain(first, second, third)
    with patch.object(path_search, "_LARGE", 0):
        found = paths(graph, graph.ids[-1], k=k)
    products = np.einsum("ba,cb,c->abc", first, second, third[0])
    expected = np.argsort(-np.abs(products), axis=None)[:k]
    np.testing.assert_allclose(found["value"], products.ravel()[expected], rtol=1e-12)
    numbers = zip(*np.unravel_index(expected, products.shape), strict=True)
    names = [(graph.ids[a], graph.ids[64 + b], graph.ids[128 + c], graph.ids[-1]) for a, b, c in numbers]
    assert found["vertices"].tolist() == names


def test_room_is_made_for_many_ways() -> None:
    rng = np.random.default_rng(5)
    graph = chain(rng.standard_normal((300, 700)), rng.standard_normal((300, 300)))  # 300 · 300 + 300 · 700 ways
    plain, compiled = ways(graph, graph.layers[-1].name, 30_000)
    assert len(compiled) == 30_000
    assert_same(plain, compiled)


class Skipping(torch.nn.Module):
    """A convolution that is also passed by, then a dense layer: blocks of two kinds, paths of two lengths."""

    def __init__(self) -> None:
        super().__init__()
        self.a = torch.nn.Conv2d(2, 3, 3, padding=1)
        self.b = torch.nn.Linear(108, 2)
        self.c = torch.nn.Linear(72, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(torch.relu(self.a(x)).flatten(1)) + self.c(x.flatten(1))


def test_through_convolutions_and_skips() -> None:
    torch.manual_seed(0)
    graph = trace(Skipping().double().eval(), (2, 6, 6)).graph("unit")
    assert Convolution in {type(block.weight) for block in graph.blocks}
    for sign in (None, "positive", "negative"):
        plain, compiled = ways(graph, graph.layers[-1].name, 500, sign=sign)
        assert_same(plain, compiled)
        assert len({len(path) for path in compiled["vertices"]}) > 1


def test_small_questions_compile_nothing() -> None:
    asked = (
        "import sys, numpy as np, netgraph as ng\n"
        "large = ng.Graph.from_matrices([np.ones((600, 600), np.float32)])\n"
        "small = ng.Graph.from_matrices([np.ones((9, 9), np.float32)])\n"
        "for graph, k in ((large, 10), (small, 1000), (large, 1000)):\n"
        "    ng.paths(graph, graph.ids[-1], k=k)\n"
        "    print('numba' in sys.modules)\n"
    )
    told = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    assert told.split() == ["False", "False", "True"]
