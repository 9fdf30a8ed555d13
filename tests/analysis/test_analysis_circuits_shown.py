"""Evidence in words and as a picture, and circuits as a folder."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from analysis_graphs import chain
from circuit_networks import three_classes

import netgraph as ng
from netgraph.errors import AnalysisError, TableError
from netgraph.graph.formats import read_graph, write_graph

matplotlib.use("agg")


def test_evidence_is_a_small_table() -> None:
    net, inputs, labels = three_classes()
    evidence = ng.circuit(net, inputs, labels, target=0, edges=6).evidence
    text = repr(evidence)
    assert text.startswith("Evidence for centred logit 0: 6 of 54 edges (11.11%), 120 inputs")
    for row in ("circuit", "random, same size", "|weight|, same size", "full network", "no edges"):
        assert f"\n{row}" in text
    assert f"{evidence.faithfulness:.4f} ± {evidence.error:.4f}" in text
    assert f"CPR {evidence.cpr:.4f}, CMD {evidence.cmd:.4f} over 0.1% … 100% of the edges" in text
    assert f"without the circuit, faithfulness {evidence.knock_out:.4f}; 100% of 6 of its edges are needed" in text
    plain = ng.faithfulness(ng.circuit(net, inputs, labels, target=0, edges=6), net, inputs, labels)
    assert "CPR" not in repr(plain) and plain.cpr is None and plain.cmd is None


def test_the_picture_draws_the_curves() -> None:
    from matplotlib import pyplot

    net, inputs, labels = three_classes()
    evidence = ng.circuit(net, inputs, labels, target=0, edges=6).evidence
    assert evidence.curve is not None
    figure, ax = pyplot.subplots()
    assert evidence.plot(ax) is ax
    drawn = {line.get_label(): line for line in ax.get_lines()}
    bars = {container.get_label(): container for container in ax.containers}
    for label, column, error in (("mask_ig", "faithfulness", "error"), ("random", "random", "random_sd")):
        line, _, (sticks,) = bars[label].lines
        assert line.get_xdata().tolist() == (100 * evidence.curve["share"]).tolist()
        assert line.get_ydata().tolist() == evidence.curve[column].tolist()
        heights = [segment[1, 1] - segment[0, 1] for segment in sticks.get_segments()]
        assert heights == pytest.approx((2 * evidence.curve[error]).tolist())
    assert drawn["|weight|"].get_ydata().tolist() == evidence.curve["weight"].tolist()
    assert drawn["this circuit"].get_ydata().tolist() == [evidence.faithfulness]
    assert drawn["this circuit"].get_xdata().tolist() == [pytest.approx(100 * 6 / 54)]
    assert (ax.get_xscale(), ax.get_ylabel()) == ("log", "faithfulness")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "|weight|",
        "this circuit",
        "mask_ig",
        "random",
    ]
    pyplot.close(figure)
    own = evidence.plot()
    assert own.figure is not figure
    pyplot.close("all")
    plain = ng.faithfulness(ng.circuit(net, inputs, labels, target=0, edges=6), net, inputs, labels)
    with pytest.raises(AnalysisError, match=r"has no curve: make it with faithfulness\(…, curve=True\)"):
        plain.plot()


def test_progress_goes_on_while_the_evidence_is_measured() -> None:
    net, inputs, labels = three_classes()
    told: list[tuple[int, int]] = []
    found = ng.circuit(net, inputs, labels, target=1, edges=6, progress=lambda *at: told.append(at))
    scored = len(told)
    assert scored and told[-1] == (len(inputs[labels == 1]),) * 2
    assert found.evidence.faithfulness > 0 and told[-1][0] == told[-1][1] == len(told) - scored


def test_progress_counts_all_runs() -> None:
    net, inputs, labels = three_classes()
    found = ng.circuit(net, inputs, labels, target=0, edges=6)
    seen: list[tuple[int, int]] = []
    ng.faithfulness(found, net, inputs, labels, curve=True, progress=lambda done, total: seen.append((done, total)))
    total = 3 + 3 + 6 + 10 * 5  # the circuit, |weight|, the rest of the network; random; one edge less; the curve
    assert seen == [(done, total) for done in range(1, total + 1)]


def test_save_writes_tables_settings_and_evidence(tmp_path: Path) -> None:
    net, inputs, labels = three_classes()
    found = ng.circuit(net, inputs, labels, target=1, edges=6)
    folder = found.save(tmp_path / "circuit")
    told = json.loads((folder / "circuit.json").read_text(encoding="utf-8"))
    assert told["settings"]["edges_after"] == 6
    assert told["evidence"]["faithfulness"] == pytest.approx(found.evidence.faithfulness)
    assert told["evidence"]["baselines"]["full network"]["faithfulness"] == 1
    assert (folder / "edges.csv").read_text(encoding="utf-8").count("\n") == 7
    found.save(folder)  # again, over itself
    assert read_graph(folder).n == found.graph.n
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(TableError, match=r"holds notes\.txt"):
        found.save(folder)
    assert (folder / "notes.txt").read_text() == "mine"


def test_save_refuses_a_folder_with_another_export(tmp_path: Path) -> None:
    net, inputs, labels = three_classes()
    write_graph(chain([[1.0]]), tmp_path / "graph")
    with pytest.raises(TableError, match="not just a saved circuit"):
        ng.circuit(net, inputs, labels, target=1, edges=6).save(tmp_path / "graph")


@pytest.mark.parametrize("target", ["label", "a class per input", "a function"])
def test_targets_of_every_kind_are_written_down(tmp_path: Path, target: str) -> None:
    net, inputs, labels = three_classes()
    asked = {"label": "label", "a class per input": labels, "a function": first_two}[target]
    folder = ng.circuit(net, inputs, labels, target=asked, edges=6).save(tmp_path / "circuit")
    told = json.loads((folder / "circuit.json").read_text(encoding="utf-8"))["settings"]["target"]
    assert told == {"label": "label", "a class per input": labels.tolist(), "a function": "first_two"}[target]


def first_two(logits):  # type: ignore[no-untyped-def]
    return logits[:, 0] * logits[:, 1]


def test_paths_run_inside_the_circuit() -> None:
    net, inputs, labels = three_classes()
    found = ng.circuit(net, inputs, labels, target=1, edges=6)
    listed = found.paths()
    assert {v for path in listed["vertices"] for v in path} == set(found.graph.ids)
    assert len(listed) == 4
    assert listed["value"].sum() == pytest.approx(1)
    assert np.isfinite(listed["value"]).all()
