"""Draws nulls and searches them, here or on an executor: the same figures wherever and in whatever order."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, as_completed
from typing import Any, NamedTuple

import numpy as np

from netgraph.analysis.nulls import NULLS
from netgraph.analysis.significance.statistics import STATISTICS, Search
from netgraph.graph.graph import Block, Graph, Layer

TASKS = 4
"""Pieces of work for each worker: none waits long for the last."""


class Drawn(NamedTuple):
    """The statistic of one null."""

    null: str
    number: int
    value: float


class Sent(NamedTuple):
    """A prepared graph as it travels: a Graph's mappings are read-only, which no process can send."""

    layers: tuple[Layer, ...]
    blocks: tuple[tuple[str, str, str, Any, str | None], ...]

    @staticmethod
    def of(graph: Graph) -> Sent:
        return Sent(graph.layers, tuple((b.source, b.target, b.kind, b.weight, b.shared_with) for b in graph.blocks))

    def graph(self) -> Graph:
        blocks = (
            Block(source, target, kind, weight, shared_with=tied) for source, target, kind, weight, tied in self.blocks
        )
        return Graph(self.layers, tuple(blocks), {})


Place = tuple[str, int]
"""Which null, and the number of the sample."""


def seed_of(seed: int, *place: int) -> int:
    """A seed of its own for every place: it depends on nothing else, neither on the order nor on how many there are."""
    return int(np.random.SeedSequence(seed, spawn_key=place).generate_state(1, np.uint64)[0] >> np.uint64(1))


def drawn(
    graph: Graph, search: Search, places: Sequence[Place], seed: int, executor: Executor | None
) -> Iterator[Drawn]:
    """The samples, as they are done."""
    if executor is None:
        for place in places:
            yield from work(Sent.of(graph), search, [place], seed)
        return
    sent = Sent.of(graph)
    workers = getattr(executor, "_max_workers", None) or os.cpu_count() or 1
    size = max(1, -(-len(places) // (TASKS * workers)))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sending large graph")  # Dask's: the graph is meant to be sent
        running: list[Future[list[Drawn]]] = [
            executor.submit(work, sent, search, list(places[i : i + size]), seed) for i in range(0, len(places), size)
        ]
    try:
        for future in as_completed(running):
            yield from future.result()
    finally:
        for future in running:
            future.cancel()


def work(sent: Sent, search: Search, places: Sequence[Place], seed: int) -> list[Drawn]:
    """Some of the samples: what an executor is given."""
    graph = sent.graph()
    run = STATISTICS[search.statistic].run
    found = []
    for null, number in places:
        own = seed_of(seed, 1, number)
        found.append(Drawn(null, number, run(NULLS[null](graph, own), search, own).value))
    return found
