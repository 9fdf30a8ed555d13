"""Blocks say where their parameter was used first: modules called twice, loops, tied weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import netgraph as ng


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x: Any) -> Any:
        return self.b(torch.relu(self.a(torch.relu(self.a(x)))))


class Tied(nn.Module):
    """A decoder that is its encoder, transposed."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(5, 3)

    def forward(self, x: Any) -> Any:
        return torch.relu(self.encoder(x)) @ self.encoder.weight


class Loop(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell, self.head = nn.RNNCell(3, 4), nn.Linear(4, 2)

    def forward(self, x: Any) -> Any:
        h = torch.zeros(len(x), 4)
        for t in range(3):
            h = self.cell(x[:, t], h)
        return self.head(h)


class Siamese(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.head = nn.Conv2d(1, 2, 3), nn.Linear(2 * 2 * 9, 1)

    def forward(self, x: Any) -> Any:
        sides = [self.trunk(x[:, i : i + 1]).flatten(1) for i in range(2)]
        return self.head(torch.cat(sides, 1))


CASES = [
    (Twice(), (4,), {"a": None, "a#2": "a", "b": None}),
    (Tied(), (5,), {"encoder": None, "encoder#2": "encoder"}),
    (Siamese(), (2, 5, 5), {"trunk": None, "trunk#2": "trunk", "head": None}),
]


@pytest.mark.parametrize("granularity", ["channel", "unit"])
@pytest.mark.parametrize(("model", "shape", "expected"), CASES, ids=["twice", "tied", "siamese"])
def test_network_shared_parameters_are_marked(
    model: nn.Module, shape: tuple[int, ...], expected: dict[str, str | None], granularity: str, tmp_path: Path
) -> None:
    graph = ng.trace(model, shape).graph(granularity)
    assert {b.target: b.shared_with for b in graph.blocks} == expected
    ng.write_graph(graph, tmp_path / "g")
    assert [b.shared_with for b in ng.read_graph(tmp_path / "g").blocks] == [b.shared_with for b in graph.blocks]


def test_network_steps_of_a_loop_share_their_weights() -> None:
    graph = ng.trace(Loop(), (3, 3)).graph()
    into, first = [b for b in graph.blocks if b.source == "input"], {}
    for b in into:
        first.setdefault(b.shared_with, []).append(b.target)
    assert len(into) == 3 and set(first) == {None, first[None][0]} and len(first[first[None][0]]) == 2
    assert sum(b.shared_with is None for b in graph.blocks if b.kind == "linear") == 3  # input, recurrent, head
