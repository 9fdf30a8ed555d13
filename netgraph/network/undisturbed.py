"""Runs a model the way it is read, and leaves it and everything around it as they were."""

from __future__ import annotations

import contextlib
import random
import warnings
from collections import deque
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
_LONG = 10_000
"""Containers with more items are data, and not looked at."""


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
def own_precision() -> Iterator[None]:
    """In the dtypes that the model itself asks for: the autocast of whoever calls is off, and holds no old weights.

    >>> with torch.autocast("cpu", dtype=torch.bfloat16), own_precision():
    ...     (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
    torch.float32
    """
    torch.clear_autocast_cache()
    with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
        yield


class Attributes:
    """What the modules of a model hold: attributes, and what lies in their lists, dicts, sets, however deep.

    A forward pass may keep something for the next one: a table that is made once, a mask, a counter, a hidden state.
    The next one would then run another program; so what was kept is forgotten, as if the model had not run.
    """

    def __init__(self, modules: list[torch.nn.Module]) -> None:
        self._held: dict[int, tuple[Any, Any]] = {}  # id -> (container, its items before)
        for module in modules:
            self._look(vars(module))

    def _look(self, container: Any) -> None:
        if id(container) in self._held or len(container) > _LONG:
            return
        self._held[id(container)] = container, _items(container)
        for item in list(container.values()) if isinstance(container, dict) else list(container):
            if isinstance(item, (dict, list, set, deque)):
                self._look(item)

    def restore(self) -> None:
        """Everything as it was."""
        for container, before in self._held.values():
            now = _items(container)
            if len(now) == len(before) and all(a is b for a, b in zip(now, before, strict=True)):
                continue
            container.clear()
            if isinstance(container, dict):
                container.update(zip(before[::2], before[1::2], strict=True))
            elif isinstance(container, set):
                container.update(before)
            else:
                container.extend(before)


def _items(container: Any) -> list[Any]:
    """The items of a container; of a dict keys and values in turn."""
    return [part for pair in container.items() for part in pair] if isinstance(container, dict) else list(container)


@contextlib.contextmanager
def undisturbed(model: Callable[..., Any], tell: bool = False) -> Iterator[None]:
    """Evaluation mode, no gradients, unfused attention, no autocast of the caller's; everything as before afterwards.

    ``tell``: warn where the model does something else in the mode that it was in. What a forward pass keeps in the
    attributes of its modules (a lazily made table, a counter) is forgotten.
    """
    modules = list(model.modules()) if isinstance(model, torch.nn.Module) else []
    training, attributes = [m.training for m in modules], Attributes(modules)
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002 (saved and given back)
    fast, onednn = torch.backends.mha.get_fastpath_enabled(), _ONEDNN.enabled
    moody = [type(m).__name__ for m in modules if m.training and isinstance(m, _MODE_MATTERS)]
    if moody and tell:
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
        plain = torch.inference_mode(False), torch.no_grad(), own_precision(), math, eager
        with contextlib.ExitStack() as stack:
            for context in (torch.random.fork_rng(devices=[]), *plain, _quiet()):
                stack.enter_context(context)
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        _ONEDNN.enabled = onednn
        for m, flag in zip(modules, training, strict=True):
            m.training = flag
        attributes.restore()
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002 (as above)
