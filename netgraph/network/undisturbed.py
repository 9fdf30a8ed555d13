"""Runs a model the way it is read, and leaves it and everything around it as they were."""

from __future__ import annotations

import contextlib
import random
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

_MODE_MATTERS = (torch.nn.modules.batchnorm._BatchNorm, torch.nn.modules.dropout._DropoutNd, torch.nn.RReLU)
_KNOWN_WARNINGS = (
    ".*global hooks on modules.*",
    "None of the inputs have requires_grad=True.*",
    ".*projections is not supported with oneDNN.*",
    ".*LeafSpec.*is deprecated.*",
)
"""torch's warnings about how a model is run here, which its owner can do nothing about."""
_ONEDNN: Any = torch.backends.mkldnn


def unwrapped(model: Callable[..., Any]) -> Callable[..., Any]:
    """The model inside wrappers that change how it runs and not what it does: compiled, data parallel.

    >>> unwrapped(torch.nn.DataParallel(torch.nn.Linear(2, 1)))
    Linear(in_features=2, out_features=1, bias=True)
    """
    wrappers = (torch.nn.DataParallel, torch.nn.parallel.DistributedDataParallel)
    inner = model.module if isinstance(model, wrappers) else getattr(model, "_orig_mod", None)
    inner = inner if inner is not None else getattr(model, "_torchdynamo_orig_callable", None)
    return model if inner is None else unwrapped(inner)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without warnings about how the model is run here, which its owner can do nothing about."""
    with warnings.catch_warnings():
        for message in _KNOWN_WARNINGS:
            warnings.filterwarnings("ignore", message=message)
        yield


@contextlib.contextmanager
def undisturbed(model: Callable[..., Any]) -> Iterator[None]:
    """Evaluation mode, no gradients, unfused attention; everything as before afterwards."""
    modules = list(model.modules()) if isinstance(model, torch.nn.Module) else []
    training = [m.training for m in modules]
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002 (saved and given back)
    fast, onednn = torch.backends.mha.get_fastpath_enabled(), _ONEDNN.enabled
    moody = [type(m).__name__ for m in modules if m.training and isinstance(m, _MODE_MATTERS)]
    if moody:
        warnings.warn(
            f"the model is in training mode, where {moody[0]} does something else; netgraph reads it as it is in "
            "evaluation: call model.eval()",
            stacklevel=6,
        )
    try:
        for m in modules:
            m.training = False
        torch.backends.mha.set_fastpath_enabled(False)
        math = torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH)
        if any(isinstance(m, torch.nn.RNNBase) for m in modules):
            _ONEDNN.enabled = False  # it has recurrent layers in one operation
        eager = torch.compiler.set_stance("force_eager")  # parts that are compiled run as they were written
        with torch.inference_mode(False), torch.random.fork_rng(devices=[]), torch.no_grad(), math, eager, _quiet():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        _ONEDNN.enabled = onednn
        for m, flag in zip(modules, training, strict=True):
            m.training = flag
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002 (as above)
