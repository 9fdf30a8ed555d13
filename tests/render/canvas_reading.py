"""Reads a page's data back with numpy alone, as the viewer's contract has it: a referee for what Python wrote."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import numpy as np

import netgraph as ng

Array = np.ndarray[Any, Any]

ROUNDING = 2.0**-11
"""Relative error of a float16."""


def numbers(data: str, dtype: str) -> Array:
    return np.frombuffer(base64.b64decode(data), dtype=dtype)


def half(data: dict[str, Any]) -> Array:
    return numbers(data["data"], "<f2").astype(np.float64) * data["scale"]


def data_of(view: ng.View) -> dict[str, Any]:
    found = re.findall(r'<script type="application/json" id="data">(.*?)</script>', view.html, re.S)
    assert len(found) == 1
    read: dict[str, Any] = json.loads(found[0])
    return read


class Page:
    """The decoded data: weights as matrices, samples as arrays."""

    def __init__(self, view: ng.View) -> None:
        self.data = data_of(view)
        self.layers, self.blocks, self.samples = (self.data[name] for name in ("layers", "blocks", "samples"))
        self.count: int = self.data["count"]

    def places(self, block: dict[str, Any]) -> tuple[Array, Array]:
        """(row, column) of each stored entry."""
        if block["layout"] == "dense":
            rows, columns = np.divmod(np.arange(block["rows"] * block["cols"]), block["cols"])
            return rows, columns
        indptr = numbers(block["indptr"], "<u4").astype(np.int64)
        rows = np.repeat(np.arange(block["rows"]), np.diff(indptr))
        return rows, numbers(block["indices"], "<u4").astype(np.int64)

    def matrix(self, block: dict[str, Any], values: Array | None = None) -> Array:
        """The stored entries as a dense matrix."""
        out = np.zeros((block["rows"], block["cols"]))
        out[self.places(block)] = half(block["weight"]) if values is None else values
        return out

    def span(self, number: int) -> slice:
        layer = self.layers[number]
        return slice(layer["start"], layer["start"] + layer["size"])

    def weights(self, sample: dict[str, Any]) -> list[Array]:
        own = sample["weights"] or [None] * len(self.blocks)
        return [self.matrix(b, None if w is None else half(w)) for b, w in zip(self.blocks, own, strict=True)]

    def column(self, sample: dict[str, Any], name: str, number: int, usual: float) -> Array:
        given = sample[name][number]
        return np.full(self.blocks[number]["cols"], usual) if given is None else numbers(given, "<f4").astype(float)

    def vertex(self, data: str | None) -> Array:
        return np.zeros(self.count) if data is None else numbers(data, "<f4").astype(float)


class Computed:
    """The flows of one sample to one class, from the page's data alone."""

    def __init__(self, page: Page, number: int, target: int) -> None:
        sample = page.samples[number]
        self.z, self.bias = page.vertex(sample["preactivation"]), page.vertex(sample["bias"])
        weights, count = page.weights(sample), len(page.blocks)
        gates = [page.column(sample, "gates", b, 1.0) for b in range(count)]
        self.constants = [page.column(sample, "constants", b, 0.0) for b in range(count)]
        source = [page.span(block["source"]) for block in page.blocks]
        into = [page.span(block["target"]) for block in page.blocks]
        reads = [gates[b] * self.z[source[b]] + self.constants[b] for b in range(count)]
        delta = np.zeros(page.count)
        last = page.span(page.data["output"])
        delta[last.start + target] = 1
        for layer in reversed(range(len(page.layers))):
            for b, block in enumerate(page.blocks):
                if block["target"] == layer:
                    delta[source[b]] += gates[b] * (weights[b].T @ delta[into[b]])
        self.delta = delta
        self.edges = [weights[b] * reads[b][None, :] * delta[into[b]][:, None] for b in range(count)]
        self.contributions = [weights[b] * reads[b][None, :] for b in range(count)]
        inflow, fed = np.zeros(page.count), np.zeros(page.count, dtype=bool)
        for b in range(count):
            inflow[into[b]] += self.edges[b].sum(1)
            fed[into[b]] = True
        self.value = float(self.z[last.start + target])
        self.gap = np.where(fed, inflow + self.bias * delta - self.z * delta, 0)
        shifts = sum(float((weights[b] @ self.constants[b]) @ delta[into[b]]) for b in range(count))
        self.total = float((self.z * delta)[~fed].sum() + (self.bias * delta)[fed].sum() + shifts)
        self.largest = max(float(np.abs(self.z * delta).max()), *(float(np.abs(e).max()) for e in self.edges))


def frame_values(page: Page, block: dict[str, Any], frame: dict[str, Any]) -> Array:
    """A frame's values of one block, by stored entry; those that were not kept are 0."""
    if frame["at"] is None:
        return half(frame["value"])
    out = np.zeros(block["stored"])
    out[numbers(frame["at"], "<u4")] = half(frame["value"])
    return out
