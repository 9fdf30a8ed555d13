"""Reading the page: what the slider, the toggles, the lists and the panel say is what numpy and torch find."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from browser_pages import (
    Array,
    caption,
    click_vertex,
    complete,
    flat,
    graph_at,
    held_out,
    live,
    network,
    numbers,
    page_of,
    picture,
    state,
    vertex,
)

import netgraph as ng

Visit = Callable[..., Any]


def edges_drawn(page: Any) -> int:
    """Paths of edges in the SVG of what is seen."""
    script = """() => new DOMParser().parseFromString(window.netgraph.stage.svg(), "image/svg+xml")
        .querySelectorAll('g[fill=none] > path').length"""
    return int(page.evaluate(script))


def section_of(page: Any, heading: str) -> Any:
    """The part of the panel under a heading."""
    return page.locator("aside section").filter(has=page.get_by_role("heading", name=heading))


def edge_rows(page: Any, heading: str) -> list[tuple[str, float]]:
    """(id, value) of the rows of edges under a heading, as their titles tell them: with six digits."""
    titles = [row.get_attribute("title") for row in section_of(page, heading).locator("li button").all()]
    return [(name, numbers(value)[0]) for name, value in (title.rsplit(": ", 1) for title in titles)]


def without(sample: int, unit: int | None = None) -> tuple[Array, Array]:
    """The second hidden layer of the MLP and its logits, by torch; a unit of that layer is held at 0."""
    import torch

    inputs, _ = held_out()
    model = network("mlp").model
    with torch.no_grad():
        hidden = torch.relu(model.fc2(torch.relu(model.fc1(torch.from_numpy(inputs[sample : sample + 1]).flatten(1)))))
        if unit is not None:
            hidden[:, unit] = 0
        return hidden[0].numpy().astype(float), model.fc3(hidden)[0].numpy().astype(float)


# -- how many edges ---------------------------------------------------------------------------------------------


def test_reading_slider_draws_so_many_edges_and_says_their_share(visit: Visit) -> None:
    page = visit(page_of("mlp")).page
    graph = graph_at("mlp", 0, state(page)["target"])
    size = np.sort(np.abs(flat(graph, "attribution")))[::-1]
    slider = page.get_by_role("slider")
    before = picture(page)
    for place in ("0", "500", "1000"):
        slider.fill(place)
        top = state(page)["top"]
        shown, every, share = numbers(caption(page))
        assert shown == top == edges_drawn(page)
        assert every == np.count_nonzero(size)
        assert share == pytest.approx(100 * size[:top].sum() / size.sum(), abs=0.5 if share > 10 else 0.05)
        assert slider.get_attribute("aria-valuetext").startswith(f"top {top:,} of {every:,.0f} edges")
    assert top == every
    assert picture(page) != before


def test_reading_signs_leave_out_their_edges(visit: Visit) -> None:
    page = visit(page_of("mlp")).page
    values = flat(graph_at("mlp", 0, state(page)["target"]), "attribution")
    top = values[np.argsort(-np.abs(values), kind="stable")[: state(page)["top"]]]
    for name, kept in (("positive edges", top[top < 0]), ("negative edges", top[top > 0])):
        both = picture(page)
        toggle = page.get_by_role("button", name=name)
        toggle.click()
        assert toggle.get_attribute("aria-pressed") == "false"
        told = caption(page).splitlines()[1]
        shown, share = numbers(told)
        assert told.startswith("− only" if name == "positive edges" else "+ only")
        assert shown == pytest.approx(len(kept), abs=1)  # equals at the end of the list may be rounded apart
        assert edges_drawn(page) == shown
        assert share == pytest.approx(100 * np.abs(kept).sum() / np.abs(values).sum(), abs=0.5)
        assert picture(page) != both
        toggle.click()
        assert picture(page) == both


def test_reading_each_view_has_its_own_values_and_words(visit: Visit) -> None:
    page = visit(page_of("mlp")).page
    target = state(page)["target"]
    pictures = {picture(page)}
    for button, word in (("this input", "contribution"), ("network", "weight")):
        page.get_by_role("button", name=button, exact=True).click()
        size = np.sort(np.abs(flat(graph_at("mlp", 0, target), word)))[::-1]
        shown, every, share = numbers(caption(page))
        assert f"Σ|{word}|" in caption(page)
        assert every == np.count_nonzero(size)
        assert share == pytest.approx(100 * size[: int(shown)].sum() / size.sum(), abs=0.5)
        pictures.add(picture(page))
    page.get_by_role("combobox", name="class that the circuit is for").select_option("digit 3")
    assert state(page)["view"] == "circuit"
    assert state(page)["target"] == 3
    pictures.add(picture(page))
    assert len(pictures) == 4


# -- paths ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sample", "target", "group"), [(0, 2, None), (12, 3, None), (12, 7, "input")])
def test_reading_paths_are_those_that_python_finds(visit: Visit, sample: int, target: int, group: str | None) -> None:
    page = visit(page_of("mlp"), hash=f"#sample={sample}&class={target}{'&paths=grouped' if group else ''}").page
    best = ng.paths(graph_at("mlp", sample, target), f"fc3:{target}", k=10, weight="attribution", group=group)
    section = section_of(page, "Strongest paths to")
    toggle = section.get_by_role("button", name="group by route")
    assert toggle.get_attribute("aria-pressed") == ("true" if group else "false")
    titles = [row.get_attribute("title") for row in section.locator("ol button").all()]
    assert [title.split(": select")[0] for title in titles] == [" → ".join(path) for path in best.vertices]
    values = [numbers(text)[0] for text in section.locator("ol .value").all_inner_texts()]
    np.testing.assert_allclose(values, best.value, rtol=6e-3)  # three digits
    exact = page.evaluate(
        """(grouped) => { const { model, store } = window.netgraph;
            return model.paths(store.state, 10, grouped).paths.map(({ value, share }) => [value, share]); }""",
        group is not None,
    )
    np.testing.assert_allclose([value for value, _ in exact], best.value, rtol=1e-3)
    absolute = np.abs(best.value) / best.attrs["total_abs"]
    np.testing.assert_allclose([share for _, share in exact], absolute, rtol=2e-3)
    told = numbers(section.locator("p").inner_text())
    assert told == [10, pytest.approx(100 * best.attrs["coverage_abs"], abs=0.06 if not group else 0.6)]


def test_reading_the_sum_of_all_paths_and_constants_is_the_logit(visit: Visit) -> None:
    page = visit(page_of("mlp"), hash="#sample=12").page
    logits = without(12)[1]
    target = int(np.argmax(logits))
    told = page.get_by_text("Σ paths from inputs").inner_text()
    best = ng.paths(graph_at("mlp", 12, target), f"fc3:{target}", k=1, weight="attribution")
    paths, constant, logit = numbers(told)
    constant *= -1 if "− biases" in told else 1
    assert " = logit" in told
    last = 10.0 ** -len(told.rsplit(".", 1)[1])  # as many decimals as the sum holds in, weights being float16
    assert last <= 0.1
    assert logit == pytest.approx(logits[target], abs=0.51 * last)
    assert paths == pytest.approx(best.attrs["total"], abs=last)
    assert paths + constant == pytest.approx(logit, abs=1.51 * last)


def test_reading_hover_and_focus_trace_a_path(visit: Visit) -> None:
    page = visit(page_of("mlp")).page
    row = page.locator("aside ol button").nth(2)
    names = row.get_attribute("title").split(": select")[0].split(" → ")
    at_rest = picture(page)
    script = """() => { const { model, store } = window.netgraph;
        return store.state.traced.map((edge) => [model.id(model.source(edge)), model.id(model.target(edge))]); }"""
    row.hover()
    assert page.evaluate(script) == [list(pair) for pair in itertools.pairwise(names)]
    hovered = picture(page)
    assert hovered != at_rest
    page.mouse.move(500, 60)
    assert page.evaluate(script) == []
    assert picture(page) == at_rest
    row.focus()
    assert len(page.evaluate(script)) == 3
    assert picture(page) == hovered


def test_reading_shift_click_lists_the_paths_between_two_vertices(visit: Visit) -> None:
    page = visit(page_of("mlp"), hash="#view=network").page
    click_vertex(page, "fc1:8")
    click_vertex(page, "fc3:2", shift=True)
    assert live(page) == "paths between fc1:8 and digit 2"
    best = ng.paths(network("mlp").graph(granularity="unit"), "fc3:2", source="fc1:8", k=12)
    found = section_of(page, "Paths between fc1:8 and digit 2")
    assert found.locator("li .name").all_inner_texts() == [f"via {path[1]}" for path in best.vertices]
    values = [numbers(text)[0] for text in found.locator("li .value").all_inner_texts()]
    np.testing.assert_allclose(values, best.value, rtol=6e-3)  # three digits
    exact = page.evaluate(
        """() => { const { model, store } = window.netgraph, { selected, second } = store.state;
            return model.between(selected, second, store.state, 12).paths.map((path) => path.value); }"""
    )
    np.testing.assert_allclose(exact, best.value, rtol=2e-3)  # two float16 weights
    told = page.get_by_text("Together, all paths").inner_text()
    assert numbers(told)[-1] == pytest.approx(best.attrs["total"], rel=5e-3)
    page.get_by_role("button", name="let go of the second vertex").click()
    assert state(page)["second"] is None


# -- a vertex ---------------------------------------------------------------------------------------------------


def strongest(values: Array, names: list[str], sign: int) -> list[tuple[str, float]]:
    order = np.argsort(-sign * values, kind="stable")[:5]
    return [(names[i], float(values[i])) for i in order if sign * values[i] > 0]


@pytest.mark.parametrize(("view", "column"), [("circuit", "attribution"), ("network", "weight")])
def test_reading_a_vertex_has_its_four_lists(visit: Visit, view: str, column: str) -> None:
    page = visit(page_of("mlp"), hash=f"#view={view}").page
    graph = graph_at("mlp", 0, state(page)["target"])
    click_vertex(page, "fc2:11")
    assert page.get_by_role("complementary").get_by_role("heading", level=2, name="fc2:11").is_visible()
    blocks = {block.target: np.asarray(block.operator(column)) for block in graph.blocks}
    sources = {"in": blocks["fc2"][11], "out": blocks["fc3"][:, 11]}
    names = {"in": [f"fc1:{k}" for k in range(32)], "out": [f"fc3:{k}" for k in range(10)]}
    listed = 0
    for sign, word in ((1, "positive"), (-1, "negative")):
        for side in ("in", "out"):
            expected = strongest(sources[side], names[side], sign)
            if not expected:
                assert page.get_by_role("heading", name=f"Strongest {word} {side}").count() == 0
                continue
            found = edge_rows(page, f"Strongest {word} {side}")
            assert [name for name, _ in found] == [name for name, _ in expected]
            np.testing.assert_allclose([v for _, v in found], [v for _, v in expected], rtol=2e-3, atol=1e-5)
            listed += len(found)
    assert listed >= (15 if view == "network" else 5)


def test_reading_a_vertex_tells_its_activation_bias_and_flow(visit: Visit) -> None:
    page = visit(page_of("mlp")).page
    target = state(page)["target"]
    hidden, logits = without(0)
    click_vertex(page, "fc2:11")
    terms, said = (page.locator(f"aside dl.facts {tag}").all_inner_texts() for tag in ("dt", "dd"))
    facts = dict(zip(terms, said, strict=True))
    assert numbers(facts["activation"])[0] == pytest.approx(hidden[11], rel=2e-3)
    flow = hidden[11] * float(network("mlp").model.fc3.weight[target, 11].detach())
    value, share = numbers(facts[f"flow to “digit {target}”"])
    assert value == pytest.approx(flow, rel=2e-3)
    assert share == pytest.approx(100 * flow / logits[target], abs=0.5 if abs(share) >= 10 else 0.06)
    graph = network("mlp").graph(granularity="unit")
    bias = float(np.asarray(graph.columns["bias"])[graph.ids.tolist().index("fc2:11")])
    assert numbers(facts["bias"])[0] == pytest.approx(bias, rel=1e-3)
    assert numbers(facts["edges"]) == [32, 10]


def test_reading_a_row_of_the_panel_jumps_to_its_vertex(visit: Visit) -> None:
    page = visit(page_of("mlp"), hash="#id=fc2:11").page
    name = edge_rows(page, "Strongest positive in")[0][0]
    section_of(page, "Strongest positive in").get_by_role("button").first.click()
    assert state(page)["selected"] == vertex(page, name)
    assert live(page).startswith(f"{name} selected, layer fc1")


def test_reading_a_lesion_shows_the_outputs_before_and_after(visit: Visit) -> None:
    page = visit(page_of("mlp"), hash="#sample=2&id=fc2:11").page
    before, after = without(2)[1], without(2, unit=11)[1]
    whole = picture(page)
    page.get_by_role("button", name="hold at 0 (lesion)").click()
    assert live(page) == "fc2:11 is held at 0"
    table = page.get_by_role("table", name="outputs, before → after")
    answers = dict.fromkeys([int(before.argmax()), int(after.argmax())])  # the circuit is that of the first
    changed = [*answers, *(k for k in np.argsort(-np.abs(after - before), kind="stable") if k not in answers)][:5]
    assert {row.inner_text() for row in table.get_by_role("rowheader").all()} == {f"digit {k}" for k in changed}
    for row in table.get_by_role("row").all():
        k = int(row.get_by_role("rowheader").inner_text().split()[1])
        was, becomes = (numbers(text)[0] for text in row.get_by_role("cell").first.inner_text().split("→"))
        assert was == pytest.approx(before[k], abs=2e-3 * np.abs(before).max())
        assert becomes == pytest.approx(after[k], abs=2e-3 * np.abs(before).max())
    assert picture(page) != whole
    page.get_by_role("button", name="let fc2:11 work again").click()
    assert state(page)["lesioned"] == []
    page.mouse.move(500, 60)
    assert picture(page) == whole


# -- layers -----------------------------------------------------------------------------------------------------


def test_reading_layers_fold_and_unfold(visit: Visit) -> None:
    page = visit(page_of("mlp")).page
    open_ = picture(page)
    widths = "() => window.netgraph.stage.point(window.netgraph.model.find('fc3:0')).x"
    page.get_by_role("button", name="layer fc1").click()
    fold = page.get_by_role("button", name="layer fc1")
    assert fold.get_attribute("aria-expanded") == "false"
    assert live(page) == "layer fc1 folded"
    assert picture(page) != open_
    folded = page.evaluate(widths)
    click_vertex(page, "fc1:3")  # its vertices are not there to be hit: the bar unfolds the layer
    complete(page)
    assert state(page)["folded"] == []
    assert fold.get_attribute("aria-expanded") == "true"
    assert page.evaluate(widths) != folded
    page.mouse.move(500, 60)
    assert picture(page) == open_


def test_reading_mistaken_samples_are_marked(visit: Visit) -> None:
    inputs, labels = held_out()
    predicted = np.argmax(np.asarray(network("mlp").outputs(inputs[:20])), axis=1)
    wrong = np.flatnonzero(predicted != labels[:20])
    assert len(wrong) > 0
    page = visit(page_of("mlp")).page
    strip = page.get_by_role("contentinfo", name="inputs")
    buttons = strip.get_by_role("button").all()
    assert len(buttons) == 20
    for k, button in enumerate(buttons):
        assert f"digit {predicted[k]}" in button.inner_text()
        assert ("≠" in button.inner_text()) == (k in wrong)
        told = "correct" if k not in wrong else f"truly digit {labels[k]}: mistaken"
        assert button.get_attribute("title") == f"input {k}: predicted digit {predicted[k]}, {told}"
    assert f"{len(wrong)} mistaken" in strip.inner_text()
    buttons[wrong[0]].click()
    assert live(page) == f"input {wrong[0]}: predicted digit {predicted[wrong[0]]}, truly digit {labels[wrong[0]]}"
    assert f"≠ truly digit {labels[wrong[0]]}" in page.get_by_role("complementary").inner_text()


def test_reading_search_finds_and_selects(visit: Visit) -> None:
    page = visit(page_of("mlp")).page
    field = page.get_by_role("banner").get_by_role("combobox", name="search ( / )")
    field.fill("fc2:1")
    options = page.get_by_role("listbox", name="vertices found").get_by_role("option")
    assert options.all_inner_texts()[0].startswith("fc2:1")
    assert options.count() == 12 or options.count() == 11
    options.nth(3).click()
    assert live(page).startswith("fc2:12 selected")
    field.fill("digit 4")
    field.press("Enter")
    assert state(page)["selected"] == vertex(page, "fc3:4")
    field.fill("no such vertex")
    assert options.all_inner_texts() == ["nothing found"]
