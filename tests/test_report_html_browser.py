"""The HTML report in a browser, from a file, without a network: sorting, keys, filters, flipping, a phone's width."""

import pandas as pd
import pytest
from report_store import add, keep_scores, pair_list, record, write_one
from test_report_html import HOSTILE, scored_store

INSIDE = ("file:", "data:")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """MR-Net, the copy and two more methods, one of a hostile title."""
    root = scored_store(tmp_path_factory.mktemp("html"))
    pairs = pair_list()
    for method, better, title in (("pg2", 0.05, "PG²"), ("dvg", 0.2, HOSTILE)):
        result = record(method, pairs, better, title=title)
        frame = pd.DataFrame({"pair": [it.id for it in pairs.pairs], "group": "a", "m_ssim": better, "lpips": 0.5})
        keep_scores(add(root, result, pairs), result, frame)
    return write_one(root, formats=("html",)).files["html"]


@pytest.fixture
def page(browser, report):
    """The page, opened; afterwards: nothing was asked of a network and nothing went wrong."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    opened = context.new_page()
    trouble = []
    opened.on("console", lambda message: trouble.append(message.text))
    opened.on("pageerror", lambda error: trouble.append(str(error)))
    opened.on("request", lambda request: None if request.url.startswith(INSIDE) else trouble.append(request.url))
    opened.goto(report.as_uri())
    opened.wait_for_selector("html[data-ready=yes]")
    yield opened
    assert trouble == []
    context.close()


def methods(page):
    """Rows of the first part of the first table, in their order."""
    return page.locator("#table-1 tbody").first.locator("tr:not(.part) th").all_inner_texts()


def where(page):
    return page.locator("#where").inner_text()


def test_a_heading_sorts_best_first_then_the_other_way_then_as_it_was(page):
    as_it_was = methods(page)
    button = page.locator("#table-1 thead button", has_text="M-SSIM").first
    heading = page.locator("#table-1 thead th").nth(1)
    button.click()
    best_first = methods(page)
    assert best_first[0] == HOSTILE and heading.get_attribute("aria-sort") == "descending"
    button.click()
    assert methods(page) == best_first[::-1] and heading.get_attribute("aria-sort") == "ascending"
    button.press("Enter")
    assert methods(page) == as_it_was and heading.get_attribute("aria-sort") == "none"


def test_controls_stay_apart_when_sorted(page):
    page.locator("#table-1 thead button").first.click()
    parts = page.locator("#table-1 tbody")
    assert "Copy" not in parts.first.inner_text() and "Copy" in parts.nth(1).inner_text()


def test_keys_go_through_the_pairs_and_around(page):
    first = pair_list().pairs[0].id
    assert where(page) == f"1 of 10: {first} (lab-cam01)"
    page.keyboard.press("ArrowRight")
    assert where(page).startswith("2 of 10: ") and first not in where(page)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert where(page).startswith("10 of 10: ")
    page.keyboard.press("Home")
    assert first in where(page)
    page.locator("#next").click()
    assert where(page).startswith("2 of 10: ")


def test_groups_and_values_filter_and_order_the_pairs(page):
    page.select_option("#group", "lab-cam02")
    assert where(page).startswith("1 of 5: ") and "lab-cam02" in where(page)
    page.select_option("#group", "")
    page.select_option("#of", label="MR-Net")
    page.fill("#from", "0.5")
    page.fill("#to", "0.8")
    assert "of 3: " in where(page)
    page.fill("#from", "2")
    assert where(page) == "no pair is in this choice" and page.locator("#tiles").is_hidden()
    page.fill("#from", "")
    page.fill("#to", "")
    page.select_option("#order", "best")
    assert pair_list().pairs[-1].id in where(page)
    page.select_option("#order", "worst")
    assert pair_list().pairs[0].id in where(page)


def test_the_values_of_the_pair_are_shown(page):
    row = page.locator("#values tr", has_text="MR-Net")
    assert row.locator("td").first.inner_text() == "0.1000" and row.locator("td").nth(1).inner_text() == "—"
    page.keyboard.press("End")
    assert page.locator("#values tr", has_text="MR-Net").locator("td").first.inner_text() == "0.9000"
    assert "M-SSIM 0.9000" in page.locator("#tiles figure", has_text="MR-Net").inner_text()


def test_holding_a_key_or_the_button_shows_the_other_method(page):
    pixels = "document.getElementById('flip-canvas').toDataURL()"
    page.select_option("#a", label="MR-Net")
    page.select_option("#b", label="PG²")
    before = page.evaluate(pixels)
    page.locator("#b").blur()
    page.keyboard.down("f")
    assert page.locator("#flip-caption").inner_text() == "B: PG²" and page.evaluate(pixels) != before
    page.keyboard.up("f")
    assert page.locator("#flip-caption").inner_text() == "A: MR-Net" and page.evaluate(pixels) == before
    page.locator("#flip").hover()
    page.mouse.down()
    assert page.locator("#flip-caption").inner_text() == "B: PG²"
    page.mouse.up()
    assert page.locator("#flip-caption").inner_text() == "A: MR-Net"


def test_the_list_of_keys_opens_and_closes_by_keyboard(page):
    page.keyboard.press("?")
    assert page.locator("#help").is_visible()
    page.keyboard.press("Escape")
    assert page.locator("#help").is_hidden()


def test_hostile_text_is_shown_and_does_nothing(page):
    assert page.title() != "taken" and page.locator("img[src=x]").count() == 0
    assert page.locator("#tiles b", has_text="onerror").inner_text() == HOSTILE
    assert page.locator("#values th", has_text="onerror").inner_text() == HOSTILE


def test_a_store_without_images_still_gives_a_page(browser, tmp_path):
    root = scored_store(tmp_path)
    for path in root.glob("cells/*/*/images/*.png"):
        path.unlink()
    opened = browser.new_page()
    opened.goto(write_one(root, formats=("html",)).files["html"].as_uri())
    opened.wait_for_selector("html[data-ready=yes]")
    assert where(opened) == "no pair is in this choice"
    opened.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_never_scrolls_sideways(page, width):
    page.set_viewport_size({"width": width, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_everything_is_reached_by_the_tab_key(page):
    reached = set()
    for _ in range(120):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id"))
    assert {"group", "metric", "of", "order", "previous", "next", "a", "b", "flip", "help-button"} <= reached
