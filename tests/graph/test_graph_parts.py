"""Blocks, tables, columns, selection, coarsening, layout, display."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from graph_strategies import layered_graphs
from hypothesis import given, settings
from hypothesis import strategies as st

from netgraph.errors import GraphError, UnknownName
from netgraph.graph import blocks as ops
from netgraph.graph.coarsen import by_layer
from netgraph.graph.equality import difference
from netgraph.graph.graph import Block, Graph, Layer
from netgraph.graph.layout import layout

MATRIX = np.array([[0.5, 0.0, -2.0], [0.0, 3.0, 0.0], [0.0, 0.0, 0.0]], dtype=np.float32)
BOTH = [MATRIX, sp.csr_array(MATRIX)]


def feature_maps() -> Graph:
    layers = (
        Layer("in", "in", "input", (2, 2, 2), 0, 8, grid=(2, 2, 2)),
        Layer("conv", "conv", "conv", (3, 2, 2), 8, 3),
        Layer("fc", "fc", "linear", (2,), 11, 2),
    )
    rng = np.random.default_rng(0)
    first = sp.csr_array(rng.integers(-2, 3, (3, 8)).astype(np.float64))
    flow = sp.csr_array((first.data * 10, first.indices, first.indptr), shape=first.shape)
    blocks = (
        Block("in", "conv", "conv", first, {"attribution": flow}, gate=np.arange(8.0)),
        Block("conv", "fc", "linear", np.array([[1.0, 0.0, 2.0], [-3.0, 0.5, 0.0]])),
    )
    return Graph(layers, blocks, {"activation": np.arange(13.0)}, {"granularity": "unit"})


# -- blocks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operator", BOTH, ids=["dense", "sparse"])
def test_what_a_block_can_do(operator: object) -> None:
    x = np.array([1.0, 2.0, 3.0])
    assert ops.count(operator) == 3
    assert [a.tolist() for a in ops.edge_arrays(operator)] == [[0, 0, 1], [0, 2, 1]]
    assert ops.entries(operator).tolist() == [0.5, -2.0, 3.0]
    assert ops.matvec(operator, x).tolist() == [-5.5, 6.0, 0.0]
    assert ops.rmatvec(operator, x).tolist() == [0.5, 6.0, -2.0]
    assert ops.row_sums(operator).tolist() == [-1.5, 3.0, 0.0]
    assert ops.row_sums(operator, absolute=True).tolist() == [2.5, 3.0, 0.0]
    assert ops.column_sums(operator, absolute=True).tolist() == [0.5, 3.0, 2.0]
    assert ops.column_sums(operator).dtype == np.float64
    assert ops.entries(ops.absolute(operator)).tolist() == [0.5, 2.0, 3.0]


@settings(deadline=None)
@given(st.data(), st.integers(1, 7), st.integers(1, 7), st.integers(1, 9))
def test_tiles_are_the_edges_in_order_whole_rows_each(data: st.DataObject, rows: int, columns: int, size: int) -> None:
    cells = data.draw(st.lists(st.sampled_from([0.0, 1.0, -2.0]), min_size=rows * columns, max_size=rows * columns))
    dense = np.array(cells).reshape(rows, columns)
    for operator in (dense, sp.csr_array(dense)):
        tiles = list(ops.tiles(operator, size))
        target = np.concatenate([tile.target for tile in tiles])
        source = np.concatenate([tile.source for tile in tiles])
        assert (target.tolist(), source.tolist()) == tuple(a.tolist() for a in np.nonzero(dense))
        found = np.concatenate([ops.entries(operator, tile) for tile in tiles])
        assert found.tolist() == dense[dense != 0].tolist()
        seen = [set(tile.target.tolist()) for tile in tiles]
        assert sum(map(len, seen)) == len(set().union(*seen))
        assert all(len(rows) == 1 or len(tile) <= max(size, columns) for rows, tile in zip(seen, tiles, strict=True))


def test_operators_of_other_kinds_are_refused_with_the_mend() -> None:
    with pytest.raises(
        GraphError,
        match=r"in a coo_array: expected numpy.ndarray, scipy.csr_array, netgraph.Convolution; use scipy.sparse.csr",
    ):
        Block("a", "b", "linear", sp.coo_array(MATRIX))
    with pytest.raises(GraphError, match=r"in a list: .* use numpy.asarray"):
        Block("a", "b", "linear", [[1.0]])


def test_values_must_lie_beside_the_weight() -> None:
    sparse = sp.csr_array(MATRIX)
    with pytest.raises(GraphError, match=r"values\['score'\] has another layout than the weight"):
        Block("a", "b", "linear", sparse, {"score": MATRIX})
    with pytest.raises(GraphError, match="with the weight's own indptr and indices"):
        Block("a", "b", "linear", sparse, {"score": sp.csr_array(np.eye(3))})
    with pytest.raises(GraphError, match=r"gate has shape \(2,\), expected one entry per source, \(3,\)"):
        Block("a", "b", "linear", sparse, gate=np.ones(2))
    assert not ops.same_layout(MATRIX, sparse)


# -- tables --------------------------------------------------------------------------------------------


def test_ids_and_places_of_feature_maps_channels_and_units() -> None:
    table = feature_maps().vertices.set_index("id")
    assert list(table.columns) == [
        "label",
        "layer",
        "depth",
        "index",
        "channel",
        "row",
        "col",
        "kind",
        "bias",
        "activation",
    ]
    assert table.loc["in:1,0,1", ["index", "channel", "row", "col", "depth"]].tolist() == [5, 1, 0, 1, 0]
    assert table.loc["conv:2", "channel"] == 2
    assert table.loc["conv:2", ["row", "col"]].isna().all()
    assert table.loc["fc:1", ["channel", "row", "col", "bias"]].isna().all()
    assert str(table["channel"].dtype) == "Int64"


def test_edges_are_streamed_whole_rows_at_a_time_and_equal_the_table() -> None:
    graph = feature_maps()
    pieces = list(graph.iter_edges(4))
    assert len(pieces) > 3
    table = graph.edges.to_pandas()
    pd.testing.assert_frame_equal(pd.concat(pieces), table)
    assert (
        list(table.columns)
        == graph.edges.columns
        == ["source", "target", "weight", "abs_weight", "kind", "attribution"]
    )
    assert len(table) == len(graph.edges)
    assert table["attribution"].isna().tolist() == [kind == "linear" for kind in table["kind"]]


def test_columns_are_aligned_by_id() -> None:
    graph = feature_maps()
    shuffled = pd.Series(np.arange(13), index=graph.ids).sample(frac=1, random_state=0)
    assert graph.with_columns(rank=shuffled).columns["rank"].tolist() == list(range(13))
    modules = pd.Series([None, *range(12)], index=graph.ids, dtype="Int64")
    assert np.isnan(graph.with_columns(m=modules).columns["m"][0])
    names = graph.with_columns(who=pd.Series(["x", None] * 6 + ["y"], index=graph.ids)).columns["who"]
    assert names.tolist()[:2] == ["x", None]


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        (np.zeros(12), GraphError, r"has shape \(12,\), expected \(13,\)"),
        (
            pd.Series(np.zeros(13)),
            GraphError,
            "no value for 13 of 13 vertices, first 'in:0,0,0'; index the Series by vertex id",
        ),
        ([object()] * 13, GraphError, "holds object values; expected numbers, truths or text"),
        ([*["a", None] * 6, 1], GraphError, "holds NoneType, int, str values"),
    ],
)
def test_columns_that_do_not_fit(values: object, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        feature_maps().with_columns(new=values)


def test_a_column_with_a_stranger_names_the_nearest_vertex() -> None:
    graph = feature_maps()
    values = pd.Series(np.zeros(14), index=[*graph.ids, "fc:7"])
    with pytest.raises(UnknownName, match="unknown vertex 'fc:7' in vertex column 'new': did you mean 'fc:"):
        graph.with_columns(new=values)
    with pytest.raises(GraphError, match="'fc:1' is there twice"):
        graph.with_columns(new=pd.Series(np.zeros(14), index=[*graph.ids, "fc:1"]))


# -- selection and coarsening --------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(layered_graphs(), st.data())
def test_chosen_vertices_keep_ids_places_columns_and_the_edges_between_them(graph: Graph, data: st.DataObject) -> None:
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=graph.n, max_size=graph.n)), dtype=bool)
    smaller = graph.select(vertices=keep)
    expected = graph.vertices[keep].reset_index(drop=True).drop(columns="depth")
    pd.testing.assert_frame_equal(smaller.vertices.drop(columns="depth"), expected, check_dtype=False)
    np.testing.assert_array_equal(smaller.to_scipy().toarray(), graph.to_scipy().toarray()[keep][:, keep])
    by_id = graph.select(vertices=graph.ids[keep].tolist())
    assert difference(by_id, smaller) is None
    again = smaller.select(vertices=np.ones(smaller.n, dtype=bool))
    assert difference(again, smaller) is None


def test_chosen_edges_keep_their_vertices_only() -> None:
    graph = feature_maps()
    first = np.zeros((3, 8), dtype=bool)
    target, source = (int(a[0]) for a in ops.edge_arrays(graph.blocks[0].weight))
    first[target, source] = True
    second = np.zeros((2, 3), dtype=bool)
    second[1, 1] = True
    smaller = graph.select(edges=[first, second])
    assert smaller.ids.tolist() == [graph.ids[source], *{f"conv:{target}": 0, "conv:1": 0}, "fc:1"]
    assert len(smaller.edges) == 2
    stored = first[np.repeat(np.arange(3), np.diff(graph.blocks[0].weight.indptr)), graph.blocks[0].weight.indices]
    assert difference(graph.select(edges=[stored, second]), smaller) is None
    assert difference(graph.select(edges=[sp.csr_array(first), second]), smaller) is None
    kept = graph.select(edges=[first, second], vertices=np.ones(13, dtype=bool))
    assert (kept.n, len(kept.edges)) == (13, 2)
    assert ops.entries(kept.blocks[0].values["attribution"]) == 10 * ops.entries(kept.blocks[0].weight)


def test_chosen_layers_and_what_cannot_be_chosen() -> None:
    graph = feature_maps()
    smaller = graph.select(layers=["conv", "fc"])
    assert [layer.start for layer in smaller.layers] == [0, 3]
    assert smaller.ids.tolist() == graph.ids[8:].tolist()
    assert [block.target for block in smaller.blocks] == ["fc"]
    for arguments, error, message in (
        ({"layers": ["cnov"]}, UnknownName, "unknown layer 'cnov': did you mean 'conv'"),
        ({"vertices": ["fc:9"]}, UnknownName, "unknown vertex 'fc:9': did you mean 'fc:"),
        ({"vertices": np.ones(3, dtype=bool)}, GraphError, r"mask of vertices has shape \(3,\), expected \(13,\)"),
        ({"edges": [None]}, GraphError, "1 edge masks for 2 blocks"),
        (
            {"edges": [None, np.ones((3, 2), dtype=bool)]},
            GraphError,
            r"block conv -> fc has shape \(3, 2\), expected \(2, 3\)",
        ),
    ):
        with pytest.raises(error, match=message):
            graph.select(**arguments)  # type: ignore[arg-type]


def test_one_vertex_per_layer() -> None:
    graph = feature_maps()
    coarse = by_layer(graph)
    assert coarse.ids.tolist() == ["in:0", "conv:0", "fc:0"]
    first, second = coarse.blocks
    assert first.weight[0, 0] == np.abs(graph.blocks[0].weight.toarray()).sum()
    assert first.values["attribution"][0, 0] == graph.blocks[0].values["attribution"].sum()
    assert second.weight[0, 0] == 6.5
    assert coarse.columns["size"].tolist() == [8, 3, 2]
    assert coarse.columns["activation"].tolist() == [3.5, 9.0, 11.5]
    assert coarse.depth == graph.depth
    assert coarse.meta["granularity"] == "layer"


# -- layout and display --------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(layered_graphs())
def test_no_two_vertices_share_a_place(graph: Graph) -> None:
    x, y = layout(graph)
    assert np.isfinite(x).all()
    assert np.isfinite(y).all()
    assert len({*zip(x.tolist(), y.tolist(), strict=True)}) == graph.n
    again = layout(graph)
    assert (again[0].tolist(), again[1].tolist()) == (x.tolist(), y.tolist())


def test_layers_of_very_different_sizes_are_balanced_in_columns_by_depth() -> None:
    shapes = ((3000, 1), (10, 3000), (64 * 64 * 3, 10))
    weights = [sp.csr_array(shape, dtype=np.float32) for shape in shapes]
    graph = Graph.from_matrices(weights)
    x, y = layout(graph)
    spans = [(x[layer.vertices].min(), x[layer.vertices].max()) for layer in graph.layers]
    assert all(before[1] < after[0] for before, after in itertools.pairwise(spans))
    assert all(np.abs(y) <= 50)
    large = graph.layers[3].vertices
    assert np.ptp(y[large]) > 90
    assert np.ptp(x[large]) < 60
    places = np.stack([x, y], axis=1)
    assert len(np.unique(places, axis=0)) == graph.n


def test_an_image_is_drawn_as_an_image_its_first_row_on_top() -> None:
    layer = Layer("in", "in", "input", (1, 3, 4), 0, 12, grid=(1, 3, 4))
    x, y = layout(Graph((layer,), ()))
    assert (np.diff(x.reshape(3, 4), axis=1) > 0).all()
    assert (np.diff(y.reshape(3, 4), axis=0) < 0).all()
    assert len(set(x.tolist())) == 4


def test_repr_is_a_table_of_contents() -> None:
    text = repr(feature_maps())
    assert text.startswith("Graph: 13 vertices, ")
    for part in (
        "in    input   8 (2 x 2 x 2)",
        "blocks: 2 (conv 1, linear 1)",
        "activation",
        "attribution",
        "granularity='unit'",
    ):
        assert part in text
    many = Graph(tuple(Layer("", f"l{i}", "linear", (1,), i, 1) for i in range(40)), ())
    assert len(repr(many).splitlines()) < 25
    assert "l39" in repr(many)


def test_the_picture_is_escaped_svg_without_script() -> None:
    evil = '<script>alert("x")</script>'
    graph = Graph.from_matrices([[[1.0]]], names=["Lin", evil]).with_meta(note=evil)
    html = graph._repr_html_()
    assert "<script" not in html
    svg = re.search(r"<svg.*</svg>", html, re.DOTALL)
    assert svg is not None
    drawn = ET.fromstring(svg.group())
    tags = [element.tag.rsplit("}")[-1] for element in drawn.iter()]
    assert (tags.count("rect"), tags.count("path"), "script" in tags) == (2, 1, False)
    assert Graph((), ())._repr_html_().startswith("<div>")
