"""Every error that netgraph raises on purpose.

    NetgraphError
    ├── ModelError              the network, or the file it should come from
    │   ├── LoadError           a file that is no network, or needs more than was given
    │   ├── RecordError         the model failed, or cannot be followed, while it ran once
    │   ├── UnsupportedOperation  an operation without a rule
    │   ├── OperationError      a rule for an operation that cannot be registered
    │   ├── InputError          an input that does not fit the network
    │   ├── ParameterError      parameters that are no plain numbers: quantised, sparse, complex, not there yet
    │   └── NonFiniteError      NaN or infinity in the weights, or in what flows
    ├── GraphError              a graph that contradicts itself
    │   ├── UnknownName         a vertex, layer, column, measure … that does not exist
    │   ├── TooManyEdges        a graph beyond the limit that was set
    │   └── TableError          a table or folder that cannot be read or written
    │       └── NoActivations   a graph that was written without any
    ├── AnalysisError           a question that this graph cannot answer
    └── RenderError             a page that cannot be made
    UserWarning
    └── NetgraphWarning         what is read, but not as one may think

Each message says what was wrong, where, what was expected and how to mend it. Those that are also a
``ValueError`` or ``KeyError`` in spirit inherit from it, so that plain Python code can catch them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class NetgraphError(Exception):
    """The root: ``except netgraph.NetgraphError`` catches all of them."""

    def __str__(self) -> str:  # KeyError would show the repr
        return str(self.args[0]) if self.args else ""


class ModelError(NetgraphError):
    """The network, or the file it should come from."""


class LoadError(ModelError, ValueError):
    """A file that is no network, or that needs more than was given."""


class RecordError(ModelError, RuntimeError):
    """The model failed, or cannot be followed, while it ran once."""


class UnsupportedOperation(ModelError, TypeError):
    """An operation that the table has no rule for."""


class OperationError(ModelError, ValueError):
    """A rule for an operation that cannot be registered."""


class ParameterError(ModelError, TypeError):
    """Parameters that are no plain numbers: quantised, sparse, complex, or not there yet."""


class InputError(ModelError, ValueError):
    """An input that does not fit the network."""


class NonFiniteError(ModelError, ValueError):
    """NaN or infinity in the weights, or in what flows at an input."""


class GraphError(NetgraphError, ValueError):
    """A graph that contradicts itself."""


class UnknownName(GraphError, KeyError):
    """A vertex, layer, column, measure or method that does not exist."""


class TooManyEdges(GraphError):
    """A graph with more edges than the limit that was set for it."""


class TableError(GraphError, OSError):
    """A table or folder that cannot be read or written."""


class NoActivations(TableError):
    """A graph beside which no activations were written."""


class AnalysisError(NetgraphError, ValueError):
    """A question that this graph cannot answer."""


class RenderError(NetgraphError, ValueError):
    """A page that cannot be made."""


class NetgraphWarning(UserWarning):
    """What netgraph does, but not as one may think: a model that looks at values, a detour through numpy."""


def unknown(kind: str, name: object, known: Iterable[str], where: str = "") -> UnknownName:
    """The error for a name that does not exist, with the nearest one that does.

    >>> str(unknown("measure", "pagerankk", ["katz", "pagerank"]))
    "unknown measure 'pagerankk': did you mean 'pagerank'? Known: katz, pagerank"
    """
    names = [str(k) for k in known]
    folded = {known.lower(): known for known in names}
    near = difflib.get_close_matches(str(name).lower(), folded, n=1, cutoff=0.5)
    hint = f"did you mean {folded[near[0]]!r}? " if near else ""
    shown = ", ".join(names[:12]) + (f", … ({len(names)} in all)" if len(names) > 12 else "")
    return UnknownName(f"unknown {kind} {str(name)!r}{where}: {hint}Known: {shown or 'none'}")
