"""The README's command reference and list of traps, made from the code; a test compares the two. To write them anew:

.venv/bin/python scripts/_reference.py
"""

from __future__ import annotations

import inspect
import typing
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netgraph.cli.app import COMMANDS
from netgraph.graph.checking import SEVERITIES, TRAPS

README = Path(__file__).resolve().parent.parent / "README.md"
BEGIN, END = "<!-- commands: made by scripts/_reference.py -->\n", "<!-- end of commands -->\n"
BEGIN_TRAPS, END_TRAPS = "<!-- traps: made by scripts/_reference.py -->\n", "<!-- end of traps -->\n"


@dataclass(frozen=True)
class Parameter:
    """An argument or option: `words` as they are typed, what they mean, the default worth naming."""

    words: str
    help: str
    default: str
    positional: bool
    needed: bool

    @property
    def line(self) -> str:
        return f"- `{self.words}`: {self.help}{f' Default: `{self.default}`.' if self.default else ''}"


def parameters(command: Callable[..., None]) -> list[Parameter]:
    """What a command takes, in order."""
    hints = typing.get_type_hints(command, include_extras=True)
    found = []
    for name, given in inspect.signature(command).parameters.items():
        kind, info = typing.get_args(hints[name])
        # in Annotated[…] typer keeps the first name of an option where its default would be
        needed = given.default is inspect.Parameter.empty
        positional = type(info).__name__ == "ArgumentInfo"
        words = str(info.metavar) if positional else ", ".join([info.default, *(info.param_decls or ())])
        if not positional and kind is not bool:
            words += " " + (info.metavar or {int: "N", str: "NAME"}[next(t for t in (int, str) if t in _types(kind))])
        silent = needed or given.default is None or kind is bool
        found.append(Parameter(words, info.help, "" if silent else str(given.default), positional, needed))
    return found


def _types(kind: Any) -> tuple[Any, ...]:
    return typing.get_args(kind) or (kind,)


def reference() -> str:
    """A section a command; an option that at least three commands have alike is explained once."""
    every = {name: parameters(command) for name, command in COMMANDS.items()}
    counts = Counter(p for found in every.values() for p in found if not p.positional)
    shared = [p for p, count in counts.items() if count >= 3]
    lines = ["Shared by several commands:", "", *(p.line for p in shared)]
    for name, found in every.items():
        needed = [p.words.replace(", -o", "").replace("--out, ", "") for p in found if p.needed]
        lines += [
            "",
            f"#### `netgraph {' '.join([name, *needed])}`",
            "",
            inspect.cleandoc(COMMANDS[name].__doc__ or ""),
            "",
        ]
        lines += [p.line for p in found if p not in shared]
        also = [f"`{p.words.split()[0].rstrip(',')}`" for p in found if p in shared]
        lines += ["- and " + ", ".join(also)]
    return "\n".join(lines) + "\n"


def traps() -> str:
    """A row a trap, the worst first."""
    rows = ["| | trap | what happens | mend |", "|---|---|---|---|"]
    for trap in sorted(TRAPS.values(), key=lambda trap: SEVERITIES.index(trap.severity)):
        what = "; ".join(f"**{tool}** {said}" for tool, said in trap.tools.items())
        rows.append(f"| {trap.severity} | `{trap.name}` | {what} | {trap.mend} |".replace("*all*", "all"))
    return "\n" + "\n".join(rows) + "\n\n"


def written(readme: str) -> str:
    """The README with the reference and the traps of now."""
    for begin, end, made in ((BEGIN, END, reference()), (BEGIN_TRAPS, END_TRAPS, traps())):
        before, rest = readme.split(begin)
        readme = before + begin + made + end + rest.split(end)[1]
    return readme


if __name__ == "__main__":
    README.write_text(written(README.read_text(encoding="utf-8")), encoding="utf-8")
