"""Graphs to files and back. ``FORMATS`` has a row per format."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Executor
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netgraph.errors import TableError
from netgraph.graph.filtering import keep
from netgraph.graph.formats.export import Export, Progress
from netgraph.graph.formats.profiles import profile_named

if TYPE_CHECKING:
    import pandas as pd

    from netgraph.graph.graph import Graph

FORMATS: dict[str, str] = {
    "": "netgraph.graph.formats.csv",  # a folder: vertices.csv, edges.csv, manifest.json
    ".parquet": "netgraph.graph.formats.parquet",  # a folder: vertices.parquet, edges/…, manifest.json
    ".gexf": "netgraph.graph.formats.gexf",  # the others are one file
    ".graphml": "netgraph.graph.formats.graphml",
    ".npz": "netgraph.graph.formats.npz",
}
"""Suffix of the path -> module with ``write(graph, path, export)``, ``read(path)`` and ``read_activations(path)``."""


def write_graph(
    graph: Graph,
    path: str | os.PathLike[str],
    activations: pd.DataFrame | None = None,
    overwrite: bool = True,
    profile: str = "default",
    top: int | None = None,
    threshold: float | None = None,
    layers: Sequence[str] | None = None,
    per_vertex: int | None = None,
    backbone: float | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write a graph to files that other tools open.

    What the path ends in says the format:

    - nothing: a folder of ``vertices.csv``, ``edges.csv`` (which R, Gephi, pandas, networkx and igraph open
      unchanged), ``manifest.json`` (what :func:`read_graph` needs to give back an equal graph, with a sha256 of every
      file), ``gates.csv`` where blocks have gates, and ``activations.csv`` where activations are given;
    - ``.parquet``: the same as a folder of Parquet files, for what is bigger than memory;
    - ``.gexf`` (Gephi), ``.graphml`` (networkx, igraph, yEd): one file, without gates and activations;
    - ``.npz``: one file of numpy arrays, the fastest way to keep a graph as it is, implicit blocks included.

    Whatever the format, it appears whole or not at all: a failure leaves what was there before.

    Parameters
    ----------
    path : where to write; folders on the way are made. A folder that holds other files is refused.
    activations : a table, one row per input, columns = vertex ids; those of layers that are left out are left out.
    overwrite : replace an export that is there; False refuses it.
    profile : names of the columns: "default"; "gephi" (weight = |weight|, with signed_weight and sign); "starter"
        (vertices ``id, label, layer``, edges ``from_id, to_id, weight``). Parquet has no "starter": there the ends are
        vertex numbers; .npz has no columns, and no profile but the default.
    top, threshold, layers, per_vertex, backbone : write only some of the edges: see
        :func:`netgraph.graph.filtering.keep`. All vertices stay, but those of layers that are not named. The rule, the
        number of edges and their share of Σ|weight| go to ``meta["selection"]``.
    executor : any ``concurrent.futures.Executor``, to make the parts of a Parquet folder; None: this process.
    progress : called with the number of edges that are written, and of all that will be.

    Returns
    -------
    Path : where it was written.

    Raises
    ------
    TableError : a target that holds other things, a name or id that other tools would misread, a full disk …
    UnknownName : a profile or a layer that does not exist.
    NonFiniteError : a weight that is NaN or infinite.

    >>> import tempfile, numpy as np
    >>> from netgraph.graph.graph import Graph
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     at = write_graph(Graph.from_matrices([np.eye(2)]), f"{folder}/out")
    ...     sorted(file.name for file in at.iterdir()), read_graph(at).n
    (['edges.csv', 'manifest.json', 'vertices.csv'], 4)
    """
    module = _module(path)
    columns = profile_named(profile)
    kept = None
    if not all(rule is None for rule in (top, threshold, layers, per_vertex, backbone)):
        kept = keep(graph, top=top, threshold=threshold, layers=layers, per_vertex=per_vertex, backbone=backbone)
        if activations is not None and layers is not None and hasattr(activations, "columns"):
            gone = set(graph.ids.tolist()).difference(kept.graph.ids.tolist())
            activations = activations[[name for name in activations.columns if str(name) not in gone]]
        graph = kept.graph.with_meta(selection=kept.summary())
    export = Export(activations, overwrite, columns, kept, executor, progress)
    written: Path = module.write(graph, Path(path), export)
    return written


def read_graph(path: str | os.PathLike[str]) -> Graph:
    """The graph that :func:`write_graph` wrote, equal in layers, blocks, columns and ``meta``.

    A folder that holds a plain pair of tables, ``vertices.csv`` (or ``nodes.csv``) with ``id`` and ``edges.csv`` (or
    ``links.csv``) with ``from_id, to_id, weight`` (or ``source, target, weight``), and GEXF or GraphML of other
    programs, are read as :meth:`Graph.from_pandas` reads tables.

    Raises
    ------
    TableError : nothing there, another schema, a file that was cut or changed since, doubled or dangling ids.
    UnknownName : a plain pair lacks a column, with the nearest one that is there.
    """
    graph: Graph = _module(path).read(Path(path))
    return graph


def read_activations(path: str | os.PathLike[str]) -> pd.DataFrame:
    """The activations that were written beside a graph: one row per input, columns = vertex ids.

    Raises
    ------
    NoActivations : there are none.
    TableError : they were changed since.
    """
    table: pd.DataFrame = _module(path).read_activations(Path(path))
    return table


def _module(path: str | os.PathLike[str]) -> Any:
    text = os.fspath(path)
    suffix = "" if text.endswith(("/", os.sep)) else Path(path).suffix.lower()
    if suffix not in FORMATS and Path(path).is_dir():
        suffix = ""
    if suffix not in FORMATS:
        known = ", ".join(name for name in FORMATS if name)
        raise TableError(
            f"{text}: no format for files ending in {suffix!r} (known: {known}); "
            "a path without a suffix, or with a slash at its end, is a folder of CSV tables"
        )
    return import_module(FORMATS[suffix])
