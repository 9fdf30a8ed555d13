"""Which edges are drawn: worked by hand, and against a sort of everything."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from netgraph.errors import RenderError, UnknownName
from netgraph.graph.graph import Block, Graph, Layer
from netgraph.render.edges import default_column, strength, strongest


def chain(*weights: np.ndarray, values: dict[str, np.ndarray] | None = None, sparse: bool = False) -> Graph:
    sizes = [weights[0].shape[1], *(w.shape[0] for w in weights)]
    starts = np.concatenate([[0], np.cumsum(sizes)]).tolist()
    layers = [Layer(f"l{k}", f"l{k}", "linear", (n,), starts[k], n) for k, n in enumerate(sizes)]
    keep = sp.csr_array if sparse else np.asarray
    blocks = [
        Block(f"l{k}", f"l{k + 1}", "linear", keep(w), {n: keep(v) for n, v in (values or {}).items()})
        for k, w in enumerate(weights)
    ]
    return Graph(tuple(layers), tuple(blocks))


def as_set(drawn: object) -> set[tuple[int, int, float]]:
    return set(zip(drawn.source.tolist(), drawn.target.tolist(), drawn.value.tolist(), strict=True))  # type: ignore[attr-defined]


W1, W2 = np.array([[1.0, -4.0], [0.0, 2.0]]), np.array([[3.0, -0.5]])


def test_the_strongest_by_hand() -> None:
    drawn = strongest(chain(W1, W2), "weight", 3)
    # vertices: 0 1 | 2 3 | 4. |weights| 4, 3, 2 of 1 + 4 + 2 + 3 + 0.5 = 10.5; drawn weakest first
    assert drawn.source.tolist() == [1, 2, 1]
    assert drawn.target.tolist() == [3, 4, 2]
    assert drawn.value.tolist() == [2.0, 3.0, -4.0]
    assert drawn.sign.tolist() == [1, 1, -1]
    assert drawn.total == drawn.nonzero == 5  # the weight 0 is no edge
    assert drawn.share == pytest.approx(9 / 10.5)


def test_a_small_graph_is_whole() -> None:
    drawn = strongest(chain(W1, W2), "weight", 5)
    assert len(drawn.source) == 5
    assert drawn.share == 1.0


def test_equals_go_to_the_earlier_edge() -> None:
    drawn = strongest(chain(np.ones((2, 3)), np.ones((1, 2))), "weight", 4)
    assert sorted(zip(drawn.target.tolist(), drawn.source.tolist(), strict=True)) == [(3, 0), (3, 1), (3, 2), (4, 0)]


matrices = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=6),
    elements=st.sampled_from([-2, -1, -0.5, 0, 0.5, 1, 3]),
)


@given(matrices, st.integers(1, 40), st.booleans())
def test_against_a_sort_of_everything(weight: np.ndarray, top: int, sparse: bool) -> None:
    drawn = strongest(chain(weight, sparse=sparse), "weight", top)
    row, col = np.nonzero(weight)
    order = np.argsort(-np.abs(weight[row, col]), kind="stable")[:top]
    n = weight.shape[1]
    assert as_set(drawn) == {(int(col[k]), n + int(row[k]), float(weight[row[k], col[k]])) for k in order}
    mass = float(np.abs(weight).sum(dtype=np.float64))
    assert drawn.share == pytest.approx(
        float(np.abs(weight[row, col])[order].sum(dtype=np.float64)) / mass if mass else 1
    )
    assert (np.diff(np.abs(drawn.value)) >= 0).all()


def test_attribution_is_the_default_where_every_block_has_it() -> None:
    assert default_column(chain(W1, W2)) == "weight"
    assert default_column(chain(W1, values={"attribution": W1})) == "attribution"
    half = chain(W1, W2)
    blocks = (Block("l0", "l1", "linear", W1, {"attribution": W1}), half.blocks[1])
    assert default_column(Graph(half.layers, blocks)) == "weight"


def test_of_a_big_graph_no_edge_of_value_zero_is_drawn() -> None:
    flow = np.array([[0.0, 5.0], [0.0, 0.0]])
    graph = chain(np.ones((2, 2)), values={"attribution": flow})
    assert len(strongest(graph, "attribution", 4).source) == 4  # whole: the zeros, too
    drawn = strongest(graph, "attribution", 3)
    assert as_set(drawn) == {(1, 2, 5.0)}
    assert (drawn.nonzero, drawn.total, drawn.share) == (1, 4, 1.0)


def test_nothing_flows_at_all() -> None:
    drawn = strongest(chain(np.ones((2, 2)), values={"attribution": np.zeros((2, 2))}), "attribution", 2)
    assert len(drawn.source) == 0


def test_a_norm_takes_its_sign_from_the_sum_of_taps() -> None:
    norm, taps = np.array([[2.0, 1.0, 3.0]]), np.array([[-0.5, 0.25, 0.0]])
    graph = chain(norm, values={"tap_sum": taps})
    drawn = strongest(graph, "weight", 9)
    assert dict(zip(drawn.source.tolist(), drawn.sign.tolist(), strict=True)) == {0: -1, 1: 1, 2: 0}
    assert drawn.by_taps
    assert not strongest(graph, "abs_weight", 9).by_taps


def test_strength_by_hand() -> None:
    for sparse in (False, True):
        assert strength(chain(W1, W2, sparse=sparse), "weight").tolist() == [1, 6, 8, 2.5, 3.5]


def test_nan_is_refused_with_the_block_named() -> None:
    with pytest.raises(RenderError, match=r"block l0 -> l1 holds NaN or infinity.*nan_to_num"):
        strongest(chain(np.array([[np.nan, 1.0]])), "weight", 5)


def test_an_unknown_column_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'attribution'"):
        strongest(chain(W1, values={"attribution": W1}), "atribution", 5)


def test_no_blocks() -> None:
    graph = Graph((Layer("a", "a", "input", (2,), 0, 2),), ())
    drawn = strongest(graph, "weight", 5)
    assert (len(drawn.source), drawn.total, drawn.share) == (0, 0, 1.0)
