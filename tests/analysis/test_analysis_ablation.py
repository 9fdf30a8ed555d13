"""Lesions against hooks in plain torch, planted answers, and the words of what cannot be cut."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from masked_by_hand import MaskedByHand
from torch import nn
from torch.nn import functional as F
from trained_networks import digits_mlp

import netgraph as ng
from netgraph.errors import AnalysisError, TableError, UnknownName

# -- by hand -----------------------------------------------------------------------------------------


@torch.no_grad()
def without(reader: nn.Module, channel: int, model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Logits where ``reader`` is given the mean of one channel (or unit) of what it reads."""

    def hook(_: nn.Module, given: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        value = given[0].clone()
        value[:, channel] = value[:, channel].mean(0, keepdim=True)
        return (value,)

    handle = reader.register_forward_pre_hook(hook)
    logits = model(x)
    handle.remove()
    return logits


def costs(model: nn.Module, cut: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> tuple[float, float]:
    """(accuracy drop, loss rise) in torch's own words."""
    with torch.no_grad():
        full = model(x)
    drop = (full.argmax(1) == y).double().mean() - (cut.argmax(1) == y).double().mean()
    return float(drop), float(F.cross_entropy(cut, y) - F.cross_entropy(full, y))


def test_units_of_an_mlp_by_hooks() -> None:
    net, _, (x, y) = digits_mlp(0)
    x, y = x[:120], y[:120]
    model = net.model
    lesions = ng.ablate(net, ["linear_0:5", "linear_2:11"], x, y)
    for name, reader, unit in (("linear_0:5", model[2], 5), ("linear_2:11", model[4], 11)):
        cut = without(reader, unit, model, x)
        row = lesions.table.loc[name]
        assert (row["accuracy_drop"], row["loss_rise"]) == pytest.approx(costs(model, cut, x, y), abs=1e-12)
        assert (row["size"], row["layers"], row["cut"], row["samples"]) == (1, name.split(":")[0], "vertices", 19)
        for c in range(10):
            ours = lesions.classes.loc[name, c], lesions.class_loss.loc[name, c]
            assert ours == pytest.approx(costs(model, cut[y == c], x[y == c], y[y == c]), abs=1e-12)
    assert lesions.settings["accuracy"] == float((net.outputs(x).argmax(1) == y.numpy()).mean())
    assert lesions.settings["loss"] == pytest.approx(float(F.cross_entropy(torch.tensor(net.outputs(x)), y)), abs=1e-12)


def test_channels_of_a_convolution_by_hooks() -> None:
    torch.manual_seed(3)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(4, 5, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(5 * 36, 3),
    ).double()
    x, y = torch.rand(30, 1, 6, 6, dtype=torch.float64) * 4, torch.arange(30) % 3
    lesions = ng.ablate(ng.trace(model.eval(), (1, 6, 6)), ["conv_0:2", "conv_2:1"], x, y)
    for name, cut in (
        ("conv_0:2", without(model[2], 2, model, x)),
        # the linear layer reads channel 1 in its columns 36 … 71
        ("conv_2:1", without(model[5], slice(36, 72), model, x)),  # type: ignore[arg-type]
    ):
        row = lesions.table.loc[name]
        assert (row["accuracy_drop"], row["loss_rise"]) == pytest.approx(costs(model, cut, x, y), abs=1e-12)
    assert (lesions.table["loss_rise"].abs() > 1e-6).all()
    # at unit granularity, all 36 positions of the channel cut together are the channel
    units = {"channel": [f"conv_0:2,{i},{j}" for i in range(6) for j in range(6)]}
    alike = ng.ablate(ng.trace(model.eval(), (1, 6, 6)), units, x, y, granularity="unit")
    assert alike.table.loc["channel", "loss_rise"] == pytest.approx(
        lesions.table.loc["conv_0:2", "loss_rise"], abs=1e-12
    )
    assert alike.table.loc["channel", "size"] == 36


def test_a_vertex_with_two_readers_is_cut_from_both() -> None:
    class Skip(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two, self.out = nn.Linear(4, 5), nn.Linear(5, 5), nn.Linear(10, 3)

        def forward(self, x: torch.Tensor, cut: bool = False) -> torch.Tensor:
            a = torch.relu(self.one(x))
            if cut:
                a = torch.cat([a[:, :2], a[:, 2:3].mean(0).expand(len(a), 1), a[:, 3:]], 1)
            return self.out(torch.cat([a, torch.relu(self.two(a))], 1))

    torch.manual_seed(0)
    model, x, y = Skip().double().eval(), torch.randn(40, 4, dtype=torch.float64), torch.arange(40) % 3
    row = ng.ablate(ng.trace(model, (4,)), "one:2", x, y).table.loc["one:2"]
    with torch.no_grad():
        expected = costs(model, model(x, cut=True), x, y)
    assert (row["accuracy_drop"], row["loss_rise"]) == pytest.approx(expected, abs=1e-12)


def test_edges_by_masks_in_plain_torch() -> None:
    net, _, (x, y) = digits_mlp(0)
    x, y = x[:100], y[:100]
    pairs = [("input:20", "linear_0:3"), ("linear_0:3", "linear_2:7"), ("linear_0:9", "linear_2:7")]
    lesions = ng.ablate(net, None, x, y, edges={"three": pairs, "one": pairs[0]})
    by_hand = MaskedByHand(net.model)
    masks = by_hand.masks()
    masks[0][3, 20] = masks[1][7, 3] = masks[1][7, 9] = 0
    with torch.no_grad():
        cut = by_hand.forward(x, masks, by_hand.means(x))
    row = lesions.table.loc["three"]
    assert (row["accuracy_drop"], row["loss_rise"]) == pytest.approx(costs(net.model, cut, x, y), abs=1e-12)
    assert (row["size"], row["layers"], row["cut"]) == (3, "input -> linear_0, linear_0 -> linear_2", "edges")
    alone = ng.ablate(net, None, x, y, edges=pairs)
    assert alone.table.index.tolist() == [" -> ".join(pair) for pair in pairs]
    own = ["note", "accuracy_drop_q", "loss_rise_q"]  # q is over all lesions of a table
    assert alone.table.iloc[0].drop(own).tolist() == lesions.table.loc["one"].drop(own).tolist()


def test_a_circuits_edges_are_its_knock_out() -> None:
    net, _, (x, y) = digits_mlp(0)
    circuit = ng.circuit(net, x, y, target=3, edges=80)
    lesions = ng.ablate(net, None, x, y, edges=circuit)
    cut = net.masked(x, [~mask for mask in circuit.masks])
    assert lesions.table.loc["circuit", "size"] == len(circuit)
    assert lesions.table.loc["circuit", "loss_rise"] == pytest.approx(
        costs(net.model, torch.tensor(cut), x, y)[1], abs=1e-12
    )
    assert lesions.table.loc["circuit", "loss_rise_p"] == 0.05
    both = ng.ablate(net, circuit, x, y, edges={"knock-out": circuit}).table
    assert both["cut"].tolist() == ["vertices", "edges"]
    outputs = sum(identifier.startswith("linear_4:") for identifier in circuit.graph.ids)
    assert outputs > 1 and both["size"].tolist() == [circuit.graph.n - outputs, len(circuit)]
    assert both.loc["circuit", "note"] == f"without its {outputs} output vertices"


def test_a_single_output_moves_by_its_square() -> None:
    torch.manual_seed(1)
    model, x = nn.Sequential(nn.Linear(5, 30), nn.Tanh(), nn.Linear(30, 1)).double().eval(), torch.randn(50, 5)
    net = ng.trace(model, (5,))
    lesions = ng.ablate(net, ["linear_0:4", "input:1"], x.double())
    cut = without(model[2], 4, model, x.double()).numpy()
    by_hand = float(((cut - net.outputs(x.double())) ** 2).mean())
    assert lesions.table.loc["linear_0:4", "deviation"] == pytest.approx(by_hand, rel=1e-10)
    assert lesions.classes.shape == lesions.class_loss.shape == (2, 0)
    assert "accuracy_drop" not in lesions.table and lesions.settings["classes"] is None
    assert "deviation" in repr(lesions) and "accuracy" not in repr(lesions)
    with pytest.raises(AnalysisError, match="labels= are classes, and the network has a single output"):
        ng.ablate(net, "input:1", x.double(), torch.zeros(50))


# -- planted -----------------------------------------------------------------------------------------


def planted() -> tuple[ng.Network, torch.Tensor, torch.Tensor]:
    """40 hidden units: unit 7 carries class 3 alone, units 10 … 39 copy inputs 0 … 2 ten times, the others are dead."""
    model = nn.Sequential(nn.Linear(4, 40), nn.ReLU(), nn.Linear(40, 4)).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model[0].weight[7, 3] = model[2].weight[3, 7] = 3.0
        for unit in range(10, 40):
            model[0].weight[unit, unit % 3] = 1.0
            model[2].weight[unit % 3, unit] = 0.9
    y = torch.arange(80) % 4
    return ng.trace(model.eval(), (4,)), torch.eye(4, dtype=torch.float64)[y], y


def test_the_unit_that_carries_a_class_shows_it() -> None:
    net, x, y = planted()
    lesions = ng.ablate(net, [f"linear_0:{i}" for i in range(40)], x, y, corrupted="zero", samples=39)
    table = lesions.table
    assert table["loss_rise"].idxmax() == "linear_0:7"
    assert table.loc["linear_0:7", "loss_rise_p"] == table.loc["linear_0:7", "accuracy_drop_p"] == 1 / 40
    assert lesions.classes.loc["linear_0:7"].tolist() == [0, 0, 0, 1]
    assert (lesions.class_loss.loc["linear_0:7"].to_numpy()[:3] == 0).all()
    assert (table["loss_rise_p"].drop("linear_0:7") > 1 / 40).all()
    dead = [f"linear_0:{i}" for i in range(10) if i != 7]
    assert (table.loc[dead, "loss_rise"] == 0).all() and (table.loc[dead, "loss_rise_p"] == 1).all()
    assert (table.loc[dead, "note"] == "no edge leaves it").all()
    told = repr(lesions).splitlines()
    assert told[0].startswith("Lesions: 40 at 80 inputs, corrupted='zero', each beside up to 39 random ones")
    assert told[1].startswith("whole network: accuracy 1.0000 of the labels, loss ")
    assert told[2].startswith("  linear_0:7: accuracy -0.2500, loss +") and told[2].endswith("p 0.025)")
    assert told[-1] == "  … 30 that cost less"


def test_predictions_stand_in_for_labels() -> None:
    net, x, y = planted()
    own, given = (ng.ablate(net, "linear_0:7", x, labels) for labels in (None, y))
    assert own.table.equals(given.table)
    assert (own.settings["classes"], given.settings["classes"]) == ("predictions", "labels")
    assert own.settings["accuracy"] == 1


# -- what can be cut ---------------------------------------------------------------------------------


def test_modules_labels_and_mappings_are_the_same_sets() -> None:
    net, _, (x, y) = digits_mlp(0)
    x, y = x[:60], y[:60]
    modules = ng.modules(net.graph())
    found = ng.ablate(net, modules, x, y).table
    assert found.index[0] == "module 0"
    assert found.equals(ng.ablate(net, modules.labels, x, y).table)
    members = modules.labels.index[modules.labels == 0]
    hidden = [v for v in members if not v.startswith("linear_4:")]
    outputs = len(members) - len(hidden)
    by_name = ng.ablate(net, {"mine": hidden}, x, y).table.loc["mine"]
    of_all = ["note", "accuracy_drop_q", "loss_rise_q"]  # what q is depends on how many lesions there are
    assert by_name.drop(of_all).tolist() == found.loc["module 0"].drop(of_all).tolist()
    assert f"without its {outputs} output vertices" in found.loc["module 0", "note"]
    chosen = pd.Series(["linear_0:1", "linear_0:2"])
    assert ng.ablate(net, chosen, x, y).table.index.tolist() == chosen.tolist()
    floats = pd.Series([1.0, np.nan], index=["linear_0:1", "linear_0:2"])
    assert ng.ablate(net, floats, x, y).table.index.tolist() == ["module 1"]


def small(outputs: int = 2) -> tuple[ng.Network, torch.Tensor]:
    torch.manual_seed(0)
    return ng.trace(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, outputs)).eval(), (3,)), torch.rand(6, 3)


MESSAGES: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"vertices": "linear_0:9"}, UnknownName, r"unknown vertex 'linear_0:9': did you mean 'linear_0:"),
    ({"vertices": {"a": ["fc"]}}, UnknownName, r"unknown vertex 'fc' in the lesion 'a'"),
    ({"vertices": []}, AnalysisError, "nothing to cut: pass ids of vertices, or pairs of ids as edges="),
    ({"vertices": None}, AnalysisError, "nothing to cut"),
    ({"vertices": {"a": []}}, AnalysisError, "the lesion 'a' is empty: give it at least one vertex"),
    ({"vertices": 3}, AnalysisError, "vertices=3: expected an id, ids, a mapping of names to ids"),
    ({"vertices": {"a": ["input:0", "input:0"]}}, AnalysisError, "input:0 stands twice in the lesion 'a'"),
    ({"vertices": ["input:0", "input:0"]}, AnalysisError, "two lesions are called 'input:0': name each but once"),
    (
        {"vertices": "linear_2:1"},
        AnalysisError,
        "^linear_2:1 is an output vertex; .* outputs out, or cut edges=",
    ),
    (
        {"vertices": {"a": ["input:0", "linear_2:0", "linear_2:1"]}},
        AnalysisError,
        "linear_2:0, linear_2:1 in the lesion 'a' are output vertices",
    ),
    (
        {"vertices": pd.Series([0, 1], index=["linear_2:0", "input:1"])},
        AnalysisError,
        "the lesion 'module 0' holds output vertices alone: linear_2:0",
    ),
    ({"edges": [("input:0", "linear_2:0")]}, AnalysisError, r"no edge input:0 -> linear_2:0.*\(source, target\)"),
    ({"edges": ["input:0"]}, AnalysisError, r"'input:0' is no edge: expected a pair of ids"),
    ({"edges": "input:0"}, AnalysisError, "edges='input:0': expected pairs of ids"),
    ({"edges": {"a": []}}, AnalysisError, "the lesion 'a' is empty: give it at least one edge"),
    ({"edges": [("input:0", "fc:0")]}, UnknownName, "unknown vertex 'fc:0'"),
    ({"samples": 18}, AnalysisError, "samples=18: a p-value needs at least 19 random sets"),
    ({"samples": 20.5}, AnalysisError, "samples=20.5"),
    ({"labels": [0, 1]}, AnalysisError, r"labels have shape \(2,\), the inputs need \(6,\)"),
    (
        {"labels": [0, 1, 2, 0, 1, 0]},
        AnalysisError,
        "labels hold 2, which is no class: the network has outputs 0 … 1, and classes count from 0",
    ),
    ({"labels": [0.5] * 6}, AnalysisError, "labels are float64: expected whole class numbers"),
    ({"labels": list("abcdef")}, AnalysisError, "expected whole class numbers"),
    ({"granularity": "layer"}, UnknownName, "unknown granularity 'layer'"),
    ({"corrupted": "median"}, UnknownName, "unknown corrupted 'median'"),
]


@pytest.mark.parametrize(("wrong", "error", "message"), MESSAGES)
def test_what_is_wrong_is_said(wrong: dict[str, Any], error: type[Exception], message: str) -> None:
    net, x = small()
    asked = {"vertices": None if "edges" in wrong else "input:0", **wrong}
    with pytest.raises(error, match=message):
        ng.ablate(net, asked.pop("vertices"), x, asked.pop("labels", None), **asked)


def test_the_mean_of_one_input_is_refused() -> None:
    net, x = small()
    with pytest.raises(AnalysisError, match="the mean of a single input is itself"):
        ng.ablate(net, "input:0", x[:1])
    assert len(ng.ablate(net, "input:0", x[:1], reference=x)) == 1
    assert len(ng.ablate(net, "input:0", x[:1], corrupted="zero")) == 1


def test_loaders_and_sequences_are_refused() -> None:
    net, x = small()
    with pytest.raises(AnalysisError, match=r"inputs are a DataLoader: .* collect them first"):
        ng.ablate(net, "input:0", torch.utils.data.DataLoader(x))  # type: ignore[arg-type]
    with pytest.raises(AnalysisError, match=r"net is a Linear: expected a network that was traced"):
        ng.ablate(nn.Linear(3, 2), "input:0", torch.rand(4, 3))  # type: ignore[arg-type]
    sequence = ng.trace(nn.Linear(3, 2).eval(), torch.rand(1, 5, 3))
    with pytest.raises(AnalysisError, match=r"outputs have shape \(4, 5, 2\), and lesions are measured by"):
        ng.ablate(sequence, str(sequence.graph().ids[0]), torch.rand(4, 5, 3))


def test_a_circuit_of_another_granularity_is_refused() -> None:
    torch.manual_seed(0)
    net = ng.trace(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2)).eval(), (1, 4, 4))
    x = torch.rand(8, 1, 4, 4)
    circuit = ng.circuit(net, x, target=("logit", int(net.outputs(x[:1]).argmax())), edges=3)
    with pytest.raises(AnalysisError, match="the circuit is of another graph: it was found at granularity='channel'"):
        ng.ablate(net, None, x, edges=circuit, granularity="unit")


def test_lesions_are_saved_as_tables(tmp_path: Path) -> None:
    net, x = small()
    lesions = ng.ablate(net, ["linear_0:0", "linear_0:1"], x)
    folder = lesions.save(tmp_path / "out")
    assert sorted(p.name for p in folder.iterdir()) == sorted(
        ["table.csv", "classes.csv", "class_loss.csv", "random.csv", "lesions.json"]
    )
    read = pd.read_csv(folder / "table.csv", index_col="name")
    assert np.allclose(read["loss_rise"], lesions.table["loss_rise"], rtol=0, atol=1e-15)
    assert json.loads((folder / "lesions.json").read_text())["samples"] == 19
    lesions.save(folder)  # replaced
    (folder / "mine.txt").write_text("")
    with pytest.raises(TableError, match=r"holds mine\.txt, and not just saved lesions"):
        lesions.save(folder)
    with pytest.raises(TableError, match="is a file; expected a folder"):
        lesions.save(folder / "mine.txt")


def test_runs_are_counted_and_never_made_twice() -> None:
    net, _, (x, y) = digits_mlp(0)
    told: list[tuple[int, int]] = []
    ng.ablate(net, [f"linear_0:{i}" for i in range(32)], x[:20], y[:20], progress=lambda *at: told.append(at))
    assert told == [(i + 1, 32) for i in range(32)]  # the random single vertices are among the lesions
