"""Windows of any size, screens of any sharpness, the wheel and the hand, paper."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from browser_pages import COLOURS, FRAMES, colours, complete, page_of, picture, pixels, point, state

Visit = Callable[..., Any]
CUT = """() => [...document.querySelectorAll("header button, header select, header input, header output, footer p")]
  .filter((e) => e.checkVisibility()).map((e) => [e.textContent, e.getBoundingClientRect()])
  .filter(([, box]) => box.left < -0.5 || box.right > innerWidth + 0.5 || box.bottom > innerHeight + 0.5)
  .map(([text]) => text)"""


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (700, 900), (360, 640)])
def test_sizes_nothing_is_cut_off(visit: Visit, width: int, height: int) -> None:
    opened = visit(page_of("cnn"), width=width, height=height)
    page = opened.page
    complete(page)
    assert page.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0
    assert page.evaluate(CUT) == []
    page.set_viewport_size({"width": 1000, "height": 700})
    complete(page)
    assert page.evaluate(CUT) == []
    box = page.locator("canvas#main").bounding_box()
    assert box["width"] > 300
    assert box["height"] > 200
    assert opened.console == []


def test_sizes_after_resizing_it_is_the_page_of_that_size(visit: Visit) -> None:
    page = visit(page_of("mlp"), width=900, height=600).page
    complete(page)
    page.set_viewport_size({"width": 1280, "height": 800})
    resized, opened = (pixels(picture(each)) for each in (page, visit(page_of("mlp")).page))
    assert (resized != opened).any(axis=2).mean() < 1e-3  # the side of a square may fall on the next pixel


def test_sizes_a_sharp_screen_gets_a_sharp_picture(visit: Visit) -> None:
    plain = visit(page_of("mlp"), width=1000, height=700).page
    sharp = visit(page_of("mlp"), width=1000, height=700, scale=2).page
    pictures = [pixels(picture(page)) for page in (plain, sharp)]
    assert [2 * side for side in pictures[0].shape[:2]] == list(pictures[1].shape[:2])
    canvas = (
        "() => { const c = document.querySelector('canvas#main'); return [c.width / c.clientWidth, c.clientWidth]; }"
    )
    assert sharp.evaluate(canvas) == [2, plain.evaluate(canvas)[1]]
    small = pictures[1].reshape(pictures[0].shape[0], 2, pictures[0].shape[1], 2, 3)
    assert np.corrcoef(small.mean((1, 3)).ravel(), pictures[0].ravel())[0, 1] > 0.95
    assert np.abs(small - small.mean((1, 3), keepdims=True)).mean() > 0.5  # not a plain one, blown up
    assert point(sharp, "fc2:3") == point(plain, "fc2:3")


def test_sizes_a_page_zoomed_to_200_percent_can_be_used(visit: Visit) -> None:
    page = visit(page_of("mlp"), width=640, height=400, scale=2).page
    complete(page)
    assert page.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0
    names = [f"fc3:{k}" for k in range(10)]
    page.get_by_role("button", name="matrix", exact=True).click()
    page.get_by_role("button", name="network", exact=True).click()
    page.get_by_role("application").scroll_into_view_if_needed()
    box = page.locator("canvas#main").bounding_box()
    for x, y in (point(page, name) for name in names):
        assert box["x"] <= x <= box["x"] + box["width"]
        assert box["y"] <= y <= box["y"] + box["height"]


def test_sizes_wheel_and_hand_move_the_picture(visit: Visit) -> None:
    page = visit(page_of("mlp")).page
    at_rest = picture(page)
    place, other = point(page, "fc2:3"), point(page, "fc1:3")
    page.mouse.move(*place)
    page.mouse.wheel(0, -300)
    page.evaluate(FRAMES)
    nearer = point(page, "fc2:3")
    np.testing.assert_allclose(nearer, place, atol=1)  # what the pointer lies on stays where it is
    assert abs(point(page, "fc1:3")[0] - nearer[0]) > 1.3 * abs(other[0] - place[0])
    page.mouse.move(600, 600)
    page.mouse.down()
    page.mouse.move(640, 570, steps=4)
    page.mouse.up()
    moved = point(page, "fc2:3")
    np.testing.assert_allclose(np.subtract(moved, nearer), [40, -30], atol=5)
    assert state(page)["selected"] is None  # the end of a drag is no click
    assert picture(page) != at_rest
    page.get_by_role("button", name="fit").click()
    page.mouse.move(500, 60)
    assert picture(page) == at_rest


# -- paper ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("view", ["circuit", "matrix"])
def test_sizes_prints_the_picture_and_what_it_means(visit: Visit, view: str) -> None:
    opened = visit(page_of("mlp"), theme="dark", hash=f"#view={view}")
    page = opened.page
    complete(page)
    before = pixels(page.screenshot())
    pdf = page.pdf(prefer_css_page_size=True, print_background=True)
    assert pdf.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf)) in (1, 2)
    widths = [int(width) for width in re.findall(rb"/Subtype\s*/Image\b[^>]*?/Width (\d+)", pdf)]
    assert max(widths) > 1280  # sharper than the screen
    complete(page)
    page.evaluate(FRAMES)
    assert np.abs(pixels(page.screenshot()) - before).max() < 8  # and the page is as it was; colours glide back
    page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    for control in ("slider", "combobox", "button", "application", "contentinfo"):
        assert page.get_by_role(control).filter(visible=True).count() == 0, control
    assert page.get_by_role("heading", level=1).is_visible()
    assert page.get_by_role("heading", name="Legend").is_visible()
    sheet = page.locator("#printed canvas")
    box = sheet.bounding_box()
    assert box["width"] > 600
    assert box["height"] > 200
    light = pixels(sheet.screenshot())
    assert np.median(light) == 255  # white paper, whatever the screen
    assert colours(light) > 100
    assert opened.console == []


def test_sizes_without_the_panel_the_picture_takes_its_room(visit: Visit) -> None:
    page = visit(page_of("mlp")).page
    wide = page.locator("canvas#main").bounding_box()["width"]
    page.get_by_role("button", name="panel").click()
    complete(page)
    assert page.locator("canvas#main").bounding_box()["width"] == 1280 > wide
    assert page.evaluate(COLOURS) > 100
