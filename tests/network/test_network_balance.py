"""Balancing a graph: which vertices may be rescaled, and the scales that make what enters weigh what leaves."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from network_gauge import BALANCED, difference, strengths
from network_zoo import make
from torch import nn
from torch.nn import functional as F

import netgraph as ng
from netgraph.errors import GraphError
from netgraph.graph.gauge import balance
from netgraph.graph.graph import Block, Graph
from netgraph.network.gauge import anchored, homogeneous

# -- who may be rescaled -------------------------------------------------------------------------------

CURVES: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], bool]] = {
    "relu": (F.relu, True),
    "leaky": (lambda t: F.leaky_relu(t, 0.37), True),
    "abs": (torch.abs, True),
    "clamp at 0": (lambda t: t.clamp(min=0), True),
    "threshold 0": (lambda t: F.threshold(t, 0, 0), True),
    "minimum with 0": (lambda t: torch.minimum(t, torch.zeros_like(t)), True),
    "identity": (lambda t: t, True),
    "relu6": (F.relu6, False),
    "threshold 1": (lambda t: F.threshold(t, 1, 0), False),
    "clamp far out": (lambda t: t.clamp(-1e9, 1e9), False),
    "hardshrink": (lambda t: F.hardshrink(t, 1e-6), False),
    "softplus": (F.softplus, False),
    "gelu": (F.gelu, False),
    "silu": (F.silu, False),
    "elu": (F.elu, False),
    "square": (torch.square, False),
    "sqrt": (lambda t: t.abs().sqrt(), False),
    "sign": (torch.sign, False),
    "shifted": (lambda t: F.relu(t) + 1, False),
}


@pytest.mark.parametrize("name", CURVES)
def test_network_gauge_knows_homogeneous_functions(name: str) -> None:
    curve, expected = CURVES[name]
    assert bool(homogeneous(curve)) == expected


def test_network_gauge_knows_elementwise_which_channels_are_homogeneous() -> None:
    """A maximum with (0, 1, 0): the middle channel is held at 1 wherever it is small."""
    floor = torch.tensor([0.0, 1.0, 0.0])
    assert homogeneous(lambda t: torch.maximum(t, floor), 2).tolist() == [[True, False, True]]


def free_layers(model: nn.Module, shape: tuple[int, ...]) -> dict[str, int]:
    """Layer -> how many of its vertices may be rescaled."""
    numbering = ng.trace(model.eval().double(), shape).programs.numbering("channel")
    free = ~anchored(numbering)
    return {v.name: int(free[v.start : v.start + v.size].sum()) for v in numbering.layers}


class Odd(nn.Module):
    """Two layers with something between them that is written down here."""

    def __init__(self, between: Callable[[torch.Tensor], object]) -> None:
        super().__init__()
        self.a, self.b, self.between = nn.Linear(4, 6), nn.Linear(6, 3), between

    def forward(self, x: torch.Tensor) -> object:
        h = self.between(F.relu(self.a(x)))
        return (self.b(h[0]), h[1]) if isinstance(h, tuple) else self.b(h)


BETWEEN: dict[str, tuple[Callable[[torch.Tensor], object], int]] = {
    "scaled": (lambda h: -3 * h / 2, 6),
    "shifted": (lambda h: h + 1, 6),
    "prelu": (lambda h: F.prelu(h - h.flip(-1), torch.tensor(0.2, dtype=h.dtype)), 6),
    "moved": (lambda h: torch.cat([h[:, 3:].roll(1, -1), h[:, :3].clone()], 1), 6),
    "normalised": (lambda h: h / h.norm(dim=1, keepdim=True), 0),
    "partly normalised": (lambda h: h / h[:, :2].square().sum(1, keepdim=True), 4),
    "squared": (lambda h: h * h, 0),
    "gated by one of its own": (lambda h: h * (h[:, :1] > 0), 5),
    "attended by": (lambda h: torch.softmax(h[:, :2], 1).repeat(1, 3) * h, 4),
    "given back, too": (lambda h: (h, h[:, 4:].sum(1)), 4),
    "only its shape is read": (lambda h: h + torch.zeros_like(h), 6),
    "larger of two": (lambda h: torch.maximum(h, h.flip(-1)), 0),
    "larger of windows": (lambda h: h + F.max_pool1d(h[:, None], 3, 1, 1)[:, 0], 6),
}


@pytest.mark.parametrize("name", BETWEEN)
def test_network_gauge_holds_what_decides_something_held_fixed(name: str) -> None:
    between, expected = BETWEEN[name]
    found = free_layers(Odd(between), (4,))
    assert found["a"] == expected
    assert found["input"] == found["b"] == 0


def test_network_gauge_leaves_queries_and_keys_and_frees_values() -> None:
    """One projection makes all three; queries and keys are features 0 … 15, values 16 … 23."""
    model, x = make("transformer", torch.float64)
    numbering = ng.trace(model, x).programs.numbering("channel")
    layer = next(v for v in numbering.layers if v.name == "block.self_attn")
    assert np.flatnonzero(~anchored(numbering)[layer.start : layer.start + layer.size]).tolist() == [*range(16, 24)]


# -- the balance itself --------------------------------------------------------------------------------


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Graph, np.ndarray]:
    """Layers with skips, blocks dense and sparse, and which vertices are free."""
    seed = draw(st.integers(0, 10_000))
    rng = np.random.default_rng(seed)
    sizes = draw(st.lists(st.integers(1, 6), min_size=2, max_size=6))
    layers = Graph.from_matrices([np.ones((b, a)) for a, b in itertools.pairwise(sizes)]).layers
    blocks = []
    for j in range(1, len(sizes)):
        for i in range(j):
            if j == i + 1 or rng.random() < 0.3:
                weight = rng.normal(size=(sizes[j], sizes[i])) * 10 ** rng.uniform(-3, 3, size=(sizes[j], sizes[i]))
                weight *= rng.random(weight.shape) < 0.7
                blocks.append(
                    Block(
                        layers[i].name, layers[j].name, "linear", sp.csr_array(weight) if rng.random() < 0.5 else weight
                    )
                )
    graph = Graph(layers, tuple(blocks))
    free = rng.random(graph.n) < 0.8
    free[: sizes[0]] = free[graph.n - sizes[-1] :] = False
    return graph, free


@given(graphs(), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_network_gauge_balances_any_graph(made: tuple[Graph, np.ndarray], seed: int) -> None:
    """Strengths agree, the rest stays, and the balanced graph does not know what the scales were."""
    graph, free = made
    gauge = balance(graph, free)
    balanced = gauge.apply(graph)
    into, out = strengths(balanced)
    assert np.allclose(into[gauge.balanced], out[gauge.balanced], rtol=1e-9, atol=0)
    assert (gauge.scales[~gauge.balanced] == 1).all() and not gauge.balanced[~free].any()
    before = strengths(graph)
    assert np.array_equal(gauge.balanced, free & (before[0] > 0) & (before[1] > 0))
    assert [b.edges for b in graph.blocks] == [b.edges for b in balanced.blocks]
    other = 10 ** np.random.default_rng(seed).uniform(-1, 1, graph.n)
    moved = type(gauge)(np.where(gauge.balanced, other, 1.0), gauge.balanced, 0).apply(graph)
    assert difference(balanced, balance(moved, free).apply(moved), {}) < BALANCED


def test_network_gauge_balances_deep_chains() -> None:
    """1 · 2⁴⁰ · 1 … : the only balance of a chain of 60 is the geometric mean everywhere."""
    weights = [np.array([[2.0**40 if i == 30 else 1.0]]) for i in range(60)]
    graph = Graph.from_matrices(weights)
    free = np.ones(61, dtype=bool)
    free[[0, -1]] = False
    balanced = balance(graph, free).apply(graph)
    assert np.allclose([block.weight.item() for block in balanced.blocks], 2 ** (40 / 60), rtol=1e-8)


def test_network_gauge_says_when_weights_are_too_far_apart() -> None:
    graph = Graph.from_matrices([[[1e-320]], [[1e300]], [[1e-320]], [[1e300]]])
    with pytest.raises(GraphError, match=r"too many orders of magnitude to be balanced in float64.*gauge='none'"):
        balance(graph, np.array([False, True, True, True, False]))
