"""What other people's tables and tools do to a graph: names, types and places that mean something else."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from netgraph import read_graph, write_graph
from netgraph.errors import GraphError, TableError
from netgraph.graph.equality import difference
from netgraph.graph.formats import read_activations
from netgraph.graph.graph import MADE_BY_THE_EDGES, Block, Graph, Layer

GRAPH = Graph.from_matrices([np.array([[1.0, -2.0, 0.0], [3.0, 4.0, 5.0]])])
EDGES = pd.DataFrame({"source": ["a", "b"], "target": ["b", "c"]})


def ragged() -> np.ndarray:  # type: ignore[type-arg]
    made = np.empty(5, dtype=object)
    made[:] = [np.zeros(2)] * 5
    return made


# -- columns ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("row", list("abcde"), "'row' says where a vertex stands"),
        ("channel", [np.nan, 1, 2, 3, 4], "'channel' says where a vertex stands"),
        ("index", [0.5, 1, 2, 3, 4], "'index' says where a vertex stands"),
        ("col", [-5, 0, 1, 2, 3], "'col' says where a vertex stands"),
        ("id", [1, 2, 3, 4, 5], "'id' holds what is no text"),
        ("id", [None, "b", "c", "d", "e"], "'id' holds what is no text"),
        ("id", ["a", "a", "b", "c", "d"], "vertex id 'a' is there twice"),
        ("x", [[1], [1, 2], [1], [1], [1]], "'x' holds lists"),
        ("x", ragged(), "'x' holds ndarray values"),
    ],
)
def test_columns_that_would_lose_something_are_refused(name: str, values: object, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        GRAPH.with_columns(**{name: values})


def test_ids_given_with_the_graph_are_checked_too() -> None:
    with pytest.raises(GraphError, match="'a' is there twice"):  # networkx would merge the two
        Graph(GRAPH.layers, GRAPH.blocks, {"id": np.array(list("aabcd"), dtype=object)})


@pytest.mark.parametrize("name", MADE_BY_THE_EDGES)
def test_values_with_the_name_of_an_edge_column_are_refused(name: str) -> None:
    with pytest.raises(GraphError, match=f"values cannot have the name '{name}'"):
        Block("a", "b", "linear", np.eye(2), {name: np.eye(2)})


@pytest.mark.parametrize("name", ['a"b', '""', "a\nb", "a,b", "ünï", "u_of_edge"])
def test_odd_names_of_columns_and_values_survive(tmp_path: Path, name: str) -> None:
    block = Block("layer_0", "layer_1", "linear", GRAPH.blocks[0].weight, {name: np.full((2, 3), 7.0)})
    graph = Graph(GRAPH.layers, (block,), {name: np.arange(5)})
    assert difference(graph, read_graph(write_graph(graph, tmp_path / "out"))) is None
    assert [data[name] for _, _, data in graph.to_networkx().edges(data=True)] == [7.0] * 5


def test_meta_of_any_name_goes_to_networkx() -> None:
    meta = {"self": 1, "incoming_graph_data": 2}
    assert Graph(GRAPH.layers, GRAPH.blocks, meta=meta).to_networkx().graph == meta


# -- ids and activations ---------------------------------------------------------------------------


@pytest.mark.parametrize("identifier", ["a ", "a\n", "a\\", "a\u00a0"])
def test_ids_whose_end_a_reader_takes_off_are_refused(tmp_path: Path, identifier: str) -> None:
    with pytest.raises(TableError, match=r"are not safe .* first 'a.* ends in no space or backslash"):
        write_graph(GRAPH.with_columns(id=[identifier, "b", "c", "d", "e"]), tmp_path / "out")
    assert write_graph(GRAPH.with_columns(id=["a", "two\nlines", "a b", "d", "é"]), tmp_path / "out").is_dir()


@pytest.mark.parametrize("identifier", ["T", "F", "TRUE", "true", "False", "Inf", "infinity"])
def test_ids_that_a_reader_takes_for_values_are_refused(tmp_path: Path, identifier: str) -> None:
    with pytest.raises(TableError, match=f"first '{identifier}'"):
        write_graph(GRAPH.with_columns(id=[identifier, "b", "c", "d", "e"]), tmp_path / "out")
    made = Graph.from_pandas(None, EDGES.replace("a", identifier))
    assert made.ids.tolist() == [f"v{identifier}", "vb", "vc"]
    assert made.columns["label"].tolist() == [identifier, "b", "c"]


def test_activations_of_odd_tables(tmp_path: Path) -> None:
    graph = Graph.from_matrices([np.eye(1)], names=['a"b', "c,d"])
    table = pd.DataFrame([[1.0, 2.0], [3.0, 4.0]], columns=graph.ids, index=pd.Index([True, False], name=("p", 1)))
    again = read_activations(write_graph(graph, tmp_path / "out", activations=table))
    assert again.columns.tolist() == ['a"b:0', "c,d:0"]
    assert (again.index.tolist(), again.index.name) == (["True", "False"], "('p', 1)")
    assert again.to_numpy().tolist() == table.to_numpy().tolist()


def test_activations_that_cannot_be_written(tmp_path: Path) -> None:
    named = GRAPH.with_columns(id=["input", "b", "c", "d", "e"])
    with pytest.raises(TableError, match="no vertex can have that id"):
        write_graph(named, tmp_path / "out", activations=pd.DataFrame(np.ones((2, 5)), columns=named.ids))
    with pytest.raises(TableError, match="are a ndarray; expected a pandas DataFrame"):
        write_graph(GRAPH, tmp_path / "out", activations=np.ones((2, 5)))  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_a_changed_number_in_the_manifest_is_explained(tmp_path: Path) -> None:
    at = write_graph(GRAPH.with_meta(loss=float("nan")), tmp_path / "out") / "manifest.json"
    at.write_text(at.read_text().replace('"nan"', '"much"'))
    with pytest.raises(TableError, match="was changed"):
        read_graph(tmp_path / "out")


# -- numbers ---------------------------------------------------------------------------------------


def test_small_integers_do_not_overflow() -> None:
    layers = (Layer("a", "a", "input", (1,), 0, 1), Layer("b", "b", "linear", (1,), 1, 1))
    block = Block("a", "b", "linear", np.array([[-128]], dtype=np.int8))
    graph = Graph(layers, (block, block))
    assert graph.to_scipy().sum() == -256
    assert graph.to_scipy("abs_weight").sum() == 256
    assert graph.edges.to_pandas()["abs_weight"].tolist() == [128, 128]


@pytest.mark.parametrize("dtype", [complex, object])
def test_weights_that_are_no_real_numbers_are_refused(dtype: type) -> None:
    with pytest.raises(GraphError, match="expected real numbers"):
        Block("a", "b", "linear", np.eye(2).astype(dtype))


@pytest.mark.parametrize("size", [-2, 2.5])
def test_a_layer_has_a_whole_number_of_vertices(size: float) -> None:
    with pytest.raises(GraphError, match=r"size is .*, expected a whole number from 0 up"):
        Layer("a", "a", "linear", (2,), 0, size)  # type: ignore[arg-type]


# -- choosing --------------------------------------------------------------------------------------


def test_choices_in_the_forms_that_others_give_them() -> None:
    keep = np.array([[True, False, True], [False, True, True]])
    assert GRAPH.select(edges=[sp.csr_array(keep)]).edges.to_pandas()["weight"].tolist() == [1.0, 4.0, 5.0]
    truths = pd.Series([True, False, True, True, True], dtype="boolean")
    assert GRAPH.select(vertices=truths).n == 4
    assert GRAPH.select(vertices="layer_1:0", layers="layer_1").ids.tolist() == ["layer_1:0"]
    with pytest.raises(GraphError, match=r"vertices have shape \(2, 1\)"):
        GRAPH.select(vertices=[["layer_0:0"], ["layer_1:0"]])  # type: ignore[list-item]


# -- imports ---------------------------------------------------------------------------------------


def test_columns_that_the_layers_contradict_keep_their_content() -> None:
    vertices = pd.DataFrame(
        {"id": list("abc"), "kind": ["p", "q", "r"], "depth": [5, 6, 7], "row": [0.5, 1.5, 2], "index": list("xyz")}
    )
    made = Graph.from_pandas(vertices.assign(layer=["l", "l", "m"]), EDGES.assign(source=["a", "b"], target=["c", "c"]))
    assert made.columns["kind_given"].tolist() == ["p", "q", "r"]
    assert made.columns["depth_given"].tolist() == [5, 6, 7]
    assert made.columns["row_given"].tolist() == [0.5, 1.5, 2.0]
    assert made.columns["index_given"].tolist() == ["x", "y", "z"]


def test_an_edge_without_a_kind_gets_no_other_edges_kind() -> None:
    made = Graph.from_pandas(None, EDGES.assign(kind=[None, "skip"]))
    assert [block.kind for block in made.blocks] == ["edge", "skip"]
    graph = nx.DiGraph()
    graph.add_edge("a", "b", kind=None)
    assert Graph.from_networkx(graph).blocks[0].kind == "edge"


def test_columns_of_one_name_and_complex_weights_are_refused() -> None:
    vertices = pd.DataFrame({"id": list("abc"), 3: [1, 2, 3], "3": [4, 5, 6]})
    with pytest.raises(GraphError, match="the vertex table has two columns '3'"):
        Graph.from_pandas(vertices, EDGES)
    with pytest.raises(GraphError, match="the edge table has two columns 'source'"):
        Graph.from_pandas(None, pd.concat([EDGES, EDGES], axis=1))
    with pytest.raises(GraphError, match="complex numbers"):
        Graph.from_pandas(None, EDGES.assign(weight=[1j, 2]))
