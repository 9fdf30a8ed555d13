"""A finished page: text that can be saved, shown in a notebook, or turned into a picture."""

from __future__ import annotations

import contextlib
import hashlib
import html as html_text
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from netgraph.errors import RenderError, unknown

INLINE = 4_000_000
"""Pages above this many bytes are not put into a notebook but beside it."""


@dataclass(frozen=True)
class View:
    """What ``render`` gives back: one offline HTML page.

    Attributes
    ----------
    html : the whole page.
    title : its title.
    vertices, edges : how many are drawn.
    total_edges : how many edges the graph has.
    share : the part of Σ|column| that the drawn edges hold, 0 … 1.
    column : the edge column that chose them.
    """

    html: str = field(repr=False)
    title: str
    vertices: int
    edges: int
    total_edges: int
    share: float
    column: str

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to ``path``, whole or not at all (a temporary file beside it, then a rename).

        Returns
        -------
        The path.

        Raises
        ------
        RenderError : the path is a folder, its folder does not exist, or it cannot be written.
        """
        return _write(Path(path), self.html.encode("utf-8"), "page.html")

    def png(
        self,
        path: str | os.PathLike[str] | None = None,
        width: int = 1280,
        height: int = 800,
        theme: str | None = None,
    ) -> bytes:
        """A picture of the page, made by a Chromium or Chrome on this machine.

        Parameters
        ----------
        path : where to write it, too; None for nowhere.
        width, height : of the window, in pixels.
        theme : "dark" or "light"; None: as the system wishes, light as a rule. A page that was rendered with a theme
            of its own keeps it.

        Returns
        -------
        The PNG file's bytes.

        Raises
        ------
        UnknownName : another theme.
        RenderError : there is no such browser (the variable ``NETGRAPH_CHROMIUM`` names one), or it failed.
        """
        from netgraph.render.browser import SCHEMES, screenshot

        if theme is not None and theme not in SCHEMES:
            raise unknown("theme", theme, SCHEMES)
        picture = screenshot(self.html, width, height, theme)
        if path is not None:
            _write(Path(path), picture, "page.png")
        return picture

    def _repr_html_(self) -> str:
        """The page inside a notebook: a sandboxed frame, or a link to a file beside the notebook if it is large."""
        page = self.html.encode("utf-8")
        if len(page) <= INLINE:
            return (
                f'<iframe title="{html_text.escape(self.title)}" srcdoc="{html_text.escape(self.html)}" '
                'sandbox="allow-scripts allow-downloads" width="100%" height="640" style="border:0"></iframe>'
            )
        name = f"netgraph-{hashlib.sha256(page).hexdigest()[:12]}.html"
        self.save(name)
        return (
            f"<p>This page has {len(page) / 1e6:.1f} MB, too much for a notebook: "
            f'<a href="{name}" target="_blank" rel="noopener">open {name}</a></p>'
        )


def _write(path: Path, content: bytes, example: str) -> Path:
    if path.is_dir():
        raise RenderError(f"{path} is a folder: name a file in it, such as {path / example}")
    if not path.parent.is_dir():
        raise RenderError(f"cannot write {path}: there is no folder {path.parent}; make it first")
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = file.name
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
        raise RenderError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def _umask() -> int:
    """The mode that a plain ``open`` would give; temporary files are private, pages are not."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
