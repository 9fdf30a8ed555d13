"""What no value flows through: comparisons, counting, shapes, indices. Held as they were at the input."""

from __future__ import annotations

from netgraph.network.operations import Operation

ROWS = [
    Operation(name, "control", None, "held fixed")
    for name in (
        "eq",
        "ne",
        "lt",
        "le",
        "gt",
        "ge",
        "argmax",
        "argmin",
        "nonzero",
        "isnan",
        "isinf",
        "logical_not",
        "logical_and",
        "logical_or",
        "bitwise_not",
        "bitwise_and",
        "bitwise_or",
        "any",
        "all",
        "bucketize",
        "searchsorted",
        "rand_like",
        "randn_like",
        "signbit",
    )
]
