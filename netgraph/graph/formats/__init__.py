"""Graphs to files and back. ``FORMATS`` has a row per format."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netgraph.errors import TableError

if TYPE_CHECKING:
    import pandas as pd

    from netgraph.graph.graph import Graph

FORMATS: dict[str, str] = {
    "": "netgraph.graph.formats.csv",  # a folder: vertices.csv, edges.csv, manifest.json
}
"""Suffix of the path -> module with ``write(graph, path, activations, overwrite, **options)`` and ``read(path)``."""


def write_graph(
    graph: Graph,
    path: str | os.PathLike[str],
    activations: pd.DataFrame | None = None,
    overwrite: bool = True,
    **options: Any,
) -> Path:
    """Write a graph to a folder of tables.

    The folder holds ``vertices.csv``, ``edges.csv`` (which R, Gephi, pandas, networkx and igraph open unchanged),
    ``manifest.json`` (what :func:`read_graph` needs to give back an equal graph, with a sha256 of every file),
    ``gates.csv`` where blocks have gates, and ``activations.csv`` where activations are given. It appears whole or
    not at all: a failure leaves what was there before.

    Parameters
    ----------
    path : a folder, made when it is missing. One that holds other files is refused.
    activations : a table, one row per input, columns = vertex ids.
    overwrite : replace an export that is there; False refuses it.

    Returns
    -------
    Path : where it was written.

    Raises
    ------
    TableError : a target that holds other things, a name or id that other tools would misread, a full disk …
    NonFiniteError : a weight that is NaN or infinite.

    >>> import tempfile, numpy as np
    >>> from netgraph.graph.graph import Graph
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     at = write_graph(Graph.from_matrices([np.eye(2)]), f"{folder}/out")
    ...     sorted(file.name for file in at.iterdir()), read_graph(at).n
    (['edges.csv', 'manifest.json', 'vertices.csv'], 4)
    """
    written: Path = _module(path).write(graph, Path(path), activations, overwrite, **options)
    return written


def read_graph(path: str | os.PathLike[str]) -> Graph:
    """The graph that :func:`write_graph` wrote, equal in layers, blocks, columns and ``meta``.

    Raises
    ------
    TableError : nothing there, another schema, a file that was cut or changed since, doubled or dangling ids.
    """
    graph: Graph = _module(path).read(Path(path))
    return graph


def read_activations(path: str | os.PathLike[str]) -> pd.DataFrame:
    """The activations that were written beside a graph: one row per input, columns = vertex ids.

    Raises
    ------
    TableError : there are none, or they were changed since.
    """
    table: pd.DataFrame = _module(path).read_activations(Path(path))
    return table


def _module(path: str | os.PathLike[str]) -> Any:
    text = os.fspath(path)
    folder = text.endswith(("/", os.sep)) or Path(path).is_dir()
    suffix = "" if folder else Path(path).suffix.lower()
    if suffix not in FORMATS:
        known = ", ".join(repr(name) for name in FORMATS if name) or "none"
        raise TableError(
            f"{text}: no format for files ending in {suffix!r} (known: {known}); "
            "a path without a suffix, or with a slash at its end, is a folder of CSV tables"
        )
    return import_module(FORMATS[suffix])
