"""The small-graph backend: pyvis holds nodes and edges, and its bundled vis-network draws them.

pyvis's own page is not used. Its ``in_line`` page still loads from the net, its heading is not escaped, ``add_edge``
and ``add_node`` look at every earlier one, and numpy ids fail. So the nodes and edges are put into its lists directly,
with plain numbers as ids, and the page is this package's own template: escaped, offline, under a strict policy.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from netgraph import __version__
from netgraph.errors import RenderError
from netgraph.render import wording
from netgraph.render.encode import significant, text
from netgraph.render.legend import legend
from netgraph.render.marks import PALETTE, SHAPES
from netgraph.render.picture import Picture, column_rows, layer_rows, picture
from netgraph.render.template import page
from netgraph.render.view import View

if TYPE_CHECKING:
    from netgraph.graph.graph import Graph
    from netgraph.render.page import Request

EDGES = 20_000
"""vis-network redraws every edge while it pans: beyond this a page is no longer usable."""

ARC = {"enabled": True, "type": "curvedCCW", "roundness": 0.16}
"""Edges that leap over a layer, which would else hide behind its vertices."""

ARC_INK = 0.65
"""Least opacity of an arc: a skip connection is part of the architecture, and must be seen however small its weight."""

OPTIONS: dict[str, Any] = {
    "autoResize": False,
    "physics": {"enabled": False},
    "layout": {"improvedLayout": False, "randomSeed": 0},
    "interaction": {"dragNodes": False, "hover": False, "selectConnectedEdges": False, "tooltipDelay": 10_000_000},
    "nodes": {"borderWidth": 1, "borderWidthSelected": 1, "chosen": False, "fixed": True},
    "edges": {
        "arrows": {"to": {"enabled": False}},
        "chosen": False,
        "smooth": {"enabled": True, "type": "cubicBezier", "forceDirection": "horizontal", "roundness": 0.45},
    },
}

PAD = {"left": 56, "right": 76, "top": 74, "bottom": 30}
"""Room on the screen around the stage, in pixels: headings above, labels on both sides."""


TOP = 2_000
"""So many edges are drawn where nobody says how many."""


def draw(graph: Graph, request: Request, network: Any = None) -> View:
    """The page for one graph; of the network behind it nothing is shown."""
    request = replace(request, top=request.top or TOP)
    if (request.top or TOP) > EDGES:
        raise RenderError(
            f"top={request.top:,}: the pyvis backend draws at most {EDGES:,} edges; pass a smaller top, or a smaller "
            "graph (graph.select)"
        )
    p = picture(graph, request)
    network = _network(p)
    data = {
        "nodes": network.nodes,
        "edges": network.edges,
        "options": network.options,
        "layers": layer_rows(p),
        "columns": column_rows(p),
        "palette": len(PALETTE["dark"]),
        "scale": not p.colours.names and p.colours.limit > 0,
        "box": {"width": p.stage.width, "height": p.stage.height},
        "pad": PAD,
        "arc": ARC,
    }
    title = text(request.title if request.title is not None else wording.title(graph))
    html = page(
        data,
        theme=request.theme,
        title=title,
        summary=wording.summary(graph),
        shown=wording.shown(graph, p.drawn, len(p.kept)),
        percent=round(100 * p.drawn.share, 3),
        about=[*wording.about(graph), ("drawn by", f"netgraph {__version__}")],
        **legend(p),
    )
    drawn = p.drawn
    return View(html, title, len(p.kept), len(drawn.source), drawn.total, drawn.share, drawn.column)


def _network(p: Picture) -> Any:
    """A pyvis network with numbers as node ids: no vertex id can then be mistaken for anything else by a script."""
    from pyvis.edge import Edge
    from pyvis.network import Network
    from pyvis.node import Node

    network = Network(directed=True)
    network.set_options(json.dumps(OPTIONS))
    layer_of = np.repeat(np.arange(len(p.graph.layers)), [layer.size for layer in p.graph.layers])
    for row, v in enumerate(p.kept.tolist()):
        shape, mark = p.colours.shape(v), p.colours.mark[v]
        node = Node(v, shape, p.label[v], name=p.graph.ids[v], text=p.short[v], row=row, layer=int(layer_of[v]))
        node.options["mark"] = int(mark) if p.colours.names else significant(mark)
        node.options |= {"x": round(float(p.stage.x[v]), 2), "y": round(float(p.stage.y[v]), 2)}
        node.options["size"] = round(float(p.radius[v]) * SHAPES[shape], 2)
        network.nodes.append(node.options)
        network.node_ids.append(v)
        network.node_map[v] = node.options
    drawn, leaps = p.drawn, p.leaps
    columns = (drawn.source, drawn.target, drawn.value, drawn.sign, leaps, p.strokes.width, p.strokes.ink)
    for number, entry in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        source, target, value, sign, arc, width, ink = entry
        edge = Edge(source, target, id=number, value=significant(value, 5), sign=sign, kind=drawn.kind[number])
        edge.options |= {"arc": arc, "width": round(width, 2), "ink": round(max(ink, ARC_INK) if arc else ink, 3)}
        network.edges.append(edge.options)
    return network
