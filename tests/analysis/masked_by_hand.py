"""Chains of linear layers and convolutions with cut edges, written in plain torch: the referee of circuits.

A mask has one entry per edge between channels: an array (n_target, n_source) per parameterised layer, 1 keeps, 0 cuts.
A cut edge carries what its source does in another run, a′:  z = K⊙M · (a − a′) + K · a′ + b.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

Array = np.ndarray[Any, Any]
Target = Callable[[torch.Tensor], torch.Tensor]
"""Logits (N, classes) -> one number per input, (N,)."""
ALPHAS = tuple(k / 10 for k in range(1, 11))


def logit(c: int) -> Target:
    return lambda logits: logits[:, c]


def centred(c: int | torch.Tensor) -> Target:
    """Logit c minus the mean of the others; c is one class, or one for each input."""

    def of(logits: torch.Tensor) -> torch.Tensor:
        classes = torch.as_tensor(c).expand(len(logits))
        one = logits.gather(1, classes[:, None])[:, 0]
        return one - (logits.sum(1) - one) / (logits.shape[1] - 1)

    return of


class MaskedByHand:
    """A chain of modules whose edges can be cut. A softmax at its end is left out.

    Parameters
    ----------
    chain : Linear, Conv2d (without groups), and modules without parameters between them. A Linear behind a Flatten
        reads channels, each of them in several columns.
    """

    def __init__(self, chain: nn.Sequential) -> None:
        self.steps = [m for m in chain if not isinstance(m, (nn.Softmax, nn.LogSoftmax))]
        self.affine = [m for m in self.steps if isinstance(m, (nn.Linear, nn.Conv2d))]
        self.shapes: list[tuple[int, int]] = []
        before = None
        for module in self.affine:
            n, m = module.weight.shape[:2]
            if isinstance(module, nn.Linear) and isinstance(before, nn.Conv2d):
                m = before.out_channels
            self.shapes.append((n, m))
            before = module

    # -- runs ----------------------------------------------------------------------------------------

    def masks(self, value: float = 1.0) -> list[torch.Tensor]:
        return [torch.full(shape, value, dtype=self.affine[0].weight.dtype) for shape in self.shapes]

    @torch.no_grad()
    def sources(self, inputs: torch.Tensor) -> list[torch.Tensor]:
        """What every parameterised layer reads in a run without cuts: a′ of resampled and of counterfactual inputs."""
        read, a = [], inputs
        for step in self.steps:
            if step in self.affine:
                read.append(a)
            a = step(a)
        return read

    def means(self, reference: torch.Tensor) -> list[torch.Tensor]:
        """a′ of mean ablation: the mean over the reference, each position its own."""
        return [a.mean(0, keepdim=True) for a in self.sources(reference)]

    def zeros(self, reference: torch.Tensor) -> list[torch.Tensor]:
        return [torch.zeros_like(a[:1]) for a in self.sources(reference)]

    def forward(self, inputs: torch.Tensor, masks: Sequence[Any], corrupted: Sequence[torch.Tensor]) -> torch.Tensor:
        """Logits (N, classes) with the edges cut where masks are 0 (or let through in part)."""
        a, at = inputs, 0
        for step in self.steps:
            if step not in self.affine:
                a = step(a)
                continue
            other, mask = corrupted[at], torch.as_tensor(masks[at]).to(step.weight.dtype)
            if isinstance(step, nn.Linear):
                columns = mask.repeat_interleave(step.in_features // mask.shape[1], dim=1)
                a = F.linear(a - other, step.weight * columns) + F.linear(other, step.weight, step.bias)
            else:
                taps = step.weight * mask[:, :, None, None]
                how = (step.stride, step.padding, step.dilation)
                a = F.conv2d(a - other, taps, None, *how) + F.conv2d(other, step.weight, step.bias, *how)
            at += 1
        return a

    # -- scores: the mean over the inputs, or with ``absolute`` the mean of each input's absolute value -----

    def _gradients(
        self, inputs: torch.Tensor, corrupted: Sequence[torch.Tensor], objective: Target, alpha: float, each: bool
    ) -> list[Array]:
        """(1, n_target, n_source) a layer, of the mean objective; with ``each`` (N, n_target, n_source)."""
        masks = [m.requires_grad_() for m in self.masks(alpha)]
        values = objective(self.forward(inputs, masks, corrupted))
        ends = values.unbind() if each else (values.mean(),)
        rows = [torch.autograd.grad(end, masks, retain_graph=True) for end in ends]
        return [torch.stack(block).numpy() for block in zip(*rows, strict=True)]

    def eap(
        self, inputs: torch.Tensor, corrupted: Sequence[torch.Tensor], target: Target, absolute: bool = False
    ) -> list[Array]:
        """∂ target / ∂ mask in the full network: Σ over positions of w·(a − a′)·∂target/∂z, the true gradient."""
        found = self._gradients(inputs, corrupted, target, 1.0, absolute)
        return [(np.abs(g) if absolute else g).mean(0) for g in found]

    def deviation(self, inputs: torch.Tensor, target: Target) -> Target:
        """−(t − t_full)² of each input."""
        with torch.no_grad():
            full = target(self.forward(inputs, self.masks(), self.sources(inputs)))
        return lambda logits: -((target(logits) - full) ** 2)

    def mask_ig(
        self, inputs: torch.Tensor, corrupted: Sequence[torch.Tensor], target: Target, absolute: bool = False
    ) -> list[Array]:
        """The mean over masks that are α everywhere, α = 1/10 … 10/10, of ∂ −(t − t_full)² / ∂ mask."""
        objective = self.deviation(inputs, target)
        steps = [self._gradients(inputs, corrupted, objective, alpha, absolute) for alpha in ALPHAS]
        found = [np.mean(block, axis=0) for block in zip(*steps, strict=True)]
        return [(np.abs(g) if absolute else g).mean(0) for g in found]

    @torch.no_grad()
    def exact(
        self,
        inputs: torch.Tensor,
        corrupted: Sequence[torch.Tensor],
        objective: Target,
        edges: Iterable[tuple[int, int, int]] | None = None,
    ) -> list[Array]:
        """What the mean objective loses by cutting each edge alone: m(full) − m(cut).

        ``edges``: (block, target, source) of those to cut, by default all; the others are NaN.
        """
        whole = float(objective(self.forward(inputs, self.masks(), corrupted)).mean())
        scores = [np.full(shape, np.nan) for shape in self.shapes]
        if edges is None:
            edges = [(b, j, i) for b, (n, m) in enumerate(self.shapes) for j in range(n) for i in range(m)]
        for block, j, i in edges:
            masks = self.masks()
            masks[block][j, i] = 0
            scores[block][j, i] = whole - float(objective(self.forward(inputs, masks, corrupted)).mean())
        return scores
