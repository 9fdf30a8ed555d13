"""The methods of circuits on networks, each held against one that is written out; and bad questions."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from boolean_networks import sequential
from circuit_networks import dense, pairs, residual, three_classes, three_classes_by_hand
from masked_by_hand import MaskedByHand, centred
from planted_paths import planted_dense

import netgraph as ng
from netgraph.analysis.circuits import METHODS
from netgraph.errors import AnalysisError, UnknownName

Array = np.ndarray[Any, Any]
OPTIONS: dict[str, dict[str, float]] = {
    "greedy": {},
    "top": {},
    "threshold": {"threshold": 1e-5},
    "cumulative": {"share": 0.8},
    "paths": {},
    "acdc": {"threshold": 1e-4},
}


def test_every_method_is_tried() -> None:
    assert set(OPTIONS) == set(METHODS)


@pytest.mark.parametrize("granularity", ["channel", "unit"])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_gives_edges_on_ways_to_the_outputs(method: str, granularity: str) -> None:
    net, inputs, labels = residual()
    found = ng.circuit(
        net, inputs, labels, target=1, method=method, edges=20, granularity=granularity, **OPTIONS[method]
    )
    assert found.question.ways.live(found.chosen).tolist() == found.chosen.tolist()
    assert 0 < len(found) < len(found.whole.edges)
    if method in ("greedy", "top", "paths"):
        assert len(found) <= 20 and found.settings["edges_asked"] == 20
    else:
        assert found.settings["edges_asked"] is None
    again = ng.circuit(
        net, inputs, labels, target=1, method=method, edges=20, granularity=granularity, **OPTIONS[method]
    )
    assert again.scores.equals(found.scores)
    assert np.isfinite(found.evidence.faithfulness)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("tau", [1e-4, 1e-2, 0.3])
def test_acdc_is_the_one_with_a_whole_run_for_every_edge(seed: int, tau: float) -> None:
    weights, inputs, labels = three_classes_by_hand(seed)
    net, target = dense(weights), 1
    found = ng.circuit(net, inputs, labels, target=target, method="acdc", threshold=tau)
    by_hand = MaskedByHand(sequential(weights, [np.zeros(len(w)) for w in weights]))
    x = torch.from_numpy(inputs)
    means = by_hand.means(x)
    masks = [np.ones_like(w) for w in weights]

    def run() -> Array:
        with torch.no_grad():
            return centred(target)(by_hand.forward(x, masks, means)).numpy()

    full, lost = run(), 0.0
    for at in (1, 0):
        score = found.whole.blocks[at].values["score"]
        for j, i in sorted(np.ndindex(score.shape), key=lambda place: abs(score[place])):
            masks[at][j, i] = 0
            now = float(((full - run()) ** 2).mean())
            if now - lost < tau:
                lost = now
            else:
                masks[at][j, i] = 1
    names = ("input", "linear_0"), ("linear_0", "linear_2")
    kept = {(f"{a}:{i}", f"{b}:{j}") for (a, b), mask in zip(names, masks, strict=True) for j, i in np.argwhere(mask)}
    read, written = {a for a, _ in kept}, {b for _, b in kept}
    live = {(a, b) for a, b in kept if (a in written or a.startswith("input")) and (b in read or "linear_2" in b)}
    assert pairs(found) == live
    assert found.settings["edges_before"] == len(kept)


def test_acdc_keeps_less_the_larger_its_threshold() -> None:
    net, inputs, labels = three_classes()
    found = [ng.circuit(net, inputs, labels, target=1, method="acdc", threshold=tau) for tau in (1e-6, 1e-3, 0.01)]
    assert len(found[0]) > len(found[1]) >= len(found[2]) >= 6
    with pytest.raises(
        AnalysisError,
        match=r"leaves no way .* all edges together move it by [0-9.e+-]+ \(mean square\), so take a τ far",
    ):
        ng.circuit(net, inputs, labels, target=1, method="acdc", threshold=1e9)
    with pytest.raises(AnalysisError, match="acdc needs a τ of at least 0"):
        ng.circuit(net, inputs, labels, target=1, method="acdc", threshold=-1.0)


@pytest.mark.parametrize("seed", range(3))
def test_planted_paths_come_first(seed: int) -> None:
    """Three edges of the one strong path to each class, by every method that goes by a number of edges."""
    planted, paths = planted_dense(seed)
    net = dense(planted.weights, planted.biases)
    names = ("input", "linear_0", "linear_2", "linear_4")
    for c, path in enumerate(paths):
        ids = [f"{name}:{i}" for name, i in zip(names, path, strict=True)]
        true = set(pairwise(ids))
        for method in ("greedy", "top", "paths"):
            found = ng.circuit(
                net, planted.x[None], target=("logit", c), corrupted="zero", method=method, edges=3,
                labels=[c], score="attribution",
            )  # fmt: skip
            assert pairs(found) == true, method


def test_paths_hold_as_many_as_the_edges_that_they_may_have() -> None:
    net, inputs, labels = three_classes()
    found = ng.circuit(net, inputs, labels, target=1, method="paths", edges=6)
    assert found.graph.ids.tolist() == ["input:2", "input:3", "linear_0:2", "linear_0:3", "linear_2:1"]
    # the strongest path is taken whole, however few edges are asked for
    assert len(ng.circuit(net, inputs, labels, target=1, method="paths", edges=1)) == 2
    whole = ng.circuit(net, inputs, labels, target=("logit", 1), method="paths", edges=10_000)
    assert {target for _, target in pairs(whole) if target.startswith("linear_2")} == {"linear_2:1"}
    with pytest.raises(AnalysisError, match="edges is 0; ask for at least one edge"):
        ng.circuit(net, inputs, labels, target=1, method="paths", edges=0)


def test_the_smallest_faithful_circuit_is_searched() -> None:
    net, inputs, labels = three_classes()
    found = {f: ng.circuit(net, inputs, labels, target=1, faithfulness=f) for f in (0.3, 0.6, 0.9, 1.0)}
    for wanted, circuit in found.items():
        assert circuit.evidence.faithfulness >= wanted - 1e-6
        assert circuit.settings["faithfulness_asked"] == wanted
        assert circuit.settings["edges_asked"] is None
    lengths = [len(circuit) for circuit in found.values()]
    assert lengths == sorted(lengths) and lengths[0] < lengths[-1]
    with pytest.raises(AnalysisError, match="searched along an order: method='greedy' or 'top', not 'paths'"):
        ng.circuit(net, inputs, labels, target=1, faithfulness=0.5, method="paths")


def test_methods_go_by_their_own_number() -> None:
    net, inputs, labels = three_classes()
    for method, name in (("threshold", "threshold"), ("acdc", "threshold"), ("cumulative", "share")):
        with pytest.raises(AnalysisError, match=f"method '{method}' goes by {name}=: pass one"):
            ng.circuit(net, inputs, labels, target=0, method=method)
    with pytest.raises(AnalysisError, match="threshold= is of no use to method 'greedy'"):
        ng.circuit(net, inputs, labels, target=0, threshold=0.1)
    with pytest.raises(AnalysisError, match="share= is of no use to method 'threshold'"):
        ng.circuit(net, inputs, labels, target=0, method="threshold", threshold=0.1, share=0.1)


def test_bad_questions_are_answered_by_name() -> None:
    net, inputs, labels = three_classes()
    with pytest.raises(UnknownName, match="unknown score 'atribution': did you mean 'attribution'"):
        ng.circuit(net, inputs, labels, target=0, score="atribution")
    with pytest.raises(UnknownName, match="unknown method 'greedily': did you mean 'greedy'"):
        ng.circuit(net, inputs, labels, target=0, method="greedily")
    with pytest.raises(UnknownName, match="unknown corrupted 'median'"):
        ng.circuit(net, inputs, labels, target=0, corrupted="median")
    with pytest.raises(UnknownName, match="granularity"):
        ng.circuit(net, inputs, labels, target=0, granularity="neuron")
    with pytest.raises(UnknownName, match=r"unknown option 'stepz' of circuit\(\): did you mean 'steps'"):
        ng.circuit(net, inputs, labels, target=0, stepz=3)
    with pytest.raises(AnalysisError, match="at least one edge"):
        ng.circuit(net, inputs, labels, target=0, edges=0)
    for edges in (0.0, 1.5, True, "all", None):
        with pytest.raises(AnalysisError, match="expected a number of edges, or a share of all of them"):
            ng.circuit(net, inputs, labels, target=0, edges=edges)
    with pytest.raises(AnalysisError, match=r"every edge scores exactly 0.*a single input, its mean is itself"):
        ng.circuit(net, inputs[:1], target="prediction")


def test_inputs_that_come_a_batch_at_a_time_are_to_be_collected() -> None:
    net, inputs, labels = three_classes()
    data = torch.utils.data.TensorDataset(torch.from_numpy(inputs), torch.from_numpy(labels))
    loader = torch.utils.data.DataLoader(data, batch_size=50)
    found = ng.circuit(net, inputs, labels, target=0, edges=6)
    for given in (data, loader):
        with pytest.raises(AnalysisError, match=r"inputs are a \w+: .*torch\.cat\(parts\) for parts in zip\(\*loader"):
            ng.circuit(net, given, target=0)
        with pytest.raises(AnalysisError, match=r"inputs are a \w+: .*collect them first"):
            ng.faithfulness(found, net, given)
    x, y = (torch.cat(parts) for parts in zip(*loader, strict=True))  # as the message says
    assert ng.circuit(net, x, y, target=0, edges=6).scores.equals(found.scores)


def test_resampling_takes_the_activations_of_others() -> None:
    net, inputs, labels = three_classes()
    with pytest.raises(AnalysisError, match="there is only one: pass more inputs"):
        ng.circuit(net, inputs[:1], target="prediction", corrupted="resample")
    found = ng.circuit(net, inputs, labels, target=1, corrupted="resample", edges=6)
    assert found.graph.ids.tolist() == ["input:2", "input:3", "linear_0:2", "linear_0:3", "linear_2:1"]
    other = ng.circuit(net, inputs, labels, target=1, corrupted="resample", edges=6, seed=1)
    assert not other.scores.equals(found.scores)
    assert ng.circuit(net, inputs, labels, target=1, corrupted="resample", edges=6).scores.equals(found.scores)


def test_counterfactuals_are_one_for_each_input() -> None:
    net, inputs, labels = three_classes()
    for target in (0, "label"):
        for options in ({}, {"held_out": 0.5}):
            with pytest.raises(
                AnalysisError, match="corrupted= holds 5 inputs for 120: pass a counterfactual for each"
            ):
                ng.circuit(net, inputs, labels, target=target, corrupted=inputs[:5], **options)
    with pytest.raises(
        AnalysisError, match=r'no word \("mean", "zero", "resample"\).* are a NoneType: expected a tensor'
    ):
        ng.circuit(net, inputs, labels, target=0, corrupted=None)
    one = ng.circuit(net, inputs, labels, target=0, corrupted=-inputs, edges=9)
    assert one.settings["corrupted"] == "counterfactual"
    assert ng.circuit(net, inputs, labels, target=0, corrupted=(-inputs).tolist(), edges=9).scores.equals(one.scores)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_networks_of_lower_precision_have_circuits(dtype: torch.dtype) -> None:
    weights, inputs, labels = three_classes_by_hand()
    model = sequential(weights, [np.zeros(len(w)) for w in weights]).to(dtype).eval()
    net, x = ng.trace(model, (6,)), torch.from_numpy(inputs).to(dtype)
    found = ng.circuit(net, x, labels, target=1, edges=6)
    assert found.graph.ids.tolist() == ["input:2", "input:3", "linear_0:2", "linear_0:3", "linear_2:1"]
    exact = ng.circuit(dense(weights), inputs, labels, target=1, edges=6)
    assert found.evidence.faithfulness == pytest.approx(exact.evidence.faithfulness, abs=0.05)
