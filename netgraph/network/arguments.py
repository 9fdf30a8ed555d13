"""What a model is called with: tensors in any container, options between them, and which axis holds the inputs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from netgraph.errors import InputError, unknown
from netgraph.network import trees
from netgraph.network.inputs import as_input, as_shape
from netgraph.network.trees import Path

LABELS = ("labels", "label", "targets", "target", "y")
"""Keys of a loader's dictionary that hold labels, where the model takes no argument of that name."""


class Arguments:
    """How a model is called, learned from an example.

    Everywhere else the inputs are a list of tensors, one for each tensor of the call, whose first axis counts the
    inputs; here they become the arguments that the model takes. A tensor is one value *per input* where its first axis
    is as long as that of most tensors of the example; any other (an attention mask of shape (T, T), a table, a number)
    is *shared* by all inputs: a constant of the network, no vertices. It travels in the list repeated along a first
    axis, at no cost.

    Attributes
    ----------
    example : the example's tensors, their first axis the inputs.
    batched : for each, whether it has a value per input.
    paths : for each, where it stands in (positional, keyword) arguments.
    """

    def __init__(self, model: Callable[..., Any], example: Any, like: torch.Tensor | None = None) -> None:
        example = _tensors_of_shapes(example, like)
        self._single = _is_single(model, example)
        self.tree = self._call(example)
        found = trees.tensors(self.tree)
        if not found:
            raise InputError(
                f"example is {_kind(example)}: expected a tensor with a batch axis, a tuple or dict of tensors, or a "
                "shape without the batch axis such as (1, 28, 28)"
            )
        self.paths = [path for path, _ in found]
        self.options = {p: leaf for p, leaf in trees.leaves(self.tree) if not isinstance(leaf, torch.Tensor)}
        lengths = [t.shape[0] for _, t in found if t.dim()]
        n = max(lengths, key=lambda k: (lengths.count(k), -lengths.index(k)), default=0)
        if n == 0:
            shapes = ", ".join(str(tuple(t.shape)) for _, t in found)
            raise InputError(f"example has shape {shapes}: expected a leading batch axis and at least one input")
        self.batched = [t.dim() > 0 and t.shape[0] == n for _, t in found]
        self._given = [t.detach() for _, t in found]
        self.example = self._level(self._given)

    # -- from what people pass to tensors --------------------------------------------------------------------

    def read(self, inputs: Any, named: Mapping[str, Any] | None = None) -> list[torch.Tensor]:
        """Inputs as a list of tensors whose first axis counts them, in the model's dtype and on its device.

        Raises
        ------
        InputError : another structure, another rank or dtype, no inputs, NaN or infinity.
        """
        given = self._match(inputs, dict(named or {}))
        tensors = [
            as_input(x, self._given[i], "the input" if len(given) == 1 else self.name(i), self.batched[i])
            for i, x in enumerate(given)
        ]
        return self._level(tensors)

    def _level(self, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
        """All with the same first axis."""
        lengths = {i: len(t) for i, t in enumerate(tensors) if self.batched[i]}
        n = max(lengths.values())
        for length in lengths.values():
            if length not in (1, n):
                said = ", ".join(f"{self.name(k)} {v}" for k, v in lengths.items())
                raise InputError(f"as many inputs in every tensor, or one for all: got {said}")
        return [t.expand(n, *t.shape[1:]) if self.batched[i] else t.expand(n, *t.shape) for i, t in enumerate(tensors)]

    def _match(self, inputs: Any, named: dict[str, Any]) -> list[Any]:
        """What stands where the example's tensors stand."""
        if not named and len(self.paths) == 1 and not _holds(inputs):
            return [inputs]  # an array, or nested lists of numbers
        tree = (tuple(inputs) if isinstance(inputs, tuple) else (inputs,), named) if named else self._call(inputs)
        found = dict(trees.leaves(tree))
        values = [found.pop(path) for path in self.paths if path in found]
        for path, value in found.items():
            if path in self.options and value != self.options[path]:
                raise InputError(
                    f"{_spell(path)} is {value!r}, but the network was traced with {self.options[path]!r}: trace it "
                    "again for that"
                )
        extra = [path for path in found if path not in self.options]
        if len(values) == len(self.paths) and not extra:
            return values
        raise InputError(self._complain(len(trees.tensors(tree)) or len(values) + len(extra), extra, tree))

    def _complain(self, given: int, extra: Sequence[Path], tree: Any) -> str:
        expected = ", ".join(self.name(i) for i in range(len(self.paths)))
        found = dict(trees.leaves(tree))
        missing = [self.name(i) for i, path in enumerate(self.paths) if path not in found]
        text = f"{given} input{'s' if given != 1 else ''}, expected {len(self.paths)}"
        text += f" ({expected})" if len(self.paths) > 1 or self.paths[0][0] == 1 else ""
        keys = [str(path[-1]) for path in extra if isinstance(path[-1], str)]
        if keys and any(isinstance(p[-1], str) for p in self.paths):
            near = str(unknown("input", keys[0], [str(p[-1]) for p in self.paths if isinstance(p[-1], str)]))
            return f"{text}: {near}"
        if missing and any(path[0] == 1 for path in self.paths):
            return f"{text}: {', '.join(missing)} missing. Pass a dict with the keys of the example"
        return f"{text}: pass them in the structure of the example, such as a tuple of tensors"

    def name(self, i: int) -> str:
        """What tensor ``i`` of the call is called in messages."""
        return _spell(self.paths[i])

    def _call(self, inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """(positional, keyword) arguments, arrays made tensors."""
        if self._single or not isinstance(inputs, (Mapping, tuple, list)) or hasattr(inputs, "_fields"):
            tree: Any = ((inputs,), {})
        elif isinstance(inputs, Mapping):
            tree = ((), {str(key): value for key, value in inputs.items()})
        else:
            tree = (tuple(inputs), {})
        arrays = {p: torch.as_tensor(x) for p, x in trees.leaves(tree) if isinstance(x, np.ndarray) and _numeric(x)}
        made: tuple[tuple[Any, ...], dict[str, Any]] = trees.replace(tree, arrays)
        return made

    # -- from tensors to a call ------------------------------------------------------------------------------

    def call(self, tensors: Sequence[torch.Tensor]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The (positional, keyword) arguments that stand for a list of tensors."""
        leaves = {
            path: t if batched else t[0] for path, t, batched in zip(self.paths, tensors, self.batched, strict=True)
        }
        args, kwargs = trees.replace(self.tree, leaves)
        return args, kwargs

    @property
    def own(self) -> list[int]:
        """Which tensors of the call have a value per input."""
        return [i for i, batched in enumerate(self.batched) if batched]

    # -- loaders ---------------------------------------------------------------------------------------------

    def is_batch(self, inputs: Any) -> bool:
        """Whether ``inputs`` are inputs; else they are a loader that gives them."""
        if isinstance(inputs, (torch.Tensor, np.ndarray, Mapping)) or not hasattr(inputs, "__iter__"):
            return True
        if not isinstance(inputs, (tuple, list)):
            return False
        if len(self.paths) == 1 and not self._single and 0 <= self._given[0].dim() - _depth(inputs) <= 1:
            return True  # nested lists of numbers, perhaps of one input alone
        alike = len(inputs) == len(self.tree[0]) and not self.tree[1]
        return all(isinstance(x, torch.Tensor) for x in inputs) or self._single or (alike and isinstance(inputs, tuple))

    def item(self, item: Any) -> tuple[Any, Any]:
        """(inputs, labels or None) of what a loader gives."""
        if isinstance(item, Mapping):
            key = next((k for k in LABELS if k in item and not any(k in path for path in self.paths)), None)
            return {k: v for k, v in item.items() if k != key}, None if key is None else item[key]
        if not isinstance(item, (tuple, list)) or hasattr(item, "_fields"):
            return item, None
        n = 1 if self._single or self.tree[1] else len(self.tree[0])
        nested = len(item) == 2 and isinstance(item[0], (tuple, list, Mapping))
        if nested or len(item) == n + 1:
            inputs = item[0] if nested or n == 1 else tuple(item[:-1])
            labels = torch.as_tensor(item[-1])
            return inputs, None if labels.is_floating_point() else labels
        return (item[0] if len(item) == 1 else item), None


def _is_single(model: Callable[..., Any], example: Any) -> bool:
    """Whether a container is one argument, and not the arguments: where the model can only be called that way."""
    if not isinstance(example, (Mapping, tuple, list)) or hasattr(example, "_fields"):
        return False
    try:
        signature = inspect.signature(getattr(model, "forward", model))
    except (TypeError, ValueError):
        return False
    args, kwargs = ((), dict(example)) if isinstance(example, Mapping) else (tuple(example), {})
    return not _binds(signature, args, kwargs) and _binds(signature, (example,), {})


def _binds(signature: inspect.Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    try:
        signature.bind(*args, **kwargs)
    except TypeError:
        return False
    return True


def _tensors_of_shapes(example: Any, like: torch.Tensor | None) -> Any:
    """An example without tensors: every shape in it becomes a seeded normal tensor with a batch axis."""
    if any(isinstance(leaf, (torch.Tensor, np.ndarray)) for _, leaf in trees.leaves(example)):
        return example
    generator = torch.Generator().manual_seed(0)

    def made(shape: Sequence[int]) -> torch.Tensor:
        t = torch.randn((1, *shape), generator=generator, dtype=torch.float32)
        return t if like is None else t.to(like)

    def visit(part: Any) -> Any:
        shape = as_shape(part)
        if shape is not None:
            return made(shape)
        if isinstance(part, (tuple, list)) and not hasattr(part, "_fields"):
            return type(part)(visit(p) for p in part)
        return {k: visit(p) for k, p in part.items()} if isinstance(part, Mapping) else part

    return visit(example)


def _holds(tree: Any) -> bool:
    """Whether there are tensors or arrays in containers."""
    inside = trees.children(tree) if isinstance(tree, (Mapping, tuple, list)) else None
    return inside is not None and any(
        isinstance(leaf, (torch.Tensor, np.ndarray)) for _, part in inside for _, leaf in trees.leaves(part)
    )


def _depth(x: Any) -> int:
    """How many lists of numbers lie in one another; negative where something else does."""
    if isinstance(x, (bool, int, float)):
        return 0
    if not isinstance(x, (list, tuple)) or not x or isinstance(x[0], (torch.Tensor, np.ndarray, str, Mapping)):
        return -100
    return 1 + _depth(x[0])


def _numeric(x: np.ndarray[Any, Any]) -> bool:
    return x.dtype.kind in "biuf"


def _kind(example: Any) -> str:
    return f"{type(example).__name__} {example!r}" if isinstance(example, (str, int, float)) else type(example).__name__


def _spell(path: Path) -> str:
    """A path in (positional, keyword) arguments as a person says it."""
    first, *rest = path[1:]
    said = f"input {first + 1}" if path[0] == 0 else repr(first)
    return said + "".join(f"[{key!r}]" for key in rest)
