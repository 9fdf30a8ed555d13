"""Loops over blocks that the layered search is made of, compiled: each reads every weight once, where it lies.

What a vertex has in common with every module is Σ_j |w_ij| over the module's vertices j: a product of a block with the
membership of its other side, without ever making the membership (n × modules) or a list of edges.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from netgraph.analysis.kernels import compiled

Array = np.ndarray[Any, Any]


@compiled()
def into_dense(w: Array, labels: Array, chosen: Array, factor: float, out: Array) -> None:
    """out[a, labels[i]] += factor · W[chosen[a], i]: what chosen targets get from every module."""
    for a in range(len(chosen)):
        row, sums = w[chosen[a]], out[a]
        for i in range(len(row)):
            sums[labels[i]] += factor * row[i]


@compiled()
def out_of_dense(w: Array, labels: Array, chosen: Array, factor: float, out: Array) -> None:
    """out[a, labels[j]] += factor · W[j, chosen[a]]: what every module gets from chosen sources."""
    for j in range(w.shape[0]):
        row, module = w[j], labels[j]
        for a in range(len(chosen)):
            out[a, module] += factor * row[chosen[a]]


@compiled()
def between_dense(w: Array, targets: Array, sources: Array, factor: float, out: Array) -> None:
    """out[targets[j], sources[i]] += factor · W[j, i]: what lies between every two modules."""
    for j in range(w.shape[0]):
        row, sums = w[j], out[targets[j]]
        for i in range(w.shape[1]):
            sums[sources[i]] += factor * row[i]


@compiled()
def between_sparse(
    data: Array, indices: Array, indptr: Array, targets: Array, sources: Array, factor: float, out: Array
) -> None:
    """As ``between_dense`` for a ``csr_array``."""
    for j in range(len(targets)):
        sums = out[targets[j]]
        for e in range(indptr[j], indptr[j + 1]):
            sums[sources[indices[e]]] += factor * data[e]


@compiled()
def choose(scores: Array, own: Array, group: Array, of_group: Array, limit: Array) -> Array:
    """The best module of every row of scores: its own unless another is better by ``limit``; -1 for one of its own.

    Only modules of the row's group count. A score is what a vertex would add to the quality as a member; alone it
    adds 0.

    Parameters
    ----------
    scores : (rows, modules).
    own, group : (rows,) the module and the group of every row.
    of_group : (modules,) the group that a module lies in.
    limit : (rows,) differences up to it are rounding.
    """
    result = own.copy()
    for a in range(len(own)):
        best, module = scores[a, own[a]] + limit[a], own[a]
        if best < 0:
            best, module = 0.0, -1
        for c in range(scores.shape[1]):
            if scores[a, c] > best and of_group[c] == group[a]:
                best, module = scores[a, c], c
        result[a] = module
    return result


@compiled()
def choose_near(
    data: Array,
    indices: Array,
    indptr: Array,
    labels: Array,
    chosen: Array,
    mine: Array,
    mass: Array,
    own: Array,
    group: Array,
    of_group: Array,
    limit: Array,
) -> Array:
    """As ``choose``, of the modules alone that a vertex has edges to: there are few in a sparse graph.

    Parameters
    ----------
    data, indices, indptr : the edges of the layer's vertices, to vertices of the whole graph; factors in ``data``.
    labels : (n,) the module of every vertex of the graph.
    chosen : (rows,) vertices of the layer.
    mine : (blocks, vertices of the layer) what the null expects of each.
    mass : (blocks, modules) and of every module at the other side.
    """
    result = own.copy()
    sums, near = np.zeros(mass.shape[1]), np.zeros(mass.shape[1], np.int64)
    for a in range(len(chosen)):
        v, count = chosen[a], 0
        for e in range(indptr[v], indptr[v + 1]):
            c = labels[indices[e]]
            if data[e] > 0 and of_group[c] == group[a]:
                if sums[c] == 0:
                    near[count] = c
                    count += 1
                sums[c] += data[e]
        best, module = sums[own[a]] + limit[a], own[a]
        for p in range(len(mass)):
            best -= mine[p, v] * mass[p, own[a]]
        if best < 0:
            best, module = 0.0, -1
        for at in range(count):
            c = near[at]
            score = sums[c]
            for p in range(len(mass)):
                score -= mine[p, v] * mass[p, c]
            if score > best:
                best, module = score, c
            sums[c] = 0.0
        result[a] = module
    return result


@compiled()
def inside_dense(w: Array, targets: Array, sources: Array) -> float:
    """Σ W[j, i] over ends in one module."""
    total = 0.0
    for j in range(w.shape[0]):
        row, module = w[j], targets[j]
        for i in range(w.shape[1]):
            if sources[i] == module:
                total += row[i]
    return total


@compiled()
def inside_sparse(data: Array, indices: Array, indptr: Array, targets: Array, sources: Array) -> float:
    """As ``inside_dense`` for a ``csr_array``."""
    total = 0.0
    for j in range(len(targets)):
        for e in range(indptr[j], indptr[j + 1]):
            if sources[indices[e]] == targets[j]:
                total += data[e]
    return total


@compiled()
def merge(b: Array, labels: Array, orders: Array, limit: float) -> int:
    """Moves vertices of a small dense graph to the label that gains most, one after the other, until none gains.

    Parameters
    ----------
    b : (k, k) symmetric; the weight between two vertices less what the null expects. The diagonal is not read.
    labels : (k,) changed in place; numbers below k.
    orders : (rounds, k) the order of the vertices in every round, and the most rounds there are.
    limit : a gain up to it is rounding.

    Returns
    -------
    How many moves there were.
    """
    k, moves = len(labels), 0
    size = np.zeros(k, np.int64)
    for v in range(k):
        size[labels[v]] += 1
    sums = np.zeros(k)
    for turn in range(len(orders)):
        before = moves
        for v in orders[turn]:
            sums[:] = 0.0
            row = b[v]
            for u in range(k):
                sums[labels[u]] += row[u]
            own = labels[v]
            sums[own] -= row[v]
            best, label, spare = sums[own] + limit, own, -1
            for c in range(k):
                if size[c] == 0:
                    spare = c
                elif sums[c] > best:
                    best, label = sums[c], c
            if best < 0 and spare >= 0 and size[own] > 1:
                label = spare
            if label != own:
                size[own] -= 1
                size[label] += 1
                labels[v] = label
                moves += 1
        if moves == before:
            break
    return moves
