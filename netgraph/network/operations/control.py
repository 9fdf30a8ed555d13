"""What no value flows through: comparisons, counting, shapes, indices. Held as they were at the input."""

from __future__ import annotations

from netgraph.network.operations import Operation

ROWS = [
    Operation(name, "control", None, "held fixed")
    for name in (
        "eq", "ne", "lt", "le", "gt", "ge", "argmax", "argmin", "argsort", "topk", "sort", "nonzero", "isnan", "isinf", "isfinite",
        "logical_not", "logical_and", "logical_or", "bitwise_not", "bitwise_and", "bitwise_or", "any", "all", "sign", "sgn",
        "floor", "ceil", "round", "trunc", "floor_divide", "remainder", "fmod", "bucketize", "searchsorted", "one_hot",
        "zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "randn_like", "new_zeros", "new_ones", "new_full",
        "new_empty", "sym_size", "_local_scalar_dense", "equal", "is_nonzero", "heaviside", "signbit",
        "_softmax", "_safe_softmax",
    )
]
