"""The parameters of a model, checked at the door."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from netgraph.errors import NonFiniteError


def parameters(model: Callable[..., Any]) -> Mapping[str, torch.Tensor]:
    """Name -> tensor of every parameter and buffer of a module; empty for a function."""
    if not isinstance(model, torch.nn.Module):
        return {}
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def refuse_nonfinite(model: Callable[..., Any]) -> None:
    """Raise :class:`NonFiniteError` where a parameter or buffer holds NaN or infinity."""
    for name, tensor in parameters(model).items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            bad = torch.nonzero(~tensor.isfinite())
            layer, _, which = name.rpartition(".")
            raise NonFiniteError(
                f"layer {layer or '(root)'!r}: {which} holds {len(bad)} values that are NaN or infinite, the first at "
                f"index {tuple(bad[0].tolist())}. Load an earlier checkpoint, or set them to a number first"
            )
