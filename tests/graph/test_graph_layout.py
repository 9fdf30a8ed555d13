"""Where vertices are drawn: order inside a layer, columns, sizes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
import torch
from graph_strategies import layered_graphs
from hypothesis import given, settings
from torch import nn

import netgraph as ng
from netgraph import write_graph
from netgraph.errors import GraphError
from netgraph.graph import ordering
from netgraph.graph.convolution import Convolution
from netgraph.graph.graph import Block, Graph, Layer
from netgraph.graph.layout import Places, layout, places
from netgraph.graph.ordering import slots

Array = np.ndarray[Any, Any]


def random_chain(*sizes: int, seed: int = 0) -> Graph:
    rng = np.random.default_rng(seed)
    return Graph.from_matrices([rng.standard_normal((b, a)) for a, b in itertools.pairwise(sizes)])


def sides(graph: Graph, found: Places) -> Array:
    return np.repeat(found.cell, [layer.size for layer in graph.layers])


def extent(graph: Graph, found: Places, layer: Layer | None = None) -> tuple[float, float]:
    """(width, height) of the graph or of a layer, squares included."""
    at = slice(None) if layer is None else layer.vertices
    half = sides(graph, found)[at] / 2
    x, y = found.x[at], found.y[at]
    return float((x + half).max() - (x - half).min()), float((y + half).max() - (y - half).min())


def edge_length(graph: Graph, y: Array) -> float:
    table = [
        (abs(w), y[graph.layer(b.source).start + s] - y[graph.layer(b.target).start + t])
        for b in graph.blocks
        for (t, s), w in np.ndenumerate(b.weight)
    ]
    return sum(w * abs(d) for w, d in table)


# -- the order inside a layer ---------------------------------------------------------------------------


def test_a_permuted_identity_is_drawn_without_a_crossing() -> None:
    order = np.array([3, 0, 4, 1, 2])
    identity = np.eye(5)
    graph = Graph.from_matrices([identity[order], identity[:, order]])  # hidden unit i: input and output order[i]
    assert slots(graph)[1].tolist() == order.tolist()
    _, y = layout(graph)
    assert y[5:10].tolist() == y[:5][order].tolist()
    assert edge_length(graph, y) < 1e-9
    _, kept = layout(graph, order="index")
    # index order: each hidden unit is |i - order[i]| steps from both of its neighbours: 3 + 1 + 2 + 2 + 2, twice
    assert edge_length(graph, kept) == pytest.approx(7.0 * 2 * 10)


def test_a_deep_permuted_identity_is_found_in_one_pass() -> None:
    rng = np.random.default_rng(3)
    orders = [np.arange(30), *(rng.permutation(30) for _ in range(4)), np.arange(30)]
    weights = [np.eye(30)[after][:, before] for before, after in itertools.pairwise(orders)]
    noisy = [w + 0.2 * rng.random(w.shape) for w in weights]
    assert [s.tolist() for s in slots(Graph.from_matrices(noisy))] == [order.tolist() for order in orders]


@pytest.mark.parametrize("seed", range(5))
def test_the_order_is_never_worse_than_the_index(seed: int) -> None:
    graph = random_chain(9, 14, 11, 6, seed=seed)
    search = ordering._Sweep(graph)
    before = search._length()
    found = search.run()
    for i, slot in enumerate(found):
        search.slots[i] = slot
        search.y[i] = search._heights(i)
    assert search._length() < before
    assert all(sorted(slot.tolist()) == list(range(len(slot))) for slot in found)


def test_inputs_and_outputs_keep_their_order() -> None:
    graph = random_chain(12, 9, 7)
    first, hidden, last = slots(graph)
    assert first.tolist() == list(range(12))
    assert hidden.tolist() != list(range(9))
    assert last.tolist() == list(range(7))
    assert [slot.tolist() for slot in slots(graph, "index")] == [list(range(n)) for n in (12, 9, 7)]


def test_modules_come_first_and_those_without_one_last() -> None:
    weights = [np.eye(6), np.eye(6)]
    module = [1, 0, 1, 0, -1, 0] * 3
    graph = Graph.from_matrices(weights).with_columns(module=module)
    first, hidden, last = slots(graph)
    assert first.tolist() == hidden.tolist() == [3, 0, 4, 1, 5, 2]
    assert last.tolist() == [0, 1, 2, 3, 4, 5]
    names = np.array(["b", "a", "b", "a", "c", "a"] * 3, dtype=object)
    assert slots(graph.with_columns(module=names))[1].tolist() == [3, 0, 4, 1, 5, 2]
    unknown = np.where(np.array(module) < 0, np.nan, module)
    assert slots(graph.with_columns(module=unknown))[1].tolist() == [3, 0, 4, 1, 5, 2]


def test_inside_a_module_the_barycentre_decides() -> None:
    swap = np.eye(4)[::-1]
    graph = Graph.from_matrices([swap, swap]).with_columns(module=[0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0])
    # hidden 3 and 1 (module 0) read inputs 0 and 2, hidden 2 and 0 (module 1) read 1 and 3
    assert slots(graph)[1].tolist() == [3, 1, 2, 0]


def test_sparse_and_dense_blocks_give_one_order() -> None:
    graph = random_chain(10, 20, 8, seed=4)
    sparse = Graph.from_matrices([sp.csr_array(block.weight) for block in graph.blocks])
    assert slots(graph)[1].tolist() == slots(sparse)[1].tolist()


def test_channels_of_feature_maps_move_as_whole_tiles() -> None:
    torch.manual_seed(0)
    first, second = nn.Conv2d(3, 3, 1, bias=False), nn.Conv2d(3, 3, 1, bias=False)
    swap = torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    with torch.no_grad():
        first.weight.copy_(swap[:, :, None, None])
        second.weight.copy_(swap.T[:, :, None, None])
    graph = ng.trace(nn.Sequential(first, second), (3, 4, 5)).graph(granularity="unit")
    assert [slot.tolist() for slot in slots(graph)] == [[0, 1, 2], [2, 0, 1], [0, 1, 2]]
    found = places(graph)
    assert found.picture == (True, True, True)
    hidden = graph.layers[1]
    x, y = (a[hidden.vertices].reshape(3, 4, 5) for a in (found.x, found.y))
    cell = found.cell[1]
    assert np.diff(x, axis=2) == pytest.approx(np.full((3, 4, 4), cell))
    assert np.diff(y, axis=1) == pytest.approx(np.full((3, 3, 5), -cell))
    assert y[1].min() > y[2].max() > y[2].min() > y[0].max()


@pytest.mark.parametrize(
    "module",
    [
        nn.Conv2d(4, 6, 3, padding=1, stride=2, bias=False),
        nn.Conv2d(4, 6, 3, groups=2, bias=False),
        nn.Conv2d(4, 8, 3, groups=4, dilation=2, bias=False),
        nn.ConvTranspose2d(4, 6, 3, stride=2, bias=False),
        nn.ConvTranspose2d(4, 6, 2, groups=2, bias=False),
    ],
)
def test_channels_are_pulled_by_the_sum_of_their_edges(module: nn.Module) -> None:
    weight = ng.trace(module, (4, 7, 7)).graph(granularity="unit").blocks[0].weight
    assert isinstance(weight, Convolution)
    edges = weight.toarray().astype(np.float64)
    targets = edges.shape[0] // weight.pattern.here
    summed = (edges**4).reshape(targets, weight.pattern.here, 4, 49).sum(axis=(1, 3))
    found = ordering._powers(weight) * np.abs(weight.kernel).max().astype(np.float64) ** 4
    assert found == pytest.approx(summed, rel=1e-5)


def test_a_convolution_pulls_as_its_list_does() -> None:
    torch.manual_seed(2)
    model = nn.Sequential(nn.Conv2d(2, 9, 3), nn.ReLU(), nn.Conv2d(9, 7, 1), nn.Flatten(), nn.Linear(7 * 36, 5))
    graph = ng.trace(model, (2, 8, 8)).graph(granularity="unit")
    assert isinstance(graph.blocks[0].weight, Convolution)
    found, listed = slots(graph), slots(graph.unrolled())
    assert found[1].tolist() == listed[1].tolist() != list(range(9))
    assert found[2].tolist() == listed[2].tolist()


def test_weights_that_are_no_numbers_do_not_disturb() -> None:
    weights = [np.eye(4)[::-1] * 1e300, np.eye(4)[::-1].copy()]
    weights[0][0, 0], weights[1][1, 0] = np.nan, np.nan
    graph = Graph.from_matrices(weights)
    assert slots(graph)[1].tolist() == [3, 2, 1, 0]
    infinite = Graph.from_matrices([np.where(np.eye(3)[::-1] > 0, np.inf, 0.0), np.zeros((3, 3))])
    assert slots(infinite)[1].tolist() == [2, 1, 0]


def test_above_the_limit_layers_keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = random_chain(12, 9, 7)
    monkeypatch.setattr(ordering, "MOST_EDGES", 100)
    assert slots(graph)[1].tolist() == list(range(9))
    marked = graph.with_columns(module=[0] * 12 + [1] + [0] * 8 + [0] * 7)
    assert slots(marked)[1].tolist() == [8, 0, 1, 2, 3, 4, 5, 6, 7]


def test_an_unknown_order_is_an_error_that_names_the_others() -> None:
    with pytest.raises(GraphError, match="unknown order 'indx': did you mean 'index'"):
        layout(random_chain(2, 2), order="indx")


def test_bias_vertices_pull_nothing() -> None:
    torch.manual_seed(1)
    net = ng.trace(nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 5)), (6,))
    plain, with_bias = net.graph(), net.graph(bias="vertex")
    order = {layer.name: slot.tolist() for layer, slot in zip(with_bias.layers, slots(with_bias), strict=True)}
    expected = {layer.name: slot.tolist() for layer, slot in zip(plain.layers, slots(plain), strict=True)}
    assert {name: order[name] for name in expected} == expected


# -- columns ----------------------------------------------------------------------------------------------


def dense_397k() -> Graph:
    return random_chain(784, 500, 10)


def digits_cnn(granularity: str = "channel") -> Graph:
    torch.manual_seed(0)
    model = nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU()),
        *(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 10)),
    )
    return ng.trace(model, (1, 8, 8)).graph(granularity=granularity)


def resnet18() -> Graph:
    """Sizes and links of torchvision's resnet18 at channel granularity, random weights."""
    rng = np.random.default_rng(0)
    layers: list[tuple[str, str, int]] = [("input", "input", 3), ("conv1", "conv", 64)]
    links: list[tuple[str, str]] = [("input", "conv1")]
    at = "conv1"
    for stage, size in enumerate((64, 128, 256, 512)):
        for unit in range(2):
            name, short = f"layer{stage + 1}.{unit}", at
            layers += [(f"{name}.conv1", "conv", size), (f"{name}.conv2", "conv", size)]
            links += [(at, f"{name}.conv1"), (f"{name}.conv1", f"{name}.conv2")]
            if stage and not unit:
                short = f"{name}.down"
                layers.append((short, "conv", size))
                links.append((at, short))
            layers.append((f"{name}.add", "skip", size))
            links += [(f"{name}.conv2", f"{name}.add"), (short, f"{name}.add")]
            at = f"{name}.add"
    layers.append(("fc", "linear", 1000))
    links.append((at, "fc"))
    starts = np.cumsum([0, *(size for _, _, size in layers)]).tolist()
    made = [
        Layer(name, name, kind, (size,) if kind == "linear" else (size, 8, 8), start, size)
        for (name, kind, size), start in zip(layers, starts, strict=False)
    ]
    size_of = {name: size for name, _, size in layers}
    return Graph(
        tuple(made),
        tuple(
            Block(a, b, "skip" if b.endswith("add") else "conv", rng.standard_normal((size_of[b], size_of[a])))
            for a, b in links
        ),
    )


GRAPHS: dict[str, Callable[[], Graph]] = {
    "784-500-10": dense_397k,
    "digits CNN": digits_cnn,
    "digits CNN, units": lambda: digits_cnn("unit"),
    "digits MLP": lambda: random_chain(64, 32, 32, 10),
    "MLP of 12 layers": lambda: random_chain(64, *[32] * 12, 10),
    "MLP of 30 columns": lambda: random_chain(8, *[64] * 28, 10),
    "resnet18": resnet18,
    "all wide": lambda: random_chain(1000, 500, 500, 500),
    "one image, one layer": lambda: random_chain(784, 10),
    "few vertices, deep": lambda: random_chain(*[3] * 20),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_the_picture_is_balanced(name: str) -> None:
    graph = GRAPHS[name]()
    found = places(graph)
    width, height = extent(graph, found)
    assert 1.2 <= width / height <= 2.4
    columns: dict[int, list[tuple[float, float]]] = {}
    for layer, column, cell in zip(graph.layers, found.columns, found.cell, strict=True):
        x = found.x[layer.vertices]
        columns.setdefault(column, []).append((x.min() - cell / 2, x.max() + cell / 2))
    spans = [(min(a for a, _ in c), max(b for _, b in c)) for _, c in sorted(columns.items())]
    assert sum(b - a for a, b in spans) <= 0.5 * width
    gaps = [after[0] - before[1] for before, after in itertools.pairwise(spans)]
    assert min(gaps) > 0.02 * height
    assert np.ptp(gaps) < 1e-6
    for layer, picture in zip(graph.layers, found.picture, strict=True):
        if layer.kind == "input" and picture:
            assert max(extent(graph, found, layer)) <= 0.45 * height * (1 + 1e-9)
    places_of = np.stack([found.x, found.y], axis=1)
    assert len(np.unique(places_of, axis=0)) == graph.n


@pytest.mark.parametrize("name", GRAPHS)
def test_squares_touch_at_most_and_layers_of_a_column_keep_apart(name: str) -> None:
    graph = GRAPHS[name]()
    found = places(graph)
    by_column: dict[int, list[tuple[float, float]]] = {}
    for layer, cell, column in zip(graph.layers, found.cell, found.columns, strict=True):
        x, y = found.x[layer.vertices], found.y[layer.vertices]
        chosen = np.arange(layer.size) if layer.size <= 600 else np.r_[0:300, layer.size - 300 : layer.size]
        apart = np.maximum(np.abs(x[chosen][:, None] - x[chosen]), np.abs(y[chosen][:, None] - y[chosen]))
        apart[np.arange(len(chosen)), np.arange(len(chosen))] = np.inf
        assert cell > 0
        assert cell <= apart.min() * (1 + 1e-9)
        by_column.setdefault(column, []).append((y.min() - cell / 2, y.max() + cell / 2))
    for column_spans in by_column.values():
        ordered = sorted(column_spans)
        assert all(before[1] + 3 < after[0] for before, after in itertools.pairwise(ordered))


def test_pixels_touch_and_small_layers_have_large_squares() -> None:
    graph = dense_397k()
    found = places(graph)
    assert found.picture == (True, False, False)
    image = graph.layers[0].vertices
    x, y = found.x[image].reshape(28, 28), found.y[image].reshape(28, 28)
    assert np.diff(x, axis=1) == pytest.approx(np.full((28, 27), found.cell[0]))
    assert np.diff(y, axis=0) == pytest.approx(np.full((27, 28), -found.cell[0]))
    assert found.cell[2] > 2 * found.cell[1] > found.cell[0]
    assert extent(graph, found, graph.layers[0])[1] > 25
    assert found.columns == (0, 1, 2)


def test_wrapped_layers_run_down_the_page_with_their_order() -> None:
    graph = random_chain(20, 300, 10)
    found = places(graph)
    order = slots(graph)[1]
    y, x = found.y[20:320], found.x[20:320]
    by_place = np.argsort(order)
    assert (np.diff(y[by_place]) <= 1e-9).all()
    assert (np.lexsort((x, -np.round(y, 6))) == by_place).all()
    width, height = extent(graph, found, graph.layers[1])
    assert 1 < height / width < 10


def test_two_loads_give_the_same_places() -> None:
    for make in (dense_397k, resnet18, digits_cnn):
        first, second = places(make()), places(make())
        assert first.x.tobytes() == second.x.tobytes()
        assert first.y.tobytes() == second.y.tobytes()
        assert first.cell == second.cell


def test_graphs_of_nothing_and_of_one_layer() -> None:
    nothing = places(Graph((), ()))
    assert len(nothing.x) == len(nothing.y) == 0
    assert nothing.cell == nothing.columns == nothing.picture == ()
    one = places(Graph((Layer("a", "a", "input", (5,), 0, 5),), ()))
    assert one.y.tolist() == [14.0, 7.0, 0.0, -7.0, -14.0]
    assert len(set(one.x.tolist())) == 1
    empty = Layer("b", "b", "linear", (0,), 5, 0)
    last = Layer("c", "c", "linear", (2,), 5, 2)
    blocks = (Block("a", "b", "linear", np.zeros((0, 5))), Block("b", "c", "linear", np.zeros((2, 0))))
    graph = Graph((Layer("a", "a", "input", (5,), 0, 5), empty, last), blocks)
    found = places(graph)
    assert found.columns == (0, -1, 1)
    assert found.cell[1] == 0.0
    assert np.isfinite(found.x).all() and np.isfinite(found.y).all()


def test_maps_without_pixels_are_drawn_as_nothing() -> None:
    layer = Layer("a", "a", "conv", (3, 0, 4), 0, 0, grid=(3, 0, 4))
    assert places(Graph((layer,), ())).columns == (-1,)


@settings(max_examples=60, deadline=None)
@given(layered_graphs())
def test_every_graph_has_places(graph: Graph) -> None:
    found = places(graph)
    assert np.isfinite(found.x).all() and np.isfinite(found.y).all()
    assert len({*zip(found.x.tolist(), found.y.tolist(), strict=True)}) == graph.n
    assert [c >= 0 for c in found.columns] == [c > 0 for c in found.cell] == [bool(x.size) for x in graph.layers]


def test_gexf_has_these_places(tmp_path: Path) -> None:
    graph = random_chain(4, 6, 3).with_columns(module=[0, 1] * 6 + [1])
    found = nx.read_gexf(write_graph(graph, tmp_path / "out.gexf")).nodes
    x, y = layout(graph)
    assert [(d["viz"]["position"]["x"], d["viz"]["position"]["y"]) for d in found.values()] == [
        (a, b) for a, b in zip(x.tolist(), y.tolist(), strict=True)
    ]
    assert slots(graph)[1].tolist() != list(range(6))
