"""What a page says in words: title, summary, the share that is drawn, and where the graph came from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from netgraph.errors import RenderError, unknown
from netgraph.render.encode import text

if TYPE_CHECKING:
    from netgraph.graph.graph import Graph, Layer
    from netgraph.render.edges import Drawn


def number(value: float) -> str:
    """Three significant digits, with a true minus sign.

    >>> number(-0.012345), number(1234567), number(0)
    ('−0.0123', '1.23e+06', '0')
    """
    return f"{value:.3g}".replace("-", "−", 1) if value < 0 else f"{value:.3g}"


def percent(share: float) -> str:
    """A share as text, cut and not rounded: what is not everything never reads 100 %.

    >>> percent(1.0), percent(0.99999), percent(0.0312), percent(0.00004)
    ('100 %', '99.9 %', '3.1 %', '0.004 %')
    """
    if share >= 1:
        return "100 %"
    if share <= 0:
        return "0 %"
    scale = 10 ** max(1, -math.floor(math.log10(100 * share)))
    return f"{math.floor(100 * share * scale + 1e-9) / scale:g} %"


def title(graph: Graph) -> str:
    """The name that the graph carries, or its model's class and its layers' sizes."""
    if graph.meta.get("name"):
        return text(graph.meta["name"])
    sizes = [str(layer.size) for layer in graph.layers if layer.kind != "bias"]
    shape = "-".join(sizes) if 1 <= len(sizes) <= 8 else f"{len(sizes)} layers"
    model = text(graph.meta.get("model") or "network")
    return f"{'network' if model == 'Sequential' else model} {shape}"


def summary(graph: Graph) -> str:
    """How much of everything there is."""
    counts = [
        (graph.n, "vertex", "vertices"),
        (len(graph.edges), "edge", "edges"),
        (len(graph.layers), "layer", "layers"),
    ]
    return " · ".join(f"{n:,} {one if n == 1 else many}" for n, one, many in counts)


def shown(graph: Graph, drawn: Drawn, vertices: int) -> str:
    """Which part of the graph the picture holds, in one sentence."""
    m, total = len(drawn.source), drawn.total
    if total == 0:
        return "This graph has no edges."
    if m == total:
        said = "The only edge is drawn" if m == 1 else f"All {total:,} edges are drawn"
        said += f" (100 % of Σ|{drawn.column}|)"
    elif m == drawn.nonzero:
        said = f"Drawn are the {m:,} of {total:,} edges whose {drawn.column} is not 0 (100 % of Σ|{drawn.column}|)"
    else:
        said = f"The strongest {m:,} of {total:,} edges are drawn: {percent(drawn.share)} of Σ|{drawn.column}|"
    if vertices < graph.n:
        said += f"; of {graph.n:,} vertices the {vertices:,} that they touch"
    return said + "."


def heading(graph: Graph, layer: Layer) -> tuple[str, str]:
    """The two lines above a layer: its name (the end of a long one), and what the graph holds of it."""
    name = text(layer.name)
    if len(name) > 26:
        name = "…" + name[-25:]
    applied = f" · {text(layer.activation)}" if layer.activation else ""
    return name, _held(graph, layer) + applied


def _held(graph: Graph, layer: Layer) -> str:
    """How many channels or units of how many: a part of a graph, such as a circuit, does not hold them all."""
    positions = at_positions(graph, layer)
    channels = len(layer.shape) > 1 and not positions and layer.size <= layer.shape[0]
    whole = layer.size
    if graph.meta.get("granularity") in ("channel", "unit"):  # of tokens the channel axis, so the whole, is not known
        if positions or len(layer.shape) == 1:
            whole = math.prod(layer.shape)
        elif channels and layer.kind == "conv":
            whole = layer.shape[0]
    held = f"{layer.size:,} of {whole:,}" if layer.size < whole else f"{layer.size:,}"
    return f"{held} {'channel' if channels else 'unit'}{'' if max(layer.size, whole) == 1 else 's'}"


def at_positions(graph: Graph, layer: Layer) -> bool:
    """Whether a layer's vertices stand at positions (pixels, units of a feature map), also where few are left."""
    return layer.size > 0 and "," in text(graph.ids[layer.start]).rsplit(":", 1)[-1]


AGREEMENT = (
    (0.65, "another seed finds other modules: do not build on these"),
    (0.80, "other seeds find them in part"),
    (0.90, "other seeds find most of them again"),
    (math.inf, "other seeds find almost the same"),
)
"""Adjusted Rand index below which each holds: D. Steinley (2004), Properties of the Hubert-Arabie adjusted Rand
index."""


def modules(found: Any) -> dict[str, str]:
    """What was found and how far it can be relied on, for ``meta``: of Modules, whose room is not imported here.

    >>> from types import SimpleNamespace
    >>> settings = {"method": "layered", "runs": 10, "seed": 0}
    >>> found = SimpleNamespace(table=[0] * 4, quality=0.5, stability=0.7, settings=settings)
    >>> modules(found)["modules_verdict"]
    '4 modules (layered): quality 0.5, stability 0.7 over 10 runs: other seeds find them in part.'
    """
    settings, count = found.settings, len(found.table)
    runs, method = settings.get("runs", 1), text(settings.get("method", ""))
    said = f"{count:,} {'module' if count == 1 else 'modules'} ({method}): quality {number(found.quality)}"
    known = not math.isnan(found.stability)
    judged = next(words for bound, words in AGREEMENT if found.stability < bound) if known else ""
    stable = (
        f"stability {number(found.stability)} over {runs} runs: {judged}"
        if known
        else "stability unknown: one run has nothing to agree with"
    )
    return {
        "modules": f"{count:,}, method {method}, {runs} run{'' if runs == 1 else 's'}, seed {settings.get('seed')}",
        "modules_quality": number(found.quality),
        "modules_stability": number(found.stability) if known else "unknown",
        "modules_verdict": f"{said}, {stable}.",
    }


def vertex_texts(
    graph: Graph, labels: Mapping[str, object] | Sequence[object] | None
) -> tuple[list[str | None], list[str]]:
    """Labels that the caller gave (None where there is none), and the short text beside each vertex."""
    given: list[str | None] = _label_column(graph)
    ids = [text(i) for i in graph.ids]
    if isinstance(labels, Mapping):
        place = {vertex: k for k, vertex in enumerate(graph.ids)}
        for vertex, label in labels.items():
            if vertex not in place:
                raise unknown("vertex", vertex, place, " in labels")
            given[place[vertex]] = text(label)
    elif labels is not None:
        listed = [text(label) for label in labels]
        last = graph.layers[-1].size if graph.layers else 0
        if len(listed) not in (graph.n, last):
            raise RenderError(
                f"labels: got {len(listed)} texts, expected {graph.n} (one a vertex) or {last} (one a vertex of "
                "the last layer); a dict names single vertices by id"
            )
        given[graph.n - len(listed) :] = listed
    short = [label if label is not None else i.rsplit(":", 1)[-1] for i, label in zip(ids, given, strict=True)]
    return given, [s if len(s) <= 24 else s[:23] + "…" for s in short]


def _label_column(graph: Graph) -> list[str | None]:
    """The graph's own labels; a missing one (None, NaN, no text) is None."""
    labels = np.asarray(graph.columns.get("label", [None] * graph.n)).tolist()
    return [None if label is None or label != label or label == "" else text(label) for label in labels]


def about(graph: Graph) -> list[tuple[str, str]]:
    """What ``meta`` knows, a line each; a nested entry by its own name, or by its whole path where names repeat."""
    rows: list[tuple[tuple[str, ...], Any]] = []

    def walk(path: tuple[str, ...], value: Any) -> None:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                walk((*path, str(key)), inner)
        elif value is not None and path not in (("name",), ("modules_verdict",)):
            rows.append((path, value))

    walk((), graph.meta)
    last = [path[-1] for path, _ in rows]
    named = [(path[-1] if last.count(path[-1]) == 1 else " · ".join(path), value) for path, value in rows]
    return [(text(name).replace("_", " "), _line(value)) for name, value in named[:40]]


def _line(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (float, np.floating)):
        return number(float(value))
    if isinstance(value, (list, tuple)) and all(isinstance(v, (int, np.integer)) for v in value):
        return " × ".join(str(v) for v in value)
    if isinstance(value, (list, tuple)):  # a target such as ["centred", 3]
        value = " ".join(_line(v) for v in value)
    line = text(value)
    return line if len(line) <= 160 else line[:159] + "…"
