"""The parameters of a model, checked at the door."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import UninitializedTensorMixin  # type: ignore[attr-defined]

from netgraph.errors import NetgraphWarning, NonFiniteError, ParameterError, unknown
from netgraph.network.tape import Tape

NONFINITE = ("refuse", "drop")
"""What may become of NaN and infinity in the weights."""
PLAIN = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
"""Floating dtypes that are read."""
_QUANTISED = ("torch.ao.nn.quantized", "torch.ao.nn.intrinsic.quantized", "torch.nn.quantized", "torch.ao.nn.qat")
_STATISTICS = (nn.modules.batchnorm._NormBase,)
"""Layers whose buffers are weights; elsewhere a buffer may hold infinity, as attention masks do."""


def parameters(model: Callable[..., Any]) -> Mapping[str, torch.Tensor]:
    """Name -> tensor of every parameter and buffer of a module; empty for a function."""
    if not isinstance(model, nn.Module):
        return {}
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def check_parameters(model: Callable[..., Any]) -> None:
    """Refuse parameters that are no plain finite numbers.

    Raises
    ------
    ParameterError : quantised, sparse, complex, empty, on the meta device, or a lazy layer that never ran.
    NonFiniteError : NaN or infinity.
    """
    if isinstance(model, nn.Module):
        for name, module in model.named_modules():
            _check_module(name, module)
    for name, tensor in parameters(model).items():
        _check_tensor(name, tensor)
    found = nonfinite(model)
    for name, places in found.items():
        raise NonFiniteError(
            f"{_place(name)} holds {len(places)} values that are NaN or infinite, the first at index "
            f"{tuple(places[0].tolist())}. Load an earlier checkpoint, set them to a number first, or pass "
            "nonfinite='drop' to read them as 0"
        )


def _place(name: str) -> str:
    layer, _, which = name.rpartition(".")
    return f"layer {layer or '(root)'!r}: {which}"


def _check_module(name: str, module: nn.Module) -> None:
    kind = type(module)
    if kind.__module__.startswith(_QUANTISED) and not kind.__module__.startswith("torch.ao.nn.qat"):
        raise ParameterError(
            f"layer {name or '(root)'!r} ({kind.__name__}) is quantised: its weights are whole numbers with a scale, "
            "and its operations round. Trace the float model that it was made from, or dequantise its weights into one"
        )
    weight = dict(module.named_parameters(recurse=False)).get("weight")
    if weight is not None and not isinstance(weight, UninitializedTensorMixin) and weight.numel() == 0:
        raise ParameterError(
            f"layer {name or '(root)'!r} ({kind.__name__}) has a weight of shape {tuple(weight.shape)}, without a "
            "single number, so it has no units or no inputs. Remove the layer, or give it a size"
        )


def _check_tensor(name: str, tensor: torch.Tensor) -> None:
    """Refuse a tensor whose values cannot be read as numbers."""
    wrong = ""
    if isinstance(tensor, UninitializedTensorMixin):
        wrong = "is not initialised: a lazy layer gets its shape from its first input. Run the model once, then trace"
    elif tensor.is_meta:
        wrong = (
            "is on the meta device, a shape without values. Load the weights: load_state_dict(…, assign=True), or "
            "to_empty(device='cpu') and then load_state_dict"
        )
    elif tensor.is_quantized:
        wrong = f"is quantised ({tensor.dtype}). Trace the float model, or dequantise it: tensor.dequantize()"
    elif tensor.layout != torch.strided:
        wrong = f"is sparse ({tensor.layout}). Make it dense: tensor.to_dense(); zeros are no edges anyway"
    elif tensor.is_complex():
        wrong = f"is complex ({tensor.dtype}): an edge has one real weight. Write it with real and imaginary parts"
    elif tensor.is_floating_point() and tensor.dtype not in PLAIN:
        wrong = f"is {tensor.dtype}, in which nothing can be computed exactly. Convert the model: model.float()"
    if wrong:
        raise ParameterError(f"{_place(name)} {wrong}")


# -- NaN and infinity ------------------------------------------------------------------------------------


def nonfinite(model: Callable[..., Any]) -> dict[str, torch.Tensor]:
    """Name -> (places, axes) of the values that are NaN or infinite; a mask among the buffers may hold infinity."""
    found = {}
    masks = set()
    if isinstance(model, nn.Module):
        for path, module in model.named_modules():
            if not isinstance(module, _STATISTICS):
                masks |= {f"{path}.{name}".lstrip(".") for name, _ in module.named_buffers(recurse=False)}
    for name, tensor in parameters(model).items():
        if tensor.is_floating_point() and not bool(tensor.sum().isfinite()):  # a sum is quick, and misses nothing
            bad = tensor.isnan() if name in masks else ~tensor.isfinite()
            if bool(bad.any()):
                found[name] = torch.nonzero(bad)
    return found


def without_nonfinite(model: Callable[..., Any], how: str) -> tuple[Callable[..., Any], dict[str, int]]:
    """(the model, or a copy of it with 0 in place of NaN and infinity; how many there were of each parameter).

    Raises
    ------
    UnknownName : ``how`` is neither "refuse" nor "drop".
    """
    if how not in NONFINITE:
        raise unknown("nonfinite", how, NONFINITE)
    if how == "refuse" or not isinstance(model, nn.Module):
        return model, {}
    for name, tensor in parameters(model).items():
        _check_tensor(name, tensor)
    found = nonfinite(model)
    if not found:
        return model, {}
    whole = copy.deepcopy(model)
    held = parameters(whole)
    with torch.no_grad():
        for name, places in found.items():
            held[name][tuple(places.t())] = 0
    counts = {name: len(places) for name, places in found.items()}
    said = ", ".join(f"{name} {n}" for name, n in counts.items())
    warnings.warn(
        f"{sum(counts.values())} weights are NaN or infinite and were read as 0, so they are no edges ({said}). The "
        "graph is that of the network without them; the model itself is unchanged",
        NetgraphWarning,
        stacklevel=4,
    )
    return whole, counts


def check_constants(tape: Tape) -> None:
    """Refuse NaN in a tensor that the model holds without it being a parameter: a closure, an attribute, a literal."""
    for slot, tensor in tape.constants.items():
        if slot in tape.names or not tensor.is_floating_point() or not bool(tensor.isnan().any()):
            continue
        reader = next((c for c in tape.calls if slot in c.reads and c.index in tape.needed), None)
        if reader is not None:
            raise NonFiniteError(
                f"a constant of shape {tuple(tensor.shape)} holds {int(tensor.isnan().sum())} values that are NaN; "
                f"{reader.place()} reads it. Set them to a number first"
            )
