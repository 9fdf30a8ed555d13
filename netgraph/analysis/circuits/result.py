"""A circuit: the small part of a network's graph that does the work for a target."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from netgraph.analysis.circuits.evidence import Evidence, judged
from netgraph.analysis.circuits.judging import Judge
from netgraph.analysis.circuits.protocol import CircuitNetwork, Mask
from netgraph.analysis.circuits.selection import Question
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
    _judged_on: tuple[Any, Any, Any]
    _reference: Any
    _where: str
    _output: str | None

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
        inputs, labels, corrupted = self._judged_on
        s = self.settings
        judge = Judge(self._net, self.whole, inputs, labels, s["target"], corrupted, self._reference, s["seed"])
        found = judged(self, judge, curve=True, samples=3, probes=20, seed=s["seed"])
        return replace(found, settings={**found.settings, "judged_on": self._where})

    def paths(self, k: int = 1000, target: str | None = None, **options: Any) -> pd.DataFrame:
        """The strongest paths inside the circuit, by :func:`netgraph.paths`; to the target's output unless told."""
        end = target or self._output
        if end is None:
            raise AnalysisError("no layer of this graph stands for the target alone: name the vertex, paths(target=…)")
        return paths(self.graph, end, k=k, **{"weight": "attribution", **options})

    def save(self, directory: str | os.PathLike[str]) -> Path:
        """Writes the circuit into a folder: the tables of its graph, and ``circuit.json`` with settings and evidence.

        The folder appears whole or not at all; one that holds other files is refused.
        """
        from netgraph.analysis.circuits.saving import save

        return save(self, directory)
