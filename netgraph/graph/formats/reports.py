"""A result as a folder: tables, and a JSON file that tells what they are of."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from netgraph.errors import TableError


def check_report(folder: Path, report: str, files: Collection[str], what: str) -> None:
    """Refuse a folder that may not be replaced.

    Parameters
    ----------
    report : the JSON file, by which such a folder is known.
    files : names of all that it may hold beside that.
    what : it is, for the message: "a saved circuit".

    Raises
    ------
    TableError : a file; a folder that holds anything else.
    """
    if folder.exists() and not folder.is_dir():
        raise TableError(f"{folder} is a file; expected a folder, which may not exist yet")
    held = sorted(entry.name for entry in folder.iterdir()) if folder.exists() else []
    foreign = [name for name in held if name != report and name not in files]
    if foreign or (held and report not in held):
        raise TableError(
            f"{folder} holds {', '.join((foreign or held)[:5])}, and not just {what}: choose another folder, or empty "
            "this one"
        )


def write_report(path: Path, told: Mapping[str, Any]) -> None:
    """Write a JSON file; see :func:`plain`."""
    path.write_text(json.dumps(plain(told), indent=2, allow_nan=False) + "\n", encoding="utf-8")


def plain(value: Any) -> Any:
    """A value as JSON knows it: arrays as lists, functions by name; NaN and infinity, which JSON lacks, as null.

    >>> import numpy as np
    >>> plain({"f": np.float32(0.5), "classes": np.arange(2), 3: float("nan"), "target": plain})
    {'f': 0.5, 'classes': [0, 1], '3': None, 'target': 'plain'}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if callable(value):
        return getattr(value, "__name__", type(value).__name__)
    return None if isinstance(value, float) and not math.isfinite(value) else value
