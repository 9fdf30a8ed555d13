"""What the vertices of a circuit do, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from demo_digits import held_out, network
from torch import nn
from trained_networks import digits_mlp

import netgraph as ng
from netgraph.analysis.circuits import Circuit
from netgraph.analysis.circuits.roles import driven_by
from netgraph.errors import AnalysisError, InputError


def two_chains() -> tuple[Circuit, torch.Tensor]:
    """y1 = 2·relu(x1), y2 = relu(x2); four inputs, two of each class."""
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 2, bias=False)).double()
    with torch.no_grad():
        model[0].weight.copy_(torch.eye(2))
        model[2].weight.copy_(torch.diag(torch.tensor([2.0, 1.0])))
    x = torch.tensor([[1.0, 0.0], [3.0, 0.0], [0.0, 4.0], [0.0, 2.0]], dtype=torch.float64)
    return ng.circuit(ng.trace(model, (2,)), x, [0, 0, 1, 1], target=0, corrupted="zero", score="attribution"), x


def test_roles_by_hand() -> None:
    found, _ = two_chains()
    # Attributions of class 0 at (1, 0) and (3, 0): means 2·(1 + 3)/2 = 4 along x1; nothing flows along x2.
    assert found.graph.ids.tolist() == ["input:0", "linear_0:0", "linear_2:0"]
    table = found.vertices().set_index("id")
    assert table.columns.tolist() == [
        *("layer", "edges_in", "score_in", "edges_out", "score_out", "activation", "class", "selectivity", "explained"),
        *("top_inputs", "effect"),
    ]
    assert table["layer"].tolist() == ["input", "linear_0", "linear_2"]
    assert table["edges_in"].tolist() == [0, 1, 1]
    assert table["edges_out"].tolist() == [1, 1, 0]
    assert table["score_in"].tolist() == [0, 4, 4]
    assert table["score_out"].tolist() == [4, 4, 0]
    assert table["activation"].tolist() == [1, 1, 2]
    assert table["class"].tolist() == [0, 0, 0]
    # x1 is 1, 3, 0, 0: means 2 and 0, variance 10/4 − 1 = 1.5, of which 1 lies between the classes.
    assert table["selectivity"].tolist() == pytest.approx([2 / np.sqrt(1.5)] * 3)
    assert table["explained"].tolist() == pytest.approx([2 / 3] * 3)
    assert table["top_inputs"].tolist() == [(1, 0, 2, 3)] * 3
    assert table["effect"].tolist() == [1, 1, 1]  # without any of them the circuit is nothing


def test_of_two_parallel_units_each_has_its_half() -> None:
    # y = relu(x) + 3·relu(x): a quarter and three quarters of f.
    model = nn.Sequential(nn.Linear(1, 2, bias=False), nn.ReLU(), nn.Linear(2, 2, bias=False)).double()
    with torch.no_grad():
        model[0].weight.copy_(torch.ones(2, 1))
        model[2].weight.copy_(torch.tensor([[1.0, 3.0], [0.0, 0.0]]))
    x = torch.tensor([[2.0], [1.0]], dtype=torch.float64)
    found = ng.circuit(ng.trace(model, (1,)), x, [0, 0], target=0, corrupted="zero", score="attribution")
    effect = found.vertices().set_index("id")["effect"]
    assert effect.to_dict() == pytest.approx({"input:0": 1, "linear_0:0": 0.25, "linear_0:1": 0.75, "linear_2:0": 1})
    probed = found.vertices(probes=2).set_index("id")["effect"]
    assert probed.notna().sum() == 2
    assert probed.dropna().index.isin(["input:0", "linear_2:0", "linear_0:1"]).all()


def test_without_classes_or_variance_nothing_is_selective() -> None:
    found, selectivity, explained = driven_by(np.array([[1.0, 0.0], [1.0, 2.0]]), np.array([0, 1]))
    assert found[0] is pd.NA and found[1] == 1
    assert np.isnan(selectivity[0]) and np.isnan(explained[0])
    assert selectivity[1] == 2
    found, selectivity, _ = driven_by(np.array([[1.0], [2.0]]), None)
    assert found[0] is pd.NA and np.isnan(selectivity[0])
    assert driven_by(np.array([[1.0], [2.0]]), np.array([4, 4]))[0][0] is pd.NA


def test_explained_variance_is_that_of_a_linear_fit_on_the_classes() -> None:
    rng = np.random.default_rng(0)
    values, classes = rng.normal(size=(60, 4)), rng.integers(0, 3, size=60)
    _, _, explained = driven_by(values, classes)
    design = np.eye(3)[classes]
    fitted = design @ np.linalg.lstsq(design, values, rcond=None)[0]
    assert explained == pytest.approx(fitted.var(axis=0) / values.var(axis=0))


def test_roles_are_those_of_the_inputs_that_are_passed() -> None:
    net, (x, y), (held, its) = digits_mlp(0)
    found = ng.circuit(net, x[:200], y[:200], target=3, edges=80, score="eap")
    one, two = found.vertices(probes=0), found.vertices(held[:100], its[:100], probes=3)
    assert one["effect"].isna().all()
    assert two["effect"].notna().sum() == 3
    activations = net.activations(held[:100])
    assert two["activation"].tolist() == pytest.approx(activations[two["id"].tolist()].mean().tolist())
    output = two.set_index("id").loc["linear_4:3"]
    assert output["class"] == 3
    assert output["explained"] > 0.5
    assert its[:100][output["top_inputs"][0]] == 3


# -- pictures ----------------------------------------------------------------------------------------


def test_pictures_add_up_to_activations_but_for_biases() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(32, 3, bias=False))
    model = model.double()
    x = torch.randn(5, 1, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    net = ng.trace(model, x[:1])
    found = ng.circuit(net, x, [1, 1, 0, 2, 1], target=1, corrupted="zero", edges=1.0)
    drawn = found.pictures()
    assert list(drawn) == [v for v in found.graph.ids if not v.startswith("input")]
    activations = net.activations(x[[0, 1, 4]]).mean()
    for vertex, picture in drawn.items():
        assert picture.shape == (6, 6)
        assert picture.sum() == pytest.approx(activations[vertex], rel=1e-10, abs=1e-12)
    # The gradient of a logit times the input, colours added up, by autograd alone.
    member = x[[0, 1, 4]].clone().requires_grad_()
    model(member)[:, 1].sum().backward()
    assert member.grad is not None
    expected = (member.grad * member).detach().sum((0, 1)) / 3
    assert drawn[f"{found.whole.layers[-1].name}:1"] == pytest.approx(expected.numpy(), rel=1e-10, abs=1e-12)


def test_pictures_of_units_and_of_digits_laid_flat() -> None:
    net, (x, y), _ = digits_mlp(0)
    found = ng.circuit(net, x[:100], y[:100], target=3, edges=60, score="eap", granularity="unit")
    drawn = found.pictures(x[y == 3][:1], [3], shape=(8, 8))
    assert {p.shape for p in drawn.values()} == {(8, 8)}
    graph = net.graph("unit", inputs=x[y == 3][:1], target=3)
    assert drawn["linear_4:3"].ravel() == pytest.approx(graph.columns["attribution"][:64], rel=1e-10, abs=1e-12)
    with pytest.raises(AnalysisError, match=r"an input of shape \(64,\) is no picture: say its \(height, width\)"):
        found.pictures()
    with pytest.raises(AnalysisError, match=r"shape=\(7, 8\) holds another number of pixels"):
        found.pictures(shape=(7, 8))


def test_pictures_of_a_trained_network() -> None:
    x, y = held_out()
    net = network("cnn")
    found = ng.circuit(net, x[:100], y[:100], target=3, edges=60, score="eap")
    drawn = found.pictures()
    threes = x[:100][y[:100] == 3]
    graph = net.graph("unit", inputs=threes, target=3)
    assert drawn["fc:3"].ravel() == pytest.approx(graph.columns["attribution"][:64], rel=1e-3, abs=1e-4)


def test_shares_of_the_input_need_vertices_and_numbers() -> None:
    net, (x, _), _ = digits_mlp(0)
    assert net.input_shares(x[:2], []).shape == (0, 64)
    with pytest.raises(InputError, match="no vertex"):
        net.input_shares(x[:2], ["linear_4:10"])
    with pytest.raises(InputError, match="expected ids of vertices"):
        net.input_shares(x[:2], ["prediction"])
    words = nn.Sequential(nn.Embedding(5, 3), nn.Flatten(), nn.Linear(6, 2))
    with pytest.raises(InputError, match="reads whole numbers"):
        ng.trace(words, torch.zeros(1, 2, dtype=torch.long)).input_shares(torch.tensor([[1, 2]]), ["2:0"])
