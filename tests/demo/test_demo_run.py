"""The demo itself: what it promises is there, exact, and true of the files it names."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import netgraph as ng
from netgraph.demo.refresh import KEPT
from netgraph.demo.run import demo
from netgraph.demo.steps import Finding
from netgraph.demo.verdicts import agreement, recognised

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Finding], list[float]]:
    folder, shares = tmp_path_factory.mktemp("demo") / "out", []
    findings = demo(folder, epochs=10, progress=lambda text, share: shares.append(share))
    return folder, findings, shares


def value(findings: list[Finding], network: str, what: str) -> str:
    return next(f.value for f in findings if f.network == network and f.what.startswith(what))


def test_demo_every_file_that_it_names_is_there(done: tuple[Path, list[Finding], list[float]]) -> None:
    folder, findings, shares = done
    assert {f.network for f in findings} == {"mlp", "cnn"}
    for finding in findings:
        assert not finding.file or (folder / finding.file).exists(), finding
    assert shares == sorted(shares) and (shares[0], shares[-1]) == (0.0, 1.0)


@pytest.mark.parametrize("network", ["mlp", "cnn"])
def test_demo_says_what_is_so(done: tuple[Path, list[Finding], list[float]], network: str) -> None:
    folder, findings, _ = done
    assert float(value(findings, network, "test accuracy").split("%")[0]) > 90
    assert float(value(findings, network, "largest error").split(",")[0]) <= 1e-10
    assert value(findings, network, "largest error").endswith("exact")
    vertices, edges = (pd.read_csv(folder / network / "graph" / f"{name}.csv") for name in ("vertices", "edges"))
    assert value(findings, network, "graph") == f"{len(vertices):,} vertices, {len(edges):,} edges"
    assert {"module", "strength", "pagerank", "betweenness"} <= set(vertices.columns)
    assert int(value(findings, network, "modules").split(",")[0]) == (
        vertices.module.nunique() - (-1 in set(vertices.module))
    )
    about = ng.read_graph(folder / network / "graph").meta
    assert value(findings, network, "modules").endswith(f"stability {about['modules_stability']:.2f}")
    assert value(findings, network, "do other seeds agree") == agreement(about["modules_stability"])
    paths = pd.read_csv(folder / network / "paths.csv")
    assert value(findings, network, "strongest path") == paths.vertices[0]
    assert float(value(findings, network, "its share").strip("%")) == pytest.approx(100 * paths.share[0], abs=0.01)
    assert value(findings, network, "circuit").split()[0].replace(",", "") == str(
        len(pd.read_csv(folder / network / "circuit" / "edges.csv"))
    )
    evidence = (folder / network / "circuit.txt").read_text()
    assert (
        value(findings, network, "its faithfulness").split()[0]
        == f"{float(evidence.split('circuit   ')[1].split()[0]):.2f}"
    )


@pytest.mark.parametrize(
    ("stability", "word"),
    [(-0.1, "poor"), (0.64, "poor"), (0.65, "moderate"), (0.8, "good"), (0.9, "excellent"), (1.0, "exc")],
)
def test_demo_words_for_an_agreement(stability: float, word: str) -> None:
    assert agreement(stability).startswith(word)


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), st.integers(0, 300), st.data())
def test_demo_counts_come_back_from_rates(members: tuple[int, int], others: int, draw: st.DataObject) -> None:
    (all_members, rightly), wrongly = members, draw.draw(st.integers(0, others))
    accuracy = (rightly + others - wrongly) / (all_members + others)
    rate = wrongly / others if others else float("nan")
    assert recognised(accuracy, rate, all_members, others) == (rightly, wrongly)


@pytest.mark.parametrize("network", ["mlp", "cnn"])
def test_demo_says_whom_the_circuit_takes_for_its_digit(
    done: tuple[Path, list[Finding], list[float]], network: str
) -> None:
    rightly, members, wrongly, others = map(int, re.findall(r"\d+", value(done[1], network, "what it calls a 3")))
    assert 0 <= rightly <= members and 0 <= wrongly <= others and members + others == 150
    row = (done[0] / network / "circuit.txt").read_text().split("circuit   ")[1].split()
    assert row[1] == "±"  # faithfulness and its error, then accuracy
    accuracy = float(row[3])
    assert (rightly + others - wrongly) / 150 == pytest.approx(accuracy, abs=1e-4)


@pytest.mark.parametrize("network", ["mlp", "cnn"])
def test_demo_circuit_is_better_than_chance(done: tuple[Path, list[Finding], list[float]], network: str) -> None:
    found, random = map(float, re.findall(r"-?\d+\.\d+", value(done[1], network, "its faithfulness")))
    assert found > random


@pytest.mark.parametrize("network", ["mlp", "cnn"])
def test_demo_pages_need_nothing_from_elsewhere(done: tuple[Path, list[Finding], list[float]], network: str) -> None:
    for page in ("graph", "image", "circuit"):
        text = (done[0] / network / f"{page}.html").read_text(encoding="utf-8")
        assert not re.search(r"(?:src|href)\s*=\s*[\"']?(?:https?:)?//", text)


def test_demo_leaves_what_the_command_line_needs(done: tuple[Path, list[Finding], list[float]]) -> None:
    folder = done[0]
    held = np.load(folder / "test.npz")
    for network, name in (("mlp", "MLP"), ("cnn", "CNN")):
        net = ng.load_network(folder / network / "weights.safetensors", model=f"{folder / 'nets.py'}:{name}")
        right = (net(torch.from_numpy(held["inputs"])).argmax(1).numpy() == held["labels"]).mean()
        assert value(done[1], network, "test accuracy").startswith(f"{right:.2%}")


def test_demo_same_seed_finds_the_same(done: tuple[Path, list[Finding], list[float]], tmp_path: Path) -> None:
    again = demo(tmp_path / "again", epochs=10)
    assert again == done[1]


def test_demo_networks_too_poor_to_look_at_are_told(tmp_path: Path) -> None:
    from netgraph.errors import AnalysisError

    with pytest.raises(AnalysisError, match="train it longer"):
        demo(tmp_path, epochs=0)


def test_demo_examples_in_data_are_what_it_makes() -> None:
    data = ROOT / "data"
    for name in KEPT:
        assert (data / name).exists(), f"data/{name}: run scripts/demo --refresh-data"
    assert (data / "nets.py").read_bytes() == (ROOT / "netgraph" / "demo" / "nets.py").read_bytes()
    for network, name in (("mlp", "MLP"), ("cnn", "CNN")):
        kept = ng.read_graph(data / network / "graph")
        net = ng.load_network(data / network / "weights.safetensors", model=f"{data / 'nets.py'}:{name}")
        for mine, theirs in zip(kept.blocks, net.graph().blocks, strict=True):
            assert np.array_equal(np.asarray(mine.weight), np.asarray(theirs.weight))
        for file in (data / network / "graph").iterdir():
            assert file.stat().st_size < 600_000
