"""What a circuit is a circuit *for*: a number per input, and the inputs that it is about."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from reprlib import repr as in_short
from typing import Any

import numpy as np
import numpy.typing as npt

from netgraph.analysis.circuits.protocol import Outputs
from netgraph.errors import AnalysisError

ACCEPTED = (
    'a class number c, ("logit", c), ("centred", c), a pair of classes (a, b), "label", "prediction", a class per '
    "input, a vertex id, a function of the outputs, or None for a single output"
)


@dataclass(frozen=True)
class Target:
    """A resolved target.

    Attributes
    ----------
    name : in words.
    number : the class that is aimed at, or None.
    asked : what ``net.graph(target=…)`` and ``net.masked_runs(…).run(…, target)`` take for it; a class per input stands
        for all inputs.
    rows : numbers of the inputs that the circuit is for.
    classes : (inputs,) the class that each input ought to be called; None where the outputs are no classes.
    output : which output vertex stands for it; None where several do.
    vertex : the id of a vertex that is no output, or None.
    about_all : all inputs count alike: a vertex, or a function of the outputs.
    """

    name: str
    number: int | None
    asked: Any
    rows: npt.NDArray[np.int64]
    classes: npt.NDArray[Any] | None
    output: int | None = None
    vertex: str | None = None
    about_all: bool = False

    def of(self, rows: npt.NDArray[np.int64]) -> Any:
        """``asked`` of some of the inputs."""
        if isinstance(self.asked, tuple) and isinstance(self.asked[1], np.ndarray):
            return (self.asked[0], self.asked[1][rows])
        return self.asked


def resolve(target: Any, logits: Outputs, labels: Any = None) -> Target:
    """The metric of a target, and the inputs that it is for: those labelled (or called) its class, otherwise all.

    A class number means its *centred* logit: the logit minus the mean of the others. A raw logit judged on its own
    class alone misleads: it can be kept in full while other inputs are called that class too.
    """
    if logits.ndim != 2:
        raise AnalysisError(
            f"the network's outputs have shape {logits.shape}, and a circuit is judged by (inputs, classes): trace a "
            "model that gives one row an input, such as its output at one position"
        )
    count, outputs = logits.shape
    called = logits.argmax(axis=1)
    if hasattr(target, "item") and np.ndim(target) == 0:
        target = target.item()
    classes = (called if labels is None else class_array(labels, count, outputs)) if outputs > 1 else None
    every = np.arange(count)
    if callable(target):
        name = getattr(target, "__name__", "a function of the outputs")
        return Target(name, None, target, every, classes, about_all=True)
    if isinstance(target, str) and ":" in target:
        return Target(target, None, target, every, classes, vertex=target, about_all=True)
    if isinstance(target, str) or of_each(target):
        return _of_each(target, outputs, called, classes, labels, count)
    if target is None:
        if outputs != 1:
            raise AnalysisError(
                f"the network has {outputs} outputs: say which one the circuit is for, target={ACCEPTED}"
            )
        return Target("the output", None, 0, every, None, 0)
    if _is_class(target) or (isinstance(target, tuple) and len(target) == 2 and _is_class(target[1])):
        how, number = target if isinstance(target, tuple) else ("centred", target)
        second = _class(number, outputs)
        about = every if classes is None else _members(second, classes, labels)
        if outputs == 1 and how in ("centred", "logit"):
            return Target("the output", None, second, every, None, second)
        if how == "logit":
            return Target(f"logit {second}", second, second, about, classes, second)
        if how == "centred":
            return Target(f"centred logit {second}", second, ("centred", second), about, classes, second)
        if _is_class(how):
            first = _class(how, outputs)
            if first == second:
                raise AnalysisError(f"target={target}: a logit minus itself is 0; expected two classes, (a, b)")
            name = f"logit {first} minus logit {second}"
            about = every if classes is None else _members(first, classes, labels)
            return Target(name, first, (first, second), about, classes, first)
    raise AnalysisError(f"target={in_short(target)} is none that a circuit can be judged by; expected {ACCEPTED}")


def of_each(target: Any) -> bool:
    """Whether a target lists a class for each input."""
    if isinstance(target, tuple):
        return len(target) == 2 and isinstance(target[0], str) and target[0] == "centred" and of_each(target[1])
    return not isinstance(target, str) and hasattr(target, "__len__") and np.ndim(target) == 1


def _of_each(target: Any, outputs: int, called: npt.NDArray[Any], classes: Any, labels: Any, count: int) -> Target:
    """Every input its own class."""
    if isinstance(target, tuple):
        target = target[1]
    if outputs < 2:
        raise AnalysisError(f"target={in_short(target)} is a class per input, and the network has a single output")
    if isinstance(target, str):
        if target not in ("label", "prediction"):
            raise AnalysisError(f"target={target!r} is none that a circuit can be judged by; expected {ACCEPTED}")
        if target == "label" and labels is None:
            raise AnalysisError("target='label' needs a label for each input: pass labels=")
        own, name = (classes, "the label's logit") if target == "label" else (called, "the prediction's logit")
    else:
        own = class_array(target, count, outputs, "the classes of target=")
        name = "the logit of a class per input"
    return Target(f"{name}, centred", None, ("centred", own.astype(np.int64)), np.arange(count), classes)


def _members(number: int, classes: npt.NDArray[Any], labels: Any) -> npt.NDArray[np.int64]:
    found = np.flatnonzero(classes == number)
    if len(found) == 0:
        what = "has the label" if labels is not None else "is called"
        raise AnalysisError(
            f"none of the {len(classes)} inputs {what} {number}: a circuit for that class needs at least one"
        )
    return found


def _is_class(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _class(value: Any, outputs: int) -> int:
    if not 0 <= int(value) < outputs:
        raise AnalysisError(f"class {value} does not exist: the network has outputs 0 … {outputs - 1}")
    return int(value)


def label_array(labels: Any, count: int, what: str = "labels") -> npt.NDArray[Any]:
    """Labels as an array, checked against the number of inputs."""
    array = np.asarray(labels)
    if array.shape != (count,):
        raise AnalysisError(f"{what} have shape {array.shape}, the inputs need ({count},): one class number per input")
    if array.dtype.kind not in "biuf" or not bool(np.equal(np.mod(array, 1), 0).all()):
        raise AnalysisError(f"{what} are {array.dtype}: expected whole class numbers, one per input")
    return array


def class_array(labels: Any, count: int, outputs: int, what: str = "labels") -> npt.NDArray[np.int64]:
    """(count,) labels that are classes of the network."""
    array = label_array(labels, count, what)
    outside = array[(array < 0) | (array >= outputs)]
    if len(outside):
        raise AnalysisError(
            f"{what} hold {int(outside[0])}, which is no class: the network has outputs 0 … {outputs - 1}, and classes "
            "count from 0"
        )
    return array.astype(np.int64)


def traced(net: Any) -> None:
    """Whether a network can be run with its edges cut: a model alone cannot.

    Raises
    ------
    AnalysisError : a torch model, a graph, or anything else.
    """
    if not callable(getattr(net, "masked_runs", None)):
        raise AnalysisError(
            f"net is a {type(net).__name__}: expected a network that was traced, net = ng.trace(model, inputs[:1]), or "
            "loaded with ng.load_network"
        )


def held(inputs: Any, what: str = "inputs") -> None:
    """Whether inputs are there at once: a loader gives them a batch at a time.

    Raises
    ------
    AnalysisError : a loader or another data set; nothing that holds numbers.
    """
    if hasattr(inputs, "shape") or isinstance(inputs, (dict, tuple, list)):
        return
    if hasattr(inputs, "__getitem__") or hasattr(inputs, "__iter__"):
        raise AnalysisError(
            f"{what} are a {type(inputs).__name__}: edge sets are run on all inputs again and again, so collect them "
            "first, inputs, labels = (torch.cat(parts) for parts in zip(*loader))"
        )
    raise AnalysisError(f"{what} are a {type(inputs).__name__}: expected a tensor or an array, or several of them")


def paired(corrupted: Any, count: int) -> bool:
    """Whether inputs of the user's own are the counterfactuals, one for each of ``count``.

    Raises
    ------
    AnalysisError : too few, too many, or none at all.
    """
    if isinstance(corrupted, str):
        return False
    held(corrupted, 'corrupted= is no word ("mean", "zero", "resample"), and its counterfactuals')
    parts = list(corrupted.values()) if isinstance(corrupted, dict) else corrupted
    several = isinstance(parts, (tuple, list)) and all(hasattr(part, "shape") for part in parts)
    found = len(parts[0]) if several else len(parts)
    if found != count:
        raise AnalysisError(
            f"corrupted= holds {found} inputs for {count}: pass a counterfactual for each, in their order"
        )
    return True


def take(inputs: Any, rows: npt.NDArray[np.int64], count: int) -> Any:
    """Some of the inputs: of an array, a tensor, nested lists of numbers, or a tuple of arrays or tensors."""
    held(inputs)
    if len(rows) == count and np.array_equal(rows, np.arange(count)):
        return inputs
    if isinstance(inputs, dict):
        return {name: part[rows] for name, part in inputs.items()}
    if isinstance(inputs, (tuple, list)):
        several = all(hasattr(part, "shape") for part in inputs)
        return type(inputs)(part[rows] for part in inputs) if several else np.asarray(inputs)[rows]
    return inputs[rows]
