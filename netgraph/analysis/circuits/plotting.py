"""Evidence as a picture: faithfulness against the share of edges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netgraph.errors import AnalysisError
from netgraph.graph.palette import CATEGORIES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from netgraph.analysis.circuits.evidence import Evidence


def plot(evidence: Evidence, ax: Axes | None = None) -> Axes:
    """See :meth:`netgraph.Evidence.plot`."""
    curve = evidence.curve
    if curve is None:
        raise AnalysisError("this evidence has no curve: make it with faithfulness(…, curve=True)")
    if ax is None:
        from matplotlib import pyplot

        ax = pyplot.subplots(figsize=(6, 4), layout="constrained")[1]
    share = 100 * curve["share"]
    method = evidence.settings.get("score", "the circuit's scores")
    bars: dict[str, Any] = {"capsize": 2, "linewidth": 1.5, "marker": "o", "markersize": 3}
    ax.errorbar(share, curve["faithfulness"], yerr=curve["error"], label=method, color=CATEGORIES[0], **bars)
    ax.plot(share, curve["weight"], label="|weight|", color=CATEGORIES[1], marker="o", markersize=3, linewidth=1.5)
    ax.errorbar(share, curve["random"], yerr=curve["random_sd"], label="random", color="0.5", **bars)
    size = 100 * evidence.edges / evidence.edges_total
    ax.plot([size], [evidence.faithfulness], "*", markersize=11, color=CATEGORIES[0], label="this circuit")
    for level in (0, 1):
        ax.axhline(level, color="0.8", linewidth=0.8, zorder=0)
    ax.set_xscale("log")
    ax.set_xlabel("edges kept, % of all")
    ax.set_ylabel("faithfulness")
    ax.set_title(f"{evidence.settings['target']}, {evidence.settings['inputs']:,} inputs", fontsize=10)
    ax.legend(frameon=False, fontsize=9)
    return ax
