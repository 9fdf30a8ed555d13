"""write -> read gives an equal graph; what was tampered with is refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from graph_strategies import ODD, layered_graphs
from hypothesis import HealthCheck, given, settings

from netgraph import read_graph, write_graph
from netgraph.errors import GraphError, NonFiniteError, TableError, UnknownName
from netgraph.graph.equality import difference
from netgraph.graph.formats import read_activations
from netgraph.graph.graph import Block, Graph, Layer


def small(**columns: object) -> Graph:
    graph = Graph.from_matrices(
        [np.array([[0.1, -2.5, 0.0], [1e-7, 3.0, 1e10]], dtype=np.float32), np.array([[1.0, -1.0]])],
        biases=[[1.0, 2.0], None],
        names=["input", "fc1", "fc2"],
    )
    return graph.with_columns(**columns)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(layered_graphs())
def test_a_written_graph_reads_back_equal(tmp_path_factory: pytest.TempPathFactory, graph: Graph) -> None:
    folder = tmp_path_factory.mktemp("graph") / "out"
    write_graph(graph, folder)
    assert difference(graph, read_graph(folder)) is None


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_finite_bit_pattern_survives(tmp_path: Path, dtype: type) -> None:
    width = np.dtype(dtype).itemsize
    bits = np.random.default_rng(0).integers(0, 256, size=(200_000, width), dtype=np.uint8)
    numbers = bits.view(dtype).reshape(-1)
    numbers = numbers[np.isfinite(numbers) & (numbers != 0)]
    numbers = np.concatenate(
        [numbers, [np.finfo(dtype).tiny, np.finfo(dtype).smallest_subnormal, -np.finfo(dtype).max]]
    )
    graph = Graph.from_matrices([numbers.astype(dtype)[None, :]])
    write_graph(graph, tmp_path / "out")
    again = read_graph(tmp_path / "out").blocks[0].weight
    assert again.tobytes() == graph.blocks[0].weight.tobytes()


def test_odd_labels_are_text_in_the_file_and_null_is_not_empty(tmp_path: Path) -> None:
    labels = [None, *ODD[:5]]
    graph = small(label=labels)
    write_graph(graph, tmp_path / "out")
    assert read_graph(tmp_path / "out").columns["label"].tolist() == labels
    kept = pd.read_csv(tmp_path / "out" / "vertices.csv", keep_default_na=False)
    assert kept["label"].tolist() == ["", *ODD[:4], "\n"]  # R makes a line feed of every line break


def test_blocks_of_two_dtypes_share_the_file_without_rounding_twice(tmp_path: Path) -> None:
    layers = (Layer("a", "a", "input", (1,), 0, 1), Layer("b", "b", "linear", (1,), 1, 1))
    narrow, wide = np.array([[0.1]], dtype=np.float32), np.array([[0.1]])
    graph = Graph(layers, (Block("a", "b", "linear", narrow), Block("a", "b", "skip", wide)))
    write_graph(graph, tmp_path / "out")
    assert difference(graph, read_graph(tmp_path / "out")) is None


def test_the_files_say_what_the_graph_says(tmp_path: Path) -> None:
    write_graph(small(module=[0, 0, 0, 1, 1, 1]), tmp_path / "out")
    assert (tmp_path / "out" / "edges.csv").read_text().splitlines() == [
        "source,target,weight,abs_weight,kind",
        "input:0,fc1:0,0.1,0.1,linear",
        "input:1,fc1:0,-2.5,2.5,linear",
        "input:0,fc1:1,1e-7,1e-7,linear",
        "input:1,fc1:1,3.0,3.0,linear",
        "input:2,fc1:1,10000000000.0,10000000000.0,linear",
        "fc1:0,fc2:0,1.0,1.0,linear",
        "fc1:1,fc2:0,-1.0,1.0,linear",
    ]
    header, first, *_ = (tmp_path / "out" / "vertices.csv").read_text().splitlines()
    assert header == "id,label,layer,depth,index,channel,row,col,kind,bias,x,y,module"
    assert first == "input:0,input:0,input,0,0,,,,input,0.0,0.0,7.0,0"
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["files"]["edges.csv"]["rows"] == 7
    for name, entry in manifest["files"].items():
        assert hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == entry["sha256"]
    assert "x" not in read_graph(tmp_path / "out").columns


def test_activations_travel_beside_the_graph(tmp_path: Path) -> None:
    graph = small()
    table = pd.DataFrame(np.arange(12, dtype=np.float32).reshape(2, 6) / 3, columns=graph.ids, index=[5, 7])
    write_graph(graph, tmp_path / "out", activations=table)
    pd.testing.assert_frame_equal(read_activations(tmp_path / "out"), table, check_column_type=False)
    with pytest.raises(UnknownName, match="unknown vertex 'fc9:0' in the activations: did you mean"):
        write_graph(graph, tmp_path / "out", activations=table.rename(columns={"fc2:0": "fc9:0"}))
    write_graph(graph, tmp_path / "out")
    assert not (tmp_path / "out" / "activations.csv").exists()
    with pytest.raises(TableError, match="holds no activations"):
        read_activations(tmp_path / "out")


def test_a_weight_that_is_not_finite_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    graph = Graph.from_matrices([[[1.0, np.nan], [np.inf, 2.0]]], names=["input", "fc1"])
    with pytest.raises(NonFiniteError, match=r"block input -> fc1 \(linear\): 2 of 4 weights into layer 'fc1' are NaN"):
        write_graph(graph, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("names", "message"),
    [(["1", "fc"], "first '1:0'; expected text that starts with a letter"), (["_a", "b"], "first '_a:0'")],
)
def test_ids_that_other_tools_would_misread_are_refused(tmp_path: Path, names: list[str], message: str) -> None:
    with pytest.raises(TableError, match=message):
        write_graph(Graph.from_matrices([[[1.0]]], names=names), tmp_path / "out")


def test_the_id_NA_is_refused(tmp_path: Path) -> None:
    graph = Graph.from_matrices([[[1.0]]]).with_columns(id=["a", "NA"])
    with pytest.raises(TableError, match="1 of 2 vertex ids are not safe in other tools, first 'NA'"):
        write_graph(graph, tmp_path / "out")


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("name", "R's igraph takes it for the ids"),
        ("Type", "Gephi takes it for the direction"),
        ("Module", "there is 'module' already"),
        ("", "a column needs a name"),
    ],
)
def test_columns_that_other_tools_would_misread_are_refused(tmp_path: Path, column: str, message: str) -> None:
    graph = small(module=np.zeros(6)).with_columns(**{column: np.zeros(6)})
    with pytest.raises(TableError, match=message):
        write_graph(graph, tmp_path / "out")


def test_meta_that_no_file_can_hold_is_named(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"meta\['run'\]\['model'\] is a object"):
        write_graph(small().with_meta(run={"model": object()}), tmp_path / "out")


def _change(folder: Path, name: str, old: str, new: str) -> None:
    """Edit a table and make the manifest agree, so that only the content can give it away."""
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1))
    manifest = json.loads((folder / "manifest.json").read_text())
    data = (folder / name).read_bytes()
    manifest["files"][name] |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("edges.csv", "input:0,fc1:0", "input:9,fc1:0", r"cannot be read: could not parse `input:9`"),
        ("edges.csv", "input:0,fc1:0", "input:1,fc1:0", "holds an edge from input to fc1 twice"),
        ("edges.csv", "input:0,fc1:0,0.1", "input:0,fc1:0,0.0", "twice, or one that weighs 0"),
        ("edges.csv", "input:0,fc1:0", "fc1:0,fc1:0", "none of layer 'input'"),
        ("edges.csv", "input:0,fc1:0", ",fc1:0", "1 edges without a source"),
        ("edges.csv", "fc1:1,fc2:0,-1.0,1.0,linear\n", "", "has 6 rows, the manifest says 7"),
        ("vertices.csv", "input:1,", "input:0,", "vertex id 'input:0' more than once"),
    ],
)
def test_tables_that_contradict_themselves_are_refused(
    tmp_path: Path, name: str, old: str, new: str, message: str
) -> None:
    write_graph(small(), tmp_path / "out")
    _change(tmp_path / "out", name, old, new)
    with pytest.raises(TableError, match=message):
        read_graph(tmp_path / "out")


def test_a_changed_byte_a_cut_and_a_lost_file_are_noticed(tmp_path: Path) -> None:
    edges = write_graph(small(), tmp_path / "out") / "edges.csv"
    whole = edges.read_bytes()
    edges.write_bytes(whole.replace(b"-2.5", b"-2.6"))
    with pytest.raises(TableError, match="not the file that was written"):
        read_graph(tmp_path / "out")
    edges.write_bytes(whole[:-20])
    with pytest.raises(TableError, match=r"bytes, expected \d+: it was cut or edited"):
        read_graph(tmp_path / "out")
    edges.unlink()
    with pytest.raises(TableError, match="is missing, though the manifest lists it"):
        read_graph(tmp_path / "out")


def test_other_manifests_are_refused_with_their_reason(tmp_path: Path) -> None:
    manifest = write_graph(small(), tmp_path / "out") / "manifest.json"
    content = json.loads(manifest.read_text())
    for change, message in (
        ({"schema": 99}, r"has schema 99, this netgraph .* reads 1"),
        ({"format": "other"}, "is not a netgraph manifest"),
        ({"layers": [{"name": "a"}]}, "is incomplete or changed"),
    ):
        manifest.write_text(json.dumps(content | change))
        with pytest.raises(TableError, match=message):
            read_graph(tmp_path / "out")
    manifest.write_text("{")
    with pytest.raises(TableError, match="is no JSON"):
        read_graph(tmp_path / "out")
    manifest.unlink()
    (tmp_path / "out" / "edges.csv").unlink()
    with pytest.raises(TableError, match=r"has no manifest.json.*Graph.from_pandas"):
        read_graph(tmp_path / "out")
    with pytest.raises(TableError, match="no such folder"):
        read_graph(tmp_path / "nowhere")


def test_an_unknown_format_names_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"no format for files ending in '.xlsx'.*a folder of CSV tables"):
        write_graph(small(), tmp_path / "out.xlsx")
    write_graph(small(), f"{tmp_path}/v1.5/")
    assert read_graph(tmp_path / "v1.5").n == 6


def test_an_unsorted_block_and_stored_zeros_read_back_equal(tmp_path: Path) -> None:
    weight = sp.csr_array((np.array([3.0, 1.0, 0.0]), np.array([2, 0, 1]), np.array([0, 2, 3])), shape=(2, 3))
    score = sp.csr_array((np.array([30.0, 10.0, 5.0]), weight.indices, weight.indptr), shape=(2, 3))
    layers = (Layer("a", "a", "input", (3,), 0, 3), Layer("b", "b", "linear", (2,), 3, 2))
    graph = Graph(layers, (Block("a", "b", "linear", weight, {"score": score}),))
    write_graph(graph, tmp_path / "out")
    again = read_graph(tmp_path / "out")
    assert difference(graph, again) is None
    assert again.blocks[0].values["score"].toarray().tolist() == [[10.0, 0.0, 30.0], [0.0, 0.0, 0.0]]


def test_graphs_without_edges_or_vertices(tmp_path: Path) -> None:
    for number, graph in enumerate(
        [Graph((), ()), Graph((Layer("a", "a", "input", (0,), 0, 0),), ()), small().select(layers=["fc1"])]
    ):
        write_graph(graph, tmp_path / str(number))
        assert difference(graph, read_graph(tmp_path / str(number))) is None


def test_difference_sees_each_kind_of_change() -> None:
    graph = small()
    block = graph.blocks[0]
    other = {
        "layers": (*graph.layers[:2], Layer("fc2", "fc2", "conv", (1,), 5, 1)),
        "blocks": (Block("input", "fc1", "linear", block.weight * np.float32(1 + 1e-6)), graph.blocks[1]),
        "columns": {"bias": np.zeros(6)},
        "meta": {"seed": 1},
    }
    expected = {"layers": "kind", "blocks": "column weight differs", "columns": "bias", "meta": "meta"}
    for field, value in other.items():
        parts = {"layers": graph.layers, "blocks": graph.blocks, "columns": graph.columns, "meta": graph.meta}
        assert expected[field] in str(difference(graph, Graph(**parts | {field: value})))
    sparse = Block("input", "fc1", "linear", sp.csr_array(block.weight))
    assert "dense and sparse" in str(difference(graph, Graph(graph.layers, (sparse, graph.blocks[1]), graph.columns)))


def test_a_column_the_layers_decide_is_refused() -> None:
    with pytest.raises(GraphError, match="'layer' is what the layers say"):
        small(layer=["x"] * 6)
