"""Colours, shapes and areas: what they mean, and that eyes of every kind can tell them apart."""

from __future__ import annotations

import itertools
import re
from importlib.resources import files

import numpy as np
import pytest

from netgraph.errors import RenderError, UnknownName
from netgraph.graph.graph import Graph
from netgraph.render.marks import CLASSES, OTHER, PALETTE, SHAPES, colours, sizes
from netgraph.render.place import RADIUS, radii, stage, wished

CSS = (files("netgraph.render") / "assets" / "page.css").read_text(encoding="utf-8")

# Machado, Oliveira, Fernandes (2009), severity 1: what each kind of eye sees of linear RGB.
EYES = {
    "normal": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def linear(colour: str) -> np.ndarray:
    part = np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


def oklab(rgb: np.ndarray) -> np.ndarray:
    """Ottosson (2020)."""
    to_lms = [
        [0.41222147, 0.53633254, 0.05144599],
        [0.21190350, 0.68069955, 0.10739696],
        [0.08830246, 0.28171884, 0.62997870],
    ]
    to_lab = [
        [0.21045426, 0.79361779, -0.00407205],
        [1.97799850, -2.42859221, 0.45059371],
        [0.02590404, 0.78277177, -0.80867577],
    ]
    return np.array(to_lab) @ np.cbrt(np.array(to_lms) @ np.clip(rgb, 0, 1))


def contrast(one: str, other: str) -> float:
    """WCAG 2.1."""
    a, b = (float(linear(c) @ [0.2126, 0.7152, 0.0722]) + 0.05 for c in (one, other))
    return max(a, b) / min(a, b)


def tokens(theme: str) -> dict[str, str]:
    """The style sheet's colours, with the palette's."""
    blocks = re.findall(r"(:root[^{]*)\{([^}]*)\}", CSS)
    picked = {"light": [b for s, b in blocks if s.strip() == ":root"], "dark": [b for s, b in blocks if '"dark"' in s]}[
        theme
    ]
    found = dict(re.findall(r"--(\w+):\s*(#[0-9a-f]{6})", picked[0]))
    return found | {f"c{k}": colour for k, colour in enumerate(PALETTE[theme])}


def test_both_ways_to_the_dark_theme_give_the_same_colours() -> None:
    blocks = [b for s, b in re.findall(r"(:root[^{]*)\{([^}]*)\}", CSS) if "dark" in b]
    assert len(blocks) == 2
    assert blocks[0].split() == blocks[1].split()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_text_has_contrast(theme: str) -> None:
    colour = tokens(theme)
    for ink, ground in itertools.product(("fg", "dim"), ("bg", "card")):
        assert contrast(colour[ink], colour[ground]) >= 4.5, (ink, ground)
    assert contrast(colour["fg"], colour["line"]) >= 4.5  # a button under the pointer


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_marks_have_contrast(theme: str) -> None:
    colour = tokens(theme)
    for name in ("pos", "neg", "c0", "c1", "c2", "c3", "c4", "c5"):
        assert contrast(colour[name], colour["bg"]) >= 3, name


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_every_eye_tells_the_colours_apart(theme: str, eye: str) -> None:
    colour = tokens(theme)
    seen = {
        name: oklab(np.asarray(EYES[eye]) @ linear(colour[name]))
        for name in ("pos", "neg", *(f"c{k}" for k in range(6)))
    }
    for one, other in itertools.combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) >= 0.085, (one, other)  # 0.02 is just noticeable


# -- classes and scales ----------------------------------------------------------------------------


def plain(n: int = 4) -> Graph:
    return Graph.from_matrices([np.ones((1, n - 1))])


def test_modules_are_classes_in_order() -> None:
    found = colours(plain().with_columns(module=np.array([5, 2, -1, 2])), "module")
    assert found.names == ("module 2", "module 5")
    assert found.mark.tolist() == [1, 0, OTHER, 0]


def test_module_numbers_that_became_floats_stay_modules() -> None:
    found = colours(plain().with_columns(module=np.array([0.0, 1.0, np.nan, 1.0])), "module")
    assert found.names == ("module 0", "module 1")
    assert found.mark.tolist() == [0, 1, OTHER, 1]


def test_without_modules_the_layers_are_coloured() -> None:
    found = colours(plain(), "module")
    assert found.title == "layer"
    assert found.mark.tolist() == [0, 0, 0, 1]


def test_text_columns_are_classes() -> None:
    found = colours(plain().with_columns(team=np.array(["b", "a", "", "b"], dtype=object)), "team")
    assert found.names == ("a", "b")
    assert found.mark.tolist() == [1, 0, OTHER, 1]


def test_float_columns_are_a_scale() -> None:
    found = colours(plain().with_columns(activation=np.array([-2.0, 1.0, np.nan, 0.0])), "activation")
    assert found.names == ()
    assert found.limit == 2.0
    assert found.signed
    np.testing.assert_array_equal(found.mark, [-1.0, 0.5, np.nan, 0.0])


def test_of_too_many_classes_the_largest_keep_a_colour() -> None:
    module = np.concatenate([np.arange(CLASSES + 3), np.arange(3, CLASSES + 3)])  # 0, 1 and 2 have one vertex each
    found = colours(plain(len(module)).with_columns(module=module), "module")
    assert found.names == tuple(f"module {k}" for k in range(3, CLASSES + 3))
    assert found.mark[:4].tolist() == [OTHER, OTHER, OTHER, 0]
    pairs = {(PALETTE["dark"][m % 6], found.shape(v)) for v, m in enumerate(found.mark.tolist()) if m != OTHER}
    assert len(pairs) == CLASSES == len(PALETTE["light"]) * len(SHAPES)


def test_sizes() -> None:
    graph = plain().with_columns(rank=np.array([1.0, -4.0, np.nan, 2.0]))
    np.testing.assert_array_equal(sizes(graph, "rank", "weight").part, [0.25, 1.0, 0.0, 0.5])
    assert sizes(graph, None, "weight").title == "strength"
    assert sizes(graph, None, "weight").part.tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 1])
    assert sizes(graph.with_columns(pagerank=np.ones(4)), None, "weight").title == "pagerank"


def test_columns_that_do_not_fit() -> None:
    graph = plain().with_columns(team=np.array(list("abcd"), dtype=object), pagerank=np.ones(4))
    with pytest.raises(RenderError, match=r"size='team'.*choose a numeric column"):
        sizes(graph, "team", "weight")
    with pytest.raises(UnknownName, match="did you mean 'pagerank'"):
        sizes(graph, "pagernak", "weight")
    with pytest.raises(UnknownName, match="unknown vertex column 'teams'"):
        colours(graph, "teams")


# -- places ----------------------------------------------------------------------------------------


def test_the_first_vertex_of_a_layer_is_on_top_and_inputs_are_left() -> None:
    place = stage(Graph.from_matrices([np.ones((2, 3))]))
    assert (np.diff(place.y[:3]) > 0).all()
    assert place.x[:3].max() < place.x[3:].min()
    assert place.x.min() == place.y.min() == 0
    assert place.x.max() == pytest.approx(place.width)


def test_vertices_never_touch() -> None:
    graph = Graph.from_matrices([np.ones((50, 300)), np.ones((7, 50))])
    place = stage(graph)
    radius = radii(np.ones(graph.n), place)
    gap = np.hypot(place.x[:, None] - place.x, place.y[:, None] - place.y) + np.eye(graph.n) * 1e9
    assert (gap > radius[:, None] + radius).all()


def test_areas_are_linear_in_the_value() -> None:
    area = wished(np.array([0.0, 0.5, 1.0]), 9.0) ** 2
    assert area[1] == pytest.approx((area[0] + area[2]) / 2)
    assert area[0] == pytest.approx(RADIUS[0] ** 2)


def test_a_single_vertex_stands_on_the_stage() -> None:
    place = stage(Graph.from_pandas(None, _one_edge()).select(layers=None, vertices=["a"]))
    assert 0 <= place.x[0] <= place.width
    assert 0 <= place.y[0] <= place.height


def _one_edge():  # type: ignore[no-untyped-def]
    import pandas as pd

    return pd.DataFrame({"source": ["a"], "target": ["b"], "weight": [1.0]})
