"""Modules: whether the tests of modularity can be believed where there are none, and what they cost.

Calibration: networks of normal weights without modules, 24-24-24-24 (--nets of them, 39 samples each). With equal
strengths the p-values of the null `shuffle` are uniform (Kolmogorov-Smirnov, p-values spread over their steps). With
lognormal strengths `residual` rejects at most a tenth of them at .05, where `shuffle` has p near 1 and its warning
fires. With 85 % dead units |z| < 3 once `dead_tol=0.05` removes them, and a warning where it does not.

Speed, one thread each, ratios of one run: a sample of the n-cut's significance (shuffle, cluster, cut) beside a loop
that builds the adjacency matrix, has scikit-learn's SpectralClustering divide it and cuts; 100 samples of the
784-256×4-10 network on two processes, in processor time, which other work on the machine does not move; modules of
397,000 edges (784-500-10), the graph's building included, beside networkx' Louvain, and their quality beside the best
of ten runs of igraph's Leiden on the same objective.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from typing import NamedTuple

import igraph
import networkx as nx
import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from scipy.stats import kstest
from sklearn.cluster import SpectralClustering

import netgraph as ng
from netgraph.analysis.modules.quality import weighted_pairs
from netgraph.analysis.nulls import shuffle
from netgraph.analysis.structure import edge_lists

SMALL, WIDE = (24, 24, 24, 24), (40, 80, 80, 10)
MLP, STARTER = (784, 256, 256, 256, 256, 10), (784, 500, 10)
SAMPLES, K = 39, 4
STATISTICS = ("modularity", "ncut")


class Row(NamedTuple):
    """A line of the table: what was measured, the figure, what is promised, and whether it is kept."""

    what: str
    figure: str
    promised: str = ""
    kept: bool = True


class Made(NamedTuple):
    """A network without modules, and how it is tested."""

    seed: int
    sizes: tuple[int, ...]
    statistic: str
    null: str
    spread: float = 0.0
    dead: float = 0.0
    dead_tol: float = 0.0


def network(sizes: tuple[int, ...], seed: int = 0, spread: float = 0.0, dead: float = 0.0) -> ng.Graph:
    """Normal weights times the strengths of both ends, lognormal; a share of the hidden units next to nothing."""
    rng = np.random.default_rng(seed)
    strong = [np.exp(spread * rng.standard_normal(size)) for size in sizes]
    for hidden in strong[1:-1]:
        hidden[rng.random(len(hidden)) < dead] = 1e-3
    ends = itertools.pairwise(strong)
    weights = [rng.standard_normal((len(b), len(a))) * b[:, None] * a / np.sqrt(len(a)) for a, b in ends]
    return ng.Graph.from_matrices([weight.astype(np.float32) for weight in weights])


def tested(made: Made) -> pd.DataFrame:
    """The test of one such network."""
    graph = network(made.sizes, made.seed, made.spread, made.dead)
    k = K if made.statistic == "ncut" else None
    return ng.significance(graph, made.statistic, made.null, SAMPLES, k=k, seed=made.seed, dead_tol=made.dead_tol)


def column(tables: list[pd.DataFrame], null: str, name: str) -> np.ndarray:
    return np.array([table.loc[null, name] for table in tables])


def calibration(nets: int, pool: ProcessPoolExecutor) -> Iterator[Row]:
    """What the tests say of networks without modules."""
    for statistic in STATISTICS:
        tables = list(pool.map(tested, [Made(seed, SMALL, statistic, "shuffle") for seed in range(nets)], chunksize=4))
        p = column(tables, "shuffle", "p") - np.random.default_rng(0).random(nets) / (SAMPLES + 1)
        fit = kstest(p, "uniform").pvalue
        yield Row(
            f"{statistic}, equal strengths, {nets} nets: shuffle's p uniform, KS p", f"{fit:.3f}", "> .01", fit > 0.01
        )
        for null in ("residual", "shuffle"):
            tables = list(pool.map(tested, [Made(s, SMALL, statistic, null, 1.0) for s in range(nets)], chunksize=4))
            p = column(tables, null, "p")
            if null == "residual":
                share = float(np.mean(p <= 0.05))
                yield Row(f"{statistic}, lognormal: residual rejects at .05", f"{share:.1%}", "≤ 10 %", share <= 0.1)
            else:
                told = float(np.mean(["unequal strengths" in text for text in column(tables, null, "warnings")]))
                middle = float(np.median(p))
                yield Row(f"{statistic}, lognormal: shuffle's median p", f"{middle:.3f}", "near 1", middle > 0.9)
                yield Row(f"{statistic}, lognormal: shuffle's row warns", f"{told:.0%}", "100 %", told == 1)
        few = max(nets // 20, 2)
        for tolerance in (0.05, 0.0):
            dead = [Made(s, WIDE, statistic, "shuffle", 0.0, 0.85, tolerance) for s in range(few)]
            tables = list(pool.map(tested, dead))
            z = np.abs(column(tables, "shuffle", "z"))
            if tolerance:
                within = float(np.mean(z < 3))
                figure = f"median |z| {np.median(z):.1f}, largest {z.max():.1f}"
                yield Row(f"{statistic}, 85 % dead, dead_tol=.05, {few} nets", figure, "|z| < 3", within >= 0.9)
            else:
                told = float(np.mean(["dead units" in text for text in column(tables, "shuffle", "warnings")]))
                figure = f"median |z| {np.median(z):.1f}, warns {told:.0%}"
                yield Row(f"{statistic}, 85 % dead, as they are", figure, "warns", told == 1)


def seconds(work: Callable[[], object]) -> tuple[float, object]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def by_scikit_learn(graph: ng.Graph, seed: int) -> float:
    """A sample as the published code does it: adjacency matrix, SpectralClustering, n-cut."""
    made = shuffle(graph, seed)
    whole = np.zeros((graph.n, graph.n))
    for pair in weighted_pairs(made, "weight"):
        whole[pair.target.vertices, pair.source.vertices] = pair.matrix
        whole[pair.source.vertices, pair.target.vertices] = pair.matrix.T
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        labels = SpectralClustering(12, affinity="precomputed", random_state=seed).fit(whole).labels_
    one = np.eye(12)[labels]
    return float(np.sum(1 - np.einsum("ik,ij,jk->k", one, whole, one, optimize=True) / (whole.sum(axis=1) @ one)))


def ncut_samples(repeat: int) -> Iterator[Row]:
    """n-cut significance: one sample beside scikit-learn's, a hundred on two processes."""
    from netgraph.analysis.significance.sampling import Sent, work
    from netgraph.analysis.significance.statistics import Search

    graph = network(MLP)
    sent, search = Sent.of(graph), Search("ncut", "spectral", 12)
    work(sent, search, [("shuffle", 0)], 0)
    plain, ours, cuts = [], [], []
    for seed in range(repeat):
        took, theirs = seconds(lambda seed=seed: by_scikit_learn(graph, seed))
        plain.append(took)
        took, drawn = seconds(lambda seed=seed: work(sent, search, [("shuffle", seed)], 0))
        ours.append(took)
        cuts.append((theirs, drawn[0].value))
    ratio = statistics.median(plain) / statistics.median(ours)
    yield Row("n-cut sample of 784-256×4-10, times scikit-learn's loop", f"{ratio:.1f}", "≥ 10", ratio >= 10)
    theirs, own = np.mean(cuts, axis=0)
    yield Row("its mean n-cut, over scikit-learn's", f"{own / theirs:.4f}", "within 1 %", abs(own / theirs - 1) < 0.01)
    for statistic in ("ncut", "modularity"):
        before = processor_seconds()
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
            took, _ = seconds(lambda s=statistic, p=pool: ng.significance(graph, s, "shuffle", 100, executor=p))
        each = (processor_seconds() - before) / 2
        figure = f"{each:.1f} s (by the clock {took:.1f})"
        yield Row(f"100 samples of {statistic}, processor time of each of two cores", figure, "< 60 s", each < 60)


def processor_seconds() -> float:
    """Of this process and of those that it waited for."""
    return sum(time.ru_utime + time.ru_stime for time in map(getrusage, (RUSAGE_SELF, RUSAGE_CHILDREN)))


def communities(repeat: int) -> Iterator[Row]:
    """Modules of 397,000 edges, the graph's building included."""
    weights = [block.weight for block in network(STARTER).blocks]

    def ours() -> ng.Graph:
        return ng.modules(ng.Graph.from_matrices(weights), runs=1)

    def theirs() -> object:
        graph, start = nx.Graph(), 0
        for weight in weights:
            after = start + weight.shape[1]
            j, i = np.nonzero(weight)
            values = np.abs(weight[j, i]).tolist()
            graph.add_weighted_edges_from(zip((i + start).tolist(), (j + after).tolist(), values, strict=True))
            start = after
        return nx.community.louvain_communities(graph, seed=0)

    seconds(ours)
    took = [(seconds(theirs)[0], seconds(ours)[0]) for _ in range(repeat)]
    ratio = statistics.median(a for a, _ in took) / statistics.median(b for _, b in took)
    yield Row("modules of 784-500-10, times networkx' Louvain", f"{ratio:.1f}", "≥ 8", ratio >= 8)
    graph = ng.Graph.from_matrices(weights)
    edges = weighted_pairs(graph, "weight")
    residuals = [
        type(pair)(
            pair.source, pair.target, (pair.matrix - np.outer(pair.rows, pair.columns) / pair.total) / pair.total
        )
        for pair in edges
    ]
    sources, targets, values = edge_lists(residuals)
    listed = igraph.Graph(n=graph.n, edges=np.column_stack([sources, targets]))
    best = max(
        ng.modularity(
            graph, listed.community_leiden("CPM", weights=values.tolist(), resolution=0, n_iterations=-1).membership
        )
        for _ in range(10)
    )
    own = ng.modules(graph, runs=1).quality
    yield Row(
        "its quality, over the best of ten of igraph's Leiden", f"{own / best:.4f}", "≥ .995", own / best >= 0.995
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench modules", description=__doc__)
    parser.add_argument("--nets", type=int, default=200, help="networks of each calibration (default 200)")
    parser.add_argument("--repeat", type=int, default=5, help="runs that count (default 5)")
    parser.add_argument("--only", choices=("calibration", "ncut", "communities"), help="one part of it")
    chosen = parser.parse_args()
    if chosen.nets < 2 or chosen.repeat < 1:
        parser.error("--nets must be at least 2, --repeat at least 1")
    table, missed = Table("what", "figure", "promised", "", title="modules"), 0
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        parts = {
            "ncut": ncut_samples(chosen.repeat),
            "communities": communities(chosen.repeat),
            "calibration": calibration(chosen.nets, pool),
        }
        for name, rows in parts.items():
            for row in rows if chosen.only in (None, name) else ():
                Console(stderr=True).print(f"{row.what}: {row.figure}", highlight=False)
                table.add_row(row.what, row.figure, row.promised, "" if row.kept else "missed")
                missed += not row.kept
    Console(width=120).print(table)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
