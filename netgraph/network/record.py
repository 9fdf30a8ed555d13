"""Runs a model once and keeps a tape of its ATen operations.

The recorder is a ``TorchDispatchMode``: it sits below autograd and sees every operation whatever way the model was
written. In-place operations become their functional counterparts; each storage has one base slot, and a view of a
written storage is read again from it. Recording costs about one forward pass.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch.nn.modules import module as torch_module
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from netgraph.errors import NetgraphError, UnsupportedOperation
from netgraph.network import trees
from netgraph.network.complaints import explain
from netgraph.network.elements import positions, put_elements, take_elements
from netgraph.network.looking import DETOURS, Looking
from netgraph.network.output import Output, choose
from netgraph.network.parameters import parameters
from netgraph.network.tape import Call, Slot, Tape
from netgraph.network.trees import Path as TreePath
from netgraph.network.undisturbed import undisturbed

_OWN = (str(Path(torch.__file__).parent), str(Path(__file__).parent))
_SHAPES = {
    "zeros_like": 0, "empty_like": 0, "new_zeros": 0, "new_empty": 0, "ones_like": 1, "new_ones": 1, "full_like": None,
    "new_full": None, "new_empty_strided": 0,
}  # fmt: skip
"""Operations that take nothing but the shape of a tensor, and what they fill it with (None: their last argument)."""
_RENAMED: dict[str, tuple[Any, str, int]] = {"_convolution": (torch.ops.aten.convolution.default, "convolution", 9)}
"""Operations of frozen and scripted models: (what plays them, name, how many of the arguments matter)."""
_COUNTED = ("_pack_padded_sequence", "_pad_packed_sequence")
"""Operations on (values, lengths) that give back (values, counts)."""
_UNINITIALISED = {"empty": "zeros", "empty_like": "zeros_like", "new_empty": "new_zeros"}


def record(
    model: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any] | None = None,
    inputs: Sequence[TreePath] | None = None,
    output: Any = None,
    expected: Sequence[tuple[int, ...]] = (),
) -> Tape:
    """Run ``model(*args, **kwargs)`` once, in evaluation mode and without gradients, and return its tape.

    The model is left as it was: mode of every module, parameters and buffers (a forward pass that writes to them is
    undone), gradients, hooks, and the random states of torch, numpy and Python.

    Parameters
    ----------
    args, kwargs : tensors in any containers, and options.
    inputs : paths in ``(args, kwargs)`` of the tensors that are inputs (default: all); the others are constants.
    output : which output targets refer to; see :func:`netgraph.trace`.
    expected : shapes of one input each, for the mend in an error.

    Raises
    ------
    InputError : the model complained about the shape of the input.
    UnknownName : there is no such output.
    RecordError : the model raised another error of its own.
    UnsupportedOperation : it used an operation that cannot be put on a tape.
    """
    given = (args, dict(kwargs or {}))
    own = {path: t.detach().clone() for path, t in trees.tensors(given)}  # the model may write to them
    args, kwargs = trees.replace(given, own)
    chosen = [own[path] for path in (own if inputs is None else inputs)]
    floats = [t for t in chosen if t.is_floating_point()]
    tape = Tape(dtype=floats[0].dtype if floats else _dtype(model))
    recorder = Recorder(tape, model)
    for tensor in chosen:
        tape.inputs.append(recorder.adopt(tensor))
    with undisturbed(model, tell=True), recorder.watching():
        try:
            with Looking(recorder.seen), recorder:
                made = model(*args, **kwargs)
        except NetgraphError:
            raise
        except Exception as error:
            raise explain(error, recorder, chosen, expected) from error
        finally:
            recorder.restore()
    tape.output = recorder.finish(made)
    tape.chosen = choose(tape, output)
    return tape


def _dtype(model: Callable[..., Any]) -> torch.dtype:
    """What a model computes in, where its inputs are whole numbers."""
    floats = (p.dtype for p in parameters(model).values() if p.is_floating_point())
    return next(floats, torch.get_default_dtype())


@dataclass
class _Storage:
    """One piece of memory: the tensor that was met first is its base; the slot holds the base's newest value."""

    base: torch.Tensor
    slot: int
    version: int = 0
    borrowed: bool = False  # it existed before the recording
    original: torch.Tensor | None = None


class Recorder(TorchDispatchMode):
    """Sees every operation that runs inside ``with recorder:`` and puts it on the tape."""

    def __init__(self, tape: Tape, model: Callable[..., Any]) -> None:
        TorchDispatchMode.__init__(self)
        self.tape = tape
        self._before: torch.Tensor | None = None  # what an in-place operation is about to overwrite
        self._known: dict[int, tuple[torch.Tensor, int, int]] = {}  # id -> tensor (kept alive), slot, version
        self._storages: dict[int, _Storage] = {}
        self._stack: list[str] = [""]
        self.module = ""
        self.needs: dict[str, tuple[str, int]] = {}
        self._names: dict[tuple[int, tuple[int, ...]], str] = {}
        self._module_names: dict[int, str] = {}
        if isinstance(model, torch.nn.Module):
            for name, module in model.named_modules():
                self._module_names[id(module)] = name
                tape.modules[name] = type(module).__name__
                for tensor in (*module.parameters(recurse=False), *module.buffers(recurse=False)):
                    tape.owners.setdefault(name, set()).add(tensor.untyped_storage().data_ptr())
                expects = getattr(module, "in_channels", getattr(module, "in_features", None))
                if expects is not None:
                    what = "channels" if hasattr(module, "in_channels") else "features"
                    self.needs[name] = (f"It expects {expects} input {what}. ", expects)
            for name, tensor in (*model.named_parameters(), *model.named_buffers()):
                self._names.setdefault((tensor.data_ptr(), tuple(tensor.shape)), name)

    # -- which module is running ---------------------------------------------------------------------

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Follows which module runs, by hooks that are gone afterwards."""

        def enter(module: torch.nn.Module, _: Any) -> None:
            self._stack.append(self._module_names.get(id(module), self._stack[-1]))
            self.module = self._stack[-1]

        def leave(module: torch.nn.Module, _: Any, __: Any) -> None:
            self._stack.pop()

        handles = [
            torch_module.register_module_forward_pre_hook(enter),
            torch_module.register_module_forward_hook(leave),
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    # -- tensors and slots ---------------------------------------------------------------------------

    def adopt(self, tensor: torch.Tensor) -> int:
        """Give a tensor a slot of its own."""
        slot = self.tape.new_slot(tensor)
        key = _key(tensor)
        storage = self._storages.setdefault(key, _Storage(tensor, slot))
        self._known[id(tensor)] = (tensor, slot, storage.version)
        return slot

    def _constant(self, tensor: torch.Tensor) -> int:
        fresh = _key(tensor) not in self._storages
        slot = self.adopt(tensor)
        self._storages[_key(tensor)].borrowed |= fresh
        self.tape.constants[slot] = tensor.detach()
        name = self._names.get((tensor.data_ptr(), tuple(tensor.shape)))
        if name is not None:
            self.tape.names[slot] = name
        return slot

    def _read(self, tensor: torch.Tensor) -> Slot:
        storage = self._storages.get(_key(tensor))
        if id(tensor) not in self._known:
            if storage is None or (storage.borrowed and storage.version == 0):
                return Slot(self._constant(tensor))
            self._known[id(tensor)] = (tensor, -1, -1)
        _, slot, version = self._known[id(tensor)]
        assert storage is not None
        if version != storage.version:
            slot = self._window(storage, tensor)
            self._known[id(tensor)] = (tensor, slot, storage.version)
        return Slot(slot)

    def _window(self, storage: _Storage, tensor: torch.Tensor) -> int:
        if _geometry(tensor) == _geometry(storage.base):
            return storage.slot
        places = self._places(storage, tensor)
        return self._emit(take_elements, "take_elements", (Slot(storage.slot), places), {}, [tensor])[0] or 0

    def _places(self, storage: _Storage, tensor: torch.Tensor) -> torch.Tensor:
        places = positions(storage.base, *_geometry(tensor))
        if places is None:
            raise UnsupportedOperation(
                f"a write through a view that reaches beyond the tensor it was made from ({self._where()}): "
                "build the tensor with torch.cat or torch.stack instead"
            )
        return places

    def _write(self, tensor: torch.Tensor, slot: int) -> None:
        storage = self._storages[_key(tensor)]
        if storage.version == 0 and storage.borrowed:
            storage.original = self._before
        if _geometry(tensor) == _geometry(storage.base):
            storage.slot = slot
        else:
            args = (Slot(storage.slot), self._places(storage, tensor), Slot(slot))
            storage.slot = self._emit(put_elements, "put_elements", args, {}, [storage.base])[0] or 0
        storage.version += 1
        self._known[id(tensor)] = (tensor, slot, storage.version)

    def restore(self) -> None:
        """Undo what the forward pass wrote into tensors that it did not make itself."""
        for storage in self._storages.values():
            if storage.original is not None:
                storage.base.copy_(storage.original)

    # -- calls ---------------------------------------------------------------------------------------

    def _where(self) -> str:
        """ "file:line" of the innermost line that is neither torch's nor this room's."""
        frame: FrameType | None = sys._getframe(2)
        while frame is not None:
            name = frame.f_code.co_filename
            if not name.startswith(_OWN) and not name.startswith("<"):
                return f"{Path(name).name}:{frame.f_lineno}"
            frame = frame.f_back
        return ""

    def _emit(
        self, op: Callable[..., Any], name: str, args: Any, kwargs: Any, outputs: list[Any], random: bool = False
    ) -> tuple[int | None, ...]:
        slots = tuple(self.tape.new_slot(o) if isinstance(o, torch.Tensor) else None for o in outputs)
        self.tape.calls.append(
            Call(
                len(self.tape.calls), op, name, tuple(args), dict(kwargs), slots, self._stack[-1], self._where(), random
            )
        )
        return slots

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        schema = func._schema
        name = schema.name.removeprefix("aten::")  # another library's keeps its prefix
        self.module = self._stack[-1]
        slots = pytree.tree_map_only(torch.Tensor, self._read, (args, kwargs))
        composite = torch._C.DispatchKey.CompositeImplicitAutograd
        if torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), composite):  # whole inside inference_mode
            with self:
                return func._op_dk(composite, *args, **kwargs)
        writes = [a for a in schema.arguments if a.alias_info is not None and a.alias_info.is_write]
        if name == "as_strided_":
            return self._restride(func, args, kwargs, slots[0][0])
        if writes and not _asleep(name, args, kwargs):
            return self._inplace(func, name, writes, args, kwargs, slots)
        out = func(*args, **kwargs)
        if name in {"_local_scalar_dense", "equal"}:
            self._look(slots)
        outputs = list(out) if isinstance(out, (tuple, list)) else [out]
        random = torch.Tag.nondeterministic_seeded in func.tags and not _asleep(name, args, kwargs)
        op = getattr(torch.ops.aten, _UNINITIALISED[name]) if name in _UNINITIALISED else func
        call_args, call_kwargs = slots
        if name in _SHAPES:
            value = _SHAPES[name] if _SHAPES[name] is not None else args[-1]
            op, name, call_args = torch.ops.aten.full, "full", (list(out.shape), value)
            call_kwargs = {"dtype": out.dtype, "device": out.device}
        if name in _RENAMED:
            op, name, kept = _RENAMED[name]
            call_args = call_args[:kept]
        if name == "as_strided":
            op, name, call_args = self._strided(args[0], out, call_args[0])
            call_kwargs = {}
        if name in _COUNTED and not self._depends(call_args[1]):  # counts follow from the lengths, not from the values
            self._constant(outputs[1])
            outputs[1] = None
        made = self._emit(op, name, call_args, call_kwargs, outputs, random)
        for tensor, slot in zip(outputs, made, strict=True):
            if slot is None:
                continue
            if random:
                self.tape.constants[slot] = tensor.detach()
            storage = self._storages.setdefault(_key(tensor), _Storage(tensor, slot))
            self._known[id(tensor)] = (tensor, slot, storage.version)
        return out

    def _strided(self, tensor: torch.Tensor, out: torch.Tensor, slot: Slot) -> tuple[Callable[..., Any], str, Any]:
        """A view by strides, as the places of its elements: strides mean nothing for vertex numbers."""
        places = positions(tensor, *_geometry(out))
        if places is None:
            raise UnsupportedOperation(
                f"aten::as_strided reaches beyond its tensor (module {self._stack[-1]!r}, {self._where()}): "
                "index it instead"
            )
        if torch.equal(places.reshape(-1), torch.arange(tensor.numel())):
            return torch.ops.aten.reshape, "reshape", (slot, list(out.shape))
        return take_elements, "take_elements", (slot, places)

    def _restride(self, func: Any, args: Any, kwargs: Any, slot: Slot) -> Any:
        """A tensor that becomes another view of its own memory."""
        tensor = args[0]
        before = tensor.detach()
        storage = self._storages[_key(tensor)]
        if storage.base is tensor:
            storage.base = before
        out = func(*args, **kwargs)
        op, name, call_args = self._strided(before, tensor, slot)
        made = self._emit(op, name, call_args, {}, [tensor])[0]
        assert made is not None
        self._known[id(tensor)] = (tensor, made, storage.version)
        return out

    def _inplace(self, func: Any, name: str, writes: list[Any], args: Any, kwargs: Any, slots: Any) -> Any:
        """Record the functional counterpart, then let every alias see the new value."""
        order = {a.name: i for i, a in enumerate(func._schema.arguments)}
        targets = [args[order[w.name]] if order[w.name] < len(args) else kwargs.get(w.name) for w in writes]
        targets = [t for t in targets if isinstance(t, torch.Tensor)]
        base = name[:-1] if name.endswith("_") else name
        packet = getattr(torch.ops.aten, {"_index_put_impl": "index_put"}.get(base, base), None)
        for target in targets:
            storage = self._storages[_key(target)]
            self._before = storage.base.detach().clone() if storage.borrowed and storage.version == 0 else None
        out = func(*args, **kwargs)
        call_args, call_kwargs = slots
        call_kwargs = {k: v for k, v in call_kwargs.items() if k not in {w.name for w in writes}}
        random = torch.Tag.nondeterministic_seeded in func.tags
        if packet is None or (len(targets) != 1 and not random):
            raise UnsupportedOperation(
                f"{schema_name(func)} writes in place in a way that cannot be recorded (module {self._stack[-1]!r}, "
                f"{self._where()}): use an operation that returns a new tensor"
            )
        for target in targets:
            slot = self._emit(packet, base, call_args, call_kwargs, [target], random)[0]
            assert slot is not None
            if random:
                self.tape.constants[slot] = target.detach().clone()
            self._write(target, slot)
        return out

    def seen(self, tensor: torch.Tensor, how: str) -> None:
        """A method that hands values to Python without an operation was called."""
        before = len(self.tape.branches)
        self._look(self._read(tensor))
        if how in DETOURS:
            self.tape.detours.update(self.tape.branches[before:])

    def _look(self, slots: Any) -> None:
        """The model's Python code asks for a value: what follows may hold for this input alone."""
        leaves = pytree.tree_leaves(slots, is_leaf=lambda x: isinstance(x, Slot))
        read = [s for s in leaves if isinstance(s, Slot)]
        if any(self._depends(slot) for slot in read):
            self.tape.branches.append(self._where())

    def _depends(self, slot: Slot) -> bool:
        """Whether a slot depends on the input, as far as the tape goes."""
        self.tape.forget()
        found = slot.index in self.tape.dependent
        self.tape.forget()
        return found

    def finish(self, output: Any) -> Output:
        """The output, and where its tensors stand on the tape."""
        slots = tuple((path, self._read(t).index) for path, t in trees.tensors(output))
        self.tape.forget()
        return Output(output, slots)


def _asleep(name: str, args: Any, kwargs: Any) -> bool:
    """Dropout outside training draws nothing."""
    if name.startswith("rrelu"):
        return not next((a for a in args if isinstance(a, bool)), kwargs.get("training", False))
    if name == "native_dropout":
        return not (args[2] if len(args) > 2 else kwargs.get("train", True))
    return name.startswith("_scaled_dot_product")


def schema_name(func: Any) -> str:
    """An operation with its library: "aten::relu_"."""
    name: str = func._schema.name
    return name


def _key(tensor: torch.Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _geometry(tensor: torch.Tensor) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    return tuple(tensor.shape), tuple(tensor.stride()), int(tensor.storage_offset())
