"""What is done with a trained network, one function a step. Each yields what it finds and writes what it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from torch import nn

import netgraph as ng
from netgraph.demo.data import Dataset
from netgraph.demo.train import accuracy
from netgraph.demo.verdicts import agreement, beyond_chance, recognised
from netgraph.errors import AnalysisError

CLASS = 3
"""The digit whose paths and circuit are looked at."""
SHOWN = 20
"""So many test images are shown in the network's page."""
INPUTS = 150
"""So many held-out images find a circuit, and as many others judge it."""
CHANCE = 20
"""Graphs of chance for each null: the fewest that can say p < 0.05."""


class Finding(NamedTuple):
    """A line of the table that the demo ends with; `file` is relative to the demo's folder."""

    network: str
    what: str
    value: str
    file: str


@dataclass(frozen=True)
class Subject:
    """A trained network, the data it is looked at with, and the folder for its results."""

    name: str
    model: nn.Module
    data: Dataset
    out: Path
    seed: int
    net: ng.Network

    def found(self, what: str, value: str, file: str = "") -> Finding:
        """A finding about this network."""
        return Finding(self.name, what, value, f"{self.name}/{file}" if file else "")

    def file(self, name: str) -> Path:
        """Where a result goes."""
        return self.out / self.name / name


def test(subject: Subject) -> Iterator[Finding]:
    """How good is it on images that it has never seen?"""
    share = accuracy(subject.model, subject.data)
    yield subject.found(
        "test accuracy", f"{share:.2%} of {len(subject.data.test_labels):,} images", "weights.safetensors"
    )


def prove(subject: Subject) -> Iterator[Finding]:
    """Is the graph the network? All its errors, in float64."""
    check = subject.net.verify(subject.data.test_images[:8])
    worst = max(check.errors.values())
    yield subject.found("largest error of the graph", f"{worst:.1e}, {'exact' if check.exact else 'NOT EXACT'}")


def structure(subject: Subject) -> Iterator[Finding]:
    """The weights as tables and as a page, with the modules and centralities of their vertices."""
    graph = subject.net.graph()
    modules = ng.modules(graph, seed=subject.seed)
    measures = {name: ng.centrality(graph, name) for name in ("strength", "pagerank", "betweenness")}
    about = {**modules.settings, "quality": modules.quality, "stability": modules.stability}
    about = {f"modules_{name}": about[name] for name in ("method", "seed", "quality", "stability")}
    graph = graph.with_columns(module=modules.labels, **measures).with_meta(**about)
    seen = subject.net.activations(subject.data.test_images[:20])
    ng.write_graph(graph, subject.file("graph"), activations=seen)
    ng.render(
        graph,
        subject.file("graph.html"),
        title=subject.name,
        inputs=subject.data.test_images[:SHOWN],
        truth=subject.data.test_labels[:SHOWN],
        classes=[str(k) for k in range(int(subject.data.test_labels.max()) + 1)],
    )
    yield subject.found("graph", f"{graph.n:,} vertices, {len(graph.edges):,} edges", "graph/")
    yield subject.found(
        "modules",
        f"{len(modules)}, quality {modules.quality:.2f}, stability {modules.stability:.2f}",
        "graph/vertices.csv",
    )
    yield subject.found("do other seeds agree", agreement(modules.stability))
    chance = ng.significance(graph, samples=CHANCE, seed=subject.seed)
    chance.to_csv(subject.file("significance.csv"))
    yield subject.found("is it more than chance", beyond_chance(dict(chance["p"])), "significance.csv")
    for layer in graph.layers[1:-1]:
        strength = measures["strength"].iloc[layer.vertices]
        yield subject.found(
            f"strongest vertex of {layer.name}",
            f"{strength.idxmax()}, {strength.max() / strength.mean():.1f} times the mean",
            "graph/vertices.csv",
        )
    yield subject.found("page of the network", f"{SHOWN} test images, coloured by sign or module", "graph.html")


def follow(subject: Subject) -> Iterator[Finding]:
    """Why does the network see this one image's digit? The strongest of all paths from its pixels."""
    number = first_of_class(subject)
    image = subject.data.test_images[number : number + 1]
    graph = subject.net.graph(granularity="unit", inputs=image, target=CLASS)
    target = str(graph.ids[graph.layers[-1].start + CLASS])
    paths = ng.paths(graph, target, k=1000, weight="attribution")
    write_paths(paths, subject.file("paths.csv"))
    ng.render(graph, subject.file("image.html"), title=f"{subject.name}: test image {number}, flow to {target}")
    first = paths.iloc[0]
    yield subject.found("strongest path", " -> ".join(first["vertices"]), "paths.csv")
    yield subject.found("its share of the logit", f"{first['share']:+.2%}", "paths.csv")
    yield subject.found(
        "1,000 strongest paths", f"{paths.attrs['coverage_abs']:.1%} of what all paths carry, signs aside", "paths.csv"
    )
    yield subject.found(f"page of test image {number}", "coloured by share of the logit", "image.html")


def explain(subject: Subject) -> Iterator[Finding]:
    """Which edges make the class? The circuit of one digit, judged on images that it was not found with."""
    data, net = subject.data, subject.net
    half = min(INPUTS, len(data.test_labels) // 2)
    images, labels = data.test_images[half : 2 * half], data.test_labels[half : 2 * half]
    found, known = data.test_images[:half], data.test_labels[:half]
    circuit = ng.circuit(net, found, known, target=CLASS, edges=0.1, held_out=(images, labels))
    evidence = circuit.evidence
    circuit.save(subject.file("circuit"))
    subject.file("circuit.txt").write_text(f"{evidence!r}\n", encoding="utf-8")
    ng.render(circuit, subject.file("circuit.html"), title=f"{subject.name}: circuit of digit {CLASS}")
    yield subject.found(
        f"circuit of digit {CLASS}", f"{len(circuit):,} of {len(circuit.whole.edges):,} edges", "circuit/"
    )
    random = evidence.random["faithfulness"]["mean"]
    yield subject.found("its faithfulness", f"{evidence.faithfulness:.2f} (random edges: {random:.2f})", "circuit.txt")
    members = int((labels == CLASS).sum())
    others = len(labels) - members
    rightly, wrongly = recognised(evidence.accuracy, evidence.false_positive_rate, members, others)
    yield subject.found(
        f"what it calls a {CLASS}", f"{rightly} of {members}, and {wrongly} of {others} other digits", "circuit.txt"
    )
    yield subject.found("page of the circuit", "its edges alone", "circuit.html")


STEPS: dict[str, Callable[[Subject], Iterator[Finding]]] = {
    "testing": test,
    "proving the graph": prove,
    "finding modules and central vertices": structure,
    "following one image": follow,
    "finding the circuit of one class": explain,
}
"""One row a step, in order."""


def first_of_class(subject: Subject) -> int:
    """Number of the first test image of the class that the network gets right."""
    data = subject.data
    right = (subject.model(data.test_images).argmax(1) == CLASS) & (data.test_labels == CLASS)
    if not bool(right.any()):
        raise AnalysisError(f"{subject.name} calls no {CLASS} of the test images a {CLASS}: train it longer (--epochs)")
    return int(right.nonzero()[0])


def write_paths(paths: pd.DataFrame, file: Path) -> None:
    """A path a row, its vertices joined by arrows."""
    paths.assign(vertices=[" -> ".join(path) for path in paths["vertices"]]).to_csv(file, index=False)
