"""The network room: a model becomes a tape, the tape vertices and edges, and both are proved to be the same."""
