"""What tables cost: CSV beside a plain loop and beside polars alone, Parquet at 10⁸ edges, a ResNet-18 unit by unit.

Every measurement runs in a fresh process. Times of CSV are medians of several runs after one that does not count;
processor time is that of all threads; memory is the most that a process held (VmHWM) above what it held (VmRSS) before,
with the weights in memory.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

import netgraph as ng

MLP = ((500, 784), (10, 500))
EDGES = 397_000
SIDE = 5_000
SLICE = ("input", "conv1")
"""Layers of the ResNet-18 whose edges are exported: its first convolution, 116 million edges between units."""
Figures = dict[str, float]
Run = Callable[[Path], object]


# -- what is measured ------------------------------------------------------------------------------------------


def csv_plain(repeat: int) -> Figures:
    """Nested loops, .item(), pandas, to_csv."""
    from _benchmarks import export

    return {"seconds": median(export()[0], repeat)}


def csv_ours(repeat: int) -> Figures:
    """trace, graph, write_graph: ids, positions, manifest, sha256, to the disk."""
    from _benchmarks import export

    return {"seconds": median(export()[1], repeat)}


def csv_writing(repeat: int) -> Figures:
    """write_graph alone."""
    graph = mlp()
    return {"seconds": median(lambda folder: ng.write_graph(graph, folder / "graph"), repeat)}


def csv_polars(repeat: int) -> Figures:
    """The same columns, ready-made, by polars alone, to the disk: no ids to make, no manifest, no hash."""
    vertices, edges = columns(mlp())

    def write(folder: Path) -> None:
        for name, frame in (("vertices.csv", vertices), ("edges.csv", edges)):
            with (folder / name).open("wb") as file:
                frame.write_csv(file)
                file.flush()
                os.fsync(file.fileno())

    return {"seconds": median(write, repeat)}


def parquet_mlp(_: int) -> Figures:
    """Bytes an edge of the same network as Parquet."""
    with tempfile.TemporaryDirectory() as folder:
        at = ng.write_graph(mlp(), Path(folder) / "graph.parquet")
        size = sum(file.stat().st_size for file in (at / "edges").rglob("*.parquet"))
    return {"bytes": size / EDGES}


def parquet_dense(_: int) -> Figures:
    """10⁸ edges of dense blocks as Parquet, in this process."""
    rng = np.random.default_rng(0)
    blocks = [np.empty((SIDE, SIDE), np.float32) for _ in range(4)]
    for block in blocks:
        for row in block:
            row[:] = rng.standard_normal(SIDE, dtype=np.float32)
    graph = ng.Graph.from_matrices(blocks)
    return exported(graph) | {"edges": len(graph.edges)}


def resnet_size(_: int) -> Figures:
    """How big a ResNet-18 at 224² is between units: what --dry-run says."""
    size = resnet().size("unit")
    return {"edges": size.edges}


def resnet_slice(_: int) -> Figures:
    """The edges into its first convolution as Parquet; the memory is the whole process's."""
    graph = resnet().graph(granularity="unit")
    figures = exported(graph, layers=SLICE)
    return figures | {"edges": figures.pop("rows"), "peak": held("VmHWM")}


WORK: dict[str, Callable[[int], Figures]] = {
    work.__name__: work
    for work in (
        csv_plain,
        csv_ours,
        csv_writing,
        csv_polars,
        parquet_mlp,
        parquet_dense,
        resnet_size,
        resnet_slice,
    )
}


# -- how it is measured ----------------------------------------------------------------------------------------


def mlp() -> ng.Graph:
    rng = np.random.default_rng(0)
    shapes = [rng.standard_normal(shape).astype(np.float32) for shape in MLP]
    return ng.Graph.from_matrices(shapes, [rng.standard_normal(len(w)).astype(np.float32) for w in shapes])


def columns(graph: ng.Graph) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The tables that an export writes, as polars frames."""
    with tempfile.TemporaryDirectory() as folder:
        at = ng.write_graph(graph, Path(folder) / "graph")
        types = {"weight": pl.Float32, "abs_weight": pl.Float32}
        return pl.read_csv(at / "vertices.csv"), pl.read_csv(at / "edges.csv", schema_overrides=types).rechunk()


def resnet() -> ng.Network:
    import torch

    ng.load_torchvision()
    from torchvision import models

    torch.manual_seed(0)
    return ng.trace(models.resnet18(weights=None).eval(), (3, 224, 224))


def median(run: Run, repeat: int) -> float:
    """Seconds of one run in a folder of its own, once the disk has taken what earlier runs left it."""
    times = []
    for _ in range(repeat + 1):
        gc.collect()
        os.sync()
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            run(Path(folder))
            times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def exported(graph: ng.Graph, layers: tuple[str, ...] | None = None) -> Figures:
    """Rows a processor second, rows, and the memory that writing takes."""
    import_module("netgraph.graph.formats.parquet")  # what it imports is no memory of the export
    gc.collect()
    with tempfile.TemporaryDirectory() as folder:
        before, start, wall = held("VmRSS"), time.process_time(), time.perf_counter()
        at = ng.write_graph(graph, Path(folder) / "graph.parquet", layers=layers)
        took, wall = time.process_time() - start, time.perf_counter() - wall
        manifest = json.loads((at / "manifest.json").read_text())
    rows = sum(entry["rows"] for entry in manifest["blocks"])
    return {"rows": rows, "rate": rows / took, "wall": wall, "above": held("VmHWM") - before}


def held(what: str) -> float:
    """MiB: "VmRSS" now, "VmHWM" at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024


def fresh(name: str, repeat: int) -> Figures:
    """A row of ``WORK`` in a process of its own; "whole" is the time from its start to its end."""
    start = time.perf_counter()
    command = [sys.executable, __file__, "--one", name, "--repeat", str(repeat)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    figures: Figures = json.loads(done.stdout)
    return figures | {"whole": time.perf_counter() - start}


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench tables", description="What tables cost.")
    parser.add_argument("--repeat", type=int, default=5, help="runs of CSV that count (default 5)")
    parser.add_argument("--one", choices=tuple(WORK), help="one measurement, in this process; prints JSON")
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(WORK[chosen.one](chosen.repeat)))
        return
    with Console(stderr=True).status("measuring") as status:
        got: dict[str, Figures] = {}
        for name in WORK:
            status.update(f"measuring {name}")
            got[name] = fresh(name, chosen.repeat)
    ours, writing = got["csv_ours"]["seconds"], got["csv_writing"]["seconds"]
    plain, polars = got["csv_plain"]["seconds"], got["csv_polars"]["seconds"]
    dense, size, part = got["parquet_dense"], got["resnet_size"], got["resnet_slice"]
    rows = [
        (f"CSV, {EDGES:,} edges: a loop over .item(), pandas", f"{plain:.3f} s", "", ""),
        ("  trace, graph, write_graph", f"{ours:.4f} s", f"{plain / ours:.1f} times as fast", "≥ 40"),
        ("  write_graph alone", f"{writing:.4f} s", f"{plain / writing:.1f} times as fast", ""),
        ("  polars alone, ready-made columns, no hash", f"{polars:.4f} s", "", ""),
        ("  write_graph beside polars", "", f"{writing / polars:.2f} times as long", "≤ 2.2"),
        ("Parquet, the same edges", "", f"{got['parquet_mlp']['bytes']:.2f} B an edge", "≤ 4.2"),
        (f"Parquet, {dense['edges']:,} dense edges", f"{dense['wall']:.1f} s", "", ""),
        ("  rows a processor second", "", f"{dense['rate'] / 1e6:.1f} million", "≥ 20"),
        ("  memory above the weights", "", f"{dense['above']:.0f} MiB", "≤ 256"),
        (
            f"ResNet-18 at 224², {size['edges']:,} edges: its size",
            f"{size['whole']:.1f} s",
            "with imports",
            "< 5 s",
        ),
        (f"  {part['edges']:,} of them as Parquet", f"{part['wall']:.1f} s", f"{part['rate'] / 1e6:.1f} million/s", ""),
        ("  memory of the whole process", "", f"{part['peak']:.0f} MiB", "< 1536"),
    ]
    table = Table(
        "what", "time", "figure", "goal", title=f"medians of {chosen.repeat} runs, {os.cpu_count()} processors"
    )
    for row in rows:
        table.add_row(*row)
    Console(width=140 if not sys.stdout.isatty() else None).print(table)


if __name__ == "__main__":
    main()
