"""HTML of generated pages: whatever comes from data is shown as text, and never becomes Markdown or HTML.

Pages are Markdown for the engine, so there are two ways in. Tables, paragraphs and pictures are blocks of HTML, which
Markdown leaves alone; `Markup` escapes every value that is put into one. Headings are Markdown, because the table of
contents is made of them; `heading` writes every sign of theirs as a character reference.
"""

import re
from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

TIMES = "\N{MULTIPLICATION SIGN}"
_PAIR = 2
"""Columns that a phone shows side by side."""
_SIGN = re.compile(r"[!-/:-@\[-`{-~]")
"""Of ASCII; other signs mean nothing to Markdown or HTML."""


def heading(level: int, words: str, anchor: str, *, indexed: bool = True) -> str:
    """Write a heading of Markdown whose words are text whatever they are; search can leave its section out."""
    hidden = "" if indexed else " data-search-exclude"
    return f"{'#' * level} {as_text(words)} {{#{anchor}{hidden}}}"


def as_text(words: str) -> Markup:
    """Write words so that neither Markdown nor HTML finds anything in them; one line."""
    one_line = " ".join(words.split())
    return Markup(_SIGN.sub(lambda sign: f"&#{ord(sign[0])};", one_line))  # noqa: S704 - no sign is left


def block(content: Markup) -> str:
    """Return a block of HTML as Markdown leaves it alone: no line of it may look like the start of code."""
    return str(content).replace("`", "&#96;").replace("~~~", "&#126;~~")


def paragraph(*parts: str) -> Markup:
    """Write a paragraph; text is escaped, `Markup` is not."""
    return Markup("<p>{}</p>").format(Markup(" ").join(parts))


def items(rows: Iterable[str], *, ordered: bool = False) -> Markup:
    """Write a list."""
    name = "ol" if ordered else "ul"
    inner = Markup("\n").join(Markup("<li>{}</li>").format(row) for row in rows)
    return Markup("<{0}>\n{1}\n</{0}>").format(name, inner)


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], label: str, *, indexed: bool = True) -> Markup:
    """Write a table; on a phone a row of three or more columns becomes a card, each value below its column's header.

    Args:
        headers: One for each column.
        rows: Cells; the first of each row is its header.
        label: What the table is, for those who do not see it.
        indexed: Whether search may find what is in it.
    """
    # A space between two cells, or search reads them as one word.
    head = Markup(" ").join(Markup('<th scope="col">{}</th>').format(header) for header in headers)
    stacked = len(headers) > _PAIR
    body = Markup("\n").join(_row(row, headers if stacked else ()) for row in rows)
    hidden = Markup("") if indexed else Markup(" data-search-exclude")
    return Markup(
        '<div class="kb-scroll{}" role="region" aria-label="{}" tabindex="0"{}>\n<table>\n<thead><tr>{}</tr></thead>\n'
        "<tbody>\n{}\n</tbody>\n</table>\n</div>"
    ).format(" kb-stack" if stacked else "", label, hidden, head, body)


def code(text: str) -> Markup:
    """Write a few words of code."""
    return Markup("<code>{}</code>").format(text)


def with_code(words: str) -> Markup:
    """Write a message in which code stands between backticks."""
    parts = enumerate(re.split(r"`([^`]+)`", words))
    return Markup("").join(code(part) if position % 2 else escape(part) for position, part in parts)


def listing(text: str) -> Markup:
    """Write lines of code, with the button that copies them."""
    return Markup("<pre><code>{}</code></pre>").format(text)


def link(address: str, words: str) -> Markup:
    """Write a link."""
    return Markup('<a href="{}">{}</a>').format(address, words)


def details(summary: str, content: str) -> Markup:
    """Write what opens on a click."""
    return Markup("<details>\n<summary>{}</summary>\n{}\n</details>").format(summary, content)


def badge(kind: str, word: str, meaning: str) -> Markup:
    """Write a word in its colour, with what it means behind it."""
    return Markup('<span class="kb-badge kb-{}">{}</span> {}').format(kind, word, meaning)


def tabs(group: str, contents: Sequence[tuple[str, Markup]]) -> Markup:
    """Write tabs that need no script; `group` is unique on the page."""
    inputs = Markup("").join(
        Markup('<input id="{0}-{1}" name="{0}" type="radio"{2}>').format(
            group, number, Markup(" checked") if number == 1 else ""
        )
        for number, _content in enumerate(contents, start=1)
    )
    labels = Markup("").join(
        Markup('<label for="{}-{}">{}</label>').format(group, number, name)
        for number, (name, _content) in enumerate(contents, start=1)
    )
    blocks = Markup("\n").join(
        Markup('<div class="tabbed-block" data-name="{}">{}</div>').format(name, content) for name, content in contents
    )
    return Markup(
        '<div class="tabbed-set tabbed-alternate" data-tabs="1:{}">{}'
        '<div class="tabbed-labels">{}</div>\n<div class="tabbed-content">{}</div></div>'
    ).format(len(contents), inputs, labels, blocks)


def _row(cells: Sequence[str], headers: Sequence[str]) -> Markup:
    """Write a row; with headers, each cell also carries its own."""
    first, *others = (escape(cell) for cell in cells)
    labels = [Markup(' data-label="{}"').format(header) for header in headers[1:]] or [Markup("")] * len(others)
    rest = Markup(" ").join(
        Markup("<td{}>{}</td>").format(label, cell) for label, cell in zip(labels, others, strict=True)
    )
    return Markup('<tr><th scope="row">{}</th> {}</tr>').format(first, rest)
