# ruff: noqa: E501 (one case, one line)
"""Every row of the table of operations: a network that uses it is exactly its graph; and rows that users add."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from network_operations import OPERATIONS, WORDS, Around, Case, M, Q, S, T, V, Words, c, rows
from torch import nn
from torch.nn import functional as F

import netgraph as ng
from netgraph.errors import OperationError, UnknownName, UnsupportedOperation
from netgraph.network import operations
from netgraph.network.numbering import Numbering
from netgraph.network.operations import KINDS, table
from netgraph.network.probe import Probe
from netgraph.network.replay import Replay

pytestmark = pytest.mark.filterwarnings("ignore:.*has no rule:UserWarning")


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    """Models of float64, so that constants need no dtype."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def own_rows(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The table, with what a test adds to it gone afterwards."""
    held = dict(table())
    monkeypatch.setattr(operations, "table", lambda: held)
    monkeypatch.setattr("netgraph.network.operations.register.table", lambda: held)
    return held


@pytest.fixture
def accelerated() -> Iterator[None]:
    """The batch normalisations of other devices, played by this one."""
    library = torch.library.Library("aten", "IMPL")

    def played(n: int) -> Callable[..., Any]:
        def kernel(x: Any, w: Any, b: Any, mean: Any, var: Any, training: bool, momentum: float, eps: float) -> Any:
            return (F.batch_norm(x, mean, var, w, b, training, momentum, eps), *[x.new_zeros(0)] * n)

        return kernel

    library.impl("cudnn_batch_norm", played(3), "CPU")
    library.impl("miopen_batch_norm", played(2), "CPU")
    yield
    library._destroy()


def proven(model: nn.Module, x: torch.Tensor) -> ng.Network:
    """The network, verified at every input."""
    model(x)  # lazy layers
    net = ng.trace(model.eval(), x)
    check = net.verify(x)
    assert max(check.errors.values()) <= 1e-10, str(check)
    return net


def test_network_every_row_has_a_case_and_a_formula() -> None:
    own = {name: row for name, row in table().items() if "::" not in name}  # the README's example registers more
    assert set(OPERATIONS) | set(WORDS) == set(own)
    for row in own.values():
        assert row.kind in KINDS and row.formula.strip(), row.name
        assert (row.rule is None) == (row.kind == "control"), row.name


@pytest.mark.filterwarnings("ignore:.*draws random numbers:netgraph.NetgraphWarning")
@pytest.mark.parametrize("front", ["units", "channels"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_network_every_row_is_exact(name: str, front: str, accelerated: None) -> None:
    case = OPERATIONS[name]
    if front == "channels" and len(case.shape) == 1:
        front = "units"  # units are channels there: once more, with other numbers
        torch.manual_seed(1)
    else:
        torch.manual_seed(0)
    model = Around(case, front)
    net = proven(model, model.inputs())
    tape, flowing = net.programs.program().tape, net.programs.numbering("channel").flowing
    where = tape.needed if table()[name].kind == "control" else flowing
    assert name in {call.name for call in tape.calls if call.index in where}


@pytest.mark.parametrize("name", WORDS)
def test_network_every_row_of_words_is_exact(name: str) -> None:
    torch.manual_seed(0)
    model = Words(name)
    net = proven(model, model.inputs())
    assert name in {call.name for call in net.programs.program().tape.calls}


def cell(kind: type[nn.Module]) -> Callable[[torch.Tensor], Any]:
    made: list[nn.Module] = []

    def step(h: torch.Tensor) -> Any:
        if not made:  # in float64, as all is here
            made.append(kind(6, 4))
        return made[0](h)

    return step


FORMS: dict[str, Case] = {
    "instance-norm": Case(lambda h: F.instance_norm(h, weight=c(2), bias=c(2, seed=1)), M),
    "instance-norm-1d": Case(F.instance_norm, T),
    "instance-norm-running": Case(lambda h: F.instance_norm(h, c(2), c(2, seed=1).abs() + 0.1, use_input_stats=False), M),
    "local-response-norm": Case(lambda h: F.local_response_norm(h, 2), M),
    "rms-norm": Case(lambda h: F.rms_norm(h, (4,), c(4)), T),
    "normalize": Case(lambda h: F.normalize(h, dim=1), M),
    "cosine": Case(lambda h, g: F.cosine_similarity(h, g, dim=1), S, two=True),
    "norm-1": Case(lambda h: h.norm(p=1, dim=1), T),
    "norm-infinity": Case(lambda h: h.norm(p=float("inf"), dim=1), T),
    "frobenius": Case(torch.linalg.matrix_norm, T),
    "standardised": Case(lambda h: (h - h.mean(1, keepdim=True)) / h.std(1, keepdim=True), S),
    "attention-pooling": Case(lambda h: (h.softmax(1) * h).sum(1), T),
    "softmax-plus-value": Case(lambda h, g: h.softmax(1) + g, S, two=True),
    "softmax-of-channels": Case(lambda h: nn.Softmax2d()(h), M),
    "softmin": Case(lambda h: F.softmin(h, dim=1), S),
    "relative-values": Case(lambda h, g: (h @ g.transpose(1, 2)).softmax(-1) @ g + (h @ g.transpose(1, 2)).softmax(-1) @ c(3, 4), T, two=True),
    "slots": Case(lambda h, g: (lambda a: (a / a.sum(1, keepdim=True)) @ g)((h @ g.transpose(1, 2)).softmax(-1)), T, two=True),
    "attention": Case(lambda h, g: F.scaled_dot_product_attention(h, g, g, is_causal=True), T, two=True),
    "masked-by-rank": Case(lambda h: h * (h >= h.topk(3, 1)[0][:, -1:]), S),
    "sorted-places": Case(lambda h: torch.take_along_dim(h, h.argsort(1), 1), S),
    "largest-place": Case(lambda h: h.gather(1, h.max(1, keepdim=True)[1]), S),
    "quantile": Case(lambda h: h.quantile(0.3, 1), S),
    "lp-pool": Case(lambda h: F.lp_pool2d(h.abs(), 3, 2), M),
    "adaptive-max-1d": Case(lambda h: F.adaptive_max_pool1d(h, 2), T),
    "max-pool-1d": Case(lambda h: F.max_pool1d(h, 2), T),
    "average-1d": Case(lambda h: F.avg_pool1d(h, 3, 1, 1), T),
    "adaptive-1d": Case(lambda h: F.adaptive_avg_pool1d(h, 2), T),
    "circular": Case(lambda h: F.conv2d(F.pad(h, (1, 1, 1, 1), mode="circular"), c(3, 2, 3, 3)), M),
    "transposed-1d": Case(lambda h: F.conv_transpose1d(h, c(3, 2, 3), c(2), stride=2), T),
    "transposed-3d": Case(lambda h: F.conv_transpose3d(h, c(2, 3, 2, 2, 2), c(3)), V),
    "conv-1d-grouped": Case(lambda h: F.conv1d(h, c(3, 1, 2), groups=3, dilation=2), T),
    "conv-3d": Case(lambda h: F.conv3d(h, c(3, 2, 2, 2, 2), c(3), padding=1), V),
    "lstm-cell": Case(cell(nn.LSTMCell), S),
    "gru-cell": Case(cell(nn.GRUCell), S),
    "rnn-cell": Case(cell(nn.RNNCell), S),
    "einsum-two": Case(lambda h, g: torch.einsum("nij,nkj->nik", h, g), T, two=True),
    "einsum-constant": Case(lambda h: torch.einsum("nij,ijk->nk", h, c(3, 4, 2)), T),
    "tensordot": Case(lambda h: torch.tensordot(h, c(4, 5), 1), T),
    "outer": Case(rows(torch.outer), S, two=True),
    "matrix-by-matrix": Case(rows(lambda a, b: a.t() @ b), T, two=True),
    "kronecker": Case(rows(lambda v: torch.kron(v, c(2))), S),
    "covariance": Case(rows(torch.cov), T),
    "difference": Case(lambda h: h.diff(dim=2), M),
    "bilinear-constant": Case(lambda h: F.bilinear(h, c(1, 5).expand(len(h), 5), c(3, 6, 5)), S),
    "bilinear-constant-left": Case(lambda h: F.bilinear(c(1, 5).expand(len(h), 5), h, c(3, 5, 6)), S),
    "interpolated-constant": Case(lambda h: torch.lerp(c(6), h, 0.3) + torch.lerp(h, c(6, seed=1), c(6, seed=2)), S),
    "distance-to-centres": Case(lambda h: torch.exp(-torch.cdist(h[:, None], c(1, 5, 6)).square()), S),
    "base-power": Case(lambda h: 2.0**h + (h.abs() + 0.1) ** c(6) + (h.abs() + 0.1) ** -1.5, S),
    "straight-through": Case(lambda h: h + (h.round() - h).detach(), S),
    "binary": Case(lambda h: F.linear(h.sign(), c(4, 6)), S),
    "divided-down": Case(lambda h: torch.div(h, 0.3, rounding_mode="floor"), S),
    "repeated": Case(lambda h: h.repeat_interleave(torch.tensor([1, 2]), 1), M),
    "tiled": Case(lambda h: h.tile(1, 1, 2, 1), M),
    "padded-pooled": Case(lambda h: F.max_pool2d(F.pad(h, (1, 1, 1, 1)), 2), M),
    "padded-added": Case(lambda h: F.pad(h[:, :, 1:], (0, 0, 1, 0)) + h, M),
    "states-added": Case(lambda h, g: torch.relu(h[:, :1] + torch.arange(6.0) - 2) + g, S, two=True),
    "states-multiplied": Case(lambda h, g: torch.relu(h[:, :1] + torch.arange(6.0) - 2) * g, S, two=True),
    "states-joined": Case(lambda h, g: torch.cat([h[:, :3].relu(), (-h[:, :3]).relu()], 1) + g, S, two=True),
    "states-linear": Case(lambda h: torch.relu(h[:, None] + torch.arange(5.0)[:, None] - 2) @ c(6, 3), S),
    "states-summed": Case(lambda h: torch.relu(h[:, None] + torch.arange(5.0)[:, None] - 2).sum(2), S),
    "states-attended": Case(lambda h, g: (h[:, :3] @ g[:, :3].transpose(1, 2)).softmax(2) @ torch.relu(g[:, :1] + torch.arange(3.0)[:, None] - 1), T, two=True),
    "states-normed": Case(lambda h: F.layer_norm(torch.relu(h[:, :1] + torch.arange(6.0) - 2), (6,)), S),
    "trace-of-product": Case(rows(lambda m: torch.trace(m @ m)), Q),
    "several-products": Case(lambda h: h.prod(2) + h[:, :, :1].prod(2), T),
}  # fmt: skip
"""Ways to write things that meet several rows, or one in another form."""


@pytest.mark.parametrize("front", ["units", "channels"])
@pytest.mark.parametrize("name", FORMS)
def test_network_other_forms_are_exact(name: str, front: str) -> None:
    torch.manual_seed(0)
    model = Around(FORMS[name], front)
    proven(model, model.inputs())


@pytest.mark.filterwarnings("ignore:.*")
@pytest.mark.parametrize(
    ("op", "two", "words"),
    [
        (lambda h: h.cumprod(1), False, r"aten::cumprod \(test_network_operations.py:\d+\) has no rule.*register_operation\('cumprod', rule"),
        (lambda h, g: (h.abs() + 1) ** g, True, r"aten::pow .*joins 2 tensors that depend on the input.*register_operation\('pow'"),
        (lambda h: h[h > -9].reshape(len(h), -1), False, "picks elements by values that depend on the input"),
        (lambda h: (h > 0).to(h.dtype), False, "no value flows from the input to the output: aten::gt"),
        (lambda h: torch.fft.rfft(h).abs(), False, "no value flows from the input to the output: aten::_fft_r2c"),
        (lambda h: h.norm(p=0, dim=1), False, "counts what is not 0"),
        (lambda h: F.batch_norm(h, None, None, training=True), False, "statistics of the batch"),
        (lambda h: torch.zeros(len(h), 6).scatter_add(1, h.argsort(1), h), False, "picks elements by values"),
        (lambda h: torch.zeros(len(h), 2, 3).scatter_add(2, torch.tensor([[[0, 1, 2], [1, 0, 2]]]).expand(len(h), 2, 3), h.view(-1, 2, 3)), False, "use index_add"),
        (lambda h: torch.ops.aten._trilinear(h, c(1, 6), h, [], [], [], [1]), False, "nn.Bilinear's: write it with einsum"),
    ],
)  # fmt: skip
def test_network_what_has_no_exact_rule_teaches(op: Any, two: bool, words: str) -> None:
    model = Around(Case(op, S, two))
    x = model.inputs()
    model(x)
    with pytest.raises(UnsupportedOperation, match=words):
        ng.trace(model, x).graph()


def test_network_a_softmax_flows_only_where_it_is_a_value() -> None:
    """Hand-worked: softmax((0, ln 3)) = (¼, ¾), its sum 4 held fixed; exp's secant has the constant share φ(0) = 1."""
    layer = nn.Linear(2, 1, bias=False)
    layer.weight.data = torch.tensor([[4.0, 8.0]])
    x = torch.tensor([[1.0, 3.0]]).log()
    graph = ng.trace(nn.Sequential(nn.Softmax(1), layer), x).graph("unit", inputs=x)
    assert graph.meta["target_value"] == pytest.approx(7.0)
    assert graph.columns["attribution"].sum() > 0
    pattern = ng.trace(lambda h: layer(h * h.softmax(1)), x)
    assert pattern.operations()["frozen"] == 1
    flow = pattern.graph("unit", inputs=x).blocks[0].values["attribution"]
    assert flow[0] == pytest.approx([0.0, 8.0 * 0.75 * float(x[0, 1])])


def test_network_a_norm_is_shared_by_squares() -> None:
    """‖(3, 4)‖ = 5 = 9/5 + 16/5."""
    graph = ng.trace(lambda x: x.norm(dim=1, keepdim=True), (2,)).graph("unit", inputs=torch.tensor([[3.0, 4.0]]))
    assert graph.columns["attribution"] == pytest.approx([1.8, 3.2, 5.0])


def test_network_batch_norm_of_batch_statistics_is_no_instance_norm() -> None:
    class Viewed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm2d(2, track_running_stats=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.norm(x.view(1, 2, 4, 4)).flatten(1)

    with pytest.raises(UnsupportedOperation, match="statistics of the batch"):
        ng.trace(Viewed().eval(), (2, 4, 4))
    assert ng.trace(nn.InstanceNorm2d(2, affine=True).eval(), (2, 4, 4)).verify(torch.randn(3, 2, 4, 4))


def test_network_inference_mode_inside_the_model() -> None:
    class Served(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(6, 4), nn.Linear(4, 3)

        @torch.inference_mode()
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.b(self.a(x).reshape(-1, 2, 2).flatten(1).relu())

    assert ng.trace(Served(), (6,)).verify(torch.randn(2, 6))


# -- the primitives, and rows that users add -------------------------------------------------------------


def test_network_the_primitives_are_documented_in_one_place() -> None:
    told = set(re.findall(r"^``run\.(\w+)\(", operations.__doc__ or "", re.M))
    used = set()
    for name in sorted(m for m in dir(operations) if inspect.ismodule(getattr(operations, m))):
        used |= set(re.findall(r"\brun\.(\w+)\(", inspect.getsource(getattr(operations, name))))
    assert used <= told
    for name in told:
        assert all(callable(getattr(pass_, name, None)) for pass_ in (Numbering, Replay, Probe)), name


@torch.library.custom_op("netgraph_test::steep", mutates_args=())
def steep(x: torch.Tensor, slope: float) -> torch.Tensor:
    return slope * x.clamp_min(0) + 0.5


@torch.library.custom_op("netgraph_test::project", mutates_args=())
def project(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return x @ weight.t()


def gate_rule(run: Any, call: Any, x: Any, slope: float) -> Any:
    """s·max(0, z) + ½"""
    return run.gate(x, lambda z: call.op(z, slope), "steep")


def linear_rule(run: Any, call: Any, x: Any, weight: Any) -> Any:
    return run.matmul(x, weight.t())


def test_network_registered_operations_are_seen_at_once(own_rows: dict[str, Any]) -> None:
    torch.manual_seed(0)
    layer, weight = nn.Linear(3, 4), c(2, 4)

    def model(x: torch.Tensor) -> torch.Tensor:
        return project(steep(layer(x), 2.0), weight)

    with pytest.raises(
        UnsupportedOperation,
        match=r"netgraph_test::steep \(test_network_operations.py:\d+\) has no rule.*register_operation\('netgraph_test::steep', rule, kind=…\)",
    ):
        ng.trace(model, torch.randn(1, 3))
    ng.register_operation("netgraph_test::steep", gate_rule, kind="gate")
    ng.register_operation("netgraph_test::project", linear_rule, kind="affine", formula="x·Wᵀ")
    net = ng.trace(model, torch.randn(1, 3))
    assert net.verify(torch.randn(3, 3))
    assert net.operations() == {"affine": 2, "gate": 1}
    graph = net.graph()
    assert [(b.source, b.target, b.shape) for b in graph.blocks][-1][2] == (2, 4)
    assert torch.equal(torch.from_numpy(graph.blocks[-1].weight), weight)
    assert own_rows["netgraph_test::steep"].formula == "s·max(0, z) + ½"
    assert own_rows["netgraph_test::project"].formula == "x·Wᵀ"


def test_network_an_aten_operation_without_a_row_can_be_registered(own_rows: dict[str, Any]) -> None:
    def rule(run: Any, call: Any, x: Any, dim: int, **options: Any) -> Any:
        """Π_{j ≤ i} x_j, the logarithm's slope held fixed."""
        return run.scale(x, run.frozen(lambda t: t.cumprod(dim) / t, x))

    ng.register_operation("aten::cumprod", rule, kind="normalise")
    assert ng.trace(nn.Sequential(nn.Linear(3, 4), Lambda(lambda h: h.cumprod(1)), nn.Linear(4, 2)), (3,)).verify()
    ng.register_operation("netgraph_test::looked", None, kind="control")
    assert own_rows["netgraph_test::looked"].rule is None


class Lambda(nn.Module):
    def __init__(self, call: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.call = call

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.call(x)


def test_network_a_wrong_rule_fails_the_proof(own_rows: dict[str, Any]) -> None:
    def halved(run: Any, call: Any, x: Any, weight: Any) -> Any:
        return run.matmul(x, weight.t() / 2)

    ng.register_operation("netgraph_test::project", halved, kind="affine")
    check = ng.trace(lambda x: project(x, c(2, 3)), torch.randn(1, 3)).verify()
    assert not check and check.forward_error > 0.1


def test_network_registrations_that_cannot_be(own_rows: dict[str, Any]) -> None:
    with pytest.raises(UnknownName, match="unknown kind of operation 'gates': did you mean 'gate'"):
        ng.register_operation("netgraph_test::steep", gate_rule, kind="gates")
    with pytest.raises(OperationError, match=r"'relu' has a row already \(gate: .*replace=True"):
        ng.register_operation("relu", gate_rule, kind="gate")
    with pytest.raises(
        OperationError, match=r"gate_rule\(run.*cannot take the operation's arguments: write rule\(run, call, x\)|self"
    ):
        ng.register_operation("aten::special_erfcx", gate_rule, kind="gate")
    with pytest.raises(OperationError, match=r"write rule\(run, call, x, slope\)"):
        ng.register_operation("netgraph_test::steep", lambda run, call: None, kind="gate")
    with pytest.raises(OperationError, match=r"cannot be called as rule\(run, call, x\)"):
        ng.register_operation("netgraph_test::not_there_yet", lambda x: x, kind="gate")
    with pytest.raises(OperationError, match="the rule is str, expected a function"):
        ng.register_operation("netgraph_test::steep", "relu", kind="gate")  # type: ignore[arg-type]
    with pytest.raises(OperationError, match="the rule is NoneType"):
        ng.register_operation("netgraph_test::steep", None, kind="gate")
    with pytest.raises(OperationError, match="no value flows through an operation of kind 'control'"):
        ng.register_operation("netgraph_test::steep", gate_rule, kind="control")
    assert "netgraph_test::steep" not in own_rows
    ng.register_operation("relu", lambda run, call, x: run.gate(x, call.op, "mine"), kind="gate", replace=True)
    net = ng.trace(nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1)), (3,))
    assert net.graph().layers[1].activation == "mine" and net.verify()


def test_network_elementwise_without_a_row_warns_with_its_name() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ng.trace(nn.Sequential(nn.Linear(3, 2), Lambda(torch.special.erfcx)), (3,))
    assert any("aten::special_erfcx" in str(w.message) and "secant" in str(w.message) for w in caught)


@pytest.mark.parametrize(
    ("op", "exact"),
    [
        (lambda h, g: h.relu() + 2 * g, True),
        (lambda h, g: F.layer_norm(h, (6,)), False),
        (lambda h, g: torch.maximum(h, g), False),
        (lambda h, g: h * g, False),
        (lambda h, g: h.norm(dim=1), False),
        (lambda h, g: h.amax(1), False),
        (lambda h, g: h.softmax(1), False),
    ],
)
def test_network_weights_alone_say_where_they_need_an_input(op: Any, exact: bool) -> None:
    model = Around(Case(op, S, two=True))
    x = model.inputs()
    model(x)
    net = ng.trace(model, x)
    assert net.graph().meta["exact"] == exact
    assert net.graph(inputs=x[:1], target=0).meta["exact"]
