"""Text that is safe inside an HTML page: data blocks that cannot end themselves, and the hashes that allow a script."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from typing import Any

_ESCAPES = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029", "\x7f": "\\u007f"}
)


def json_block(value: Any) -> str:
    r"""JSON for the inside of ``<script type="application/json">``.

    ``<``, ``>``, ``&`` and the two line separators U+2028/9 are escaped, so no text can close the element, open a
    comment or break a line of script. Numpy scalars become numbers; NaN and infinity, which JSON lacks, become null.

    >>> json_block({"label": "</script>", "bias": float("nan")})
    '{"label":"\\u003c/script\\u003e","bias":null}'
    """
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False).translate(_ESCAPES)


def script_hash(script: str) -> str:
    """The Content-Security-Policy source that allows exactly this inline script (or style) and no other.

    >>> script_hash("")
    "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
    """
    digest = hashlib.sha256(script.encode("utf-8", "surrogatepass")).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def text(value: object) -> str:
    """Any label as text that a page can hold: lone surrogates and control characters become U+FFFD.

    >>> text("a\\x00b"), text(7)
    ('a\ufffdb', '7')
    """
    return "".join(c if (c >= " " and not "\ud800" <= c <= "\udfff") or c in "\t\n" else "\ufffd" for c in str(value))


def significant(value: float, digits: int = 4) -> float | None:
    """The number rounded to significant digits; None where there is none (NaN, infinity).

    >>> significant(0.00123456), significant(float("nan"))
    (0.001235, None)
    """
    value = float(value)
    return float(f"{value:.{digits}g}") if math.isfinite(value) else None


def _plain(value: Any) -> Any:
    """Only what JSON knows. Numpy scalars have ``item``; anything else is shown as its text."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, str):
        return text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {text(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    return text(value)
