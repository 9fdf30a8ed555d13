"""What the columns are called, and pairs of tables that somebody else wrote."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from graph_strategies import layered_graphs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netgraph import check_tables, read_graph, write_graph
from netgraph.errors import NetgraphWarning, TableError, UnknownName
from netgraph.graph.equality import difference
from netgraph.graph.formats.profiles import PROFILES, QUANTITIES
from netgraph.graph.graph import Block, Graph, Layer


def small() -> Graph:
    weights = np.array([[0.5, -2.0, 0.0], [1e-7, 3.0, 4.0]], dtype=np.float32)
    graph = Graph.from_matrices([weights], biases=[[0.25, 0.5]], names=["in", "out"])
    return graph.with_columns(module=[0, 0, 1, 1, 1])


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


@pytest.mark.filterwarnings("ignore:.*Gephi will take")
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(graph=layered_graphs(), profile=st.sampled_from(sorted(PROFILES)))
def test_a_profile_loses_nothing(tmp_path_factory: pytest.TempPathFactory, graph: Graph, profile: str) -> None:
    at = write_graph(graph, tmp_path_factory.mktemp("graph") / "out", profile=profile)
    assert difference(graph, read_graph(at)) is None


def test_the_tables_of_gephi(tmp_path: Path) -> None:
    at = write_graph(small(), tmp_path / "out", profile="gephi")
    assert lines(at / "edges.csv") == [
        "source,target,weight,signed_weight,sign,kind",
        "in:0,out:0,0.5,0.5,1,linear",
        "in:1,out:0,2.0,-2.0,-1,linear",
        "in:0,out:1,1e-7,1e-7,1,linear",
        "in:1,out:1,3.0,3.0,1,linear",
        "in:2,out:1,4.0,4.0,1,linear",
    ]
    assert lines(at / "vertices.csv")[0].startswith("id,label,layer,")


def thirty(**columns: object) -> Graph:
    """Thirty units, then one channel of 2 x 2: what only the last layer has begins behind Gephi's 25 rows."""
    layers = (Layer("a", "a", "input", (30,), 0, 30), Layer("b", "b", "linear", (1, 2, 2), 30, 4, grid=(1, 2, 2)))
    last = Layer("c", "c", "conv", (1,), 34, 1)
    wide, one = np.ones((4, 30)), -np.ones((1, 4))
    values = {"tap_sum": 2 * one, "score": 3 * one}
    blocks = (Block("a", "b", "linear", wide), Block("b", "c", "conv", one, values))
    return Graph((*layers, last), blocks, {name: np.asarray(values) for name, values in columns.items()})


def test_gephi_can_rank_by_all_columns_that_are_written_for_it(tmp_path: Path) -> None:
    late, gaps = np.where(np.arange(35) < 25, np.nan, 0.5), np.where(np.arange(35) % 2, np.nan, 0.5)
    graph = thirty(closeness=gaps, late=late)
    with pytest.warns(NetgraphWarning) as said:
        at = write_graph(graph, tmp_path / "gephi", profile="gephi")
    assert [str(warning.message).split(" for text", 1)[0] for warning in said] == [
        "vertices.csv: Gephi will take 'late'",
        "edges.csv: Gephi will take 'score'",
    ]
    assert "choose the type Double in its import dialog, or write a .gexf file" in str(said[0].message)
    vertices, edges = pd.read_csv(at / "vertices.csv", dtype=str, keep_default_na=False), lines(at / "edges.csv")
    assert vertices.columns.drop(["x", "y"]).tolist() == [
        *("id", "label", "layer", "depth", "index", "kind", "bias"),  # channel, row, col begin late: the ids say them
        *("closeness", "late"),
    ]
    assert vertices["closeness"].tolist() == ["0.5", ""] * 17 + ["0.5"]  # not NaN, the largest number of all
    assert edges[0].endswith("sign,kind,tap_sum,score")
    assert edges[1] == "a:0,b:0,0,0,1.0,1.0,1,linear,1.0,".replace("b:0,0,0", '"b:0,0,0"')  # one tap is its own sum
    assert edges[-1] == '"b:0,1,1",c:0,1.0,-1.0,-1,conv,-2.0,-3.0'
    found = {(finding.trap, finding.column) for finding in check_tables(at).findings}
    assert found == {("gephi-column-type", "late"), ("gephi-column-type", "score")}
    assert difference(graph, read_graph(at)) is None
    assert "channel,row,col" in lines(write_graph(graph, tmp_path / "out") / "vertices.csv")[0]


def test_gephi_is_told_of_nothing_where_all_begins_early(tmp_path: Path) -> None:
    few = thirty().select(vertices=np.arange(35) > 25)
    at = write_graph(few, tmp_path / "out", profile="gephi")
    assert "channel,row,col" in lines(at / "vertices.csv")[0]
    assert check_tables(at).findings == ()
    write_graph(thirty(), tmp_path / "some", profile="gephi", layers=["b", "c"])


def test_the_tables_of_the_starter_profile(tmp_path: Path) -> None:
    at = write_graph(small(), tmp_path / "out", profile="starter")
    assert lines(at / "edges.csv")[:3] == ["from_id,to_id,weight", "in:0,out:0,0.5", "in:1,out:0,-2.0"]
    assert lines(at / "vertices.csv")[:2] == ["id,label,layer,bias,module", "in:0,in:0,in,0.0,0"]
    graph = nx.from_pandas_edgelist(pd.read_csv(at / "edges.csv"), "from_id", "to_id", "weight", nx.DiGraph)
    assert graph["in:1"]["out:0"]["weight"] == -2.0


def test_a_profile_is_a_row_of_the_table(tmp_path: Path) -> None:
    for profile in PROFILES.values():
        assert set(profile.edges.values()) <= set(QUANTITIES)
        assert {"source", "target", "weight"} <= set(profile.edges.values())
        assert "weight" in profile.edges
    with pytest.raises(UnknownName, match=r"unknown profile 'gefi': did you mean 'gephi'\?"):
        write_graph(small(), tmp_path / "out", profile="gefi")


def test_values_that_would_hide_a_column_of_the_profile_are_refused(tmp_path: Path) -> None:
    graph = small()
    block = Block("in", "out", "linear", graph.blocks[0].weight, {"sign": graph.blocks[0].weight})
    named = Graph(graph.layers, (block,), graph.columns)
    assert difference(named, read_graph(write_graph(named, tmp_path / "a"))) is None
    with pytest.raises(TableError, match=r"edges.csv cannot have a column 'sign': there is 'sign' already"):
        write_graph(named, tmp_path / "out", profile="gephi")


# -- plain pairs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", PROFILES)
def test_an_export_without_its_manifest_is_a_plain_pair(tmp_path: Path, profile: str) -> None:
    graph = small()
    at = write_graph(graph, tmp_path / "out", profile=profile)
    (at / "manifest.json").unlink()
    read = read_graph(at)
    assert read.ids.tolist() == graph.ids.tolist()
    assert [layer.name for layer in read.layers] == ["in", "out"]
    assert np.array_equal(read.to_scipy().toarray().astype(np.float32), graph.to_scipy().toarray())
    assert [name for name in read.columns if name not in ("x", "y")] == ["bias", "module"]
    assert read.columns["module"].tolist() == [0, 0, 1, 1, 1]


def pair(folder: Path, vertices: str, edges: str, names: tuple[str, str] = ("vertices.csv", "edges.csv")) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / names[0]).write_text(vertices)
    (folder / names[1]).write_text(edges)
    return folder


NODES = "id,name,size\na,first,1\nb,second,\nc,third,2.5\n"
LINKS = "from_id,to_id,weight\na,b,0.5\nb,c,-2\n"


@pytest.mark.parametrize(
    "names", [("vertices.csv", "edges.csv"), ("nodes.csv", "edges.csv"), ("nodes.csv", "links.csv")]
)
def test_a_pair_of_anybodys_is_read(tmp_path: Path, names: tuple[str, str]) -> None:
    read = read_graph(pair(tmp_path / "in", NODES, LINKS, names))
    assert read.ids.tolist() == ["a", "b", "c"]
    assert [block.weight.tolist() for block in read.blocks] == [[[0.5]], [[-2.0]]]
    assert read.columns["name"].tolist() == ["first", "second", "third"]
    assert np.array_equal(read.columns["size"], [1.0, np.nan, 2.5], equal_nan=True)


@pytest.mark.parametrize(
    "edges",
    [
        "source,target\na,b\nb,c\n",
        "Source;Target;Weight;Type\na;b;1;x\nb;c;1.0;y\n",
        "\ufefffrom,to,note\r\na,b,hello\r\n\r\nb,c,\r\n",
        'from_id\tto_id\n"a"\tb\nb\tc',
    ],
)
def test_pairs_in_the_forms_that_others_give_them(tmp_path: Path, edges: str) -> None:
    read = read_graph(pair(tmp_path / "in", NODES, edges))
    assert read.edges.to_pandas()[["source", "target", "weight"]].to_numpy().tolist() == [
        ["a", "b", 1.0],
        ["b", "c", 1.0],
    ]


def test_numbers_and_missing_words_in_plain_columns(tmp_path: Path) -> None:
    vertices = "id,label,count,part,code\n1,007,1,NA,x\n2,1e5,2,0.5,3\n"
    read = read_graph(pair(tmp_path / "in", vertices, "source,target,score\n1,2,7\n"))
    assert read.ids.tolist() == ["v1", "v2"]  # ids stay text, and get a letter
    assert read.columns["label"].tolist() == ["007", "1e5"]
    assert read.columns["count"].dtype == np.int64
    assert np.array_equal(read.columns["part"], [np.nan, 0.5], equal_nan=True)
    assert read.columns["code"].tolist() == ["x", "3"]
    assert read.edges.to_pandas()["score"].tolist() == [7.0]


@pytest.mark.parametrize(
    ("vertices", "edges", "message"),
    [
        ("id\na\nb\na\nc\n", LINKS, r"vertices.csv: id 'a' is there 2 times \(rows 2, 4 have it\); ids must be unique"),
        ("id,x\na,1\n,2\nb,1\n", LINKS, "vertices.csv: row 3 has no 'id'"),
        ("id,x\na,1\nb\nc,3,4\nd\n", LINKS, r"vertices.csv: rows 3, 5 have fewer fields than the header \(2 fields\)"),
        (NODES, LINKS + "a,c\n", r"edges.csv: row 4 has fewer fields than the header"),
        (NODES, LINKS + "a,c,1,1\n", r"edges.csv: row 4 has more fields than the header"),
        (NODES, LINKS + 'a,c,"1\n', r"edges.csv: row 4 has a quote that never closes"),
        (
            NODES,
            LINKS + "a,cc,1\n",
            r"edges.csv: row 4 has a 'to_id' that is not in vertices.csv, first 'cc': did you mean 'c'",
        ),
        (NODES, LINKS + "zz,c,1\n" * 7, r"edges.csv: rows 4, 5, 6, 7, 8 and 2 more have a 'from_id' that is not in"),
        (NODES, LINKS + "a,c,\n", r"edges.csv: row 4 has a 'weight' that is no finite number, first ''"),
        (
            NODES,
            LINKS + 'a,c,"0,5"\n',
            r"row 4 has a 'weight' that is no finite number, first '0,5'; expected numbers with",
        ),
        (NODES, LINKS + "a,c,inf\n", "row 4 has a 'weight' that is no finite number, first 'inf'"),
        (NODES, LINKS + "a,a,1\n", "edges.csv: row 4 has one vertex at both ends; a layered graph"),
        (NODES, LINKS + "c,a,1\n", "holds no layered graph: the edges run in a circle: b -> c -> a -> b"),
        ("id,x,x\na,1,2\n", LINKS, "vertices.csv has two columns 'x'"),
        ("", LINKS, "vertices.csv is empty"),
    ],
)
def test_what_is_wrong_with_a_pair_is_said_with_its_row(
    tmp_path: Path, vertices: str, edges: str, message: str
) -> None:
    with pytest.raises(TableError, match=message):
        read_graph(pair(tmp_path / "in", vertices, edges))


@pytest.mark.parametrize(
    ("vertices", "edges", "message"),
    [
        (NODES, "form_id,to_id,weight\na,b,1\n", "unknown column 'from_id' in .*edges.csv: did you mean 'form_id'"),
        (NODES, "source,tagret\na,b\n", "unknown column 'target' in .*edges.csv: did you mean 'tagret'"),
        ("ids,x\na,1\n", LINKS, "unknown column 'id' in .*vertices.csv: did you mean 'ids'"),
        (
            NODES,
            "from,to,weigth\na,b,2\n",
            "'weight' in .*, without which every edge would weigh 1: did you mean 'weigth'",
        ),
        (NODES, "p,q\na,b\n", r"unknown column '\w+' in .*edges.csv: .*Known: p, q"),
    ],
)
def test_columns_of_other_names_are_asked_about(tmp_path: Path, vertices: str, edges: str, message: str) -> None:
    with pytest.raises(UnknownName, match=message):
        read_graph(pair(tmp_path / "in", vertices, edges))


def test_a_folder_with_one_table_only_is_no_graph(tmp_path: Path) -> None:
    at = pair(tmp_path / "in", NODES, LINKS)
    (at / "vertices.csv").unlink()
    with pytest.raises(TableError, match=r"has no manifest.json.*no pair of plain tables \(vertices.csv or nodes.csv"):
        read_graph(at)
