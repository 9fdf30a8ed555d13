"""SHOWS A GRAPH: one offline page. Reads the graph's data, never changes it.

``netgraph.render`` is at once this package and the public function: importing any file of it binds the package on
``netgraph``, so the package itself can be called.
"""

from __future__ import annotations

import inspect
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netgraph.render.view import View


class _Callable(ModuleType):
    """A package that is called as its function ``page.render``."""

    def __call__(self, *args: Any, **kwargs: Any) -> View:
        from netgraph.render.page import render

        return render(*args, **kwargs)

    @property
    def __signature__(self) -> inspect.Signature:
        from netgraph.render.page import render

        return inspect.signature(render)


sys.modules[__name__].__class__ = _Callable
