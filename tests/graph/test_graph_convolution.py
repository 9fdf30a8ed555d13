"""The implicit convolution against torch's own convolution of every unit vector."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import netgraph as ng
from netgraph.errors import GraphError
from netgraph.graph import blocks as ops
from netgraph.graph.convolution import Convolution
from netgraph.graph.sliding import Geometry, Sliding
from netgraph.graph.tokens import Tokens


@st.composite
def convolutions(draw: Any) -> tuple[Convolution, np.ndarray]:
    """A random convolution between layers of more maps than it touches, and the dense matrix that it is."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rank, groups, inverse = draw(st.integers(1, 3)), draw(st.sampled_from([1, 1, 2, 3])), draw(st.booleans())
    read, made = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    taps = tuple(draw(st.integers(1, 3)) for _ in range(rank))
    stride = tuple(draw(st.integers(1, 2)) for _ in range(rank))
    dilation = tuple(draw(st.integers(1, 2)) for _ in range(rank))
    padding = tuple(draw(st.integers(0, k - 1)) for k in taps)
    extra = tuple(draw(st.integers(0, max(s, d) - 1)) if inverse else 0 for s, d in zip(stride, dilation, strict=True))
    geometry = Geometry(stride, padding, dilation, inverse, extra, groups)
    space = tuple(draw(st.integers(5, 6)) for _ in range(rank))
    shape = (read, made // groups, *taps) if inverse else (made, read // groups, *taps)
    outer = geometry.output_shape((1, read, *space), shape)[1:]
    there, here = int(np.prod(space)), int(np.prod(outer[1:]))
    wide, high = read + draw(st.integers(0, 2)), made + draw(st.integers(0, 1))
    sources, targets = rng.permutation(wide)[:read], np.sort(rng.permutation(high)[:made])
    places = np.arange(wide * there).reshape(wide, there)
    if draw(st.booleans()):  # vertices in another order than the maps
        places = rng.permutation(wide * there).reshape(wide, there)
        held = places[sources]
    else:
        held = sources
    pattern = Sliding(geometry, shape, (read, *space), outer, held, targets, (high * here, wide * there))
    kernel = rng.standard_normal(shape)
    kernel[rng.random(shape) < 0.2] = 0
    terms = draw(st.integers(0, 2))
    rows = rng.standard_normal((terms, high * here)) if terms else None
    columns = rng.standard_normal((terms, wide * there)) if terms and draw(st.booleans()) else None
    units = torch.eye(wide * there, dtype=torch.float64)[:, torch.from_numpy(places)].reshape(-1, wide, *space)[
        :, sources
    ]
    z = torch.ops.aten.convolution(
        units, torch.from_numpy(kernel), None, stride, padding, dilation, inverse, extra, groups
    )
    matrix = np.zeros((wide * there, high, here))
    matrix[:, targets] = z.reshape(len(z), made, here).numpy()
    dense = matrix.reshape(wide * there, -1).T
    if rows is not None:
        dense = dense * sum(np.outer(r, 1 if columns is None else columns[t]) for t, r in enumerate(rows))
    return Convolution(pattern, kernel, rows, columns), dense


@given(convolutions())
@settings(deadline=None, max_examples=80)
def test_convolution_is_its_matrix(pair: tuple[Convolution, np.ndarray]) -> None:
    made, dense = pair
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal(dense.shape[1]), rng.standard_normal(dense.shape[0])
    listed = made.listed()
    for operator in (made, listed, (made + made) / 2, (made + listed) / 2):
        assert ops.same_layout(made, operator)
        np.testing.assert_allclose(operator.toarray(), dense, atol=1e-12)
        np.testing.assert_allclose(ops.matvec(operator, x), dense @ x, atol=1e-10)
        np.testing.assert_allclose(ops.rmatvec(operator, y), dense.T @ y, atol=1e-10)
        np.testing.assert_allclose(operator @ x, dense @ x, atol=1e-10)
        np.testing.assert_allclose(operator.T @ y, dense.T @ y, atol=1e-10)
        np.testing.assert_allclose(ops.scaled(operator, y, x).toarray(), y[:, None] * dense * x, atol=1e-10)
        np.testing.assert_allclose(ops.absolute(operator).toarray(), abs(dense), atol=1e-12)
        np.testing.assert_allclose(operator.mapped(np.square).toarray(), dense**2, atol=1e-10)
        for absolute, expected in ((False, dense), (True, abs(dense))):
            np.testing.assert_allclose(ops.row_sums(operator, absolute), expected.sum(1), atol=1e-10)
            np.testing.assert_allclose(ops.column_sums(operator, absolute), expected.sum(0), atol=1e-10)
    assert ops.count(made) == np.count_nonzero(dense)
    assert made.unrolled.has_canonical_format


@given(convolutions(), st.sampled_from([1, 7, 50, 1_000_000]))
@settings(deadline=None, max_examples=40)
def test_convolution_is_listed_tile_by_tile(pair: tuple[Convolution, np.ndarray], size: int) -> None:
    operator, dense = pair
    found, order = np.zeros(dense.shape), []
    for tile in ops.tiles(operator, size):
        assert not found[tile.target, tile.source].any()
        found[tile.target, tile.source] = ops.entries(operator, tile)
        order.append(tile.target * dense.shape[1] + tile.source)
    np.testing.assert_allclose(found, dense, atol=1e-12)
    assert (np.diff(np.concatenate([np.zeros(0, dtype=np.int64), *order])) > 0).all()


@given(convolutions())
@settings(deadline=None, max_examples=30)
def test_convolution_parts_and_masks_are_lists(pair: tuple[Convolution, np.ndarray]) -> None:
    operator, dense = pair
    rng = np.random.default_rng(0)
    rows, columns = (np.flatnonzero(rng.random(n) < 0.5) for n in dense.shape)
    np.testing.assert_allclose(
        ops.submatrix(operator, rows, columns).toarray(), dense[np.ix_(rows, columns)], atol=1e-12
    )
    keep = rng.random(dense.shape) < 0.5
    np.testing.assert_allclose(ops.mask(operator, keep, operator).toarray(), dense * keep, atol=1e-12)


def test_convolution_of_another_kernel_is_refused() -> None:
    geometry = Geometry((1,), (0,), (1,), False, (0,), 1)
    pattern = Sliding(geometry, (1, 1, 3), (1, 5), (1, 3), np.arange(1), np.arange(1), (3, 5))
    with pytest.raises(GraphError, match=r"kernel of shape \(1, 1, 2\), expected \(1, 1, 3\)"):
        Convolution(pattern, np.ones((1, 1, 2)))
    with pytest.raises(GraphError, match=r"columns have shape \(1, 3\), expected \(terms, 5\)"):
        Convolution(pattern, np.ones((1, 1, 3)), columns=np.ones((1, 3)))


def test_convolution_blocks_of_a_network_stay_implicit() -> None:
    """224 × 224 images: 87 million edges in the bytes of their kernel; the same graph listed has the same edges."""
    torch.manual_seed(0)
    net = ng.trace(torch.nn.Conv2d(3, 64, 3, padding=1), (3, 224, 224))
    (block,) = net.graph("unit").blocks
    assert isinstance(block.weight, Convolution)
    assert block.edges == 64 * 3 * (3 * 224 - 2) ** 2
    assert ops.nbytes(block.weight) == 4 * 64 * 3 * 9
    small = ng.trace(torch.nn.Conv2d(3, 4, 3, stride=2, padding=1), (3, 9, 9))
    graph = small.graph("unit", inputs=torch.randn(3, 3, 9, 9), target=lambda out: out.sum((1, 2, 3)))
    listed = graph.unrolled()
    assert len(graph.edges) == len(listed.edges) and isinstance(graph.blocks[0].weight, Convolution)
    for name in ("weight", "contribution", "attribution"):
        first, second = (g.to_scipy(name).toarray() for g in (graph, listed))
        np.testing.assert_allclose(first, second, atol=1e-6)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 3), st.integers(1, 4), st.integers(0, 2))
@settings(deadline=None, max_examples=60)
def test_convolution_of_tokens_is_its_matrix(seed: int, rows: int, outputs: int, inputs: int, terms: int) -> None:
    """Against the matrix that is written out row by row."""
    rng = np.random.default_rng(seed)
    every, n_source = rows + int(rng.integers(0, 2)), rows * inputs + int(rng.integers(0, 3))
    groups = np.sort(rng.permutation(every)[:rows])
    sources = rng.permutation(n_source)[: rows * inputs].reshape(rows, inputs)
    kernel = rng.standard_normal((outputs, inputs))
    kernel[rng.random(kernel.shape) < 0.3] = 0
    shape = (every * outputs, n_source)
    dense = np.zeros(shape)
    for g, read in zip(groups, sources, strict=True):
        dense[np.ix_(np.arange(g * outputs, (g + 1) * outputs), read)] = kernel
    by_row = rng.standard_normal((terms, shape[0])) if terms else None
    by_column = rng.standard_normal((terms, n_source)) if terms else None
    if by_row is not None and by_column is not None:
        dense = dense * (by_row.T @ by_column)
    made = Convolution(Tokens(kernel.shape, groups, sources, shape), kernel, by_row, by_column)
    x, y = rng.standard_normal(n_source), rng.standard_normal(shape[0])
    assert made.unrolled.has_canonical_format and ops.count(made) == np.count_nonzero(dense)
    for operator in (made, made.listed(), (made + made) / 2, (made + made.listed()) / 2):
        np.testing.assert_allclose(operator.toarray(), dense, atol=1e-12)
        np.testing.assert_allclose(ops.matvec(operator, x), dense @ x, atol=1e-10)
        np.testing.assert_allclose(ops.rmatvec(operator, y), dense.T @ y, atol=1e-10)
    for size in (1, 3, 10, 10**6):
        found = np.zeros(shape)
        for tile in ops.tiles(made, size):
            found[tile.target, tile.source] += ops.entries(made, tile)
        np.testing.assert_allclose(found, dense, atol=1e-12)


def test_convolution_blocks_of_tokens_stay_implicit() -> None:
    """A linear layer of 50 tokens holds its weight once, and its edges are those of 50 copies."""
    torch.manual_seed(0)
    net = ng.trace(torch.nn.Linear(64, 32), (50, 64))
    graph = net.graph("unit", inputs=torch.randn(1, 50, 64), target=lambda out: out.sum((1, 2)))
    (block,) = graph.blocks
    assert isinstance(block.weight, Convolution) and block.edges == 50 * 64 * 32
    assert ops.nbytes(block.weight) == 4 * 64 * 32
    assert len(graph.unrolled().edges) == block.edges
    assert net.verify()
