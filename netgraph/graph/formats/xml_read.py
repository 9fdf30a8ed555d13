"""GEXF and GraphML read as a stream, ours or anybody's.

Files are distrusted: a document type, the one place where XML can define entities (which may grow without end, or lead
to other files), is refused. A file of ours holds a manifest, and gives back an equal graph; another is read as a table
of vertices and one of edges.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, NoReturn
from xml.parsers import expat

import numpy as np
import polars as pl

from netgraph.errors import GraphError, NoActivations, TableError, unknown
from netgraph.graph.columns import to_pandas_frame
from netgraph.graph.formats import manifest as about
from netgraph.graph.formats.csv_read import TYPES, blocks_of, called_in, column
from netgraph.graph.formats.single import check_is_file
from netgraph.graph.formats.text import clean, restore
from netgraph.graph.graph import Graph
from netgraph.graph.tables import POSITIONS

Array = np.ndarray[Any, Any]

_CHUNK = 50_000
_NUMBERS = {"integer", "int", "long", "float", "double", "short", "byte", "biginteger", "bigdecimal"}
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


class Rows:
    """Rows that are found one by one, some of whose columns may be missing; text, as polars columns."""

    def __init__(self) -> None:
        self.line: list[int] = []
        self._row = -1
        self._columns: dict[str, list[str | None]] = {}
        self._finished: list[pl.DataFrame] = []

    def begin(self) -> None:
        """The next row."""
        self._row += 1
        if self._row == _CHUNK:
            self._finish()
            self._row = 0

    def put(self, name: str, text: str | None) -> None:
        """A cell of the row."""
        values = self._columns.setdefault(name, [])
        if len(values) > self._row:
            values[self._row] = text
            return
        values.extend([None] * (self._row - len(values)))
        values.append(text)

    def frame(self) -> pl.DataFrame:
        """All rows."""
        self._row += 1
        self._finish()
        return pl.concat(self._finished, how="diagonal")

    def _finish(self) -> None:
        made = {
            name: pl.Series(name, values + [None] * (self._row - len(values)), dtype=pl.String)
            for name, values in self._columns.items()
        }
        self._finished.append(pl.DataFrame(made))
        self._columns = {}


class Reader(ABC):
    """What both formats have in common: a parser that refuses what is dangerous, and two tables.

    Attributes
    ----------
    vertices, edges : the rows; ``id``; ``source``, ``target``; an attribute under its title behind a colon.
    types : (``"node"`` or ``"edge"``, title) -> the type that was declared.
    defaults : the same -> the text of a missing cell.
    """

    def __init__(self) -> None:
        self.vertices, self.edges = Rows(), Rows()
        self.types: dict[tuple[str, str], str] = {}
        self.defaults: dict[tuple[str, str], str] = {}
        self.manifest: str | None = None
        self.directed = True
        self._titles: dict[tuple[str, str], str] = {}  # (class, id) -> title
        self._text: list[str] | None = None

    def read(self, path: Path) -> None:
        """Parse a file."""
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._refuse
        parser.StartElementHandler = lambda name, attributes: self.start(name.rpartition(" ")[2], attributes)
        parser.EndElementHandler = lambda name: self.end(name.rpartition(" ")[2])
        parser.CharacterDataHandler = self._characters
        try:
            with path.open("rb") as file:
                parser.ParseFile(file)
        except expat.ExpatError as error:
            raise TableError(
                f"{path}, line {error.lineno}: {expat.errors.messages[error.code]}; it was cut or edited, or is no XML"
            ) from error
        except KeyError as error:
            raise TableError(
                f"{path}, line {parser.CurrentLineNumber}: an element has no attribute {error}; expected a graph"
            ) from error

    @abstractmethod
    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""

    @abstractmethod
    def end(self, name: str) -> None:
        """An element ends."""

    def declare(self, what: str, identifier: str, title: str, kind: str) -> None:
        """An attribute of vertices or edges."""
        self._titles[what, identifier] = title
        self.types[what, title] = kind.lower()

    def title(self, what: str, identifier: str) -> str:
        """The title of a declared attribute; its id where it was not declared."""
        return self._titles.get((what, identifier), identifier)

    def listen(self) -> None:
        """Keep the text from here on."""
        self._text = []

    def heard(self) -> str:
        """The text since :meth:`listen`."""
        text = "".join(self._text or [])
        self._text = None
        return text

    def _characters(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)

    @staticmethod
    def _refuse(*_: object) -> NoReturn:
        raise TableError(
            "the file declares a document type (<!DOCTYPE …>), which could define entities that grow without end or "
            "read other files; remove the declaration if you trust it"
        )


class GexfReader(Reader):
    """GEXF, of any version."""

    _class = "node"
    _attribute = ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """See :class:`Reader`."""
        if name == "attvalue":
            key = self.title(self._class, attributes.get("for") or attributes["id"])
            (self.vertices if self._class == "node" else self.edges).put(f":{key}", attributes["value"])
        elif name == "edge":
            self._class = "edge"
            self.edges.begin()
            self.edges.put("source", attributes["source"])
            self.edges.put("target", attributes["target"])
            if "weight" in attributes:
                self.edges.put(":weight", attributes["weight"])
        elif name == "node":
            self._class = "node"
            self.vertices.begin()
            self.vertices.put("id", attributes["id"])
            if "label" in attributes:
                self.vertices.put(":label", attributes["label"])
        elif name == "attributes":
            self._class = attributes["class"]
        elif name == "attribute":
            self._attribute = attributes["title"]
            self.declare(self._class, attributes["id"], attributes["title"], attributes["type"])
        elif name == "graph":
            self.directed = attributes.get("defaultedgetype", "undirected") != "undirected"
        elif name in ("description", "default"):
            self.listen()

    def end(self, name: str) -> None:
        """See :class:`Reader`."""
        if name == "description":
            self.manifest = self.heard()
        elif name == "default":
            self.defaults[self._class, self._attribute] = self.heard()


class GraphmlReader(Reader):
    """GraphML."""

    _class = "graph"
    _key = ("", "")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """See :class:`Reader`."""
        if name == "data":
            self._key = (self._class, attributes["key"])
            self.listen()
        elif name == "edge":
            self._class = "edge"
            self.edges.begin()
            self.edges.put("source", attributes["source"])
            self.edges.put("target", attributes["target"])
        elif name == "node":
            self._class = "node"
            self.vertices.begin()
            self.vertices.put("id", attributes["id"])
        elif name == "key":
            title, kind = attributes.get("attr.name", attributes["id"]), attributes.get("attr.type", "string")
            whose = attributes.get("for", "all")
            self._key = (whose, title)
            for what in ("node", "edge", "graph"):
                if whose in (what, "all"):
                    self.declare(what, attributes["id"], title, kind)
        elif name == "graph":
            self._class = "graph"
            self.directed = attributes.get("edgedefault", "directed") != "undirected"
        elif name == "default":
            self.listen()

    def end(self, name: str) -> None:
        """See :class:`Reader`."""
        if name == "data":
            what, key = self._key
            title, text = self.title(what, key), self.heard()
            if what == "graph" and title == "netgraph":
                self.manifest = text
            elif what != "graph":
                (self.vertices if what == "node" else self.edges).put(f":{title}", text)
        elif name == "default":
            whose, title = self._key
            text = self.heard()
            for what in ("node", "edge"):
                if whose in (what, "all"):
                    self.defaults[what, title] = text
        elif name in ("node", "edge"):
            self._class = "graph"


def graph_of(path: Path, reader: Reader, kind: str) -> Graph:
    """The graph in a file, ours (of the format ``kind``) or another's."""
    check_is_file(path)
    try:
        reader.read(path)
        vertices, edges = reader.vertices.frame(), reader.edges.frame()
        if "id" not in vertices.columns and "source" not in edges.columns and reader.manifest is None:
            raise TableError(f"{path} holds no graph: there is neither a vertex nor an edge in it")
        edges = _numbered(path, vertices, edges)
        if reader.manifest is not None and f'"format": "{kind}"' in reader.manifest:
            return _ours(path, about.parsed(reader.manifest, f"the manifest inside {path}", kind), vertices, edges)
        return _anybodys(reader, vertices, edges)
    except TableError as error:
        raise error if str(path) in str(error) else TableError(f"{path}: {error}") from error
    except GraphError as error:
        raise TableError(f"{path} holds a graph that cannot be read: {error}") from error
    except (KeyError, TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise TableError(f"{path} was edited ({error!r}); write the graph again, or {_MEND}") from error


_MEND = "remove its manifest (the description, or the graph's own data), so that it is read as a plain graph"


def no_activations(path: Path) -> NoActivations:
    """The error for a format that has no place for them."""
    return NoActivations(
        f"{path} holds no activations: {path.suffix} has no place for them; write a folder, .parquet or .npz"
    )


def _numbered(path: Path, vertices: pl.DataFrame, edges: pl.DataFrame) -> pl.DataFrame:
    """The edges, their ends as vertex numbers."""
    ids = vertices["id"] if "id" in vertices.columns else pl.Series([], dtype=pl.String)
    if ids.n_unique() < len(ids):
        raise TableError(f"{path}: vertex id {ids.filter(ids.is_duplicated())[0]!r} is there twice; ids must be unique")
    if "source" not in edges.columns:
        return pl.DataFrame({"source": [], "target": []}, schema={"source": pl.UInt32, "target": pl.UInt32})
    numbers = {}
    for end in ("source", "target"):
        numbers[end] = edges[end].cast(pl.Enum(ids), strict=False).to_physical()
        if numbers[end].null_count():
            row = int(numbers[end].is_null().arg_max() or 0)
            raise unknown("vertex", edges[end][row], ids.to_list(), f" ({end} of edge {row} in {path})")
    return edges.with_columns(**numbers)


# -- ours ------------------------------------------------------------------------------------------------


def _ours(path: Path, manifest: about.Manifest, vertices: pl.DataFrame, edges: pl.DataFrame) -> Graph:
    layers = about.layers(manifest)
    n = sum(layer.size for layer in layers)
    if len(vertices) != n:
        raise TableError(f"{path} has {len(vertices):,} vertices, its layers {n:,}: it was edited; {_MEND}")
    called = called_in(manifest)
    edges = edges.rename({"source": called["source"], "target": called["target"]})
    edges = edges.rename({name: name[1:] for name in edges.columns if name.startswith(":")})
    names = list(dict.fromkeys(name for entry in manifest["blocks"] for name in entry["values"]))
    for name in (called["weight"], *names):
        held = edges[clean(name)] if clean(name) in edges.columns else pl.Series([None], dtype=pl.String)
        held = held if len(held) == len(edges) else held.new_from_index(0, len(edges))
        edges = edges.with_columns(held.alias(name))
    blocks = blocks_of(path, manifest, {layer.name: layer for layer in layers}, edges, {})
    columns = {name: _vertex_column(manifest, vertices, name, kind) for name, kind in manifest["columns"].items()}
    return Graph(layers, blocks, columns, about.restored(manifest["meta"]))


def _vertex_column(manifest: about.Manifest, vertices: pl.DataFrame, name: str, kind: str) -> Array:
    title = "id" if name == "id" else f":{clean(name)}"
    given = vertices[title] if title in vertices.columns else pl.Series([None] * len(vertices), dtype=pl.String)
    if kind == "text":
        return restore(np.array(given.to_list(), dtype=object), manifest["replaced"].get(name, {}))
    if kind == "bool":
        return (given == "true").fill_null(False).to_numpy()
    return column(given.cast(pl.Int64 if name in POSITIONS else TYPES[kind]), name, kind)


# -- anybody's -------------------------------------------------------------------------------------------


def _anybodys(reader: Reader, vertices: pl.DataFrame, edges: pl.DataFrame) -> Graph:
    named = {"id": vertices["id"] if "id" in vertices.columns else pl.Series([], dtype=pl.String)}
    held = {name: vertices[f":{name}"] for name in _titles(vertices, named)}
    named |= {name: _typed(reader, "node", name, series) for name, series in held.items()}
    listed = {
        end: named["id"][edges[end]] if len(edges) else edges[end].cast(pl.String) for end in ("source", "target")
    }
    held = {name: edges[f":{name}"] for name in _titles(edges, listed)}
    listed |= {name: _typed(reader, "edge", name, series) for name, series in held.items()}
    listed = {name: values for name, values in listed.items() if name in _EDGE_TEXT or values.dtype != pl.String}
    if "weight" in listed:
        listed["weight"] = listed["weight"].cast(pl.Float64).fill_null(1.0)
    frames = [to_pandas_frame(pl.DataFrame({n: s.alias(n) for n, s in columns.items()})) for columns in (named, listed)]
    return Graph.from_pandas(frames[0], frames[1], directed=reader.directed)


_EDGE_TEXT = ("source", "target", "kind")
"""The columns of edges that may be text; others of text are left out, as edges carry numbers."""


def _titles(frame: pl.DataFrame, taken: dict[str, pl.Series]) -> list[str]:
    names = [name[1:] for name in frame.columns if name.startswith(":")]
    return [name for name in names if name not in taken]


def _typed(reader: Reader, what: str, name: str, text: pl.Series) -> pl.Series:
    """A column as the type that it was declared to be; left as text where it is not."""
    default = reader.defaults.get((what, name))
    text = text.fill_null(default) if default is not None else text
    kind = reader.types.get((what, name), "double" if name == "weight" else "string")
    if kind == "boolean" and not text.null_count():
        return pl.Series([_TRUTHS.get(value.lower(), False) for value in text.to_list()])
    if kind not in _NUMBERS:
        return text
    number = text.str.replace("^([+-]?)INF$", "${1}inf").cast(pl.Float64)
    return number if kind in ("float", "double") or text.null_count() else number.cast(pl.Int64)
