# ruff: noqa: E501 (one case, one line)
"""A tiny network for every row of the table of operations."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

S, T, M, V, Q = (6,), (3, 4), (2, 4, 4), (2, 3, 3, 3), (4, 4)
"""Shapes that the operation sees, without the batch: units, tokens, maps, volumes, square matrices."""


class Case(NamedTuple):
    """An operation, the shape that it sees, and whether it joins two tracked tensors."""

    op: Callable[..., Any]
    shape: tuple[int, ...] = S
    two: bool = False


def c(*shape: int, seed: int = 0) -> torch.Tensor:
    """A constant."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def inside(h: torch.Tensor) -> torch.Tensor:
    """Between 0.2 and 0.7, where logarithms, roots and inverse functions are defined."""
    return h.sigmoid() * 0.5 + 0.2


def rows(op: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """An operation without a batch axis, on one input after the other."""
    return lambda *hs: torch.stack([op(*parts) for parts in zip(*[h.unbind(0) for h in hs], strict=True)])


def statistics(h: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Weight, bias, mean and variance of a batch normalisation."""
    n = h.shape[1]
    return c(n), c(n, seed=1), c(n, seed=2), c(n, seed=3).abs() + 0.1


def normed(h: torch.Tensor) -> torch.Tensor:
    weight, bias, mean, variance = statistics(h)
    return F.batch_norm(h, mean, variance, weight, bias)


def written(h: torch.Tensor) -> torch.Tensor:
    out = torch.zeros_like(h)
    out[:, :, 1:] = h[:, :, :3]
    return out


def packed(h: torch.Tensor) -> torch.Tensor:
    sequence = nn.utils.rnn.pack_padded_sequence(h, [h.shape[1]] * len(h), batch_first=True)
    return nn.utils.rnn.pad_packed_sequence(sequence, batch_first=True)[0]


class Around(nn.Module):
    """A layer, the operation, and a layer that reads all that it gives back.

    ``front``: "units" gives every element a vertex of its own, "channels" one to every channel (feature of tokens).
    """

    def __init__(self, case: Case, front: str = "units") -> None:
        super().__init__()
        self.case, self.front = case, front
        self.a = self.layer()
        self.b = self.layer() if case.two else None
        self.head = nn.LazyLinear(3)

    def layer(self) -> nn.Module:
        shape = self.case.shape
        if self.front == "units" or len(shape) == 1:
            return nn.Linear(5, prod(shape))
        made = {2: lambda: nn.Linear(3, shape[1]), 3: lambda: nn.Conv2d(1, shape[0], 1)}
        return made.get(len(shape), lambda: nn.Conv3d(1, shape[0], 1))()

    def inputs(self) -> torch.Tensor:
        shape = self.case.shape
        if self.front == "units" or len(shape) == 1:
            return torch.randn(2, 5)
        return torch.randn(2, shape[0], 3) if len(shape) == 2 else torch.randn(2, 1, *shape[1:])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n = len(x)
        h = [layer(x).reshape(n, *self.case.shape) for layer in (self.a, self.b) if layer is not None]
        y = self.case.op(*h)
        parts = y if isinstance(y, (tuple, list)) else [y]
        return self.head(torch.cat([p.reshape(n, -1) for p in parts if p.is_floating_point()], 1))


class Words(nn.Module):
    """Rows of a table, looked up by the input and added up."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.bag, self.head = nn.EmbeddingBag(7, 4, mode="sum"), nn.Linear(4, 3)
        self.bag.requires_grad_(name != "_embedding_bag_forward_only")
        self.alone = name in {"embedding", "embedding_renorm"}
        self.max_norm = 0.5 if name == "embedding_renorm" else None

    def inputs(self) -> torch.Tensor:
        return torch.randint(0, 7, (2, 5))

    def forward(self, i: torch.Tensor) -> torch.Tensor:
        return self.head(F.embedding(i, self.bag.weight, max_norm=self.max_norm).sum(1) if self.alone else self.bag(i))


WORDS = ("embedding", "embedding_renorm", "_embedding_bag", "_embedding_bag_forward_only")
"""Rows whose input is words."""


OPERATIONS: dict[str, Case] = {
    "relu": Case(F.relu),
    "leaky_relu": Case(F.leaky_relu),
    "elu": Case(F.elu),
    "celu": Case(F.celu),
    "gelu": Case(F.gelu),
    "silu": Case(F.silu),
    "mish": Case(F.mish),
    "softplus": Case(F.softplus),
    "tanh": Case(torch.tanh),
    "sigmoid": Case(torch.sigmoid),
    "hardtanh": Case(F.hardtanh),
    "hardswish": Case(F.hardswish),
    "hardsigmoid": Case(F.hardsigmoid),
    "hardshrink": Case(F.hardshrink),
    "softshrink": Case(F.softshrink),
    "log_sigmoid_forward": Case(F.logsigmoid),
    "rrelu_with_noise": Case(F.rrelu),
    "abs": Case(torch.abs),
    "exp": Case(torch.exp),
    "expm1": Case(torch.expm1),
    "sin": Case(torch.sin),
    "cos": Case(torch.cos),
    "tan": Case(torch.tan),
    "atan": Case(torch.atan),
    "asinh": Case(torch.asinh),
    "erf": Case(torch.erf),
    "erfc": Case(torch.erfc),
    "sinc": Case(torch.sinc),
    "sinh": Case(torch.sinh),
    "cosh": Case(torch.cosh),
    "exp2": Case(torch.exp2),
    "i0": Case(torch.special.i0),
    "frac": Case(torch.frac),
    "deg2rad": Case(torch.deg2rad),
    "rad2deg": Case(torch.rad2deg),
    "nan_to_num": Case(torch.nan_to_num),
    "neg": Case(torch.neg),
    "sign": Case(torch.sign),
    "sgn": Case(torch.sgn),
    "floor": Case(torch.floor),
    "ceil": Case(torch.ceil),
    "round": Case(torch.round),
    "trunc": Case(torch.trunc),
    "log1p": Case(lambda h: torch.log1p(inside(h))),
    "sqrt": Case(lambda h: torch.sqrt(inside(h))),
    "rsqrt": Case(lambda h: torch.rsqrt(inside(h))),
    "reciprocal": Case(lambda h: torch.reciprocal(inside(h))),
    "log": Case(lambda h: torch.log(inside(h))),
    "log2": Case(lambda h: torch.log2(inside(h))),
    "log10": Case(lambda h: torch.log10(inside(h))),
    "atanh": Case(lambda h: torch.atanh(inside(h))),
    "asin": Case(lambda h: torch.asin(inside(h))),
    "acos": Case(lambda h: torch.acos(inside(h))),
    "digamma": Case(lambda h: torch.digamma(inside(h))),
    "lgamma": Case(lambda h: torch.lgamma(inside(h))),
    "erfinv": Case(lambda h: torch.erfinv(inside(h))),
    "logit": Case(lambda h: torch.logit(inside(h))),
    "acosh": Case(lambda h: torch.acosh(h.abs() + 1.5)),
    "threshold": Case(lambda h: F.threshold(h, 0.1, -2.0)),
    "clamp": Case(lambda h: h.clamp(-0.3, 0.5)),
    "clamp_min": Case(lambda h: h.clamp_min(0.1)),
    "clamp_max": Case(lambda h: h.clamp_max(0.1)),
    "pow": Case(lambda h: h**3),
    "_prelu_kernel": Case(lambda h: F.prelu(h, c(2)), M),
    "maximum": Case(torch.maximum, S, two=True),
    "minimum": Case(torch.minimum, S, two=True),
    "fmax": Case(torch.fmax, S, two=True),
    "fmin": Case(torch.fmin, S, two=True),
    "where": Case(lambda h, g: torch.where(h > 0, h, g), S, two=True),
    "masked_fill": Case(lambda h: h.masked_fill(h > 0.2, -1.0)),
    "xlogy": Case(lambda h: torch.xlogy(h, c(6).abs() + 1)),
    "copysign": Case(torch.copysign, S, two=True),
    "floor_divide": Case(lambda h: torch.ops.aten.floor_divide(h, 0.3)),
    "remainder": Case(lambda h: h.remainder(0.7)),
    "fmod": Case(lambda h: h.fmod(0.7)),
    "heaviside": Case(lambda h: torch.heaviside(h, torch.ones(()))),
    "add": Case(torch.add, S, two=True),
    "sub": Case(torch.sub, S, two=True),
    "rsub": Case(lambda h, g: torch.rsub(h, g, alpha=2), S, two=True),
    "div": Case(lambda h, g: h / (g.abs() + 1), S, two=True),
    "mean": Case(lambda h: h.mean(1), M),
    "sum": Case(lambda h: h.sum(1), M),
    "nansum": Case(lambda h: h.nansum(1), T),
    "addmm": Case(lambda h: torch.addmm(c(4), h, c(6, 4), beta=0.5, alpha=2)),
    "mm": Case(lambda h: (c(4, 6) @ h.t()).t()),
    "mv": Case(lambda h: torch.stack([torch.mv(c(4, 6), v) for v in h.unbind(0)])),
    "addmv": Case(rows(lambda v: torch.addmv(c(4), c(4, 6), v, beta=0.5, alpha=2))),
    "dot": Case(rows(torch.dot), S, two=True),
    "vdot": Case(rows(torch.vdot), S, two=True),
    "addr": Case(rows(lambda a, b: torch.addr(c(6, 6), a, b, beta=0.5, alpha=2)), S, two=True),
    "bmm": Case(lambda h, g: torch.bmm(h, g.transpose(1, 2)), T, two=True),
    "baddbmm": Case(lambda h, g: torch.baddbmm(c(1, 3, 3), h, g.transpose(1, 2), beta=0.5, alpha=2), T, two=True),
    "addbmm": Case(rows(lambda a, b: torch.addbmm(c(3, 3), a[None], b[None].transpose(1, 2))), T, two=True),
    "mul": Case(torch.mul, S, two=True),
    "linalg_cross": Case(lambda h, g: torch.linalg.cross(h[:, :3], g[:, :3]), S, two=True),
    "lerp": Case(lambda h, g: torch.lerp(h, g, h.sigmoid()), S, two=True),
    "addcmul": Case(lambda h, g: torch.addcmul(h, h, g, value=0.5), S, two=True),
    "addcdiv": Case(lambda h, g: torch.addcdiv(h, h, g.abs() + 1, value=0.5), S, two=True),
    "glu": Case(lambda h: F.glu(h, 1), M),
    "_trilinear": Case(lambda h, g: F.bilinear(h, g, c(3, 4, 4), c(3)), T, two=True),
    "convolution": Case(lambda h: F.conv_transpose2d(F.conv2d(h, c(4, 1, 2, 2), c(4), groups=2), c(4, 3, 2, 2), stride=2), M),
    "cumsum": Case(lambda h: h.cumsum(2), M),
    "index_add": Case(lambda h: c(2, 2, 4, 4)[: len(h)].index_add(2, torch.tensor([1, 1, 3, 2]), h, alpha=2), M),
    "scatter_add": Case(lambda h: torch.zeros_like(h).scatter_add(2, torch.tensor([1, 1, 3, 2]).view(1, 1, 4, 1).expand(h.shape), h), M),
    "col2im": Case(lambda h: F.fold(F.unfold(h, 2), (4, 4), 2), M),
    "im2col": Case(lambda h: F.unfold(h, 2, padding=1), M),
    "trace": Case(rows(torch.trace), Q),
    "native_batch_norm": Case(normed, M),
    "_native_batch_norm_legit_no_training": Case(lambda h: torch.ops.aten._native_batch_norm_legit_no_training(h, *statistics(h), 0.1, 1e-5)[0], M),
    "_batch_norm_no_update": Case(lambda h: torch.ops.aten._batch_norm_no_update(h, *statistics(h), 0.1, 1e-5)[0], M),
    "cudnn_batch_norm": Case(lambda h: torch.ops.aten.cudnn_batch_norm(h, *statistics(h), False, 0.1, 1e-5)[0], M),
    "miopen_batch_norm": Case(lambda h: torch.ops.aten.miopen_batch_norm(h, *statistics(h), False, 0.1, 1e-5)[0], M),
    "avg_pool2d": Case(lambda h: F.avg_pool2d(h, 3, 1, 1), M),
    "avg_pool3d": Case(lambda h: F.avg_pool3d(h, 2), V),
    "_adaptive_avg_pool2d": Case(lambda h: F.adaptive_avg_pool2d(h, 3), M),
    "_adaptive_avg_pool3d": Case(lambda h: F.adaptive_avg_pool3d(h, 2), V),
    "upsample_nearest1d": Case(lambda h: F.interpolate(h, scale_factor=2), T),
    "_upsample_nearest_exact1d": Case(lambda h: F.interpolate(h, size=5, mode="nearest-exact"), T),
    "upsample_nearest2d": Case(lambda h: F.interpolate(h, scale_factor=2), M),
    "_upsample_nearest_exact2d": Case(lambda h: F.interpolate(h, size=5, mode="nearest-exact"), M),
    "upsample_nearest3d": Case(lambda h: F.interpolate(h, scale_factor=2), V),
    "_upsample_nearest_exact3d": Case(lambda h: F.interpolate(h, size=5, mode="nearest-exact"), V),
    "upsample_linear1d": Case(lambda h: F.interpolate(h, size=7, mode="linear"), T),
    "upsample_bilinear2d": Case(lambda h: F.interpolate(h, size=7, mode="bilinear", align_corners=True), M),
    "upsample_bicubic2d": Case(lambda h: F.interpolate(h, size=6, mode="bicubic"), M),
    "upsample_trilinear3d": Case(lambda h: F.interpolate(h, scale_factor=2, mode="trilinear"), V),
    "_upsample_bilinear2d_aa": Case(lambda h: F.interpolate(h, size=2, mode="bilinear", antialias=True), M),
    "_upsample_bicubic2d_aa": Case(lambda h: F.interpolate(h, size=3, mode="bicubic", antialias=True), M),
    "native_layer_norm": Case(lambda h: F.layer_norm(h, (4,), c(4), c(4, seed=1)), T),
    "native_group_norm": Case(lambda h: F.group_norm(h, 1, c(2), c(2, seed=1)), M),
    "_softmax": Case(lambda h: h.softmax(1), T),
    "_safe_softmax": Case(lambda h: torch.ops.aten._safe_softmax(h, 1), T),
    "_log_softmax": Case(lambda h: h.log_softmax(1), T),
    "renorm": Case(rows(lambda h: torch.renorm(h, 2, 0, 0.5)), T),
    "linalg_vector_norm": Case(lambda h: torch.linalg.vector_norm(h, 3, 1), T),
    "norm": Case(lambda h, g: F.pairwise_distance(h, g), S, two=True),
    "_cdist_forward": Case(torch.cdist, T, two=True),
    "_euclidean_dist": Case(torch.ops.aten._euclidean_dist, T, two=True),
    "_pdist_forward": Case(rows(F.pdist), T),
    "dist": Case(rows(torch.dist), S, two=True),
    "var": Case(lambda h: h.var((2, 3)), M),
    "std": Case(lambda h: h.std(1, correction=0)),
    "var_mean": Case(lambda h: torch.var_mean(h, 1)),
    "std_mean": Case(lambda h: torch.std_mean(h, 1, keepdim=True), T),
    "logsumexp": Case(lambda h: h.logsumexp(1), T),
    "logaddexp": Case(torch.logaddexp, S, two=True),
    "hypot": Case(torch.hypot, S, two=True),
    "prod": Case(lambda h: h.prod(1), T),
    "topk": Case(lambda h: h.topk(2, 1)[0], T),
    "sort": Case(lambda h: h.sort(1, descending=True)[0], T),
    "kthvalue": Case(lambda h: h.kthvalue(2, 1)[0], T),
    "median": Case(lambda h: h.median(1)[0], T),
    "nanmedian": Case(lambda h: h.nanmedian(1)[0], T),
    "mode": Case(lambda h: h.mode(1)[0], T),
    "cummax": Case(lambda h: h.cummax(1)[0], T),
    "cummin": Case(lambda h: h.cummin(1)[0], T),
    "amax": Case(lambda h: h.amax((1, 2)), T),
    "amin": Case(lambda h: h.amin(1, keepdim=True), T),
    "max": Case(lambda h: h.max(1)[0], T),
    "min": Case(lambda h: h.min(2)[0], T),
    "aminmax": Case(lambda h: torch.aminmax(h, dim=1), T),
    "gather": Case(lambda h: h.gather(1, h.argsort(1)[:, :2]), T),
    "max_pool2d_with_indices": Case(lambda h: F.max_pool2d(F.pad(h, (1, 0, 1, 0)), 2), M),
    "max_pool3d_with_indices": Case(lambda h: F.max_pool3d(h, 2, 1), V),
    "adaptive_max_pool2d": Case(lambda h: F.adaptive_max_pool2d(h, 3), M),
    "adaptive_max_pool3d": Case(lambda h: F.adaptive_max_pool3d(h, 2), V),
    "clone": Case(lambda h: h.clone(), M),
    "alias": Case(lambda h: torch.ops.aten.alias(h), M),
    "detach": Case(lambda h: h.detach(), M),
    "_to_copy": Case(lambda h: h.to(h.dtype, copy=True), M),
    "lift_fresh": Case(lambda h: torch.ops.aten.lift_fresh(h), M),
    "native_dropout": Case(lambda h: torch.native_dropout(h, 0.5, False)[0], M),
    "view": Case(lambda h: h.view(len(h), -1), M),
    "_unsafe_view": Case(lambda h: torch.ops.aten._unsafe_view(h, [len(h), 32]), M),
    "_reshape_alias": Case(lambda h: torch.ops.aten._reshape_alias(h, [len(h), 32], [32, 1]), M),
    "reshape": Case(lambda h: h.as_strided((len(h), 32), (32, 1)), M),
    "permute": Case(lambda h: h.permute(0, 3, 1, 2), M),
    "transpose": Case(lambda h: h.transpose(1, 2), M),
    "t": Case(lambda h: h.flatten(1).t().t(), M),
    "unsqueeze": Case(lambda h: h.unsqueeze(1), M),
    "squeeze": Case(lambda h: h[:, :1].squeeze(1), M),
    "expand": Case(lambda h: h.unsqueeze(1).expand(-1, 2, -1, -1, -1), M),
    "slice": Case(lambda h: h[:, :, 1:3], M),
    "select": Case(lambda h: h[:, 0], M),
    "split": Case(lambda h: h.split(2, 2)[0], M),
    "split_with_sizes": Case(lambda h: h.split([1, 3], 2)[1], M),
    "unsafe_split": Case(lambda h: h.unsafe_split(2, 2), M),
    "unsafe_split_with_sizes": Case(lambda h: torch.unsafe_split_with_sizes(h, [1, 3], 2), M),
    "unbind": Case(lambda h: h.unbind(2), M),
    "repeat": Case(lambda h: h.repeat(1, 2, 1, 1), M),
    "roll": Case(lambda h: h.roll(1, 1), M),
    "flip": Case(lambda h: h.flip(2), M),
    "pixel_unshuffle": Case(lambda h: F.pixel_unshuffle(h, 2), M),
    "pixel_shuffle": Case(lambda h: F.pixel_shuffle(h.reshape(len(h), 8, 2, 2), 2), M),
    "channel_shuffle": Case(lambda h: F.channel_shuffle(h, 2), M),
    "unfold": Case(lambda h: h.unfold(2, 2, 1), M),
    "index_select": Case(lambda h: h.index_select(2, torch.tensor([1, 0, 1])), M),
    "diagonal": Case(lambda h: h.diagonal(0, 2, 3), M),
    "tril": Case(lambda h: h.tril(), M),
    "triu": Case(lambda h: h.triu(1), M),
    "rot90": Case(lambda h: h.rot90(1, (2, 3)), M),
    "take": Case(lambda h: torch.stack([m.take(torch.tensor([1, 5, 7])) for m in h.unbind(0)]), M),
    "index": Case(lambda h: h[:, :, torch.tensor([0, 2])], M),
    "index_put": Case(lambda h: torch.ops.aten.index_put(h, [None, torch.tensor([0])], torch.zeros(())), M),
    "_unsafe_index_put": Case(lambda h: torch.ops.aten._unsafe_index_put(h, [None, torch.tensor([1])], torch.zeros(())), M),
    "cat": Case(lambda h: torch.cat([h, c(len(h), 1, 4, 4)], 1), M),
    "stack": Case(lambda h: torch.stack([h, h.relu()], 1), M),
    "constant_pad_nd": Case(lambda h: F.pad(h, (1, 1)), M),
    "copy": Case(lambda h: torch.zeros_like(h).copy_(h), M),
    "fill": Case(lambda h: torch.cat([h, h.clone().fill_(2.0)], 1), M),
    "zero": Case(lambda h: torch.cat([h, h.clone().zero_()], 1), M),
    "take_elements": Case(lambda h: h.as_strided((len(h), 2, 2), (32, 16, 1)), M),
    "put_elements": Case(lambda h: written(h), M),
    "slice_scatter": Case(lambda h: torch.slice_scatter(torch.zeros_like(h), h[:, :, 1:], 2, 1), M),
    "select_scatter": Case(lambda h: torch.select_scatter(torch.zeros_like(h), h[:, 0], 1, 1), M),
    "diagonal_scatter": Case(lambda h: torch.diagonal_scatter(torch.zeros_like(h), h[:, :, 0], 0, 2, 3), M),
    "scatter": Case(lambda h: torch.zeros_like(h).scatter(2, torch.tensor([1, 0, 3, 2]).view(1, 1, 4, 1).expand(h.shape), h), M),
    "index_copy": Case(lambda h: torch.zeros_like(h).index_copy(2, torch.tensor([1, 0, 3, 2]), h), M),
    "index_fill": Case(lambda h: h.index_fill(2, torch.tensor([1]), 0.5), M),
    "masked_scatter": Case(lambda h: h.masked_scatter(c(len(h), 2, 4, 4) > 0, c(len(h) * 32)), M),
    "diag_embed": Case(lambda h: torch.diag_embed(h[:, :, 0]), M),
    "reflection_pad1d": Case(lambda h: F.pad(h, (1, 1), mode="reflect"), T),
    "replication_pad1d": Case(lambda h: F.pad(h, (1, 1), mode="replicate"), T),
    "reflection_pad2d": Case(lambda h: F.pad(h, (1, 1) * 2, mode="reflect"), M),
    "replication_pad2d": Case(lambda h: F.pad(h, (1, 1) * 2, mode="replicate"), M),
    "reflection_pad3d": Case(lambda h: F.pad(h, (1, 1) * 3, mode="reflect"), V),
    "replication_pad3d": Case(lambda h: F.pad(h, (1, 1) * 3, mode="replicate"), V),
    "_pack_padded_sequence": Case(packed, T),
    "eq": Case(lambda h: h * (h.sign().eq(1))),
    "ne": Case(lambda h: h * (h.sign().ne(1))),
    "lt": Case(lambda h: h * (h < 0.1)),
    "le": Case(lambda h: h * (h <= 0.1)),
    "gt": Case(lambda h: h * (h > 0.1)),
    "ge": Case(lambda h: h * (h >= 0.1)),
    "isnan": Case(lambda h: h * (~h.isnan())),
    "isinf": Case(lambda h: h * (~h.isinf())),
    "logical_not": Case(lambda h: h * ((h > 0).logical_not())),
    "logical_and": Case(lambda h: h * ((h > 0).logical_and(h < 2))),
    "logical_or": Case(lambda h: h * ((h > 0).logical_or(h < -1))),
    "bitwise_not": Case(lambda h: h * (~(h > 0))),
    "bitwise_and": Case(lambda h: h * ((h > 0) & (h < 2))),
    "bitwise_or": Case(lambda h: h * ((h > 0) | (h < -1))),
    "any": Case(lambda h: h * ((h > 0).any(1, keepdim=True))),
    "all": Case(lambda h: h * ((h < 9).all(1, keepdim=True))),
    "argmax": Case(lambda h: h * (h.argmax(1, keepdim=True) + 1)),
    "argmin": Case(lambda h: h * (h.argmin(1, keepdim=True) + 1)),
    "bucketize": Case(lambda h: h * (torch.bucketize(h, torch.tensor([0.0, 1.0])) + 1)),
    "searchsorted": Case(lambda h: h * (torch.searchsorted(torch.tensor([0.0, 1.0]), h) + 1)),
    "signbit": Case(lambda h: h * (h.signbit())),
    "nonzero": Case(lambda h: h * (1 + (h > 0).nonzero()[:1, :1])),
    "rand_like": Case(lambda h: h * (torch.rand_like(h))),
    "randn_like": Case(lambda h: h * (torch.randn_like(h))),
}  # fmt: skip
"""ATen name -> a case whose tape holds it."""
