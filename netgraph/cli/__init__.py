"""The command line: a thin skin, one command for one public function. ``--help`` imports no torch, pandas or scipy."""

from netgraph.cli.app import main

__all__ = ["main"]
