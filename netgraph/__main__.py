"""``python -m netgraph`` is the same as ``netgraph``."""

from netgraph.cli import main

main()
