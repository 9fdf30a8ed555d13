"""Reading weights from a file, by its content and without ever unpickling code."""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from netgraph.errors import LoadError

NESTS = ("state_dict", "model_state_dict", "model", "net", "network", "weights")
"""Keys under which real checkpoints keep their weights."""
PREFIXES = ("module.", "_orig_mod.")
"""What DataParallel and torch.compile put in front of every name."""


def read_weights(path: str | Path) -> dict[str, torch.Tensor]:
    """The state dict in a file: name -> tensor, on the CPU.

    Reads safetensors and torch's own formats (``weights_only``: a file that needs Python code to be run is refused).
    Checkpoints may nest the weights (``state_dict``, ``model`` …) and prefix their names (``module.``, ``_orig_mod.``).

    Raises
    ------
    LoadError : no such file, a pointer instead of the file, no weights, or something that would have to be executed.
    """
    return _tensors(Path(path), read_tensors(path))


def read_tensors(path: str | Path) -> Any:
    """Whatever tensors a safetensors file or one of torch's own holds, nested as they were; no code is executed.

    Raises
    ------
    LoadError : no such file, another kind of file, or something that would have to be executed.
    """
    path = Path(path)
    kind = sniff(path)
    if kind == "safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except SafetensorError as error:
            raise LoadError(
                f"{path} begins like a safetensors file but is cut or damaged ({error}): fetch it again"
            ) from error
    if kind in {"torch", "pickle"}:
        return _torch(path, kind)
    raise LoadError(f"{path} {KINDS[kind]}")


KINDS: dict[str, str] = {
    "lfs": "is a Git LFS pointer, not the file itself: run `git lfs pull` and try again",
    "empty": "is empty: fetch or save it again",
    "torchscript": "is a TorchScript program, which this version does not read: save model.state_dict() instead",
    "pt2": "is an exported program (.pt2), which this version does not read: save model.state_dict() instead",
    "zip": "is a zip archive, but not one that torch.save wrote",
    "onnx": "looks like an ONNX model, which this version does not read: load it in Python and use netgraph.trace",
    "unknown": "is no file of weights: expected safetensors, or what torch.save(model.state_dict(), …) writes",
}
"""What cannot be read, and the mend."""


def sniff(path: Path) -> str:
    """What a file is, by its content: "safetensors", "torch" (zip), "pickle" (older torch), or one of :data:`KINDS`."""
    try:
        with path.open("rb") as stream:
            head = stream.read(512)
    except IsADirectoryError:
        raise LoadError(f"{path} is a folder; expected a file of weights") from None
    except FileNotFoundError:
        raise LoadError(f"there is no file {path}") from None
    except OSError as error:
        raise LoadError(f"{path} cannot be read: {error.strerror}") from error
    if not head:
        return "empty"
    if head.startswith(b"version https://git-lfs"):
        return "lfs"
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        if any(n.endswith(("constants.pkl", ".py")) and "/code/" in n for n in names):
            return "torchscript"
        if any("models/" in n or n.endswith("archive_format") for n in names):
            return "pt2"
        return "torch" if any(n.endswith("data.pkl") for n in names) else "zip"
    if len(head) > 9 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 32:
        return "safetensors"
    if head[:1] == b"\x80":
        return "pickle"
    if path.suffix == ".onnx" or b"onnx" in head[:64] or b"pytorch" in head[:64]:
        return "onnx"
    return "unknown"


def _torch(path: Path, kind: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an unusual pickle, which is refused or read all the same
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True if kind == "torch" else None)
    except Exception as error:
        text = str(error)
        wanted = re.search(r"GLOBAL (\S+)|Unsupported global: (?:GLOBAL )?(\S+)|class (\S+)", text)
        if "weights_only" in text.lower() or "Unsupported" in text or wanted:
            name = next((g for g in wanted.groups() if g), "") if wanted else ""
            raise LoadError(
                f"{path} holds a pickled Python object{f' ({name})' if name else ''}, not only weights; it was not "
                "loaded, because that could run any code. Where you trust it, load it yourself, and save "
                "torch.save(model.state_dict(), …) or trace the model with netgraph.trace"
            ) from error
        raise LoadError(
            f"{path} is no readable file of torch weights (cut or damaged?): {type(error).__name__}"
        ) from error


def _tensors(path: Path, found: Any) -> dict[str, torch.Tensor]:
    while True:
        if isinstance(found, (list, tuple)) and len(found) == 1:
            found = found[0]
            continue
        nested = next((k for k in NESTS if isinstance(found, Mapping) and isinstance(found.get(k), Mapping)), None)
        if nested is None:
            break
        found = found[nested]
    if not isinstance(found, Mapping) or not found:
        raise LoadError(f"{path} holds {_describe(found)}: expected a state dict (name -> tensor)")
    weights = {str(k): v for k, v in found.items() if isinstance(v, torch.Tensor)}
    if not weights:
        raise LoadError(
            f"{path} holds a mapping without tensors (keys {', '.join(map(str, list(found)[:6]))}): expected a state "
            "dict"
        )
    for prefix in PREFIXES * 2:
        if all(name.startswith(prefix) for name in weights):
            weights = {name[len(prefix) :]: tensor for name, tensor in weights.items()}
    quantised = [name for name, tensor in weights.items() if tensor.is_quantized]
    if quantised:
        raise LoadError(
            f"{path}: {quantised[0]!r} is quantised; convert the model to float first (tensor.dequantize())"
        )
    return weights


def _describe(found: Any) -> str:
    return f"a tensor of shape {tuple(found.shape)}" if isinstance(found, torch.Tensor) else f"a {type(found).__name__}"
