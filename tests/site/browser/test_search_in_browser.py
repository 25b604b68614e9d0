"""The same table of queries as for the worker alone, typed into the page."""

from urllib.parse import quote_plus

import pytest
from kinds import LANGUAGES
from queries import RIGHT_FIRST, is_right, queries

TYPE = """
async (queries) => {
  const input = document.querySelector("[data-md-component=search-query]")
  const list = document.querySelector(".md-search-result__list")
  const type = (words) => { input.value = words; input.dispatchEvent(new KeyboardEvent("keyup", { bubbles: true })) }
  const until = async (holds) => {
    for (let tries = 0; tries < 200 && !holds(); tries++) await new Promise((done) => setTimeout(done, 10))
  }
  const found = []
  for (const query of queries) {
    type("")
    await until(() => !list.children.length)
    type(query)
    await until(() => list.children.length)
    const link = list.querySelector("a")
    found.push(link ? new URL(link.href).pathname : "")
  }
  return found
}
"""


def search(page):
    """Open the search of a page and wait until its index is there."""
    page.locator("[data-md-component=search-query]").focus()
    page.wait_for_function("!document.querySelector('.md-search-result__meta').innerText.match(/^(Initializing|Khởi)/)")
    return page.locator("[data-md-component=search-query]")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_finds_what_the_worker_finds(visit, built, language):
    page = visit(f"{language}/glossary/", search=True)
    search(page)
    asked = queries(language, built.site)
    found = page.evaluate(TYPE, [query for query, _wanted in asked])
    pages = [address.partition(f"/{language}/")[2] for address in found]
    wrong = {query: one for (query, wanted), one in zip(asked, pages, strict=True) if not is_right(one, wanted)}
    assert len(wrong) <= (1 - RIGHT_FIRST) * len(asked), wrong


@pytest.mark.parametrize(
    ("typed", "first", "marked"),
    [("tich luy", "accumulation/", "luỹ"), ("bo nho", "memory/", "nhớ"), ("bằng chứng", "evidence/", "chứng")],
)
def test_a_result_is_marked_in_the_list_and_on_its_page(visit, typed, first, marked):
    page = visit("vi/", search=True)
    search(page).press_sequentially(typed)
    whole = f"/vi/{first}?h={quote_plus(typed)}"  # while it is typed, its beginnings are answered too
    link = page.locator(f".md-search-result__item:first-child a[href*='{whole}']").first
    link.wait_for()
    page.locator(".md-search-result__item:first-child mark", has_text=marked).first.wait_for(state="attached")
    link.click()
    page.wait_for_url(f"**/vi/{first}**")
    page.locator("article mark", has_text=marked).first.wait_for()


def test_of_the_names_of_a_page_only_those_that_match_are_shown(visit):
    page = visit("en/", search=True)
    search(page).fill("VRAM")
    page.keyboard.press("Space")
    page.locator(".md-search-result__item").first.wait_for()
    shown = [tag for tag in page.locator(".md-search-result .md-tag").all() if tag.is_visible()]
    assert shown
    assert all("vram" in tag.inner_text().lower() for tag in shown)


def test_search_works_by_keys_alone(visit):
    page = visit("en/", search=True)
    page.keyboard.press("/")
    page.keyboard.type("gradient accumulation")
    page.locator(".md-search-result__item a[href*='/en/accumulation/']").first.wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/en/accumulation/**")
