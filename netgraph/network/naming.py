"""Names of layers: torch's dotted module name, made safe for ids."""

from __future__ import annotations

from typing import Any

import torch

from netgraph.network.tape import Call, Tape


def layer_name(tape: Tape, call: Call, kind: str, weight: Any = None) -> tuple[str, str]:
    """(module, name) of the vertices that ``call`` made.

    The module is the one that owns the weight, so that functional calls are named too. A name starts with a letter:
    ``0`` of a Sequential becomes ``linear_0``; an operation without a parameter is named after what it does (a name
    that ends with "_" is to be numbered).
    """
    module = call.module
    if isinstance(weight, torch.Tensor) and not weight.is_meta:
        storage = weight.untyped_storage().data_ptr()
        owners = [name for name, held in tape.owners.items() if storage in held]
        if owners and module not in owners:
            module = owners[0]
        if owners and module == "":
            found = [n for s, n in tape.names.items() if tape.constants[s].untyped_storage().data_ptr() == storage]
            return "", safe(found[0], kind) if found and found[0] != "weight" else f"{kind}_"
        if owners:
            return module, safe(module, kind)
    leaf = bool(tape.owners.get(module)) or (module and not any(m.startswith(module + ".") for m in tape.modules))
    if leaf and module:
        return module, safe(module, kind)
    return module, f"{safe(module, kind)}.{kind}" if module else f"{kind}_"


def safe(name: str, kind: str) -> str:
    """A name that can stand in an id: of letters, digits, dots, dashes and underscores, a letter first."""
    clean = "".join(c if c.isalnum() or c in "._-" else "_" for c in name)
    return clean if clean[:1].isalpha() else f"{kind}_{clean}"
