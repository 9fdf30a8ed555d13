"""The known answers that circuits are held against, themselves held against the truth and against each other."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
import torch
from boolean_networks import FUNCTIONS, KINDS, compiled, layer_names, sequential, xor_at_one_one
from masked_by_hand import MaskedByHand, logit
from planted_paths import Dense, all_paths, planted_dense, random_dense, through_edges

import netgraph as ng

DISTURBED = [(0, "dead"), (10, "dead"), (10, "cancelling")]


def ids(graph: ng.Graph) -> set[tuple[str, str]]:
    _, edges = graph.to_pandas()
    return set(zip(edges["source"], edges["target"], strict=True))


# -- boolean functions -------------------------------------------------------------------------------


@pytest.mark.parametrize(("distractors", "kind"), DISTURBED)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_boolean_networks_are_exact_on_the_whole_truth_table(name: str, distractors: int, kind: str) -> None:
    made = compiled(name, distractors, kind)
    n = made.inputs.shape[1]
    assert len(torch.unique(made.inputs, dim=0)) == 2**n == len(made.truth)
    net = ng.trace(made.model, (n,))
    assert np.array_equal(net.outputs(made.inputs), made.truth.numpy())


def test_boolean_truth_tables_by_hand() -> None:
    tables = {
        "and": [0, 0, 0, 1],
        "or": [0, 1, 1, 1],
        "xor": [0, 1, 1, 0],
        "majority3": [0, 0, 0, 1, 0, 1, 1, 1],
        "parity3": [0, 1, 1, 0, 1, 0, 0, 1],
        "parity3_chain": [0, 1, 1, 0, 1, 0, 0, 1],
        "multiplexer": [0, 0, 1, 1, 0, 1, 0, 1],  # s a b
    }
    for name, column in tables.items():
        assert compiled(name).truth[:, 0].tolist() == column, name
    assert compiled("and4").truth.sum() == 1
    assert compiled("majority5").truth.sum() == 16  # 10 + 5 + 1 of 32
    assert compiled("carry4").truth.sum() == 120  # of the 256 pairs, 136 sum to 15 at most
    assert torch.equal(compiled("carry4").truth, compiled("carry4_flat").truth)


def test_boolean_networks_have_the_units_that_their_wiring_needs() -> None:
    def shapes(name: str) -> list[tuple[int, ...]]:
        return [mask.shape for mask in compiled(name).masks]

    assert shapes("xor") == [(2, 2), (1, 2)]
    assert shapes("parity3_chain") == [(3, 3), (2, 3), (1, 2)]  # the third input passes through
    # a carry (first one unit, then two) and the bits that are still to come
    assert shapes("carry4") == [(1 + 6, 8), (2 + 4, 7), (2 + 2, 6), (2, 4), (1, 2)]
    assert compiled("xor").edges == {
        ("input:0", "linear_0:0"),
        ("input:1", "linear_0:0"),
        ("input:0", "linear_0:1"),
        ("input:1", "linear_0:1"),
        ("linear_0:0", "linear_2:0"),
        ("linear_0:1", "linear_2:0"),
    }


@pytest.mark.parametrize(("distractors", "kind"), DISTURBED)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_boolean_true_edges_are_the_edges_among_true_units(name: str, distractors: int, kind: str) -> None:
    made = compiled(name, distractors, kind)
    graph = ng.trace(made.model, (made.inputs.shape[1],)).graph()
    among = {edge for edge in ids(graph) if set(edge) <= made.vertices}
    assert among == made.edges
    assert [layer.name for layer in graph.layers] == layer_names(len(made.masks))
    assert {vertex for edge in made.edges for vertex in edge} == made.vertices
    by_mask = set()
    for block, mask in zip(graph.blocks, made.masks, strict=True):
        by_mask |= {(f"{block.source}:{i}", f"{block.target}:{j}") for j, i in np.argwhere(mask).tolist()}
    assert by_mask == made.edges


@pytest.mark.parametrize("corrupted", ["mean", "zero"])
@pytest.mark.parametrize(("distractors", "kind"), DISTURBED)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_boolean_true_edges_alone_are_the_whole_function(
    name: str, distractors: int, kind: str, corrupted: str
) -> None:
    made = compiled(name, distractors, kind)
    net = ng.trace(made.model, (made.inputs.shape[1],))
    alone = net.masked(made.inputs, made.masks, corrupted=corrupted)
    assert np.abs(alone - made.truth.numpy()).max() < 1e-12


@pytest.mark.parametrize("name", FUNCTIONS)
def test_boolean_true_edges_are_all_needed(name: str) -> None:
    made = compiled(name)
    by_hand = MaskedByHand(made.model)
    for base in (by_hand.means(made.inputs), by_hand.zeros(made.inputs)):
        lost = by_hand.exact(made.inputs, base, by_hand.deviation(made.inputs, logit(0)))
        for scores, mask in zip(lost, made.masks, strict=True):
            assert (scores[mask] > 0.001).all()
            assert (scores[~mask] == 0).all()


@pytest.mark.parametrize("name", ["xor", "majority3", "carry4"])
def test_boolean_dead_distractors_write_to_distractors_only(name: str) -> None:
    made = compiled(name, 10)
    graph = ng.trace(made.model, (made.inputs.shape[1],)).graph()
    for layer in graph.layers[1:-1]:
        true = sum(vertex.startswith(f"{layer.name}:") for vertex in made.vertices)
        assert layer.size == 11 * true
    distractors = set(graph.ids) - made.vertices
    assert not any(a in distractors and b not in distractors for a, b in ids(graph))
    assert any(a in distractors for a, _ in ids(graph)) == (len(graph.layers) > 3)
    flows = ng.trace(made.model, (made.inputs.shape[1],)).graph(inputs=made.inputs)
    for block in flows.blocks:
        i, j = flows.layer(block.source), flows.layer(block.target)
        true_in = [f"{i.name}:{k}" in made.vertices for k in range(i.size)]
        true_out = [f"{j.name}:{k}" in made.vertices for k in range(j.size)]
        share = block.values["attribution"]
        assert (share[~np.outer(true_out, true_in)] == 0).all()
        assert (share[np.outer(true_out, true_in)] != 0).any()


@pytest.mark.parametrize("name", ["xor", "majority3", "carry4"])
def test_boolean_cancelling_distractors_matter_alone_and_not_together(name: str) -> None:
    made = compiled(name, 10, "cancelling")
    by_hand = MaskedByHand(made.model)
    zeros = by_hand.zeros(made.inputs)
    last = len(made.masks) - 1
    false = [(last, 0, i) for i in np.flatnonzero(~made.masks[last][0])]
    alone = by_hand.exact(made.inputs, zeros, by_hand.deviation(made.inputs, logit(0)), false)[last][0]
    assert np.nanmax(alone) > 0.01
    weight = made.model[2 * last].weight.detach().numpy()[0]
    hidden = made.model[:-1](made.inputs).detach().numpy()
    distractors = ~made.masks[last][0]
    assert (weight[distractors] != 0).all()
    assert weight[distractors].sum() == 0
    assert (hidden[:, distractors] @ weight[distractors] == 0).all()


def test_boolean_units_are_shuffled_by_the_seed() -> None:
    def true_units(seed: int, kind: str) -> list[int]:
        made = compiled("majority5", 10, kind, seed)
        return sorted(int(v.partition(":")[2]) for v in made.vertices if v.startswith("linear_0:"))

    for kind in KINDS:
        assert true_units(3, kind) == true_units(3, kind)
        assert len({tuple(true_units(seed, kind)) for seed in range(6)}) > 3
        one, two = (compiled("xor", 2, kind, seed).model[0].weight for seed in (0, 1))
        assert not torch.equal(one, two)
    with pytest.raises(ValueError, match="kind='loud'"):
        compiled("xor", 1, "loud")


def test_xor_at_one_one_by_hand() -> None:
    known = xor_at_one_one()
    net = ng.trace(known.model, (2,))
    graph = net.graph("unit", inputs=known.x)
    vertices, edges = graph.to_pandas()
    assert net.outputs(known.x).tolist() == [[known.output]]
    assert dict(zip(vertices["id"], vertices["activation"], strict=True)) == known.activations
    assert dict(zip(vertices["id"], vertices["constant_share"], strict=True)) == known.constant_shares
    got = dict(zip(zip(edges["source"], edges["target"], strict=True), edges["attribution"], strict=True))
    assert got == known.attributions
    assert sum(known.paths.values()) + sum(known.constant_shares.values()) == known.output
    for edge, share in known.attributions.items():  # all paths through it; h2's bias comes before h2 → y
        from_bias = known.constant_shares[edge[0]]
        assert sum(v for path, v in known.paths.items() if edge in pairwise(path)) + from_bias == share
    dense = Dense(
        tuple(known.model[i].weight.detach().numpy() for i in (0, 2)),
        tuple(known.model[i].bias.detach().numpy() for i in (0, 2)),
        known.x[0].numpy(),
    )
    listed = [path for path in all_paths(dense) if path.value]
    assert sorted(path.value for path in listed) == [-2, -2, 1, 1, 2]
    assert [path.units for path in listed if path.first == 1] == [(1, 0)]


# -- scores of boolean networks, by hand -------------------------------------------------------------


@pytest.mark.parametrize("name", FUNCTIONS)
def test_mean_absolute_mask_ig_sees_every_true_edge_and_no_dead_one(name: str) -> None:
    made = compiled(name, 10)
    by_hand = MaskedByHand(made.model)
    found = by_hand.mask_ig(made.inputs, by_hand.means(made.inputs), logit(0), absolute=True)
    for scores, mask in zip(found, made.masks, strict=True):
        assert (scores[mask] > 1e-4).all()
        assert (scores[~mask] == 0).all()


def test_signed_mask_ig_loses_half_of_xor_against_the_mean() -> None:
    """The four inputs lie evenly around their mean (1/2, 1/2): gradients cancel.

    By paper, at masks α: h1 = 1 + α·s with s = −1, 0, 0, 1, and y is off by the same d = 1/2 + α/2 − α² at (0, 0) and
    (1, 1), where the sources are 1/2 below and above their mean: what the edges into h1 gain at one they lose at the
    other. h2 is 0 at (0, 0): nothing takes away what the edges into it gain at (1, 1), 2·d·α, on average over α 0.33,
    over the four inputs 0.0825.
    """
    known = compiled("xor")
    by_hand = MaskedByHand(known.model)
    means = by_hand.means(known.inputs)
    into_h, into_y = by_hand.mask_ig(known.inputs, means, logit(0))
    assert np.allclose(into_h, [[0, 0], [0.0825, 0.0825]], rtol=0, atol=1e-12)
    assert np.abs(into_y[0, 0]) < 1e-12
    assert into_y[0, 1] > 0.01
    for block in by_hand.mask_ig(known.inputs, by_hand.zeros(known.inputs), logit(0)):
        assert (np.abs(block) > 0.01).all()  # against zero none is lost


# -- paths -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_sums_of_all_paths_are_the_attributions(seed: int) -> None:
    dense = random_dense(seed)
    net = ng.trace(sequential(dense.weights, dense.biases), (6,))
    x = torch.from_numpy(dense.x)[None]
    logits = dense.activations()[-1]
    assert np.allclose(net.outputs(x)[0], logits, rtol=0, atol=1e-12)
    paths = list(all_paths(dense))
    assert len(paths) == 6 * 7 * 6 * 3 + 7 * 6 * 3 + 6 * 3 + 3
    for c in range(3):
        assert sum(p.value for p in paths if p.units[-1] == c) == pytest.approx(logits[c], abs=1e-12)
    for target, weights in ((0, [1, 0, 0]), (("centred", 2), [-0.5, -0.5, 1]), ((1, 0), [-1, 1, 0])):
        graph = net.graph("unit", inputs=x, target=target)
        for block, expected in zip(graph.blocks, through_edges(dense, weights), strict=True):
            assert np.abs(expected).max() > 0.1
            assert np.allclose(block.values["attribution"], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_planted_paths_come_first(seed: int) -> None:
    dense, planted = planted_dense(seed)
    assert [path[-1] for path in planted] == [0, 1, 2]
    for one, two in combinations(planted, 2):
        assert not any(a == b for a, b in zip(one, two, strict=True))
    for c, path in enumerate(planted):
        ranked = sorted((p for p in all_paths(dense) if p.units[-1] == c), key=lambda p: -abs(p.value))
        assert (ranked[0].first, ranked[0].units, ranked[0].value) == (0, path, 8.0)
        assert abs(ranked[1].value) <= 8 * 0.1 / 2  # one weak edge on the way
    graph = ng.trace(sequential(dense.weights, dense.biases), (6,)).graph("unit", inputs=dense.x[None], target=0)
    best = ng.paths(graph, target="linear_4:0", k=1, weight="attribution")
    names = layer_names(3)
    assert best["vertices"][0] == tuple(f"{layer}:{i}" for layer, i in zip(names, planted[0], strict=True))
