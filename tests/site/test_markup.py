from html.parser import HTMLParser

import markdown
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from recipe_kb.site.markup import as_text, block, heading, listing, paragraph, table, with_code

EXTENSIONS = ["attr_list", "md_in_html", "tables", "admonition", "pymdownx.superfences", "toc"]
HOSTILE = (
    "<script>alert(1)</script>",
    "\"quoted\" 'and' `ticks` and ``more``",
    "a | b \\| c",
    "{{ 7 * 7 }} {% raw %} {#id} {: .x }",
    "*stars* _lines_ [link](javascript:alert(1)) ![image](x)",
    "&lt;b&gt; &amp; &#60;",
    "# no heading\n\n```\nno code\n```\n~~~",
    "w" * 3000,
    "</td></table></div><h2 id='x'>",
    "--- \n- item\n1. item\n> quote\n    indented",
)


class Text(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.words, self.tags = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.words.append(data)


def read(source):
    parser = Text()
    parser.feed(markdown.markdown(source, extensions=EXTENSIONS))
    return " ".join("".join(parser.words).split()), set(parser.tags)


def flat(words):
    return " ".join(words.split())


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_in_a_heading_are_text(words):
    text, tags = read(heading(2, words, "place"))
    assert text == flat(words)
    assert tags == {"h2"}


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_in_a_block_are_text(words):
    cells = table((words, "b"), [(words, words)], words)
    text, tags = read("\n\n".join(("# Title {#t}", block(cells), block(paragraph(words)), "after *this*")))
    assert text == f"Title {flat(words)} b {flat(words)} {flat(words)} {flat(words)} after this"
    assert tags == {"h1", "div", "table", "thead", "tbody", "tr", "th", "td", "p", "em"}


@pytest.mark.parametrize("words", HOSTILE)
def test_code_is_shown_as_it_is(words):
    text, tags = read(block(listing(words)))
    assert text == flat(words)
    assert tags == {"pre", "code"}


VISIBLE = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn", "Zl", "Zp", "Co")), min_size=1)


@given(VISIBLE)
def test_any_words_are_text(words):
    text, tags = read(f"before {as_text(words)} after")
    assert text == flat(f"before {flat(words)} after")
    assert tags == {"p"}


def test_what_is_markup_already_is_not_escaped_again():
    assert paragraph(Markup("<b>x</b>"), "<b>") == "<p><b>x</b> &lt;b&gt;</p>"


def test_code_between_backticks():
    assert with_code("use `kb <x>` & go") == "use <code>kb &lt;x&gt;</code> &amp; go"
