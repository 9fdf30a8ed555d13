"""Every command does what its function does, says it as text and as JSON, and tells errors in one message."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import netgraph as ng
from netgraph.cli.source import parse_shape
from netgraph.demo.verdicts import agreement

Cli = Callable[..., Any]


@pytest.fixture
def net(files: Any) -> ng.Network:
    return ng.load_network(files.weights, model=f"{files.folder / 'net.py'}:Net", input_shape=(1, 8, 8))


def test_cli_info_counts_what_the_graph_holds(files: Any, net: ng.Network, cli: Cli) -> None:
    result = cli("info", files.weights, *files.options, "--json")
    graph = net.graph()
    assert result.status == 0
    assert (result.json["vertices"], result.json["edges"]) == (graph.n, len(graph.edges))
    assert [row["layer"] for row in result.json["layers"]] == [layer.name for layer in graph.layers]
    assert sum(row["edges_in"] for row in result.json["layers"]) == len(graph.edges)
    text = cli("info", files.weights, *files.options).out
    assert f"{graph.n:,} vertices, {len(graph.edges):,} edges" in text and "fc1" in text


def test_cli_info_reads_a_bare_state_dict_with_an_activation(files: Any, cli: Cli) -> None:
    result = cli("info", files.bare, "--activation", "relu", "--json")
    assert (result.status, result.json["vertices"], result.json["edges"]) == (0, 5, 6)


def test_cli_export_writes_the_graphs_tables(files: Any, net: ng.Network, cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "graph"
    result = cli("export", files.weights, "--out", out, *files.options, "--json")
    assert result.status == 0 and result.json == {
        "out": str(out),
        "vertices": net.graph().n,
        "edges": len(net.graph().edges),
    }
    assert {"vertices.csv", "edges.csv", "manifest.json"} <= {file.name for file in out.iterdir()}
    edges = pd.read_csv(out / "edges.csv")
    assert len(edges) == len(net.graph().edges)
    assert edges.weight.sum() == pytest.approx(net.graph().edges.to_pandas().weight.sum(), rel=1e-6)


def test_cli_export_says_the_size_before_anything_is_made(
    files: Any, net: ng.Network, cli: Cli, tmp_path: Path
) -> None:
    result = cli("export", files.weights, *files.options, "--granularity", "unit", "--dry-run", "--json")
    assert result.status == 0 and result.json == net.size("unit")._asdict()
    assert result.json["edges"] == len(net.graph("unit").edges)
    result = cli("export", files.weights, "-o", tmp_path / "g", *files.options, "--max-edges", 3)
    assert result.status == 1 and "more than max_edges=3" in result.err and not (tmp_path / "g").exists()
    result = cli("export", files.weights, *files.options)
    assert result.status == 2 and "--dry-run" in result.err
    result = cli("export", files.weights, *files.options, "--per-vertex", 3, "--dry-run")
    assert result.status == 2 and "the whole graph is measured" in result.err and "--per-vertex" in result.err


def test_cli_export_at_an_input_carries_its_flow(files: Any, net: ng.Network, cli: Cli, tmp_path: Path) -> None:
    options = ["--inputs", files.inputs, "--row", 3, "--target", 2, "--granularity", "unit"]
    assert cli("export", files.weights, "-o", tmp_path / "g", *files.options, *options).status == 0
    import torch

    image = torch.from_numpy(np.load(files.inputs)["inputs"][3:4])
    expected = net.graph(granularity="unit", inputs=image, target=2).edges.to_pandas()
    edges = pd.read_csv(tmp_path / "g" / "edges.csv")
    assert edges.attribution.to_numpy() == pytest.approx(expected.attribution.to_numpy(), rel=1e-5, abs=1e-7)


def test_cli_convert_gives_an_equal_graph(exported: Path, cli: Cli, tmp_path: Path) -> None:
    assert cli("convert", exported, tmp_path / "again").status == 0
    for name in ("vertices.csv", "edges.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (exported / name).read_bytes()


def test_cli_verify_proves_the_graph(files: Any, cli: Cli) -> None:
    result = cli("verify", files.weights, *files.options, "--inputs", files.inputs, "--json")
    assert result.status == 0 and result.json["exact"] is True
    assert (
        max(result.json[f"{kind}_error"] for kind in ("forward", "weight", "completeness", "conservation", "path"))
        <= 1e-10
    )
    assert cli("verify", files.weights, *files.options).status == 0  # at random inputs


def test_cli_verify_fails_when_the_graph_is_not_the_network(
    files: Any, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    verify = ng.Network.verify
    monkeypatch.setattr(ng.Network, "verify", lambda self, *given: replace(verify(self, *given), weight_error=0.5))
    result = cli("verify", files.weights, *files.options, "--json")
    assert (result.status, result.json["exact"]) == (1, False)
    assert "the graph is not the network" in result.err


def test_cli_modules_are_the_functions(exported: Path, cli: Cli, tmp_path: Path) -> None:
    result = cli("modules", exported, "--seed", 3, "--json", "--out", tmp_path / "with")
    found = ng.modules(ng.read_graph(exported), seed=3)
    assert result.json["labels"] == found.labels.to_dict()
    assert result.json["quality"] == pytest.approx(found.quality)
    assert list(pd.read_csv(tmp_path / "with" / "vertices.csv").module) == list(found.labels)
    said = cli("modules", exported, "--seed", 3).out
    assert f"{len(found)} modules" in said and f"agreement of the runs: {agreement(found.stability)}" in said


def test_cli_centrality_is_the_functions_best_first(exported: Path, cli: Cli) -> None:
    result = cli("centrality", exported, "pagerank", "--top", 3, "--json")
    best = ng.centrality(ng.read_graph(exported), "pagerank").nlargest(3)
    assert [row["id"] for row in result.json] == list(best.index)
    assert [row["pagerank"] for row in result.json] == pytest.approx(list(best))
    everything = cli("centrality", exported, "strength", "--within", "layer", "--top", 0, "--json").json
    assert len(everything) == ng.read_graph(exported).n


def test_cli_paths_are_exact_shares_at_an_input(files: Any, net: ng.Network, cli: Cli) -> None:
    import torch

    options = ["--inputs", files.inputs, "--target", 1, "-k", 4]
    result = cli("paths", files.weights, *files.options, *options, "--json")
    image = torch.from_numpy(np.load(files.inputs)["inputs"][:1])
    expected = ng.paths(net.graph(granularity="unit", inputs=image, target=1), "fc2:1", k=4, weight="attribution")
    assert [tuple(row["vertices"]) for row in result.json["paths"]] == list(expected.vertices)
    assert [row["value"] for row in result.json["paths"]] == pytest.approx(list(expected.value))
    printed = cli("paths", files.weights, *files.options, *options).out
    assert printed.endswith(expected.summary + "\n") and "of Σ|path|" in expected.summary
    lowest = cli("paths", files.weights, *files.options, *options, "--sign", "negative", "--json").json["paths"]
    assert len(lowest) == 4 and all(row["value"] < 0 for row in lowest)


def test_cli_paths_between_channels_are_scored_exactly(files: Any, net: ng.Network, cli: Cli) -> None:
    import torch

    options = ["--inputs", files.inputs, "--target", 1, "-k", 4, "--granularity", "channel", "--json"]
    result = cli("paths", files.weights, *files.options, *options)
    image = torch.from_numpy(np.load(files.inputs)["inputs"][:1])
    graph = net.graph(inputs=image, target=1)
    expected = ng.paths(graph, "fc2:1", k=4, weight="attribution", inputs=image)
    assert [tuple(row["vertices"]) for row in result.json["paths"]] == list(expected.vertices)
    assert [row["share"] for row in result.json["paths"]] == pytest.approx(list(expected.share), rel=1e-5)


def test_cli_modules_beside_chance(exported: Path, cli: Cli) -> None:
    asked = ["modules", exported, "--runs", 2, "--samples", 3]
    rows = cli(*asked, "--json").json["significance"]
    assert {row["null"] for row in rows} == {"shuffle", "shuffle_nonzero", "strength", "residual"}
    assert "beyond chance: no:" in cli(*asked).out  # 3 graphs of chance cannot say p < 0.05


def test_cli_modules_of_checkpoints_are_one_table_and_one_plot(net: ng.Network, cli: Cli, tmp_path: Path) -> None:
    for number in (2, 10, 9):
        ng.write_graph(net.graph(), tmp_path / f"ckpt_{number}.npz")
    files = sorted(tmp_path.glob("*.npz"))
    asked = ["modules", *files, "--runs", 2, "--samples", 2]
    result = cli(*asked, "--json", "--plot", tmp_path / "growth.png")
    rows = result.json["checkpoints"]
    assert [row["name"] for row in rows] == ["ckpt_2", "ckpt_9", "ckpt_10"]
    assert rows[1]["step"] == 0 and rows[2]["agreement"] == pytest.approx(1) and not rows[2]["sudden"]
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")
    assert "sudden steps: none" in cli(*asked).out
    wrong = cli("modules", files[0], "--plot", tmp_path / "x.png")
    assert wrong.status == 2 and "several checkpoints" in wrong.err


def test_cli_paths_of_an_exported_graph_are_products_of_weights(exported: Path, cli: Cli) -> None:
    result = cli("paths", exported, "--target", "fc2:1", "-k", 2, "--json")
    expected = ng.paths(ng.read_graph(exported), "fc2:1", k=2)
    assert [row["value"] for row in result.json["paths"]] == pytest.approx(list(expected.value))


def test_cli_circuit_is_the_functions_and_is_saved(files: Any, net: ng.Network, cli: Cli, tmp_path: Path) -> None:
    options = ["--inputs", files.inputs, "--target", 1, "--edges", 30, "--out", tmp_path / "circuit", "--held-out", 0]
    result = cli("circuit", files.weights, *files.options, *options, "--json", "--plot", tmp_path / "curve.png")
    held = np.load(files.inputs)
    expected = ng.circuit(net, held["inputs"], held["labels"], target=1, edges=30)
    assert result.status == 0
    assert result.json["edges"] == len(expected) == len(pd.read_csv(tmp_path / "circuit" / "edges.csv"))
    assert result.json["faithfulness"] == pytest.approx(expected.evidence.faithfulness, rel=1e-4)
    assert result.json["evidence"]["judged_on"] == " that it was found with"
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_cli_circuit_is_judged_on_inputs_held_out(files: Any, net: ng.Network, cli: Cli) -> None:
    options = ["--inputs", files.inputs, "--target", "label", "--held-out", 0.5, "--seed", 3]
    result = cli("circuit", files.weights, *files.options, *options, "--edges", 0.1, "--method", "top", "--json").json
    held = np.load(files.inputs)
    expected = ng.circuit(
        net, held["inputs"], held["labels"], target="label", held_out=0.5, seed=3, edges=0.1, method="top"
    )
    assert result["edges"] == len(expected)
    assert result["cmd"] == pytest.approx(expected.evidence.cmd, rel=1e-4)
    assert result["evidence"]["judged_on"] == "" and result["evidence"]["inputs"] == len(held["labels"]) // 2
    assert [row["share"] for row in result["curve"]] == [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0]


def test_cli_circuit_prints_its_evidence(files: Any, cli: Cli) -> None:
    options = ["--inputs", files.inputs, "--target", 1, "--edges", 30]
    result = cli("circuit", files.weights, *files.options, *options)
    for words in ("random, same size", "|weight|, same size", "CMD", "random_sd", "of its edges are needed"):
        assert words in result.out
    wrong = cli("circuit", files.weights, *files.options, *options[:-1], "many")
    assert wrong.status == 1 and "expected a number of edges, or a share of them" in wrong.err


def test_cli_shape_may_be_written_as_python_writes_it() -> None:
    assert parse_shape("1,28,28") == parse_shape("(1, 28, 28)") == parse_shape("1x28x28") == (1, 28, 28)
    assert parse_shape("(5,)") == (5,) and parse_shape(None) is None


def test_cli_render_draws_one_page(exported: Path, cli: Cli, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    result = cli("render", exported, "-o", page, "--top", 25, "--backend", "pyvis", "--json")
    assert result.status == 0 and result.json["edges"] == 25 and 0 < result.json["share_of_weight"] < 1
    assert page.read_text(encoding="utf-8").lower().startswith("<!doctype html>")
    whole = cli("render", exported, "-o", page, "--title", "<mine>", "--theme", "dark", "--json")
    assert whole.status == 0 and whole.json["share_of_weight"] == 1
    assert whole.json["edges"] == len(ng.read_graph(exported).edges)
    assert "<title>&lt;mine&gt;</title>" in page.read_text(encoding="utf-8")


def test_cli_render_shows_inputs_their_labels_and_the_names_of_classes(files: Any, cli: Cli, tmp_path: Path) -> None:
    page, options = tmp_path / "page.html", [*files.options, "--inputs", files.inputs]
    classes = ",".join(f"kind {k}" for k in range(4))
    result = cli("render", files.weights, *options, "--row", 2, "--samples", 3, "--classes", classes, "-o", page)
    assert result.status == 0
    labels = np.load(files.inputs)["labels"]
    data = json.loads(re.findall(r'id="data">(.*?)</script>', page.read_text(encoding="utf-8"), re.S)[0])
    assert data["classes"] == classes.split(",") and data["opens"] == "circuit"
    assert [sample["label"] for sample in data["samples"]] == labels[2:5].tolist()
    alone = cli("render", files.weights, *options, "--row", 2, "--target", 1, "-o", page)
    assert alone.status == 0
    data = json.loads(re.findall(r'id="data">(.*?)</script>', page.read_text(encoding="utf-8"), re.S)[0])
    assert len(data["samples"]) == 1


BAD = {
    "no such file": (["info", "nowhere.pt"], "nowhere.pt"),
    "no network": (["info", "{junk}"], "junk.pt"),
    "folder where a network is needed": (["verify", "{graph}"], "needs the network itself"),
    "inputs for an exported graph": (
        ["paths", "{graph}", "--inputs", "{inputs}", "--target", "1"],
        "needs the network itself",
    ),
    "option of networks for an exported graph": (["info", "{graph}", "--granularity", "unit"], "--granularity needs"),
    "keyword in an option's words": (["info", "{weights}", "--model", "{net}"], "pass --input-shape, without"),
    "unknown measure": (["centrality", "{graph}", "pagerankk"], "did you mean 'pagerank'?"),
    "unknown column": (["modules", "{graph}", "--weight", "wieght"], "did you mean 'weight'?"),
    "unknown class": (["paths", "{graph}", "--target", "9"], "has 4 vertices"),
    "unknown vertex": (["paths", "{graph}", "--target", "fc2:11"], "fc2:1"),
    "row out of range": (
        ["export", "{weights}", "{options}", "-o", "new", "--inputs", "{inputs}", "--row", "99"],
        "40 inputs",
    ),
    "inputs that are none": (
        ["export", "{weights}", "{options}", "-o", "new", "--inputs", "{junk}"],
        "no .npy or .npz",
    ),
    "damaged folder": (["convert", "{broken}", "new"], "edges.csv"),
}


@pytest.mark.parametrize("case", BAD)
def test_cli_bad_input_is_one_message_and_status_1(
    case: str, files: Any, exported: Path, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "junk.pt").write_bytes(b"this is no network\n" * 9)
    broken = shutil.copytree(exported, tmp_path / "broken")
    (broken / "edges.csv").write_bytes((broken / "edges.csv").read_bytes()[:-40])
    net = f"{files.folder / 'net.py'}:Net"
    names = {
        "junk": "junk.pt",
        "net": net,
        "graph": exported,
        "inputs": files.inputs,
        "weights": files.weights,
        "broken": broken,
    }
    words, message = BAD[case]
    arguments = [a for word in words for a in (files.options if word == "{options}" else [word.format(**names)])]
    result = cli(*arguments)
    assert (result.status, result.out) == (1, "")
    assert result.err.startswith("error: ") and message in result.err
    assert "Traceback" not in result.err and "not foreseen" not in result.err
    assert not (tmp_path / "new").exists()


def test_cli_debug_shows_where_an_error_came_from(exported: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from netgraph.cli import main

    monkeypatch.setattr("sys.argv", ["netgraph", "centrality", str(exported), "pagerankk", "--debug"])
    with pytest.raises(ng.NetgraphError, match="pagerankk"):
        main()


def test_cli_unforeseen_errors_are_short_too(exported: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("the moon is in the way")

    monkeypatch.setattr("netgraph.graph.formats.read_graph", fail)
    result = cli("info", exported)
    assert result.status == 1
    assert result.err.splitlines()[0] == "error: RuntimeError: the moon is in the way"
    assert "--debug" in result.err and "Traceback" not in result.err


def test_cli_no_pickle_in_inputs_is_executed(files: Any, cli: Cli, tmp_path: Path) -> None:
    class Payload:
        def __reduce__(self) -> tuple[Any, ...]:
            return (open, (str(tmp_path / "ran"), "w"))

    np.save(tmp_path / "evil.npy", np.array([Payload()], dtype=object), allow_pickle=True)
    result = cli("circuit", files.weights, *files.options, "--inputs", tmp_path / "evil.npy", "--target", 1)
    assert result.status == 1 and "evil.npy" in result.err
    assert not (tmp_path / "ran").exists()


def test_cli_usage_of_shapes_is_explained(files: Any, cli: Cli) -> None:
    result = cli("info", files.weights, "--model", f"{files.folder / 'net.py'}:Net", "--input-shape", "1,eight")
    assert result.status == 2 and "1,28,28" in result.err


def test_cli_json_of_every_command_is_json(files: Any, exported: Path, cli: Cli) -> None:
    for arguments in (["info", exported], ["modules", exported], ["centrality", exported, "katz"]):
        json.loads(cli(*arguments, "--json").out)
