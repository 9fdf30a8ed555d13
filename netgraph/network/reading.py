"""Inputs from a file: arrays or tensors, told by content; no code is ever executed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from netgraph.errors import InputError
from netgraph.network.weights import read_tensors, sniff

Array = np.ndarray[Any, Any]


def read_inputs(path: str | Path) -> tuple[Array, Array | None]:
    """Inputs, and their labels where there are any, from a file.

    Parameters
    ----------
    path : ``.npy`` (the inputs), ``.npz`` or ``.safetensors`` (``inputs`` and, where needed, ``labels``), or what
        ``torch.save`` wrote: a tensor, a pair (inputs, labels), or a dict with these keys. Nothing in it is executed.

    Returns
    -------
    inputs : (N, …)
    labels : (N,), or None.

    Raises
    ------
    InputError : a file that holds no inputs.
    LoadError : there is no such file, or it holds something that would have to be executed.

    Examples
    --------
    >>> import os, tempfile, netgraph as ng
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     torch.save({"inputs": torch.ones(2, 3), "labels": torch.tensor([0, 1])}, os.path.join(folder, "x.pt"))
    ...     inputs, labels = ng.read_inputs(os.path.join(folder, "x.pt"))
    >>> inputs.shape, labels
    ((2, 3), array([0, 1]))
    """
    path = Path(path)
    if sniff(path) in ("torch", "pickle", "safetensors"):
        return _of(path, read_tensors(path))
    try:
        with path.open("rb") as stream:
            loaded = np.load(stream, allow_pickle=False)
            return (loaded, None) if isinstance(loaded, np.ndarray) else _of(path, dict(loaded))
    except (ValueError, EOFError) as error:
        if isinstance(error, InputError):
            raise
        told = "" if "pickle" in str(error) else f" ({error})"  # numpy advises to unpickle
        raise InputError(
            f"{path} is no .npy or .npz file of plain arrays, and no .pt or .safetensors file of tensors{told}"
        ) from error


def _of(path: Path, found: Any) -> tuple[Array, Array | None]:
    """Inputs and labels among what a file held."""
    if isinstance(found, (tuple, list)) and 0 < len(found) <= 2:
        found = dict(zip(("inputs", "labels"), found, strict=False))
    if isinstance(found, torch.Tensor):
        found = {"inputs": found}
    if not isinstance(found, Mapping):
        raise InputError(f"{path} holds a {type(found).__name__}: expected a tensor, or 'inputs' (and 'labels')")
    held = {str(k): v for k, v in found.items() if isinstance(v, (torch.Tensor, np.ndarray))}
    if "inputs" not in held:
        raise InputError(f"{path} holds {sorted(map(str, found))}, expected an array called 'inputs' (and 'labels')")
    return _array(held["inputs"]), _array(held["labels"]) if "labels" in held else None


def _array(t: torch.Tensor | Array) -> Array:
    if isinstance(t, np.ndarray):
        return t
    made: Array = (t.float() if t.dtype == torch.bfloat16 else t).detach().cpu().numpy()
    return made
