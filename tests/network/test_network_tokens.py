# ruff: noqa: E501 (one case, one line)
"""Whole numbers as inputs: tokens and categories are one-hot vertices, and a table's rows are their edges."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import netgraph as ng
from netgraph.errors import UnsupportedOperation


class Attention(nn.Module):
    """A pre-norm block with causal attention, fused or written out."""

    def __init__(self, width: int, heads: int, manual: bool) -> None:
        super().__init__()
        self.heads, self.manual = heads, manual
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, t, d = x.shape
        q, k, v = (p.view(n, t, self.heads, -1).transpose(1, 2) for p in self.qkv(self.first(x)).split(d, 2))
        if self.manual:
            scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
            allowed = torch.tril(torch.ones(t, t)) == 1
            y = scores.masked_fill(~allowed, float("-inf")).softmax(-1) @ v
        else:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(n, t, d))
        return x + self.down(F.gelu(self.up(self.second(x))))


class GPT(nn.Module):
    """Token and position embeddings, two blocks, a head that shares the token table."""

    def __init__(self, manual: bool, last: bool = True) -> None:
        super().__init__()
        self.last = last
        self.token, self.position = nn.Embedding(11, 8), nn.Embedding(6, 8)
        self.blocks = nn.ModuleList([Attention(8, 2, manual) for _ in range(2)])
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 11, bias=False)
        self.head.weight = self.token.weight

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.token(ids) + self.position(torch.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x)
        logits = self.head(self.norm(x))
        return logits[:, -1] if self.last else logits


def ids(*shape: int, below: int = 11) -> torch.Tensor:
    return torch.randint(below, shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("manual", [True, False])
def test_network_a_tiny_gpt_is_exact_at_the_last_position(manual: bool, last: bool) -> None:
    torch.manual_seed(7)
    model = GPT(manual, last).eval()
    x = ids(2, 5)
    net = ng.trace(model, x[:1])
    found = net.verify(x)
    assert found and max(found.errors.values()) <= 1e-10, str(found)
    expected = model(x) if last else model(x)[:, -1]
    assert torch.allclose(net(x), model(x), atol=1e-6)
    target: Any = 3 if last else (lambda logits: logits[:, -1, 3])
    graph = net.graph(inputs=x, target=target)
    assert graph.meta["target_value"] == pytest.approx(float(expected[:, 3].mean().detach()), abs=1e-6)
    assert [(layer.name, layer.size) for layer in graph.layers[:2]] == [("input", 11), ("token", 8)]
    longer = ids(1, 6)
    assert torch.allclose(net(longer), model(longer), atol=1e-6)
    unit = net.graph("unit", inputs=x[:1], target=target)
    assert unit.layers[0].size == 5 * 11
    shares = unit.columns["attribution"][: 5 * 11].reshape(5, 11)
    assert (np.count_nonzero(shares, 1) <= 1).all()  # only the token that is there has a share
    whole = float(shares.sum() + unit.columns["constant_share"].sum())
    assert whole == pytest.approx(unit.meta["target_value"], abs=1e-5)


def test_network_token_shares_worked_by_hand() -> None:
    model = nn.Sequential(nn.Embedding(3, 2), nn.Flatten(), nn.Linear(4, 1, bias=False))
    table = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    model.load_state_dict({"0.weight": table, "2.weight": torch.tensor([[1.0, 10.0, 100.0, -1000.0]])})
    net = ng.trace(model, torch.tensor([[2, 0]]))
    graph = net.graph("unit", inputs=torch.tensor([[2, 0]]))
    # token 2 first: 5·1 + 6·10; token 0 second: 1·100 − 2·1000
    assert np.allclose(graph.columns["attribution"][:6], [0, 0, 65, -1900, 0, 0])
    assert np.array_equal(graph.columns["activation"][:6], [0, 0, 1, 1, 0, 0])
    assert list(graph.ids[:3]) == ["input:0,0", "input:0,1", "input:0,2"]
    channel = net.graph(inputs=torch.tensor([[2, 0], [2, 2]]))
    assert np.allclose(channel.blocks[0].weight, table.t())
    # the second input: token 2 twice, 65 + 500 − 6000; means over both
    assert np.allclose(channel.columns["attribution"][:3], [-1900 / 2, 0, (65 + 65 - 5500) / 2])
    assert np.allclose(channel.columns["activation"][:3], [0.25, 0, 0.75])
    ablated = net.masked(torch.tensor([[2, 0]]), [np.zeros((2, 3)), None], corrupted="zero")
    assert ablated == pytest.approx(0)


class Bag(nn.Module):
    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.bag, self.head = nn.EmbeddingBag(7, 4, **options), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.bag(x).relu())


class Table(nn.Module):
    """Columns of categories, each with an offset into one table, beside columns of numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.rows, self.head = nn.Embedding(3 + 4, 2), nn.Linear(2 * 2 + 3, 3)
        self.register_buffer("offsets", torch.tensor([0, 3]))

    def forward(self, numbers: torch.Tensor, categories: torch.Tensor) -> torch.Tensor:
        rows = self.rows(categories % torch.tensor([3, 4]) + self.offsets).flatten(1)
        return self.head(torch.cat([rows, numbers], 1).tanh())


class Text(nn.Module):
    """A convolution over tokens, the maximum over time."""

    def __init__(self) -> None:
        super().__init__()
        self.rows, self.conv, self.head = nn.Embedding(9, 4, padding_idx=0), nn.Conv1d(4, 6, 3), nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.conv(self.rows(x).transpose(1, 2)).relu().amax(2))


class Two(nn.Module):
    """Shifted and reshaped indices, two tables, one of them read twice."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right, self.head = nn.Embedding(8, 4), nn.Embedding(9, 4), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        before, after = self.left(x[:, :-1]), self.left(x[:, 1:].flip(1))
        other = self.right((x + 1).unflatten(1, (2, 2)).flatten(1))[:, 1:]
        return self.head((before * after + other).mean(1))


class Pooled(nn.Module):
    """Mean over the tokens that are not padding, as sentence encoders have it."""

    def __init__(self) -> None:
        super().__init__()
        self.rows, self.head = nn.Embedding(9, 4), nn.Linear(4, 3)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> dict[str, torch.Tensor]:
        h, kept = self.rows(input_ids).relu(), attention_mask.unsqueeze(-1).float()
        return {"logits": self.head((h * kept).sum(1) / kept.sum(1).clamp(min=1))}


CASES: dict[str, tuple[Callable[[], nn.Module], Any]] = {
    "bag-mean": (Bag, ids(3, 5, below=7)),
    "bag-sum": (lambda: Bag(mode="sum"), ids(3, 5, below=7)),
    "bag-padding": (lambda: Bag(padding_idx=2), ids(3, 6, below=4)),
    "bag-sum-padding": (lambda: Bag(mode="sum", padding_idx=1), ids(3, 6, below=4)),
    "table": (Table, (torch.randn(3, 3, generator=torch.Generator().manual_seed(1)), ids(3, 2))),
    "text": (Text, ids(3, 7, below=9)),
    "two": (Two, ids(3, 4, below=8)),
    "pooled": (Pooled, {"input_ids": ids(3, 5, below=9), "attention_mask": (ids(3, 5) > 3).long()}),
    "int32": (lambda: nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(20, 3)), ids(3, 5, below=9).int()),
    "bag-weights": (
        lambda: _Functional(lambda s, x: s.head(F.embedding_bag(x, s.table, per_sample_weights=s.w.expand(len(x), 5), mode="sum"))),
        ids(3, 5, below=9),
    ),
    "bag-offsets": (
        lambda: _Functional(lambda s, x: s.head(F.embedding_bag(x[:, :4].flatten(), s.table, torch.arange(0, 4 * len(x), 2))).view(len(x), -1)),
        ids(3, 5, below=9),
    ),
}  # fmt: skip


class _Functional(nn.Module):
    def __init__(self, call: Callable[[Any, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.call, self.head = call, nn.Linear(4, 3)
        self.table, self.w = nn.Parameter(torch.randn(9, 4)), nn.Parameter(torch.randn(5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.call(self, x)


@pytest.mark.parametrize("name", CASES)
def test_network_tokens_verify(name: str) -> None:
    torch.manual_seed(len(name))
    made, given = CASES[name]
    model = made().eval()
    net = ng.trace(model, given)
    found = net.verify(given)
    assert found and max(found.errors.values()) <= 1e-10, str(found)
    with torch.no_grad():
        expected = (
            model(**given) if isinstance(given, dict) else model(*given) if isinstance(given, tuple) else model(given)
        )
    expected = expected["logits"] if isinstance(expected, dict) else expected
    assert np.allclose(net.outputs(given), expected, atol=1e-6)
    graph = net.graph(inputs=given, target=1)
    assert graph.meta["target_value"] == pytest.approx(float(expected[:, 1].mean()), abs=1e-5)


def test_network_a_mask_of_tokens_is_held_and_makes_no_vertices() -> None:
    made, given = CASES["pooled"]
    graph = ng.trace(made(), given).graph(inputs=given, target=0)
    assert [layer.name for layer in graph.layers if layer.kind == "input"] == ["input"]


def test_network_numbers_and_categories_have_their_own_inputs() -> None:
    made, given = CASES["table"]
    graph = ng.trace(made(), given).graph()
    assert [(layer.name, layer.size) for layer in graph.layers if layer.kind == "input"] == [
        ("input", 3),
        ("input_2", 7),
    ]


def test_network_bags_that_are_no_sums_are_refused() -> None:
    with pytest.raises(UnsupportedOperation, match=r"maximum of each bag.*Embedding, then.*amax"):
        ng.trace(Bag(mode="max"), ids(2, 5, below=7))
    table = torch.randn(9, 4)
    with pytest.raises(UnsupportedOperation, match="offsets that depend on the input"):
        ng.trace(lambda x: F.embedding_bag(ids(4, below=9), table, x.cumsum(0)[:, 0]) * 1.0, ids(2, 5, below=2) * 0)
