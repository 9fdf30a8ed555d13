"""Which classes drive a module: its vertices' activations over classes, against random vertices of the same layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from netgraph.analysis.ablation.matched import of_vertices
from netgraph.analysis.circuits.roles import driven_by
from netgraph.analysis.circuits.targets import label_array
from netgraph.analysis.meaning.agreeing import NO_MODULE
from netgraph.analysis.statistics import discoveries
from netgraph.errors import AnalysisError
from netgraph.graph.flat import FlatEdges
from netgraph.graph.graph import Graph

Array = np.ndarray[Any, Any]


def selectivity(
    net: Any,
    labels: Any,
    inputs: Any,
    classes: Any,
    samples: int = 99,
    granularity: str = "channel",
    seed: int = 0,
) -> pd.DataFrame:
    """How far every module's vertices tell the classes of the inputs apart, against chance.

    A vertex's η² is the share of the variance of its activation that lies between the classes; a module's is the mean
    over its vertices that vary at all. Chance: as many vertices of every layer, drawn at random.

    Parameters
    ----------
    net : a traced network.
    labels : :class:`netgraph.Modules`, or a Series of module numbers by vertex id; -1 belongs to none.
    inputs, classes : (N, …), and their (N,) classes.
    samples : random sets for each module, 19 or more.
    granularity : of the graph that was divided.
    seed : of the draws.

    Returns
    -------
    A DataFrame, a row a module: ``size``, ``layers``, ``class`` (that drives most of its vertices, weighted by η²),
    ``class_share`` (of Σ η² that this class drives), ``selectivity`` (mean η²), of the random sets ``mean`` and ``sd``
    (ddof=1), ``z``, ``p`` = (1 + #at least as selective)/(sets + 1), ``q`` (Benjamini & Hochberg 1995, over modules);
    ``note`` where no other set exists.

    Raises
    ------
    AnalysisError : fewer than 19 samples; classes that do not fit; a single class; labels of other vertices.

    Examples
    --------
    >>> import numpy as np, torch, netgraph as ng
    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 2, bias=False))
    >>> model[0].weight.data = torch.eye(2)
    >>> net, x = ng.trace(model, (2,)), torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0], [0.0, 1.0]])
    >>> table = selectivity(net, [0, 1, 0, 1], x, [0, 0, 1, 1])  # the first input tells the classes
    >>> table["selectivity"].tolist()
    [1.0, 0.0]
    """
    if samples < 19:
        raise AnalysisError(f"samples is {samples}; a p-value of 0.05 needs at least 19 random sets")
    graph: Graph = net.graph(granularity)
    number = _by_vertex(graph, labels)
    values = net.activations(inputs, granularity)[graph.ids.tolist()].to_numpy(dtype=np.float64)
    truth = label_array(classes, len(values))
    if len(np.unique(truth)) < 2:
        raise AnalysisError("all inputs are of one class: selectivity tells classes apart, pass inputs of several")
    driver, _, explained = driven_by(values, truth)
    driving = driver.to_numpy(dtype=np.float64, na_value=np.nan)
    matching = of_vertices(FlatEdges(graph), samples, seed)
    rows = []
    for module in np.unique(number[number != NO_MODULE]):
        members = np.flatnonzero(number == module)
        others, notes = matching.sets(members)
        own, chance = _mean(explained[members]), np.array([_mean(explained[drawn]) for drawn in others])
        share = pd.Series(explained[members]).groupby(driving[members]).sum()
        held = float(share.sum())
        spread = float(chance.std(ddof=1)) if len(chance) > 1 else np.nan
        rows.append(
            {
                "module": module,
                "size": len(members),
                "layers": len(matching.names(members)),
                "class": int(share.index.to_numpy()[int(share.to_numpy().argmax())]) if held > 0 else pd.NA,
                "class_share": float(share.max()) / held if held > 0 else np.nan,
                "selectivity": own,
                "mean": float(chance.mean()) if len(chance) else np.nan,
                "sd": spread,
                "z": (own - float(chance.mean())) / spread if len(chance) > 1 and spread > 0 else np.nan,
                "p": (1 + int((chance >= own - 1e-12).sum())) / (len(chance) + 1) if len(chance) else np.nan,
                "note": "; ".join(notes),
            }
        )
    table = pd.DataFrame(rows).set_index("module")
    table.insert(list(table.columns).index("p") + 1, "q", discoveries(table["p"].to_numpy()))
    return table


def _by_vertex(graph: Graph, labels: Any) -> Array:
    labels = getattr(labels, "labels", labels)
    if not isinstance(labels, pd.Series):
        array = np.asarray(labels)
        if array.shape != (graph.n,):
            raise AnalysisError(f"labels have shape {array.shape}, the graph has {graph.n} vertices")
        return array
    lost = labels.index.difference(pd.Index(graph.ids))
    if len(lost):
        raise AnalysisError(f"label of {lost[0]!r}: no vertex of this network at this granularity= has that id")
    found: Array = labels.reindex(graph.ids).fillna(NO_MODULE).to_numpy().astype(np.int64)
    return found


def _mean(values: Array) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else 0.0
