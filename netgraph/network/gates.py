"""Gates at values: the secant of an elementwise function, and factors beside values that are not finite.

Where a value or a factor is NaN or infinite, a product of it with 0 is NaN, forward and backward, although nobody may
read it. So such elements are held as they are: their gate is 0, and what they are worth is a constant.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch

Function = Callable[[torch.Tensor], torch.Tensor]


def finite(t: torch.Tensor) -> bool:
    """Whether all values are finite: seen from their sum, looked at one by one only where that is not."""
    return math.isfinite(float(t.detach().sum())) or bool(t.isfinite().all())


class Gate(NamedTuple):
    """φ(z) = slope·z + constant. ``apart``: where the value is held as it is (slope 0), None where it is nowhere."""

    slope: torch.Tensor
    constant: torch.Tensor
    apart: torch.Tensor | None = None

    def __call__(self, z: torch.Tensor) -> torch.Tensor:
        """slope·z, without the constant, in new memory."""
        return (z if self.apart is None else z.masked_fill(self.apart, 0)) * self.slope


def secant(fn: Function, z: torch.Tensor) -> Gate:
    """The secant (φ(z) − φ(0))/z, and φ′(0) where z is so small that the difference is mostly rounding.

    There the constant is what is left, φ(z) − φ′(0)·z, so that the value stays exact. "Small": φ(z) − φ(0) and φ′(0)·z
    are at most √ε·|φ(0)|, below which the secant's error, ε·|φ(0)/(φ′(0)·z)|, grows above √ε. Nowhere where φ(0) = 0.
    """
    if z.dim() == 0:
        return Gate(*[None if t is None else t.reshape(()) for t in secant(fn, z[None])])  # type: ignore[arg-type]
    with torch.no_grad():
        at_zero = fn(torch.zeros((), dtype=z.dtype, device=z.device))
        value = fn(z)
        if bool((at_zero != 0).any()):
            slope, constant = _offset(fn, z, value, at_zero)
        else:
            slope, constant = value / z, at_zero
        if math.isfinite(float(slope.sum())):
            return Gate(slope, constant)
        silent = z == 0
        if constant is at_zero and bool(silent.any()) and not bool(slope[silent].isfinite().all()):
            slope = torch.where(silent, _slope_at_zero(fn, z)[0], slope)
        apart = ~(slope.isfinite() & z.isfinite())
        if not bool(apart.any()):
            return Gate(slope, constant)
        return Gate(slope.masked_fill(apart, 0), torch.where(apart, value, constant), apart)


def _offset(
    fn: Function, z: torch.Tensor, value: torch.Tensor, at_zero: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """(slope, constant) of a function with φ(0) ≠ 0. The few elements near 0 are mended one by one."""
    rise = value - at_zero
    eps = torch.finfo(z.dtype).eps
    near = (rise.abs() <= at_zero.abs() * math.sqrt(eps)).nonzero(as_tuple=True)
    slope = rise.div_(z)
    if not len(near[0]):
        return slope, at_zero
    derivative, known = _slope_at_zero(fn, at_zero)
    base, here, its_slope = at_zero.expand(z.shape)[near], z[near], derivative.expand(z.shape)[near]
    small = (its_slope * here).abs() <= base.abs() * math.sqrt(eps) if known else here == 0
    slope[near] = torch.where(small, its_slope, slope[near])
    rest = torch.where(small, value[near] - base - its_slope * here, 0)
    if bool((rest.abs() <= 2 * eps * base.abs()).all()):  # no more than the rounding of φ(0): where φ′(0) is not 0
        return slope, at_zero
    constant = at_zero.expand(z.shape).clone()
    constant[near] += rest
    return slope, constant


def _slope_at_zero(fn: Function, like: torch.Tensor) -> tuple[torch.Tensor, bool]:
    """(φ′(0), elementwise, 0 where it is not finite; whether autograd knows it: else 0)."""
    with torch.enable_grad():
        zero = torch.zeros_like(like).requires_grad_()
        try:
            (slope,) = torch.autograd.grad(fn(zero).sum(), zero)
        except RuntimeError:  # a function without a derivative: steps, custom operators
            return torch.zeros_like(like), False
    return torch.where(slope.isfinite(), slope, torch.zeros_like(slope)), True


def times(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """a·b, and 0 where a factor is 0, whatever the other is."""
    out = a * b
    return out if finite(out) else torch.where((a == 0) | (b == 0), torch.zeros_like(out), out)


def scaled(x: torch.Tensor, k: Any, made: Function | None = None) -> tuple[torch.Tensor, torch.Tensor | None]:
    """(x·k in new memory, where it is held as it is, with no gradient): elements whose factor is not finite.

    ``k`` of truth values selects: where it is false the result is 0, whatever x is. ``made``: what is computed, for
    factors that are quotients of it and x; it stands where the product is not finite.
    """
    if not isinstance(k, torch.Tensor):
        return x * k, None
    selects, factor = k.dtype == torch.bool, k.to(x.dtype)
    out = x * factor
    if finite(factor if made is None and not selects else out):
        return out, None
    with torch.no_grad():
        if selects:
            apart, held = ~x.isfinite(), torch.where(k, x, torch.zeros_like(x))
        elif made is not None:
            apart, held = ~(factor.isfinite() & out.isfinite()), made(x)
        else:
            apart, held = ~factor.isfinite(), out
        apart, held = apart.expand(out.shape), held.detach().expand(out.shape)
    safe = torch.where(apart, torch.zeros_like(out), x) * factor.masked_fill(~factor.isfinite(), 0)
    return torch.where(apart, held, safe), apart
