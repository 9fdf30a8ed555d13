"""What enters a vertex besides its edges: the parameters of its bias and of the BatchNorm that was folded into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from netgraph.errors import AnalysisError
from netgraph.network.following import Following, Step
from netgraph.network.tape import Slot
from netgraph.network.uses import Tied, Uses, Wish
from netgraph.network.vertices import Vertices

BIAS = {"addmm": 0, "convolution": 2}
"""Which argument of an operation with weights is the bias."""


@dataclass(eq=False)
class Entering:
    """How the values of one layer's vertices are changed through what enters them.

    Attributes
    ----------
    rows : (size,) what the rows of the weight are multiplied by.
    wishes : changes of biases and BatchNorms.
    bias : None, or (size,) the bias that the layer needs and has not.
    """

    rows: torch.Tensor
    wishes: list[Wish] = field(default_factory=list)
    bias: torch.Tensor | None = None


@dataclass(frozen=True, eq=False)
class _Shift:
    """A step that adds: the parameter, the shape that it is added in, and the sign and scale that it is added with."""

    step: Step
    tensor: torch.Tensor
    shape: tuple[int, ...]
    gain: torch.Tensor
    beside: torch.Tensor | None = None  # a running mean that has to be scaled along


def entering(
    following: Following, uses: Uses, layer: Vertices, scale: torch.Tensor, shift: torch.Tensor, inflow: torch.Tensor
) -> Entering:
    """z = W·x + b becomes scale · (z + what W·x gains: ``inflow``) + shift, all (size,).

    Where an affine BatchNorm was folded into the layer, its weight is scaled in place of W.

    Raises
    ------
    AnalysisError : a constant on the way is no parameter.
    Tied : a parameter that is shared by vertices that are to change differently.
    """
    one, zero = torch.ones(layer.size, dtype=torch.float64), torch.zeros(layer.size, dtype=torch.float64)
    steps = following.steps[layer.name]
    last = max(_normed(steps, uses, following), default=-1)
    out = Entering(scale if last < 0 else one)
    if bool((scale == 1).all()) and not bool(shift.any()) and not bool(inflow.any()):
        return out
    shifts = [s for s in steps if s.factor is None]
    folded, seen = one, 0
    for i, step in enumerate(steps):
        if step.factor is not None:
            folded = folded * step.factor
            if i == last:
                weight = _argument(following, step, 1)
                assert weight is not None
                out.wishes.append(_wish(layer, step, weight, _per_channel(step, weight), scale, zero))
            continue
        seen += 1
        times = scale if i > last else one
        plus = times * inflow * folded if seen == 1 else zero
        plus = plus + shift if seen == len(shifts) else plus
        if bool((times == 1).all()) and not bool(plus.any()):
            continue
        held = _shift(following, uses, layer, step)
        out.wishes.append(_wish(layer, step, held.tensor, held.shape, times, plus * held.gain))
        if held.beside is not None:
            out.wishes.append(_wish(layer, step, held.beside, held.shape, times, zero))
    if not shifts:
        gained = scale * inflow + shift
        out.bias = gained if bool(gained.any()) else None
    return out


def _normed(steps: Sequence[Step], uses: Uses, following: Following) -> list[int]:
    """Which steps are scales by a BatchNorm's own weight."""
    return [i for i, s in enumerate(steps) if s.factor is not None and uses.holds(_argument(following, s, 1))]


def _argument(following: Following, step: Step, place: int) -> torch.Tensor | None:
    """A constant that a call was given."""
    given: Any = step.call.args[place] if place < len(step.call.args) else None
    value = following.constants.get(given.index) if isinstance(given, Slot) else None
    return value if isinstance(value, torch.Tensor) else None


def _per_channel(step: Step, tensor: torch.Tensor) -> tuple[int, ...]:
    """The shape in which a BatchNorm's or convolution's parameter meets the value."""
    return (1, tensor.numel(), *[1] * (step.numbers.dim() - 2))


def _shift(following: Following, uses: Uses, layer: Vertices, step: Step) -> _Shift:
    """The parameter that a step adds."""
    call, one = step.call, torch.ones((), dtype=torch.float64)
    if "batch_norm" in call.name:
        weight, bias, mean, var = (_argument(following, step, i) for i in (1, 2, 3, 4))
        beside = mean if weight is None and bias is not None else None
        if bias is not None and uses.holds(bias) and (beside is None or uses.holds(beside)):
            return _Shift(step, bias, _per_channel(step, bias), one, beside)
        if bias is None and weight is None and mean is not None and var is not None and uses.holds(mean):
            eps = [a for a in call.args if isinstance(a, float)][-1]
            spread = (var.double() + eps).sqrt().reshape(_per_channel(step, mean))
            each = torch.zeros(layer.size, dtype=torch.float64)
            each[(step.numbers - layer.start).reshape(-1)] = spread.expand(step.numbers.shape).reshape(-1)
            return _Shift(step, mean, _per_channel(step, mean), -each)
    elif call.name in BIAS and call.kwargs.get("beta", 1) == 1:
        bias = _argument(following, step, BIAS[call.name])
        if bias is not None and uses.holds(bias):
            return _Shift(
                step, bias, _per_channel(step, bias) if call.name == "convolution" else tuple(bias.shape), one
            )
    elif call.name == "add" and call.kwargs.get("alpha", 1) == 1:
        terms = [_argument(following, step, i) for i in (0, 1)]
        held = next((t for t in terms if t is not None and uses.holds(t)), None)
        if held is not None:
            return _Shift(step, held, tuple(held.shape), one)
    raise AnalysisError(
        f"what {call.place()} adds to layer {layer.name!r} is no parameter of its own, so it cannot be edited with "
        "the layer. Write it as a bias (an nn.Parameter that is added), or edit what reads the layer"
    )


def _wish(
    layer: Vertices,
    step: Step,
    tensor: torch.Tensor,
    shape: tuple[int, ...],
    times: torch.Tensor,
    plus: torch.Tensor,
) -> Wish:
    """A change of a parameter that meets the layer's values in ``shape``."""
    given = [_fitted(layer, step, shape, values).reshape(tensor.shape) for values in (times, plus)]
    return Wish(step.call, tensor, *given)


def _fitted(layer: Vertices, step: Step, shape: tuple[int, ...], values: torch.Tensor) -> torch.Tensor:
    """(size,) numbers of vertices in the shape of a parameter that meets them broadcast."""
    full = values[step.numbers - layer.start]
    shape = (*[1] * (full.dim() - len(shape)), *shape)
    over = [d for d, n in enumerate(shape) if n == 1 and full.shape[d] > 1]
    if not over:
        return full
    low, high = full.amin(over, keepdim=True), full.amax(over, keepdim=True)
    if not torch.equal(low, high):
        raise Tied(
            f"layer {layer.name!r}: {step.call.place()} has one parameter for several of its vertices, which are not "
            "all to change in the same way. Change all of them alike, or edit at granularity='channel'"
        )
    return low


def check_registrable(model: nn.Module, module: str, layer: str, used: int) -> None:
    """Refuse a layer that cannot be given a bias.

    Raises
    ------
    Tied : it is no nn.Linear or convolution that was called as a module, once (``used`` times).
    """
    held = dict(model.named_modules()).get(module)
    if not isinstance(held, (nn.Linear, nn.modules.conv._ConvNd)) or held.bias is not None or used > 1:
        raise Tied(
            f"layer {layer!r} has no bias, which the shift would go into, and is no nn.Linear or convolution, used "
            "once, that could be given one. Make it with bias=True (and set it to 0)"
        )


def register(module: Any, bias: torch.Tensor) -> None:
    """Give a linear layer or a convolution a bias, as torch's own."""
    module.bias = nn.Parameter(bias.to(module.weight), requires_grad=module.weight.requires_grad)
