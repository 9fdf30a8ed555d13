"""The scores that an edge can have: formulas, sources, and what each needs to be worked out."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch

from netgraph.errors import AnalysisError, unknown

METRICS = ("target", "deviation", "kl")
"""What is differentiated: the target t; −(t − t of the full network)²; −KL(full network‖this one) over the outputs."""


class Score(NamedTuple):
    """How a score is worked out.

    Attributes
    ----------
    text : its formula and source.
    flow : "attribution" (weight · value · ∂metric/∂z) or "contribution" (weight · value).
    gates : "frozen": non-linearities held fixed; "true": the true gradient.
    value : "activation" of the source, or its "difference" from what a cut edge carries.
    path : what the gradient is averaged over: "masks" (all edges kept by k/steps, k = 1 … steps), "inputs" (between
        corrupted and clean ones), or nothing.
    metric : what is differentiated unless told.
    """

    text: str
    flow: str = "attribution"
    gates: str = "true"
    value: str = "difference"
    path: str = ""
    metric: str = "target"


SCORES: dict[str, Score] = {
    "weight": Score("w, whatever the inputs: the baseline", "", ""),
    "contribution": Score("w·a", "contribution", "frozen", "activation"),
    "centred": Score("w·(a − a′)", "contribution", "frozen"),
    "attribution": Score(
        "w·a·∂t/∂z, gates frozen: the flow over the edge (gradient × input: Shrikumar et al. 2016)",
        "attribution",
        "frozen",
        "activation",
    ),
    "eap": Score("w·(a − a′)·∂t/∂z, the true gradient (edge attribution patching: Syed, Rager & Conmy 2023)"),
    "eap_ig": Score(
        "w·(a − a′)·mean of ∂t/∂z at inputs between corrupted and clean (Hanna et al. 2024)", path="inputs"
    ),
    "mask_ig": Score(
        "mean of w·(a − a′)·∂m/∂z while all edges are kept by k/steps, m = −(t − t of the full network)²",
        path="masks",
        metric="deviation",
    ),
    "lrp_eps": Score(
        "relevance over the edge, w·a·R/(z + ε·sign z) (LRP-ε: Bach et al. 2015)", "attribution", "frozen", "activation"
    ),
    "exact": Score(
        "m of the full network less m with this edge alone cut: the oracle, a run for each edge", "", "true"
    ),
}
"""Name -> how; a is the source's activation, a′ what it carries where it is cut, t the target."""


class Asked(NamedTuple):
    """A question for scores, its words checked."""

    score: str
    granularity: str
    target: Any
    corrupted: Any
    reference: list[torch.Tensor] | None
    metric: str
    steps: int
    epsilon: float
    absolute: bool
    flows: bool
    seed: int


def asked(score: str, metric: str | None, steps: int, epsilon: float, **rest: Any) -> Asked:
    """The question.

    Raises
    ------
    UnknownName : no such score or metric.
    AnalysisError : numbers that make no sense.
    """
    if score not in SCORES:
        raise unknown("score", score, SCORES)
    metric = SCORES[score].metric if metric is None else metric
    if metric not in METRICS:
        raise unknown("metric", metric, METRICS)
    if not isinstance(steps, (int, np.integer)) or steps < 1 or not epsilon >= 0:
        raise AnalysisError(
            f"steps={steps}, epsilon={epsilon}: expected a whole number of at least one step, and an epsilon of at "
            "least 0"
        )
    if metric != "target" and steps == 1 and SCORES[score].path:
        raise AnalysisError(
            f"steps=1 takes the gradient where nothing is cut, and there that of metric {metric!r} is 0 for every "
            "edge: take at least two, or metric='target'"
        )
    if metric != "target" and score in ("eap", "attribution", "lrp_eps"):
        raise AnalysisError(
            f"score {score!r} takes its gradient where nothing is cut, and there that of metric {metric!r} is 0 for "
            "every edge: use metric='target', or score='mask_ig'"
        )
    return Asked(score=score, metric=metric, steps=steps, epsilon=epsilon, **rest)
