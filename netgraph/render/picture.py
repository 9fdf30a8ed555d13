"""Everything that a backend needs to draw a graph, decided once and free of any library's words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from netgraph.render import wording
from netgraph.render.edges import Drawn, default_column, strength, strongest
from netgraph.render.encode import significant, text
from netgraph.render.marks import Colours, Sizes, colours, sizes
from netgraph.render.place import Stage, radii, stage
from netgraph.render.strokes import Strokes, strokes

if TYPE_CHECKING:
    from netgraph.graph.graph import Graph
    from netgraph.render.page import Request

Array = np.ndarray[Any, Any]

VERTICES = 3_000
"""Up to this many vertices all are drawn; of more, those that the drawn edges touch."""

PLACES = ("id", "label", "x", "y", "layer", "depth")
"""Vertex columns that a page shows by other means than a row of the tooltip."""

COLUMNS = 24
"""So many columns a tooltip shows at most: the last ones, where results are."""


@dataclass(frozen=True)
class Picture:
    """A graph as it will be drawn.

    Attributes
    ----------
    graph, drawn, stage, colours, sizes, strokes : what is drawn, where, and how.
    kept : numbers of the vertices that are drawn, in order.
    radius : of all vertices, in stage units, shape (n,).
    label : the caller's or the graph's label of each vertex, or None.
    short : the text to write beside each vertex.
    """

    graph: Graph
    drawn: Drawn
    stage: Stage
    colours: Colours
    sizes: Sizes
    strokes: Strokes
    kept: Array
    radius: Array
    label: list[str | None]
    short: list[str]

    @property
    def leaps(self) -> Array:
        """Whether each drawn edge passes over another layer's column, bool, shape (m,)."""
        layers = self.graph.layers
        depth = np.repeat([self.graph.depth[layer.name] for layer in layers], [layer.size for layer in layers])
        return np.asarray(depth[self.drawn.target] - depth[self.drawn.source] > 1)


def picture(graph: Graph, request: Request) -> Picture:
    """Choose edges, places, colours, sizes and texts."""
    column = request.weight or default_column(graph)
    drawn = strongest(graph, column, request.top or len(graph.edges))
    size, place = sizes(graph, request.size, column), stage(graph)
    label, short = wording.vertex_texts(graph, request.labels)
    everything = graph.n <= VERTICES
    return Picture(
        graph=graph,
        drawn=drawn,
        stage=place,
        colours=colours(graph, request.color),
        sizes=size,
        strokes=strokes(drawn),
        kept=np.arange(graph.n) if everything else np.unique(np.concatenate([drawn.source, drawn.target])),
        radius=radii(size.part, place),
        label=label,
        short=short,
    )


def layer_rows(p: Picture) -> list[dict[str, Any]]:
    """Headings, and which layers write a text beside their vertices: columns at either end, and those with labels."""
    reads, feeds = {b.target for b in p.graph.blocks}, {b.source for b in p.graph.blocks}
    rows = []
    for layer, gap in zip(p.graph.layers, p.stage.gap, strict=True):
        ids = p.kept[(p.kept >= layer.start) & (p.kept < layer.stop)]
        if not len(ids):
            rows.append({"name": text(layer.name), "heading": "", "note": "", "x": 0, "top": 0, "gap": 0, "ids": []})
            continue
        x, y = p.stage.x[layer.vertices], p.stage.y[layer.vertices]
        single_file = len(x) > 1 and float(np.ptp(x)) == 0.0
        end = "right" if layer.name not in feeds else "left" if layer.name not in reads else ""
        heading, note = wording.heading(p.graph, layer)
        rows.append(
            {
                "name": text(layer.name),
                "heading": heading,
                "note": note,
                "x": round(float(x.min() + x.max()) / 2, 2),
                "top": round(float((y - p.radius[layer.vertices]).min()), 2),
                "gap": round(min(gap, 1e6), 2),
                "end": end,
                "labelled": single_file and (bool(end) or any(p.label[v] is not None for v in ids)),
                "ids": ids[np.lexsort((x[ids - layer.start], y[ids - layer.start]))].tolist(),
            }
        )
    return rows


def column_rows(p: Picture) -> list[dict[str, Any]]:
    """What a tooltip tells of a vertex: its columns, and the strength of its edges in the whole graph."""
    columns = {name: np.asarray(values) for name, values in p.graph.columns.items() if name not in PLACES}
    columns[f"strength, Σ|{p.drawn.column}|"] = strength(p.graph, p.drawn.column)
    rows = []
    for name, values in list(columns.items())[-COLUMNS:]:
        picked = values[p.kept]
        listed = [significant(v) for v in picked] if picked.dtype.kind == "f" else picked.tolist()
        rows.append({"name": text(name), "values": listed})
    return rows
