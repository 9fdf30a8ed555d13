"""Cuts made by hand in plain torch: vertices, products, windows, tokens, wherever the inputs' axis lies."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from network_runs import drawn, same, some
from network_zoo import make
from torch import nn
from torch.nn import functional as F

import netgraph as ng
from netgraph.errors import AnalysisError

# -- vertices ----------------------------------------------------------------------------------------


def vertices_but(graph: ng.Graph, *names: str) -> np.ndarray:
    kept = np.ones(graph.n)
    for name in names:
        layer, _, index = name.rpartition(":")
        kept[graph.layer(layer).start + int(index)] = 0
    return kept


def test_network_runs_without_a_vertex_is_its_activation_replaced() -> None:
    model, _ = make("lenet-relu", torch.float64)
    x, other = torch.randn(2, 6, 1, 14, 14, dtype=torch.float64)
    net = ng.trace(model, x)
    kept = vertices_but(net.graph(), "c1:2", "fc1:3")
    with torch.no_grad():

        def read(images: torch.Tensor) -> torch.Tensor:
            return F.max_pool2d(model.act(model.c1(images)), 2)

        def hidden(maps: torch.Tensor) -> torch.Tensor:
            return model.act(model.fc1(F.avg_pool2d(model.act(model.c2(maps)), 2).flatten(1)))

        a = read(x)
        a[:, 2] = read(other)[:, 2].mean(0)
        h = hidden(a)
        h[:, 3] = hidden(read(other))[:, 3].mean(0)
        expected = model.fc2(h)
    same(net.masked(x, reference=other, vertices=kept), expected)
    runs = net.masked_runs(x, reference=other)
    same(runs.run(runs.of_vertices(kept)).logits, expected)


def test_network_runs_without_a_vertex_that_gates_others() -> None:
    """A product is that of what its edges carry: all of a channel is replaced, also where it is multiplied."""
    model, _ = make("squeeze-excite", torch.float64)
    x, other = torch.randn(2, 6, 2, 5, 5, dtype=torch.float64)
    net = ng.trace(model, x)

    def gates(maps: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(model.up(F.relu(model.down(maps.mean((2, 3))))))

    def rest(maps: torch.Tensor, gate: torch.Tensor) -> torch.Tensor:
        maps = maps * gate[:, :, None, None]
        return model.head(maps).mean((2, 3)) - maps.mean((1, 2, 3))[:, None]

    with torch.no_grad():
        a, b = F.softplus(model.conv(x)), F.softplus(model.conv(other))
        replaced, s = a.clone(), gates(a)
        replaced[:, 4] = b[:, 4].mean(0)
        s[:, 1] = gates(b)[:, 1].mean(0)
        channel, gate = rest(replaced, gates(replaced)), rest(a, s)
    graph = net.graph()
    same(net.masked(x, reference=other, vertices=vertices_but(graph, "conv:4")), channel)
    same(net.masked(x, reference=other, vertices=vertices_but(graph, "up:1")), gate)


class Halves(nn.Module):
    """The input itself is a factor: nothing arrives at it over an edge."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.fc(x)


def test_network_runs_cut_one_side_of_a_product_or_both() -> None:
    torch.manual_seed(0)
    model = Halves().double()
    x, other = torch.randn(2, 4, 3, dtype=torch.float64)
    net = ng.trace(model, x)
    runs = net.masked_runs(x, corrupted=other)
    graph = net.graph()
    assert [(b.source, b.target) for b in graph.blocks[1:]] == [("input", "mul_1"), ("fc", "mul_1")]
    with torch.no_grad():
        z, z_other = model.fc(x), model.fc(other)
    for left, right, expected in [(0, 1, other * z), (1, 0, x * z_other), (0, 0, other * z_other), (1, 1, x * z)]:
        masks = [None, *(k * np.ones(b.shape) for k, b in zip((left, right), graph.blocks[1:], strict=True))]
        same(runs.run(runs.flat(masks)).logits, expected)


# -- joints by hand ----------------------------------------------------------------------------------


def test_network_runs_the_largest_of_what_the_edges_of_a_window_carry() -> None:
    model, _ = make("lenet-relu", torch.float64)
    x, other = torch.randn(2, 3, 1, 14, 14, dtype=torch.float64)
    net = ng.trace(model, x)
    graph = net.graph("unit")
    number = next(i for i, b in enumerate(graph.blocks) if b.kind == "select")
    block = graph.blocks[number].weight.tocsr()
    mask = block.copy()
    mask.data = np.random.default_rng(3).integers(0, 3, mask.nnz) / 2  # cut, half cut, kept
    masks: list = [None] * len(graph.blocks)
    masks[number] = mask
    with torch.no_grad():
        a = model.act(model.c1(x)).flatten(1).numpy()
        base = model.act(model.c1(other)).flatten(1).numpy().mean(0)
        pooled = np.empty((3, mask.shape[0]))
        for n in range(3):
            for window in range(mask.shape[0]):
                row = slice(mask.indptr[window], mask.indptr[window + 1])
                members, share = mask.indices[row], mask.data[row]
                assert len(members) == 4
                pooled[n, window] = (base[members] + share * (a[n, members] - base[members])).max()
        h = torch.from_numpy(pooled).reshape(3, 4, 6, 6)
        h = F.avg_pool2d(model.act(model.c2(h)), 2).flatten(1)
        expected = model.fc2(model.act(model.fc1(h)))
    same(net.masked(x, masks, "unit", reference=other), expected)


class Attending(nn.Module):
    """One head of attention, its three projections apart."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.head = nn.Linear(4, 3), nn.Linear(4, 3), nn.Linear(4, 3), nn.Linear(3, 2)

    def pattern(self, x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.q(x) @ self.k(x).transpose(1, 2) / 3**0.5, -1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head((self.pattern(x) @ self.v(x))[:, 0])


def attending() -> tuple[Attending, torch.Tensor, torch.Tensor]:
    torch.manual_seed(2)
    model = Attending().double()
    return model, *torch.randn(2, 4, 5, 4, dtype=torch.float64)


def test_network_runs_tokens_that_share_a_weight_are_cut_each_by_itself() -> None:
    """Values by units: feature o of token t loses its edge from feature i alone; edges of the pattern, one by one."""
    model, x, other = attending()
    net = ng.trace(model, x)
    graph = net.graph("unit").unrolled()
    rng = np.random.default_rng(0)
    keep_v, keep_mix = rng.integers(0, 2, (5, 3, 4)), rng.integers(0, 2, (5, 3, 5))  # token, feature, source
    by_hand = {"v": keep_v, "attention": keep_mix}
    masks: list = []
    for block in graph.blocks:
        kept = by_hand.get(block.target.rstrip("_0123456789"))
        mask = None if kept is None else np.ones(block.shape)
        if block.target == "v":
            for t, o, i in np.ndindex(5, 3, 4):
                mask[t * 3 + o, t * 4 + i] = keep_v[t, o, i]
        elif mask is not None:
            for t, o, s in np.ndindex(5, 3, 5):
                mask[t * 3 + o, s * 3 + o] = keep_mix[t, o, s]
        masks.append(mask)
    assert sum(mask is not None for mask in masks) == 2
    with torch.no_grad():
        base, p, weight = other.mean(0), model.pattern(x), model.v.weight
        v = model.v(x).clone()
        for t, o, i in np.ndindex(5, 3, 4):
            v[:, t, o] -= (1 - keep_v[t, o, i]) * weight[o, i] * (x[:, t, i] - base[t, i])
        carried = model.v(other).mean(0)
        z = torch.zeros(4, 5, 3, dtype=torch.float64)
        for t, o, s in np.ndindex(5, 3, 5):
            z[:, t, o] += p[:, t, s] * (v[:, s, o] if keep_mix[t, o, s] else carried[s, o])
        expected = model.head(z[:, 0])
    same(net.masked(x, masks, "unit", reference=other), expected)


def test_network_runs_shared_weights_of_channels_are_cut_group_by_group() -> None:
    """A layer over tokens makes a vertex of each feature and token, at channel granularity, too."""
    model, x = make("tokens", torch.float64)
    net = ng.trace(model, x)
    graph = net.graph()
    number = next(i for i, b in enumerate(graph.blocks) if b.target == "mix")
    kept = some(int(np.prod(graph.blocks[number].shape))).reshape(graph.blocks[number].shape)
    masks: list = [None] * len(graph.blocks)
    masks[number] = kept
    with torch.no_grad():
        a = F.gelu(model.embed(x))
        z = model.mix(a.transpose(1, 2)).clone()  # (N, feature, token made)
        assert graph.blocks[number].shape == (20, 5)  # tokens of one feature are its positions
        for feature, made in np.ndindex(5, 4):
            if not kept[feature * 4 + made, feature]:
                z[:, feature, made] -= (a[:, :, feature] * model.mix.weight[made]).sum(1)
        h = a + z.transpose(1, 2)
        expected = model.head(model.norm(h).mean(1))
    same(net.masked(x, masks, corrupted="zero"), expected)


class SequenceFirst(nn.Module):
    """The batch axis moves to the second place, and to the last."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.last = nn.RNN(3, 4), nn.Linear(5 * 4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.rnn(x.transpose(0, 1))[0]  # (steps, N, 4)
        turned = F.relu(h).permute(2, 0, 1)  # (4, steps, N)
        return self.last(turned.reshape(20, -1).t())


@pytest.mark.parametrize("n", [1, 3, 5])  # as many inputs as steps, too
def test_network_runs_the_mean_is_that_over_the_inputs_wherever_their_axis_lies(n: int) -> None:
    torch.manual_seed(1)
    model = SequenceFirst().double()
    x, other = torch.randn(n, 5, 3, dtype=torch.float64), torch.randn(5, 5, 3, dtype=torch.float64)
    net = ng.trace(model, x[:1])
    graph = net.graph()
    last = [i for i, b in enumerate(graph.blocks) if b.target == "last"]
    assert [graph.layer(graph.blocks[i].source).size for i in last] == [4] * 5  # a vertex for each feature and step
    masks: list = [None] * len(graph.blocks)
    columns = np.ones(20)
    for step, i in enumerate(last):
        kept = (np.arange(4) + step) % 2
        masks[i] = np.broadcast_to(kept, graph.blocks[i].shape)
        columns[np.arange(4) * 5 + step] = kept
    whole = net.masked(x, masks, reference=other)
    with torch.no_grad():
        a, b = (F.relu(model.rnn(t.transpose(0, 1))[0]).permute(1, 2, 0).reshape(-1, 20) for t in (x, other))
        loss = ((a - b.mean(0)) * torch.from_numpy(1 - columns)) @ model.last.weight.T
        expected = model(x) - loss
    assert loss.abs().max() > 1e-3
    same(whole, expected)


# -- what is refused ---------------------------------------------------------------------------------


def test_network_runs_masks_may_be_sparse_in_any_layout() -> None:
    import scipy.sparse as sp

    net, x, other = drawn("grouped", 2)
    graph = net.graph()
    dense, sparse, columns, pairs = [], [], [], []
    for block in graph.blocks:
        weight = block.weight
        share = some(int(np.prod(block.shape)), 0.5).reshape(block.shape)
        dense.append(share)
        if sp.issparse(weight):
            held = weight.copy()
            held.data = share[np.repeat(np.arange(block.shape[0]), np.diff(weight.indptr)), weight.indices] + 0.0
            sparse.append(held)
            columns.append(sp.csc_array(held))
            pairs.append(sp.coo_array(held))
        else:
            sparse.append(share), columns.append(share), pairs.append(share)
    assert any(sp.issparse(mask) for mask in sparse)
    runs = net.masked_runs(x, reference=other)
    expected = runs.run(runs.flat(dense)).logits
    for masks in (sparse, columns, pairs):
        same(runs.run(runs.flat(masks)).logits, expected)


def test_network_runs_shares_of_another_number_are_refused() -> None:
    net, x, _ = drawn("mlp-relu")
    runs = net.masked_runs(x)
    with pytest.raises(AnalysisError, match=r"shares of shape \(3,\) for 199 entries: pass one for each"):
        runs.run(np.ones(3))
    with pytest.raises(AnalysisError, match=r"shares of shape \(33,\) for 32 vertices: pass one for each"):
        net.masked(x, vertices=np.ones(33))
    other = ng.trace(copy.deepcopy(make("lenet-relu")[0]), (1, 14, 14)).graph()
    with pytest.raises(AnalysisError, match="blocks into c1, c2, fc1, fc2, which this network does not make"):
        net.masked_runs(x, graph=other)
