"""What paths cost: the thousand best of 784-500-500-10 beside igraph's and scipy's, and graphs up to 10⁸ edges.

Processor time, one thread. Every answer is compared with the peers'. A length is −log|w|; the weights are as torch
makes them at first, uniform within 1/√(inputs), so no length is negative. The peers know one source only: where all
inputs may begin, a vertex before them stands for them. Making the peers' graphs is not counted, and shown beside.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import igraph
import numpy as np
import scipy.sparse as sp
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

import netgraph as ng

SHAPES = ((500, 784), (500, 500), (10, 500))
PROMISED = 1_000
SIDES = {10**5: 158, 10**6: 500, 10**7: 1_581, 10**8: 5_000}
"""Edges -> units of each layer of a chain of five."""
Routes = list[tuple[int, ...]]


def chain(shapes: tuple[tuple[int, int], ...]) -> ng.Graph:
    """A chain of dense layers, float32, as torch makes them."""
    rng = np.random.default_rng(0)
    weights = []
    for shape in shapes:
        weight = np.empty(shape, np.float32)
        for row in weight:
            row[:] = (2 * rng.random(shape[1], dtype=np.float32) - 1) / np.float32(np.sqrt(shape[1]))
        weights.append(weight)
    return ng.Graph.from_matrices(weights)


def lengths(graph: ng.Graph) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(source, target, length) of every edge, and of one from vertex n to every input."""
    matrix = sp.coo_array(graph.to_scipy("abs_weight"))
    length = -np.log(matrix.data.astype(np.float64))
    inputs = np.arange(graph.layers[0].size)
    return (
        np.concatenate([matrix.row, np.full(len(inputs), graph.n)]),
        np.concatenate([matrix.col, inputs]),
        np.concatenate([length, np.full(len(inputs), 1e-3)]),
    )


def with_igraph(graph: ng.Graph, source: int, target: int, k: int) -> tuple[float, float, Routes]:
    """(seconds to make the graph, seconds to search, paths)."""
    start = time.process_time()
    tail, head, length = lengths(graph)
    peer = igraph.Graph(n=graph.n + 1, edges=list(zip(tail.tolist(), head.tolist(), strict=True)), directed=True)
    listed, made = length.tolist(), time.process_time()
    found = peer.get_k_shortest_paths(source, target, k=k, weights=listed, mode="out", output="vpath")
    return made - start, time.process_time() - made, [tuple(path) for path in found]


def with_scipy(graph: ng.Graph, source: int, target: int, k: int) -> tuple[float, float, Routes]:
    """The same by scipy's Yen."""
    from scipy.sparse.csgraph import yen

    start = time.process_time()
    tail, head, length = lengths(graph)
    ends = (tail.astype(np.int32), head.astype(np.int32))
    matrix, made = sp.csr_array((length, ends), shape=(graph.n + 1, graph.n + 1)), time.process_time()
    _, before = yen(matrix, source, target, k, return_predecessors=True)
    took, routes = time.process_time() - made, []
    for row in before:
        path = [target]
        while path[-1] != source:
            path.append(int(row[path[-1]]))
        routes.append(tuple(path[::-1]))
    return made - start, took, routes


PEERS: dict[str, Callable[[ng.Graph, int, int, int], tuple[float, float, Routes]]] = {
    "igraph get_k_shortest_paths": with_igraph,
    "scipy csgraph.yen": with_scipy,
}


def ours(graph: ng.Graph, source: str | None, k: int, repeat: int) -> tuple[float, Routes]:
    """(median seconds of the whole call, paths)."""
    target = str(graph.ids[-3])
    times, found = [], ng.paths(graph, target, source, k=k)
    for _ in range(repeat):
        start = time.process_time()
        found = ng.paths(graph, target, source, k=k)
        times.append(time.process_time() - start)
    number = {vertex: i for i, vertex in enumerate(graph.ids)}
    return statistics.median(times), [tuple(number[v] for v in path) for path in found["vertices"]]


def beside_peers(table: Table, k: int, repeat: int, peers: list[str]) -> None:
    graph = chain(SHAPES)
    for source, what in ((None, "from any input"), (str(graph.ids[0]), "from one input")):
        took, mine = ours(graph, source, k, repeat)
        table.add_row(f"{k:,} best of {len(graph.edges):,} edges, {what}: netgraph", f"{took:.4f} s", "", "")
        for name in peers:
            made, peer, routes = PEERS[name](graph, graph.n if source is None else 0, graph.n - 3, k)
            routes = [path[1:] for path in routes] if source is None else routes
            same = sum(a == b for a, b in zip(mine, routes, strict=True))
            promised = f"≥ {PROMISED:,}" if name.startswith("igraph") and source is None else ""
            cells = (f"{peer:.2f} s, graph {made:.2f} s", f"{peer / took:,.0f} times; {same:,} of {k:,} the same")
            table.add_row(f"  {name}", *cells, promised)
    table.add_section()


def growing(table: Table, repeat: int) -> None:
    """Time for each edge, from 10⁵ to 10⁸."""
    ng.describe(chain(((9, 9),)))  # what is compiled once is not counted
    for edges, side in SIDES.items():
        graph = chain(((side, side),) * 4)
        took, _ = ours(graph, None, 1_000, min(repeat, 3))
        start = time.process_time()
        ng.describe(graph)
        described = time.process_time() - start
        cells = (f"{took:.3f} s", f"{took / len(graph.edges) * 1e9:.1f} ns an edge", "")
        table.add_row(f"1,000 best of {len(graph.edges):,} edges", *cells)
        table.add_row("  describe", f"{described:.3f} s", f"{described / edges * 1e9:.1f} ns an edge", "")


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench paths", description="What paths cost.")
    parser.add_argument("-k", type=int, default=1_000, help="how many paths (default 1000)")
    parser.add_argument("--repeat", type=int, default=5, help="runs of netgraph that count (default 5)")
    parser.add_argument("--peer", action="append", choices=tuple(PEERS), help="only this one")
    chosen = parser.parse_args()
    table = Table("what", "time", "figure", "goal", title="processor seconds, one thread")
    with threadpool_limits(1), Console(stderr=True).status("measuring"):
        beside_peers(table, chosen.k, chosen.repeat, chosen.peer or list(PEERS))
        growing(table, chosen.repeat)
    Console(width=140 if not sys.stdout.isatty() else None).print(table)


if __name__ == "__main__":
    main()
