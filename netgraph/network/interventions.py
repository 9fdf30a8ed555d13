"""What a network does when some of its edges are cut, and which edges that would matter for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from netgraph.graph.graph import Graph
from netgraph.network.progress import Report, reported
from netgraph.network.runs import MaskedRuns
from netgraph.network.score_rules import asked
from netgraph.network.scores import edge_scores

if TYPE_CHECKING:
    from netgraph.network.network import Network


class Interventions:
    """The part of a Network that cuts edges."""

    def masked(
        self,
        inputs: Any,
        masks: Sequence[Any] | None = None,
        granularity: str = "channel",
        corrupted: Any = "mean",
        reference: Any = None,
        vertices: Any = None,
        seed: int = 0,
    ) -> np.ndarray[Any, Any]:
        """(N, outputs) logits with some edges cut: a cut edge carries its source's corrupted activation.

        Parameters
        ----------
        inputs : (N, …) tensor, or in the form of the example (tuple, dict …).
        masks : one entry per block of ``graph(granularity)``, in its order: an array of the block's shape,
            (n_target, n_source), sparse beside sparse, with 1 where the edge stays and 0 where it is cut; None keeps
            the whole block.
        granularity : "channel" or "unit".
        corrupted : "mean" over the ``reference`` inputs, "zero", "resample" (what the source does at another of the
            ``reference`` inputs), or inputs of the same number: for each, the one at which its cut edges are read.
        reference : (M, …) tensor, or in the form of the example; by default ``inputs``.
        vertices : (n,) 1 where a vertex stays and 0 where all edges that leave it are cut, in the graph's order.
        seed : of the draws of "resample".

        Raises
        ------
        AnalysisError : masks that are not those of the graph's blocks.
        UnknownName : another granularity or corruption.
        InputError : inputs that do not fit the network.

        Notes
        -----
        Every non-linearity is that of the values that arrive: z = op(a′, W) + op(a − a′, W ⊙ kept), with a′ what a cut
        edge carries. An entry of weight 0 is no edge, and cannot be cut. A maximum and a product are those of what
        their edges carry; of a product of matrices, each side's edges carry half. Attention's patterns and the scales
        of normalisations are no edges: they follow from the values that arrive, the inputs themselves among them.

        Examples
        --------
        >>> import numpy as np, torch, netgraph as ng
        >>> model = torch.nn.Sequential(torch.nn.Linear(2, 1))
        >>> model.load_state_dict({"0.weight": torch.tensor([[2.0, 3.0]]), "0.bias": torch.tensor([5.0])})
        <All keys matched successfully>
        >>> ng.trace(model, (2,)).masked(torch.tensor([[1.0, -1.0]]), [np.array([[1, 0]])], corrupted="zero")
        array([[7.]], dtype=float32)
        """
        runs = self.masked_runs(inputs, granularity, corrupted, reference, seed)
        kept = np.ones(runs.size) if masks is None else runs.flat(masks)
        return runs.run(kept if vertices is None else kept * runs.of_vertices(vertices)).logits

    def masked_runs(
        self,
        inputs: Any,
        granularity: str = "channel",
        corrupted: Any = "mean",
        reference: Any = None,
        seed: int = 0,
        graph: Graph | None = None,
    ) -> MaskedRuns:
        """Runs at some inputs with any edges cut, which share what they have in common.

        Parameters
        ----------
        inputs, granularity, corrupted, reference, seed : as for :meth:`masked`.
        graph : whose entries the masks are for; by default ``graph(granularity)``.

        Examples
        --------
        >>> import torch, netgraph as ng
        >>> net = ng.trace(torch.nn.Sequential(torch.nn.Linear(3, 2)), (3,))
        >>> runs = net.masked_runs(torch.ones(4, 3), corrupted="zero")
        >>> runs.size, runs.run([1, 1, 1, 0, 0, 0]).logits.shape
        (6, (4, 2))
        """
        net = cast("Network", self)
        given = net.programs.inputs(inputs)
        base = None if reference is None else net.programs.inputs(reference)
        return MaskedRuns(net, given, granularity, corrupted, base, seed, graph)

    def edge_scores(
        self,
        inputs: Any,
        score: str = "mask_ig",
        target: Any = None,
        granularity: str = "channel",
        corrupted: Any = "mean",
        reference: Any = None,
        metric: str | None = None,
        steps: int = 10,
        epsilon: float = 1e-2,
        absolute: bool = True,
        flows: bool = False,
        seed: int = 0,
        progress: Report = None,
    ) -> Graph:
        """What every edge matters for a target, all edges at once.

        Parameters
        ----------
        inputs : (N, …) tensor, or in the form of the example.
        score : "weight", "contribution", "centred", "attribution", "eap", "eap_ig", "mask_ig", "lrp_eps" or "exact"
            (the oracle: a run for each edge); formulas and sources in ``netgraph.network.score_rules.SCORES``.
        target : as for :meth:`Network.graph`; ("centred", classes) with a class per input judges all classes.
        granularity : "channel" (a kernel is an edge) or "unit".
        corrupted, reference, seed : what cut edges carry, as for :meth:`masked`.
        metric : what is differentiated. "target": the target t. "deviation": −(t − t of the full network)². "kl":
            −KL(full network‖this one). By default "deviation" for "mask_ig", otherwise "target". The other two are
            flat where nothing is cut, so only scores that look elsewhere take them ("mask_ig", "eap_ig", "exact").
        steps : points on the way, for "mask_ig" and "eap_ig".
        epsilon : ε of "lrp_eps", in the unit of z.
        absolute : also the mean absolute value, input by input: as much time again, or more.
        flows : also the values and vertex columns of ``graph(inputs=…, target=…)``: contribution, attribution …
        progress : True for a bar on stderr, or a function of (inputs done, inputs in all).

        Returns
        -------
        Graph : its edges carry ``score``, the signed mean over the inputs, and ``abs_score``, the mean of absolute
        values (over inputs and, for scores along a path, its points).

        Raises
        ------
        UnknownName : no such score, metric, granularity or corruption.
        AnalysisError : a metric whose gradient is 0 everywhere; numbers that make no sense.
        InputError : inputs or a target that do not fit.

        Notes
        -----
        A gradient score of edge i→j is Σ over positions of w_ij · (a_i − a′_i) · ∂m/∂z_j: the derivative of the metric
        by the edge's own mask, for all edges from one forward and one backward pass a step.

        Examples
        --------
        >>> import torch, netgraph as ng
        >>> model = torch.nn.Sequential(torch.nn.Linear(2, 1, bias=False))
        >>> model.load_state_dict({"0.weight": torch.tensor([[2.0, 3.0]])})
        <All keys matched successfully>
        >>> scored = ng.trace(model, (2,)).edge_scores(torch.tensor([[1.0, -1.0]]), "eap", corrupted="zero")
        >>> scored.blocks[0].values["score"]
        array([[ 2., -3.]], dtype=float32)
        """
        net = cast("Network", self)
        given = net.programs.inputs(inputs)
        ask = asked(
            score,
            metric,
            steps,
            epsilon,
            granularity=granularity,
            target=target,
            corrupted=corrupted,
            reference=None if reference is None else net.programs.inputs(reference),
            absolute=absolute,
            flows=flows,
            seed=seed,
        )
        with reported(progress, net, inputs, "scores") as tick:
            return edge_scores(net, given, ask, tick)
