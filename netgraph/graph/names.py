"""Ids that every tool reads back as the text that was written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

TAKEN_FOR_MISSING = frozenset({"NA", "N/A", "NaN", "NULL", "None", "n/a", "nan", "null"})
"""Texts starting with a letter that R's or pandas' reader of CSV takes for a missing value."""

TAKEN_FOR_VALUES = frozenset(
    {"T", "F", *(case(word) for word in ("true", "false") for case in (str.lower, str.upper, str.title))}
    | {case(word) for word in ("inf", "infinity", "nan") for case in (str.lower, str.upper, str.title)}
)
"""Texts that they take for truths or numbers, where a whole column (the sources of a few edges) holds such only."""

MISREAD = TAKEN_FOR_MISSING | TAKEN_FOR_VALUES


def is_safe(identifier: str) -> bool:
    """Whether R, pandas and Gephi keep this id as it is: it starts with a letter and is no word for a value.

    >>> [is_safe(i) for i in ("fc1:17", "17", "1e5", "NA", "TRUE", "")]
    [True, False, False, False, False, False]
    """
    return identifier[:1].isalpha() and identifier not in MISREAD


def safe_ids(ids: Iterable[str]) -> Array:
    """The ids as they are, or all of them behind a ``v`` if any is not safe (so that they stay unique).

    >>> safe_ids(["1", "a"]).tolist()
    ['v1', 'va']
    """
    texts = [str(i) for i in ids]
    return np.array(texts if all(map(is_safe, texts)) else [f"v{text}" for text in texts], dtype=object)
