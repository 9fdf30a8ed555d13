"""Inputs of any form: tuples, dictionaries, nested containers, options, masks without a batch axis, loaders."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import netgraph as ng
from netgraph.errors import InputError


class Pair(nn.Module):
    """Two inputs, a shared trunk, and what may be given in many ways."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.trunk, self.head = nn.Linear(4, 5), nn.Linear(10, 3)

    def forward(self, left: torch.Tensor, right: torch.Tensor, swap: bool = False) -> torch.Tensor:
        pair = (right, left) if swap else (left, right)
        return self.head(torch.cat([self.trunk(x).relu() for x in pair], 1))


class Masked(nn.Module):
    """Attention over (N, T, D) with a mask that all inputs share, of shape (T, T)."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.q, self.k, self.v, self.head = (nn.Linear(4, 4) for _ in range(4))

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        scores = self.q(x) @ self.k(x).transpose(1, 2) + mask
        return self.head(scores.softmax(-1) @ self.v(x)).mean(1)


def pair(n: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(n)
    return torch.randn(n, 4, generator=generator), torch.randn(n, 4, generator=generator)


def causal(t: int) -> torch.Tensor:
    return torch.full((t, t), -torch.inf).triu(1)


class Nested(Pair):
    def forward(self, batch: Any) -> torch.Tensor:  # type: ignore[override]
        return super().forward(batch["sides"][0], batch["sides"][1], batch.get("swap", False))


left, right = pair()
FORMS: dict[str, tuple[type[Pair], Any]] = {
    "tuple": (Pair, (left, right)),
    "list": (Pair, [left, right]),
    "option": (Pair, (left, right, True)),
    "keywords": (Pair, {"left": left, "right": right}),
    "keyword-option": (Pair, {"right": right, "left": left, "swap": True}),
    "mapping": (Pair, UserDict(left=left, right=right)),
    "one-dict": (Nested, {"sides": (left, right)}),
    "nested": (Nested, ({"sides": [left, right], "swap": True},)),
}


@pytest.mark.parametrize("name", FORMS)
def test_network_inputs_of_every_form_agree_with_the_model(name: str) -> None:
    made, given = FORMS[name]
    model = made()
    net = ng.trace(model, given)
    if isinstance(given, (dict, UserDict)) and name != "one-dict":
        expected = model(**given)
    else:
        expected = model(*given) if isinstance(given, (tuple, list)) else model(given)
    assert torch.equal(net(given), expected.detach())
    assert net.outputs(given).shape == (3, 3)
    assert net.activations(given).shape[0] == 3
    graph = net.graph(inputs=given, target=1)
    assert graph.meta["inputs"] == 3
    assert graph.meta["target_value"] == pytest.approx(float(expected[:, 1].mean().detach()), abs=1e-6)
    assert [layer.name for layer in graph.layers if layer.kind == "input"] == ["input", "input_2"]
    assert np.allclose(net.masked(given, [None] * len(graph.blocks)), expected.detach(), atol=1e-6)
    found = net.verify(given)
    assert found and max(found.errors.values()) <= 1e-10, str(found)


def test_network_calls_with_keywords_and_positions() -> None:
    model = Pair()
    net = ng.trace(model, {"left": left, "right": right})
    assert torch.equal(net(left=left, right=right), model(left, right).detach())
    positional = ng.trace(model, (left, right, True))
    assert torch.equal(positional(left, right, True), model(left, right, True).detach())
    assert torch.equal(positional(left, right), model(left, right, True).detach())  # options stay the example's
    assert torch.equal(positional(left.numpy(), right.numpy()), model(left, right, True).detach())


def test_network_shapes_of_several_inputs() -> None:
    net = ng.trace(Pair(), ((4,), (4,)))
    assert net.verify(pair(2))
    keyed = ng.trace(Pair(), {"left": (4,), "right": (4,)})
    assert keyed.verify({"left": left, "right": right})
    first, second = keyed.programs.example
    assert first.shape == (1, 4) and not torch.equal(first, second)


def test_network_a_mask_without_a_batch_axis_is_shared_and_constant() -> None:
    model, x = Masked(), torch.randn(3, 5, 4)
    net = ng.trace(model, (x[:1], causal(5)))
    graph = net.graph(inputs=(x, causal(5)), target=0)
    assert [layer.name for layer in graph.layers if layer.kind == "input"] == ["input"]
    expected = model(x, causal(5)).detach()
    assert torch.allclose(net(x, causal(5)), expected, atol=1e-6)
    assert graph.meta["target_value"] == pytest.approx(float(expected[:, 0].mean()), abs=1e-6)
    free = torch.zeros(5, 5)
    assert torch.allclose(net(x, free), model(x, free).detach(), atol=1e-6)  # another mask is another constant
    assert not torch.allclose(net(x, free), expected)
    longer = torch.randn(2, 7, 4)
    assert torch.allclose(net(longer, causal(7)), model(longer, causal(7)).detach(), atol=1e-6)
    for mask in (causal(5), free):
        found = net.verify((x, mask))
        assert found and max(found.errors.values()) <= 1e-10, str(found)


def test_network_one_tensor_for_all_inputs() -> None:
    """A batch axis of 1 beside longer ones: the same value for every input, as broadcasting has it."""
    model = Pair()
    net = ng.trace(model, (left[:1], right[:1]))
    both = (left, right[:1].expand(3, 4))
    assert torch.equal(net(left, right[:1]), model(*both).detach())
    one, whole = (net.graph(inputs=given, target=2) for given in ((left, right[:1]), both))
    assert np.allclose(one.columns["attribution"], whole.columns["attribution"])


class Loader:
    """Gives its batches anew each time that it is walked through."""

    def __init__(self, *batches: Any) -> None:
        self.batches = batches

    def __iter__(self) -> Iterator[Any]:
        return iter(self.batches)


LABELS = torch.tensor([0, 2, 1])
LOADERS: dict[str, tuple[Any, Any]] = {
    "pair-and-label": ((left, right), ((left, right), LABELS)),
    "flat": ((left, right), (left, right, LABELS)),
    "dict": ({"left": left, "right": right}, {"left": left, "right": right, "labels": LABELS}),
    "dict-and-label": ({"left": left, "right": right}, ({"left": left, "right": right}, LABELS)),
}


@pytest.mark.parametrize("name", LOADERS)
def test_network_loaders_of_every_form(name: str) -> None:
    example, item = LOADERS[name]
    net = ng.trace(Pair(), example)
    loaded = net.graph(inputs=Loader(item, item), target="label")
    direct = net.graph(inputs=example, target="label", labels=LABELS)
    assert loaded.meta["inputs"] == 6
    assert np.allclose(loaded.columns["attribution"], direct.columns["attribution"])


def test_network_loaders_of_numbers_to_predict() -> None:
    model = nn.Linear(4, 1)
    net = ng.trace(model, (4,))
    graph = net.graph(inputs=Loader((left, torch.randn(3))))
    assert graph.meta["target_value"] == pytest.approx(float(model(left).mean().detach()), abs=1e-6)


def test_network_a_torch_loader_of_dictionaries() -> None:
    rows = [{"left": left[i], "right": right[i], "label": int(LABELS[i])} for i in range(3)]
    loader = torch.utils.data.DataLoader(rows, batch_size=2)  # type: ignore[arg-type]
    net = ng.trace(Pair(), {"left": left, "right": right})
    assert net.graph(inputs=loader, target="label").meta["inputs"] == 3


def test_network_wrong_structures_say_what_is_expected() -> None:
    keyed = ng.trace(Pair(), {"left": left, "right": right})
    with pytest.raises(InputError, match=r"1 input, expected 2 \('left', 'right'\): 'right' missing"):
        keyed({"left": left})
    with pytest.raises(InputError, match="unknown input 'rigth': did you mean 'right'"):
        keyed({"left": left, "rigth": right})
    with pytest.raises(InputError, match=r"2 inputs, expected 2 .*dict with the keys of the example"):
        keyed((left, right))
    plain = ng.trace(Pair(), (left, right, True))
    with pytest.raises(InputError, match=r"1 input, expected 2 \(input 1, input 2\): .*tuple of tensors"):
        plain(left)
    with pytest.raises(InputError, match="input 3 is False, but the network was traced with True: trace it again"):
        plain(left, right, False)
    with pytest.raises(InputError, match=r"as many inputs in every tensor, or one for all: got input 1 3, input 2 2"):
        plain(left, right[:2])
    with pytest.raises(InputError, match="'right' is str, expected a tensor"):
        keyed({"left": left, "right": "x"})


def test_network_wrong_shapes_say_the_likely_mend() -> None:
    keyed = ng.trace(Pair(), {"left": left, "right": right})
    with pytest.raises(InputError, match=r"'right' has shape \(4,\), expected \(N, 4\): add a batch axis: x\[None\]"):
        keyed({"left": left, "right": right[0]})
    flat = ng.trace(nn.Linear(12, 2), (12,))
    with pytest.raises(InputError, match=r"shape \(5, 3, 4\), expected \(N, 12\): flatten it: x.flatten\(1\)"):
        flat(torch.zeros(5, 3, 4))
    with pytest.raises(InputError, match=r"flatten it: x.reshape\(-1, 12\)"):
        flat(torch.zeros(3, 4))
    images = ng.trace(nn.Sequential(nn.Conv2d(3, 2, 2), nn.Flatten(), nn.Linear(24, 2)), (3, 4, 5))
    with pytest.raises(InputError, match=r"add the missing axes: x.reshape\(-1, 3, 4, 5\)"):
        images(torch.zeros(2, 60))
    with pytest.raises(InputError, match=r"layer '0' \(Conv2d\).*move its axes: x.permute\(0, 3, 1, 2\)"):
        images(torch.zeros(2, 4, 5, 3))
    with pytest.raises(InputError, match=r"'0' \(Conv2d\).*expects 3 .*move its axes: x.permute\(0, 3, 1, 2\)"):
        ng.trace(nn.Sequential(nn.Conv2d(3, 2, 2)), torch.zeros(1, 4, 4, 3))
    with pytest.raises(InputError, match=r"flatten it: x.flatten\(1\)"):
        ng.trace(nn.Linear(12, 2), torch.zeros(1, 3, 4))


def test_network_wrong_kinds_of_numbers() -> None:
    model = nn.Sequential(nn.Embedding(7, 3))
    with pytest.raises(InputError, match=r"layer '0' \(Embedding\) takes whole numbers.*torch.randint"):
        ng.trace(model, (5,))
    with pytest.raises(InputError, match="index that it has no row for"):
        ng.trace(model, torch.full((1, 2), 9))
    with pytest.raises(InputError, match=r"complex64, expected torch.float32: x\.real"):
        ng.trace(nn.Linear(4, 2), (4,))(torch.zeros(1, 4, dtype=torch.complex64))
    masked = ng.trace(lambda x, keep: x * keep[:, None], (left, torch.ones(3, dtype=torch.bool)))
    assert torch.equal(masked(left, torch.tensor([1, 0, 1])), left * torch.tensor([[1.0], [0.0], [1.0]]))
    with pytest.raises(InputError, match=r"expected torch.bool: x.bool\(\)"):
        masked(left, torch.tensor([1, 0, 2]))


def test_network_an_example_without_a_batch_axis_anywhere() -> None:
    for wrong in ("text", 3.5, None, {"x": "text"}, [], {}, (torch.tensor(1.0), 2)):
        with pytest.raises(InputError, match="example"):
            ng.trace(nn.Linear(3, 2), wrong)
