"""trace: from a model and an example input to a Network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from netgraph.network.network import Network


def trace(model: Callable[..., Any], example: Any) -> Network:
    """Read a network by running it once.

    Parameters
    ----------
    model : a ``torch.nn.Module`` or any function of tensors. It is read in evaluation mode, and left as it was: mode,
        hooks, gradients, parameters, buffers and random states.
    example : one input with a leading batch axis (a tensor, or a tuple of tensors for several inputs); or a shape
        without the batch axis, such as ``(1, 28, 28)``, for which a seeded normal tensor is made.

    Returns
    -------
    Network

    Raises
    ------
    InputError : the example does not fit the model.
    NonFiniteError : a parameter holds NaN or infinity.
    RecordError : the model fails while it runs, or its output does not depend on the input.
    UnsupportedOperation : the model uses an operation that has no rule.

    Notes
    -----
    At a fixed input each non-linearity is an affine function, a = g·z + c with the secant g = (φ(z) − φ(0))/z, so the
    network is exactly an affine layered graph. On ReLU networks its flow is LRP-0 (Bach et al. 2015), which is
    gradient × input (Shrikumar et al. 2016); the shares of inputs and constants add up to the output (FullGrad:
    Srinivas & Fleuret 2019).

    Examples
    --------
    >>> import torch, netgraph as ng
    >>> net = ng.trace(torch.nn.Linear(3, 2), (3,))
    >>> net.graph()
    Graph: 5 vertices, 6 edges
        layers: 2
    ...
    """
    return Network(model, example)
