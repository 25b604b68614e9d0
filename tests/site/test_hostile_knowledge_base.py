"""Hostile content in every text of every file of the knowledge base is shown as text, wherever it is shown."""

import json
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from hostile import checked, hostile_copy
from small_copy import small_checkout
from test_markup import read

from checkout import ROOT
from recipe_kb.i18n import LANGUAGES
from recipe_kb.site.build import build_site, pages_in
from recipe_kb.site.facts import Facts
from recipe_kb.site.place import Place, place_of

WORDS = {
    "script": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "quotes": "\" onmouseover=\"alert(1) ' x='1 </title></textarea>",
    "long": "w" * 3000,
    "markdown": "[a](javascript:alert) ![b](c) *d* | e | # f <!-- g",
    "braces": "{{ 7 * 7 }} {% raw %} {#id} {: onclick=x } ${alert}",
    "endings": "</td></table></div></code></pre></article></body>",
}
HARMLESS = {
    "a", "blockquote", "button", "code", "data", "details", "div", "figcaption", "figure", "form", "h1", "h2", "input",
    "label", "li", "line", "nav", "ol", "option", "p", "path", "pre", "rect", "select", "small",
    "span", "strong", "summary", "svg", "table", "tbody", "td", "text", "th", "thead", "title", "tr", "ul",
}  # fmt: skip
"""Elements that our own pages have."""


@pytest.mark.parametrize("words", WORDS.values(), ids=list(WORDS))
def test_it_is_text_on_every_generated_page(tmp_path, words):
    root, count = hostile_copy(tmp_path, words)
    assert count > 1000
    store = checked(root)
    place = place_of(store, ROOT, tmp_path / "build")
    flat, seen = " ".join(words.split()), {}
    for language in LANGUAGES:
        for page in pages_in(place, Facts(store), language):
            head, _separator, body = page.to_markdown().removeprefix("---\n").partition("\n---\n")
            assert "<" not in head
            text, tags = read(body)
            assert tags <= HARMLESS, (page.path, tags - HARMLESS)
            kind = page.path.partition("/")[0]
            seen[kind] = seen.get(kind, 0) + (flat in text)
    shown = {kind for kind, number in seen.items() if number}
    assert shown >= {"claims", "glossary", "gpus", "models", "recipe-picker", "recipes", "rules", "sources"}, seen


class Elements(HTMLParser):
    """Counts what a browser would run."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.scripts, self.handlers, self.titles = [], [], 0
        self._in_script = False

    def handle_starttag(self, tag, attrs):
        self.titles += tag == "title"
        self._in_script = tag == "script"
        self.handlers += [name for name, _value in attrs if name.startswith("on")]
        self.handlers += [name for name, value in attrs if name in {"href", "src"} and "javascript:" in (value or "")]

    def handle_data(self, data):
        if self._in_script:
            self.scripts.append(data)
            self._in_script = False


@pytest.fixture(scope="module")
def hostile_site(tmp_path_factory):
    """A whole site of a knowledge base that has every kind of hostile words at once in every text."""
    folder = tmp_path_factory.mktemp("hostile")
    root, _count = hostile_copy(folder, " ".join(WORDS.values()))
    other = small_checkout(folder / "checkout", kb=False)
    (other / "changelog.d" / "1.added.md").write_text(" ".join(WORDS.values()) + "\n", encoding="utf-8")
    place = Place(store=checked(root), root=other, build=folder / "build", url="https://kb.example/")
    build_site(place)
    return place.site


@pytest.mark.slow
def test_a_browser_would_run_nothing_of_it(hostile_site):
    pages = list(hostile_site.rglob("*.html"))
    assert len(pages) > 60
    for path in pages:
        parser = Elements()
        parser.feed(path.read_text(encoding="utf-8"))
        assert not parser.handlers, (path, parser.handlers[:3])
        assert not [script for script in parser.scripts if "alert(1)" in script], path


@pytest.mark.slow
def test_the_other_files_hold_it_as_text(hostile_site):
    for path in hostile_site.rglob("*.json"):
        json.loads(path.read_text(encoding="utf-8"))
    feed = ET.parse(hostile_site / "feed.xml").getroot()  # noqa: S314 - we wrote it
    content = feed.find("{http://www.w3.org/2005/Atom}entry/{http://www.w3.org/2005/Atom}content")
    assert WORDS["script"] in content.text
    gpus = json.loads((hostile_site / "api" / "v1" / "gpus.json").read_text(encoding="utf-8"))
    assert all(gpu["name"] == " ".join(WORDS.values()) for gpu in gpus["gpus"])
    index = json.loads((hostile_site / "en" / "search" / "search_index.json").read_text(encoding="utf-8"))
    assert not [entry for entry in index["docs"] if "<script" in entry["title"] or "<img" in entry["text"]]
