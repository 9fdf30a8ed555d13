"""The options of export that say what a vertex is and how the scales of hidden units are chosen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import netgraph as ng

Cli = Callable[..., Any]

HEADS = """
from torch import nn


class Net(nn.Module):
    input_shape = (5, 8)

    def __init__(self):
        super().__init__()
        self.attn, self.head = nn.MultiheadAttention(8, 4, batch_first=True), nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.attn(x, x, x)[0].mean(1))
"""


def test_cli_export_in_the_balanced_gauge(files: Any, cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "graph"
    result = cli("export", files.weights, "--out", out, *files.options, "--gauge", "balanced")
    assert result.status == 0
    net = ng.load_network(files.weights, model=f"{files.folder / 'net.py'}:Net", input_shape=(1, 8, 8))
    graph, expected = ng.read_graph(out), net.graph(gauge="balanced")
    assert graph.meta["gauge"] == "balanced" and graph.meta["balanced"] == 3 + 6
    for a, b in zip(graph.blocks, expected.blocks, strict=True):
        assert np.array_equal(a.weight, b.weight)


def test_cli_export_says_which_gauges_there_are(files: Any, cli: Cli, tmp_path: Path) -> None:
    result = cli("export", files.weights, "--out", tmp_path / "graph", *files.options, "--gauge", "balance")
    assert result.status == 1 and "balanced" in result.err and not (tmp_path / "graph").exists()


def test_cli_export_of_heads(cli: Cli, tmp_path: Path) -> None:
    source = tmp_path / "net.py"
    source.write_text(HEADS)
    space: dict[str, Any] = {}
    exec(compile(HEADS, str(source), "exec"), space)
    torch.save(space["Net"]().state_dict(), tmp_path / "weights.pt")
    np.save(tmp_path / "x.npy", np.ones((2, 5, 8), dtype=np.float32))
    options = ["--model", f"{source}:Net", "--inputs", tmp_path / "x.npy", "--target", "1", "--granularity", "head"]
    result = cli("export", tmp_path / "weights.pt", "--out", tmp_path / "graph", *options, "--json")
    assert result.status == 0 and result.json["vertices"] == 8 + 4 + 8 + 3
    graph = ng.read_graph(tmp_path / "graph")
    assert graph.ids[8:12].tolist() == [f"attn_heads:{i}" for i in range(4)]
    assert {"attribution", "constant_share"} <= set(graph.columns)


def test_cli_export_of_heads_needs_attention(files: Any, cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "graph"
    result = cli("export", files.weights, "--out", out, *files.options, "--granularity", "head")
    assert result.status == 1 and "no attention heads in this network" in result.err
