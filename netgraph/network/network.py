"""Network: a traced model, its graphs, and the runs that analyses need."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from netgraph.errors import RecordError, unknown
from netgraph.graph.graph import SCHEMA, Graph
from netgraph.network import masking
from netgraph.network.assemble import Flows, bias_vertices, build, vertex_means
from netgraph.network.inputs import BATCH, as_inputs, example_inputs, numpy_dtype, refuse_nonfinite, rows, split
from netgraph.network.numbering import Numbering
from netgraph.network.play import play
from netgraph.network.program import Program
from netgraph.network.reads import REDUCTIONS
from netgraph.network.record import record
from netgraph.network.replay import Replay
from netgraph.network.tape import Tape
from netgraph.network.targets import objective

if TYPE_CHECKING:
    import pandas as pd

    from netgraph.network.verify import Verification

GRANULARITIES = ("channel", "unit", "layer")


def trace(model: Callable[..., Any], example: Any) -> Network:
    """Read a network by running it once.

    Parameters
    ----------
    model : a ``torch.nn.Module`` or any function of tensors. It is left as it was.
    example : one input with a leading batch axis (a tensor, or a tuple of tensors for several inputs); or a shape
        without the batch axis, such as ``(1, 28, 28)``, for which a seeded normal tensor is made.

    Returns
    -------
    Network

    Raises
    ------
    InputError : the example does not fit the model.
    NonFiniteError : a parameter holds NaN or infinity.
    UnsupportedOperation : the model uses an operation that has no rule.

    Examples
    --------
    >>> import torch, netgraph as ng
    >>> net = ng.trace(torch.nn.Linear(3, 2), (3,))
    >>> net.graph()
    Graph: 5 vertices, 6 edges, 2 layers
    ...
    """
    return Network(model, example)


class Network:
    """A traced model. Made by :func:`trace` and :func:`load_network`.

    Attributes
    ----------
    model : what was traced.
    input_shape : shape of one input, without the batch axis.
    """

    def __init__(self, model: Callable[..., Any], example: Any) -> None:
        self.model = model
        refuse_nonfinite(model)
        self._example = example_inputs(model, example)
        self._programs: dict[tuple[tuple[int, ...], ...], Program] = {}
        self._tapes: dict[tuple[tuple[int, ...], ...], Tape] = {}
        self._program(self._example).numbering("channel", self.dtype)

    # -- what it is ----------------------------------------------------------------------------------

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one (the first) input, without the batch axis."""
        return tuple(self._example[0].shape[1:])

    @property
    def dtype(self) -> torch.dtype:
        """Floating dtype that the model runs in."""
        return self._program(self._example).tape.dtype

    @cached_property
    def hash(self) -> str:
        """sha256 of the operations and the parameters, 16 hexadecimal digits."""
        tape = self._program(self._example).tape
        digest = hashlib.sha256("\n".join(tape.signature).encode())
        for slot in sorted(tape.constants):
            tensor = tape.constants[slot].detach().cpu().contiguous()
            digest.update(f"{slot} {tuple(tensor.shape)} {tensor.dtype}".encode())
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b"")
        return digest.hexdigest()[:16]

    def __repr__(self) -> str:
        tape = self._program(self._example).tape
        kinds = self.operations()
        made = ", ".join(f"{n} {kind}" for kind, n in kinds.items())
        name = type(self.model).__name__
        return f"Network of {name}: input {self.input_shape}, {len(tape.needed)} operations ({made}), {self.hash}"

    def operations(self) -> dict[str, int]:
        """How many operations of each kind touch values that depend on the input."""
        from netgraph.network.operations import lookup

        tape = self._program(self._example).tape
        numbering = self._numbering("channel")
        count: dict[str, int] = {}
        for call in tape.calls:
            if call.index in tape.needed and any(s in numbering.forms for s in call.reads):
                kind = lookup(call).kind
                count[kind] = count.get(kind, 0) + 1
        return dict(sorted(count.items()))

    # -- running -------------------------------------------------------------------------------------

    def __call__(self, *inputs: Any) -> Any:
        """The model's output, played from the tape. Inputs carry a batch axis, as for the model."""
        given = self._inputs(inputs[0] if len(inputs) == 1 else inputs)
        return play(self._tape(given), given)[0]

    def outputs(self, inputs: Any) -> np.ndarray[Any, Any]:
        """(N, outputs) logits of N inputs, a final softmax left out."""
        given = self._inputs(inputs)

        def logits(batch: list[torch.Tensor]) -> torch.Tensor:
            tape = self._tape(batch)
            out, saved = play(tape, batch, keep=[tape.logits_slot])
            return saved[tape.logits_slot]

        return rows([logits(batch) for batch in split(given)])

    # -- graphs --------------------------------------------------------------------------------------

    def graph(
        self,
        granularity: str = "channel",
        reduce: str = "l1",
        gauge: str = "none",
        bias: str = "column",
        inputs: Any = None,
        target: Any = None,
    ) -> Graph:
        """The network as a graph: its weights, or with ``inputs`` what it did with them.

        Parameters
        ----------
        granularity : "channel" (units of linear layers, channels of convolutions), "unit" (every element) or "layer".
        reduce : what a kernel with several taps weighs: "l1", "l2", "max" (norms), "sum" or "mean" (signed).
        gauge : "none".
        bias : "column" of the vertex table, or "vertex": one more vertex per layer, whose edges weigh the biases.
        inputs : (N, …) tensor (or a tuple of them). Edges then also carry ``contribution`` (weight · activation) and
            ``attribution`` (share of the target), vertices ``activation``, ``attribution`` and ``constant_share``: means
            over the inputs; at channel granularity activations are means and flows sums over positions. A single
            input at unit granularity also has ``gated_weight``: the product of those along a path, times the
            activation it starts from, is exactly the path's share.
        target : see :func:`netgraph.network.targets.objective`.

        Formula
        -------
        attribution(i→j) = w_ij · a_i · ∂target/∂z_j with the non-linearities frozen at the input (gradient × input).
        """
        if granularity not in GRANULARITIES:
            raise unknown("granularity", granularity, GRANULARITIES)
        if reduce not in REDUCTIONS:
            raise unknown("reduction", reduce, REDUCTIONS)
        if bias not in {"column", "vertex"}:
            raise unknown("bias", bias, ("column", "vertex"))
        if gauge != "none":
            raise unknown("gauge", gauge, ("none",))
        if granularity == "layer":
            from netgraph.graph.coarsen import by_layer

            fine = self.graph("channel", reduce, gauge, bias, inputs, target)
            return by_layer(fine).with_meta(granularity="layer")
        given = None if inputs is None else self._inputs(inputs)
        graph, shares = self._graph(granularity, reduce, given, target, self.dtype)
        return bias_vertices(graph, shares) if bias == "vertex" else graph

    def _graph(
        self, granularity: str, reduce: str, given: list[torch.Tensor] | None, target: Any, dtype: torch.dtype
    ) -> tuple[Graph, np.ndarray[Any, Any] | None]:
        numbering = self._numbering(granularity, given, dtype)
        kind = numpy_dtype(dtype)
        if given is None:
            return build(numbering, reduce, kind, self._meta(granularity, reduce, numbering, None)), None
        single = len(given[0]) == 1
        flows, played = self._flows(granularity, given, target, dtype, gates=single and granularity == "unit")
        meta = self._meta(granularity, reduce, numbering, target)
        return build(numbering, reduce, kind, meta, flows, played if single else None), flows.biases / flows.count

    def _meta(self, granularity: str, reduce: str, numbering: Numbering, target: Any) -> dict[str, Any]:
        from netgraph import __version__

        meta: dict[str, Any] = {
            "schema": SCHEMA,
            "netgraph": __version__,
            "torch": torch.__version__,
            "model": type(self.model).__name__,
            "model_hash": self.hash,
            "input_shape": list(self.input_shape),
            "granularity": granularity,
            "reduce": reduce,
            "gauge": "none",
            "bias": "column",
            "exact": not numbering.inexact,
        }
        if target is not None:
            meta["target"] = (
                target
                if isinstance(target, (int, str))
                else list(target)
                if isinstance(target, tuple)
                else type(target).__name__
            )
            meta["aggregate"] = "mean"
            meta["exact"] = True
        return meta

    def _flows(
        self, granularity: str, given: list[torch.Tensor], target: Any, dtype: torch.dtype, gates: bool = False
    ) -> tuple[Flows, Replay]:
        numbering = self._numbering(granularity, given, dtype)
        flows = Flows(numbering)
        played: Replay | None = None
        for batch, chosen in self._batches(given, target):
            played = Replay(self._tape(batch), numbering, dtype, track_gates=gates, device=batch[0].device)
            with torch.inference_mode(False), torch.enable_grad():  # whatever mode the caller is in
                logits = played.run(batch)
                flows.add(played, logits, objective(chosen)(played, logits))
        assert played is not None
        return flows, played

    def _batches(self, given: list[torch.Tensor], target: Any) -> list[tuple[list[torch.Tensor], Any]]:
        """Batches that can be played at once: all, or one by one where the program differs between inputs."""
        step = BATCH if self._together(given) else 1
        out = []
        for i in range(0, len(given[0]), step):
            per_input = isinstance(target, (torch.Tensor, np.ndarray, list)) and len(target) == len(given[0])
            out.append(([x[i : i + step] for x in given], target[i : i + step] if per_input else target))
        return out

    def _together(self, given: list[torch.Tensor]) -> bool:
        """Whether a batch runs the same program as a single input, its batch axis kept apart."""
        if len(given[0]) == 1:
            return True
        one = self._program(given).tape
        batch = [x[: min(len(x), BATCH)] for x in given]
        tape = self._tape(batch)
        if one.branches or tape.signature != one.signature:
            return False
        n = len(batch[0])
        for slot in self._numbering("channel", given).forms:
            few, many = one.shapes[slot], tape.shapes[slot]
            if len(few) != len(many) or any(a != b and not (a == 1 and b == n) for a, b in zip(few, many, strict=True)):
                return False
        return True

    def activations(self, inputs: Any, granularity: str = "channel") -> pd.DataFrame:
        """(inputs × vertices) activations, columns named by vertex id; means over positions at channel granularity."""
        import pandas as pd

        given = self._inputs(inputs)
        numbering = self._numbering(granularity, given)
        n = len(given[0])
        table = np.empty((n, numbering.n), dtype=numpy_dtype(self.dtype))
        step = BATCH if self._together(given) else 1
        for i in range(0, n, step):
            batch = [x[i : i + step] for x in given]
            played = Replay(
                self._tape(batch), numbering, self.dtype, freeze=False, gradients=False, device=batch[0].device
            )
            played.run(batch)
            for v in numbering.layers:
                value = played.activation(v)
                for k in range(len(batch[0])):
                    one = value[k : k + 1] if value.shape[0] == len(batch[0]) and len(batch[0]) > 1 else value
                    table[i + k, v.start : v.start + v.size] = vertex_means(v, one)
        graph = build_ids(numbering)
        return pd.DataFrame(table, columns=pd.Index(graph, name="vertex"))

    def masked(
        self,
        inputs: Any,
        masks: Sequence[Any],
        granularity: str = "channel",
        corrupted: str = "mean",
        reference: Any = None,
    ) -> np.ndarray[Any, Any]:
        """(N, outputs) logits with some edges cut: a cut edge carries its source's corrupted activation.

        Parameters
        ----------
        inputs : (N, …).
        masks : one entry per block of ``graph(granularity)``, in its order: an array of the block's shape (sparse beside
            sparse) with 1 where the edge stays and 0 where it is cut; None keeps the whole block.
        corrupted : "mean" over the ``reference`` inputs (default: ``inputs``), or "zero".
        """
        if corrupted not in {"mean", "zero"}:
            raise unknown("corrupted", corrupted, ("mean", "zero"))
        given = self._inputs(inputs)
        numbering = self._numbering(granularity, given)
        kernels = masking.by_joint(numbering, masks, self.dtype)
        base = masking.baseline(
            self, numbering, given if reference is None else self._inputs(reference), corrupted, kernels
        )
        logits = []
        for batch in split(given):
            played = Replay(
                self._tape(batch),
                numbering,
                self.dtype,
                freeze=False,
                gradients=False,
                masks=kernels,
                reference=base,
                device=batch[0].device,
            )
            logits.append(played.run(batch))
        return rows(logits)

    def verify(self, inputs: Any = None) -> Verification:
        """Prove that the graph is the network at ``inputs`` (default: the example), in float64. See :mod:`netgraph.network.verify`."""
        from netgraph.network.verify import verify

        return verify(self, self._example if inputs is None else self._inputs(inputs))

    # -- tapes ---------------------------------------------------------------------------------------

    def _inputs(self, inputs: Any) -> list[torch.Tensor]:
        return as_inputs(inputs, self._example)

    def _shapes(self, given: Sequence[torch.Tensor]) -> tuple[tuple[int, ...], ...]:
        return tuple(tuple(x.shape) for x in given)

    def _tape(self, given: Sequence[torch.Tensor]) -> Tape:
        """The tape for inputs of these shapes; recorded anew where the program depends on values."""
        key = self._shapes(given)
        known = self._tapes.get(key)
        if known is None or known.branches:
            known = record(self.model, tuple(given))
            if len(self._tapes) > 8:
                self._tapes.clear()
            self._tapes[key] = known
        return known

    def _program(self, given: Sequence[torch.Tensor]) -> Program:
        one = [x[:1] for x in given]
        key = self._shapes(one)
        known = self._programs.get(key)
        if known is None or known.tape.branches:
            tape = record(self.model, tuple(one))
            if tape.logits_slot < 0 or tape.logits_slot not in tape.dependent:
                raise RecordError(
                    "the output does not depend on the input (or not through tensors: a detour through numpy or .item() "
                    "cannot be followed)"
                )
            known = self._programs[key] = Program(tape)
        return known

    def _numbering(
        self, granularity: str, given: Sequence[torch.Tensor] | None = None, dtype: torch.dtype | None = None
    ) -> Numbering:
        if granularity not in GRANULARITIES[:2]:
            raise unknown("granularity", granularity, GRANULARITIES[:2])
        return self._program(self._example if given is None else given).numbering(granularity, dtype or self.dtype)


def build_ids(numbering: Numbering) -> Any:
    """Vertex ids of a numbering."""
    from netgraph.network.assemble import layers

    return Graph(layers(numbering), ()).ids
