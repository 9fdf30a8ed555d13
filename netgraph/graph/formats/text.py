"""Text that every reader takes as it was written: what some cannot hold is replaced, and the manifest remembers it.

R cuts a text at NUL, XML has no control characters, no file has halves of characters (lone surrogates): each becomes
U+FFFD. R reads every line break in CSV as a line feed, so CSV has no other. Gephi takes a backslash for an escape:
before the comma or quote that ends a cell it would swallow the next one, so a space stands between.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from netgraph.errors import GraphError, TableError
from netgraph.graph.columns import plain_column
from netgraph.graph.graph import Block, Graph

Array = np.ndarray[Any, Any]

NOT_XML = "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]"
"""Characters that no XML 1.0 file may hold, in whatever disguise."""
INSTEAD = "\ufffd"


def storable(text: str) -> str:
    """Halves of characters (lone surrogates), which no file of text can hold, replaced."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def clean(text: str) -> str:
    """A text as files other than CSV hold it.

    >>> clean("a\\x00<b")
    'a\ufffd<b'
    """
    return re.sub(NOT_XML, INSTEAD, storable(text))


def clean_csv(text: str) -> str:
    """The same for CSV, where a line break is a line feed, and no backslash ends a text or stands before a quote.

    >>> clean_csv("two\\r\\nlines")
    'two\\nlines'
    """
    return re.sub(r'\\(?="|\Z)', r"\\ ", re.sub("\r\n?", "\n", clean(text)))


class Rule(NamedTuple):
    """How a format holds text."""

    clean: Callable[[str], str]
    suspect: str
    """Matches every text without lone surrogates that is changed, as polars' regular expressions go."""


AS_IT_IS = Rule(str, "^$.")  # the pattern matches nothing
TYPED = Rule(clean, NOT_XML)
CSV = Rule(clean_csv, NOT_XML.replace("]", "\r]") + r'|\\("|$)')


class Clean(NamedTuple):
    """A graph as a format can hold it.

    Attributes
    ----------
    graph : names and text cleaned; the very same graph where nothing had to be.
    replaced : column -> number of a vertex -> its text as it was; for the manifest.
    """

    graph: Graph
    replaced: dict[str, dict[str, str]]


def cleaned(graph: Graph, rule: Rule) -> Clean:
    """The graph with all names and text as `rule` has them.

    Raises
    ------
    TableError : names that are no longer different.
    """
    columns: dict[str, Any] = {}
    replaced: dict[str, dict[str, str]] = {}
    for name, values in graph.columns.items():
        column, were = clean_texts(plain_column(name, values), rule)
        _put(columns, rule.clean(name), column if were else values, "vertex columns")
        if were:
            replaced[name] = were
    names = {layer.name: rule.clean(layer.name) for layer in graph.layers}
    layers = tuple(
        layer
        if _same(rule, layer.name, layer.kind)
        else replace(layer, name=names[layer.name], kind=rule.clean(layer.kind))
        for layer in graph.layers
    )
    blocks = tuple(_block(block, rule) for block in graph.blocks)
    old = [*graph.layers, *graph.blocks]
    if not replaced and list(columns) == list(graph.columns) and all(map(operator.is_, old, [*layers, *blocks])):
        return Clean(graph, {})
    if len(set(names.values())) < len(names):
        raise _alike("layers", next(name for name in names.values() if list(names.values()).count(name) > 1))
    try:
        return Clean(replace(graph, layers=layers, blocks=blocks, columns=columns), replaced)
    except GraphError as error:
        raise TableError(f"{error} (once what not every tool can read is replaced)") from error


def clean_texts(column: Array, rule: Rule) -> tuple[Array, dict[str, str]]:
    """(the column cleaned, place -> text as it was where that is another); columns of numbers as they are."""
    if column.dtype != object:
        return column, {}
    texts = column.tolist()
    try:
        places = pl.Series(texts, dtype=pl.String).str.contains(rule.suspect).fill_null(False).arg_true().to_list()
    except UnicodeEncodeError:  # lone surrogates: rare, so that all texts may be looked at one by one
        places = [i for i, text in enumerate(texts) if text is not None and rule.clean(text) != text]
    made = column.copy() if places else column
    for i in places:
        made[i] = rule.clean(texts[i])
    return made, {str(i): texts[i] for i in places}


def restore(texts: Array, were: dict[str, str]) -> Array:
    """Put the texts back that :func:`clean_texts` replaced."""
    for at, text in were.items():
        texts[int(at)] = text
    return texts


def _block(block: Block, rule: Rule) -> Block:
    if _same(rule, block.source, block.target, block.kind, *block.values):
        return block
    values: dict[str, Any] = {}
    for name, value in block.values.items():
        _put(values, rule.clean(name), value, "values of edges")
    source, target, kind = (rule.clean(name) for name in (block.source, block.target, block.kind))
    return replace(block, source=source, target=target, kind=kind, values=values)


def _same(rule: Rule, *texts: str) -> bool:
    return all(rule.clean(text) == text for text in texts)


def _put(named: dict[str, Any], name: str, value: Any, what: str) -> None:
    if name in named:
        raise _alike(what, name)
    named[name] = value


def _alike(what: str, name: str) -> TableError:
    return TableError(f"two {what} are both called {name!r} once what not every tool can read is replaced; rename one")
