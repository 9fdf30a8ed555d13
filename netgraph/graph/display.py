"""What a graph shows of itself: a table of contents, and in notebooks a small picture of its layers."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Any

from netgraph.graph.tables import VERTEX_COLUMNS, edge_columns

if TYPE_CHECKING:
    from netgraph.graph.graph import Graph, Layer

SHOWN = 12
"""Layers that the text lists; of more, the first and the last ones."""
PICTURED = 60
"""Layers that the picture draws."""
BOX, GAP_X, GAP_Y, TALLEST = 64, 40, 10, 120


def text(graph: Graph) -> str:
    """A table of contents.

    >>> from netgraph.graph.graph import Graph
    >>> print(text(Graph.from_matrices([[[1.0, -2.0]]])))
    Graph: 3 vertices, 2 edges
        layers: 2
            layer_0  input   2
            layer_1  linear  1
        blocks: 1 (linear 1)
        vertex columns: id, label, layer, depth, index, channel, row, col, kind, bias
        edge columns: source, target, weight, abs_weight, kind
    """
    return "\n    ".join([_headline(graph), *_contents(graph)])


def html(graph: Graph) -> str:
    """The same for notebooks, escaped, above a picture of the layers: inline SVG, no script."""
    rows = "\n".join(["", *(f"    {line}" for line in _contents(graph))])
    return (
        f"<div><strong>{escape(_headline(graph))}</strong>{_picture(graph)}"
        f"<details><summary>contents</summary><pre>{escape(rows)}</pre></details></div>"
    )


def _headline(graph: Graph) -> str:
    return f"Graph: {graph.n:,} vertices, {len(graph.edges):,} edges"


def _contents(graph: Graph) -> list[str]:
    layers = list(graph.layers)
    listed: list[Layer | None] = [*layers]
    if len(layers) > SHOWN:
        listed = [*layers[: SHOWN // 2], None, *layers[-SHOWN // 2 :]]
    names = max((len(layer.name) for layer in listed if layer), default=0)
    kinds = max((len(layer.kind) for layer in listed if layer), default=0)
    lines = [f"layers: {len(layers)}"]
    for layer in listed:
        if layer is None:
            lines.append("    …")
            continue
        grid = " (" + " x ".join(map(str, layer.grid)) + ")" if len(layer.grid) > 1 else ""
        activation = f", {layer.activation}" if layer.activation else ""
        lines.append(f"    {layer.name:<{names}}  {layer.kind:<{kinds}}  {layer.size:,}{grid}{activation}")
    counts: dict[str, int] = {}
    for block in graph.blocks:
        counts[block.kind] = counts.get(block.kind, 0) + 1
    kinds_of = f" ({', '.join(f'{kind} {count}' for kind, count in counts.items())})" if counts else ""
    lines.append(f"blocks: {len(graph.blocks)}{kinds_of}")
    own = [name for name in graph.columns if name not in VERTEX_COLUMNS]
    lines.append(f"vertex columns: {', '.join([*VERTEX_COLUMNS, *own])}")
    lines.append(f"edge columns: {', '.join(edge_columns(graph))}")
    if graph.meta:
        lines.append("meta: " + ", ".join(f"{name}={_short(value)}" for name, value in graph.meta.items()))
    return lines


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 40 else shown[:39] + "…"


def _picture(graph: Graph) -> str:
    """Layers as boxes in columns by depth, tall by the logarithm of their size; blocks as curves."""
    if not graph.layers or len(graph.layers) > PICTURED:
        return ""
    most = max(layer.size for layer in graph.layers)
    columns: dict[int, list[Layer]] = {}
    for layer in graph.layers:
        columns.setdefault(graph.depth[layer.name], []).append(layer)
    heights = {
        layer.name: 18 + (TALLEST - 18) * math.log1p(layer.size) / math.log1p(max(most, 1)) for layer in graph.layers
    }
    tall = max(sum(heights[layer.name] + GAP_Y for layer in column) for column in columns.values())
    places: dict[str, tuple[float, float]] = {}
    boxes = []
    for at, depth in enumerate(sorted(columns)):
        x = 4 + at * (BOX + GAP_X)
        y = (tall - sum(heights[layer.name] + GAP_Y for layer in columns[depth])) / 2 + GAP_Y / 2
        for layer in columns[depth]:
            height = heights[layer.name]
            places[layer.name] = (x, y + height / 2)
            boxes.append(_box(layer, x, y, height))
            y += height + GAP_Y
    curves = [_curve(*places[block.source], *places[block.target]) for block in graph.blocks]
    wide = 8 + len(columns) * (BOX + GAP_X) - GAP_X
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{wide}" height="{tall:.0f}" '
        f'viewBox="0 0 {wide} {tall:.0f}" style="display:block;max-width:100%;margin:6px 0" font-family="sans-serif" '
        f'font-size="9" fill="currentColor"><title>{escape(_headline(graph))}</title>'
        f"{''.join(curves)}{''.join(boxes)}</svg>"
    )


def _box(layer: Layer, x: float, y: float, height: float) -> str:
    name = layer.name if len(layer.name) <= 12 else "…" + layer.name[-11:]
    middle = y + height / 2
    return (
        f"<g><title>{escape(f'{layer.name}: {layer.kind}, {layer.size:,} vertices')}</title>"
        f'<rect x="{x}" y="{y:.1f}" width="{BOX}" height="{height:.1f}" rx="4" fill="#4c78a8" fill-opacity="0.18" '
        f'stroke="#4c78a8"/><text x="{x + BOX / 2}" y="{middle - 1:.1f}" text-anchor="middle">{escape(name)}</text>'
        f'<text x="{x + BOX / 2}" y="{middle + 8:.1f}" text-anchor="middle" opacity="0.7">{layer.size:,}</text></g>'
    )


def _curve(x1: float, y1: float, x2: float, y2: float) -> str:
    """From box to box; over the boxes that lie between them."""
    start, middle = x1 + BOX, (x1 + BOX + x2) / 2
    over = x2 - start > 1.5 * GAP_X
    bends = (2 - y1 / 3, 2 - y2 / 3) if over else (y1, y2)  # the top of such a curve stays inside the picture
    return (
        f'<path d="M{start} {y1:.1f}C{middle} {bends[0]:.1f} {middle} {bends[1]:.1f} {x2} {y2:.1f}" fill="none" '
        'stroke="currentColor" stroke-opacity="0.45"/>'
    )
