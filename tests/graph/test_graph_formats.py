"""The same graph through every format, and what each of them refuses."""

from __future__ import annotations

import json
import os
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import network_zoo
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from graph_strategies import layered_graphs
from hypothesis import HealthCheck, given, settings

import netgraph as ng
from netgraph import read_graph, write_graph
from netgraph.errors import NonFiniteError, TableError
from netgraph.graph.convolution import Convolution
from netgraph.graph.equality import difference
from netgraph.graph.filtering import keep
from netgraph.graph.formats import read_activations
from netgraph.graph.graph import Block, Graph, Layer
from netgraph.graph.layout import layout

XML = [".gexf", ".graphml"]
SINGLE = [".npz", *XML]
"""Formats that are one file."""
EXACT = ["", ".npz", ".parquet"]
"""Formats that hold all of a graph."""


@pytest.fixture(scope="module")
def lenet() -> Graph:
    """At an input: implicit convolutions, with values, gates and constants."""
    make, shape = network_zoo.ZOO["lenet-gelu"]
    torch.manual_seed(0)
    return ng.trace(make().eval(), shape).graph(granularity="unit", inputs=torch.randn(1, *shape), target=1)


@pytest.mark.parametrize("suffix", EXACT)
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(graph=layered_graphs())
def test_every_graph_comes_back_equal(tmp_path_factory: pytest.TempPathFactory, suffix: str, graph: Graph) -> None:
    path = tmp_path_factory.mktemp("graph") / f"out{suffix}"
    assert difference(graph, read_graph(write_graph(graph, path))) is None


@pytest.mark.parametrize("suffix", EXACT)
@pytest.mark.parametrize("rule", [{}, {"top": 300}, {"layers": ["fc1", "fc2"], "per_vertex": 2}])
def test_a_network_at_an_input_comes_back_equal(
    lenet: Graph, tmp_path: Path, suffix: str, rule: dict[str, object]
) -> None:
    read = read_graph(write_graph(lenet, tmp_path / f"out{suffix}", **rule))  # type: ignore[arg-type]
    assert difference(keep(lenet, **rule).selected if rule else lenet, read) is None  # type: ignore[arg-type]


# -- npz -------------------------------------------------------------------------------------------


def test_npz_keeps_implicit_blocks_and_what_they_share(lenet: Graph, tmp_path: Path) -> None:
    path = write_graph(lenet, tmp_path / "out.npz")
    read = read_graph(path)
    found = [(a, b) for a, b in zip(lenet.blocks, read.blocks, strict=True) if isinstance(a.weight, Convolution)]
    assert len(found) >= 2
    for before, after in found:
        assert isinstance(after.weight, Convolution)
        assert after.weight.pattern == before.weight.pattern
        assert all(value.pattern is after.weight.pattern for value in after.values.values())
        vector = np.linspace(-1, 1, before.shape[1], dtype=np.float32)
        assert np.array_equal(after.weight @ vector, before.weight @ vector)
    held = sum(
        part.nbytes
        for block in lenet.blocks
        for value in (block.weight, *block.values.values())
        for part in ([value.kernel] if isinstance(value, Convolution) else [])
    )
    kernels = sum(block.weight.kernel.nbytes for block in lenet.blocks if isinstance(block.weight, Convolution))
    assert held > kernels  # several operators share a kernel, which the file has once
    with np.load(path, allow_pickle=False) as arrays:
        shapes = [arrays[name].shape for name in arrays.files if name.startswith("array_")]
    assert sum(shape == found[0][0].weight.kernel.shape for shape in shapes) == 1


def test_npz_is_the_same_file_each_time_and_holds_no_pickle(lenet: Graph, tmp_path: Path) -> None:
    first, second = (write_graph(lenet, tmp_path / f"{i}.npz").read_bytes() for i in (1, 2))
    assert first == second
    manifest = json.loads(zipfile.ZipFile(tmp_path / "1.npz").read("manifest.json"))
    assert [layer["name"] for layer in manifest["layers"]] == [layer.name for layer in lenet.layers]


def test_npz_does_not_unpickle(tmp_path: Path) -> None:
    path = write_graph(Graph.from_matrices([np.eye(2)]), tmp_path / "out.npz")
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            if name == "array_0.npy":
                with archive.open(name, "w") as file:
                    np.lib.format.write_array(file, np.array([print], dtype=object), allow_pickle=True)
            else:
                archive.writestr(name, data)
    with pytest.raises(TableError, match=r"was cut or changed.*Object arrays cannot be loaded"):
        read_graph(path)


def test_npz_notices_damage(tmp_path: Path) -> None:
    path = write_graph(Graph.from_matrices([np.arange(1.0, 101.0).reshape(10, 10)]), tmp_path / "out.npz")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TableError, match=r"was cut or changed .*write the graph again"):
        read_graph(path)
    at = whole.index(np.float64(50.0).tobytes())
    path.write_bytes(whole[:at] + b"\1" + whole[at + 1 :])
    with pytest.raises(TableError, match=r"was cut or changed .*CRC"):
        read_graph(path)
    np.savez(path, a=np.eye(2))
    with pytest.raises(TableError, match=r"has no manifest.json inside.*Graph.from_matrices"):
        read_graph(path)


def test_npz_carries_activations(tmp_path: Path) -> None:
    graph = Graph.from_matrices([np.eye(2)])
    table = pd.DataFrame(np.arange(8, dtype=np.float32).reshape(2, 4) / 3, columns=graph.ids, index=[5, 7])
    path = write_graph(graph, tmp_path / "out.npz", activations=table)
    pd.testing.assert_frame_equal(read_activations(path), table, check_column_type=False)
    with pytest.raises(TableError, match="holds no activations"):
        read_activations(write_graph(graph, path))


def test_npz_has_no_columns_to_name(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"profile 'gephi' names columns, and \.npz holds whole blocks: leave"):
        write_graph(Graph.from_matrices([np.eye(2)]), tmp_path / "out.npz", profile="gephi")


def test_npz_refuses_weights_that_are_not_finite(lenet: Graph, tmp_path: Path) -> None:
    number = next(i for i, block in enumerate(lenet.blocks) if isinstance(block.weight, Convolution))
    block = lenet.blocks[number]
    bad = replace(block, weight=replace(block.weight, kernel=block.weight.kernel * np.float32("inf")), values={})
    graph = Graph(lenet.layers, (*lenet.blocks[:number], bad, *lenet.blocks[number + 1 :]))
    layers = (Layer("a", "a", "input", (1,), 0, 1), Layer("b", "b", "linear", (1,), 1, 1))
    sparse = Graph(layers, (Block("a", "b", "linear", sp.csr_array(np.array([[np.nan]]))),))
    for wrong in (graph, sparse, Graph.from_matrices([[[np.inf]]])):
        with pytest.raises(NonFiniteError, match="holds weights that are NaN or infinite"):
            write_graph(wrong, tmp_path / "out.npz")
    assert list(tmp_path.iterdir()) == []


# -- GEXF and GraphML ------------------------------------------------------------------------------


def without_gates(graph: Graph) -> Graph:
    """What XML can hold of a graph."""
    return replace(graph, blocks=tuple(replace(block, gate=None, constant=None) for block in graph.blocks))


@pytest.mark.parametrize("suffix", XML)
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(graph=layered_graphs())
def test_every_graph_comes_back_from_xml(tmp_path_factory: pytest.TempPathFactory, suffix: str, graph: Graph) -> None:
    path = tmp_path_factory.mktemp("graph") / f"out{suffix}"
    assert difference(without_gates(graph), read_graph(write_graph(graph, path))) is None
    ElementTree.parse(path)  # another parser finds no fault in it


@pytest.mark.parametrize("suffix", XML)
@pytest.mark.parametrize(
    "rule", [{}, {"top": 300, "profile": "gephi"}, {"layers": ["fc1", "fc2"], "profile": "starter"}]
)
def test_a_network_comes_back_from_xml(lenet: Graph, tmp_path: Path, suffix: str, rule: dict[str, Any]) -> None:
    read = read_graph(write_graph(lenet, tmp_path / f"out{suffix}", **rule))
    chosen = {name: value for name, value in rule.items() if name != "profile"}
    assert difference(without_gates(keep(lenet, **chosen).selected if rule else lenet), read) is None


@pytest.mark.parametrize("suffix", XML)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_finite_bit_pattern_survives_xml(tmp_path: Path, suffix: str, dtype: type) -> None:
    bits = np.random.default_rng(0).integers(0, 256, size=(20_000, np.dtype(dtype).itemsize), dtype=np.uint8)
    numbers = bits.view(dtype).reshape(-1)
    numbers = numbers[np.isfinite(numbers) & (numbers != 0)]
    read = read_graph(write_graph(Graph.from_matrices([numbers[None, :]]), tmp_path / f"out{suffix}"))
    assert read.blocks[0].weight.tobytes() == numbers.tobytes()


@pytest.mark.parametrize("suffix", XML)
def test_what_xml_cannot_hold_is_replaced_and_comes_back(tmp_path: Path, suffix: str) -> None:
    labels = ["a\x00b", "\ud800", "\uffff", "tab\tand\nline", "<&\"'>", "\x1b[0m", None, ""]
    graph = Graph.from_matrices([np.ones((4, 4))]).with_columns(label=np.array(labels, dtype=object))
    path = write_graph(graph, tmp_path / f"out{suffix}")
    assert read_graph(path).columns["label"].tolist() == labels
    found = nx.read_gexf(path) if suffix == ".gexf" else nx.read_graphml(path)
    seen = [found.nodes[i].get("label") for i in graph.ids[:6]]
    assert seen == ["a\ufffdb", "\ufffd", "\ufffd", "tab\tand\nline", "<&\"'>", "\ufffd[0m"]


@pytest.mark.parametrize("suffix", XML)
def test_networkx_reads_the_same_graph(lenet: Graph, tmp_path: Path, suffix: str) -> None:
    graph = lenet.select(layers=["fc1", "fc2"]).with_columns(dead=np.arange(lenet.select(layers=["fc1", "fc2"]).n) > 3)
    path = write_graph(graph, tmp_path / f"out{suffix}")
    found = nx.read_gexf(path) if suffix == ".gexf" else nx.read_graphml(path)
    assert found.is_directed() and not found.is_multigraph()
    assert list(found.nodes) == graph.ids.tolist()
    table = graph.edges.to_pandas()
    assert len(found.edges) == len(table)
    for row in table.itertuples():
        data = found.edges[row.source, row.target]
        assert np.float32(data["weight"]) == row.weight
        assert np.float32(data["attribution"]) == row.attribution
        assert data["kind"] == row.kind
    assert [data["dead"] for data in found.nodes.values()] == graph.columns["dead"].tolist()
    assert [data["layer"] for data in found.nodes.values()] == graph.vertices["layer"].tolist()


def test_gexf_positions_colours_and_sizes(tmp_path: Path) -> None:
    weights = np.array([[3.0, -1.0], [0.0, 0.0]])
    graph = Graph.from_matrices([weights]).with_columns(module=[0, 1, 0, -1])
    found = nx.read_gexf(write_graph(graph, tmp_path / "out.gexf")).nodes
    x, y = layout(graph)
    assert [data["viz"]["position"] for data in found.values()] == [
        {"x": a, "y": b, "z": 0.0} for a, b in zip(x.tolist(), y.tolist(), strict=True)
    ]
    colours = [tuple(data["viz"]["color"][c] for c in "rgb") for data in found.values()]
    assert colours == [(204, 102, 119), (51, 34, 136), (204, 102, 119), (221, 221, 221)]
    # strengths 3, 1, 4, 0: areas as 3 : 1 : 4 : 0
    sizes = [data["viz"]["size"] for data in found.values()]
    assert sizes == pytest.approx([2 + 18 * np.sqrt(s / 4) for s in (3, 1, 4, 0)], abs=1e-3)
    ranked = graph.with_columns(pagerank=[0.1, 0.4, np.nan, 0.0])
    found = nx.read_gexf(write_graph(ranked, tmp_path / "out.gexf")).nodes
    assert [data["viz"]["size"] for data in found.values()] == [11.0, 20.0, 2.0, 2.0]


def test_gexf_for_gephi_has_no_weight_below_zero(tmp_path: Path) -> None:
    graph = Graph.from_matrices([np.array([[1.5, -2.5]])])
    edges = nx.read_gexf(write_graph(graph, tmp_path / "out.gexf", profile="gephi")).edges
    found = [(data["weight"], data["signed_weight"], data["sign"]) for data in edges.values()]
    assert found == [(1.5, 1.5, 1), (2.5, -2.5, -1)]


@pytest.mark.parametrize("suffix", XML)
def test_xml_refuses_what_it_has_no_word_for(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    graph = Graph.from_matrices([np.eye(2)])
    with pytest.raises(NonFiniteError, match="1 of 1 weights into layer 'layer_1' are NaN or infinite"):
        write_graph(Graph.from_matrices([[[np.inf]]]), path)
    with pytest.raises(TableError, match="column 'far' holds 1 infinite numbers"):
        write_graph(graph.with_columns(far=[1.0, 2.0, np.inf, np.nan]), path)
    with pytest.raises(TableError, match=r"'big' holds whole numbers from 2\^63 up"):
        write_graph(graph.with_columns(big=np.array([1, 2, 3, 2**63], dtype=np.uint64)), path)
    with pytest.raises(TableError, match="the vertices cannot have a column 'Type': Gephi takes it for the direction"):
        write_graph(graph.with_columns(Type=[1, 2, 3, 4]), path)
    with pytest.raises(TableError, match=r"is there twice; ids must be unique \(once what not every tool can read"):
        write_graph(graph.with_columns(id=["a\x01", "a\x02", "b", "c"]), path)
    with pytest.raises(TableError, match=r"have no place for activations: write a folder, \.parquet or \.npz"):
        write_graph(graph, path, activations=pd.DataFrame(np.eye(4), columns=graph.ids))
    assert list(tmp_path.iterdir()) == []
    write_graph(graph, path)
    with pytest.raises(TableError, match=f"holds no activations: {suffix} has no place for them"):
        read_activations(path)


BOMB = """<?xml version="1.0"?><!DOCTYPE g [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<graphml><graph edgedefault="directed"><node id="&b;"/></graph></graphml>"""


@pytest.mark.parametrize("suffix", XML)
def test_xml_that_defines_entities_is_refused(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"bomb{suffix}").write_text(BOMB)
    with pytest.raises(TableError, match=r"bomb.*declares a document type.*could define entities"):
        read_graph(tmp_path / f"bomb{suffix}")


@pytest.mark.parametrize("suffix", XML)
def test_xml_that_was_cut_or_edited_is_refused(tmp_path: Path, suffix: str) -> None:
    path = write_graph(Graph.from_matrices([np.array([[1.5, 2.5]])], names=["in", "out"]), tmp_path / f"out{suffix}")
    text = path.read_text()
    edge = next(line for line in text.splitlines() if line.startswith("<edge "))
    for wrong, message in (
        (text[: len(text) // 2], r"line \d+: .*; it was cut or edited"),
        (text.replace(edge, ""), "has 1 rows, its blocks 2"),
        (text.replace('source="in:0"', 'source="in:7"'), r"unknown vertex 'in:7' \(source of edge 0"),
        (text.replace('<node id="in:1"', '<node id="in:0"'), "vertex id 'in:0' is there twice"),
        (text.replace("1.5", "much"), "was edited .*much"),
        (text.replace('source="in:0"', ""), "line .* an element has no attribute 'source'"),
        ("<gexf/>", "holds no graph"),
    ):
        path.write_text(wrong)
        with pytest.raises(TableError, match=message):
            read_graph(path)


@pytest.mark.parametrize("suffix", XML)
@pytest.mark.parametrize("directed", [True, False])
def test_other_programs_files_are_read_as_plain_graphs(tmp_path: Path, suffix: str, directed: bool) -> None:
    other = nx.DiGraph() if directed else nx.Graph()
    other.add_node("a", label="first", big=True, count=3)
    other.add_node("b", label="second", big=False, count=4, share=0.5)
    other.add_node("c")
    other.add_edge("a", "b", weight=0.25, score=2.0, note="text")
    other.add_edge("b", "c", weight=-3.0)
    (nx.write_gexf if suffix == ".gexf" else nx.write_graphml)(other, tmp_path / f"out{suffix}")
    read = read_graph(tmp_path / f"out{suffix}")
    assert read.ids.tolist() == ["a", "b", "c"]
    assert read.meta["directed"] is directed
    assert read.columns["share"].tolist()[1] == 0.5
    assert read.edges.to_pandas()["weight"].tolist() == [0.25, -3.0]
    assert read.edges.to_pandas()["score"].tolist()[0] == 2.0
    assert read.vertices["label"].tolist()[:2] == ["first", "second"]


def test_defaults_of_xml_attributes_are_filled_in(tmp_path: Path) -> None:
    (tmp_path / "a.graphml").write_text(
        '<graphml><key id="d" for="node" attr.name="size" attr.type="double"><default>2.5</default></key>'
        '<key id="w" for="edge" attr.name="weight" attr.type="double"/><graph edgedefault="directed">'
        '<edge source="a" target="b"/><node id="a"/><node id="b"><data key="d">1</data></node></graph></graphml>'
    )
    read = read_graph(tmp_path / "a.graphml")
    assert read.columns["size"].tolist() == [2.5, 1.0]
    assert read.edges.to_pandas()["weight"].tolist() == [1.0]


# -- one file --------------------------------------------------------------------------------------

OLD, NEW = Graph.from_matrices([np.eye(2)]), Graph.from_matrices([2 * np.eye(3)])


@pytest.mark.parametrize("suffix", SINGLE)
def test_a_file_is_replaced_whole(tmp_path: Path, suffix: str) -> None:
    path = write_graph(OLD, tmp_path / f"deep/er/out{suffix}")
    path.chmod(0o640)
    with pytest.raises(TableError, match="is there already; pass overwrite=True"):
        write_graph(NEW, path, overwrite=False)
    assert read_graph(write_graph(NEW, path)).n == 6
    assert path.stat().st_mode & 0o777 == 0o640
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("suffix", SINGLE)
def test_a_failure_leaves_the_old_file(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_graph(OLD, tmp_path / f"out{suffix}")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for name in ("fsync", "write", "open"):
        monkeypatch.setattr(os, name, full)
        with pytest.raises(TableError, match=r"cannot write .*No space left on device; what was there before is unch"):
            write_graph(NEW, path)
        monkeypatch.undo()
        assert os.listdir(tmp_path) == [path.name]
        assert difference(OLD, read_graph(path)) is None


@pytest.mark.parametrize("suffix", SINGLE)
def test_folders_and_links_in_the_place_of_a_file(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"folder{suffix}").mkdir()
    (tmp_path / f"link{suffix}").symlink_to(tmp_path / f"folder{suffix}")
    for name, what in (("folder", "a folder"), ("link", "a link to a folder")):
        with pytest.raises(TableError, match=f"is {what}; a graph in the format {suffix} is one file"):
            write_graph(NEW, tmp_path / f"{name}{suffix}")
        with pytest.raises(TableError, match="is a folder; a graph in the format"):
            read_graph(tmp_path / f"{name}{suffix}")
    with pytest.raises(TableError, match="no such file"):
        read_graph(tmp_path / f"nowhere{suffix}")
    path = write_graph(OLD, tmp_path / f"real{suffix}")
    (tmp_path / f"to{suffix}").symlink_to(path)
    write_graph(NEW, tmp_path / f"to{suffix}")
    assert (tmp_path / f"to{suffix}").is_symlink()
    assert difference(NEW, read_graph(path)) is None
