"""The legend's rows: each colour, shape, width and area that the picture uses, with the number it stands for."""

from __future__ import annotations

from typing import Any

import numpy as np

from netgraph.render.edges import Drawn
from netgraph.render.marks import OTHER, PALETTE, SHAPES, Colours, Sizes
from netgraph.render.place import RADIUS, Stage
from netgraph.render.wording import number

Array = np.ndarray[Any, Any]

STROKE = (0.35, 4.0)
"""Width of the weakest and of the strongest edge, in stage units."""

SIGNS = {1: ("positive", "pos"), -1: ("negative", "neg"), 0: ("zero, or without sign", "zero")}


def strokes(drawn: Drawn) -> tuple[Array, Array]:
    """Width (linear in |value|) and opacity of every drawn edge; the more edges, the fainter the weak ones."""
    limit = float(np.abs(drawn.value).max(initial=0.0))
    part = np.abs(drawn.value) / limit if limit else np.zeros(len(drawn.value))
    crowd = min(1.0, (400 / max(len(part), 1)) ** 0.5)
    return STROKE[0] + (STROKE[1] - STROKE[0]) * part, np.clip(
        (0.3 + 0.7 * part**0.7) * (crowd + (1 - crowd) * part), 0.07, 1.0
    )


def rows(drawn: Drawn, colour: Colours, size: Sizes, radius: Array, place: Stage, kept: Array) -> dict[str, Any]:
    """Everything that the template's legend needs."""
    limit = float(np.abs(drawn.value).max(initial=0.0))
    crowded = bool((radius[kept] < _wished(size.part[kept]) - 1e-6).any())
    return {
        "sign_of": "the kernel's summed taps" if drawn.by_taps else drawn.column,
        "signs": [
            {"name": name, "colour": css, "count": f"{int((drawn.sign == sign).sum()):,}"}
            for sign, (name, css) in SIGNS.items()
            if (drawn.sign == sign).any()
        ],
        "column_text": f"|{drawn.column}|",
        "widths": [
            {"value": number(limit * part), "width": round(STROKE[0] + (STROKE[1] - STROKE[0]) * part, 2)}
            for part in ((1.0, 0.5, 0.1) if limit else (0.0,))
        ],
        "colours": colour,
        "classes": _classes(colour, kept),
        "low": number(-colour.limit),
        "high": number(colour.limit),
        "size_text": size.title if size.title != "strength" else f"strength, Σ|{drawn.column}| of its edges",
        "sizes": [
            {"value": number(size.limit * part), "radius": round(float(_wished(np.array(part))), 2)}
            for part in ((1.0, 0.4, 0.1) if size.limit else (0.0,))
        ],
        "size_note": "Where a layer is crowded, its largest vertices are drawn smaller." if crowded else "",
    }


def _wished(part: Array) -> Array:
    return np.asarray(np.sqrt(RADIUS[0] ** 2 + (RADIUS[1] ** 2 - RADIUS[0] ** 2) * part))


def _classes(colour: Colours, kept: Array) -> list[dict[str, Any]]:
    if not colour.names:
        return []
    mark = colour.mark[kept]
    cycle = len(PALETTE["dark"])
    listed = [
        {
            "name": name,
            "shape": list(SHAPES)[k // cycle],
            "colour": str(k % cycle),
            "count": f"{int((mark == k).sum()):,}",
        }
        for k, name in enumerate(colour.names)
    ]
    other = int((mark == OTHER).sum())
    return listed + (
        [{"name": "none, or others", "shape": "dot", "colour": "other", "count": f"{other:,}"}] if other else []
    )
