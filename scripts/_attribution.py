"""What the attributions of all edges cost: torchvision's ResNet-50 at channel granularity, a batch of 16 images.

The measure is one plain forward and backward pass over the same batch, with gradients for every parameter and for the
input. Times: both in turn, after one run each that does not count; medians. Memory: each in a fresh process, the most
that it held (VmHWM) above what it held (VmRSS) after imports, with the model and the images in memory.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

import netgraph as ng

IMAGES, SIDE = 16, 224
PROMISED = {"time": 3.5, "memory": 2.5}
WAYS = {
    "plain": "forward, backward (gradients of the parameters and the input)",
    "ours": "Network.graph(inputs=…, target=0): contribution and attribution of every edge",
}


def prepare(side: int) -> tuple[torch.nn.Module, torch.Tensor]:
    """The model, seeded, in evaluation mode, and its images."""
    ng.load_torchvision()
    from torchvision import models

    torch.manual_seed(0)
    return models.resnet50(weights=None).eval(), torch.randn(IMAGES, 3, side, side)


def plain(model: torch.nn.Module, x: torch.Tensor) -> Callable[[], object]:
    """One forward and backward pass."""

    def run() -> None:
        leaf = x.clone().requires_grad_()
        model(leaf)[:, 0].mean().backward()
        model.zero_grad(set_to_none=True)

    return run


def ours(model: torch.nn.Module, x: torch.Tensor) -> Callable[[], object]:
    """The graph with its flows; the model was traced before."""
    net = ng.trace(model, x[:1])
    return lambda: net.graph(inputs=x, target=0)


def seconds(run: Callable[[], object]) -> float:
    """Of one run."""
    gc.collect()
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def held(what: str) -> float:
    """MiB: "VmRSS" now, "VmHWM" at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024


def peak(way: str, side: int) -> float:
    """MiB that one run holds at most, above what the process holds with the model and the images."""
    model, x = prepare(side)
    gc.collect()
    before = held("VmRSS")
    (plain if way == "plain" else ours)(model, x)()
    return held("VmHWM") - before


def fresh_peak(way: str, side: int) -> float:
    """:func:`peak` in a process of its own."""
    command = [sys.executable, __file__, "--peak", way, "--side", str(side)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench attribution", description="What all edges' flows cost.")
    parser.add_argument("--repeat", type=int, default=3, help="runs that count, of each way (default 3)")
    parser.add_argument("--side", type=int, default=SIDE, help=f"side of the images (default {SIDE})")
    parser.add_argument("--peak", choices=tuple(WAYS), help="measure the memory of one way in this process only")
    chosen = parser.parse_args()
    if chosen.peak:
        print(peak(chosen.peak, chosen.side))
        return
    memory = {way: fresh_peak(way, chosen.side) for way in WAYS}
    model, x = prepare(chosen.side)
    runs = {"plain": plain(model, x), "ours": ours(model, x)}
    for run in runs.values():
        run()
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in track(range(chosen.repeat), "attribution", console=Console(stderr=True), transient=True):
        for way, run in runs.items():
            times[way].append(seconds(run))
    middle = {way: statistics.median(taken) for way, taken in times.items()}
    title = f"ResNet-50, {IMAGES} images of {chosen.side}², {torch.get_num_threads()} threads"
    table = Table("way", "median s", "ratio", "promised", "peak MiB", "ratio", "promised", title=title)
    for way, what in WAYS.items():
        ratios = (middle[way] / middle["plain"], memory[way] / memory["plain"])
        promised = [f"≤ {PROMISED[of]:g}" if way == "ours" else "" for of in ("time", "memory")]
        cells = [f"{middle[way]:.2f}", f"{ratios[0]:.2f}", promised[0]]
        table.add_row(what, *cells, f"{memory[way]:.0f}", f"{ratios[1]:.2f}", promised[1])
    Console(width=140 if not sys.stdout.isatty() else None).print(table)


if __name__ == "__main__":
    main()
