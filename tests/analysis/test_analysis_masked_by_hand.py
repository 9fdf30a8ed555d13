"""Trained networks, and their edges cut by hand: against the network's own cuts, against paper and slopes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from boolean_networks import sequential
from masked_by_hand import MaskedByHand, centred, logit
from torch import nn
from trained_networks import Sample, conv_small, digits_mlp, lenet

import netgraph as ng

# -- trained networks --------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(2))
def test_digits_mlp_is_trained(seed: int) -> None:
    net, (x, y), (test_x, test_y) = digits_mlp(seed)
    assert [layer.size for layer in net.graph().layers] == [64, 32, 32, 10]
    assert (len(x), len(test_x)) == (1437, 360)
    assert (net.outputs(x).argmax(1) == y.numpy()).mean() > 0.99
    assert (net.outputs(test_x).argmax(1) == test_y.numpy()).mean() > 0.95
    assert net.verify(test_x[:2])


def test_digits_mlp_repeats_and_leaves_chance_alone() -> None:
    net, _, _ = digits_mlp(0)
    assert digits_mlp(0)[0] is net
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    again, _, _ = digits_mlp.__wrapped__(0)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert again.hash == net.hash != digits_mlp(1)[0].hash


def the_digits() -> tuple[ng.Network, nn.Sequential, Sample]:
    net, _, test = digits_mlp(0)
    return net, net.model, test


def the_lenet() -> tuple[ng.Network, nn.Sequential, Sample]:
    net, sample = lenet()
    return net, net.model.chain(), sample


def the_conv_small() -> tuple[ng.Network, nn.Sequential, Sample]:
    net, sample = conv_small()
    return net, net.model, sample


TRAINED = [the_digits, the_lenet, the_conv_small]


@pytest.mark.parametrize("load", TRAINED)
def test_trained_networks_know_their_images(load) -> None:  # type: ignore[no-untyped-def]
    net, chain, (x, y) = load()
    assert (net.outputs(x).argmax(1) == y.numpy()).mean() > 0.95
    by_hand = MaskedByHand(chain)
    assert by_hand.shapes == [block.shape for block in net.graph().blocks]


# -- masks by hand -----------------------------------------------------------------------------------


@pytest.mark.parametrize("load", TRAINED)
@pytest.mark.parametrize("corrupted", ["mean", "zero"])
def test_masks_by_hand_are_the_networks(load, corrupted: str) -> None:  # type: ignore[no-untyped-def]
    net, chain, (x, _) = load()
    x, reference = x[:20], x[20:60]
    by_hand = MaskedByHand(chain)
    base = by_hand.means(reference) if corrupted == "mean" else by_hand.zeros(reference)
    rng = np.random.default_rng(0)
    masks = [rng.random(shape) < 0.7 for shape in by_hand.shapes]
    with torch.no_grad():
        cut, whole = by_hand.forward(x, masks, base).numpy(), by_hand.forward(x, by_hand.masks(), base).numpy()
    assert np.allclose(whole, net.outputs(x), rtol=0, atol=1e-10)
    assert np.abs(cut - whole).max() > 0.1
    assert np.allclose(cut, net.masked(x, masks, corrupted=corrupted, reference=reference), rtol=0, atol=1e-10)


@pytest.mark.parametrize("load", TRAINED)
def test_eap_by_hand_against_zero_is_the_graphs_attribution(load) -> None:  # type: ignore[no-untyped-def]
    """Input × gradient: on networks of ReLU and maxima the frozen gradient is the true one; flows add up positions."""
    net, chain, (x, _) = load()
    by_hand = MaskedByHand(chain)
    graph = net.graph(inputs=x[:8], target=("centred", 3))
    for block, score in zip(graph.blocks, by_hand.eap(x[:8], by_hand.zeros(x[:1]), centred(3)), strict=True):
        scale = np.abs(score).max()
        assert scale > 0
        assert np.allclose(block.values["attribution"], score, rtol=0, atol=1e-10 * scale)


def test_everything_cut_is_the_other_run() -> None:
    """Resampled and paired inputs: with every edge cut the output is the other input's."""
    net, _, (x, _) = digits_mlp(0)
    by_hand = MaskedByHand(net.model)
    clean, others = x[:10], x[10:20]
    with torch.no_grad():
        gone = by_hand.forward(clean, by_hand.masks(0.0), by_hand.sources(others)).numpy()
        kept = by_hand.forward(clean, by_hand.masks(), by_hand.sources(others)).numpy()
        same = by_hand.forward(clean, by_hand.masks(0.3), by_hand.sources(clean)).numpy()
    assert np.allclose(gone, net.outputs(others), rtol=0, atol=1e-10)
    assert np.allclose(kept, net.outputs(clean), rtol=0, atol=1e-10)
    assert np.allclose(same, kept, rtol=0, atol=1e-10)  # a cut edge that carries what it carried


def test_masks_of_one_layer_by_paper() -> None:
    """y = 2·x1 + 3·x2 + 5 at (1, −1), the other run at (0, 2)."""
    model = sequential([np.array([[2.0, 3.0]])], [np.array([5.0])])
    by_hand = MaskedByHand(model)
    x, other = torch.tensor([[1.0, -1.0]]).double(), torch.tensor([[0.0, 2.0]]).double()
    base = by_hand.sources(other)
    with torch.no_grad():
        assert by_hand.forward(x, [np.array([[1, 0]])], base).tolist() == [[2 + 6 + 5]]
        assert by_hand.forward(x, [np.array([[0, 1]])], base).tolist() == [[0 - 3 + 5]]
        assert by_hand.forward(x, [np.array([[1, 0]])], by_hand.zeros(x)).tolist() == [[2 + 5]]
        both = torch.cat([x, other])  # means: (1/2, 1/2)
        assert by_hand.forward(x, [np.array([[1, 0]])], by_hand.means(both)).tolist() == [[2 + 1.5 + 5]]
    (eap,) = by_hand.eap(x, base, logit(0))
    assert eap.tolist() == [[2 * (1 - 0), 3 * (-1 - 2)]]
    (exact,) = by_hand.exact(x, base, logit(0))
    assert exact.tolist() == [[2, -9]]
    (squared,) = by_hand.exact(x, base, by_hand.deviation(x, logit(0)))
    assert squared.tolist() == [[4, 81]]
    # t(α) − t_full = −(1 − α)·(2 − 9): the gradient 2·(1 − α)·(2 − 9)·(2, −9), 1 − α on average 0.45
    (scores,) = by_hand.mask_ig(x, base, logit(0))
    assert np.allclose(scores, 0.9 * -7 * np.array([[2, -9]]), rtol=0, atol=1e-12)


def test_mask_gradients_are_slopes() -> None:
    """mask_ig and eap against central differences, at the edges that score highest."""
    net, _, (x, y) = digits_mlp(0)
    by_hand = MaskedByHand(net.model)
    x, target = x[:30], centred(y[:30])
    base = by_hand.means(x)
    scored = {"eap": by_hand.eap(x, base, target), "mask_ig": by_hand.mask_ig(x, base, target)}
    objectives = {
        "eap": (target, (1.0,)),
        "mask_ig": (by_hand.deviation(x, target), tuple(k / 10 for k in range(1, 11))),
    }
    h = 1e-6
    for name, scores in scored.items():
        objective, alphas = objectives[name]
        for block, score in enumerate(scores):
            j, i = np.unravel_index(np.abs(score).argmax(), score.shape)
            slopes = []
            for alpha in alphas:
                ends = []
                for step in (h, -h):
                    masks = by_hand.masks(alpha)
                    masks[block][j, i] += step
                    with torch.no_grad():
                        ends.append(float(objective(by_hand.forward(x, masks, base)).mean()))
                slopes.append((ends[0] - ends[1]) / (2 * h))
            assert np.mean(slopes) == pytest.approx(score[j, i], rel=1e-4)


def test_exact_scores_are_eap_in_the_last_layer() -> None:
    """One edge at a time: all of them in the last layer, where the target is linear in each."""
    net, _, (x, y) = digits_mlp(0)
    by_hand = MaskedByHand(net.model)
    base = by_hand.means(x)
    last = [(2, j, i) for j in range(10) for i in range(32)]
    exact = by_hand.exact(x, base, centred(y), last)
    assert np.isnan(exact[0]).all() and np.isnan(exact[1]).all()
    assert np.allclose(exact[2], by_hand.eap(x, base, centred(y))[2], rtol=0, atol=1e-10)


def test_signed_means_into_a_fixed_logit_vanish() -> None:
    """Why scores are not signed means of eap: against the mean, over all inputs, edges into a logit score 0."""
    net, _, (x, _) = digits_mlp(0)
    by_hand = MaskedByHand(net.model)
    base = by_hand.means(x)
    eap, squared = by_hand.eap(x, base, logit(0))[2], by_hand.mask_ig(x, base, logit(0))[2]
    assert np.abs(eap).max() < 1e-12
    assert np.abs(squared).max() > 0.01


def test_mean_absolute_scores_are_those_of_single_inputs() -> None:
    net, _, (x, y) = digits_mlp(0)
    by_hand = MaskedByHand(net.model)
    base = by_hand.means(x)
    for score in (by_hand.eap, by_hand.mask_ig):
        ones = [score(x[i : i + 1], base, centred(y[i : i + 1])) for i in range(5)]
        signed, absolute = (score(x[:5], base, centred(y[:5]), absolute=a) for a in (False, True))
        for block, each in enumerate(zip(*ones, strict=True)):
            assert np.allclose(signed[block], np.mean(each, axis=0), rtol=0, atol=1e-12)
            assert np.allclose(absolute[block], np.abs(each).mean(axis=0), rtol=0, atol=1e-12)
