"""What `check_tables` says that tools make of tables: R, pandas, networkx and igraph are asked whether it is so."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Callable
from pathlib import Path

import igraph
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from interop_tables import EDGES, VERTICES, edges, folder

import netgraph as ng

READ_BY_R = """
suppressPackageStartupMessages(library(igraph))
read <- function() {
    edges <- read.csv("edges.csv")
    vertices <- if (file.exists("vertices.csv")) read.csv("vertices.csv")
    list(g = graph_from_data_frame(edges, vertices = vertices), edges = edges, vertices = vertices)
}
fails <- function(words) tryCatch({read(); FALSE}, error = function(e) grepl(words, conditionMessage(e)))
refuses <- function(f, ...) inherits(try(f(...), silent = TRUE), "try-error")
same <- function(is, expected) if (!identical(is, expected)) stop(paste(c("got", is), collapse = " "))
"""

R_SAYS: dict[str, tuple[str | None, str | bytes, str]] = {
    "1e+05 beside a large id": (
        None, edges("100000,3000000000,1.0", "3000000000,200001,1.0"),
        'same(V(read()$g)$name, c("1e+05", "3e+09", "200001"))'
    ),
    "2^53": (
        None, edges("9007199254740993,b,1.0", "9007199254740992,b,1.0"), "same(length(V(read()$g)), 2L)"
    ),
    "leading zeros": (None, edges("007,7,1.0"), 'same(V(read()$g)$name, "7")'),
    "NA": (None, edges("NA,b,1.0"), "stopifnot(is.na(read()$edges$source))"),
    "truths": (None, edges("T,b,1.0", "TRUE,c,1.0"), 'same(V(read()$g)$name, c("TRUE", "b", "c"))'),
    "infinities": (None, edges("Inf,1,1.0", "inf,infinity,1.0"), 'same(V(read()$g)$name, c("Inf", "1"))'),
    "column-name": ("id,name\na,x\nb,y\nc,z\n", EDGES, 'same(V(read()$g)$name, c("x", "y", "z"))'),
    "id-not-first": ("layer,id\nx,a\ny,b\nz,c\n", EDGES, 'stopifnot(fails("not listed in vertex data frame"))'),
    "ends-not-first": (None, edges("1.0,a,b", header="weight,source,target"), 'same(V(read()$g)$name, c("1", "a"))'),
    "vertex-twice": ("id\na\nb\nb\nc\n", EDGES, 'stopifnot(fails("Duplicate vertex names"))'),
    "end-unknown": ("id\na\nb\n", EDGES, 'stopifnot(fails("not listed in vertex data frame"))'),
    "id-space": (VERTICES, edges("a,b ,1.0"), 'stopifnot(fails("not listed in vertex data frame"))'),
    "separator": (None, EDGES.replace(",", ";"), 'stopifnot(fails("at least two columns"))'),
    "encoding": (None, b"source,target\n\xe9a,b\n", 'stopifnot(fails("invalid multibyte string"))'),
    "fields-extra": (None, edges("a,b,1.0,2.0", "b,c,2.0,3.0"), "stopifnot(!\"a\" %in% V(read()$g)$name)"),
    "quote-stray": (None, edges('a"x,b,1.0', "b,c,2.0", "c,d,3.0"), "stopifnot(nrow(read()$edges) < 3)"),
    "quote-open": (None, edges("a,b,1.0", '"b,c,1.0', "c,d,1.0"), "stopifnot(nrow(read()$edges) < 3)"),
    "character-nul": (None, edges("a,b,1.0", "bcd\0ef,c,1.0"),
                      'stopifnot(!"bcdef" %in% suppressWarnings(read())$edges$source)'),
    "header-empty": (None, edges("0,a,b", header=",source,target"), 'same(V(read()$g)$name, c("0", "a"))'),
    "header-twice": (None, edges("a,b,1,2", header="source,target,w,w"),
                     'same(names(read()$edges), c("source", "target", "w", "w.1"))'),
    "weight-text": (None, edges("a,b,1.0", 'b,c,"1,5"'), "stopifnot(is.character(read()$edges$weight))"),
    "weight-empty": (None, edges("a,b,1.0", "b,c,"), "stopifnot(is.na(E(read()$g)$weight[2]))"),
    "weight-not-finite": (None, edges("a,b,NaN", "b,c,1.0"), """
        stopifnot(refuses(betweenness, read()$g), refuses(closeness, read()$g), is.nan(strength(read()$g)["a"]))"""),
    "an infinite weight": (None, edges("a,b,Inf", "b,c,1.0"), "stopifnot(all(is.nan(page_rank(read()$g)$vector)))"),
    "weight-zero": (None, edges("a,b,0", "b,c,1.0"), "stopifnot(refuses(betweenness, read()$g))"),
    "weight-negative": (None, edges("a,b,-1.0", "b,c,1.0"), """
        g <- read()$g; u <- as.undirected(g)
        stopifnot(refuses(closeness, g), refuses(betweenness, g), refuses(cluster_louvain, u))
        stopifnot(refuses(cluster_walktrap, u), refuses(cluster_infomap, u))"""),
    "tidygraph takes numbers for rows": ("id,layer\n3,x\n2,x\n1,x\n", edges("1,2,1.0", "2,3,1.0"), """
        suppressPackageStartupMessages(library(tidygraph))
        g <- tbl_graph(read()$vertices, read()$edges, node_key = "id")
        same(as.integer(as.data.frame(activate(g, nodes))$id[head_of(as.igraph(g), 1)]), 2L)
        same(as.integer(as.data.frame(activate(g, nodes))$id[tail_of(as.igraph(g), 1)]), 3L)"""),
}  # fmt: skip


def test_r_does_what_the_table_of_traps_says(rscript: str, tmp_path: Path) -> None:
    """One process for all cases: R takes a second to start."""
    lines = [READ_BY_R]
    for number, (name, (vertices, table, check)) in enumerate(R_SAYS.items()):
        at = tmp_path / str(number)
        at.mkdir()
        folder(at, vertices, table)
        assert ng.check_tables(at).findings, name
        lines.append(
            f'setwd("{at}"); tryCatch(suppressWarnings({{{check}}}), '
            f'error = function(e) cat("WRONG", "{name}:", conditionMessage(e), "\\n"))'
        )
    script = tmp_path / "says.R"
    script.write_text("\n".join([*lines, 'cat("asked\\n")']))
    done = subprocess.run([rscript, str(script)], capture_output=True, text=True, check=True)
    assert done.stdout == "asked\n", done.stdout


def test_a_byte_order_mark_reaches_pythons_own_reader(tmp_path: Path) -> None:
    folder(tmp_path, None, b"\xef\xbb\xbf" + EDGES.encode())
    with (tmp_path / "edges.csv").open(encoding="utf-8") as file:
        assert next(csv.reader(file))[0] == "\ufeffsource"


def read_csv(table: str | bytes, tmp_path: Path) -> pd.DataFrame:
    (tmp_path / "t.csv").write_bytes(table.encode() if isinstance(table, str) else table)
    return pd.read_csv(tmp_path / "t.csv")


PANDAS_SAYS: dict[str, tuple[str | bytes, Callable[[pd.DataFrame], bool]]] = {
    "id-missing-word": (edges("NA,b,1.0", "None,c,1.0", "null,d,1.0"), lambda t: t["source"].isna().all()),
    "id-number": (edges("1,2,1.0"), lambda t: 1 in graph_of(t) and "1" not in graph_of(t)),
    "id-rewritten": (edges("007,b,1.0", "7,c,1.0"), lambda t: t["source"].nunique() == 1),
    "id-truth": (edges("TRUE,b,1.0"), lambda t: True in graph_of(t)),
    "id-infinity": (edges("Inf,b,1.0", "inf,b,1.0", "infinity,b,1.0"), lambda t: t["source"].nunique() == 1),
    "id-empty": (edges("a,b,1.0", ",c,1.0"), lambda t: t["source"].isna().sum() == 1),
    "fields-missing": (edges("a,b", "b,c,1.0"), lambda t: t["weight"].isna().sum() == 1),
    "fields-extra": (edges("a,b,1.0,2.0", "b,c,2.0,3.0"), lambda t: t["source"].tolist() == ["b", "c"]),
    "separator": (EDGES.replace(",", ";"), lambda t: len(t.columns) == 1),
    "header-space": (edges("a,b", header="source, target"), lambda t: "target" not in t.columns),
    "header-twice": (edges("a,b,1,2", header="source,target,w,w"), lambda t: t.columns[-1] == "w.1"),
    "weight-text": (edges("a,b,1.0", 'b,c,"1,5"'), lambda t: t["weight"].tolist() == ["1.0", "1,5"]),
    "weight-empty": (edges("a,b,1.0", "b,c,"), lambda t: t["weight"].isna().sum() == 1),
    "edge-twice": (edges("a,b,1.0", "a,b,2.0"), lambda t: graph_of(t)["a"]["b"]["weight"] == 2.0),
}


def graph_of(table: pd.DataFrame) -> nx.DiGraph:
    return nx.from_pandas_edgelist(table, edge_attr=True, create_using=nx.DiGraph)


@pytest.mark.parametrize("trap", PANDAS_SAYS)
def test_pandas_and_networkx_do_what_the_table_of_traps_says(trap: str, tmp_path: Path) -> None:
    table, check = PANDAS_SAYS[trap]
    assert check(read_csv(table, tmp_path))
    assert trap in {finding.trap for finding in ng.check_tables(folder(tmp_path, None, table)).findings}


@pytest.mark.parametrize(
    ("table", "error"),
    [
        (b"source,target\n\xe9a,b\n", UnicodeDecodeError),
        ("source,target\na,b\n".encode("utf-16"), UnicodeDecodeError),
        (edges("a,b,1.0", "b,c,1.0,1.0"), pd.errors.ParserError),
        (edges("a,b,1.0", '"b,c,1.0'), pd.errors.ParserError),
    ],
)
def test_pandas_stops_where_the_table_of_traps_says(table: str | bytes, error: type[Exception], tmp_path: Path) -> None:
    with pytest.raises(error):
        read_csv(table, tmp_path)
    assert not ng.check_tables(folder(tmp_path, None, table)).ok


@pytest.mark.parametrize(
    ("vertices", "table", "message"),
    [
        ("id,name\na,x\nb,y\nc,z\n", EDGES, "already contains column 'name'"),
        ("id\na\nb\nb\nc\n", EDGES, "must be unique"),
        ("id\na\nb\n", EDGES, "missing from vertices"),
        ("layer,id\nx,a\ny,b\nz,c\n", EDGES, "missing from vertices"),
    ],
)
def test_igraph_stops_where_the_table_of_traps_says(vertices: str, table: str, message: str, tmp_path: Path) -> None:
    folder(tmp_path, vertices, table)
    tables = [pd.read_csv(tmp_path / name) for name in ("edges.csv", "vertices.csv")]
    with pytest.raises(ValueError, match=message):
        igraph.Graph.DataFrame(tables[0], vertices=tables[1], use_vids=False)
    assert not ng.check_tables(tmp_path).ok


def test_igraph_refuses_the_weights_that_the_table_of_traps_says() -> None:
    graph = igraph.Graph([(0, 1), (1, 2)], directed=True)
    for weights in ([0.0, 1.0], [-1.0, 1.0], [float("nan"), 1.0]):
        with pytest.raises(igraph.InternalError):
            graph.betweenness(weights=weights)
    assert np.isnan(graph.pagerank(weights=[float("inf"), 1.0])).all()
