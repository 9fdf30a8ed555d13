"""The table of traps: a row each, with what every tool makes of it. FOUND_IN says where each is looked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Trap:
    """One thing that tools misread: how bad it is, what each of them does, and the mend."""

    name: str
    severity: str
    tools: dict[str, str]
    mend: str


def _trap(name: str, severity: str, mend: str, **tools: str) -> Trap:
    return Trap(name, severity, {TOOLS[tool]: what for tool, what in tools.items()}, mend)


TOOLS = {
    "r": "R", "tidygraph": "R tidygraph", "gephi": "Gephi", "networkx": "networkx", "pandas": "pandas",
    "igraph": "python-igraph", "all": "every tool", "python": "Python's csv", "lines": "tools that read line by line",
    "xml": "GEXF and GraphML", "netgraph": "netgraph", "rigraph": "R igraph", "any_igraph": "igraph",
}  # fmt: skip

_FIRST_TWO = "takes the first two columns as the ends of an edge, whatever their names"
_NOT_LISTED = "stops: some vertex names in the edge list are not in the vertex table"

TRAPS: dict[str, Trap] = {
    trap.name: trap
    for trap in (
        # -- the file ------------------------------------------------------------------------------
        _trap("encoding", "error", "save the file as UTF-8", pandas="stops: UnicodeDecodeError",
              r="stops: invalid multibyte string", gephi="guesses another character set; letters change"),
        _trap("utf-16", "error", "save the file as UTF-8", pandas="stops: UnicodeDecodeError",
              r="stops: embedded nulls, invalid multibyte string"),
        _trap("byte-order-mark", "note", "save the file as UTF-8 without a byte order mark",
              python="keeps the mark in the name of the first column (R, pandas and Gephi take it off)"),
        _trap("separator", "error", "write commas; or tell every reader: sep=\";\" (pandas, R)",
              pandas="reads one column; source, target and id are missing",
              r="reads one column; graph_from_data_frame stops: at least two columns"),
        _trap("line-ends-cr", "warning", "end lines in a line feed, as every system does now",
              lines="see one line, that is: no rows"),
        _trap("line-ends-mixed", "note", "end all lines alike", lines="keep a carriage return in the last column"),
        _trap("last-line-open", "note", "see whether the file was cut; end the last line",
              r="warns: incomplete final line", all="cannot tell a whole file from one that was cut here"),
        _trap("blank-line", "note", "take the blank lines out",
              r="skips them, as pandas and Gephi do", lines="read a vertex or edge without a name"),
        _trap("fields-missing", "error", "give every row a field for each column of the header",
              gephi="leaves the row out, in the log only: inconsistent number of columns",
              pandas="fills with NaN", r="fills with NA"),
        _trap("fields-extra", "error", "put quotes around cells that hold commas; the header must name every column",
              gephi="leaves the row out, in the log only: inconsistent number of columns",
              pandas="stops: Expected n fields; where all rows have one more, shifts the columns by one",
              r="breaks the row into two, or takes the first column for row names: other edges"),
        _trap("quote-stray", "error", "put the whole cell in quotes and double those inside: \"say \"\"a\"\"\"",
              r="takes the quote for an opening one and swallows rows up to the next",
              pandas="keeps the quote as a letter", gephi="stops or swallows rows"),
        _trap("quote-open", "error", "close the quote; see whether the file was cut",
              r="swallows all rows from there on", pandas="stops: EOF inside string", gephi="stops"),
        _trap("backslash-end", "error", "write a space behind the backslash; for Gephi alone, two backslashes",
              gephi="takes it for an escape: the comma or quote behind it becomes a letter, and the row is left out or "
              "swallows those below"),
        _trap("character-nul", "error", "take the NUL characters out: the file is no plain text",
              r="cuts the cell there: the text becomes another, or NA", xml="cannot hold it"),
        _trap("character-control", "warning", "take the control characters out, or write U+FFFD for them",
              xml="cannot hold them: writers make files that no parser opens"),
        # -- headers -------------------------------------------------------------------------------
        _trap("header-empty", "error", "name the column; from pandas: to_csv(index=False)",
              gephi="takes the file for a matrix, or refuses it: missing column names",
              r="calls the column X; where it is the first, it becomes the vertex or source"),
        _trap("header-twice", "error", "rename one of the columns", gephi="refuses the file: duplicate name",
              pandas="renames the second: weight.1", r="renames the second: weight.1"),
        _trap("header-case", "warning", "rename one of the columns",
              gephi="tells no case apart and leaves out the second column"),
        _trap("header-capital", "note", "write it in small letters", networkx="from_pandas_edgelist stops: KeyError",
              netgraph="Graph.from_pandas looks for small letters", gephi="tells no case apart"),
        _trap("header-space", "error", "take the spaces around the name out",
              pandas="keeps the space: KeyError 'target'", networkx="keeps the space: KeyError 'target'",
              r="makes a dot or nothing of it, depending on strip.white"),
        _trap("column-name", "error", "call it label: igraph's ids are its vertex attribute name",
              rigraph="takes it for the ids: vertices are renamed, two of one name become hard to tell apart",
              igraph="stops: DataFrame already contains column 'name'"),
        _trap("column-type", "warning", "call it kind",
              gephi="takes it for the direction of the edge (undirected, or not) and drops the text"),
        _trap("column-edge-id", "warning", "call it edge_id, or leave it out",
              gephi="takes it for the id of the edge, and leaves out an edge whose id was there before"),
        _trap("column-time", "warning", "rename the column",
              gephi="takes text in it for times: cells that are none stay empty"),
        _trap("ends-unnamed", "error", "call the two columns source and target",
              gephi="reads an adjacency list: every row, the header too, becomes edges from its first cell to all "
              "others; 100 edges with weights became 202, without a warning",
              networkx="from_pandas_edgelist stops: KeyError 'source'"),
        _trap("ends-not-first", "error", "make source and target the first two columns",
              rigraph=_FIRST_TWO, igraph=_FIRST_TWO),
        _trap("id-unnamed", "error", "call the column id",
              gephi="takes a table without id and label for an adjacency list, one with source or target for edges",
              netgraph="Graph.from_pandas needs a column id"),
        _trap("id-not-first", "error", "make id the first column",
              rigraph="takes the first column for the ids: " + _NOT_LISTED, igraph="does the same, and stops"),
        # -- ids and ends --------------------------------------------------------------------------
        _trap("id-empty", "error", "give every vertex an id, and every edge two ends", pandas="reads NaN",
              networkx="makes a vertex nan", gephi="leaves the edge out; numbers the vertex by itself",
              r="makes a vertex of no name"),
        _trap("id-missing-word", "error", "rename it: v_NA; or read with keep_default_na=False, na.strings=''",
              pandas="reads a missing value: the vertex becomes nan", r="reads NA, warns and writes the text \"NA\"",
              igraph="makes one vertex of all such"),
        _trap("id-number", "error", "put a letter in front: v17",
              tidygraph="takes numbers at the ends of edges for rows of the vertex table: other edges, or an error",
              r="reads numbers: 100000 becomes 1e+05 where any id is 2^31 or more (and always with readr)",
              networkx="has vertices 1, 2 … that are not \"1\", \"2\" …", igraph="makes 1.0 of 1"),
        _trap("id-rewritten", "error", "put a letter in front: v007",
              r="reads numbers: 007 and 7 become one vertex, as do numbers beyond 2^53 that differ in the last digit",
              pandas="does the same", igraph="does the same", gephi="keeps the text"),
        _trap("id-truth", "error", "put a letter in front: vT", r="reads truths: T and TRUE become one vertex",
              pandas="reads booleans", networkx="has the vertices True and False"),
        _trap("id-infinity", "error", "put a letter in front: vInf",
              r="reads numbers: Inf, inf and infinity become one vertex", pandas="does the same"),
        _trap("id-space", "error", "take the spaces around ids out",
              gephi="takes the spaces off", pandas="keeps them: 'b ' is not 'b'",
              r="keeps them: " + _NOT_LISTED),
        _trap("id-backslash", "warning", "write another character for the backslash",
              gephi="takes it for an escape: a\\b loses it, a\\n becomes a line break"),
        # -- weights -------------------------------------------------------------------------------
        _trap("weight-missing", "note", "call the column weight, if there is one", all="gives every edge the weight 1"),
        _trap("weight-empty", "error", "write a number, or leave the edge out", gephi="gives the edge the weight 1.0",
              r="reads NA", pandas="reads NaN"),
        _trap("weight-not-finite", "error", "leave the edge out, or mend what made the number",
              gephi="in the first 25 rows inf or NA makes the column text and *all* weights 1.0, without a warning; "
              "further down that edge's",
              any_igraph="refuses NaN (strength gives NaN); PageRank is NaN after one infinity",
              networkx="PageRank does not converge with NaN"),
        _trap("weight-text", "error", "write numbers with a point and no other sign: 1.5",
              gephi="in the first 25 rows it makes the column text and *all* weights 1.0; further down that edge's",
              pandas="reads the whole column as text", r="reads the whole column as text"),
        _trap("weight-zero", "warning", "leave out edges that weigh 0", gephi="leaves the edge out",
              any_igraph="betweenness and closeness refuse: weights must be positive"),
        _trap("weight-negative", "warning", "write abs_weight beside weight; for Gephi write the graph with "
              "profile=\"gephi\"",
              any_igraph="closeness, betweenness, louvain, walktrap, infomap refuse (weights = E(g)$abs_weight)",
              gephi="warns once per edge; layouts and statistics of negative weights mean nothing"),
        # -- columns -------------------------------------------------------------------------------
        _trap("gephi-column-type", "warning", "write floats with a point (1.0) and no empty cells, or choose the type "
              "in the import dialog",
              gephi="types a column by its first 25 rows (text, where they are empty); later cells that do not fit "
              "stay empty, and text can be neither ranked nor filtered by size"),
        _trap("gephi-nan", "warning", "leave the cell empty",
              gephi="takes NaN for the largest number of the column: a ranking by it gives no vertex a size or colour"),
        # -- the graph -----------------------------------------------------------------------------
        _trap("vertex-twice", "error", "give each vertex one row",
              rigraph="stops: duplicate vertex names", igraph="stops: vertex names must be unique",
              gephi="keeps the first row", networkx="keeps the last row's attributes"),
        _trap("edge-twice", "warning", "sum the rows, or say which one counts", networkx="DiGraph keeps the last one",
              gephi="merges them into one", any_igraph="keeps both", netgraph="sums those of one kind"),
        _trap("end-unknown", "error", "add the vertex, or drop the edge", rigraph=_NOT_LISTED,
              igraph="stops: some vertices in the edge DataFrame are missing", tidygraph="stops: invalid vertex index",
              networkx="makes a vertex without attributes", gephi="makes a vertex without attributes"),
        _trap("self-loop", "note", "drop these rows where layers are wanted",
              netgraph="Graph.from_pandas refuses them: a layered graph has none", all="keeps them otherwise"),
        _trap("vertex-alone", "note", "none, where they are meant to be there",
              networkx="does not see them unless the vertex table is read too", gephi="likewise"),
    )
}  # fmt: skip
"""Name of a trap -> its row."""
