"""What every page does: change language in place, copy, print, work without a script, weigh little."""

import gzip

import pytest
from kinds import KINDS, LANGUAGES

MOST_BYTES = 300_000
"""Of all that a page loads, compressed, without the index of search."""
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True}


@pytest.mark.parametrize(("language", "other"), [("en", "vi"), ("vi", "en")])
def test_the_other_language_is_the_same_place_of_the_same_page(visit, language, other):
    page = visit(f"{language}/gpus/t4/#supports")
    page.locator(f"a.kb-language[lang={other}]").dispatch_event("click")
    page.wait_for_url(f"**/{other}/gpus/t4/#supports")
    assert page.locator("html").get_attribute("lang") == other


def test_the_other_language_needs_no_script(visit):
    page = visit("en/recipes/t4/biobert/8t-512-full/", java_script_enabled=False)
    link = page.locator("a.kb-language[lang=vi]")
    page.goto(page.url + link.get_attribute("href"))
    assert page.locator("html").get_attribute("lang") == "vi"
    assert "biobert" in page.locator("h1").inner_text()


@pytest.mark.parametrize(("locale", "language"), [("vi-VN", "vi"), ("en-US", "en"), ("fr-FR", "en")])
def test_the_first_page_chooses_the_language_of_the_browser(visit, locale, language):
    page = visit("", locale=locale)
    page.wait_for_url(f"**/{language}/")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_listing_is_copied_by_its_button(visit, language):
    page = visit(f"{language}/accumulation/", permissions=["clipboard-read", "clipboard-write"])
    listing = page.locator("article pre:has(button, nav)").first
    listing.hover()
    text = listing.locator("code").inner_text()
    listing.locator("button[data-clipboard-target], button.md-clipboard, button[data-md-type=copy]").first.click()
    page.wait_for_function("navigator.clipboard.readText().then((text) => text.length > 0)")
    assert page.evaluate("navigator.clipboard.readText()").strip() == text.strip()


@pytest.mark.parametrize("kind", ["start", "recipe", "fits", "claims"])
def test_a_page_is_whole_without_a_script(visit, kind):
    page = visit(f"vi/{KINDS[kind]}", java_script_enabled=False)
    assert page.locator("article h1").is_visible()
    assert len(page.locator("article").inner_text()) > 300


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_page_is_wider_than_a_phone(visit, language, address):
    page = visit(f"{language}/", **PHONE)
    wide = {}
    for kind, path in KINDS.items():
        page.goto(f"{address}{language}/{path}")
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 390:
            wide[kind] = width
    assert wide == {}


HIDDEN_COLUMNS = """[...document.querySelectorAll("article table")].map((table) => {
  const box = table.closest(".kb-scroll, .md-typeset__scrollwrap") || table
  return table.closest(".kb-heat") ? 0 : box.scrollWidth - box.clientWidth
}).filter((hidden) => hidden > 2)"""


@pytest.mark.parametrize("language", [pytest.param("en", marks=pytest.mark.slow), "vi"])
@pytest.mark.parametrize(
    "size",
    [
        pytest.param({"viewport": {"width": 1280, "height": 900}}, id="desk", marks=pytest.mark.slow),
        pytest.param(PHONE, id="phone"),
    ],
)
def test_no_column_of_a_table_lies_behind_scrolling(visit, language, size, address):
    """Heat maps scroll: their first column and their header stay."""
    page = visit(f"{language}/", **size)
    hidden = {}
    for kind, path in {**KINDS, "many recipes": "models/bert-base-uncased/"}.items():
        page.goto(f"{address}{language}/{path}")
        found = page.evaluate(HIDDEN_COLUMNS)
        if found:
            hidden[kind] = found
    assert hidden == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_phone_shows_where_a_setting_comes_from_below_its_name(visit, language):
    page = visit(f"{language}/{KINDS['recipe']}", **PHONE)
    row = page.locator("#settings ~ .kb-stack tbody tr").first
    name, source = row.locator("th").bounding_box(), row.locator("td").last.bounding_box()
    assert source["y"] > name["y"] + name["height"] / 2
    assert source["x"] + source["width"] <= 390
    label = row.locator("td").last.evaluate("(cell) => getComputedStyle(cell, '::before').content")
    assert label.strip('"') == row.locator("td").last.get_attribute("data-label") != ""


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_weighs_little(visit, kind):
    loaded = []
    page = visit(f"vi/{KINDS[kind]}", loaded=loaded)
    page.wait_for_load_state("networkidle")
    counted = [reply for reply in loaded if not reply.url.endswith("search_index.json")]
    sizes = {reply.url: len(gzip.compress(reply.body())) for reply in counted}
    assert any(url.endswith(".css") for url in sizes)
    assert sum(sizes.values()) <= MOST_BYTES, sizes


def test_print_leaves_out_what_paper_cannot_use(visit):
    page = visit("en/recipes/t4/biobert/8t-512-full/")
    page.emulate_media(media="print")
    assert page.locator("article h1").is_visible()
    for hidden in (".md-header", ".md-sidebar--primary", ".md-footer", ".kb-neighbours"):
        assert not page.locator(hidden).first.is_visible(), hidden
    assert page.locator(".kb-scroll").first.evaluate("(box) => getComputedStyle(box).overflowX") == "visible"
    forms = [form for form in page.locator(".tabbed-block").all() if form.is_visible()]
    assert len(forms) == 1, "paper has the form that is chosen"
    assert forms[0].get_attribute("data-name") in forms[0].evaluate(
        "(box) => getComputedStyle(box, '::before').content"
    )
    closed = page.locator("article details > :not(summary)").first
    assert closed.is_visible(), "what is closed stays closed on paper"
    assert page.locator("body").evaluate("(body) => getComputedStyle(body).colorScheme") != "dark"


def test_dark_is_what_the_reader_prefers(visit):
    page = visit("vi/", color_scheme="dark")
    assert page.locator("body").get_attribute("data-md-color-scheme") == "slate"
