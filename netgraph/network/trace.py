"""trace: from a model and an example input to a Network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from netgraph.network.network import Network
from netgraph.network.undisturbed import unwrapped


def trace(model: Callable[..., Any], example: Any, output: Any = None, nonfinite: str = "refuse") -> Network:
    """Read a network by running it once.

    Parameters
    ----------
    model : a ``torch.nn.Module`` or any function of tensors. It is read in evaluation mode, and left as it was: mode,
        hooks, gradients, parameters, buffers and random states.
    example : what the model is called with, with a leading batch axis: a tensor; a tuple of arguments; a dict of
        keyword arguments (``{"input_ids": ids, "attention_mask": mask}``); tensors in nested containers, and options
        that are no tensors between them. Or a shape without the batch axis, such as ``(1, 28, 28)``, or a tuple or
        dict of shapes, for which seeded normal tensors are made. The same forms hold wherever inputs are passed later.

        The first axis of a tensor counts the inputs where it is as long as that of most tensors of the example. A
        tensor with another first axis, or none, is shared by all inputs: a mask of shape (T, T), a table, a step. It
        is a constant of the network, and may be passed with other values later. An example of a single input leaves no
        doubt which is which. Options stay as in the example.
    output : which output targets refer to, where there are several: a key, an attribute, an index, or a path such as
        ``"heads.1"``. Default: ``logits`` where the model names one, else the first floating tensor.
    nonfinite : "refuse" weights that are NaN or infinite, or "drop" them: a copy of the model has 0 in their place, so
        they are no edges; a warning says how many, and each graph's ``meta["nonfinite"]`` of which parameters.

    Returns
    -------
    Network

    Raises
    ------
    InputError : the example does not fit the model.
    UnknownName : there is no such output; the message lists what exists.
    NonFiniteError : a parameter holds NaN or infinity.
    ParameterError : parameters that are no plain numbers: quantised, sparse, complex, empty, or not there yet.
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
    return Network(unwrapped(model), example, output, nonfinite)
