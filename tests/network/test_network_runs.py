"""Runs with edges cut, on everything that is read: invariants over the zoo, and cuts made by hand in plain torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from network_runs import drawn, same, some
from network_zoo import ZOO, make

import netgraph as ng
from netgraph.network import runs as runs_module

GRANULARITIES = ["channel", "unit"]
TOLERANCE = 1e-10


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
