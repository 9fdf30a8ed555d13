"""How an edge looks: a width that is linear in |value|, and an opacity that keeps weak edges in the background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from netgraph.render.edges import Drawn

Array = np.ndarray[Any, Any]

STROKE = (0.35, 4.0)
"""Width of the weakest edge and, where there is space for it, of the strongest, in stage units."""

CROWD = 1600.0
"""Together the edges are about this wide at most: many strong ones are drawn thinner, so that no picture is a blot."""


@dataclass(frozen=True)
class Strokes:
    """How the drawn edges look.

    Attributes
    ----------
    width : linear in |value|, float64, shape (m,), in stage units.
    ink : opacity, 0 … 1, shape (m,).
    widest : the width that stands for ``limit``.
    limit : the largest |value|.
    """

    width: Array
    ink: Array
    widest: float
    limit: float

    def at(self, part: float) -> float:
        """The width that stands for a part of the largest |value|."""
        return STROKE[0] + (self.widest - STROKE[0]) * part


def strokes(drawn: Drawn) -> Strokes:
    """Widths linear in |value|; the more edges, the thinner all of them and the fainter the weak ones."""
    limit = float(np.abs(drawn.value).max(initial=0.0))
    part = np.abs(drawn.value) / limit if limit else np.zeros(len(drawn.value))
    thinner = min(1.0, CROWD / max(STROKE[1] * float(part.sum()), 1.0))
    widest = max(STROKE[1] * thinner, 2 * STROKE[0])
    faint = min(1.0, (600 / max(len(part), 1)) ** 0.5)
    ink = (0.3 + 0.7 * part**0.7) * (faint + (1 - faint) * part) * thinner**0.5
    return Strokes(STROKE[0] + (widest - STROKE[0]) * part, np.clip(ink, 0.14, 1.0), widest, limit)
