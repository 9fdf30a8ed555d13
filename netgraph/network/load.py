"""A file -> a Network."""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from netgraph.errors import LoadError, unknown
from netgraph.network.network import Network
from netgraph.network.trace import trace
from netgraph.network.weights import read_weights

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "mish": nn.Mish,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "softplus": nn.Softplus,
    "hardswish": nn.Hardswish,
    "none": nn.Identity,
}
"""Names for ``activation=``."""


def load_network(
    path: str | Path,
    input_shape: tuple[int, ...] | None = None,
    model: str | nn.Module | Callable[[], nn.Module] | None = None,
    activation: str | None = None,
    nonfinite: str = "refuse",
) -> Network:
    """Read a trained network from a file of weights.

    Parameters
    ----------
    path : safetensors, or what ``torch.save(model.state_dict(), path)`` wrote (also nested in a checkpoint). Told by
        its content, not its name. Nothing in it is executed.
    input_shape : of one input, without the batch axis. A chain of Linear layers tells it itself, and so does a model
        with an attribute ``input_shape``.
    model : the architecture: ``"net.py:Net"`` (a class or function in a Python file, which is run, or in an installed
        module: ``"package.module:Net"``), or a module or function that makes one.
    activation : for weights of Linear layers alone: the function between them; one of :data:`ACTIVATIONS`.
    nonfinite : "refuse" weights that are NaN or infinite, or "drop" them, as :func:`netgraph.trace`.

    Returns
    -------
    Network : in evaluation mode, its parameters those of the file.

    Raises
    ------
    LoadError : no weights in the file, weights that do not fit the model, or an architecture that has to be given.
    UnknownName : an activation, or a class in the model's file, that does not exist.
    InputError, NonFiniteError, ParameterError, UnsupportedOperation, RecordError : as :func:`netgraph.trace`.

    Examples
    --------
    >>> import os, tempfile, torch, netgraph as ng
    >>> mlp = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     torch.save(mlp.state_dict(), os.path.join(folder, "mlp.pt"))
    ...     net = ng.load_network(os.path.join(folder, "mlp.pt"), activation="relu")
    >>> [layer.name for layer in net.graph().layers]
    ['input', 'linear_0', 'linear_2']
    """
    weights = read_weights(path)
    if model is None:
        chain, shape = _chain(Path(path), weights, activation)
        return trace(chain, input_shape or shape, nonfinite=nonfinite)
    network = _model(model)
    _fill(Path(path), network, weights)
    network.eval()
    told = input_shape or getattr(network, "input_shape", None)
    if told is None:
        raise LoadError(
            "the shape of an input is not known: pass input_shape=, without the batch axis, such as (1, 28, 28) "
            "(or give the model class an attribute input_shape)"
        )
    return trace(network, tuple(told), nonfinite=nonfinite)


# -- the architecture ------------------------------------------------------------------------------------


def _model(model: str | nn.Module | Callable[[], nn.Module]) -> nn.Module:
    made: Any = _named(model) if isinstance(model, str) else model
    if not isinstance(made, nn.Module):
        try:
            made = made()
        except TypeError as error:
            raise LoadError(
                f"{model}: cannot be called without arguments ({error}); write a function without parameters that "
                "makes the model"
            ) from error
    if not isinstance(made, nn.Module):
        raise LoadError(f"{model} gives a {type(made).__name__}, expected a torch.nn.Module")
    return made


def _named(text: str) -> Any:
    source, _, name = text.rpartition(":")
    if not source:
        raise LoadError(
            f"model={text!r}: write it as 'net.py:Net' (file, colon, class or function) or 'package.module:Net'"
        )
    module = _source(Path(source)) if source.endswith(".py") else _installed(source)
    if not hasattr(module, name):
        made_here = [
            k for k, v in vars(module).items() if callable(v) and getattr(v, "__module__", "") == module.__name__
        ]
        raise LoadError(str(unknown("class or function", name, made_here, f" in {source}")))
    return getattr(module, name)


def _source(path: Path) -> Any:
    if not path.is_file():
        raise LoadError(f"there is no file {path} (from model=)")
    name = f"_netgraph_model_{abs(hash(path.resolve()))}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickling of its classes look it up
    sys.path.insert(0, str(path.resolve().parent))  # as when the file is run: its neighbours can be imported
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise LoadError(f"{path} failed while it was run: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(str(path.resolve().parent))
    return module


def _installed(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise LoadError(f"no module {name!r} (from model=): {error}") from error


def _fill(path: Path, network: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    expected = network.state_dict()
    missing = [name for name in expected if name not in weights and not name.endswith("num_batches_tracked")]
    extra = [name for name in weights if name not in expected]
    shapes = [n for n in expected if n in weights and expected[n].shape != weights[n].shape]
    complaints = []
    if missing:
        complaints.append(f"it lacks {_few(missing)}")
    if extra:
        complaints.append(f"it has {_few(extra)}, which the model has not")
    if shapes:
        name = shapes[0]
        complaints.append(
            f"{name!r} has shape {tuple(weights[name].shape)} where the model has {tuple(expected[name].shape)}"
        )
    if complaints:
        raise LoadError(
            f"{path} does not fit {type(network).__name__}: {'; '.join(complaints)}. Give the model that these weights "
            "were trained in"
        )
    network.load_state_dict(dict(weights), strict=False)


def _few(names: list[str]) -> str:
    return ", ".join(map(repr, names[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


# -- a bare chain of Linear layers -----------------------------------------------------------------------


class _Chain(nn.Module):
    """Linear layers under their own names, one after the other."""

    def __init__(self, names: list[str], weights: Mapping[str, torch.Tensor], activation: nn.Module) -> None:
        super().__init__()
        self._names, self.act = names, activation
        self._held: list[nn.Linear] = []
        for name in names:
            matrix, bias = weights[f"{name}.weight"], weights.get(f"{name}.bias")
            linear = nn.Linear(matrix.shape[1], matrix.shape[0], bias is not None, dtype=matrix.dtype)
            linear.weight = nn.Parameter(matrix)
            if bias is not None:
                linear.bias = nn.Parameter(bias)
            holder: nn.Module = self
            *path, last = name.split(".")
            for part in path:
                if part not in holder._modules:
                    holder.add_module(part, nn.Module())
                holder = holder.get_submodule(part)
            holder.add_module(last, linear)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, …) -> (N, outputs)."""
        x = x.flatten(1)
        for i, name in enumerate(self._names):
            x = self.get_submodule(name)(x if i == 0 else self.act(x))
        return x


def _chain(
    path: Path, weights: Mapping[str, torch.Tensor], activation: str | None
) -> tuple[nn.Module, tuple[int, ...]]:
    names = [n.removesuffix(".weight") for n, t in weights.items() if n.endswith(".weight") and t.dim() == 2]
    known = {f"{n}.weight" for n in names} | {f"{n}.bias" for n in names}
    other = [n for n in weights if n not in known]
    if other or not names:
        kinds = "convolutions" if any(t.dim() > 2 for t in weights.values()) else "more than Linear layers"
        raise LoadError(
            f"{path} has {kinds} ({_few(other or list(weights))}), so its architecture is needed: pass "
            "model='net.py:Net' and input_shape="
        )
    for first, second in itertools.pairwise(names):
        made, read = weights[f"{first}.weight"].shape[0], weights[f"{second}.weight"].shape[1]
        if made != read:
            raise LoadError(
                f"{path}: {first!r} makes {made} values and {second!r} reads {read}, so these Linear layers are no "
                "chain: the architecture is needed: pass model='net.py:Net' and input_shape="
            )
    if activation is None and len(names) > 1:
        raise LoadError(
            f"{path} holds {len(names)} Linear layers but not what lies between them: pass activation= "
            f"({', '.join(ACTIVATIONS)})"
        )
    name = activation or "none"
    if name not in ACTIVATIONS:
        raise unknown("activation", name, ACTIVATIONS)
    return _Chain(names, weights, ACTIVATIONS[name]()).eval(), (int(weights[f"{names[0]}.weight"].shape[1]),)
