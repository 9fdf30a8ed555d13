"""Warnings that are shown as ever, and kept."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

_shown: dict[Any, Any] = {}


@contextlib.contextmanager
def heard(into: list[str]) -> Iterator[None]:
    """Adds the text of every warning inside to ``into``, and shows those afterwards that are new to it.

    >>> kept = []
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     with heard(kept):
    ...         warnings.warn("beware")
    >>> kept
    ['beware']
    """
    known = set(into)
    caught: list[warnings.WarningMessage] = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
    finally:
        into += [text for text in dict.fromkeys(str(w.message) for w in caught) if text not in into]
        for w in caught:
            if str(w.message) in known:
                continue
            known.add(str(w.message))
            warnings.warn_explicit(w.message, w.category, w.filename, w.lineno, registry=_shown, source=w.source)
