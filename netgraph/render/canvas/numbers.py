"""Numbers as the page carries them: base64 of little-endian arrays."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from netgraph.render.encode import json_block

Array = np.ndarray[Any, Any]

MAGNITUDE = 15
"""The largest number of a half array lies in 2**14 … 2**15: below float16's largest, and as far as can be from 0."""


class Packed(str):
    """base64: text that needs no escaping, so that no megabyte is looked at twice."""


def packed(values: Any, dtype: str) -> Packed:
    """Numbers of a little-endian type ("<f4", "<u4", "<i2", "i1", "u1"), one after the other.

    >>> packed([1.0], "<f4")
    'AACAPw=='
    """
    return Packed(base64.b64encode(np.ascontiguousarray(values, dtype=dtype).tobytes()).decode("ascii"))


def floats(values: Any) -> Packed:
    """float32."""
    return packed(values, "<f4")


def half(values: Any) -> dict[str, Any]:
    """float16 times a power of two, so that the largest uses float16's whole range.

    The relative error is at most 2**-11 down to 2**-29 of the largest |value|; below, the absolute one is at most
    2**-40 of it.

    >>> half(np.array([3.0, -1.5]))
    {'data': 'AHYA8g==', 'scale': 0.0001220703125}
    """
    values = np.asarray(values)
    exponent = scale_of(values)
    return {"data": packed(_scaled(values, exponent), "<f2"), "scale": 2.0**exponent}


def halved(values: Any) -> Array:
    """The numbers as the page reads them back, float32.

    >>> halved(np.array([0.1])).tolist()
    [0.0999755859375]
    """
    values = np.asarray(values)
    exponent = scale_of(values)
    found: Array = np.ldexp(_scaled(values, exponent).astype(np.float32), exponent).astype(np.float32)
    return found


def scale_of(values: Array) -> int:
    """The exponent of the power of two that a half array is multiplied by."""
    largest = float(max(values.max(initial=0.0), -values.min(initial=0.0)))
    return int(np.frexp(largest)[1]) - MAGNITUDE if largest else 0


def _scaled(values: Array, exponent: int) -> Array:
    if abs(exponent) < 100 and values.dtype in (np.float32, np.float64):
        scaled: Array = values * values.dtype.type(2.0**-exponent)
    else:
        scaled = np.ldexp(values.astype(np.float64), -exponent)
    found: Array = scaled.astype(np.float16)
    if exponent == 128 - MAGNITUDE and values.dtype == np.float32:  # rounded up they would leave float32
        most = np.float16(2.0**MAGNITUDE * (1 - 2.0**-11))
        found = np.clip(found, -most, most)
    return found


def block_of(data: Any) -> str:
    r"""JSON for the inside of a script element, as ``json_block`` makes it, packed numbers as they are.

    >>> block_of({"name": "<b>", "x": floats([1.0]), "rows": [{"at": Packed("AA==")}]})
    '{"name":"\\u003cb\\u003e","x":"AACAPw==","rows":[{"at":"AA=="}]}'
    """
    parts: list[str] = []
    _write(data, parts)
    return "".join(parts)


def _write(value: Any, parts: list[str]) -> None:
    if isinstance(value, Packed):
        parts.append(f'"{value}"')
    elif isinstance(value, dict):
        for i, (key, inner) in enumerate(value.items()):
            parts.append(("," if i else "{") + json_block(str(key)) + ":")
            _write(inner, parts)
        parts.append("}" if value else "{}")
    elif isinstance(value, (list, tuple)) and any(isinstance(v, (Packed, dict, list, tuple)) for v in value):
        for i, inner in enumerate(value):
            parts.append("," if i else "[")
            _write(inner, parts)
        parts.append("]")
    else:
        parts.append(json_block(value))
