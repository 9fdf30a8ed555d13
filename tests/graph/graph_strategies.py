"""Random layered graphs for Hypothesis: odd labels, every layout and dtype."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from hypothesis import strategies as st

from netgraph.graph.graph import Block, Graph, Layer

ODD = [
    "NA",
    "",
    'a "quoted" one',
    "two\nlines",
    "\r\n",
    "é😀",
    "</script>",
    "a,b",
    " space ",
    "null",
    "NaN",
    "'",
    "#",
    "1",
]
LABELS = [
    "a\0b",
    "end\0",
    "\x1b[0m",
    "half \ud83d",
    "two\r\nlines",
    "old\rmac",
    "tab\there",
    "line\u2028",
    "\x85",
    None,
]
"""Text that some file cannot hold as it is, and none at all."""
odd_text = st.one_of(st.sampled_from(ODD), st.text(st.characters(exclude_categories=["Cs"]), max_size=6))
layer_names = st.text(st.sampled_from("abcABC._#,\"' é\n"), max_size=4).map(lambda tail: "L" + tail)
dtypes = st.sampled_from([np.float32, np.float64, np.float16])


def _floats(dtype: Any) -> st.SearchStrategy[float]:
    width = np.dtype(dtype).itemsize * 8
    return st.floats(allow_nan=False, allow_infinity=False, width=width)


@st.composite
def matrices(draw: st.DrawFn, rows: int, columns: int, dtype: Any) -> np.ndarray:
    cells = draw(st.lists(st.one_of(st.just(0.0), _floats(dtype)), min_size=rows * columns, max_size=rows * columns))
    return np.array(cells, dtype=dtype).reshape(rows, columns)


@st.composite
def blocks(draw: st.DrawFn, source: Layer, target: Layer) -> Block:
    shape = (target.size, source.size)
    weight: Any = draw(matrices(*shape, draw(dtypes)))
    names = draw(st.lists(st.sampled_from(["attribution", "contribution", "tap sum"]), unique=True))
    values: dict[str, Any] = {name: draw(matrices(*shape, draw(dtypes))) for name in names}
    if draw(st.booleans()):
        stored = draw(st.lists(st.booleans(), min_size=weight.size, max_size=weight.size))
        places = sp.csr_array(np.array(stored, dtype=np.int8).reshape(shape))
        rows = np.repeat(np.arange(shape[0]), np.diff(places.indptr))

        def beside(dense: np.ndarray) -> Any:
            return sp.csr_array((dense[rows, places.indices], places.indices, places.indptr), shape=shape)

        weight, values = beside(weight), {name: beside(value) for name, value in values.items()}
    gate = draw(st.none() | st.just(np.linspace(-1, 1, source.size, dtype=np.float32)))
    constant = draw(st.none() | st.just(np.full(source.size, 0.1)))
    kind = draw(st.sampled_from(["linear", "conv", "skip, or not", "bias"]))
    return Block(source.name, target.name, kind, weight, values, gate, constant)


@st.composite
def layered_graphs(draw: st.DrawFn, max_layers: int = 4) -> Graph:
    names = draw(st.lists(layer_names, min_size=1, max_size=max_layers, unique_by=str))
    layers, start = [], 0
    for name in names:
        grid = draw(st.sampled_from([(1,), (3,), (2, 2), (1, 2, 2), (2, 1, 1, 2)]))
        size = int(np.prod(grid))
        shape = draw(st.sampled_from([grid, (size,), (size, 4, 4)]))
        layers.append(Layer(name, name, draw(st.sampled_from(["input", "conv"])), shape, start, size, None, grid))
        start += size
    pairs = [(a, b) for i, a in enumerate(layers) for b in layers[i + 1 :]]
    chosen = [draw(blocks(*pair)) for pair in pairs if draw(st.booleans())]
    columns: dict[str, Any] = {}
    if draw(st.booleans()):
        columns["label"] = np.array(draw(st.lists(st.none() | odd_text, min_size=start, max_size=start)), dtype=object)
    if draw(st.booleans()):
        columns["bias"] = np.linspace(-1, 1, start, dtype=np.float32)
    if draw(st.booleans()):
        columns["module"] = np.arange(start) % 3
        columns["dead"] = np.arange(start) % 2 == 0
        columns["closeness"] = np.where(np.arange(start) % 2, np.nan, 0.1)
    meta = {"granularity": "unit", "seed": 0, "errors": {"forward": 1e-16, "weight": float("nan")}, "shape": (1, 28)}
    return Graph(tuple(layers), tuple(chosen), columns, meta)
