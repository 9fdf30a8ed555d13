"""What a convolution's kernel meets: window sums, and its gradient."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from netgraph.graph.sliding import Geometry


def met(x: torch.Tensor, taps: Sequence[int], made: Sequence[int], geometry: Geometry) -> torch.Tensor:
    """(B, channels, taps) the sum of what each tap of a kernel meets: (B, channels, …) axis by axis, no convolution.

    >>> x = torch.tensor([[[1.0, 2.0, 4.0]]])
    >>> met(x, (2,), (2,), Geometry((1,), (0,), (1,), False, (0,), 1))
    tensor([[[3., 6.]]])
    """
    for i, size in enumerate(taps):
        meets = torch.zeros(size, x.shape[2], dtype=x.dtype, device=x.device)
        _, into, tap = map(torch.from_numpy, geometry.meetings(i, x.shape[2], int(made[i]), int(size)))
        meets.index_put_((tap.to(x.device), into.to(x.device)), meets.new_ones(()), accumulate=True)
        x = torch.tensordot(x, meets, ([2], [1]))
    return x.reshape(*x.shape[:2], -1)


def gradient(
    x: torch.Tensor, upstream: torch.Tensor, weight: torch.Tensor, geometry: Geometry, times: int = 1
) -> torch.Tensor:
    """∂target/∂W of a convolution from ∂target/∂z, with ``times`` as many groups."""
    g = geometry
    found: torch.Tensor
    _, found, _ = torch.ops.aten.convolution_backward(
        upstream,
        x.detach(),
        weight,
        None,
        g.stride,
        g.padding,
        g.dilation,
        g.transposed,
        g.output_padding,
        g.groups * times,
        [False, True, False],
    )
    return found


def gradients(x: torch.Tensor, upstream: torch.Tensor, weight: torch.Tensor, geometry: Geometry) -> torch.Tensor:
    """(B, …) :func:`gradient` of each input: the inputs as groups of one convolution."""
    n = len(x)
    wide = weight.repeat(n, *[1] * (weight.dim() - 1))
    rows, made = x.reshape(1, -1, *x.shape[2:]), upstream.reshape(1, -1, *upstream.shape[2:])
    return gradient(rows, made, wide, geometry, n).reshape(n, *weight.shape)
