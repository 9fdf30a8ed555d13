"""One division for several runs: vertices that most runs have together stay together."""

from __future__ import annotations

import numpy as np

from netgraph.analysis.modules.agreement import adjusted_rand
from netgraph.analysis.modules.quality import Codes, numbered

KEPT = 0.2
"""Pairs of vertices together in a smaller share of the runs count as never together."""
AGAIN = 20
"""Most times that the consensus is divided again."""
MAX_GROUPS = 4_000
"""Most groups of vertices whose co-assignment is held: 128 MB."""


def consensus(divisions: list[Codes], seed: int = 0) -> Codes:
    """The consensus of several divisions, by their co-assignment (Lancichinetti and Fortunato 2012).

    D holds for every two vertices the share of divisions that have them together, shares below 0.2 set to 0. D is
    divided by modularity, Σ (D_ij − d_i d_j / Σd) δ, as often as there are divisions; from these comes the next D,
    until all of them are equal. Vertices that no division tells apart are one group, so that D is as small as can be;
    beyond 4,000 groups the consensus is the division most like the others (the largest mean adjusted Rand index).

    Parameters
    ----------
    divisions : (n,) labels each, in the same order of vertices.
    seed : the same seed gives the same consensus.

    Examples
    --------
    >>> runs = [np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0]), np.array([0, 0, 0, 1])]
    >>> consensus(runs).tolist()
    [0, 0, 1, 1]
    """
    runs, rng = [numbered(labels) for labels in divisions], np.random.default_rng(seed)
    for _ in range(AGAIN):
        if all(np.array_equal(runs[0], other) for other in runs[1:]):
            return runs[0]
        groups, first, sizes = _groups(runs)
        if len(sizes) > MAX_GROUPS:
            break
        from netgraph.analysis.modules.merging import put_together  # numba is a third of a second

        together = np.mean([np.equal.outer(labels[first], labels[first]) for labels in runs], axis=0)
        together[together < KEPT] = 0.0
        weight = together * np.outer(sizes, sizes)
        strength = weight.sum(axis=1)
        between = weight - np.outer(strength, strength / strength.sum())
        runs = [numbered(put_together(between, rng)[groups]) for _ in runs]
    likeness = [sum(adjusted_rand(a, b) for b in runs) for a in runs]
    return runs[int(np.argmax(likeness))]


def _groups(runs: list[Codes]) -> tuple[Codes, Codes, Codes]:
    """Vertices that no run tells apart: the group of every vertex, a vertex of every group, and its size."""
    group = np.zeros(len(runs[0]), dtype=np.int64)
    for labels in runs:
        group = numbered(group * (int(labels.max(initial=0)) + 1) + labels)
    _, first, sizes = np.unique(group, return_index=True, return_counts=True)
    return group, first, sizes
