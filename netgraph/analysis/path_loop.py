"""The loop of the best-first search, compiled: for many paths through wide layers.

It does what ``Search`` does, step for step, so the paths and the order of equal ones are the same. What enters a vertex
is still read in Python, once for every vertex that a good path passes: the loop stops there, and goes on with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from netgraph.analysis.kernels import compiled

Array = np.ndarray[Any, Any]
Read = Callable[[int, int], tuple[Array, Array, Array]]
"""Of a vertex and a sign: scores of the ways back from it, where they lead (-1: a path starts here), their values."""

HEAP, ENTRIES, NODES, FOUND, SLOTS, POOL, VERTEX, SIGN, TAIL = range(9)
"""Places of the loop's counters; the last three say at which vertex it stopped, and by which prefix it came there."""
_GOOD = 0.3
"""How far below the best way, beside the mean of all, a way is good: few of a vertex's ways are ever asked for."""
DONE, READ, GROW = range(3)
"""Why it stopped: no more paths are wanted, or there are none; it needs a vertex's ways; it needs room."""


@compiled()
def later(entries: Array, a: int, b: int) -> bool:
    """Whether entry a comes after entry b: the smaller key first, then the one that was there first."""
    left, right = entries[a, 0], entries[b, 0]
    return bool(left > right or (left == right and a > b))


@compiled()
def push(heap: Array, size: int, entries: Array, new: int) -> None:
    """Adds an entry to a heap of ``size``."""
    at = size
    while at > 0 and later(entries, heap[(at - 1) >> 1], new):
        heap[at] = heap[(at - 1) >> 1]
        at = (at - 1) >> 1
    heap[at] = new


@compiled()
def pop(heap: Array, size: int, entries: Array) -> int:
    """Takes the first entry out of a heap of ``size``."""
    first, moved, at = heap[0], heap[size - 1], 0
    size -= 1
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and later(entries, heap[child], heap[child + 1]):
            child += 1
        if not later(entries, moved, heap[child]):
            break
        heap[at] = heap[child]
        at = child
    heap[at] = moved
    return int(first)


@compiled()
def sink(ways: Array, scores: Array, first: int, size: int, place: int) -> None:
    """Mends a heap of ways, the best one first, and of equal ones the first, from one place down."""
    at, moved = place, ways[first + place]
    score = scores[moved]
    while 2 * at + 1 < size:
        child = 2 * at + 1
        below = ways[first + child]
        best = scores[below]
        if child + 1 < size:
            other = ways[first + child + 1]
            if scores[other] > best or (scores[other] == best and other < below):
                child, below, best = child + 1, other, scores[other]
        if score > best or (score == best and moved < below):
            break
        ways[first + at] = below
        at = child
    ways[first + at] = moved


@compiled()
def ranked(slots: Array, slot: int, rank: int, ways: Array, scores: Array) -> int:
    """Where in the pool a vertex's way of this rank is, or -1. Sorted only as far: the best are at the end.

    Ranks are asked for one after the other. The good ones and all the others are a heap each.
    """
    first, size, others, done = slots[slot, 0], slots[slot, 1], slots[slot, 2], slots[slot, 3]
    if rank >= size:
        rank, first, size, done = rank - size, first + size, others, done - size
        if rank >= size:
            return -1
    if done == 0:
        for i in range(size // 2):
            sink(ways, scores, first, size, size // 2 - 1 - i)
    while done <= rank:
        left = size - done - 1
        best = ways[first]
        ways[first] = ways[first + left]
        ways[first + left] = best
        sink(ways, scores, first, left, 0 * left)
        slots[slot, 3] += 1
        done += 1
    return int(ways[first + size - 1 - rank])


@compiled()
def opened(
    at: Array, slots: Array, scores: Array, values: Array, source: Array, ways: Array, new: Array, to: Array, by: Array
) -> int:
    """Puts a vertex's ways into the pool; returns their slot."""
    first, slot, n, most, total = at[POOL], at[SLOTS], 0, -np.inf, 0.0
    for i in range(len(new)):
        if new[i] > -np.inf:
            here = first + n
            scores[here] = new[i]
            values[here] = by[i]
            source[here] = to[i]
            most = max(most, new[i])
            total += new[i]
            n += 1
    good, last, least = first, first + n, most - _GOOD * max(0.0, most - total / max(n, 1))
    for i in range(n):
        if scores[first + i] >= least:
            ways[good] = first + i
            good += 1
        else:
            last -= 1
            ways[last] = first + i
    slots[slot, 0] = first
    slots[slot, 1] = good - first
    slots[slot, 2] = first + n - good
    slots[slot, 3] = 0
    at[POOL] += n
    at[SLOTS] += 1
    return int(slot)


@compiled()
def search(
    at: Array,
    held: Array,
    heap: Array,
    entries: Array,
    about: Array,
    nodes: Array,
    products: Array,
    tails: Array,
    known: Array,
    slots: Array,
    scores: Array,
    values: Array,
    source: Array,
    ways: Array,
    enters: Array,
    start: Array,
    k: int,
    depth: int,
) -> int:
    """Goes on from where it stopped, the ways that it asked for being known; returns why it stops now."""
    n, size = len(enters), at[HEAP]
    walking, log, product, tail, sign, rank, slot = False, held[0], held[1], at[TAIL], at[SIGN], 0, 0
    if at[VERTEX] >= 0:
        slot = known[at[VERTEX] + (n if sign < 0 else 0)]
        at[VERTEX] = -1
        walking = slots[slot, 1] > 0
    while walking or size > 0:
        if not walking:
            if at[FOUND] == k:
                break
            if at[ENTRIES] + depth > len(entries) or at[NODES] + depth > len(nodes) or at[FOUND] == len(products):
                at[HEAP] = size
                return GROW
            entry = pop(heap, size, entries)
            size -= 1
            log, product = entries[entry, 1], entries[entry, 2]
            tail, sign, slot, rank = about[entry, 0], about[entry, 1], about[entry, 2], about[entry, 3]
        walking = False
        way = ranked(slots, slot, rank, ways, scores)
        after = ranked(slots, slot, rank + 1, ways, scores)
        if after >= 0:
            entry = at[ENTRIES]
            entries[entry, 0] = -log - scores[after]
            entries[entry, 1] = log
            entries[entry, 2] = product
            about[entry, 0] = tail
            about[entry, 1] = sign
            about[entry, 2] = slot
            about[entry, 3] = rank + 1
            push(heap, size, entries, entry)
            at[ENTRIES] += 1
            size += 1
        vertex, value = source[way], values[way]
        product *= value
        if vertex >= 0:
            log += math.log(abs(value))
            nodes[at[NODES], 0] = vertex
            nodes[at[NODES], 1] = tail
            tail, rank = at[NODES], 0
            at[NODES] += 1
            if enters[vertex]:
                sign = sign if value > 0 else -sign
                slot = known[vertex + (n if sign < 0 else 0)]
                if slot < 0:
                    at[HEAP] = size
                    at[VERTEX] = vertex
                    at[SIGN] = sign
                    at[TAIL] = tail
                    held[0] = log
                    held[1] = product
                    return READ
                walking = slots[slot, 1] > 0
                continue
            product *= start[vertex]  # nothing leads there: the path starts there
        products[at[FOUND]] = product
        tails[at[FOUND]] = tail
        at[FOUND] += 1
    at[HEAP] = size
    return DONE


def best_paths(
    read: Read, targets: Sequence[int], k: int, sign: int, enters: Array, start: Array, depth: int
) -> list[tuple[float, tuple[int, ...]]]:
    """The k best paths into any of the targets, in the order in which they are found.

    Parameters
    ----------
    read : tells the ways back from a vertex.
    targets : where paths end.
    k : how many at most.
    sign : of the paths; 0 for any.
    enters, start : (n,) whether something leads to a vertex; what a path that starts there is multiplied by.
    depth : the most vertices that a path can have.
    """
    room = max(1 << 12, len(targets) + 2 * depth)
    at, held = np.zeros(9, dtype=np.int64), np.array([0.0, 1.0])
    known = np.full(len(enters) * (1 if sign == 0 else 2), -1)
    heap, entries, about = np.empty(room, np.int64), np.empty((room, 3)), np.empty((room, 4), np.int64)
    nodes, products, tails = np.empty((room, 2), np.int64), np.empty(room), np.empty(room, np.int64)
    slots = np.empty((256, 4), np.int64)
    pool = _columns(np.empty((4, 1 << 17)))

    def meet(vertex: int, sign: int) -> int:
        """Reads the ways back from a vertex; returns their slot, or -1 where there are none."""
        nonlocal slots
        new, to, by = read(vertex, sign)
        slots = _with_room(at, len(new), pool, slots)
        slot = opened(at, slots, *pool, new, to, by)
        known[vertex + (len(enters) if sign < 0 else 0)] = slot
        return int(slot) if slots[slot, 1] else -1

    for target in targets:
        slot, entry = meet(target, sign), at[ENTRIES]
        if slot >= 0:
            best = pool[0][ranked(slots, slot, 0, pool[3], pool[0])]
            entries[entry], about[entry], nodes[entry] = (-best, 0.0, 1.0), (entry, sign, slot, 0), (target, -1)
            push(heap, entry, entries, entry)
            at[[HEAP, ENTRIES, NODES]] += 1
    at[VERTEX] = -1
    while True:
        now = (at, held, heap, entries, about, nodes, products, tails, known, slots, *pool)
        why = search(*now, enters, start, k, depth)
        if why == READ:
            meet(int(at[VERTEX]), int(at[SIGN]))
        elif why == GROW:
            heap, entries, about, nodes, products, tails = map(_double, (heap, entries, about, nodes, products, tails))
        else:
            return _paths(products[: at[FOUND]].tolist(), tails[: at[FOUND]].tolist(), nodes[: at[NODES]])


def _with_room(at: Array, n: int, pool: list[Array], slots: Array) -> Array:
    """Makes room for a vertex of n ways."""
    while at[POOL] + n > len(pool[0]):
        grown = _columns(np.empty((4, 2 * len(pool[0]))))
        for old, new in zip(pool, grown, strict=True):
            new[: len(old)] = old
        pool[:] = grown
    return _double(slots) if at[SLOTS] == len(slots) else slots


def _columns(room: Array) -> list[Array]:
    """The pool: scores, values, sources, order. One piece of memory, since a small piece is made anew each time."""
    whole = room.view(np.int64)
    return [room[0], room[1], whole[2], whole[3]]


def _double(held: Array) -> Array:
    return np.concatenate([held, np.empty_like(held)])


def _paths(products: list[float], tails: list[int], nodes: Array) -> list[tuple[float, tuple[int, ...]]]:
    vertices, before = nodes[:, 0].tolist(), nodes[:, 1].tolist()
    found = []
    for product, tail in zip(products, tails, strict=True):
        path = []
        while tail >= 0:
            path.append(vertices[tail])
            tail = before[tail]
        found.append((product, tuple(path)))
    return found
