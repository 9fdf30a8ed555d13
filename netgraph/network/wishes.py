"""From changes of vertices and edges to changes of the weight that a joint multiplies by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeGuard

import numpy as np
import torch

from netgraph.errors import AnalysisError
from netgraph.network.blocks import Convolution, Joint, Matmul
from netgraph.network.shapes import count
from netgraph.network.unrolled import UnitConvolution
from netgraph.network.uses import Tied
from netgraph.network.vertices import Form

Weighing = Matmul | Convolution | UnitConvolution
"""Joints that multiply by a weight."""
Edge = tuple[int, int]
"""Numbers of the source and the target."""


class Change(NamedTuple):
    """a becomes ``scale``·a + ``shift``."""

    scale: float = 1.0
    shift: float = 0.0


def weighed(joint: Joint) -> TypeGuard[Weighing]:
    """Whether a joint multiplies by a weight."""
    return isinstance(joint, (Matmul, Convolution, UnitConvolution))


def columns(joint: Weighing, x: Form, values: torch.Tensor) -> torch.Tensor:
    """(inputs,) a number for each column (input channel) of the weight, from ``values`` of all vertices.

    Raises
    ------
    Tied : the weight is shared by vertices of different values.
    """
    padded = torch.cat([values, values.new_full((1,), torch.nan)])  # number -1: nothing is there
    if isinstance(joint, Matmul):
        return _one(padded[torch.from_numpy(joint.numbers)], 0, joint)
    numbers = x.numbers.expand(-1, x.shape[1], *x.numbers.shape[2:])
    return _one(padded[numbers.movedim(1, 0).reshape(x.shape[1], -1)], 1, joint)


def rows(joint: Weighing, values: torch.Tensor) -> torch.Tensor:
    """(outputs,) a number for each row (output channel) of the weight, from (size,) ``values`` of its vertices."""
    if isinstance(joint, Matmul):
        return _one(values.reshape(len(joint.numbers), -1), 0, joint)
    if isinstance(joint, Convolution):
        return values
    numbers = joint.new - joint.layer.start
    return _one(values[numbers.movedim(1, 0).reshape(numbers.shape[1], -1)], 1, joint)


def _one(each: torch.Tensor, axis: int, joint: Weighing) -> torch.Tensor:
    """The number that all along an axis share; NaN (nothing there) agrees with anything."""
    low = torch.where(each.isnan(), torch.inf, each).amin(axis)
    high = torch.where(each.isnan(), -torch.inf, each).amax(axis)
    if bool((low < high).any()):
        raise Tied(
            f"layer {joint.layer.name!r}: its weight is shared by several places or tokens, which are not all to "
            "change in the same way, so no weight belongs to one of them. Change all of them alike, or edit at "
            "granularity='channel'"
        )
    return torch.where(low.isinf(), 1.0, low)


def edited(
    joint: Weighing, edges: Mapping[Edge, Change], ids: Callable[[int], str]
) -> tuple[torch.Tensor, torch.Tensor]:
    """(times, plus): what changes of edges do to the weight, in its shape with one tap.

    Raises
    ------
    Tied : an edge whose weight is another edge's, too.
    AnalysisError : edges that do not exist, or a shift of an edge that is several numbers.
    """
    shape = (*joint.weight.shape[:2], *[1] * (joint.weight.dim() - 2))
    times, plus = torch.ones(shape, dtype=torch.float64), torch.zeros(shape, dtype=torch.float64)
    if not edges:
        return times, plus
    if isinstance(joint, UnitConvolution):
        raise AnalysisError(
            f"{_named(next(iter(edges)), ids)}: the kernel of layer {joint.layer.name!r} is shared by all places, so "
            "no parameter is this edge alone. Edit its kernel, an edge at granularity='channel'; or the vertices"
        )
    groups, per_group = joint.numbers.shape[0], joint.layer.size // joint.numbers.shape[0]
    asked: dict[tuple[int, int], list[Change]] = {}
    for (source, target), change in edges.items():
        group, row = divmod(target - joint.layer.start, per_group)
        found = np.flatnonzero(joint.numbers[group] == source)
        if not len(found):
            raise AnalysisError(
                f"{_named((source, target), ids)}: there is no such edge, {ids(target)} does not read {ids(source)}. "
                "graph().edges lists those that exist"
            )
        if change.shift and (len(found) > 1 or count(joint.weight.shape[2:]) > 1 or _shared(joint)):
            n = len(found) * count(joint.weight.shape[2:])
            raise AnalysisError(
                f"{_named((source, target), ids)}: its weight is {n} parameters (the taps of a kernel, or several "
                "places), so it is not known what a shift adds to each. Give a scale, or set the parameters yourself"
            )
        for k in found:
            place = _place(joint, group, row, int(k))
            gain = 1.0 if joint.scale is None else float(joint.scale[group, k])
            gain *= 1.0 if joint.factor is None else float(joint.factor[target - joint.layer.start])
            if change.shift and gain == 0:
                raise AnalysisError(
                    f"{_named((source, target), ids)}: it is multiplied by 0 (a BatchNorm's weight), so that no "
                    "parameter changes it by a shift"
                )
            step = change._replace(shift=change.shift / gain if change.shift else 0.0)
            asked.setdefault(place, []).append(step)
    for place, steps in asked.items():
        if isinstance(joint, Matmul) and (len(steps) != groups or len(set(steps)) != 1):
            raise Tied(
                f"an edge into layer {joint.layer.name!r}: its weight is shared by {groups} groups of vertices, which "
                "are not all to change in the same way. Change all of them alike, or edit at granularity='channel'"
            )
        times[place], plus[place] = steps[0].scale, steps[0].shift
    return times, plus


def _shared(joint: Matmul | Convolution) -> bool:
    return isinstance(joint, Matmul) and len(joint.numbers) > 1


def _place(joint: Matmul | Convolution, group: int, row: int, k: int) -> tuple[int, int]:
    """Where the weight from column ``k`` to ``row`` of a group lies."""
    if isinstance(joint, Matmul):
        return k, row
    groups = joint.geometry.groups
    if joint.geometry.transposed:
        return group * (joint.weight.shape[0] // groups) + k, row
    return group * (joint.weight.shape[0] // groups) + row, k


def outer(joint: Weighing, leaving: torch.Tensor, entering: torch.Tensor) -> torch.Tensor:
    """(columns' numbers) x (rows' numbers), in the shape of the weight with one tap."""
    if isinstance(joint, Matmul):
        return leaving[:, None] * entering
    groups, first = joint.geometry.groups, joint.weight.shape[0] // joint.geometry.groups
    one, other = (leaving, entering) if joint.geometry.transposed else (entering, leaving)
    matrix = one[:, None] * other.reshape(groups, -1).repeat_interleave(first, 0)
    return matrix.reshape(*matrix.shape, *[1] * (joint.weight.dim() - 2))


def inflow(joint: Weighing, x: Form, weight: torch.Tensor, shifts: torch.Tensor) -> torch.Tensor:
    """(size,) what z of every vertex gains where ``shifts`` (of all vertices) are added to the values that it reads.

    Raises
    ------
    Tied : it would gain something else at other places: zeros around the maps, or scales that differ.
    """
    padded = torch.cat([shifts, shifts.new_zeros(1)])[x.full]
    added = padded if x.scale is None else padded * x.scale
    if isinstance(joint, Matmul):
        each = added.reshape(-1, added.shape[-1])
        group = joint.group.expand(x.shape[:-1]).reshape(-1)
        gained = torch.full((len(joint.numbers), added.shape[-1]), torch.nan, dtype=torch.float64)
        for g in range(len(gained)):
            mine = each[group == g]
            if bool((mine != mine[0]).any()):
                raise _uneven(joint)
            gained[g] = mine[0]
        return (gained @ weight.double()).reshape(-1)
    each = added.movedim(1, 0).reshape(added.shape[1], -1)
    moved = bool(each.any())
    if moved and (joint.geometry.transposed or any(joint.geometry.padding) or bool((each != each[:, :1]).any())):
        raise _uneven(joint)
    taps = weight.double().flatten(2).sum(-1)
    groups = joint.geometry.groups
    wide = each[:, 0].reshape(groups, -1).repeat_interleave(len(taps) // groups, 0)
    total: torch.Tensor = (taps * wide).sum(1)
    if isinstance(joint, Convolution):
        return total
    numbers = joint.new - joint.layer.start
    out = torch.zeros(joint.layer.size, dtype=torch.float64)
    out[numbers.reshape(-1)] = total.reshape(1, -1, *[1] * (numbers.dim() - 2)).expand(numbers.shape).reshape(-1)
    return out


def _uneven(joint: Weighing) -> Tied:
    return Tied(
        f"layer {joint.layer.name!r} reads it with zeros around its maps, or scaled differently from place to place, "
        "so that a shift is not one number in its bias. Scale it instead, or shift what is made of it"
    )


def _named(edge: Edge, ids: Callable[[int], str]) -> str:
    return f"edge ({ids(edge[0])!r}, {ids(edge[1])!r})"
