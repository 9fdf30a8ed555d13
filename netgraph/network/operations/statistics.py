"""Norms, variances and log-sums: Σ_i factor_i · x_i with the factor held fixed, which is exact for each of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from netgraph.errors import UnsupportedOperation
from netgraph.network.operations import Operation
from netgraph.network.operations.affine import axes_of, plus, reduced
from netgraph.network.operations.compound import moved
from netgraph.network.shapes import count


def _norm(run: Any, call: Any, x: Any, p: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """‖x‖_p = Σ_i x_i · (∂‖x‖/∂x_i), the derivative held fixed (Euler: a norm is homogeneous of degree 1)."""
    return _p_norm(run, call, x, 2.0 if p is None else float(p), dim, keepdim)


def _p_norm(run: Any, call: Any, x: Any, p: float, dim: Any, keepdim: bool) -> Any:
    dims = axes_of(run, x, dim)
    if p == 0:
        raise UnsupportedOperation(f"{call.place()} counts what is not 0, which has no slope; use another norm")

    def derivative(t: torch.Tensor) -> torch.Tensor:
        norm = torch.linalg.vector_norm(t, p, dims, keepdim=True)
        if math.isinf(p):  # those that reach it share it
            hit = (t.abs() == norm).to(t.dtype)
            shared: torch.Tensor = t.sign() * hit / hit.sum(dims, keepdim=True)
            return shared
        ratio = torch.where(norm > 0, t.abs() / norm, 0)
        slope: torch.Tensor = ratio ** (p - 1)
        return torch.where(t != 0, t.sign() * slope, 0)

    return reduced(run, run.scale(x, run.frozen(derivative, x)), dims, keepdim, False)


def _cdist(run: Any, call: Any, x: Any, y: Any, p: float = 2.0, *rest: Any) -> Any:
    """‖x_i − y_j‖_p between all rows: vertices for the differences, the norm's derivative held fixed."""
    difference = plus(
        run, call, moved(run, lambda t: t.unsqueeze(-2), x), moved(run, lambda t: t.unsqueeze(-3), y), alpha=-1
    )
    return _p_norm(run, call, difference, p, [-1], False)


def _pdist(run: Any, call: Any, x: Any, p: float = 2.0) -> Any:
    """‖x_i − x_j‖_p of all pairs i < j."""
    i, j = torch.triu_indices(run.shape(x)[0], run.shape(x)[0], 1)
    difference = run.mix([(run.move(lambda t: t[i], x), 1), (run.move(lambda t: t[j], x), -1)], "skip", "difference")
    return _p_norm(run, call, difference, p, [-1], False)


def _dist(run: Any, call: Any, x: Any, y: Any, p: Any = 2) -> Any:
    """‖x − y‖_p over all elements."""
    return _p_norm(run, call, plus(run, call, x, y, alpha=-1), float(p), None, False)


def _spread(run: Any, x: Any, dim: Any, correction: Any, keepdim: bool, root: bool) -> tuple[Any, Any]:
    """(the variance or standard deviation, the mean) over axes."""
    dims = axes_of(run, x, dim)
    mean = run.reduce(x, dims, True)
    centred = run.mix([(x, 1), (mean, -1)], "skip", "centre")
    n = count([run.shape(x)[d] for d in dims]) - (1 if correction is None else correction)

    def factor(t: torch.Tensor) -> torch.Tensor:
        if not root:
            return t / n
        deviation = (t.square().sum(dims, keepdim=True) / n).sqrt()
        return torch.where(deviation == 0, 0, t / (n * deviation))

    return reduced(run, run.scale(centred, run.frozen(factor, centred)), dims, keepdim, False), (mean, dims)


def _deviation(root: bool, both: bool) -> Any:
    def rule(run: Any, call: Any, x: Any, dim: Any = None, *, correction: Any = None, keepdim: bool = False) -> Any:
        """Σ (x − μ)·(x − μ)‾/(n − c), one factor held fixed (over the deviation itself for std); the mean beside it."""
        spread, (mean, dims) = _spread(run, x, dim, correction, keepdim, root)
        if not both:
            return spread
        return [spread, mean if keepdim else dropped(run, mean, dims)]

    return rule


def dropped(run: Any, x: Any, dims: Sequence[int]) -> Any:
    """Without axes of size 1."""
    shape = [n for i, n in enumerate(run.shape(x)) if i not in dims]
    return run.move(lambda t: t.reshape(shape), x)


def _logsumexp(run: Any, call: Any, x: Any, dim: Any, keepdim: bool = False) -> Any:
    """log Σ exp(x_i) = Σ p_i·x_i + H(p) with the softmax p held fixed, H its entropy."""
    dims = axes_of(run, x, dim)

    def softmax(t: torch.Tensor) -> torch.Tensor:
        return (t - torch.logsumexp(t, dims, keepdim=True)).exp()

    def entropy(t: torch.Tensor) -> torch.Tensor:
        p, whole = softmax(t), torch.logsumexp(t, dims, keepdim=True)
        return torch.where(p > 0, p * (whole - t), 0).sum(dims, keepdim=keepdim)

    return run.shift(reduced(run, run.scale(x, run.frozen(softmax, x)), dims, keepdim, False), run.frozen(entropy, x))


def _logaddexp(run: Any, call: Any, x: Any, y: Any) -> Any:
    """log(exp x + exp y) = p·x + (1 − p)·y + H(p), p = σ(x − y) held fixed."""

    def entropy(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        p = torch.sigmoid(a - b)
        return torch.logaddexp(a, b) - torch.where(p > 0, p * a, 0) - torch.where(p < 1, (1 - p) * b, 0)

    share, rest = run.frozen(lambda a, b: torch.sigmoid(a - b), x, y), run.frozen(entropy, x, y)
    if run.tracked(x) and run.tracked(y):
        return run.shift(run.mix([(x, share), (y, 1 - share)], "skip", "logaddexp"), rest)
    one, k, other, left = (x, share, y, 1 - share) if run.tracked(x) else (y, 1 - share, x, share)
    return run.shift(run.scale(one, k), rest + other.to(rest.device) * left)


def _hypot(run: Any, call: Any, x: Any, y: Any) -> Any:
    """√(x² + y²) = x·(x/r) + y·(y/r), the quotients held fixed."""
    kx, ky = (run.frozen(lambda a, b, of=of: torch.nan_to_num((a, b)[of] / torch.hypot(a, b)), x, y) for of in (0, 1))
    if run.tracked(x) and run.tracked(y):
        return run.mix([(x, kx), (y, ky)], "skip", "hypot")
    one, k, other, left = (x, kx, y, ky) if run.tracked(x) else (y, ky, x, kx)
    return run.shift(run.scale(one, k), other.to(left.device) * left)


def _prod(run: Any, call: Any, x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """Π x_i = Σ_i x_i · (Π_{j ≠ i} x_j)/n, the product of the others held fixed: the same share to each."""
    dims = axes_of(run, x, dim)
    n = count([run.shape(x)[d] for d in dims])

    def others(t: torch.Tensor) -> torch.Tensor:
        shape = t.shape
        t = t.reshape(-1, 1) if len(dims) > 1 or t.dim() == 0 else t.movedim(dims[0], 0)
        one = torch.ones_like(t[:1])
        before = torch.cat([one, t[:-1]]).cumprod(0)
        after = torch.cat([t[1:], one]).flip(0).cumprod(0).flip(0)
        out = before * after / n
        return out.reshape(shape) if len(dims) > 1 or len(shape) == 0 else out.movedim(0, dims[0])

    return reduced(run, run.scale(x, run.frozen(others, x)), dims, keepdim, False)


RULES: dict[Callable[..., Any], tuple[str, ...]] = {
    _norm: ("linalg_vector_norm", "norm"),
    _cdist: ("_cdist_forward", "_euclidean_dist"),
    _pdist: ("_pdist_forward",),
    _dist: ("dist",),
    _deviation(False, False): ("var",),
    _deviation(True, False): ("std",),
    _deviation(False, True): ("var_mean",),
    _deviation(True, True): ("std_mean",),
    _logsumexp: ("logsumexp",),
    _logaddexp: ("logaddexp",),
    _hypot: ("hypot",),
}
ROWS = [
    *(Operation(name, "normalise", rule, rule.__doc__ or "") for rule, names in RULES.items() for name in names),
    Operation("prod", "bilinear", _prod, _prod.__doc__ or ""),
]
