"""A circuit as a folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from trained_networks import digits_mlp

import netgraph as ng
from netgraph.analysis.circuits import Circuit
from netgraph.errors import TableError


def digits_circuit(**options: object) -> Circuit:
    net, (x, y), _ = digits_mlp(0)
    return ng.circuit(net, x[:80], y[:80], **{"target": 3, "edges": 40, "score": "eap", **options})


def test_a_saved_circuit_holds_its_graph_its_evidence_and_its_roles(tmp_path: Path) -> None:
    found = digits_circuit()
    folder = found.save(tmp_path / "three")
    assert sorted(p.name for p in folder.iterdir()) == [
        *("circuit.json", "edges.csv", "manifest.json", "roles.csv", "vertices.csv"),
    ]
    edges = pd.read_csv(folder / "edges.csv").set_index(["source", "target"])
    scores = found.scores.set_index(["source", "target"])
    assert len(edges) == len(found)
    for name in ("score", "abs_score", "weight"):
        assert edges[name].loc[scores.index].tolist() == pytest.approx(scores[name].tolist())
    told = json.loads((folder / "circuit.json").read_text(encoding="utf-8"))
    evidence = found.evidence
    assert evidence.curve is not None
    assert told["settings"]["edges_after"] == len(found)
    assert told["evidence"]["faithfulness"] == evidence.faithfulness
    assert [row["faithfulness"] for row in told["evidence"]["curve"]] == evidence.curve["faithfulness"].tolist()
    assert told["evidence"]["areas"]["circuit"]["cmd"] == evidence.cmd
    roles = pd.read_csv(folder / "roles.csv")
    expected = found.vertices()
    assert roles["id"].tolist() == expected["id"].tolist()
    assert roles["effect"].to_numpy() == pytest.approx(expected["effect"].to_numpy(), nan_ok=True)
    assert [tuple(map(int, row.split())) for row in roles["top_inputs"]] == expected["top_inputs"].tolist()
    again = ng.read_graph(folder)
    assert again.ids.tolist() == found.graph.ids.tolist()
    assert len(again.edges) == len(found)


def test_saving_replaces_a_saved_circuit_and_nothing_else(tmp_path: Path) -> None:
    found = digits_circuit()
    folder = found.save(tmp_path / "three")
    smaller = digits_circuit(edges=20)
    smaller.save(folder)
    assert json.loads((folder / "circuit.json").read_text(encoding="utf-8"))["settings"]["edges_after"] == len(smaller)
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    fresh = digits_circuit()
    with pytest.raises(TableError, match=r"holds notes\.txt, and not just a saved circuit"):
        fresh.save(folder)
    assert "evidence" not in vars(fresh)  # refused before the long work
    assert (folder / "notes.txt").read_text(encoding="utf-8") == "mine"
    assert len(ng.read_graph(folder).edges) == len(smaller)
    ng.write_graph(found.graph, tmp_path / "graph")
    with pytest.raises(TableError, match="not just a saved circuit"):
        found.save(tmp_path / "graph")
    with pytest.raises(TableError, match=r"holds circuit\.json, roles\.csv"):
        ng.write_graph(found.graph, found.save(tmp_path / "clean"), overwrite=True)


def test_what_fails_on_the_way_leaves_the_old_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = digits_circuit()
    folder = found.save(tmp_path / "three")
    before = {p.name: p.read_bytes() for p in folder.iterdir()}

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    with pytest.raises(TableError, match="No space left"):
        digits_circuit(edges=20).save(folder)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    assert [p.name for p in tmp_path.iterdir()] == ["three"]


def difference(logits: torch.Tensor) -> torch.Tensor:
    return logits[:, 3] - logits[:, 5]


@pytest.mark.parametrize(
    ("target", "written"),
    [
        (difference, "difference"),
        ((3, 5), [3, 5]),
        (np.array([3, 5] * 40), [3, 5] * 40),
        (torch.tensor([3, 5] * 40), [3, 5] * 40),
    ],
    ids=["function", "pair", "array", "tensor"],
)
def test_every_target_is_written(target: object, written: object, tmp_path: Path) -> None:
    folder = digits_circuit(target=target).save(tmp_path / "circuit")
    told = json.loads((folder / "circuit.json").read_text(encoding="utf-8"))
    assert told["settings"]["target"] == written
    assert ng.read_graph(folder).n > 0
