"""Another distribution also installs a package called ``netgraph``; beside it, neither works. This says so."""

from __future__ import annotations

from importlib.metadata import distributions

OTHER = "netgraph"
"""The plotting library's name; this project's distribution is called netgraph-nn."""


def refuse_namesake() -> None:
    """Raises an ImportError where the plotting library of the same import name is installed beside this package.

    Both write into one folder ``netgraph/``, so files of the one may already have replaced files of the other: going on
    would fail later, somewhere, without a reason that anyone could guess.
    """
    for found in distributions(name=OTHER):
        raise ImportError(
            f"the plotting library {OTHER} {found.version} stands beside netgraph-nn (neural networks as graphs): "
            f"both are imported as `netgraph`, so only one can be in an environment. Uninstall both (`pip uninstall "
            f"{OTHER} netgraph-nn`), then install netgraph-nn again, or keep each in an environment of its own."
        )
