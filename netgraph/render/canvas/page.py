"""Puts the page together: the graph's own data, its inputs, words about it, and the viewer that draws them."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from netgraph import __version__
from netgraph.errors import RenderError, unknown
from netgraph.graph.graph import RESERVED
from netgraph.graph.layout import places
from netgraph.graph.tables import layer_ids
from netgraph.render import wording
from netgraph.render.canvas import forward
from netgraph.render.canvas.numbers import block_of, floats, packed
from netgraph.render.canvas.samples import Shown, shown
from netgraph.render.canvas.stored import Stored, block_data, store
from netgraph.render.encode import script_hash, text
from netgraph.render.marks import colours
from netgraph.render.view import View

if TYPE_CHECKING:
    from netgraph.graph.graph import Graph, Layer
    from netgraph.render.page import Request

Array = np.ndarray[Any, Any]

TOLD = frozenset((*RESERVED, "label", "bias", "module", "activation", "attribution", "constant_share", "gate"))
"""Vertex columns that the page shows by other means than a row of the panel."""
COLUMNS = 24
"""So many further columns it has at most: the last ones, where results are."""


def draw(graph: Graph, request: Request, network: Any = None) -> View:
    """The page for one graph."""
    if request.size is not None:
        raise RenderError(
            f"size={request.size!r}: in this page all vertices of a layer are alike and carry pictures; areas are "
            'drawn by backend="pyvis"'
        )
    column = request.weight or "weight"
    for block in graph.blocks:
        if column not in ("weight", "abs_weight", *block.values):
            shared = sorted({name for b in graph.blocks for name in b.values})
            raise unknown("edge column", column, ["weight", "abs_weight", *shared])
    stored = store(graph, column)
    seen = shown(graph, stored, network, request)
    title = text(request.title if request.title is not None else wording.title(graph))
    data = page_data(graph, stored, seen, request, title, network)
    html = fill(data, title=title, summary=data["summary"], theme=request.theme)
    mass, held = sum(s.mass for s in stored), sum(float(np.abs(s.weight).sum(dtype=np.float64)) for s in stored)
    kept = sum(s.edges if s.whole else len(s) for s in stored)
    total = len(graph.edges)
    return View(html, title, graph.n, kept, total, 1.0 if kept == total else held / mass, column)


def page_data(
    graph: Graph, stored: list[Stored], seen: Shown, request: Request, title: str, network: Any = None
) -> dict[str, Any]:
    """What ``contract.ts`` calls PageData."""
    at = places(graph)
    output = forward.output_layer(graph)
    labels = _labels(graph, request)
    classes, named = _classes(graph, request, labels, output)
    if named and output >= 0:
        labels[output] = classes
    numbers = {layer.name: i for i, layer in enumerate(graph.layers)}
    bias = graph.columns.get("bias")
    kernels = seen.kernels or [None] * len(stored)
    opens = "circuit" if seen.flows and output >= 0 else "network"
    module, groups = _modules(graph, request.color)
    blocks = [block_data(s, numbers, _sign(s, request), k) for s, k in zip(stored, kernels, strict=True)]
    return {
        "version": 1,
        "title": title,
        "summary": wording.summary(graph),
        "theme": request.theme,
        "opens": opens,
        "top": request.top,
        "count": graph.n,
        "x": floats(at.x),
        "y": floats(at.y),
        "module": module,
        "groups": groups,
        "colour": "sign" if module is None or opens != "network" else "module",
        "ribbons": module is not None and request.modules and opens == "network",
        "bias": None if bias is None else floats(bias),
        "columns": _columns(graph),
        "layers": [
            _layer(graph, layer, float(at.cell[i]), at.picture[i], labels.get(i))
            for i, layer in enumerate(graph.layers)
        ],
        "blocks": blocks,
        "output": output,
        "classes": classes,
        "softmax": seen.flows is not None and _softmax(graph, request, output),
        "flows": seen.flows,
        "lesions": seen.lesions,
        "samples": seen.samples,
        "about": [*wording.about(graph), *_verified(graph, network), ("drawn by", f"netgraph {__version__}")],
        "notes": [*_notes(graph, stored), *seen.notes],
    }


# -- vertices ------------------------------------------------------------------------------------------


def _layer(graph: Graph, layer: Layer, cell: float, image: bool, labels: list[str] | None) -> dict[str, Any]:
    ids = _own_ids(graph, layer)
    return {
        "name": text(layer.name),
        "kind": text(layer.kind),
        "module": text(layer.module),
        "activation": None if layer.activation is None else text(layer.activation),
        "depth": graph.depth[layer.name],
        "start": layer.start,
        "size": layer.size,
        "shape": list(layer.shape),
        "grid": list(layer.grid),
        "channels": len(layer.shape) > 2
        and len(layer.grid) == 1
        and not wording.at_positions(graph, layer)
        and (layer.size == layer.shape[0] or graph.meta.get("granularity") == "channel"),
        "cell": cell,
        "image": image and layer.size > 1,
        "ids": ids,
        "labels": labels,
    }


def _own_ids(graph: Graph, layer: Layer) -> list[str] | None:
    """Ids of a layer's vertices that are not its name and their places: those of a part keep the whole's."""
    if "id" not in graph.columns:
        return None
    own = graph.ids[layer.vertices].tolist()
    return None if own == layer_ids(layer).to_list() else [text(identifier) for identifier in own]


def _labels(graph: Graph, request: Request) -> dict[int, list[str]]:
    """Number of a layer -> a text for each of its vertices, where any has one."""
    if request.labels is None and "label" not in graph.columns and "id" not in graph.columns:
        return {}
    labels, _ = wording.vertex_texts(graph, request.labels)
    found = {}
    ids = graph.ids
    for i, layer in enumerate(graph.layers):
        here, own = labels[layer.vertices], ids[layer.vertices].tolist()
        if any(label is not None for label in here) or own != layer_ids(layer).to_list():
            pairs = zip(here, own, strict=True)
            found[i] = [text(identifier) if label is None else label for label, identifier in pairs]
    return found


def _classes(graph: Graph, request: Request, labels: dict[int, list[str]], output: int) -> tuple[list[str], bool]:
    """Names of the outputs, and whether the caller gave them."""
    if output < 0:
        return [], False
    layer = graph.layers[output]
    index = np.asarray(graph.columns["index"])[layer.vertices] if "index" in graph.columns else np.arange(layer.size)
    if request.classes is not None:
        names = [text(name) for name in request.classes]
        if len(names) == layer.size:
            return names, True
        if layer.size and len(names) > int(index.max()) >= layer.size:  # a part of the outputs
            return [names[int(i)] for i in index], True
        raise RenderError(
            f"classes: got {len(names)} names, but {layer.name!r}, the layer of the outputs, has {layer.size} vertices"
        )
    if request.labels is not None and output in labels:
        return labels[output], False
    own = np.asarray(graph.columns["label"], dtype=object)[layer.vertices] if "label" in graph.columns else None
    if own is not None and all(isinstance(name, str) and name for name in own):
        return labels[output], False
    if layer.size == 1 and int(np.prod(layer.shape, dtype=np.int64)) == 1:
        return ["output"], False  # a number says which of several
    if "id" in graph.columns:
        return [text(identifier).rsplit(":", 1)[-1] for identifier in graph.ids[layer.vertices]], False
    return [str(int(i)) for i in index], False


def _modules(graph: Graph, color: str) -> tuple[Any, list[str] | None]:
    """int16 module of each vertex, or None; the names of groups of another column."""
    if color == "module" and "module" not in graph.columns:
        return None, None
    found = colours(graph, color)
    if not found.names:
        raise RenderError(
            f"color={color!r}: this page colours by groups, and that column is a scale; draw scales with "
            'backend="pyvis", or pass a column of whole numbers or texts'
        )
    if color != "module":
        return packed(found.mark, "<i2"), [text(name) for name in found.names]
    values = np.nan_to_num(np.asarray(graph.columns["module"], dtype=np.float64), nan=-1.0)
    return packed(np.clip(np.where(values < 0, -1, values), -1, 32767), "<i2"), None


def _columns(graph: Graph) -> list[dict[str, Any]]:
    numeric = [
        (name, np.asarray(values))
        for name, values in graph.columns.items()
        if name not in TOLD and np.asarray(values).dtype.kind in "biuf"
    ]
    return [{"name": text(name), "values": floats(values)} for name, values in numeric[-COLUMNS:]]


# -- edges and words -----------------------------------------------------------------------------------


def _sign(stored: Stored, request: Request) -> Array | None:
    """Norms of kernels are coloured by the sign of the sum of their taps."""
    if (request.weight or "weight") != "weight" or "tap_sum" not in stored.block.values:
        return None
    from netgraph.graph import blocks as ops
    from netgraph.render.canvas.matching import entries_at

    rows, columns = stored.places
    return np.sign(entries_at(ops.listed(stored.block.values["tap_sum"]), rows, columns)).astype(np.int8)


def _softmax(graph: Graph, request: Request, output: int) -> bool:
    """Whether the outputs are taken for logits of classes: several plain numbers, and no copy of the input."""
    if output < 0 or graph.layers[output].size < 2 or graph.layers[output].activation is not None:
        return False
    if len(graph.layers[output].shape) == 1 and graph.layers[output].size < graph.layers[output].shape[0]:
        return False  # a part of the outputs
    if request.classes is not None or request.truth is not None or request.labels is not None:
        return True
    layer = graph.layers[output]
    return len(layer.shape) <= 1 and layer.size >= 3 and layer.size != graph.layers[0].size


def _verified(graph: Graph, network: Any) -> list[tuple[str, str]]:
    """The errors of the network's proof, where it was proven as it is in this graph (``Network.verify``)."""
    known, check = getattr(network, "verified", None) or (None, None)
    if check is None or known != graph.meta.get("model_hash"):
        return []
    errors = ", ".join(f"{name} {error:.0e}" if error else f"{name} 0" for name, error in check.errors.items())
    head = "the graph is the network" if check else "the graph is NOT the network"
    return [
        ("verified", f"{head}, relative errors: {errors} at {check.inputs:,} input{'s' if check.inputs != 1 else ''}")
    ]


def _notes(graph: Graph, stored: list[Stored]) -> list[str]:
    notes = []
    if "edges_kept" in graph.meta:
        found = (
            f"A circuit for {text(graph.meta.get('circuit_for', 'a target'))}: {text(graph.meta['edges_kept'])} edges"
        )
        judged = f", faithfulness {text(graph.meta['faithfulness'])}" if "faithfulness" in graph.meta else ""
        notes.append(f"{found}{judged}.")
    if "modules_verdict" in graph.meta:
        notes.append(text(graph.meta["modules_verdict"]))
    cut = [s for s in stored if not s.whole]
    if cut:
        kept, total = sum(map(len, stored)), sum(s.edges for s in stored)
        notes.append(
            f"The page holds {kept:,} of {total:,} edges: all of the small blocks, the strongest of the {len(cut)} "
            "large ones. The matrix shows the sums of all of them."
        )
    if graph.meta.get("exact") is False:
        notes.append(
            "Weights alone do not fix what the network does: some of its edges (selections, products, normalisations) "
            "depend on the input."
        )
    if any("tap_sum" in s.block.values for s in stored):
        notes.append("Weights of kernels are norms of their taps, coloured by the sign of the taps' sum.")
    if graph.meta.get("gauge") not in (None, "none"):
        notes.append(f"Weights stand in the gauge {text(graph.meta['gauge'])}: hidden units are rescaled.")
    return notes


# -- HTML ----------------------------------------------------------------------------------------------


def fill(data: dict[str, Any], **said: str) -> str:
    """The HTML text: the template, the viewer's own style and script, and the data as JSON."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    style, script = viewer("viewer.css"), viewer("viewer.js")
    policy = (
        f"default-src 'none'; script-src {script_hash(script)}; style-src {script_hash(style)}; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    # Marked as safe are the package's own files, and JSON whose every text is escaped; nothing that came with a graph.
    inline = {"policy": policy, "style": style, "script": script, "data": block_of(data)}
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(_template())
    return template.render(version=__version__, **{name: Markup(part) for name, part in inline.items()}, **said)


@lru_cache(maxsize=1)
def _template() -> str:
    return (files("netgraph.render") / "assets" / "canvas.html.j2").read_text(encoding="utf-8").replace("\r\n", "\n")


def viewer(name: str) -> str:
    """A file of the built viewer.

    Raises
    ------
    RenderError : it was not built.
    """
    file = files("netgraph.render") / "viewer" / "dist" / name
    try:
        written = file.read_text(encoding="utf-8").replace("\r\n", "\n")
    except OSError as error:
        raise RenderError(
            f"the viewer is not there ({name}): it ships with netgraph; from the sources, run npm run build in "
            "netgraph/render/viewer"
        ) from error
    if "</script" in written.lower() or "</style" in written.lower() or "<!--" in written:
        raise RenderError(f"the viewer's {name} does not fit into a page: build it again (npm run build)")
    return written
