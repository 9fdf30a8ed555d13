"""The program: its commands, and what becomes of errors.

Exit status: 0 done, 1 bad input or failure, 2 wrong usage, 130 interrupted. Data goes to stdout, all else to stderr.
"""

from __future__ import annotations

import functools
import os
import re
import sys
import warnings
from collections.abc import Callable
from typing import Annotated, Any

import typer

import netgraph as ng
from netgraph.cli import analyses, check, circuits, comparing, lesions, modules, show, structure, tables
from netgraph.cli.output import complain

COMMANDS: dict[str, Callable[..., None]] = {
    "demo": show.demo,
    "info": tables.info,
    "export": tables.export,
    "convert": tables.convert,
    "verify": tables.verify,
    "check": check.check,
    "modules": modules.modules,
    "centrality": analyses.centrality,
    "paths": analyses.paths,
    "describe": structure.describe,
    "duplicates": structure.duplicates,
    "compare": comparing.compare,
    "circuit": circuits.circuit,
    "ablate": lesions.ablate,
    "render": show.render,
}
"""One row a command."""

app = typer.Typer(
    name="netgraph",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Trained neural networks as exact weighted graphs: tables, modules, centralities, paths, circuits and pages.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"netgraph {ng.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """What may stand before a command."""


def guarded(command: Callable[..., None]) -> Callable[..., None]:
    """The command, with its errors told in one message instead of a traceback (unless ``--debug``)."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            with warnings.catch_warnings():
                warnings.showwarning = lambda message, *rest, **more: complain(f"warning: {in_option_words(message)}")
                command(*args, **kwargs)
            sys.stdout.flush()
        except KeyboardInterrupt:
            complain("interrupted")
            raise typer.Exit(130) from None
        except BrokenPipeError:  # `netgraph paths … | head`: the reader has had enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except (ng.NetgraphError, OSError) as error:
            if kwargs.get("debug"):
                raise
            complain(f"error: {in_option_words(error)}")
            raise typer.Exit(1) from None
        except (typer.Exit, typer.BadParameter):
            raise
        except Exception as error:
            if kwargs.get("debug"):
                raise
            complain(f"error: {type(error).__name__}: {error}\nThis was not foreseen; --debug shows where it happened.")
            raise typer.Exit(1) from None

    return run


def in_option_words(error: Exception | str) -> str:
    """The message as whoever typed a command would say it: ``--model`` for ``model=``, no error numbers.

    >>> in_option_words(ng.NetgraphError("unknown (from model=): pass input_shape=, such as (1, 28, 28)"))
    'unknown (from --model): pass --input-shape, such as (1, 28, 28)'
    """
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return KEYWORDS.sub(lambda found: OPTIONS[found[1]] + (" " if found[2] else ""), str(error))


OPTIONS = {
    name: "--" + name.replace("_", "-") for name in ("model", "input_shape", "activation", "nonfinite", "target")
}
"""Keyword of a public function -> the option that carries it."""

KEYWORDS = re.compile(rf"\b({'|'.join(OPTIONS)})=(?=([^\s,;:.)])?)")


for _name, _command in COMMANDS.items():
    app.command(_name)(guarded(_command))


def main() -> None:
    """Runs the command line; never returns."""
    app()
