"""The legend's rows: each colour, shape, width and area that the picture uses, with the number it stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from netgraph.render.marks import OTHER, PALETTE, SHAPES
from netgraph.render.place import wished
from netgraph.render.wording import number

if TYPE_CHECKING:
    from netgraph.render.picture import Picture

SIGNS = {1: ("positive", "pos"), -1: ("negative", "neg"), 0: ("zero, or without sign", "zero")}


def legend(p: Picture) -> dict[str, Any]:
    """Everything that the template's legend needs."""
    column, colours, sizes, largest = p.drawn.column, p.colours, p.sizes, p.stage.largest
    notes = {
        "Where a layer is crowded, its largest vertices are drawn smaller.": bool(
            (p.radius[p.kept] < wished(sizes.part[p.kept], largest) - 1e-6).any()
        ),
        "Faint vertices touch no drawn edge.": not np.isin(p.kept, [p.drawn.source, p.drawn.target]).all(),
    }
    return {
        "sign_of": column + (" or summed taps" if p.drawn.by_taps else ""),
        "signs": [
            {"name": name, "colour": css, "count": f"{int((p.drawn.sign == sign).sum()):,}"}
            for sign, (name, css) in SIGNS.items()
            if (p.drawn.sign == sign).any()
        ],
        "arcs": bool(p.leaps.any()),
        "column_text": f"|{column}|",
        "widths": [
            {"value": number(p.strokes.limit * part), "width": round(p.strokes.at(part), 2)}
            for part in ((1.0, 0.5, 0.1) if p.strokes.limit else (0.0,))
        ],
        "colours": colours,
        "classes": _classes(p),
        "long": any(len(name) > 12 for name in colours.names),
        "low": number(-colours.limit) if colours.signed else "",
        "high": number(colours.limit),
        "size_text": sizes.title if sizes.title != "strength" else f"strength, Σ|{column}| of its edges",
        "sizes": [
            {"value": number(sizes.limit * part), "radius": round(float(wished(np.array(part), largest)), 2)}
            for part in ((1.0, 0.4, 0.1) if sizes.limit else (0.0,))
        ],
        "size_note": " ".join(note for note, applies in notes.items() if applies),
    }


def _classes(p: Picture) -> list[dict[str, Any]]:
    if not p.colours.names:
        return []
    mark = p.colours.mark[p.kept]
    cycle = len(PALETTE["dark"])
    listed = [
        {"name": name, "shape": list(SHAPES)[k // cycle], "colour": k % cycle, "count": f"{int((mark == k).sum()):,}"}
        for k, name in enumerate(p.colours.names)
    ]
    other = int((mark == OTHER).sum())
    grey = {"name": "none, or others", "shape": "dot", "colour": "other", "count": f"{other:,}"}
    return [*listed, grey] if other else listed
