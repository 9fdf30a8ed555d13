"""Vertex columns: from what a user hands over to plain arrays, and from those to polars and pandas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from netgraph.errors import GraphError, unknown
from netgraph.graph.graph import RESERVED

if TYPE_CHECKING:
    import pandas as pd

    from netgraph.graph.graph import Graph

Array = np.ndarray[Any, Any]


def vertex_column(graph: Graph, name: str, values: Any) -> Array:
    """Values for a vertex column in vertex order.

    Parameters
    ----------
    values : an array or list in vertex order, or a pandas Series indexed by vertex id (in any order).

    Raises
    ------
    GraphError : a wrong number of values, ids that are missing, doubled or unknown, or values of no plain kind.
    """
    if hasattr(values, "index") and hasattr(values, "reindex"):
        values = _aligned(graph, name, values)
    array = plain_column(name, values)
    if array.shape != (graph.n,):
        raise GraphError(f"vertex column {name!r} has shape {array.shape}, expected ({graph.n},): one value per vertex")
    return array


def plain_column(name: str, values: Any) -> Array:
    """A plain numpy array: numbers, truths, or objects that are text or None.

    Missing numbers become NaN, missing text None; pandas' nullable, categorical and text columns are unpacked.

    Raises
    ------
    GraphError : values of another kind, or text among numbers.
    """
    packed = hasattr(values, "dtype") and not isinstance(values.dtype, np.dtype)
    try:
        array = values.to_numpy(dtype=object, na_value=None) if packed else _array(values)
    except ValueError as error:  # lists of different lengths
        raise GraphError(
            f"vertex column {name!r} holds lists; expected one number, truth or text per vertex"
        ) from error
    if array.dtype.kind in "biuf":
        return array.astype(np.float64) if array.dtype.itemsize > 8 else array
    if array.dtype.kind in "OUT" and array.ndim == 1:
        entries = array.tolist()
        present = [entry for entry in entries if not _is_missing(entry)]
        if all(isinstance(entry, str) for entry in present):
            return np.array([None if _is_missing(entry) else entry for entry in entries], dtype=object)
        if not any(isinstance(entry, str) for entry in present):
            numbers = np.array([np.nan if _is_missing(entry) else entry for entry in entries])
            if numbers.dtype.kind in "biuf" and numbers.shape == array.shape:
                return numbers
    kinds = sorted({type(entry).__name__ for entry in array.flat})[:4]
    raise GraphError(f"vertex column {name!r} holds {', '.join(kinds)} values; expected numbers, truths or text")


def _array(values: Any) -> Array:
    if not isinstance(values, (list, tuple)) or not any(isinstance(entry, str) for entry in values):
        return np.asarray(values)
    array = np.empty(len(values), dtype=object)  # numpy's own type of text drops NUL characters at the end
    for i, entry in enumerate(values):
        array[i] = entry
    return array


def check_reserved(columns: Mapping[str, Any]) -> None:
    """Refuse ids that are no unique text, and places that are no whole numbers.

    Raises
    ------
    GraphError : with the first entry that is wrong.
    """
    if "id" in columns:
        ids = plain_column("id", columns["id"])
        if ids.dtype != object or any(entry is None for entry in ids):
            raise GraphError("vertex column 'id' holds what is no text; expected a text for every vertex")
        series = column_series("id", ids)
        if series.n_unique() < len(series):
            raise GraphError(
                f"vertex id {series.filter(series.is_duplicated())[0]!r} is there twice; ids must be unique"
            )
    for name in RESERVED[1:]:
        if name in columns:
            places = plain_column(name, columns[name])
            if places.dtype == object or not np.all((places >= -1) & (places == np.floor(places))):
                raise GraphError(
                    f"vertex column {name!r} says where a vertex stands in its layer: expected whole numbers from 0 "
                    "up, -1 for none; give yours another name"
                )


def column_series(name: str, values: Array) -> pl.Series:
    """A vertex column as polars; None is null, NaN stays NaN."""
    array = plain_column(name, values)
    if array.dtype != object:
        wide = array.astype(np.float32) if array.dtype == np.float16 else array
        return pl.Series(name, np.ascontiguousarray(wide))
    try:
        return pl.Series(name, array.tolist(), dtype=pl.String)
    except UnicodeEncodeError as error:
        raise GraphError(f"vertex column {name!r} holds text that is no Unicode: {error.object!r}") from error


def to_pandas_frame(frame: pl.DataFrame) -> pd.DataFrame:
    """polars to pandas by numpy alone: whole numbers with gaps become ``Int64``, text stays text."""
    import pandas as pd

    def column(series: pl.Series) -> Any:
        if series.dtype == pl.String:
            return text_array(np.asarray(series.to_numpy(), dtype=object))
        if series.null_count() and series.dtype.is_integer():
            gaps = series.is_null().to_numpy()
            return pd.arrays.IntegerArray(series.fill_null(0).to_numpy().astype(np.int64), gaps)
        return series.to_numpy(writable=True)

    return pd.DataFrame({series.name: column(series) for series in frame})


def text_array(values: Array) -> Any:
    """Text as pandas holds it by default: its own dtype from pandas 3 on, objects before."""
    import pandas as pd

    return pd.Series(values, dtype=pd.Series([""]).dtype).array


def _aligned(graph: Graph, name: str, values: pd.Series[Any]) -> pd.Series[Any]:
    import pandas as pd

    ids = graph.ids
    if len(values) == len(ids) and np.array_equal(values.index.to_numpy(dtype=object), ids):
        return values
    if values.index.has_duplicates:
        raise GraphError(f"vertex column {name!r}: {values.index[values.index.duplicated()][0]!r} is there twice")
    places = values.index.get_indexer(pd.Index(ids, dtype=object))
    if (places < 0).any():
        missing = ids[places < 0]
        raise GraphError(
            f"vertex column {name!r} has no value for {len(missing)} of {len(ids)} vertices, first {missing[0]!r}; "
            "index the Series by vertex id, or pass an array in vertex order (series.to_numpy())"
        )
    if len(values) > len(ids):
        strange = values.index.difference(list(ids))
        raise unknown("vertex", strange[0], ids, f" in vertex column {name!r}")
    return values.iloc[places]


def _is_missing(entry: Any) -> bool:
    return entry is None or type(entry).__name__ == "NAType" or (np.ndim(entry) == 0 and bool(entry != entry))
