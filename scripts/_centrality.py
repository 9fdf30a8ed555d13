"""What centralities cost beside networkx, igraph, networkit, scipy and scikit-network: ratios of one run.

Everything runs on one thread and is measured in seconds of the processor. The peers get |weight| as they like it best;
making their graphs is not counted, and shown in the last table. networkit and scikit-network are installed into a
temporary folder when they are not there. Each peer's answer is held against ours.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import igraph
import networkx as nx
import numpy as np
import scipy.sparse as sp
from rich.console import Console
from rich.table import Table

import netgraph as ng

ROOT = Path(__file__).resolve().parent.parent
Figures = dict[str, Any]
PROMISED = {
    "strength": 1.0,
    "pagerank": 15.0,
    "katz": 15.0,
    "betweenness, weighted": 12.0,
    "betweenness, edges": 50.0,
    "betweenness, edges, half pruned": 50.0,
    "closeness": 10.0,
}
CHEAP = ("strength", "pagerank", "katz")


def seconds(work: Callable[[], Any], repeat: int = 5, warm: bool = True) -> tuple[float, Any]:
    """(least seconds of the processor, the answer). Short work, of anyone, is repeated for a fifth of a second."""
    if warm:
        work()
    times: list[float] = []
    answer = None
    while len(times) < repeat or (warm and sum(times) < 0.2):
        start = time.process_time()
        answer = work()
        times.append(time.process_time() - start)
    return min(times), answer


def layered(width: int, keep: float = 1.0) -> ng.Graph:
    rng = np.random.default_rng(0)
    weights = [rng.standard_normal((width, width)).astype(np.float32) for _ in range(4)]
    return ng.Graph.from_matrices([w * (rng.random(w.shape) < keep) if keep < 1 else w for w in weights])


class Peers:
    """The other libraries' graphs of the same |weights|, and what they answer."""

    def __init__(self, graph: ng.Graph, listed: bool = True) -> None:
        tables = graph.to_scipy("abs_weight").tocoo()
        self.n, self.built = graph.n, {}
        self.rows, self.columns = tables.row.astype(np.int64), tables.col.astype(np.int64)
        self.values = tables.data.astype(np.float64)
        self.deep = np.repeat(np.arange(len(graph.layers)), [layer.size for layer in graph.layers])
        self.into = self._build(
            "scipy", lambda: sp.csr_array((self.values, (self.columns, self.rows)), shape=2 * (self.n,))
        )
        self.out = self.into.T.tocsr()
        # −log|w|, the same constant added for every layer climbed: best paths stay the best, and no cost is negative
        steps = self.deep[self.columns] - self.deep[self.rows]
        self.costs = (np.log(self.values.max()) + 0.001) * steps - np.log(self.values)
        self.lengths = 1 / self.values
        self.networkit = _imported("networkit")
        self.sknetwork = _imported("sknetwork.ranking")
        if self.networkit:
            self.networkit.setNumberOfThreads(1)
            self.kit = self._build("networkit", lambda: self._kit(self.values))
        self.igraph = None
        if listed:
            ends = lambda: list(zip(self.rows.tolist(), self.columns.tolist(), strict=True))  # noqa: E731
            self.igraph = self._build("igraph", lambda: igraph.Graph(n=self.n, edges=ends(), directed=True))

    def _build(self, name: str, make: Callable[[], Any]) -> Any:
        self.built[name], made = seconds(make, 1, warm=False)
        return made

    def _kit(self, values: Any) -> Any:
        ends = (self.rows.astype(np.uint64), self.columns.astype(np.uint64))
        return self.networkit.GraphFromCoo((values, ends), n=self.n, weighted=True, directed=True)

    def ways(self, measure: str) -> dict[str, Callable[[], Any]]:
        """Library -> its way to the measure."""
        kit = self.networkit.centrality if self.networkit else None
        found: dict[str, Callable[[], Any]] = {}
        g, values = self.igraph, self.values.tolist() if self.igraph else None
        if measure == "strength":
            found["scipy"] = lambda: self.into.sum(axis=0) + self.into.sum(axis=1)
            if g:
                found["igraph"] = lambda: g.strength(weights=values)
        if measure == "pagerank":
            found["scipy"] = self._power
            if g:
                found["igraph"] = lambda: g.pagerank(weights=values)
            if kit:
                found["networkit"] = lambda: kit.PageRank(self.kit, 0.85, 1e-10).run().scores()
            if self.sknetwork:
                matrix = sp.csr_matrix(self.out)  # it knows no other
                found["scikit-network"] = lambda: self.sknetwork.PageRank(tol=1e-10, n_iter=100).fit_predict(matrix)
        if measure == "katz":
            found["scipy"] = self._katz
            if kit:
                found["networkit"] = lambda: kit.KatzCentrality(self.kit, 0.1, 1.0, 1e-10).run().scores()
        if measure == "betweenness, weighted":
            costs = self.costs.tolist()
            found["igraph"] = lambda: g.betweenness(weights=costs)
            if kit:
                costly = self._kit(self.costs)
                found["networkit"] = lambda: kit.Betweenness(costly).run().scores()
        if measure.startswith("betweenness, edges"):
            found["igraph"] = lambda: g.betweenness()
            if kit:
                plain = self.networkit.graphtools.toUnweighted(self.kit)
                found["networkit"] = lambda: kit.Betweenness(plain).run().scores()
        if measure == "closeness":
            lengths = self.lengths.tolist()
            found["igraph"] = lambda: g.closeness(weights=lengths, mode="in")
            if kit:
                turned = self._kit(self.lengths)
                found["networkit"] = lambda: (
                    kit.Closeness(turned, False, kit.ClosenessVariant.GENERALIZED).run().scores()
                )
        return found

    def _power(self) -> Any:
        """networkx's iteration, without making its matrix."""
        leaving = np.asarray(self.out.sum(axis=1)).ravel()
        scale = np.divide(1.0, leaving, out=np.zeros(self.n), where=leaving > 0)
        x = np.full(self.n, 1 / self.n)
        while True:
            before, x = x, 0.85 * (self.into @ (x * scale) + x[leaving == 0].sum() / self.n) + 0.15 / self.n
            if np.abs(x - before).sum() < 1e-10:
                return x

    def _katz(self) -> Any:
        x = np.ones(self.n)
        while True:
            before, x = x, 0.1 * (self.into @ x) + 1
            if np.array_equal(before, x):
                return x


OURS: dict[str, tuple[str, str | None, dict[str, Any]]] = {
    "strength": ("strength", "weight", {}),
    "pagerank": ("pagerank", "weight", {}),
    "katz": ("katz", "weight", {"normalized": False}),
    "betweenness, weighted": ("betweenness", "weight", {"normalized": False}),
    "betweenness, edges": ("betweenness", None, {"normalized": False}),
    "betweenness, edges, half pruned": ("betweenness", None, {"normalized": False}),
    "closeness": ("closeness", "weight", {}),
}
COMPARED = {"strength", "pagerank", "betweenness, weighted", "betweenness, edges", "betweenness, edges, half pruned"}
"""Where the peers' numbers are the same thing: Katz and closeness are normalised in other ways."""


def beside(graph: ng.Graph, peers: Peers, measures: list[str]) -> dict[str, Figures]:
    """Measure -> our seconds, each peer's, the best one's name, the largest relative difference from it."""
    found = {}
    for measure in measures:
        name, weight, options = OURS[measure]
        ours, answer = seconds(lambda: ng.centrality(graph, name, weight=weight, **options))  # noqa: B023
        row: Figures = {"ours": ours}
        slow = measure not in CHEAP
        for library, way in peers.ways(measure).items():
            row[library], theirs = seconds(way, 1 if slow else 5, warm=not slow)
            if measure in COMPARED and library != "scikit-network":
                gap = np.abs(np.asarray(theirs, dtype=float) - answer.to_numpy())
                row[f"{library} differs"] = float(
                    np.max(gap / np.maximum(np.abs(answer), 1e-12 * np.abs(answer).max()))
                )
        libraries = [key for key in row if key != "ours" and not key.endswith("differs")]
        row["best"] = min(libraries, key=lambda library: row[library])
        row["ratio"] = row[row["best"]] / ours
        found[measure] = row
    return found


def through_networkx() -> Figures:
    """nx.pagerank on a 784-500-10 MLP and on networkx's own graph of the same |weights|."""
    rng = np.random.default_rng(0)
    shapes = ((500, 784), (10, 500))
    graph = ng.Graph.from_matrices([rng.standard_normal(shape).astype(np.float32) for shape in shapes])
    from netgraph.analysis.backend import convert_to_nx

    ours, answer = seconds(lambda: nx.pagerank(graph), 20)
    built, own = seconds(lambda: convert_to_nx(graph), 1, warm=False)
    theirs, expected = seconds(lambda: nx.pagerank(own, tol=1e-10), 2)
    gap = max(abs(answer[v] - expected[v]) / expected[v] for v in expected)
    return {"ours": ours, "networkx": theirs, "ratio": theirs / ours, "differs": gap, "built": built}


def scaling() -> list[Figures]:
    """Katz from 1e5 to 1e8 edges beside BLAS's product of the same matrices; bytes held and at peak."""
    rows = []
    for width in (160, 500, 1600, 5000):
        graph = layered(width)
        weights = [block.weight for block in graph.blocks]
        x = np.ones(width, dtype=np.float32)
        blas, _ = seconds(lambda: [w @ x for w in weights], 9)  # noqa: B023
        held = sum(w.nbytes for w in weights)
        row: Figures = {"edges": 4 * width**2, "held": held / (4 * width**2)}
        for measure in CHEAP:
            row[measure], _ = seconds(lambda: ng.centrality(graph, measure), 9)  # noqa: B023
        row["blas"] = blas
        rows.append(row)
    return rows


PEAK = """
import sys
import numpy as np, netgraph as ng
sys.path.insert(0, {scripts!r})
def peak():  # since the program began; getrusage remembers what the parent held
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024
small = ng.Graph.from_matrices([np.ones((3, 3), np.float32)])
for measure in ("strength", "pagerank", "katz"): ng.centrality(small, measure)
before = peak()
{make}
made = peak()
for measure in ("strength", "pagerank", "katz"):
    assert np.isfinite(ng.centrality(graph, measure)).all()
print(before, made, peak(), len(graph.edges))
"""
DENSE = """
rng = np.random.default_rng(0)
graph = ng.Graph.from_matrices([rng.standard_normal((5000, 5000), dtype=np.float32) for _ in range(4)])
"""
RESNET = """
from netgraph.network.vision import load_torchvision
torchvision = load_torchvision()
graph = ng.trace(torchvision.models.resnet18(weights=None).eval(), (3, 224, 224)).graph(granularity="unit")
"""


def memory(make: str) -> Figures:
    """Bytes of a process of its own: before the graph, with it, at the peak of three measures; seconds of all."""
    code = PEAK.format(make=make, scripts=str(ROOT / "scripts"))
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, made, top, edges = map(int, done.stdout.split())
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "before": before,
        "made": made,
        "peak": top,
        "edges": edges,
        "wall": time.perf_counter() - start,
        "cpu": spent.ru_utime + spent.ru_stime,
    }


def _imported(name: str) -> Any:
    try:
        return __import__(name, fromlist=["_"])
    except ImportError:
        return None


def install_peers(folder: str) -> None:
    """networkit and scikit-network, where they are missing, for this run only."""
    missing = [
        pip for pip, name in (("networkit", "networkit"), ("scikit-network", "sknetwork")) if not _imported(name)
    ]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--target", folder, "-c", str(ROOT / "scripts" / "constraints.txt"), *missing]
    if missing and subprocess.call(command, stdout=sys.stderr) == 0:
        sys.path.append(folder)


def resnet50() -> ng.Graph:
    from netgraph.network.vision import load_torchvision

    model = load_torchvision().models.resnet50(weights=None).eval()
    return ng.trace(model, (3, 224, 224)).graph(granularity="channel")


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench centrality", description="Centralities beside five libraries.")
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--quick", action="store_true", help="only 4 times 512 by 512, no networks")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder, Console(stderr=True).status("measuring"):
        install_peers(folder)
        dense = layered(512)
        peers = Peers(dense)
        figures["4×512²"] = beside(dense, peers, [m for m in OURS if not m.endswith("pruned")])
        built = {"4×512²": peers.built}
        half = layered(512, 0.5)
        figures["4×512²"] |= beside(half, Peers(half), ["betweenness, edges, half pruned"])
        if not chosen.quick:
            large = layered(1024)
            peers = Peers(large)
            figures["4×1024²"] = beside(large, peers, list(CHEAP))
            built["4×1024²"] = peers.built
            channels = resnet50()
            peers = Peers(channels, listed=False)
            figures["resnet50, channels"] = beside(channels, peers, list(CHEAP))
            built["resnet50, channels"] = peers.built
            figures["scaling"] = scaling()
            figures["memory"] = {"1e8 edges, dense": memory(DENSE), "resnet18 at 224², units": memory(RESNET)}
        figures["networkx"] = through_networkx()
        figures["built"] = built
    if chosen.json:
        print(json.dumps(figures))
        return 0
    show(figures)
    return 0


def show(figures: Figures) -> None:
    console = Console(width=118)
    table = Table(
        "graph", "measure", "ours", "best peer", "ratio", "goal", "all peers (ms)", title="seconds of one core"
    )
    for name in ("4×512²", "4×1024²", "resnet50, channels"):
        for measure, row in figures.get(name, {}).items():
            rest = ", ".join(
                f"{key} {1e3 * value:.1f}"
                for key, value in row.items()
                if isinstance(value, float) and key not in ("ours", "ratio") and not key.endswith("differs")
            )
            table.add_row(
                name,
                measure,
                f"{1e3 * row['ours']:.2f} ms",
                row["best"],
                f"{row['ratio']:.1f}",
                f"≥ {PROMISED[measure]:g}",
                rest,
            )
    console.print(table)
    row = figures["networkx"]
    console.print(
        f"nx.pagerank, 397,000 edges: {1e3 * row['ours']:.2f} ms, networkx's own {1e3 * row['networkx']:.0f} ms, "
        f"ratio {row['ratio']:.0f} (goal ≥ 300), largest relative difference {row['differs']:.1e}"
    )
    if "scaling" in figures:
        table = Table("edges", "B/edge held", *CHEAP, "BLAS W·x", "Katz / BLAS", title="ms; goal of the last ≥ 60 %")
        for row in figures["scaling"]:
            times = [f"{1e3 * row[key]:.2f}" for key in (*CHEAP, "blas")]
            table.add_row(f"{row['edges']:,}", f"{row['held']:.1f}", *times, f"{100 * row['blas'] / row['katz']:.0f} %")
        console.print(table)
        for name, row in figures["memory"].items():
            console.print(
                f"{name}: {row['edges']:,} edges; process {row['before'] / 1e6:.0f} MB before, "
                f"{row['made'] / 1e6:.0f} MB with the graph, {row['peak'] / 1e6:.0f} MB at the peak of "
                "strength, PageRank and Katz: "
                f"{(row['peak'] - row['before']) / row['edges']:.2f} B/edge"
            )
    differs = {
        f"{name}, {measure}, {key.removesuffix(' differs')}": value
        for name in ("4×512²", "4×1024²", "resnet50, channels")
        for measure, row in figures.get(name, {}).items()
        for key, value in row.items()
        if key.endswith("differs")
    }
    console.print("largest relative differences:", {name: f"{value:.0e}" for name, value in differs.items()})
    console.print("seconds to make the peers' graphs:", figures["built"])


if __name__ == "__main__":
    sys.exit(main())
