"""`check_tables` finds each trap in its rows, and none in tables that mislead no tool."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from graph_strategies import layered_graphs
from hypothesis import given, settings
from hypothesis import strategies as st
from interop_tables import EDGES, VERTICES, edges, folder

import netgraph as ng
from netgraph.errors import TableError
from netgraph.graph.checking.headers import HEADER_TESTS
from netgraph.graph.checking.traps import TRAPS

ROOT = Path(__file__).resolve().parents[2]


def typed(first: str, last: str) -> str:
    """A column `share` with 25 rows of one kind and then another."""
    return edges(*(f"a{i},b{i},1.0,{first}" for i in range(25)), f"a,b,1.0,{last}", header="source,target,weight,share")


CASES: list[tuple[str, str | bytes | None, str | bytes, tuple[int, ...]]] = [
    # trap, vertices, edges, rows
    ("encoding", None, b"source,target\na,b\n\xe9,b\n", (3,)),
    ("utf-16", None, "source,target\na,b\n".encode("utf-16"), (1,)),
    ("byte-order-mark", None, b"\xef\xbb\xbf" + EDGES.encode(), (1,)),
    ("separator", None, EDGES.replace(",", ";"), (1,)),
    ("separator", None, EDGES.replace(",", "\t"), (1,)),
    ("separator", None, EDGES.replace(",", " "), (1,)),
    ("line-ends-cr", None, EDGES.replace("\n", "\r"), (1,)),
    ("line-ends-mixed", None, "source,target\na,b\nb,c\r\nc,d\n", (3,)),
    ("last-line-open", None, EDGES.rstrip("\n"), ()),
    ("blank-line", None, "source,target\na,b\n\nb,c\n", (3,)),
    ("fields-missing", None, edges("a,b,1.0", "b,c"), (3,)),
    ("fields-extra", None, edges("a,b,1.0", "conv:1,2,c,1.0"), (3,)),
    ("quote-stray", None, edges("a,b,1.0", 'b"x",c,1.0'), (3,)),
    ("quote-open", None, edges("a,b,1.0", '"b,c,1.0', "c,d,1.0"), (3,)),
    ("character-nul", None, edges("a,b,1.0", "b\0,c,1.0"), (3,)),
    ("character-control", None, edges("a,b,1.0", "b\x07,c,1.0"), (3,)),
    ("header-empty", None, edges("0,a,b", header=",source,target"), (1,)),
    ("header-twice", None, edges("a,b,1.0,2.0", header="source,target,w,w"), (1,)),
    ("header-case", None, edges("a,b,1.0,2.0", header="source,target,w,W"), (1,)),
    ("header-capital", None, edges("a,b", header="Source,target"), (1,)),
    ("header-space", None, edges("a,b", header="source, target"), (1,)),
    ("column-name", "id,name\na,x\nb,y\nc,z\n", EDGES, (1,)),
    ("column-type", None, edges("a,b,linear", header="source,target,type"), (2,)),
    ("column-edge-id", None, edges("a,b,e1", "b,c,e2", "c,d,e1", header="source,target,id"), (4,)),
    ("column-time", "id,timeset\na,\nb,late\nc,<[1,2]>\n", EDGES, (3,)),
    ("ends-unnamed", None, edges("a,b,1.0", header="from_id,to_id,weight"), (1,)),
    ("ends-not-first", None, edges("1.0,a,b", header="weight,source,target"), (1,)),
    ("id-unnamed", "unit,layer\na,x\nb,x\nc,x\n", EDGES, (1,)),
    ("id-not-first", "layer,id\nx,a\nx,b\nx,c\n", EDGES, (1,)),
    ("id-empty", None, edges("a,b,1.0", ",c,1.0"), (3,)),
    ("id-missing-word", None, edges("a,b,1.0", "NA,b,1.0", "null,b,1.0"), (3, 4)),
    ("id-number", None, edges("1,b,1.0", "2,c,1.0"), (2, 3)),
    ("id-rewritten", None, edges("007,b,1.0", "9007199254740993,b,1.0", "1,c,1.0"), (2, 3)),
    ("id-truth", None, edges("T,b,1.0", "F,c,1.0"), (2, 3)),
    ("id-infinity", None, edges("1,b,1.0", "Inf,c,1.0"), (3,)),
    ("id-space", None, edges("a,b ,1.0", "b,c,1.0"), (2,)),
    ("id-backslash", None, edges("a\\n,b,1.0", "b,c,1.0"), (2,)),
    ("weight-missing", None, edges("a,b", header="source,target"), ()),
    ("weight-empty", None, edges("a,b,1.0", "b,c,"), (3,)),
    ("weight-not-finite", None, edges("a,b,inf", "b,c,NaN", "c,d,1.0"), (2, 3)),
    ("weight-text", None, edges("a,b,1.0", 'b,c,"1,5"'), (3,)),
    ("weight-zero", None, edges("a,b,1.0", "b,c,0"), (3,)),
    ("weight-negative", None, edges("a,b,1.0", "b,c,-1.0"), (3,)),
    ("gephi-column-type", None, typed("3", "0.25"), (27,)),
    ("gephi-column-type", None, typed("", "0.25"), (27,)),
    ("gephi-column-type", None, typed("0.5", "high"), (27,)),
    ("gephi-column-type", None, typed("0.5", "inf"), (27,)),
    (
        "backslash-end",
        None,
        edges(
            "a,b,C:\\,1.0", 'b,c,"x\\,y",1.0', 'c,d,"x\\""y",1.0', "d,e,z\\\\,1.0", header="source,target,path,weight"
        ),
        (2, 4),
    ),
    ("gephi-nan", None, typed("0.5", "NaN"), (27,)),
    ("vertex-twice", "id\na\nb\na\nc\n", EDGES, (4,)),
    ("edge-twice", None, edges("a,b,1.0", "b,c,1.0", "a,b,2.0"), (4,)),
    ("end-unknown", VERTICES, edges("a,b,1.0", "b,d,1.0"), (3,)),
    ("self-loop", None, edges("a,b,1.0", "b,b,1.0"), (3,)),
    ("vertex-alone", VERTICES, edges("a,b,1.0"), (4,)),
]


@pytest.mark.parametrize(("trap", "vertices", "table", "rows"), CASES, ids=[case[0] for case in CASES])
def test_each_trap_is_found_where_it_is(
    trap: str, vertices: str | bytes | None, table: str | bytes, rows: tuple[int, ...], tmp_path: Path
) -> None:
    report = ng.check_tables(folder(tmp_path, vertices, table))
    found = {finding.trap: finding for finding in report.findings}
    assert trap in found, report
    assert found[trap].rows == rows
    assert found[trap].count == max(1, len(rows))
    assert found[trap].severity == TRAPS[trap].severity and found[trap].tools and found[trap].mend
    assert trap in str(report)
    assert report.ok == (not any(finding.severity == "error" for finding in report.findings))


def test_every_row_of_the_table_of_traps_has_a_case() -> None:
    assert {case[0] for case in CASES} == set(TRAPS)
    for tests in HEADER_TESTS.values():
        assert set(tests) <= set(TRAPS)


@pytest.mark.parametrize(
    "table",
    [
        EDGES,
        EDGES.replace("\n", "\r\n"),
        edges('"conv:0,1,2",b,-0.0001', '"say ""x""",b,1e-05', header="source,target,abs_weight"),
        edges("17a,b,1.0", "1,a,1.0", "T,a,1.0"),  # a column with one text is text
        edges('"line\nbreak",b,1.0', "b,c,1.0"),
        edges("a,b,Directed,0,,1.0", "b,c,Undirected,1,,1.0", header="source,target,type,id,timeset,weight"),
    ],
    ids=["plain", "crlf", "quotes", "mixed ids", "line break", "Gephi's own"],
)
def test_tables_without_traps_have_no_finding(table: str, tmp_path: Path) -> None:
    findings = ng.check_tables(folder(tmp_path, None, table)).findings
    assert [f for f in findings if f.trap != "weight-missing"] == []


def test_rows_are_the_ones_of_a_spreadsheet_also_beyond_the_first_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"a{i % 50},b{i},1.0" for i in range(3000)]
    rows[700], rows[1500], rows[2600], rows[2999] = "a0,b9999,inf", "", "a0,b2,1.0,1.0", "a7,b7,1.0"
    folder(tmp_path, None, edges(*rows))
    for size in (100, 1 << 24):
        monkeypatch.setattr("netgraph.graph.checking.sheet.PIECE", size)
        report = ng.check_tables(tmp_path)
        found = {finding.trap: (finding.rows, finding.count) for finding in report.findings}
        assert found == {
            "weight-not-finite": ((702,), 1),
            "blank-line": ((1502,), 1),
            "fields-extra": ((2602,), 1),
            "edge-twice": ((3001,), 1),
        }
        assert report.edges == 2999


@settings(max_examples=200)
@given(
    table=st.lists(st.sampled_from([b"a", b"b", b"7", b",", b"\n", b'"', b"\r", b"\0", b"\xe9", b";", b"NA", b"-1.5"])),
    named=st.booleans(),
    size=st.integers(1, 40),
)
def test_no_file_breaks_the_check_and_pieces_do_not_matter(table: list[bytes], named: bool, size: int) -> None:
    text = (b"source,target,weight\n" if named else b"") + b"".join(table)
    with tempfile.TemporaryDirectory() as at, pytest.MonkeyPatch.context() as patch:
        folder(Path(at), None, text)
        try:
            whole = ng.check_tables(at)
        except TableError as error:
            assert "expected" in str(error)
            return
        patch.setattr("netgraph.graph.checking.sheet.PIECE", size)
        pieces = ng.check_tables(at)
        assert (str(pieces), pieces.edges) == (str(whole), whole.edges)


def test_clean_exports_have_no_finding(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    graph = ng.Graph.from_matrices([rng.standard_normal((30, 40)), rng.standard_normal((5, 30))])
    assert ng.check_tables(ng.write_graph(graph, tmp_path / "out")).findings == ()
    for name in ("mlp", "cnn"):
        report = ng.check_tables(ROOT / "data" / name / "graph")
        assert report.findings == () and report.ok and report.edges > 0
        assert "nothing that a tool would misread" in str(report)


@pytest.mark.filterwarnings("ignore:.*Gephi will take")
@settings(max_examples=25)
@given(graph=layered_graphs(), profile=st.sampled_from(["default", "gephi"]))
def test_whatever_the_names_an_export_misleads_no_tool(graph: ng.Graph, profile: str) -> None:
    with tempfile.TemporaryDirectory() as at:
        report = ng.check_tables(ng.write_graph(graph, f"{at}/out", profile=profile))
    assert (report.vertices, report.edges) == (graph.n, len(graph.edges))
    assert {finding.trap for finding in report.findings} <= {"gephi-column-type"}  # values that the first blocks lack


def test_the_names_of_the_profile_starter_are_found(tmp_path: Path) -> None:
    graph = ng.Graph.from_matrices([np.array([[1.0, 2.0]])])
    report = ng.check_tables(ng.write_graph(graph, tmp_path / "out", profile="starter"))
    assert [finding.trap for finding in report.findings] == ["ends-unnamed"]


def test_a_column_type_of_vertices_is_only_a_column(tmp_path: Path) -> None:
    assert ng.check_tables(folder(tmp_path, "id,type\na,conv\nb,conv\nc,fc\n", EDGES)).findings == ()


def test_two_files_and_files_of_other_names(tmp_path: Path) -> None:
    (tmp_path / "units.csv").write_text(VERTICES)
    (tmp_path / "joints.csv").write_text(EDGES)
    report = ng.check_tables(tmp_path / "units.csv", tmp_path / "joints.csv")
    assert (report.vertices, report.edges, report.findings) == (3, 2, ())
    assert ng.check_tables(tmp_path / "joints.csv").edges == 2
    assert ng.check_tables(tmp_path / "units.csv").vertices == 3
    (tmp_path / "sub").mkdir()
    shutil.copy(tmp_path / "units.csv", tmp_path / "sub" / "Nodes.csv")
    shutil.copy(tmp_path / "joints.csv", tmp_path / "sub" / "links.tsv")
    assert ng.check_tables(tmp_path / "sub").edges == 2


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"holds nothing; expected vertices\.csv or nodes\.csv"):
        ng.check_tables(tmp_path)
    with pytest.raises(TableError, match="is not there; expected a table"):
        ng.check_tables(tmp_path / "no.csv")
    (tmp_path / "edges.csv").write_text("\n")
    with pytest.raises(TableError, match="is empty; expected a header"):
        ng.check_tables(tmp_path)
    (tmp_path / "graph.gexf").write_text("<gexf/>")
    with pytest.raises(TableError, match="is no text of commas; expected CSV"):
        ng.check_tables(tmp_path / "graph.gexf")
    (tmp_path / "w.safetensors").write_bytes((64).to_bytes(8, "little") + b'{"a,b":1}' + bytes(100))
    with pytest.raises(TableError, match="is no text of commas; expected CSV"):
        ng.check_tables(tmp_path / "w.safetensors")
    at = ng.write_graph(ng.Graph.from_matrices([np.eye(2)]), tmp_path / "graph.parquet")
    with pytest.raises(TableError, match=r"graph\.parquet holds no CSV tables; expected CSV: other formats carry"):
        ng.check_tables(at)


def test_a_misspelt_weight_is_named(tmp_path: Path) -> None:
    (tmp_path / "edges.csv").write_text("source,target,Weigth\na,b,0.5\n")
    (found,) = ng.check_tables(tmp_path).findings
    assert (found.trap, found.column) == ("weight-missing", "Weigth") and "'Weigth'" in str(found)
