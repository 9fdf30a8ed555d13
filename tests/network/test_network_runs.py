"""Runs with edges cut, on everything that is read: invariants over the zoo, and cuts made by hand in plain torch."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from network_zoo import ZOO, make
from torch import nn
from torch.nn import functional as F

import netgraph as ng
from netgraph.errors import AnalysisError
from netgraph.network import runs as runs_module

GRANULARITIES = ["channel", "unit"]
TOLERANCE = 1e-10


def drawn(name: str, n: int = 5) -> tuple[ng.Network, torch.Tensor, torch.Tensor]:
    """(network, n inputs, n others) of the zoo, in float64."""
    model, x = make(name, torch.float64)
    generator = torch.Generator().manual_seed(1)
    x, other = torch.randn(2, n, *ZOO[name][1], generator=generator, dtype=torch.float64)
    return ng.trace(model, x), x, other


def some(size: int, share: float = 0.7) -> np.ndarray:
    return (np.random.default_rng(0).random(size) < share).astype(float)


def same(a: np.ndarray, b: np.ndarray | torch.Tensor) -> None:
    np.testing.assert_allclose(a, b, rtol=0, atol=TOLERANCE)


# -- over the zoo ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(ZOO))
@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_network_runs_all_kept_is_the_network_and_none_kept_knows_no_input(name: str, granularity: str) -> None:
    net, x, other = drawn(name)
    full = net.outputs(x)
    runs = net.masked_runs(x, granularity, "mean", other)
    same(runs.run().logits, full)
    same(runs.run(np.full(runs.size, 1 - 1e-13)).logits, full)  # every joint goes the way of a cut one
    means = runs.run(np.zeros(runs.size)).logits
    assert np.abs(means - full).max() > 1e-4
    assert means.std(0).max() < 1e-12
    zeros = net.masked_runs(x, granularity, "zero").run(np.zeros(runs.size)).logits
    assert zeros.std(0).max() < 1e-12


@pytest.mark.parametrize("name", list(ZOO))
@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_network_runs_a_batch_is_each_input_alone(name: str, granularity: str) -> None:
    net, x, other = drawn(name, 3)
    runs = net.masked_runs(x, granularity, "mean", other)
    kept = some(runs.size)
    together = runs.run(kept).logits
    assert np.abs(together - net.outputs(x)).max() > 1e-6
    alone = [net.masked_runs(one[None], granularity, "mean", other).run(kept).logits for one in x]
    same(together, np.concatenate(alone))


@pytest.mark.parametrize("name", list(ZOO))
@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_network_runs_nothing_kept_is_the_network_at_the_counterfactual(name: str, granularity: str) -> None:
    """Also with clean and corrupted swapped; and what one keeps of one pair the other keeps of the swapped one."""
    net, x, other = drawn(name, 3)
    there, back = net.masked_runs(x, granularity, other), net.masked_runs(other, granularity, x)
    none = np.zeros(there.size)
    same(there.run(none).logits, net.outputs(other))
    same(back.run(none).logits, net.outputs(x))


@pytest.mark.parametrize("name", ["mlp-gelu", "lenet-relu", "generator", "conv1d"])
@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_network_runs_kept_at_one_pair_is_cut_at_the_swapped_one(name: str, granularity: str) -> None:
    """z = W⊙M·a + W⊙(1−M)·a′ + b of the first joint reads both alike; the joints after it are kept whole in both."""
    net, x, other = drawn(name, 3)
    there, back = net.masked_runs(x, granularity, other), net.masked_runs(other, granularity, x)
    graph = net.graph(granularity)
    every_other = [np.indices(b.shape).sum(0) % 2 if b.target == graph.blocks[0].target else None for b in graph.blocks]
    masks, swapped = every_other, [None if kept is None else 1 - kept for kept in every_other]
    a, b = there.run(there.flat(masks)).logits, back.run(back.flat(swapped)).logits
    assert np.abs(a - net.outputs(x)).max() > 1e-6
    same(a, b)


@pytest.mark.parametrize("name", list(ZOO))
def test_network_runs_go_on_where_they_were_cut(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a cut in the last layer, after other cuts before: what a run without anything kept gives."""
    net, x, other = drawn(name, 3)
    runs = net.masked_runs(x, corrupted="mean", reference=other)
    blocks = net.graph().blocks
    last = runs.flat([np.full(b.shape, 0.5) if b.target == blocks[-1].target else None for b in blocks])
    everywhere = some(runs.size)
    runs.run(everywhere), runs.run(last), runs.run()
    found = [runs.run(kept).logits for kept in (last, everywhere, last)]
    monkeypatch.setattr(runs_module, "HELD", -1)
    fresh = net.masked_runs(x, corrupted="mean", reference=other)
    expected = [fresh.run(kept).logits for kept in (last, everywhere, last)]
    assert not fresh._known and runs._known
    for a, b in zip(found, expected, strict=True):
        same(a, b)
    assert np.abs(expected[0] - net.outputs(x)).max() > 1e-6


@pytest.mark.parametrize("name", ["lenet-relu", "transformer", "lstm", "squeeze-excite", "gru-loop"])
@pytest.mark.parametrize("corrupted", ["mean", "resample", "zero"])
def test_network_runs_more_inputs_than_a_batch(name: str, corrupted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net, x, other = drawn(name, 5)
    runs = net.masked_runs(x, corrupted=corrupted, reference=other)
    kept = some(runs.size)
    target = np.arange(5) % 2
    together = runs.run(kept, target)
    monkeypatch.setattr("netgraph.network.inputs.BATCH", 2)
    apart = net.masked_runs(x, corrupted=corrupted, reference=other)
    again = apart.run(kept, target)
    assert len(apart._corruption.batches) in (3, 5)  # a batch axis that is merged with others is played one by one
    same(together.logits, again.logits)
    same(together.values, again.values)
    same(again.values, again.logits[np.arange(5), target])
    same(apart.run(some(runs.size, 0.5)).logits, runs.run(some(runs.size, 0.5)).logits)


def test_network_runs_take_as_many_inputs_as_have_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """12 + 9 + 9 + 7 + 7 + 4 numbers of 8 bytes for each input of the MLP: 384."""
    model, x = make("mlp-relu", torch.float64)
    net = ng.trace(model, x)
    assert net.programs.program().tape.bytes == 48 * 8
    x = torch.randn(7, 12, dtype=torch.float64)
    whole = net.edge_scores(x, "mask_ig", 0)
    for room, sizes in [(383, [1] * 7), (3 * 384 - 1, [2, 2, 2, 1]), (3 * 384, [3, 3, 1]), (7 * 384, [7])]:
        monkeypatch.setattr("netgraph.network.inputs.ROOM", room)
        assert [len(batch[0]) for batch, _ in net.programs.batches([x])] == sizes
        parted = net.edge_scores(x, "mask_ig", 0)
        for a, b in zip(parted.blocks, whole.blocks, strict=True):
            same(a.values["score"], b.values["score"])
            same(a.values["abs_score"], b.values["abs_score"])


def test_network_runs_leave_everything_as_it_was() -> None:
    model, x = make("resnet-relu")
    net = ng.trace(model, x)
    state = {name: t.clone() for name, t in model.state_dict().items()}
    given, modes = x.clone(), [m.training for m in model.modules()]
    before, numpy_before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    net.masked(x, corrupted="resample", vertices=np.zeros(net.graph().n))
    net.edge_scores(x, "mask_ig", 0, corrupted="resample")
    assert torch.equal(torch.random.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], numpy_before)  # noqa: NPY002
    assert torch.equal(x, given) and not x.requires_grad
    assert all(torch.equal(t, state[name]) for name, t in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert [m.training for m in model.modules()] == modes
    assert torch.is_grad_enabled()


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
