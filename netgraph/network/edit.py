"""Edited models: vertices and edges of a graph removed, scaled or shifted in a copy of the torch model."""

from __future__ import annotations

import copy
import math
import numbers
from collections import defaultdict
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn

from netgraph.errors import AnalysisError, InputError, unknown
from netgraph.network import wishes
from netgraph.network.entries import check_registrable, entering, register
from netgraph.network.following import HINDERED, Following, follow
from netgraph.network.gauge import homogeneous
from netgraph.network.network import Network
from netgraph.network.program import GRANULARITIES, Programs
from netgraph.network.uses import Mirror, Tied, Uses, Wish
from netgraph.network.vertices import Vertices
from netgraph.network.wishes import Change, Edge

NEAREST = 2000
"""Vertices of a layer among which the nearest name is looked for."""


def edit(net: Network, changes: Mapping[Any, Any], granularity: str = "channel") -> nn.Module:
    """A copy of a network's torch model in which vertices or edges are removed, scaled or shifted.

    Only parameters change, so the copy can be saved and loaded as the model can, by the same class. The model itself
    stays as it is.

    Parameters
    ----------
    changes : what becomes of which vertex, ``"fc1:17"``, or edge, a pair ``("fc1:3", "fc2:7")`` of source and target: a
        number that it is multiplied by (0 removes it), or ``{"scale": s, "shift": t}``, either of which may be left
        out. A vertex's value after its own activation function becomes s·a + t, at all places of a channel, for
        everything that reads it; an edge's weight s·w + t, where w is one number (all taps of a kernel are scaled). The
        order makes no difference: the scales of a vertex and of its edges multiply.
    granularity : "channel" or "unit": which graph the names are of.

    Returns
    -------
    A deep copy of ``net.model``, in its mode and dtype, with the same keys in its ``state_dict``. Only where a shift
    needs a bias that an ``nn.Linear`` or a convolution has not, it gets one.

    Raises
    ------
    UnknownName : no such vertex or granularity.
    InputError : a change that is no finite number and no such dict.
    AnalysisError : what no change of parameters does: an edge that is no parameter (the identity edge of a residual
        connection, pooling, attention), one parameter that is several edges, a value that is bent on its way; or a
        model whose weights are no parameters of it. The message says which, and why.

    Notes
    -----
    A vertex changes through what leaves it, the columns of the weights that read it: W·(s·a + t) = (s·W)·a + W·t, for
    any activation function. Where something reads it that is no parameter, it changes through what enters it: rows,
    bias and BatchNorm, as φ(s·z) = s·φ(z) for s ≥ 0 and ReLU and its like, and for any s where there is no function.

    Examples
    --------
    >>> import torch, netgraph as ng
    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.GELU(), torch.nn.Linear(2, 1))
    >>> net = ng.trace(model, (2,))
    >>> edited = ng.edit(net, {"linear_0:1": 0.0, ("input:0", "linear_0:0"): 2.0})
    >>> bool(edited[2].weight[0, 1] == 0), bool(edited[0].weight[0, 0] == 2 * model[0].weight[0, 0])
    (True, True)
    """
    if granularity not in GRANULARITIES[:2]:
        raise unknown("granularity", granularity, GRANULARITIES[:2])
    if not isinstance(changes, Mapping):
        raise InputError(
            f"changes= is a {type(changes).__name__}: expected a dict of what becomes of which vertex or edge, such as "
            "{'fc1:17': 0.0} to remove one"
        )
    if not isinstance(net.model, nn.Module):
        raise AnalysisError(
            f"the network was traced from a function ({type(net.model).__name__}), which has no parameters to edit: "
            "trace an nn.Module"
        )
    return Edit(net.model, net.programs, granularity).made(changes)


class Edit:
    """One edit: what is asked for, and how it is done.

    Attributes
    ----------
    vertices, edges : number of a vertex, or numbers of source and target -> change.
    leaving : the vertices that change through what leaves them; the others change through what enters them.
    """

    def __init__(self, model: nn.Module, programs: Programs, granularity: str) -> None:
        self.model, mirror = model, Mirror()
        self.following = follow(programs, granularity, mirror)
        self.uses = Uses(model, self.following.tape, self.following.constants, mirror)
        self.names = _Names(self.following)
        self.vertices: dict[int, Change] = {}
        self.edges: dict[Edge, Change] = {}
        self.leaving: set[int] = set()
        self.makers = {joint.layer.name: joint for joint in self.following.joints.values()}

    def made(self, changes: Mapping[Any, Any]) -> nn.Module:
        """The edited copy."""
        self._read(changes)
        for vertex in self.vertices:
            why_not = self._not_leaving(vertex)
            if why_not is None:
                self.leaving.add(vertex)
            else:
                self._must_enter(vertex, why_not)
        while True:
            try:
                wanted, biases = self._wishes()
                new = self.uses.changed(wanted)
                break
            except Tied as tied:
                back = self.leaving & set(tied.leaving)
                if not back:
                    raise AnalysisError(f"{self._asked()} cannot be edited: {tied}") from None
                self.leaving -= back
                for vertex in back:
                    self._must_enter(vertex, str(tied))
        return self._copy(new, biases)

    def _copy(self, new: Mapping[str, torch.Tensor], biases: Mapping[str, torch.Tensor]) -> nn.Module:
        edited = copy.deepcopy(self.model)
        held = {**dict(edited.named_parameters()), **dict(edited.named_buffers())}
        with torch.no_grad():
            for name, value in new.items():
                held[name].copy_(value.to(held[name]))
        for module, bias in biases.items():
            register(edited.get_submodule(module), bias)
        return edited

    def _asked(self) -> str:
        """What is to be changed, for messages: the first three."""
        names = [repr(self.names.id(v)) for v in self.vertices]
        names += [f"({self.names.id(a)!r}, {self.names.id(b)!r})" for a, b in self.edges]
        return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")

    # -- what is asked for ---------------------------------------------------------------------------

    def _read(self, changes: Mapping[Any, Any]) -> None:
        for key, value in changes.items():
            change = _change(key, value)
            if isinstance(key, tuple) and len(key) == 2:
                edge = self.names.number(key[0]), self.names.number(key[1])
                self._check_edge(edge)
                self.edges[edge] = change
            else:
                self.vertices[self.names.number(key)] = change
        self.vertices = {v: c for v, c in self.vertices.items() if c != Change()}

    def _check_edge(self, edge: Edge) -> None:
        source, target = self.names.id(edge[0]), self.names.id(edge[1])
        layer = self.names.layer(edge[1])
        why = self._no_weight(layer)
        if why:
            raise AnalysisError(f"edge ({source!r}, {target!r}): {why}")

    def _no_weight(self, layer: Vertices) -> str:
        """Why the edges into a layer are no parameters; "" where they are."""
        joint = self.makers.get(layer.name)
        if joint is None:
            return f"no edge enters layer {layer.name!r}, it is of kind {layer.kind}"
        if not wishes.weighed(joint):
            return (
                f"the edges into layer {layer.name!r} are no parameters ({joint.kind}): what they weigh is fixed by "
                "the architecture, or by the input. Edges into linear layers and convolutions can be edited: edit "
                "those that lead to it, or those that read it"
            )
        if not self.uses.holds(joint.weight):
            return (
                f"the weight of layer {layer.name!r} is no nn.Parameter or buffer, it is computed while the model runs "
                "or kept elsewhere (weight_norm, spectral_norm, a frozen or exported program). "
                "torch.nn.utils.parametrize.remove_parametrizations(module, 'weight') makes it one: trace the model "
                "after it"
            )
        return ""

    @cached_property
    def first_met(self) -> dict[str, torch.Tensor]:
        """Kind -> (vertices,) which of the things met is the first of that kind; -1 where there is none."""
        out = {kind: self._none() for kind in HINDERED}
        for i, met in reversed(list(enumerate(self.following.met))):
            out[met.kind][met.numbers.reshape(-1)] = i
        return {kind: first[:-1] for kind, first in out.items()}

    @cached_property
    def fixed_reader(self) -> torch.Tensor:
        """(vertices,) which layer reads the vertex through edges that are no parameters; -1 where none does."""
        out = self._none()
        for i, layer in enumerate(self.following.layers):
            joint = self.makers.get(layer.name)
            if joint is not None and self._no_weight(layer):
                for form in self.following.readers[joint.at]:
                    out[form.numbers.reshape(-1)] = i
        return out[:-1]

    def _none(self) -> torch.Tensor:
        return torch.full((self.following.n + 1,), -1)  # one more, for elements that are no vertex's: number -1

    # -- which way -----------------------------------------------------------------------------------

    def _not_leaving(self, vertex: int) -> str | None:
        """Why a vertex cannot be changed through what leaves it; None where it can."""
        change = self.vertices[vertex]
        for kind, first in self.first_met.items():
            if HINDERED[kind](*change) and first[vertex] >= 0:
                return self.following.met[int(first[vertex])].why
        if self.fixed_reader[vertex] >= 0:
            return self._no_weight(self.following.layers[int(self.fixed_reader[vertex])])
        return None

    def _must_enter(self, vertex: int, why_not: str) -> None:
        """Refuse a vertex that cannot be changed through what enters it either."""
        why = self._not_entering(vertex)
        if why:
            raise AnalysisError(
                f"vertex {self.names.id(vertex)!r} cannot be edited. Through what leaves it: {why_not}. Through what "
                f"enters it: {why}"
            )

    def _not_entering(self, vertex: int) -> str:
        change, layer = self.vertices[vertex], self.names.layer(vertex)
        why = self._no_weight(layer)
        if why:
            return why
        for fn, rank in self.following.own[layer.name]:
            at_zero = fn(torch.zeros([1] * rank, dtype=torch.float64))
            zero = change.scale == 0 and not bool(at_zero.any())
            if change.shift or not (zero or (change.scale > 0 and bool(homogeneous(fn, rank).all()))):
                what = "a shift" if change.shift else f"a scale of {change.scale:g}"
                return (
                    f"{what} does not pass through its activation function ({layer.activation}): only ReLU and its "
                    "like let scales above 0 through, and 0 passes where the function is 0 at 0"
                )
        return ""

    # -- how -----------------------------------------------------------------------------------------

    def _wishes(self) -> tuple[list[Wish], dict[str, torch.Tensor]]:
        """What is wished of every parameter that a joint reads, and the biases that are missing."""
        n = self.following.n
        scale, shift = torch.ones(n, dtype=torch.float64), torch.zeros(n, dtype=torch.float64)
        rows, added = scale.clone(), shift.clone()
        for vertex, change in self.vertices.items():
            into = (scale, shift) if vertex in self.leaving else (rows, added)
            into[0][vertex], into[1][vertex] = change
        leaves = torch.zeros(n + 1, dtype=torch.bool)
        leaves[list(self.leaving)] = True
        edges: dict[str, dict[Edge, Change]] = defaultdict(dict)
        for edge, change in self.edges.items():
            edges[self.names.layer(edge[1]).name][edge] = change
        wanted: list[Wish] = []
        biases: dict[str, torch.Tensor] = {}
        for at, joint in self.following.joints.items():
            layer = joint.layer
            if not wishes.weighed(joint) or not self.uses.holds(joint.weight):
                continue
            span, x = slice(layer.start, layer.start + layer.size), self.following.readers[at][0]
            left = x.numbers[leaves[x.numbers]].unique().tolist() if self.leaving else []
            changed = bool((rows[span] != 1).any()) or bool(added[span].any())
            if not left and not changed and layer.name not in edges:
                continue
            call = self.following.tape.calls[at[0]]
            try:
                times, plus = wishes.edited(joint, edges[layer.name], self.names.id)
                gained = torch.zeros(layer.size, dtype=torch.float64)
                if bool(shift[left].any()):
                    weight = joint.weight.double() * times + plus
                    gained = wishes.inflow(joint, x, weight, shift)
                through = entering(self.following, self.uses, layer, rows[span], added[span], gained)
                by = wishes.outer(joint, wishes.columns(joint, x, scale), wishes.rows(joint, through.rows))
                if through.bias is not None:
                    times_used = sum(reader.module == call.module for reader in self.uses.readers(joint.weight))
                    check_registrable(self.model, call.module, layer.name, times_used)
                    biases[call.module] = wishes.rows(joint, through.bias)
            except Tied as tied:
                raise Tied(str(tied), left) from None
            wanted.append(Wish(call, joint.weight, times * by, plus * by, left))
            wanted += [Wish(w.call, w.tensor, w.times, w.plus, left) for w in through.wishes]
        return wanted, biases


class _Names:
    """Names of vertices and their numbers."""

    def __init__(self, following: Following) -> None:
        self.layers = {layer.name: layer for layer in following.layers}
        self.order = following.layers

    def number(self, name: Any) -> int:
        """The number of a vertex.

        Raises
        ------
        UnknownName : there is no such vertex.
        """
        layer_name, _, index = str(name).rpartition(":")
        layer = self.layers.get(layer_name)
        if layer is None:
            raise unknown("vertex", name, [self.id(v.start) for v in self.order], ", its layer does not exist")
        place = index.split(",")
        fits = len(place) == len(layer.grid) and all(
            p.isdecimal() and p == str(int(p)) and int(p) < n for p, n in zip(place, layer.grid, strict=True)
        )
        if not fits:
            near = (self.id(layer.start + i) for i in range(min(layer.size, NEAREST)))
            raise unknown("vertex", name, near, f" (layer {layer_name!r} holds {layer.size}, {layer.grid})")
        return layer.start + int(np.ravel_multi_index([int(p) for p in place], layer.grid))

    def layer(self, number: int) -> Vertices:
        """The layer of a vertex."""
        return next(v for v in self.order if v.start <= number < v.start + v.size)

    def id(self, number: int) -> str:
        """The name of a vertex."""
        layer = self.layer(number)
        place = np.unravel_index(number - layer.start, layer.grid)
        return f"{layer.name}:{','.join(str(int(p)) for p in place)}"


def _change(key: Any, value: Any) -> Change:
    """What is asked for of a vertex or an edge."""
    given = value if isinstance(value, Mapping) else {"scale": value}
    for name in given:
        if name not in Change._fields:
            raise unknown("change", name, Change._fields, f" of {key!r}")
    for number in given.values():
        if isinstance(number, bool) or not isinstance(number, numbers.Real) or not math.isfinite(number):
            raise InputError(
                f"the change of {key!r} is {value!r}, expected a finite number that it is multiplied by, such as 0.0, "
                "or {'scale': s, 'shift': t}"
            )
    return Change(**{name: float(number) for name, number in given.items()})
