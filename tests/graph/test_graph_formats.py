"""The same graph through every format, and what each of them refuses."""

from __future__ import annotations

import json
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import network_zoo
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

SINGLE = [".npz"]
"""Formats that are one file."""
EXACT = ["", ".npz"]
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
