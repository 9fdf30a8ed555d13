"""Small tables, as text."""

from __future__ import annotations

from pathlib import Path

EDGES = "source,target,weight\na,b,0.5\nb,c,1.5\n"
VERTICES = "id,layer\na,x\nb,x\nc,x\n"


def edges(*rows: str, header: str = "source,target,weight") -> str:
    """A table of edges."""
    return "\n".join([header, *rows]) + "\n"


def folder(at: Path, vertices: str | bytes | None, edges: str | bytes | None) -> Path:
    """The folder `at`, with the tables that are given."""
    for name, text in (("vertices.csv", vertices), ("edges.csv", edges)):
        if text is not None:
            (at / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return at
