"""What scripts/bench measures: ratios of one run, since absolute times differ from machine to machine.

A benchmark is a row of ``BENCHMARKS``: what the plain way and netgraph's way of doing the same thing are. Both are run
in turn, after one run each that does not count, and their medians are compared.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import nn

import netgraph as ng

Work = Callable[[Path], object]


@dataclass(frozen=True)
class Benchmark:
    """`prepare` gives (the plain way, netgraph's way): functions of an empty folder to write into."""

    what: str
    plain: str
    ours: str
    prepare: Callable[[], tuple[Work, Work]]
    promised: float


def export() -> tuple[Work, Work]:
    """The starter's network to tables on disk, biases as a column."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(784, 500), nn.ReLU(), nn.Linear(500, 10)).eval()

    def plain(folder: Path) -> None:
        vertices, edges, start = [], [], 0
        linears = [module for module in model if isinstance(module, nn.Linear)]
        for i in range(linears[0].in_features):
            vertices.append((i, "input", 0.0))
        for depth, linear in enumerate(linears):
            after = start + linear.in_features
            for j in range(linear.out_features):
                vertices.append((after + j, f"layer{depth}", linear.bias[j].item()))
                for i in range(linear.in_features):
                    edges.append((start + i, after + j, linear.weight[j, i].item()))
            start = after
        pd.DataFrame(vertices, columns=["id", "layer", "bias"]).to_csv(folder / "vertices.csv", index=False)
        pd.DataFrame(edges, columns=["source", "target", "weight"]).to_csv(folder / "edges.csv", index=False)

    def ours(folder: Path) -> None:
        ng.write_graph(ng.trace(model, (784,)).graph(), folder / "graph")

    return plain, ours


BENCHMARKS = {
    "export": Benchmark(
        "784-500-10 MLP, 397,000 edges, to CSV",
        "nested loops, .item(), pandas, to_csv",
        "trace, graph, write_graph (ids, manifest, sha256)",
        export,
        promised=30,
    ),
}
"""One row a benchmark."""


def measure(work: Work) -> float:
    """Seconds of one run in a folder of its own, once the disk has taken what earlier runs left it."""
    gc.collect()
    os.sync()
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        work(Path(folder))
        return time.perf_counter() - start


def compare(name: str, repeat: int) -> tuple[float, float]:
    """Median seconds of (the plain way, netgraph's way), run in turn."""
    plain, ours = BENCHMARKS[name].prepare()
    measure(plain), measure(ours)
    progress = track(range(repeat), description=name, console=Console(stderr=True), transient=True)
    times = [(measure(plain), measure(ours)) for _ in progress]
    return statistics.median(t for t, _ in times), statistics.median(t for _, t in times)


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Ratios of one run.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(BENCHMARKS)}; all when left out")
    parser.add_argument("--repeat", type=int, default=5, help="runs that count, of each way (default 5)")
    chosen = parser.parse_args()
    for name in chosen.names:
        if name not in BENCHMARKS:
            parser.error(f"unknown benchmark {name!r}; known: {', '.join(BENCHMARKS)}")
    if chosen.repeat < 1:
        parser.error("--repeat must be at least 1")
    table = Table("benchmark", "way", "median s", "ratio", "promised", title=f"medians of {chosen.repeat} runs")
    for name in chosen.names or BENCHMARKS:
        row = BENCHMARKS[name]
        plain, ours = compare(name, chosen.repeat)
        table.add_row(f"{name}: {row.what}", row.plain, f"{plain:.4f}", "1", "")
        table.add_row("", row.ours, f"{ours:.4f}", f"{plain / ours:.1f}", f"≥ {row.promised:g}", end_section=True)
    Console().print(table)


if __name__ == "__main__":
    main()
