"""Text that not every reader can hold: replaced in the file, given back by read_graph."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from graph_strategies import LABELS

from netgraph import read_graph, write_graph
from netgraph.errors import GraphError, TableError
from netgraph.graph.equality import difference
from netgraph.graph.formats import read_activations
from netgraph.graph.formats.text import CSV, TYPED, cleaned
from netgraph.graph.graph import Block, Graph, Layer

FORMATS = ("out", "out.parquet", "out.npz", "out.gexf", "out.graphml")


def odd() -> Graph:
    """Everything that has a name has an odd one."""
    layers = (
        Layer("", "A\x01", "in\x02", (5,), 0, 5),
        Layer("", "L\ud800", "lin\0ear", (5,), 5, 5),
    )
    weight = np.arange(25.0).reshape(5, 5)
    block = Block("A\x01", "L\ud800", "k\x03", weight, {"va\0lue": weight, "line\r\n": -weight}, shared_with="L\ud800")
    return Graph(layers, (block,), {"label": np.array(LABELS, dtype=object), "colu\x7f\0mn": np.arange(10)})


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_back_text_that_no_file_can_hold(tmp_path: Path, name: str) -> None:
    graph = odd()
    assert difference(graph, read_graph(write_graph(graph, tmp_path / name))) is None


@pytest.mark.parametrize("name", FORMATS[:3])
def test_activations_too(tmp_path: Path, name: str) -> None:
    ids = [f"i{n}\0" for n in range(10)]
    graph = odd().with_columns(id=ids)
    table = pd.DataFrame(np.eye(2, 10), columns=ids, index=["one\0", "two\r"])
    at = write_graph(graph, tmp_path / name, activations=table)
    pd.testing.assert_frame_equal(read_activations(at), table)
    assert read_graph(at).columns["id"].tolist() == ids


def test_nothing_is_copied_where_nothing_has_to_be() -> None:
    graph = Graph.from_matrices([np.eye(2)]).with_columns(label=["a", "é😀", "two\nlines", "\t"])
    assert cleaned(graph, CSV).graph is graph
    assert cleaned(graph.with_columns(label=["\r"] * 4), TYPED).replaced == {}


@pytest.mark.parametrize("name", ["out", "out.parquet", "out.gexf"])
def test_names_that_are_then_the_same_are_refused(tmp_path: Path, name: str) -> None:
    graph = Graph.from_matrices([np.eye(1)])
    for wrong, message in (
        (Graph.from_matrices([np.eye(1)], names=["a\0", "a\x01"]), "two layers are both called 'a\ufffd' once what"),
        (graph.with_columns(id=["a\0", "a\x01"]), "vertex id 'a\ufffd' is there twice"),
        (graph.with_columns(**{"a\0": [1, 2], "a\x01": [1, 2]}), "two vertex columns are both called 'a\ufffd'"),
        (
            replace(graph, blocks=(replace(graph.blocks[0], values={"v\0": np.eye(1), "v\x01": np.eye(1)}),)),
            "two values of edges are both called 'v\ufffd'",
        ),
    ):
        with pytest.raises(TableError, match=message):
            write_graph(wrong, tmp_path / name)
        assert not (tmp_path / name).exists()


def test_lists_of_text_keep_their_last_letters() -> None:
    graph = Graph.from_matrices([np.eye(2)]).with_columns(label=["a\0", "b\0\0", None, "\0"], tag=("x\0", "", "z", "w"))
    assert graph.columns["label"].tolist() == ["a\0", "b\0\0", None, "\0"]
    assert graph.columns["tag"].tolist() == ["x\0", "", "z", "w"]


def test_a_table_of_names_with_half_a_character_says_what_to_do() -> None:
    with pytest.raises(GraphError, match=r"layer 'a.*ud800' has half a character .* in its name.* rename the layer"):
        Graph.from_matrices([np.eye(1)], names=["a\ud800", "b"]).ids  # noqa: B018
