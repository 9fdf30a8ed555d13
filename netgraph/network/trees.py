"""Nested containers of tensors: tuples, lists, dictionaries, named tuples, dataclasses, objects with attributes.

What a model takes and gives back may be any of these in any depth. A *path* leads to a leaf: keys, indices and
attribute names, in order.
"""

from __future__ import annotations

import copy
import types
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

import torch

Path = tuple[Any, ...]
"""Keys, indices and names of attributes on the way to a leaf."""
_LEAVES = (torch.Tensor, torch.nn.Module, torch.nn.Parameter, type, types.ModuleType, str, bytes)


def children(tree: Any) -> list[tuple[Any, Any]] | None:
    """(key, what is there) of a container; None for a leaf."""
    if isinstance(tree, _LEAVES) or callable(tree):
        return None
    if isinstance(tree, Mapping):
        return list(tree.items())
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return list(zip(tree._fields, tree, strict=True))
    if isinstance(tree, (tuple, list)):
        return list(enumerate(tree))
    held = getattr(tree, "__dict__", None)
    if held is None and hasattr(type(tree), "__dataclass_fields__"):
        return [(name, getattr(tree, name)) for name in type(tree).__dataclass_fields__]
    return None if held is None else list(held.items())


def leaves(tree: Any, path: Path = (), _above: tuple[int, ...] = ()) -> Iterator[tuple[Path, Any]]:
    """(path, leaf) of all that lies in a tree, in order; a container that holds itself is entered once.

    >>> [path for path, _ in leaves({"a": 1, "b": [2, (3,)]})]
    [('a',), ('b', 0), ('b', 1, 0)]
    """
    inside = children(tree)
    if inside is None:
        yield path, tree
        return
    if id(tree) in _above:
        return
    for key, part in inside:
        yield from leaves(part, (*path, key), (*_above, id(tree)))


def tensors(tree: Any) -> list[tuple[Path, torch.Tensor]]:
    """(path, tensor) of the tensors among the leaves."""
    return [(path, leaf) for path, leaf in leaves(tree) if isinstance(leaf, torch.Tensor)]


def reach(tree: Any, path: Path) -> Any:
    """What stands at a path."""
    for key in path:
        tree = dict(children(tree) or [])[key]
    return tree


def replace(tree: Any, at: Mapping[Path, Any]) -> Any:
    """A copy with other leaves at some paths; whatever holds none of them is not copied.

    >>> replace({"a": 1, "b": [2, 3]}, {("b", 1): 30})
    {'a': 1, 'b': [2, 30]}
    """
    if () in at:
        return at[()]
    below: dict[Any, dict[Path, Any]] = {}
    for path, leaf in at.items():
        below.setdefault(path[0], {})[path[1:]] = leaf
    if not below:
        return tree
    new = {key: replace(part, below[key]) for key, part in children(tree) or [] if key in below}
    if isinstance(tree, (tuple, list)):
        parts = [new.get(key, part) for key, part in children(tree) or []]
        spread = isinstance(tree, tuple) and hasattr(tree, "_fields")
        return type(tree)(*parts) if spread else type(tree)(parts)
    made = copy.copy(tree)
    if isinstance(made, MutableMapping):
        made.update(new)
        return made
    for name, part in new.items():
        object.__setattr__(made, name, part)
    return made


def spell(path: Path) -> str:
    """A path as a person writes it.

    >>> spell(("heads", 1))
    'heads.1'
    """
    return ".".join(str(key) for key in path)


def find(tree: Any, wanted: Any) -> Path | None:
    """The path that a key, an index, a name or "heads.1" stands for; None where nothing is there.

    >>> find({"heads": [1, 2]}, "heads.1"), find({"a.b": 1}, "a.b"), find((1, 2), -1), find((1, 2), 5)
    (('heads', 1), ('a.b',), (1,), None)
    """
    for parts in ([wanted], str(wanted).split("."), list(wanted) if isinstance(wanted, tuple) else []):
        path: Path = ()
        here = tree
        for part in parts:
            inside = children(here) or []
            keys = [key for key, _ in inside if str(key) == str(part)]
            if not keys and str(part).lstrip("-").isdigit() and -len(inside) <= int(part) < len(inside):
                keys = [inside[int(part)][0]]
            if not keys:
                break
            path, here = (*path, keys[0]), dict(inside)[keys[0]]
        else:
            if parts:
                return path
    return None
