"""Network: a traced model, its graphs, and the runs that analyses need. Made in :mod:`netgraph.network.trace`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import torch

from netgraph.graph.graph import Graph
from netgraph.network.datasets import EVERYTHING, graphs_over, stream
from netgraph.network.description import fingerprint, kinds
from netgraph.network.flows import Flows, passed
from netgraph.network.graphs import check, of_weights
from netgraph.network.heard import heard
from netgraph.network.inputs import numpy_dtype, rows, storable
from netgraph.network.interventions import Interventions
from netgraph.network.observations import Observations
from netgraph.network.parameters import check_parameters, without_nonfinite
from netgraph.network.play import play
from netgraph.network.program import Programs
from netgraph.network.progress import Report, Tick, reported, silent
from netgraph.network.replay import Replay
from netgraph.network.size import FINEST, Size, coarse_size, refuse_above, size_of
from netgraph.network.verify import TOLERANCE, Verification, verify

if TYPE_CHECKING:
    pass


class Network(Interventions, Observations):
    """A traced model. Made by :func:`trace` and :func:`load_network`.

    Attributes
    ----------
    model : what was traced.
    programs : its tapes, one per input shape.
    dropped : parameter -> how many of its values were NaN or infinite and are read as 0 (``nonfinite="drop"``).

    Examples
    --------
    >>> import torch, netgraph as ng
    >>> net = ng.trace(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1)), (2,))
    >>> net.input_shape, net.dtype, net.operations()
    ((2,), torch.float32, {'affine': 2, 'gate': 1})
    """

    def __init__(self, model: Callable[..., Any], example: Any, output: Any = None, nonfinite: str = "refuse") -> None:
        said: list[str] = []
        with heard(said):
            self.model, self.dropped = without_nonfinite(model, nonfinite)
        check_parameters(self.model)
        self._hash: tuple[Any, str] | None = None
        self.verified: tuple[str, Verification] | None = None  # the last proof, and the hash of what was proven
        self.programs = Programs(self.model, example, output)
        self.programs.warnings += said
        self.programs.numbering("channel")  # what has no rule is refused here

    # -- what it is ----------------------------------------------------------------------------------

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one (the first) input, without the batch axis."""
        return tuple(self.programs.example[0].shape[1:])

    @property
    def dtype(self) -> torch.dtype:
        """Floating dtype that the model runs in."""
        return self.programs.program().tape.dtype

    @property
    def hash(self) -> str:
        """sha256 of the operations and the parameters, 16 hexadecimal digits."""
        state = self.programs.state
        if self._hash is None or self._hash[0] != state:
            self._hash = (state, fingerprint(self.programs.program().tape))
        return self._hash[1]

    def __repr__(self) -> str:
        tape = self.programs.program().tape
        made = ", ".join(f"{n} {kind}" for kind, n in self.operations().items())
        name = type(self.model).__name__
        return f"Network of {name}: input {self.input_shape}, {len(tape.needed)} operations ({made}), {self.hash}"

    def operations(self) -> dict[str, int]:
        """How many operations of each kind touch values that depend on the input: kind -> number."""
        return kinds(self.programs.numbering("channel"))

    # -- running -------------------------------------------------------------------------------------

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """The model's output in the model's own structure, played from the tape.

        Inputs carry a batch axis, as for the model: ``net(x)``, ``net(x, mask=mask)``, or in the example's form.

        Raises
        ------
        InputError : an input of another shape, or one that holds NaN or infinity.
        """
        given = self.programs.inputs(inputs if named or len(inputs) != 1 else inputs[0], named)
        return play(self.programs.tape(given), given)[0]

    def outputs(self, inputs: Any) -> np.ndarray[Any, Any]:
        """(N, outputs) logits of N inputs, a final softmax left out; in the model's dtype.

        Raises
        ------
        InputError : an input of another shape, or one that holds NaN or infinity.
        """
        return self.logits(self.programs.inputs(inputs))

    def logits(self, given: list[torch.Tensor]) -> np.ndarray[Any, Any]:
        """The outputs of inputs that have been read already: tensors whose first axis counts them."""

        def logits(batch: list[torch.Tensor]) -> torch.Tensor:
            tape = self.programs.tape(batch)
            return play(tape, batch, keep=[tape.logits_slot])[1][tape.logits_slot]

        return rows([(logits(batch), len(batch[0])) for batch, _ in self.programs.batches(given)])

    # -- graphs --------------------------------------------------------------------------------------

    @overload
    def graph(
        self,
        granularity: str = ...,
        reduce: str = ...,
        gauge: str = ...,
        bias: str = ...,
        inputs: Any = ...,
        target: Any = ...,
        labels: Any = ...,
        aggregate: str = ...,
        by: None = ...,
        max_edges: int | None = ...,
        progress: Report = ...,
    ) -> Graph: ...

    @overload
    def graph(
        self,
        granularity: str = ...,
        reduce: str = ...,
        gauge: str = ...,
        bias: str = ...,
        inputs: Any = ...,
        target: Any = ...,
        labels: Any = ...,
        aggregate: str = ...,
        *,
        by: str,
        max_edges: int | None = ...,
        progress: Report = ...,
    ) -> dict[int, Graph]: ...

    def graph(
        self,
        granularity: str = "channel",
        reduce: str = "l1",
        gauge: str = "none",
        bias: str = "column",
        inputs: Any = None,
        target: Any = None,
        labels: Any = None,
        aggregate: str = "mean",
        by: str | None = None,
        max_edges: int | None = None,
        progress: Report = None,
    ) -> Graph | dict[int, Graph]:
        """The network as a graph: its weights, or with ``inputs`` what it did with them.

        Parameters
        ----------
        granularity : "channel" (units of linear layers, channels of convolutions), "unit" (every element), "layer", or
            "head": as "channel", with a vertex for each attention head in place of the features of its values (see
            :mod:`netgraph.network.heads`).
        reduce : what a kernel with several taps weighs: "l1", "l2", "max" (norms), "sum" or "mean" (signed).
        gauge : "none": scales as the parameters have them. "balanced": each hidden vertex whose value passes only
            through positively homogeneous functions (ReLU, leaky ReLU, maxima, means, sums …) is rescaled until
            Σ|weights in| equals Σ|weights out|. The function and all shares stay; networks that differ only by such
            scales get the same graph. What is left as it is: :mod:`netgraph.network.gauge`.
        bias : "column" of the vertex table, or "vertex": one more vertex per layer, whose edges weigh the biases.
        inputs : (N, …) tensor, or in the form of the example. Edges then also carry ``contribution``
            (weight · activation) and ``attribution`` (share of the target), vertices ``activation``, ``attribution``
            and ``constant_share``: means over the inputs; at channel granularity activations are means and flows sums
            over positions. A single input at unit granularity also has ``gated_weight``: the product of those along a
            path, times the activation it starts from, is exactly the path's share.
        target : what is attributed, where there are inputs: a class number (its raw logit), ``"prediction"``,
            ``("centred", c)``, a pair ``(a, b)``, a class per input, a vertex id such as ``"fc2:7"`` or a function of
            the logits (see :func:`netgraph.network.targets.objective`). A single output needs none.

            ``"label"``: the class that each input is labelled with.
        labels : (N,) labels of the inputs; a loader gives them itself.
        aggregate : what is kept of several inputs: "mean", "mean_abs" (mean of absolute values) or "std" (ddof=0), each
            exactly as over one input after the other. It takes one backward pass a batch, and memory for one.
        by : None, or "label": a graph for each label.
        max_edges : refuse to make a graph with more; :meth:`size` says how many there will be.
        progress : True for a bar on stderr, or a function that is called with (inputs done, inputs in all or None).

        Returns
        -------
        Graph : its weights and values in the model's dtype; with ``by`` a dict, label -> Graph.

        Raises
        ------
        UnknownName : no such granularity, reduction, gauge or bias.
        InputError : inputs or a target that do not fit the network.
        TooManyEdges : more than ``max_edges``; nothing was allocated.

        Notes
        -----
        attribution(i→j) = w_ij · a_i · ∂target/∂z_j, the non-linearities frozen at the input: LRP-0 (Bach et al. 2015),
        gradient × input (Shrikumar et al. 2016). Input shares and constant shares add up to the target (FullGrad:
        Srinivas & Fleuret 2019).

        Examples
        --------
        >>> import torch, netgraph as ng
        >>> model = torch.nn.Sequential(torch.nn.Linear(2, 1))
        >>> model.load_state_dict({"0.weight": torch.tensor([[2.0, 3.0]]), "0.bias": torch.tensor([5.0])})
        <All keys matched successfully>
        >>> graph = ng.trace(model, (2,)).graph(inputs=torch.tensor([[1.0, -1.0]]))
        >>> graph.blocks[0].values["attribution"]
        array([[ 2., -3.]], dtype=float32)
        >>> graph.columns["constant_share"]
        array([0., 0., 5.], dtype=float32)
        """
        check(self, granularity, reduce, gauge, bias, aggregate)
        if max_edges is not None:
            refuse_above(max_edges, self.size(granularity, reduce, bias, inputs is not None), granularity)
        if inputs is None:
            return of_weights(self, granularity, reduce, gauge, bias)
        batches = stream(inputs, labels, self.programs.arguments)
        with reported(progress, self, inputs, "flows") as tick:
            graphs = graphs_over(self, granularity, reduce, gauge, bias, batches, target, aggregate, by, tick)
        return graphs[EVERYTHING] if by is None else graphs

    def size(
        self, granularity: str = "channel", reduce: str = "l1", bias: str = "column", inputs: bool = False
    ) -> Size:
        """How big the graph at the example's shape is, before any of it is made: (vertices, edges, bytes).

        Parameters
        ----------
        granularity, reduce, bias : as for :meth:`graph`.
        inputs : with what one input does, flows and activations: an upper bound, as an edge of weight 0 there is none.

        Raises
        ------
        UnknownName : no such granularity, reduction or bias.

        Examples
        --------
        >>> import torch, netgraph as ng
        >>> print(ng.trace(torch.nn.Conv2d(3, 64, 3, padding=1), (3, 224, 224)).size("unit"))
        3,361,792 vertices, 86,188,800 edges, 13.5 MB
        """
        check(self, granularity, reduce, "none", bias, "mean")
        if granularity in FINEST:
            itemsize = numpy_dtype(self.dtype).itemsize
            return size_of(self.programs.numbering(granularity), reduce, itemsize, bias, inputs, granularity == "unit")
        return coarse_size(self, granularity, reduce, bias, inputs)

    def flows(
        self,
        granularity: str,
        given: list[torch.Tensor],
        target: Any,
        dtype: torch.dtype,
        gates: bool = False,
        flows: Flows | None = None,
        keep: Collection[str] | None = None,
        tick: Tick = silent,
    ) -> tuple[Flows, Replay]:
        """The flows of all inputs, added to ``flows``, and what was played last (the input where there is only one).

        ``keep``: layers whose values are kept, by default all; ``tick`` is called with the inputs of each batch.
        """
        dtype = storable(dtype)
        numbering = self.programs.numbering(granularity, given, dtype)
        flows = Flows(numbering) if flows is None else flows
        played: Replay | None = None
        for batch, chosen in self.programs.batches(given, target):
            flows.begin()
            played, logits, values = passed(self, batch, numbering, dtype, flows, chosen, keep, gates)
            flows.add(played, logits, values)
            tick(len(batch[0]))
        assert played is not None
        return flows, played

    def verify(self, inputs: Any = None, tolerance: float = TOLERANCE, granularity: str | None = None) -> Verification:
        """Prove that the graph is the network at some inputs, in float64.

        Parameters
        ----------
        inputs : (N, …) tensor, or in the form of the example (tuple, dict …); by default the example.
        tolerance : largest relative error that passes.
        granularity : "unit" or "channel"; by default both. Units tell more (paths, too), and take more memory.

        Returns
        -------
        Verification : five relative errors (what each compares: :mod:`netgraph.network.verify`), true where all pass;
            and what was held fixed, what nothing flows through, and every warning.

        Raises
        ------
        InputError : inputs that do not fit the network.
        UnknownName : another granularity.

        Examples
        --------
        >>> import torch, netgraph as ng
        >>> bool(ng.trace(torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.GELU()), (3,)).verify())
        True
        """
        given = self.programs.separate(self.programs.example if inputs is None else self.programs.inputs(inputs))
        return verify(self, given, tolerance, ("unit", "channel") if granularity is None else (granularity,))
