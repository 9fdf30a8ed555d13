"""What a circuit is a circuit *for*: a number per input, read off the logits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt

from netgraph.analysis.circuits.protocol import Outputs
from netgraph.errors import AnalysisError

Vector = npt.NDArray[np.float64]
ACCEPTED = 'a class number c, ("logit", c), ("centred", c), a pair of classes (a, b), or None for a single output'


@dataclass(frozen=True)
class Target:
    """A resolved target.

    Attributes
    ----------
    name : in words.
    number : the class that is aimed at, or None.
    graph_target : what ``net.graph(target=…)`` takes for it.
    metric : logits (inputs, outputs) -> (inputs,).
    output : which output vertex stands for it.
    """

    name: str
    number: int | None
    graph_target: Any
    metric: Callable[[Outputs], Vector]
    output: int


def resolve(target: Any, outputs: int) -> Target:
    """The metric of a target. A class number means its *centred* logit: the logit minus the mean of the others.

    A raw logit judged on its own class alone misleads: it can be kept in full while other inputs are called that
    class too.
    """
    if target is None:
        if outputs != 1:
            raise AnalysisError(
                f"the network has {outputs} outputs: say which one the circuit is for, target={ACCEPTED}"
            )
        return Target("the output", None, None, lambda logits: _column(logits, 0), 0)
    if _is_class(target):
        if outputs == 1:
            number = _class(target, outputs)
            return Target("the output", None, number, lambda logits: _column(logits, number), number)
        return _centred(_class(target, outputs), outputs)
    if isinstance(target, tuple) and len(target) == 2 and _is_class(target[1]):
        second = _class(target[1], outputs)
        if target[0] == "logit":
            return Target(f"logit {second}", second, second, lambda logits: _column(logits, second), second)
        if target[0] == "centred" and outputs > 1:
            return _centred(second, outputs)
        if _is_class(target[0]):
            first = _class(target[0], outputs)
            return Target(
                f"logit {first} minus logit {second}",
                first,
                (first, second),
                lambda logits: _column(logits, first) - _column(logits, second),
                first,
            )
    raise AnalysisError(f"target={target!r} is none that a circuit can be judged by; expected {ACCEPTED}")


def _centred(number: int, outputs: int) -> Target:
    def metric(logits: Outputs) -> Vector:
        own = _column(logits, number)
        others: Vector = logits.sum(axis=1, dtype=np.float64) - own
        return np.asarray(own - others / (outputs - 1))

    return Target(f"centred logit {number}", number, ("centred", number), metric, number)


def _is_class(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _class(value: Any, outputs: int) -> int:
    if not 0 <= int(value) < outputs:
        raise AnalysisError(f"class {value} does not exist: the network has outputs 0 … {outputs - 1}")
    return int(value)


def _column(logits: Outputs, number: int) -> Vector:
    return np.asarray(logits[:, number], dtype=np.float64)


def of_interest(target: Target, labels: Any, count: int) -> npt.NDArray[np.int64]:
    """Numbers of the inputs that the circuit is for: those labelled with its class; without labels, all."""
    if labels is None or target.number is None:
        return np.arange(count)
    found = np.flatnonzero(label_array(labels, count) == target.number)
    if len(found) == 0:
        raise AnalysisError(
            f"none of the {count} inputs has the label {target.number}: a circuit for that class needs at least one"
        )
    return found


def label_array(labels: Any, count: int) -> npt.NDArray[Any]:
    """Labels as an array, checked against the number of inputs."""
    array = np.asarray(labels)
    if array.shape != (count,):
        raise AnalysisError(f"labels have shape {array.shape}, the inputs need ({count},): one class number per input")
    return array


def take(inputs: Any, rows: npt.NDArray[np.int64], count: int) -> Any:
    """Some of the inputs: of an array, a tensor, nested lists of numbers, or a tuple of arrays or tensors."""
    if len(rows) == count:
        return inputs
    if isinstance(inputs, (tuple, list)):
        several = all(hasattr(part, "shape") for part in inputs)
        return type(inputs)(part[rows] for part in inputs) if several else np.asarray(inputs)[rows]
    return inputs[rows]
