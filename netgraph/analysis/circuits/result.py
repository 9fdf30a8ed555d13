"""A circuit: the small part of a network's graph that does the work for a target."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from netgraph.analysis.circuits.evidence import Evidence, judged
from netgraph.analysis.circuits.explaining import inside
from netgraph.analysis.circuits.judging import Judge
from netgraph.analysis.circuits.protocol import CircuitNetwork, Mask
from netgraph.analysis.circuits.roles import pictures, roles
from netgraph.analysis.circuits.selection import Question
from netgraph.analysis.circuits.targets import resolve, take
from netgraph.analysis.path_table import PathTable
from netgraph.analysis.paths import paths
from netgraph.errors import AnalysisError
from netgraph.graph.graph import Graph

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False, repr=False)
class Circuit:
    """The edges that carry a target, with what they were chosen by.

    Attributes
    ----------
    settings : target, score, method, corrupted, granularity, edges asked for, before and after dangling ones went.
    question : the whole graph's edges, numbered through, and what they are ranked by.
    order : numbers of the edges in the order in which they join a circuit.
    chosen : numbers of this circuit's edges, rising.
    """

    settings: Mapping[str, Any]
    question: Question
    order: Array
    chosen: Array
    _net: CircuitNetwork
    _found_with: tuple[Any, Any]
    _judged_on: tuple[Any, Any, Any]
    _reference: Any
    _where: str
    _output: str | None
    _progress: Any = None

    @property
    def whole(self) -> Graph:
        """The graph that was chosen from: its edges carry ``score``, ``abs_score``, ``attribution`` …"""
        return self.question.edges.graph

    @cached_property
    def masks(self) -> tuple[Mask, ...]:
        """Which edges of ``whole`` were chosen, truths per block in the block's layout."""
        flat = np.zeros(self.question.edges.size, dtype=bool)
        flat[self.chosen] = True
        return self.question.edges.blocks(flat)

    @cached_property
    def graph(self) -> Graph:
        """Exactly the chosen edges and their vertices."""
        return self.whole.select(edges=self.masks)

    @property
    def provenance(self) -> dict[str, Any]:
        """In words what it is and, once :attr:`evidence` was asked for, how faithful; pages and tables show it."""
        s, known = self.settings, vars(self).get("evidence")
        told: dict[str, Any] = {
            "circuit_for": s["target_name"],
            "edges_kept": f"{len(self):,} of {len(self.whole.edges):,}",
            "chosen_by": f"score {s['score']}, method {s['method']}, cut edges carry: {s['corrupted']}",
        }
        if known is not None:
            told |= known.in_words()
        return told

    def __len__(self) -> int:
        """Number of edges."""
        return len(self.chosen)

    def __repr__(self) -> str:
        s = self.settings
        return (
            f"<Circuit for {s['target_name']}: {len(self):,} of {len(self.whole.edges):,} edges, {self.graph.n:,} of "
            f"{self.whole.n:,} vertices, score {s['score']!r}, method {s['method']!r}>"
        )

    @cached_property
    def scores(self) -> pd.DataFrame:
        """The chosen edges, largest |score| first: ``source``, ``target``, ``score``, ``abs_score``, ``weight``."""
        edges, ids = self.question.edges, self.whole.ids
        named = ("score", "abs_score", "weight")
        table = pd.DataFrame(
            {
                "source": ids[edges.source[self.chosen]],
                "target": ids[edges.target[self.chosen]],
                **{name: edges.values(name)[self.chosen] for name in named if name != "abs_score" or self._absolute},
            }
        )
        order = np.argsort(-self.question.key[self.chosen], kind="stable")
        return table.iloc[order].reset_index(drop=True)

    @property
    def _absolute(self) -> bool:
        return any("abs_score" in block.values for block in self.whole.blocks)

    @cached_property
    def evidence(self) -> Evidence:
        """The evidence with its curve, on the inputs that were held out, or on those that it was found with."""
        _, judge = self._judge()
        found = judged(
            self, judge, curve=True, samples=3, probes=20, seed=self.settings["seed"], progress=self._progress
        )
        return replace(found, settings={**found.settings, "judged_on": self._where})

    def paths(
        self,
        k: int = 1000,
        target: str | None = None,
        group: str | None = None,
        sign: str | None = None,
        inputs: Any = None,
        labels: Any = None,
        weight: str = "attribution",
    ) -> PathTable:
        """The strongest paths inside the circuit.

        At an input they have exact shares of the target's value there, the network run as it is: a_0·Π gated_weight
        along paths whose every edge is the circuit's (units), or shares of routes by masked runs (channels). Biases of
        the circuit's vertices start paths of their own. Where a target reads several logits (a centred one, a
        difference), paths into each of them count, by the slope that the target has there.

        Without an input, on a circuit for several, no product of edges is a share: the paths are a ranking alone, as
        ``attrs["rule"]`` says.

        Parameters
        ----------
        k : how many at most.
        target : id of the vertex where paths end, whose pre-activation is then shared; by default the circuit's target.
        group : "input" adds up all paths that differ in their first vertex only.
        sign : "positive" or "negative" keeps paths that speak for or against the target alone; only at an input.
        inputs : (1, …) one input; by default the one that the circuit was found with, where it was a single one.
        labels : (1,) the class of that input, where the target is every input's own class.
        weight : another edge column than "attribution" ranks by its product, as :func:`netgraph.paths` does.

        Returns
        -------
        PathTable : as of :func:`netgraph.paths`. At an input ``attrs`` hold ``target_value``, ``listed_share`` (the
            part of it that the listed paths hold) and ``circuit_share`` (that of all paths inside the circuit, which
            ``total`` and ``coverage`` are about). ``share`` is value / ``target_value``.

        Raises
        ------
        AnalysisError : several inputs; no class for an input that needs one; nothing flows at this input.

        Examples
        --------
        >>> import torch, netgraph as ng
        >>> model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1, bias=False))
        >>> model[0].weight.data, model[0].bias.data = torch.ones(2, 2), torch.tensor([0.0, -1.0])
        >>> model[2].weight.data = torch.tensor([[1.0, -2.0]])  # XOR: relu(x1 + x2) − 2·relu(x1 + x2 − 1)
        >>> x = torch.ones(1, 2)
        >>> found = ng.circuit(ng.trace(model, (2,)), x, corrupted="zero")
        >>> found.paths()["value"].tolist(), found.paths().attrs["total"]
        ([-2.0, -2.0, 2.0, 1.0, 1.0], 0.0)
        """
        given, own = (inputs, labels) if inputs is not None else self._found_with
        if weight == "attribution" and (inputs is not None or self.settings["inputs"] == 1):
            return inside(self, given, own, k, target, sign, group)
        end = target or self._output
        if end is None:
            raise AnalysisError("no layer of this graph stands for the target alone: name the vertex, paths(target=…)")
        return paths(self.graph, end, k=k, weight=weight, sign=sign, group=group)

    def vertices(self, inputs: Any = None, labels: Any = None, probes: int = 50) -> pd.DataFrame:
        """What each vertex of the circuit does, a row each.

        Parameters
        ----------
        inputs, labels : what is looked at, as in :func:`netgraph.faithfulness`; by default what the evidence is about.
        probes : so many vertices, those of the largest Σ|score|, have their ``effect`` measured: a run each.

        Returns
        -------
        A DataFrame: ``id``, ``layer``; ``edges_in``, ``edges_out`` (of the circuit) and ``score_in``, ``score_out``
        (their Σ|score|); ``activation`` (the mean); ``class`` (whose inputs drive it most: their mean against all
        others'), ``selectivity`` (that difference in standard deviations over all inputs), ``explained`` (η², the share
        of its variance that lies between classes); ``top_inputs`` (numbers of the 5 inputs with the largest activation,
        counted in ``inputs``); ``effect`` (by how much f falls when the edges of this vertex are taken out of the
        circuit, too). Classes are the labels, or the network's predictions.

        Examples
        --------
        >>> import torch, netgraph as ng
        >>> model = torch.nn.Linear(2, 2, bias=False).eval()
        >>> model.weight.data = torch.eye(2)
        >>> found = ng.circuit(ng.trace(model, (2,)), torch.eye(2), labels=[0, 1], target=0)
        >>> found.vertices()[["edges_in", "edges_out", "class", "selectivity", "effect"]]
           edges_in  edges_out  class  selectivity  effect
        0         0          1      0          2.0     0.5
        1         0          1      1          2.0     0.5
        2         1          0      0          2.0     0.5
        3         1          0      1          2.0     0.5
        """
        inputs, judge = self._judge(inputs, labels)
        activations = self._net.activations(inputs, str(self.settings["granularity"]))
        return roles(self, judge, activations, probes)

    def pictures(self, inputs: Any = None, labels: Any = None, shape: Sequence[int] | None = None) -> dict[str, Array]:
        """For each vertex behind the input the share that every pixel has of its activation: id -> (height, width).

        The mean over the inputs that the circuit is for (where labels, or predictions, say so), colours added up:
        gradient × input of the frozen network, through all of its edges; biases hold the rest. It takes a backward pass
        a vertex.

        Parameters
        ----------
        inputs, labels : what is averaged over; by default what the evidence is about.
        shape : (height, width) or (channels, height, width) of inputs that are pictures laid flat.

        Raises
        ------
        AnalysisError : inputs that are no pictures.

        Examples
        --------
        >>> import torch, netgraph as ng
        >>> model = torch.nn.Linear(4, 1, bias=False).eval()
        >>> model.weight.data = torch.tensor([[1.0, 2.0, 0.0, -1.0]])
        >>> found = ng.circuit(ng.trace(model, (4,)), torch.ones(1, 4), corrupted="zero")
        >>> list(found.pictures(shape=(2, 2)).values())[0].tolist()
        [[1.0, 2.0], [0.0, -1.0]]
        """
        if inputs is None:
            inputs, labels = self._judged_on[0], self._judged_on[1]
        logits = self._net.outputs(inputs)
        aim = resolve(self.settings["target"], logits, labels)
        return pictures(self, take(inputs, aim.rows, len(logits)), shape)

    def _judge(self, inputs: Any = None, labels: Any = None) -> tuple[Any, Judge]:
        """(inputs, a judge there): what the evidence is about, or others, whose counterfactuals are not known."""
        s, corrupted = self.settings, self._judged_on[2]
        if inputs is None:
            inputs, labels = self._judged_on[0], self._judged_on[1]
        elif not isinstance(corrupted, str):
            corrupted = "mean"
        return inputs, Judge(self._net, self.whole, inputs, labels, s["target"], corrupted, self._reference, s["seed"])

    def save(self, directory: str | os.PathLike[str]) -> Path:
        """Writes the circuit into a folder that :func:`netgraph.read_graph` reads.

        It holds the tables of its graph (edges with ``score`` and ``abs_score``), ``circuit.json`` with settings and
        evidence, its curve and areas too, and ``roles.csv``, the table of :meth:`vertices`. The folder appears whole or
        not at all; one that holds other files is refused.
        """
        from netgraph.analysis.circuits.saving import save

        return save(self, directory)
