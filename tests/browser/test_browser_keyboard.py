"""The page by keys alone, and what those hear who do not see it; axe-core looks for what they cannot use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from browser_pages import (
    DIGITS,
    caption,
    complete,
    graph_at,
    live,
    network,
    page_of,
    picture,
    point,
    state,
    vertex,
)

Visit = Callable[..., Any]

FOCUSABLE = """() => {
  const found = [...document.querySelectorAll("button, input, select, summary, canvas[tabindex], [tabindex='0']")];
  return [...new Set(found)].filter((e) => e.tabIndex >= 0 && !e.disabled && e.checkVisibility()).map((e) => {
    e.dataset.stop ??= String(Object.keys(window.stops ??= {}).length + 1);
    window.stops[e.dataset.stop] = true;
    return e.dataset.stop;
  });
}"""
FOCUSED = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(e);
  const { left, top, right, bottom } = e.getBoundingClientRect();
  const outlined = outlineStyle !== "none" && outlineWidth !== "0px";
  return { stop: e.dataset.stop ?? null, marked: outlined || boxShadow !== "none",
           inside: right > 0 && bottom > 0 && left < innerWidth && top < innerHeight };
}"""


def test_keyboard_tab_reaches_everything_in_order_and_shows_where_it_is(visit: Visit) -> None:
    page = visit(page_of("mlp")).page
    wanted = page.evaluate(FOCUSABLE)
    assert len(wanted) > 30  # the bar, the picture, ten paths, the layers, the legend, the strip
    reached = []
    for _ in range(len(wanted) + 5):
        page.keyboard.press("Tab")
        found = page.evaluate(FOCUSED)
        if found is None:
            break
        assert found["marked"], f"stop {found['stop']} does not show that it has the focus"
        assert found["inside"], f"stop {found['stop']} is out of sight"
        reached.append(found["stop"])
    assert reached == wanted  # in the order of the document, each once, and out of the page again
    page.keyboard.press("Shift+Tab")
    assert page.evaluate(FOCUSED)["stop"] == wanted[-1]


def test_keyboard_arrows_walk_along_layers_and_edges(visit: Visit) -> None:
    page = visit(page_of("mlp")).page
    target = state(page)["target"]
    page.get_by_role("application").focus()
    page.keyboard.press("ArrowLeft")
    assert state(page)["selected"] == vertex(page, f"fc3:{target}")
    assert live(page) == f"digit {target} selected, layer fc3, 32 edges"
    blocks = {block.target: np.asarray(block.operator("attribution")) for block in graph_at("mlp", 0, target).blocks}
    back = int(np.abs(blocks["fc3"][target]).argmax())
    page.keyboard.press("ArrowLeft")
    assert state(page)["selected"] == vertex(page, f"fc2:{back}")
    assert live(page) == f"fc2:{back} selected, layer fc2, 42 edges"
    page.keyboard.press("ArrowRight")
    assert state(page)["selected"] == vertex(page, f"fc3:{target}")
    page.keyboard.press("ArrowDown")
    assert live(page).startswith(f"digit {target + 1} selected")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert live(page).startswith(f"digit {target - 1} selected")
    for _ in range(12):
        page.keyboard.press("ArrowUp")
    assert live(page).startswith("digit 0 selected")
    page.keyboard.press("Escape")
    assert state(page)["selected"] is None
    assert live(page) == "nothing selected"


def test_keyboard_views_samples_classes_and_edges(visit: Visit) -> None:
    page = visit(page_of("mlp")).page
    press = page.keyboard.press
    for key, view, told in (
        ("2", "input", "contributions at input 0"),
        ("3", "network", "weights of the network"),
        ("4", "matrix", "matrix of weights"),
        ("1", "circuit", "circuit for digit 2 · input 0"),
    ):
        press(key)
        assert (state(page)["view"], live(page)) == (view, told)
    press("]")
    assert state(page)["sample"] == 1
    assert live(page).startswith("input 1: predicted digit 4, correct")
    press("[")
    press("[")  # there is none before the first
    assert state(page)["sample"] == 0
    press(">")
    assert state(page)["target"] == 3
    assert live(page).startswith("class digit 3, ")
    for _ in range(5):
        press("<")
    assert state(page)["target"] == 8  # round the end
    top = state(page)["top"]
    press(",")
    assert state(page)["top"] < top
    press(".")
    press(".")
    assert state(page)["top"] > top
    assert caption(page).startswith(f"top {state(page)['top']:,} of")


def test_keyboard_looks(visit: Visit) -> None:
    page = visit(page_of("mlp", color="layer")).page
    press = page.keyboard.press
    pictures = [picture(page)]
    for key, name, value in (
        ("d", "density", False),
        ("m", "colour", "module"),
        ("t", "theme", "dark"),
        ("p", "grouped", True),
    ):
        before = state(page)[name]
        press(key)
        assert (before, state(page)[name]) == ({True: False, False: True}.get(value, before), value)
        if key != "p":
            pictures.append(picture(page))
            assert pictures[-1] not in pictures[:-1]
        press(key)
        assert state(page)[name] == before
    assert picture(page) == pictures[0]
    for key, sign in (("+", 1), ("-", -1)):
        press("f")
        assert state(page)["camera"] is None
        rest = page.evaluate("() => window.netgraph.stage.point(0).x - window.netgraph.stage.point(1).x")
        press(key)
        after = page.evaluate("() => window.netgraph.stage.point(0).x - window.netgraph.stage.point(1).x")
        assert (abs(after) - abs(rest)) * sign > 0
    press("0")
    page.get_by_role("application").focus()
    x = page.evaluate("() => window.netgraph.stage.point(0).x")
    press("+")
    press("+")
    y = page.evaluate("() => window.netgraph.stage.point(0).x")
    press("Shift+ArrowLeft")
    assert page.evaluate("() => window.netgraph.stage.point(0).x") < y
    press("f")
    assert page.evaluate("() => window.netgraph.stage.point(0).x") == x
    page.get_by_role("application").blur()  # nor the mark of the focus
    assert picture(page) == pictures[0]


def test_keyboard_lesions_folds_and_paths(visit: Visit) -> None:
    page = visit(page_of("mlp"), hash="#id=fc2:11").page
    press = page.keyboard.press
    press("l")
    assert state(page)["lesioned"] == [vertex(page, "fc2:11")]
    assert live(page) == "fc2:11 is held at 0"
    press("l")
    assert state(page)["lesioned"] == []
    assert live(page) == "fc2:11 works again"
    press("x")
    assert state(page)["folded"] == [2]
    press("x")
    assert state(page)["folded"] == []
    field = page.get_by_role("combobox", name="paths to … (or shift-click)")
    field.focus()
    page.keyboard.type("fc3:4")
    press("Enter")
    assert live(page) == "paths between fc2:11 and digit 4"
    page.get_by_role("application").focus()
    press("Escape")
    assert (state(page)["selected"], state(page)["second"]) == (vertex(page, "fc2:11"), None)


def test_keyboard_search_about_menu_and_strip(visit: Visit) -> None:
    page = visit(page_of("mlp")).page
    press = page.keyboard.press
    press("/")
    page.keyboard.type("fc1:1")
    press("ArrowDown")
    field = page.get_by_role("banner").get_by_role("combobox", name="search ( / )")
    active = field.get_attribute("aria-activedescendant")
    assert page.locator(f"#{active}").inner_text().startswith("fc1:10")
    assert page.locator(f"#{active}").get_attribute("aria-selected") == "true"
    press("Enter")
    assert live(page).startswith("fc1:10 selected")
    press("ArrowDown")  # the focus is in the picture: the arrows walk down the column
    below = [name for name in (f"fc1:{k}" for k in range(32)) if point(page, name)[1] > point(page, "fc1:10")[1]]
    assert live(page).startswith(f"{min(below, key=lambda name: point(page, name)[1])} selected")
    press("/")
    page.keyboard.type("12t")  # text, no commands
    assert state(page)["theme"] == "light"
    assert state(page)["view"] == "circuit"
    press("Escape")
    press("?")
    box = page.get_by_role("dialog")
    assert box.is_visible()
    assert str(network("mlp").graph(granularity="unit").meta["model_hash"]) in box.inner_text()
    press("t")
    assert state(page)["theme"] == "light"  # what stands behind the box is not touched
    press("Escape")
    assert not box.is_visible()
    save = page.get_by_role("button", name="save", exact=True)
    save.focus()
    press("Enter")
    assert page.evaluate("() => document.activeElement.textContent") == "picture (PNG)"
    press("Escape")
    assert save.get_attribute("aria-expanded") == "false"
    assert page.evaluate("() => document.activeElement.textContent") == "save"
    page.get_by_role("contentinfo").get_by_role("button").first.focus()
    press("ArrowRight")
    press("ArrowRight")
    assert state(page)["sample"] == 2
    press("End")
    assert state(page)["sample"] == 19
    panel = page.get_by_role("button", name="panel")
    panel.focus()
    press("Enter")
    assert not page.get_by_role("complementary").is_visible()
    press("Enter")
    assert page.get_by_role("complementary").is_visible()


# -- axe-core ---------------------------------------------------------------------------------------------------

AXE = """async () => {
  const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
  return violations.filter((found) => found.impact === "serious" || found.impact === "critical")
    .map((found) => `${found.id}: ${found.nodes.map((node) => node.html + " " + node.failureSummary).join(" | ")}`);
}"""


def findings(page: Any) -> list[str]:
    found: list[str] = page.evaluate(AXE)
    return found


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_keyboard_axe_has_no_serious_finding(visit: Visit, axe: str, theme: str) -> None:
    page = visit(page_of("mlp", color="layer"), theme=theme).page
    page.evaluate(axe)
    about = page.get_by_role("button", name="about and help")
    field = page.get_by_role("banner").get_by_role("combobox", name="search ( / )")
    steps: dict[str, Callable[[], object]] = {
        "overview": lambda: None,
        "mistaken": lambda: page.get_by_role("contentinfo").get_by_role("button").nth(12).click(),
        "save menu": lambda: page.get_by_role("button", name="save", exact=True).click(),
        "search": lambda: field.fill("fc"),
        "vertex": lambda: field.press("Enter"),
        "lesion": lambda: page.get_by_role("button", name="hold at 0 (lesion)").click(),
        "matrix": lambda: page.get_by_role("button", name="matrix", exact=True).click(),
        "about": lambda: about.click(),
    }
    for step, act in steps.items():
        act()
        complete(page)
        assert findings(page) == [], step


def test_keyboard_axe_would_find_what_is_wrong(visit: Visit, axe: str) -> None:
    page = visit(page_of("mlp")).page
    page.evaluate(axe)
    page.evaluate(
        """() => {
          const faint = document.createElement("p"), nameless = document.createElement("button");
          faint.textContent = "faint";
          faint.style.color = "#ccc";
          document.querySelector("aside").prepend(faint, nameless);
        }"""
    )
    assert {found.split(":")[0] for found in findings(page)} == {"button-name", "color-contrast"}


LUMINANCE = """() => {
  const style = getComputedStyle(document.documentElement), probe = document.createElement("canvas").getContext("2d");
  const read = (name) => {
    probe.fillStyle = style.getPropertyValue(name).trim();
    probe.fillRect(0, 0, 1, 1);
    return Array.from(probe.getImageData(0, 0, 1, 1).data.slice(0, 3));
  };
  return Object.fromEntries(["--background", "--card", "--text", "--dim"].map((name) => [name, read(name)]));
}"""


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_keyboard_words_in_the_picture_have_contrast(visit: Visit, theme: str) -> None:
    """axe-core sees no text on a canvas: the colours that are written with there are read from the style sheet."""
    page = visit(page_of("mlp"), theme=theme).page
    colours = page.evaluate(LUMINANCE)

    def luminance(name: str) -> float:
        share = np.array(colours[name]) / 255
        linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    assert colours["--background"] != colours["--text"]
    for ink in ("--text", "--dim"):
        for ground in ("--background", "--card"):
            low, high = sorted((luminance(ink), luminance(ground)))
            assert (high + 0.05) / (low + 0.05) >= 4.5, f"{ink} on {ground}"


def test_keyboard_names_say_what_there_is(visit: Visit) -> None:
    page = visit(page_of("mlp")).page
    picture_ = page.get_by_role("application")
    assert picture_.get_attribute("aria-label") == "digits mlp: 138 vertices · 3,392 edges · 4 layers"
    assert page.get_by_role("heading", level=1).inner_text() == "digits mlp"
    for role, name in (
        ("group", "view"),
        ("slider", "how many of the strongest edges"),
        ("group", "signs"),
        ("complementary", "details"),
        ("contentinfo", "inputs"),
    ):
        assert page.get_by_role(role, name=name, exact=True).count() == 1
    options = page.get_by_role("combobox", name="class that the circuit is for").get_by_role("option")
    assert options.all_inner_texts() == DIGITS
    page.get_by_role("button", name="matrix", exact=True).click()
    complete(page)
    heat = page.get_by_role("img", name="Heat map of weights from input (64 columns) to fc1 (32 rows)")
    assert heat.is_visible()
