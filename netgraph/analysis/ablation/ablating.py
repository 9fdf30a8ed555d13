"""Cutting vertices or edges out of a network, one lesion after the other, beside random ones of the same layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from netgraph.analysis.ablation import matched
from netgraph.analysis.ablation.cuts import edge_cuts, refuse_namesakes, vertex_cuts
from netgraph.analysis.ablation.measures import Scale
from netgraph.analysis.ablation.result import Lesions
from netgraph.analysis.circuits.finding import GRANULARITIES
from netgraph.analysis.circuits.protocol import CircuitNetwork, Runs
from netgraph.analysis.circuits.targets import held, traced
from netgraph.analysis.statistics import discoveries
from netgraph.errors import AnalysisError, unknown
from netgraph.graph.flat import FlatEdges
from netgraph.graph.progress import counted

Array = np.ndarray[Any, Any]
Measured = tuple[Array, Array]
"""(measures,) of all inputs, (measures, classes) of each class's."""
Report = Callable[[int, int], object] | bool | None

LEAST = 19
"""Random sets: with fewer no p-value could reach 0.05."""
SAME = 1e-9
"""Relative difference up to which two lesions do the same."""


def ablate(
    net: CircuitNetwork,
    vertices: Any,
    inputs: Any,
    labels: Any = None,
    *,
    edges: Any = None,
    corrupted: Any = "mean",
    granularity: str = "channel",
    samples: int = LEAST,
    reference: Any = None,
    seed: int = 0,
    progress: Report = None,
) -> Lesions:
    """Cuts vertices or edges out of a network, and says what each lesion costs beside random ones of the same layers.

    A vertex is cut by cutting every edge that leaves it: whatever reads it is given its corrupted activation instead.

    Parameters
    ----------
    net : a traced network.
    vertices : an id; ids, each a lesion of its own; a mapping of names to ids, each a set that is cut together; labels
        by vertex id (a Series), ``Modules`` or a ``Circuit``, of which output vertices are left out; or None.
    inputs : (N, …) that the lesions are measured on.
    labels : (N,) class numbers; None takes what the whole network calls each input.
    edges : pairs of ids (source, target), each a lesion of its own; a mapping of names to pairs (or to circuits), each
        a set that is cut together; or a ``Circuit``, whose edges are cut: its knock-out.
    corrupted : what cut edges carry: "mean" of their source over ``reference``, "zero", "resample" (its value at
        another input), or inputs of the same number, a counterfactual for each.
    granularity : "channel" or "unit": what a vertex is.
    samples : random sets for each lesion, at least 19: as many vertices of every layer (edges of every block), never
        the lesion itself, each different. Lesions of the same layers and numbers share them.
    reference : (M, …) inputs that means and resampled activations come from; by default ``inputs``.
    seed : of every draw. The same seed gives the same tables, whatever else is cut in the same call.
    progress : True for a bar on stderr, or a function of (runs done, runs in all).

    Returns
    -------
    Lesions : ``table``, ``classes``, ``class_loss``, ``random``, ``settings``, ``save(directory)``.

    Raises
    ------
    UnknownName : a vertex, granularity or corruption that does not exist.
    AnalysisError : an output vertex, where no edge leaves; nothing to cut; labels that do not fit; too few samples.
    InputError : inputs that do not fit the network.

    Notes
    -----
    p = (1 + #{random sets that cost at least as much})/(samples + 1): small where the lesion matters more than chance
    would have it, close to 1 where it matters less. Phipson and Smyth (2010), Permutation p-values should never be
    zero. A set drawn at random has p ≤ α with a probability of at most α. z is that of the sample standard deviation.

    Examples
    --------
    >>> import torch, netgraph as ng
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 3, bias=False), torch.nn.ReLU(), torch.nn.Linear(3, 3))
    >>> for layer in (model[0], model[2]):
    ...     layer.weight.data = torch.eye(3)
    >>> lesions = ng.ablate(ng.trace(model, (3,)), "linear_0:2", torch.eye(3), labels=[0, 1, 2], corrupted="zero")
    >>> lesions.classes.round(1).values.tolist()  # class 2 is read off this unit alone
    [[0.0, 0.0, 1.0]]
    """
    if granularity not in GRANULARITIES:
        raise unknown("granularity", granularity, GRANULARITIES)
    if isinstance(samples, bool) or not isinstance(samples, (int, np.integer)) or samples < LEAST:
        raise AnalysisError(
            f"samples={samples!r}: a p-value needs at least {LEAST} random sets for each lesion; more make it finer"
        )
    traced(net)
    held(inputs)
    graph = net.graph(granularity)
    flat = FlatEdges(graph)
    cuts = [] if vertices is None else vertex_cuts(flat, vertices)
    cuts += [] if edges is None else edge_cuts(flat, edges)
    if not cuts:
        raise AnalysisError("nothing to cut: pass ids of vertices, or pairs of ids as edges=")
    refuse_namesakes(cuts)
    runs = net.masked_runs(inputs, granularity, corrupted, reference=reference, seed=seed, graph=graph)
    if runs.inputs == 1 and reference is None and runs.corrupted == "mean":
        raise AnalysisError(
            "the mean of a single input is itself, so that nothing would change: pass more inputs, reference= others, "
            "or corrupted='zero'"
        )
    scale = Scale(runs.run(None).logits, labels)
    matching = {
        "vertices": matched.of_vertices(flat, int(samples), seed),
        "edges": matched.of_edges(flat, int(samples), seed),
    }
    others = [matching[cut.what].sets(cut.members) for cut in cuts]
    sets = [
        (cut.what, members) for cut, (drawn, _) in zip(cuts, others, strict=True) for members in (cut.members, *drawn)
    ]
    found = iter(_measured(runs, graph.n, scale, sets, progress))
    rows, own, random = [], [], []
    for cut, (drawn, notes) in zip(cuts, others, strict=True):
        overall, by_class = next(found)
        values = np.array([next(found)[0] for _ in drawn]).reshape(-1, len(scale.measures))
        layers = ", ".join(matching[cut.what].names(cut.members))
        row = {"name": cut.name, "cut": cut.what, "size": len(cut.members), "layers": layers}
        row |= _against(overall, values, scale)
        rows.append(row | {"samples": len(drawn), "note": "; ".join((*cut.notes, *notes))})
        own.append(by_class)
        random += [(cut.name, i, *value) for i, value in enumerate(values.tolist())]
    index, columns = pd.Index([cut.name for cut in cuts], name="name"), pd.Index(scale.classes, name="class")
    table = pd.DataFrame(rows).set_index("name")
    for measure in scale.measures:
        after = list(table.columns).index(f"{measure}_p") + 1
        table.insert(after, f"{measure}_q", discoveries(table[f"{measure}_p"].to_numpy(dtype=np.float64)))
    return Lesions(
        table=table,
        classes=pd.DataFrame([classes[0] for classes in own], index, columns),
        class_loss=pd.DataFrame([classes[-1] for classes in own], index, columns),
        random=pd.DataFrame(random, columns=["name", "sample", *scale.measures]),
        settings={
            "corrupted": runs.corrupted,
            "granularity": granularity,
            "inputs": runs.inputs,
            "classes": "labels" if labels is not None else "predictions" if len(scale.classes) else None,
            **scale.whole,
            "samples": int(samples),
            "seed": seed,
        },
    )


def _measured(runs: Runs, n: int, scale: Scale, sets: Sequence[tuple[str, Array]], progress: Report) -> list[Measured]:
    """What each set costs; a set that comes again is not run again."""
    keys = [(what, members.tobytes()) for what, members in sets]
    found: dict[tuple[str, bytes], Measured] = {}
    with counted(progress, len(set(keys)), "lesions") as tick:
        for key, (what, members) in zip(keys, sets, strict=True):
            if key not in found:
                kept = np.ones(n if what == "vertices" else runs.size)
                kept[members] = 0
                found[key] = scale.measure(runs.run(runs.of_vertices(kept) if what == "vertices" else kept).logits)
                tick()
    return [found[key] for key in keys]


def _against(own: Array, random: Array, scale: Scale) -> dict[str, float]:
    """Every measure of a lesion beside those of its random sets."""
    row: dict[str, float] = {}
    for i, measure in enumerate(scale.measures):
        value, others = float(own[i]), random[:, i]
        row[measure] = value
        same = max(float(scale.noise[i]), SAME * max(abs(value), float(np.abs(others).max(initial=0))))
        mean = float(others.mean()) if len(others) else np.nan
        sd = float(others.std(ddof=1)) if len(others) > 1 else np.nan
        row[f"{measure}_mean"], row[f"{measure}_sd"] = mean, sd
        row[f"{measure}_z"] = (value - mean) / sd if sd > same else np.nan
        extreme = int(np.count_nonzero(others >= value - same))
        row[f"{measure}_p"] = (1 + extreme) / (len(others) + 1) if len(others) else np.nan
    return row
