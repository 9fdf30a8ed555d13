"""Fills the page's template: everything escaped, everything inline, and a policy that forbids the rest."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Any

from netgraph import __version__
from netgraph.errors import RenderError
from netgraph.render.encode import json_block, script_hash
from netgraph.render.marks import PALETTE


def page(data: dict[str, Any], **said: Any) -> str:
    """The HTML text. ``data`` goes to the script as JSON; the rest is text for the template, escaped there."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    style, script, library = _colours() + _asset("page.css"), _asset("page.js"), vis_network()
    policy = (
        f"default-src 'none'; script-src {script_hash(library)} {script_hash(script)}; style-src {script_hash(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    # Marked as safe are the package's own files, and JSON that json_block has escaped; nothing that came with a graph.
    inline = {"policy": policy, "style": style, "script": script, "library": library, "data": json_block(data)}
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    template = environment.from_string(_asset("page.html.j2"))
    return template.render(version=__version__, **{name: Markup(text) for name, text in inline.items()}, **said)


@lru_cache(maxsize=1)
def vis_network() -> str:
    """The newest vis-network that pyvis brings, with line ends as a browser reads them (for the hash)."""
    folders = [folder for folder in (files("pyvis") / "lib").iterdir() if folder.name.startswith("vis-")]
    for folder in sorted(folders, key=lambda folder: _version(folder.name), reverse=True):
        lines = (folder / "vis-network.min.js").read_text(encoding="utf-8").replace("\r\n", "\n").split("\n")
        script = "\n".join(line for line in lines if not line.startswith("//# sourceMappingURL"))
        if "</script" not in script.lower() and "<!--" not in script:
            return script
    raise RenderError(
        "the installed pyvis holds no vis-network script that fits into a page: pip install --upgrade pyvis"
    )


def _version(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in name.removeprefix("vis-").split(".") if part.isdigit())


def _colours() -> str:
    """The palette as style sheet variables, for either theme."""
    light, dark = ("".join(f"--c{k}:{c};" for k, c in enumerate(PALETTE[theme])) for theme in ("light", "dark"))
    return (
        f":root{{{light}}}\n@media (prefers-color-scheme: dark){{:root{{{dark}}}}}\n"
        f":root[data-theme=light]{{{light}}}\n:root[data-theme=dark]{{{dark}}}\n"
    )


@lru_cache(maxsize=4)
def _asset(name: str) -> str:
    return (files("netgraph.render") / "assets" / name).read_text(encoding="utf-8").replace("\r\n", "\n")
