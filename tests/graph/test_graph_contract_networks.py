"""Contraction of real networks: at one input exact, as weights the same sums over paths."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from contract_referees import adjacency, full, is_conserved, path_totals, runs_as, same_totals

import netgraph as ng
from netgraph import contract

sys.path.append(str(Path(__file__).resolve().parent.parent / "network"))

EVERYTHING = ("skip", "pool", "mean", "sum", "product", "attention")
CONTRACTED = {
    "resnet-relu": ["stem.3", "add_1", "add_2", "mean_1"],
    "densenet-gelu": ["pool_1"],
    "squeeze-excite": ["mean_1", "mul_1", "mean_2", "mean_3"],
    "tokens": ["add_1", "norm", "norm#2", "mean_1"],
    "in-place": ["pool_1", "add_1"],
    "transformer": [
        "block.norm1",
        "block.norm1#2",
        "block.self_attn#2",
        "block.add",
        "block.norm2",
        "block.norm2#2",
        "block.add#2",
        "norm",
        "norm#2",
    ],
}


def traced(name: str, dtype: str = "float64") -> tuple[ng.Network, object]:
    import torch
    from network_zoo import make

    model, x = make(name, getattr(torch, dtype))
    return ng.trace(model, x[:1]), x[:1]


@pytest.mark.parametrize("name", CONTRACTED)
def test_contract_a_network_at_an_input(name: str) -> None:
    net, x = traced(name)
    whole = net.graph("unit", inputs=x, target=0)
    small = contract(whole, EVERYTHING)
    told = small.meta["contracted"]
    assert told["layers"] == CONTRACTED[name] and told["attribution"] == "exact"
    assert told["vertices"] == [whole.n, small.n] and small.n < whole.n
    is_conserved(small)
    same_totals(small, whole, "gated_weight")
    z = np.zeros(whole.n)
    for layer in whole.layers:
        here, into = layer.vertices, [b for b in whole.blocks if b.target == layer.name]
        z[here] = whole.columns["bias"][here] if into else whole.columns["activation"][here]
        for block in into:
            z[here] += full(block.weight) @ (block.gate * z[whole.layer(block.source).vertices] + block.constant)
    runs_as(small, dict(zip(whole.ids, z.tolist(), strict=True)))
    shares, entry = small.columns["constant_share"], small.columns["attribution"]
    total = shares.sum() + (entry - shares)[small.layers[0].vertices].sum()
    assert total == pytest.approx(whole.meta["target_value"], rel=1e-10)


@pytest.mark.parametrize("name", CONTRACTED)
def test_contract_a_network_of_channels(name: str) -> None:
    """Weights alone keep their sums over paths; attributions stay flows."""
    net, x = traced(name)
    weights = net.graph("channel")
    same_totals(contract(weights, EVERYTHING), weights)
    seen = net.graph("channel", inputs=x, target=0)
    small = contract(seen, EVERYTHING)
    is_conserved(small)
    same_totals(small, seen)


def test_contract_keeps_residual_sums_behind_relu_where_gates_are_unknown() -> None:
    net, x = traced("resnet-relu")
    told = contract(net.graph("unit")).meta["contracted"]
    assert told["layers"] == ["stem.3"] and set(told["kept"]) == {"add_1", "add_2"}
    assert contract(net.graph("channel", inputs=x, target=0)).meta["contracted"]["layers"] == []


def test_contract_resnet_edges_by_hand() -> None:
    """Each pixel of a sum has two writers, so each edge that leaves it becomes two, or falls onto one that is there."""
    net, x = traced("resnet-relu")
    small = contract(net.graph("unit", inputs=x, target=0))
    pairs = {(b.source, b.target) for b in small.blocks}
    assert pairs == {
        ("input", "stem.0"),
        ("stem.0", "a1"),
        ("a1", "a2"),
        ("stem.0", "d1"),
        ("a2", "d1"),
        ("stem.0", "skip.0"),
        ("a2", "skip.0"),
        ("d1", "d2"),
        ("d2", "mean_1"),
        ("skip.0", "mean_1"),
        ("mean_1", "fc"),
    }


@pytest.mark.parametrize("name", ["resnet-relu", "transformer"])
def test_contract_single_precision(name: str) -> None:
    net, x = traced(name, "float32")
    small = contract(net.graph("unit", inputs=x, target=0), EVERYTHING)
    assert small.meta["contracted"]["layers"] == CONTRACTED[name]
    assert {b.weight.dtype for b in small.blocks} == {np.dtype(np.float32)}
    is_conserved(small, rtol=1e-4)


def test_contract_biases_as_vertices() -> None:
    net, x = traced("resnet-relu")
    whole = net.graph("unit", bias="vertex", inputs=x, target=0)
    small = contract(whole, EVERYTHING)
    assert small.meta["contracted"]["layers"] == CONTRACTED["resnet-relu"]
    same_totals(small, whole, "gated_weight")
    is_conserved(small)


def test_contract_keeps_what_the_output_reads_too() -> None:
    """The network gives back the sum itself beside what it makes of it: a target there stays."""
    import torch
    from torch import nn

    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.f, self.g = nn.Linear(3, 3), nn.Linear(3, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            h = x + self.f(x)
            return torch.cat([h, self.g(h)], 1)

    torch.manual_seed(0)
    x = torch.randn(1, 3, dtype=torch.float64)
    net = ng.trace(Both().double(), x)
    for target in (1, (1, 4)):
        kept = contract(net.graph("unit", inputs=x, target=target)).meta["contracted"]["kept"]
        assert "target reads it" in kept["add_1"]
    assert contract(net.graph("unit", inputs=x, target=4)).meta["contracted"]["layers"] == ["add_1"]


def test_contract_written_and_read(tmp_path: Path) -> None:
    net, x = traced("resnet-relu")
    small = contract(net.graph("unit", inputs=x, target=0))
    ng.write_graph(small, tmp_path / "g")
    again = ng.read_graph(tmp_path / "g")
    assert np.array_equal(path_totals(again, "gated_weight"), path_totals(small, "gated_weight"))
    assert np.array_equal(adjacency(again, "attribution"), adjacency(small, "attribution"))
    assert again.meta["contracted"] == small.meta["contracted"]


def test_contract_paths_keep_their_shares() -> None:
    """Between writers and readers the paths are the same: as many, with the same sum."""
    net, x = traced("resnet-relu")
    whole = net.graph("unit", inputs=x, target=0)
    small = contract(whole, EVERYTHING)
    before, after = (ng.paths(graph, "fc:0", k=5, weight="attribution") for graph in (whole, small))
    np.testing.assert_allclose(after.value, before.value, rtol=1e-9)
    np.testing.assert_allclose(after.share, before.share, rtol=1e-9)
    assert after.attrs["total"] == pytest.approx(before.attrs["total"], rel=1e-9)
