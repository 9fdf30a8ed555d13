"""Activation functions by the names that layers carry; the viewer's ``core/activations.ts`` has the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Function = Callable[[Array], Array]

_SELU, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def _erf(z: Array) -> Array:
    from scipy.special import erf

    return np.asarray(erf(z))


def _sigmoid(z: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(z, -700, 700))))


def _elu(z: Array) -> Array:
    return np.where(z > 0, z, np.expm1(np.minimum(z, 0)))


def leaky(slope: float) -> Function:
    """max(0, z) + slope · min(0, z)."""
    return lambda z: np.where(z > 0, z, slope * z)


FUNCTIONS: dict[str | None, tuple[Function, ...]] = {
    None: (lambda z: z,),
    "relu": (lambda z: np.maximum(z, 0.0),),
    "leaky_relu": (leaky(0.01),),
    "prelu": (leaky(0.25),),
    "rrelu": (leaky((1 / 8 + 1 / 3) / 2),),
    "tanh": (np.tanh,),
    "sigmoid": (_sigmoid,),
    "gelu": (
        lambda z: 0.5 * z * (1 + _erf(z / np.sqrt(2))),
        lambda z: 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))),
    ),
    "silu": (lambda z: z * _sigmoid(z),),
    "mish": (lambda z: z * np.tanh(np.logaddexp(0, z)),),
    "elu": (_elu, lambda z: _SELU * np.where(z > 0, z, _SELU_ALPHA * np.expm1(np.minimum(z, 0)))),
    "celu": (_elu,),
    "softplus": (lambda z: np.logaddexp(0, z),),
    "hardtanh": (lambda z: np.clip(z, -1, 1), lambda z: np.clip(z, 0, 6)),
    "relu6": (lambda z: np.clip(z, 0, 6),),
    "hardswish": (lambda z: z * np.clip(z + 3, 0, 6) / 6,),
    "hardsigmoid": (lambda z: np.clip(z + 3, 0, 6) / 6,),
}
"""Name of an activation function -> the functions that it may stand for; values tell which of them it was."""

CERTAIN = frozenset((None, "relu", "tanh", "sigmoid", "silu", "hardswish", "hardsigmoid"))
"""Those that have no parameter and no variants, so that their name says all of them."""
SLOPED = frozenset(("leaky_relu", "prelu", "rrelu"))
"""Those whose slope below 0 is no part of the name."""


def candidates(name: str | None, slopes: Array) -> tuple[Function, ...]:
    """The functions that a name may stand for; ``slopes``: gates that were seen below 0.

    >>> [f(np.array([-2.0])).tolist() for f in candidates("leaky_relu", np.array([0.5]))]
    [[-1.0], [-0.02]]
    """
    known = FUNCTIONS.get(name, ())
    return (leaky(float(slopes[0])), *known) if name in SLOPED and len(slopes) else known


def secant(function: Function, z: Array) -> tuple[Array, Array]:
    """(gate, constant) with φ(z) = gate · z + constant: (φ(z) − φ(0)) / z, and the slope where z is 0.

    >>> secant(FUNCTIONS["sigmoid"][0], np.array([0.0]))
    (array([0.25]), array([0.5]))
    """
    at_zero = function(np.zeros(1))[0]
    near = np.abs(z) < 1e-6
    slope = (function(np.array([1e-6])) - function(np.array([-1e-6])))[0] / 2e-6
    safe = np.where(near, 1.0, z)
    gate = np.where(near, slope, (function(safe) - at_zero) / safe)
    return gate + 0.0, np.full(len(z), at_zero)
