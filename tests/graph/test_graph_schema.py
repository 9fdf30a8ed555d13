"""Files that earlier versions wrote open for ever, and give the graph that they held."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import netgraph as ng
from netgraph.graph.convolution import Convolution
from netgraph.graph.equality import difference
from netgraph.graph.formats import read_activations
from netgraph.graph.graph import SCHEMA
from netgraph.graph.sliding import Geometry, Sliding

KEPT = Path(__file__).parent
WITH_ALL = ("csv", "graph.npz", "graph.parquet")
"""Formats that hold the whole graph: names below schema-1/."""
WITHOUT_GATES = ("graph.gexf", "graph.graphml")
"""Formats that hold all but gates and constants."""
IMPLICIT = "implicit.npz"


def graph_of_schema_1() -> ng.Graph:
    """Ids with commas, a sparse block and a dense one, a skip, both widths of floats, gates, values, columns, meta."""
    layers = (
        ng.Layer("", "input", "input", (1, 2, 2), 0, 4, grid=(1, 2, 2)),
        ng.Layer("conv", "conv", "conv", (2, 1, 1), 4, 2, "relu"),
        ng.Layer("0", "linear_0", "linear", (3,), 6, 3),
    )
    taps = np.array([[0.1, 0.0, -2.5e-12, 3.0], [0.0, 1e20, -0.0, 0.30000001]], dtype=np.float32)
    last = np.array([[0.1, -0.2], [1 / 3, 0.0], [-1e-300, 7.0]])
    skip = sp.csr_array(np.array([[1.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, 1.0, 0]], dtype=np.float32))
    blocks = (
        ng.Block("input", "conv", "conv", taps, {"attribution": taps * 2}),
        ng.Block("input", "linear_0", "skip", skip),
        ng.Block(
            "conv", "linear_0", "linear", last, {}, np.array([0.5, 1.0], dtype=np.float32), np.array([0.1, 0.0]), "conv"
        ),
    )
    columns = {
        "label": np.array(["a, b", 'say "x"', "", "NA", None, "ünï", "7", "h", "i"], dtype=object),
        "bias": np.linspace(-1, 1, 9, dtype=np.float32),
        "module": np.arange(9) % 3,
        "dead": np.arange(9) % 2 == 0,
        "pagerank": np.where(np.arange(9) == 4, np.nan, 1 / 7),
    }
    meta = {"granularity": "unit", "seed": 3, "errors": {"forward": 1e-16, "weight": float("nan")}, "shape": (1, 2, 2)}
    return ng.Graph(layers, blocks, columns, meta)


def convolution_of_schema_1() -> ng.Graph:
    """Units of a convolution, 2 channels of 3 × 3 to 1 of 2 × 2, whose block is its kernel."""
    layers = (
        ng.Layer("", "input", "input", (2, 3, 3), 0, 18, grid=(2, 3, 3)),
        ng.Layer("conv", "conv", "conv", (1, 2, 2), 18, 4, grid=(1, 2, 2)),
    )
    geometry = Geometry((1, 1), (0, 0), (1, 1), False, (0, 0), 1)
    pattern = Sliding(geometry, (1, 2, 2, 2), (2, 3, 3), (1, 2, 2), np.arange(2), np.arange(1), (4, 18))
    kernel = (np.arange(8, dtype=np.float32).reshape(1, 2, 2, 2) - 3) / 7
    return ng.Graph(layers, (ng.Block("input", "conv", "conv", Convolution(pattern, kernel)),))


def activations_of_schema_1(graph: ng.Graph) -> pd.DataFrame:
    values = np.arange(18, dtype=np.float32).reshape(2, 9) / 7
    return pd.DataFrame(values, columns=graph.ids, index=pd.Index([3, 5], name="image"))


@pytest.mark.parametrize("name", WITH_ALL)
def test_files_of_schema_1_open_for_ever(name: str) -> None:
    graph = graph_of_schema_1()
    at = KEPT / "schema-1" / name
    assert difference(graph, ng.read_graph(at)) is None
    pd.testing.assert_frame_equal(read_activations(at), activations_of_schema_1(graph))


@pytest.mark.parametrize("name", WITHOUT_GATES)
def test_single_files_of_schema_1_open_for_ever(name: str) -> None:
    graph = graph_of_schema_1()
    bare = tuple(replace(block, gate=None, constant=None) for block in graph.blocks)
    expected = ng.Graph(graph.layers, bare, graph.columns, graph.meta)
    assert difference(expected, ng.read_graph(KEPT / "schema-1" / name)) is None


def test_an_implicit_block_of_schema_1_is_one_still() -> None:
    graph, again = convolution_of_schema_1(), ng.read_graph(KEPT / "schema-1" / IMPLICIT)
    assert difference(graph, again) is None
    assert again.blocks[0].weight.pattern == graph.blocks[0].weight.pattern
    assert len(again.edges) == 4 * 7  # each output reads 8 places; the tap that is 0 is no edge
    edges = again.edges.to_pandas()
    first = edges[(edges["source"] == "input:0,0,0") & (edges["target"] == "conv:0,0,0")]
    assert first["weight"].tolist() == [np.float32(-3) / np.float32(7)]


def test_a_new_schema_keeps_files_of_its_own() -> None:
    """Whoever raises SCHEMA adds a folder of files that this version writes, and leaves the old ones as they are."""
    kept = {int(folder.name.removeprefix("schema-")) for folder in KEPT.glob("schema-*")}
    assert kept == set(range(1, SCHEMA + 1))
    assert {entry.name for entry in (KEPT / "schema-1").iterdir()} == {
        *WITH_ALL,
        *WITHOUT_GATES,
        IMPLICIT,
        ".gitattributes",
    }
