"""What a model gives back: one tensor, or several in any containers, of which one is what targets refer to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from netgraph.errors import unknown
from netgraph.network import trees
from netgraph.network.trees import Path

if TYPE_CHECKING:
    from netgraph.network.tape import Tape


@dataclass(frozen=True, eq=False)
class Output:
    """The structure that the model gave back, and the slot of each tensor in it."""

    structure: Any
    slots: tuple[tuple[Path, int], ...]

    def fill(self, values: Callable[[int], torch.Tensor]) -> Any:
        """A copy with other values of the tensors."""
        return trees.replace(self.structure, {path: values(slot) for path, slot in self.slots})


def choose(tape: Tape, wanted: Any) -> Path | None:
    """The path of the output that targets refer to; None where there is no floating tensor.

    ``wanted``: a key, an attribute, an index or a path such as "heads.1"; by default ``logits`` where the model names
    one, else the first floating tensor.

    Raises
    ------
    UnknownName : there is no such output, or several tensors under that name.
    """
    floats = [path for path, slot in tape.output.slots if tape.floating(slot)]
    if wanted is None:
        return next((p for p in floats if p[:1] == ("logits",)), floats[0] if floats else None)
    at = trees.find(tape.output.structure, wanted)
    below = [path for path in floats if at is not None and path[: len(at)] == at]
    if len(below) == 1:
        return below[0]
    known = [trees.spell(path) or "0" for path in (below or floats)]
    raise unknown("output", wanted, known, f": it holds {len(below)} tensors" if below else "")
