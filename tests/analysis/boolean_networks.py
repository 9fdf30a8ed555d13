"""Boolean functions compiled by hand into exact ReLU networks: what every edge is for is known.

A value is an affine sum of units; :meth:`Wires.relu` makes one more unit of it. A unit that is read further on than in
the next layer goes through relu(x) = x units, as booleans are never negative. Weights are whole numbers or have few
binary digits, so float64 makes no rounding errors and "exact" means equal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise, product
from typing import Any

import numpy as np
import torch
from torch import nn

Array = np.ndarray[Any, Any]
Place = tuple[int, int]
"""(layer, unit); layer 0 holds the inputs."""
Edge = tuple[str, str]

KINDS = ("dead", "cancelling")
"""What distractors write to true units and outputs: nothing, or pairs of the same value with opposite signs."""


# -- the compiler ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sum:
    """An affine sum of units."""

    terms: dict[Place, float]
    constant: float = 0.0

    def __add__(self, other: Sum | float) -> Sum:
        if not isinstance(other, Sum):
            return Sum(self.terms, self.constant + other)
        terms = dict(self.terms)
        for place, weight in other.terms.items():
            terms[place] = terms.get(place, 0.0) + weight
        return Sum(terms, self.constant + other.constant)

    def __mul__(self, factor: float) -> Sum:
        return Sum({place: factor * weight for place, weight in self.terms.items()}, factor * self.constant)

    def __sub__(self, other: Sum | float) -> Sum:
        return self + other * -1.0

    __rmul__ = __mul__


class Wires:
    """The units made so far, a layer after the other."""

    def __init__(self, inputs: int) -> None:
        self.inputs = [Sum({(0, i): 1.0}) for i in range(inputs)]
        self.layers: list[
            list[tuple[dict[int, float], float]]
        ] = []  # a unit: weights by unit of the layer before, bias
        self.passed: dict[Place, Place] = {}

    def relu(self, value: Sum) -> Sum:
        """One unit, in the first layer that can read all of ``value``."""
        depth = 1 + max(layer for layer, _ in value.terms)
        if depth > len(self.layers):
            self.layers.append([])
        self.layers[depth - 1].append((self.read(value, depth - 1), value.constant))
        return Sum({(depth, len(self.layers[depth - 1]) - 1): 1.0})

    def read(self, value: Sum, layer: int) -> dict[int, float]:
        """The weights with which units of one layer add up to ``value``."""
        return {self._lifted(place, layer): weight for place, weight in value.terms.items() if weight}

    def _lifted(self, place: Place, layer: int) -> int:
        while place[0] < layer:
            if place not in self.passed:
                (self.passed[place],) = self.relu(Sum({place: 1.0})).terms
            place = self.passed[place]
        return place[1]

    def matrices(self, output: Sum) -> tuple[list[Array], list[Array]]:
        """Weights (n_target, n_source) and biases of every layer, the output's last."""
        rows = [*self.layers, [(self.read(output, len(self.layers)), output.constant)]]
        sizes = [len(self.inputs), *(len(layer) for layer in rows)]
        weights = [np.zeros((b, a)) for a, b in pairwise(sizes)]
        for weight, layer in zip(weights, rows, strict=True):
            for target, (sources, _) in enumerate(layer):
                for source, value in sources.items():
                    weight[target, source] = value
        return weights, [np.array([bias for _, bias in layer]) for layer in rows]


# -- the functions -----------------------------------------------------------------------------------


def total(values: Sequence[Sum]) -> Sum:
    return sum(values[1:], start=values[0])


def at_least(wires: Wires, value: Sum, k: int) -> Sum:
    """[value ≥ k] for a whole-numbered value that exceeds k: relu(value − k + 1) − relu(value − k)."""
    return wires.relu(value - (k - 1)) - wires.relu(value - k)


def conjunction(wires: Wires) -> Sum:
    return wires.relu(total(wires.inputs) - (len(wires.inputs) - 1))


def exclusive(wires: Wires, a: Sum, b: Sum) -> Sum:
    return wires.relu(a + b) - 2 * wires.relu(a + b - 1)


def parity(wires: Wires) -> Sum:
    s = total(wires.inputs)
    return wires.relu(s) - 2 * wires.relu(s - 1) + 2 * wires.relu(s - 2)


def parity_chain(wires: Wires) -> Sum:
    a, b, c = wires.inputs
    return exclusive(wires, exclusive(wires, a, b), c)


def multiplexer(wires: Wires) -> Sum:
    """a where s = 0, b where s = 1."""
    s, a, b = wires.inputs
    return wires.relu(a - s) + wires.relu(b + s - 1)


def carry(wires: Wires) -> Sum:
    """Inputs a0 … a3, b0 … b3, lowest bit first: a layer for each bit's carry, the higher bits pass through."""
    a, b = wires.inputs[:4], wires.inputs[4:]
    carried = wires.relu(a[0] + b[0] - 1)
    for x, y in zip(a[1:], b[1:], strict=True):
        carried = at_least(wires, x + y + carried, 2)
    return carried


def carry_flat(wires: Wires) -> Sum:
    return at_least(wires, total([2**i * (wires.inputs[i] + wires.inputs[4 + i]) for i in range(4)]), 16)


def carries(*x: int) -> bool:
    a, b = (sum(2**i * bit for i, bit in enumerate(bits)) for bits in (x[:4], x[4:]))
    return a + b >= 16


FUNCTIONS: dict[str, tuple[int, Callable[[Wires], Sum], Callable[..., Any]]] = {
    "and": (2, conjunction, lambda *x: all(x)),
    "and4": (4, conjunction, lambda *x: all(x)),
    "or": (2, lambda w: at_least(w, total(w.inputs), 1), lambda *x: any(x)),
    "xor": (2, lambda w: exclusive(w, *w.inputs), lambda a, b: a != b),
    "majority3": (3, lambda w: at_least(w, total(w.inputs), 2), lambda *x: sum(x) >= 2),
    "majority5": (5, lambda w: at_least(w, total(w.inputs), 3), lambda *x: sum(x) >= 3),
    "parity3": (3, parity, lambda *x: sum(x) % 2),
    "parity3_chain": (3, parity_chain, lambda *x: sum(x) % 2),
    "multiplexer": (3, multiplexer, lambda s, a, b: b if s else a),
    "carry4": (8, carry, carries),
    "carry4_flat": (8, carry_flat, carries),
}
"""Name -> number of inputs, how it is wired, the function itself."""


# -- distractors -------------------------------------------------------------------------------------


def disturbed(
    weights: list[Array], biases: list[Array], distractors: int, kind: str, rng: np.random.Generator
) -> tuple[list[Array], list[Array], list[Array]]:
    """The same function among distractors, units shuffled; and where the true units of every layer are now."""
    wide, wide_biases, before, shuffled = [], [], 0, np.arange(weights[0].shape[1])
    places = [np.arange(weights[0].shape[1])]
    for at, (true, bias) in enumerate(zip(weights, biases, strict=True)):
        last = at == len(weights) - 1
        more = 0 if last else distractors * len(true)
        more += more % 2 if kind == "cancelling" else 0
        rows, columns = len(true) + more, true.shape[1] + before
        read = true.shape[1] if kind == "cancelling" else columns  # pairs add nothing to the sums
        weight, b = _dyadic(rng, (rows, columns), read), np.concatenate([bias, _dyadic(rng, (1, more), read)[0]])
        weight[: len(true), : true.shape[1]] = true
        if kind == "dead":
            weight[: len(true), true.shape[1] :] = 0
        else:
            weight[:, true.shape[1] + 1 :: 2] = -weight[:, true.shape[1] : columns : 2]
            weight[len(true) + 1 :: 2] = weight[len(true) : rows : 2]
            b[len(true) + 1 :: 2] = b[len(true) : rows : 2]
        wide.append(weight)
        wide_biases.append(b)
        before = more
        order = np.arange(rows) if last else rng.permutation(rows)  # order[new place] = old place
        places.append(np.argsort(order)[: len(true)])
        wide[at], wide_biases[at] = wide[at][order][:, shuffled], wide_biases[at][order]
        shuffled = order
    return wide, wide_biases, places


def _dyadic(rng: np.random.Generator, shape: tuple[int, int], read: int) -> Array:
    """Weights of either sign, never 0, of few binary digits; sums of ``read`` rectified values keep their size."""
    scale = 2.0 ** -np.floor(np.log2(max(read / 2, 1)) / 2)
    return rng.integers(1, 33, shape) * rng.choice([-1, 1], shape) * scale / 16


# -- what is compiled --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Compiled:
    """An exact network of a boolean function.

    Attributes
    ----------
    model : Linear, ReLU, … , Linear in float64.
    inputs : (2ⁿ, n) all of them; the first counts slowest.
    truth : (2ⁿ, 1) what the function is there.
    edges : the true ones, by the ids of ``ng.trace(model, (n,)).graph()``.
    vertices : the true ones: inputs, output, and the hidden units that are no distractors.
    masks : the true edges as arrays (n_target, n_source), one per Linear.
    """

    name: str
    model: nn.Sequential
    inputs: torch.Tensor
    truth: torch.Tensor
    edges: frozenset[Edge]
    vertices: frozenset[str]
    masks: tuple[Array, ...]


def sequential(weights: Sequence[Array], biases: Sequence[Array]) -> nn.Sequential:
    """Linear layers with ReLU between them, in float64."""
    modules: list[nn.Module] = []
    for weight, bias in zip(weights, biases, strict=True):
        linear = nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(weight))
            linear.bias.copy_(torch.from_numpy(bias))
        modules += [linear, nn.ReLU()]
    return nn.Sequential(*modules[:-1])


def layer_names(n: int) -> list[str]:
    """What a graph calls the input and the n Linear layers of :func:`sequential`."""
    return ["input", *(f"linear_{2 * i}" for i in range(n))]


@cache
def compiled(name: str, distractors: int = 0, kind: str = "dead", seed: int = 0) -> Compiled:
    """One of ``FUNCTIONS``, with that many times as many distractors as true units in every hidden layer.

    Distractors read everything in the layer before, at random. ``kind`` "dead": they write to other distractors only,
    with weights that are exactly 0 to true units and outputs. "cancelling": they come in pairs with the same inputs,
    and whatever one writes, to true units and outputs too, the other takes away: each edge alone matters, all of them
    together do not.
    """
    if kind not in KINDS:
        raise ValueError(f"kind={kind!r}: expected one of {KINDS}")
    n, wire, function = FUNCTIONS[name]
    wires = Wires(n)
    true, biases = wires.matrices(wire(wires))
    weights, biases, places = disturbed(true, biases, distractors, kind, np.random.default_rng(seed))
    names = layer_names(len(weights))
    masks, edges = [], set()
    for at, weight in enumerate(true):
        mask = np.zeros(weights[at].shape, dtype=bool)
        for target, source in np.argwhere(weight).tolist():
            j, i = int(places[at + 1][target]), int(places[at][source])
            mask[j, i] = True
            edges.add((f"{names[at]}:{i}", f"{names[at + 1]}:{j}"))
        masks.append(mask)
    vertices = frozenset(f"{layer}:{i}" for layer, of in zip(names, places, strict=True) for i in of.tolist())
    bits = list(product((0, 1), repeat=n))
    made = Compiled(
        name=name,
        model=sequential(weights, biases),
        inputs=torch.tensor(bits, dtype=torch.float64),
        truth=torch.tensor([[float(function(*x))] for x in bits], dtype=torch.float64),
        edges=frozenset(edges),
        vertices=vertices,
        masks=tuple(masks),
    )
    with torch.no_grad():
        assert torch.equal(made.model(made.inputs), made.truth), f"{name} is not compiled exactly"
    return made


# -- XOR at (1, 1), by hand --------------------------------------------------------------------------


@dataclass(frozen=True)
class ByHand:
    """A network at one input, with its flows worked out on paper."""

    model: nn.Sequential
    x: torch.Tensor
    activations: dict[str, float]
    attributions: dict[Edge, float]
    paths: dict[tuple[str, ...], float]
    constant_shares: dict[str, float]
    output: float


def xor_at_one_one() -> ByHand:
    """h1 = relu(x1 + x2) = 2, h2 = relu(x1 + x2 − 1) = 1, y = h1 − 2·h2 = 0: +1 +1 −2 −2, and +2 from h2's bias."""
    x1, x2, h1, h2, y = "input:0", "input:1", "linear_0:0", "linear_0:1", "linear_2:0"
    return ByHand(
        model=sequential([np.ones((2, 2)), np.array([[1.0, -2.0]])], [np.array([0.0, -1.0]), np.zeros(1)]),
        x=torch.ones(1, 2, dtype=torch.float64),
        activations={x1: 1, x2: 1, h1: 2, h2: 1, y: 0},
        attributions={(x1, h1): 1, (x2, h1): 1, (x1, h2): -2, (x2, h2): -2, (h1, y): 2, (h2, y): -2},
        paths={(x1, h1, y): 1, (x2, h1, y): 1, (x1, h2, y): -2, (x2, h2, y): -2},
        constant_shares={x1: 0, x2: 0, h1: 0, h2: 2, y: 0},
        output=0,
    )
