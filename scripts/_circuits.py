"""Circuits: what their scores cost, and how faithful the circuits are that each score finds.

Speed, medians in seconds and ratios of one run: the scores of all edges beside plain forward and backward passes over
the same batch, and beside a masked run for every edge (its time is that of some runs, times the edges); the evidence
curve of a LeNet-5 over 1,000 images; a circuit with its evidence for torchvision's ResNet-18, which is not trained.

Faithfulness (--quality): CMD, the area between the curve of faithfulness and 1 (0 is best), of every score, held out,
for networks trained on scikit-learn's digits with five seeds, and with --data FOLDER (mnist/t10k-*.gz, networks/*) for
two networks that other people trained, on five draws of MNIST images. The target is the label's centred logit.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from _gallery import LeNet
from rich.console import Console
from rich.table import Table
from torch import nn

import netgraph as ng
from netgraph.analysis.circuits.curve import area, beginnings
from netgraph.analysis.circuits.judging import Judge
from netgraph.demo.data import load_data, read_idx
from netgraph.demo.train import train
from netgraph.network.score_rules import SCORES

SEEDS = range(5)
LEAST = {"passes": 3.0, "one at a time": 1e5, "curve": 30.0}
ONE_BY_ONE = 200
"""Inputs of the oracle, which runs once for every edge,"""
SMALL = 5_000
"""and is left out where there are more edges than this."""


class Subject(NamedTuple):
    """A network, what its edges are scored on, and what circuits are judged on: (inputs, labels) both."""

    net: ng.Network
    scored: tuple[torch.Tensor, Any]
    judged: tuple[torch.Tensor, Any]


def digits(seed: int, hidden: tuple[int, ...]) -> Subject:
    """A ReLU network on scikit-learn's digits, trained and split by the seed."""
    data = load_data("digits", seed=seed)
    sizes = (64, *hidden, 10)

    def make() -> nn.Sequential:
        layers = [part for a, b in itertools.pairwise(sizes) for part in (nn.Linear(a, b), nn.ReLU())]
        return nn.Sequential(nn.Flatten(), *layers[:-1])

    net = ng.trace(train(make, data, seed=seed), data.test_images[:1])
    return Subject(
        net, (data.train_images[:400], data.train_labels[:400].numpy()), (data.test_images, data.test_labels.numpy())
    )


def conv_small() -> nn.Sequential:
    """Somebody else's network, as its checkpoint names it."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 4, 2, 1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 4, 2, 1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(1568, 100),
        nn.ReLU(),
        nn.Linear(100, 10),
    )


def on_mnist(seed: int, folder: Path, file: str, model: nn.Module, side: int) -> Subject:
    """A checkpoint; 400 images to score and 1,000 others to judge, drawn by the seed."""
    model.load_state_dict(torch.load(folder / "networks" / file, weights_only=True, map_location="cpu"))
    pixels, truth = (read_idx(next((folder / "mnist").glob(f"t10k-{kind}*.gz"))) for kind in ("images", "labels"))
    drawn = np.random.default_rng(seed).permutation(len(pixels))
    parts = []
    for rows in (drawn[:400], drawn[400:1400]):
        images = torch.from_numpy(pixels[rows]).float()[:, None] / 255
        if side != images.shape[-1]:
            images = nn.functional.interpolate(images, size=(side, side), mode="bilinear", align_corners=False)
        parts.append((images, truth[rows].astype(int)))
    return Subject(ng.trace(model.eval(), (1, side, side)), *parts)


def subjects(data: Path | None) -> dict[str, Callable[[int], Subject]]:
    """Name -> the network and its inputs, by seed."""
    found: dict[str, Callable[[int], Subject]] = {
        "digits 64-32-32-10": lambda seed: digits(seed, (32, 32)),
        "digits 64-256-10": lambda seed: digits(seed, (256,)),
    }
    if data is not None:
        found["LeNet-5"] = lambda seed: on_mnist(seed, data, "lenet5_mnist.pt", LeNet(), 32)
        found["conv_small"] = lambda seed: on_mnist(seed, data, "conv_small_mnist.pth", conv_small(), 28)
    return found


def cmds(subject: Subject) -> Iterator[tuple[str, float]]:
    """(row, CMD) of every score, and of random edges; the inputs are judged by one judge."""
    inputs, labels = subject.scored
    judge: Judge | None = None
    small = len(subject.net.graph().edges) < SMALL
    for score in SCORES:
        if score == "exact" and not small:
            continue
        few = slice(ONE_BY_ONE if score == "exact" else None)
        found = ng.circuit(subject.net, inputs[few], labels[few], target="label", score=score, absolute=False)
        if judge is None:
            judge = Judge(subject.net, found.whole, *subject.judged, "label")
        yield score, cmd(judge, found.order)
    assert judge is not None
    every = np.flatnonzero(judge.edges.real)
    orders = [np.random.default_rng(seed).permutation(every) for seed in range(3)]
    yield "random", statistics.mean(cmd(judge, order) for order in orders)


def cmd(judge: Judge, order: np.ndarray) -> float:
    """∫|1 − f| over the share of edges, kept from the beginning of an order."""
    return area(np.array([abs(1 - judge.faithfulness(judge.run(kept))) for kept in beginnings(judge.edges, order)]))


def quality(console: Console, data: Path | None) -> bool:
    """One table for the README; true where the default is .3 better than random and better than |weight|."""
    table = Table("score", *subjects(data), title="CMD on held-out inputs, mean ± sd of five (less is better)")
    cells: dict[str, dict[str, list[float]]] = {}
    for name, make in subjects(data).items():
        for seed in SEEDS:
            subject = make(seed)
            for row, found in cmds(subject):
                cells.setdefault(row, {}).setdefault(name, []).append(found)
            console.print(f"{name}, {seed + 1} of {len(SEEDS)}", highlight=False)
    for row in sorted(cells, key=lambda row: statistics.mean(next(iter(cells[row].values())))):
        own = [
            f"{statistics.mean(v):.3f} ± {statistics.stdev(v):.3f}" if v else "–" for v in _columns(cells[row], data)
        ]
        table.add_row(row, *own)
    console.print(table)
    return all(
        statistics.mean(values) <= statistics.mean(cells["random"][name]) - 0.3
        and statistics.mean(values) < statistics.mean(cells["weight"][name])
        for name, values in cells["mask_ig"].items()
    )


def _columns(cells: dict[str, list[float]], data: Path | None) -> list[list[float]]:
    return [cells.get(name, []) for name in subjects(data)]


def seconds(run: Callable[[], object], repeat: int = 5) -> float:
    """The median, after a run that does not count."""
    run()
    took = []
    for _ in range(repeat):
        start = time.perf_counter()
        run()
        took.append(time.perf_counter() - start)
    return statistics.median(took)


def wide() -> nn.Sequential:
    """784-500-500-10."""
    return nn.Sequential(nn.Linear(784, 500), nn.ReLU(), nn.Linear(500, 500), nn.ReLU(), nn.Linear(500, 10)).eval()


def scores(console: Console) -> bool:
    """All edges by eap, beside plain passes and beside one run an edge."""
    table = Table(
        "network",
        "edges",
        "images",
        "forward+backward",
        "eap of all edges",
        "in passes",
        "one masked run",
        "one at a time",
        title="Scores of all edges (one at a time: extrapolated from one run)",
    )
    good = True
    torch.manual_seed(0)
    for name, model, x in (
        ("784-500-500-10", wide(), torch.rand(256, 784)),
        ("LeNet-5", LeNet().eval(), torch.rand(256, 1, 32, 32)),
    ):
        net = ng.trace(model, x[:1])
        runs = net.masked_runs(x)
        kept = np.ones(runs.size)
        kept[0] = 0

        def plain(model: nn.Module = model, x: torch.Tensor = x) -> None:
            leaf = x.clone().requires_grad_()
            model(leaf)[:, 0].mean().backward()
            model.zero_grad(set_to_none=True)

        def eap(net: ng.Network = net, x: torch.Tensor = x) -> None:
            net.edge_scores(x, "eap", 0, absolute=False)

        def one(runs: Any = runs, kept: Any = kept) -> None:
            runs.run(kept, 0)

        edges = len(net.graph().edges)
        passes, all_edges, single = seconds(plain), seconds(eap), seconds(one)
        ratio = edges * single / all_edges
        good = good and all_edges <= LEAST["passes"] * passes and (edges < 1e5 or ratio >= LEAST["one at a time"])
        table.add_row(
            name,
            f"{edges:,}",
            str(len(x)),
            f"{passes:.4f} s",
            f"{all_edges:.4f} s",
            f"{all_edges / passes:.1f}",
            f"{single:.4f} s",
            f"{ratio:,.0f} ×",
        )
    console.print(table)
    return good


def curve(console: Console) -> bool:
    """The evidence of a LeNet-5 over 1,000 images, ten points, against |weight| and three random orders."""
    torch.manual_seed(0)
    net, x = ng.trace(LeNet().eval(), (1, 32, 32)), torch.rand(1_000, 1, 32, 32)
    labels = net.outputs(x).argmax(1)
    found = ng.circuit(net, x[:100], labels[:100], target="label", edges=200)
    start = time.perf_counter()
    evidence = ng.faithfulness(found, net, x, labels, curve=True)
    took = time.perf_counter() - start
    assert evidence.curve is not None
    console.print(f"evidence of a LeNet-5, {len(evidence.curve)} points, 1,000 images: {took:.1f} s (promised: 30)")
    return took < LEAST["curve"]


def resnet(console: Console, images: int, side: int) -> None:
    """A circuit with its evidence at channel granularity."""
    ng.load_torchvision()
    from torchvision import models

    torch.manual_seed(0)
    x = torch.randn(images, 3, side, side)
    net = ng.trace(models.resnet18(weights=None).eval(), x[:1])
    start = time.perf_counter()
    found = ng.circuit(net, x, target=("logit", 0), labels=np.zeros(images, int), edges=0.01, progress=True)
    scored = time.perf_counter() - start
    evidence = ng.faithfulness(found, net, x, np.zeros(images, int), curve=True, progress=True)
    took = time.perf_counter() - start
    console.print(
        f"ResNet-18, {images} images of {side}²: {found!r}: {scored:.0f} s; with {evidence.edges_total:,} edges' "
        f"evidence {took:.0f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench circuits", description=__doc__)
    parser.add_argument("--quality", action="store_true", help="the table of faithfulness, and nothing else")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="MNIST and two networks, for --quality")
    parser.add_argument("--images", type=int, default=32, help="for the ResNet-18")
    parser.add_argument("--side", type=int, default=224, help="of its images")
    chosen = parser.parse_args()
    console = Console(width=140)
    if chosen.quality:
        good = quality(console, chosen.data)
    else:
        good = scores(console)
        good = curve(console) and good
        resnet(console, chosen.images, chosen.side)
    console.print("as promised" if good else "less than was promised")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
