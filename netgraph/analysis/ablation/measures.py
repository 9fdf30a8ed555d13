"""What a lesion costs: accuracy and loss, of all inputs and of each class; without classes, how far outputs move."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax

from netgraph.analysis.circuits.protocol import Outputs
from netgraph.analysis.circuits.targets import class_array
from netgraph.errors import AnalysisError

Array = npt.NDArray[Any]

CLASSES: tuple[str, ...] = ("accuracy_drop", "loss_rise")
"""Measured where outputs are classes."""
SINGLE: tuple[str, ...] = ("deviation",)
"""Measured of a single output."""


class Scale:
    """The network as it is, for lesions to be measured against.

    Parameters
    ----------
    full : (inputs, outputs) logits of the whole network.
    labels : (inputs,) class numbers, or None: what the whole network calls the inputs.

    Attributes
    ----------
    measures : names of what is measured.
    classes : (classes,) those that the inputs have; empty for a single output.
    noise : for each measure, differences of this size are rounding.
    whole : accuracy and loss of the network as it is.
    """

    def __init__(self, full: Outputs, labels: Any = None) -> None:
        if full.ndim != 2:
            raise AnalysisError(
                f"the network's outputs have shape {full.shape}, and lesions are measured by (inputs, classes): trace "
                "a model that gives one row an input, such as its output at one position"
            )
        self._full = full.astype(np.float64)
        rounding = 8 * float(np.finfo(full.dtype).eps)
        if full.shape[1] == 1:
            if labels is not None:
                raise AnalysisError(
                    "labels= are classes, and the network has a single output: leave them out; what is measured is "
                    "the squared deviation from the whole network's output"
                )
            self.measures, self.classes, self.whole = SINGLE, np.zeros(0, dtype=np.int64), {}
            self.noise = np.array([(rounding * float(np.abs(full).max(initial=0))) ** 2])
            return
        self._labels = full.argmax(axis=1) if labels is None else class_array(labels, *full.shape)
        self.measures = CLASSES
        self.classes, self._class = np.unique(self._labels, return_inverse=True)
        self.noise = np.array([1e-12, rounding * max(float(np.abs(full).max(initial=0)), 1.0)])
        self._right, self._loss = self._each(self._full)
        self.whole = {"accuracy": float(self._right.mean()), "loss": float(self._loss.mean())}

    def measure(self, logits: Outputs) -> tuple[Array, Array]:
        """((measures,) over all inputs, (measures, classes) over each class's)."""
        now = logits.astype(np.float64)
        if self.measures == SINGLE:
            return np.array([((now - self._full) ** 2).mean()]), np.zeros((1, 0))
        right, loss = self._each(now)
        each = np.stack([self._right - right, loss - self._loss])
        sizes = np.bincount(self._class)
        return each.mean(axis=1), np.stack([np.bincount(self._class, values) / sizes for values in each])

    def _each(self, logits: Array) -> tuple[Array, Array]:
        """(inputs,) whether each input is called what it is, and its cross entropy in nats."""
        right = (logits.argmax(axis=1) == self._labels).astype(np.float64)
        loss = -log_softmax(logits, axis=1)[np.arange(len(logits)), self._labels]
        return right, np.asarray(loss)
