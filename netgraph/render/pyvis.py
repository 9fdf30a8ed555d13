"""The small-graph backend: pyvis holds nodes and edges, and its bundled vis-network draws them.

pyvis's own page is not used. Its ``in_line`` page still loads from the net, its heading is not escaped, ``add_edge``
and ``add_node`` look at every earlier one, and numpy ids fail. So the nodes and edges are put into its lists directly,
with plain numbers as ids, and the page is this package's own template: escaped, offline, under a strict policy.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from netgraph import __version__
from netgraph.errors import RenderError
from netgraph.render import legend, wording
from netgraph.render.edges import Drawn, default_column, strength, strongest
from netgraph.render.encode import json_block, script_hash, significant, text
from netgraph.render.marks import PALETTE, SHAPES, Colours, colours, sizes
from netgraph.render.place import Stage, radii, stage
from netgraph.render.view import View

if TYPE_CHECKING:
    from netgraph.graph.graph import Graph
    from netgraph.render.page import Request

EDGES = 20_000
"""vis-network redraws every edge while it pans: beyond this a page is no longer usable."""

VERTICES = 3_000
"""Up to this many vertices all are drawn; of more, those that the drawn edges touch."""

BEND = 0.45
"""How far an edge's control points lie between its ends, along x."""

OPTIONS: dict[str, Any] = {
    "autoResize": False,
    "physics": {"enabled": False},
    "layout": {"improvedLayout": False, "randomSeed": 0},
    "interaction": {"dragNodes": False, "hover": False, "selectConnectedEdges": False, "tooltipDelay": 10_000_000},
    "nodes": {"borderWidth": 1, "borderWidthSelected": 1, "chosen": False, "fixed": True},
    "edges": {
        "arrows": {"to": {"enabled": False}},
        "chosen": False,
        "smooth": {"enabled": True, "type": "cubicBezier", "forceDirection": "horizontal", "roundness": BEND},
    },
}

PLACES = ("id", "label", "x", "y", "layer", "depth")
"""Vertex columns that the page shows by other means than a row of the tooltip."""

PAD = {"left": 56, "right": 76, "top": 74, "bottom": 30}
"""Room on the screen around the stage, in pixels: headings above, labels on both sides."""


def draw(graph: Graph, request: Request) -> View:
    """The page for one graph."""
    if request.top > EDGES:
        raise RenderError(
            f"top={request.top:,}: the pyvis backend draws at most {EDGES:,} edges; pass a smaller top, or a smaller "
            "graph (graph.select)"
        )
    column = request.weight or default_column(graph)
    drawn = strongest(graph, column, request.top)
    colour, size, place = colours(graph, request.color), sizes(graph, request.size, column), stage(graph)
    radius = radii(size.part, place.room)
    width, ink = legend.strokes(drawn)
    given, short = wording.vertex_texts(graph, request.labels)
    kept = _vertices(graph, drawn)

    network = _network(graph, drawn, kept, place, colour, radius, width, ink, given, short)
    data = {
        "nodes": network.nodes,
        "edges": network.edges,
        "options": network.options,
        "layers": _layers(graph, kept, place, given),
        "columns": _columns(graph, kept, column),
        "palette": len(PALETTE["dark"]),
        "scale": not colour.names and colour.limit > 0,
        "box": {"width": place.width, "height": place.height},
        "pad": PAD,
        "bend": BEND,
    }
    title = request.title if request.title is not None else wording.title(graph)
    html = _page(
        theme=request.theme,
        title=text(title),
        summary=wording.summary(graph),
        shown=wording.shown(graph, drawn, len(kept)),
        percent=round(100 * drawn.share, 3),
        about=[*wording.about(graph), ("drawn by", f"netgraph {__version__}")],
        data=json_block(data),
        **legend.rows(drawn, colour, size, radius, place, kept),
    )
    return View(
        html=html,
        title=str(title),
        vertices=len(kept),
        edges=len(drawn.source),
        total_edges=drawn.total,
        share=drawn.share,
        column=column,
    )


def _vertices(graph: Graph, drawn: Drawn) -> np.ndarray[Any, Any]:
    if graph.n <= VERTICES:
        return np.arange(graph.n)
    return np.unique(np.concatenate([drawn.source, drawn.target]))


def _network(
    graph: Graph,
    drawn: Drawn,
    kept: np.ndarray[Any, Any],
    place: Stage,
    colour: Colours,
    radius: np.ndarray[Any, Any],
    width: np.ndarray[Any, Any],
    ink: np.ndarray[Any, Any],
    given: list[str | None],
    short: list[str],
) -> Any:
    """A pyvis network with numbers as node ids: no vertex id can then be mistaken for anything else by a script."""
    from pyvis.edge import Edge
    from pyvis.network import Network
    from pyvis.node import Node

    network = Network(directed=True)
    network.set_options(json.dumps(OPTIONS))
    layer_of = np.repeat(np.arange(len(graph.layers)), [layer.size for layer in graph.layers])
    for row, v in enumerate(kept.tolist()):
        mark = significant(colour.mark[v]) if not colour.names else int(colour.mark[v])
        shape = colour.shape(v)
        node = Node(
            v, shape, given[v], name=graph.ids[v], text=short[v], row=row, layer=int(layer_of[v]), mark=mark,
            x=round(float(place.x[v]), 2), y=round(float(place.y[v]), 2), size=round(float(radius[v]) * SHAPES[shape], 2),
        )  # fmt: skip
        network.nodes.append(node.options)
        network.node_ids.append(v)
        network.node_map[v] = node.options
    columns = (drawn.source, drawn.target, drawn.value, drawn.sign, width, ink)
    for number, (source, target, value, sign, wide, opaque) in enumerate(
        zip(*(c.tolist() for c in columns), strict=True)
    ):
        edge = Edge(
            source,
            target,
            id=number,
            value=significant(value, 5),
            sign=sign,
            width=round(wide, 2),
            ink=round(opaque, 3),
        )
        network.edges.append(edge.options)
    return network


def _layers(graph: Graph, kept: np.ndarray[Any, Any], place: Stage, given: list[str | None]) -> list[dict[str, Any]]:
    """Headings, and which layers write a text beside their vertices: columns at either end, and those with labels."""
    reads, feeds = {b.target for b in graph.blocks}, {b.source for b in graph.blocks}
    rows = []
    for layer, gap in zip(graph.layers, place.gap, strict=True):
        ids = kept[(kept >= layer.start) & (kept < layer.stop)]
        name, note = wording.heading(layer)
        x, y = place.x[layer.vertices], place.y[layer.vertices]
        single = len(x) > 0 and float(np.ptp(x)) == 0.0
        end = "right" if layer.name not in feeds else "left" if layer.name not in reads else ""
        rows.append(
            {
                "name": layer.name,
                "heading": name,
                "note": note,
                "x": round(float((x.min() + x.max()) / 2), 2) if len(x) else 0.0,
                "top": round(float(y.min()), 2) if len(y) else 0.0,
                "gap": round(min(gap, 1e6), 2),
                "end": end,
                "labelled": single and (bool(end) or any(given[v] is not None for v in ids)),
                "ids": ids[np.lexsort((x[ids - layer.start], y[ids - layer.start]))].tolist(),
            }
        )
    return rows


def _columns(graph: Graph, kept: np.ndarray[Any, Any], column: str) -> list[dict[str, Any]]:
    """What a tooltip tells of a vertex: its columns, and the strength of its edges in the whole graph."""
    columns = {name: np.asarray(values) for name, values in graph.columns.items() if name not in PLACES}
    columns[f"strength, Σ|{column}|"] = strength(graph, column)
    rows = []
    for name, values in list(columns.items())[-24:]:
        picked = values[kept]
        listed = [significant(v) for v in picked] if picked.dtype.kind == "f" else picked.tolist()
        rows.append({"name": text(name), "values": listed})
    return rows


@lru_cache(maxsize=1)
def _library() -> str:
    """vis-network as pyvis ships it. Line ends as a browser reads them, for the hash; no pointer to a source map."""
    found = sorted(
        (files("pyvis") / "lib").iterdir(),
        key=lambda folder: [int(p) for p in folder.name.split("-")[-1].split(".") if p.isdigit()],
    )
    for folder in reversed([f for f in found if f.name.startswith("vis-")]):
        script = (folder / "vis-network.min.js").read_text(encoding="utf-8")
        script = "\n".join(
            line for line in script.replace("\r\n", "\n").split("\n") if not line.startswith("//# source")
        )
        if "</script" not in script.lower() and "<!--" not in script:
            return script
    raise RenderError(
        "the installed pyvis holds no vis-network script that fits into a page: pip install --upgrade pyvis"
    )


def _asset(name: str) -> str:
    return (files("netgraph.render") / "assets" / name).read_text(encoding="utf-8")


def _page(**said: Any) -> str:
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    themes = {
        theme: "".join(f"--c{k}:{colour};" for k, colour in enumerate(palette)) for theme, palette in PALETTE.items()
    }
    style = (
        f":root{{{themes['light']}}}\n@media (prefers-color-scheme: dark){{:root{{{themes['dark']}}}}}\n"
        f":root[data-theme=light]{{{themes['light']}}}\n:root[data-theme=dark]{{{themes['dark']}}}\n"
        + _asset("page.css")
    )
    script, library = _asset("page.js"), _library()
    policy = (
        f"default-src 'none'; script-src {script_hash(library)} {script_hash(script)}; style-src {script_hash(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    said["data"] = Markup(said["data"])  # escaped by json_block
    return environment.from_string(_asset("page.html.j2")).render(
        policy=Markup(policy),
        style=Markup(style),
        library=Markup(library),
        script=Markup(script),
        version=__version__,
        **said,
    )
