"""Where whole numbers become values: images of bytes that are divided by 255, counts that are made floating."""

from __future__ import annotations

from collections.abc import Iterator

from netgraph.errors import UnsupportedOperation
from netgraph.network.operations import flowing, lookup, makes_vertices, table
from netgraph.network.tape import Tape


def mark(tape: Tape) -> Tape:
    """Set ``tape.entering``: slots of floating numbers made of whole ones, where nothing else carries vertices.

    Beside floating inputs or embeddings such numbers are masks and counts, which are held fixed.

    Raises
    ------
    UnsupportedOperation : no value flows from the input to the output; names the operation that lets none through.
    """
    for call in tape.calls:
        if call.name == "_pack_padded_sequence" and call.reads[1] in tape.dependent:
            raise UnsupportedOperation(
                f"{call.place()} packs sequences by lengths that are inputs, so every length would be another graph: "
                "leave the sequences padded, and take the state of the last valid step with a mask, or trace one "
                "length at a time, with pack_padded_sequence(x, [x.shape[1]] * len(x), …)"
            )
    if tape.logits_slot < 0 or tape.logits_slot not in tape.dependent:
        return tape
    floats = {slot for slot in tape.inputs if tape.floating(slot)}
    if tape.logits_slot in _carried(tape, floats):
        return tape
    entering = set(_made_floating(tape))
    if tape.logits_slot in _carried(tape, floats | entering):
        tape.entering = frozenset(entering)
        return tape
    raise UnsupportedOperation(_nothing_flows(tape, floats | entering))


def _made_floating(tape: Tape) -> Iterator[int]:
    """Floating slots that are made of whole numbers, which were made of nothing but whole inputs."""
    whole = {s for s in tape.inputs if not tape.floating(s)}
    for call in tape.calls:
        read = [s for s in call.reads if s in tape.dependent]
        if read and all(s in whole for s in read) and not makes_vertices(call):
            made = [s for s in call.outputs if s is not None]
            whole.update(s for s in made if not tape.floating(s))
            yield from (s for s in made if tape.floating(s))


def _carried(tape: Tape, sources: set[int]) -> set[int]:
    """The slots that carry vertices, where those of ``sources`` do."""
    reached, through = set(sources), flowing(tape)
    for call in tape.calls:
        enters = makes_vertices(call) or any(s in reached for s in call.reads)
        if call.index in through and enters and lookup(call).rule is not None:
            reached.update(s for s in call.outputs if s is not None)
    return reached


def _nothing_flows(tape: Tape, sources: set[int]) -> str:
    """The last operation before the output that reads a carried value and lets none through."""
    for call in tape.calls:
        complex_ = call.index in tape.needed and any(tape.dtypes[s].is_complex for s in call.outputs if s is not None)
        if complex_ and call.name != "_to_copy":  # what the numbers were made complex for
            return (
                f"no value flows from the input to the output: {call.place()} makes complex numbers, which have no "
                "vertices. Write it with real ones: a Fourier transform is a product with two constant matrices, of "
                "cosines and of sines"
            )
    reached, last = set(sources), None
    for call in tape.calls:
        if call.index in tape.needed and any(s in reached for s in call.reads):
            row = table().get(call.name)
            made = {s for s in call.outputs if s is not None and tape.floating(s)}
            if made and (row is None or row.rule is not None):
                reached |= made
            else:
                last = call
    place = last.place() if last is not None else "the last operation"
    return (
        f"no value flows from the input to the output: {place} gives back something that changes in steps or is only "
        "held fixed (a comparison, a rounding, an index, an attention pattern). Choose an output before it with "
        "output=, or trace the part of the model that ends there"
    )
