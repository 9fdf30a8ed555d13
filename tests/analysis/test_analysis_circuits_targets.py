"""What circuits are for: every kind of target, the inputs that it is about, and how it is judged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from circuit_networks import dense, pairs, residual, three_classes
from torch import nn

import netgraph as ng
from netgraph.analysis.circuits.judging import Judge
from netgraph.analysis.circuits.targets import label_array, of_each, resolve, take
from netgraph.errors import AnalysisError, InputError, UnknownName

LOGITS = np.array([[1.0, 2.0, 6.0], [4.0, 1.0, 0.0], [0.0, 3.0, 1.0], [5.0, 5.0, 9.0]])
CALLED = [2, 0, 1, 2]
LABELS = [2, 2, 1, 0]


def judge(target: Any, labels: Any = None) -> Judge:
    """The identity on three inputs: its logits are LOGITS."""
    net = dense([np.eye(3)])
    return Judge(net, net.graph(), LOGITS, labels, target, corrupted="zero")


@pytest.mark.parametrize(
    ("target", "values", "rows", "number"),
    [
        (2, [4.5, -2.5, -0.5, 4.0], [0, 1], 2),
        (np.int64(2), [4.5, -2.5, -0.5, 4.0], [0, 1], 2),
        (torch.tensor(2), [4.5, -2.5, -0.5, 4.0], [0, 1], 2),
        (("centred", 2), [4.5, -2.5, -0.5, 4.0], [0, 1], 2),
        (("logit", 1), [2, 1, 3, 5], [2], 1),
        ((2, 0), [5, -4, 1, 4], [0, 1], 2),
        ("label", [4.5, -2.5, 2.5, -2.0], [0, 1, 2, 3], None),
        ("prediction", [4.5, 3.5, 2.5, 4.0], [0, 1, 2, 3], None),
        ([0, 1, 1, 2], [-3, -1, 2.5, 4.0], [0, 1, 2, 3], None),
        (("centred", np.array([0, 1, 1, 2])), [-3, -1, 2.5, 4.0], [0, 1, 2, 3], None),
        ("linear_0:1", [2, 1, 3, 5], [0, 1, 2, 3], None),
        (lambda logits: logits[:, 0] * logits[:, 2], [6, 0, 0, 45], [0, 1, 2, 3], None),
    ],
)
def test_values_and_inputs_of_every_target(target: Any, values: Any, rows: Any, number: int | None) -> None:
    judged = judge(target, LABELS)
    assert judged.full.values.tolist() == pytest.approx(values)
    assert judged.target.rows.tolist() == rows
    assert judged.target.number == number
    assert judged.target.classes is not None and judged.target.classes.tolist() == LABELS
    about_all = callable(target) or (isinstance(target, str) and ":" in target)
    assert judged.measured_by == ("deviation" if about_all else "target")
    chosen = np.arange(9)
    assert judged.faithfulness(judged.run(chosen)) == pytest.approx(1)
    assert judged.faithfulness(judged.nothing) == 0


def test_without_labels_a_class_is_what_the_network_calls_so() -> None:
    for target, rows in ((2, [0, 3]), ((0, 1), [1]), ("prediction", [0, 1, 2, 3])):
        found = resolve(target, LOGITS)
        assert found.rows.tolist() == rows and found.classes is not None and found.classes.tolist() == CALLED


def test_names_say_what_is_aimed_at() -> None:
    def product(logits: Any) -> Any:
        return logits[:, 0] * logits[:, 1]

    named = {
        "centred logit 2": 2,
        "logit 1": ("logit", 1),
        "logit 2 minus logit 0": (2, 0),
        "the label's logit, centred": "label",
        "the prediction's logit, centred": "prediction",
        "the logit of a class per input, centred": [0, 1, 1, 2],
        "linear_0:1": "linear_0:1",
        "product": product,
    }
    assert {resolve(target, LOGITS, LABELS).name: target for target in named.values()} == named
    for target in (None, 0, ("logit", 0), ("centred", 0)):
        alone = resolve(target, LOGITS[:, :1])
        assert (alone.name, alone.classes, alone.rows.tolist()) == ("the output", None, [0, 1, 2, 3])


def test_bad_targets_are_answered_by_name() -> None:
    with pytest.raises(AnalysisError, match=r"class 3 does not exist.*0 … 2"):
        resolve(3, LOGITS)
    with pytest.raises(AnalysisError, match=r"class -1 does not exist"):
        resolve(("logit", -1), LOGITS)
    with pytest.raises(AnalysisError, match="the classes of target= hold 7, which is no class"):
        resolve([0, 1, 7, 2], LOGITS)
    with pytest.raises(AnalysisError, match=r"3 outputs: say which one the circuit is for, target=a class number"):
        resolve(None, LOGITS)
    for target in ("cat", ("logits", 1), ("logit", [0, 1, 1, 2]), True, 1.0, (1, 2, 3), {}):
        with pytest.raises(AnalysisError, match=r"target=.* is none that a circuit can be judged by; expected a class"):
            resolve(target, LOGITS)
    with pytest.raises(AnalysisError, match=r"target=\(1, 1\): a logit minus itself is 0; expected two classes"):
        resolve((1, 1), LOGITS)
    with pytest.raises(AnalysisError, match="needs a label for each input: pass labels="):
        resolve("label", LOGITS)
    with pytest.raises(AnalysisError, match="a class per input, and the network has a single output"):
        resolve("prediction", LOGITS[:, :1])
    with pytest.raises(AnalysisError, match=r"the classes of target= have shape \(2,\), the inputs need \(4,\)"):
        resolve([0, 1], LOGITS)
    with pytest.raises(AnalysisError, match=r"the classes of target= are float64: expected whole class numbers"):
        resolve([0.5, 1, 2, 0], LOGITS)
    with pytest.raises(AnalysisError, match=r"none of the 4 inputs has the label 1"):
        resolve(1, LOGITS, [0, 0, 2, 2])
    with pytest.raises(AnalysisError, match=r"none of the 1 inputs is called 1"):
        resolve(1, LOGITS[:1])
    with pytest.raises(AnalysisError, match=r"outputs have shape \(4, 3, 1\).*a model that gives one row an input"):
        resolve(0, LOGITS[:, :, None])


def test_labels_are_checked() -> None:
    with pytest.raises(AnalysisError, match=r"labels have shape \(3,\), the inputs need \(4,\)"):
        resolve(0, LOGITS, [0, 1, 2])
    with pytest.raises(AnalysisError, match=r"labels have shape \(4, 3\)"):
        resolve(0, LOGITS, np.eye(3)[CALLED])
    with pytest.raises(AnalysisError, match="labels are <U1: expected whole class numbers, one per input"):
        resolve(0, LOGITS, list("abca"))
    for labels in ([1, 2, 3, 1], [0, -1, 0, 0]):
        for what, asked in (("labels", (0, LOGITS, labels)), ("the classes of target=", (labels, LOGITS))):
            with pytest.raises(
                AnalysisError, match=f"{what} hold (3|-1), which is no class.*outputs 0 … 2, and classes"
            ):
                resolve(*asked)
    assert label_array(torch.tensor([0, 1]), 2).tolist() == [0, 1]
    assert label_array([0.0, 2.0], 2).tolist() == [0, 2]
    single = dense([[[1.0, 1.0]]])
    with pytest.raises(AnalysisError, match=r"labels have shape \(3,\)"):
        Judge(single, single.graph(), np.eye(2), [0, 1, 2], None)


def test_models_are_to_be_traced_first() -> None:
    net, inputs, labels = three_classes()
    found = ng.circuit(net, inputs, labels, target=0, edges=6)
    with pytest.raises(AnalysisError, match=r"net is a Linear: expected a network that was traced, net = ng\.trace"):
        ng.circuit(nn.Linear(6, 3), inputs, labels, target=0)  # type: ignore[arg-type]
    with pytest.raises(AnalysisError, match="net is a Graph: expected a network that was traced"):
        ng.faithfulness(found, net.graph(), inputs, labels)  # type: ignore[arg-type]


def test_lists_of_classes_are_told_from_pairs() -> None:
    assert [of_each(t) for t in ([0, 1], np.array([0, 1]), torch.tensor([0]), ("centred", [0, 1]))] == [True] * 4
    assert not any(of_each(t) for t in (0, (0, 1), ("centred", 1), ("logit", [0, 1]), "label", None, len))


# -- circuits ----------------------------------------------------------------------------------------


def test_a_class_per_input_is_held_out_with_its_input() -> None:
    net, inputs, labels = three_classes()
    by_label = ng.circuit(net, inputs, labels, target="label", edges=9, held_out=0.25)
    for classes in (labels, labels.tolist(), ("centred", torch.from_numpy(labels))):
        listed = ng.circuit(net, inputs, labels, target=classes, edges=9, held_out=0.25)
        assert listed.scores.equals(by_label.scores)
        assert listed.evidence.baselines.equals(by_label.evidence.baselines)
    with pytest.raises(AnalysisError, match="those held out have none: pass labels and target='label', or a share"):
        ng.circuit(net, inputs, labels, target=labels, held_out=(inputs[:9], labels[:9]))


def test_a_class_per_input_is_asked_for_again_at_other_inputs() -> None:
    net, inputs, labels = three_classes()
    found = ng.circuit(net, inputs[:80], labels[:80], target=labels[:80], edges=9)
    with pytest.raises(AnalysisError, match=r"say which class these inputs have, target=\[…\]"):
        ng.faithfulness(found, net, inputs[80:], labels[80:])
    evidence = ng.faithfulness(found, net, inputs[80:], labels[80:], target=labels[80:])
    assert evidence.faithfulness == ng.faithfulness(found, net, inputs[80:], labels[80:], target="label").faithfulness
    other = ng.faithfulness(found, net, inputs[80:], labels[80:], target=2)
    assert other.settings["target"] == "centred logit 2"


def test_every_inputs_own_class_has_the_edges_of_all_classes() -> None:
    net, inputs, labels = three_classes()
    found = ng.circuit(net, inputs, labels, target="label", edges=18)
    assert pairs(found) == {
        pair
        for c in range(3)
        for h in (2 * c, 2 * c + 1)
        for pair in (
            (f"input:{2 * c}", f"linear_0:{h}"),
            (f"input:{2 * c + 1}", f"linear_0:{h}"),
            (f"linear_0:{h}", f"linear_2:{c}"),
        )
    }
    assert found.evidence.faithfulness > 0.9
    assert found.evidence.accuracy == 1
    assert found.evidence.false_positive_rate == 0


@pytest.mark.parametrize(("granularity", "vertex"), [("channel", "inner:3"), ("unit", "inner:3")])
def test_circuits_for_an_inner_vertex_end_there(granularity: str, vertex: str) -> None:
    net, inputs, labels = residual()
    found = ng.circuit(net, inputs, labels, target=vertex, edges=10, granularity=granularity)
    assert 0 < len(found) <= 10
    assert {target for _, target in pairs(found)} <= {vertex, *(f"first:{i}" for i in range(6))}
    assert vertex in set(found.graph.ids)
    assert found.evidence.settings["measured_by"] == "deviation"
    assert found.evidence.baselines.loc["random 1", "faithfulness"] <= found.evidence.faithfulness <= 1
    others = ["accuracy", "false_positive_rate", "kl"]  # of the classes, which lie behind the cut
    assert found.evidence.baselines[others].isna().all(axis=None)
    assert np.isnan([getattr(found.evidence, name) for name in others]).all()
    whole = ng.circuit(net, inputs, labels, target=vertex, edges=10_000, granularity=granularity)
    assert len(whole) == 6 + 6 * 5  # all that leads there
    assert whole.evidence.faithfulness == pytest.approx(1)
    assert {path[-1] for path in found.paths()["vertices"]} == {vertex}
    with pytest.raises(InputError, match="target 'inner:33' is no vertex"):
        ng.circuit(net, inputs, labels, target="inner:33")
    with pytest.raises(UnknownName, match="unknown layer 'iner' in target 'iner:3': did you mean 'inner'"):
        ng.circuit(net, inputs, labels, target="iner:3")
    with pytest.raises(AnalysisError, match="vertex 'input:1': no edge leads there"):
        ng.circuit(net, inputs, labels, target="input:1")


def test_functions_of_the_outputs_are_targets() -> None:
    net, inputs, labels = three_classes()
    one = ng.circuit(net, inputs, labels, target=lambda logits: logits[:, 0] - logits[:, 2], edges=12)
    assert {source for source, _ in pairs(one) if source.startswith("input")} == {f"input:{i}" for i in (0, 1, 4, 5)}
    assert one.evidence.settings["measured_by"] == "deviation"
    assert one.evidence.faithfulness > 0.9
    with pytest.raises(InputError, match="target gave 3 numbers for 120 inputs"):
        ng.circuit(net, inputs, labels, target=lambda logits: logits.mean(0))


def test_logits_in_another_order_keep_their_vertex() -> None:
    class Turned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 3, bias=False)
            self.fc.weight.data = torch.diag(torch.tensor([1.0, 2.0, 4.0]))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(x)[:, [2, 0, 1]]

    net, inputs = ng.trace(Turned().eval(), (3,)), torch.tensor([[1.0, 2.0, 3.0], [2.0, 1.0, 1.0], [1.0, 1.0, 0.5]])
    for c, vertex in ((0, "fc:2"), (1, "fc:0"), (2, "fc:1")):
        found = ng.circuit(net, inputs, [c] * 3, target=("logit", c), edges=1, corrupted="zero")
        assert pairs(found) == {(vertex.replace("fc", "input"), vertex)}
        assert found.paths()["vertices"].tolist() == [(vertex.replace("fc", "input"), vertex)]


def test_inputs_may_be_nested_lists_or_a_tuple_of_arrays() -> None:
    net, inputs, labels = three_classes()
    expected = ng.circuit(net, inputs, labels, target=1, edges=6).scores
    assert ng.circuit(net, inputs.tolist(), labels.tolist(), target=1, edges=6).scores.equals(expected)
    assert ng.circuit(net, torch.from_numpy(inputs), torch.from_numpy(labels), target=1, edges=6).scores.equals(
        expected
    )
    rows = np.array([0, 2])
    assert [part.tolist() for part in take((np.arange(3), np.arange(3) * 2), rows, 3)] == [[0, 2], [0, 4]]
    assert take({"x": np.arange(3)}, rows, 3)["x"].tolist() == [0, 2]
    assert take([[1, 2], [3, 4], [5, 6]], rows, 3).tolist() == [[1, 2], [5, 6]]
    assert take(inputs, np.arange(len(inputs)), len(inputs)) is inputs
    with pytest.raises(InputError, match="no inputs"):
        ng.circuit(net, inputs[:0], target=1)
