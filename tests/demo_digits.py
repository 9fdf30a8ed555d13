"""The demo's networks and the digits that they were not trained on, for every folder of tests."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

import netgraph as ng

Array = np.ndarray[Any, Any]

DATA = Path(__file__).resolve().parents[1] / "data"


@lru_cache(maxsize=1)
def held_out() -> tuple[Array, Array]:
    """(inputs (N, 1, 8, 8), labels (N,))."""
    held = np.load(DATA / "test.npz")
    return held["inputs"], held["labels"]


@lru_cache(maxsize=2)
def network(name: str) -> ng.Network:
    """The "mlp" or the "cnn"."""
    return ng.load_network(DATA / name / "weights.safetensors", model=f"{DATA / 'nets.py'}:{name.upper()}")
