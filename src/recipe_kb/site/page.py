"""A page that the site makes itself."""

from dataclasses import dataclass

from markupsafe import Markup

from recipe_kb.site import front_matter
from recipe_kb.site.markup import as_text, block, heading

GUIDE_BOOST = 1.5
"""What a person wrote about a subject comes before the records that mention it."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """One generated page in one language.

    Attributes:
        path: Below the language's folder, without suffix: `recipes/t4/biobert/8t-512-full`.
        title: As text.
        blocks: Markdown headings and blocks of HTML, in order.
        description: One sentence for search engines and previews.
        source: The file of the knowledge base that it is made from, inside the checkout; None where there are many.
        data: Its JSON, inside `api/v1/`; None where there is none.
        script: A file of the theme that this page alone needs.
        boost: How much search prefers this page to others; guides have `GUIDE_BOOST`.
    """

    path: str
    title: str
    blocks: tuple[str, ...]
    description: str
    source: str | None = None
    data: str | None = None
    script: str | None = None
    boost: float = 1

    def to_markdown(self) -> str:
        """Write the page as the engine reads it."""
        meta: dict[str, object] = {"title": str(as_text(self.title)), "description": str(as_text(self.description))}
        meta |= {
            name: value
            for name, value in (("source", self.source), ("data", self.data), ("script", self.script))
            if value
        }
        if self.boost != 1:
            meta["search"] = {"boost": self.boost}
        return front_matter.join(meta, "\n\n".join((heading(1, self.title, "top"), *map(_written, self.blocks))) + "\n")


def _written(part: str) -> str:
    return block(part) if isinstance(part, Markup) else part


def address(start: str, path: str, anchor: str = "") -> str:
    """Return the relative address of a page from another one, both as `Page.path`; an index is its folder."""
    up = "../" * len(_folders(start))
    folders = _folders(path)
    target = "/".join(folders) + "/" if folders else ""
    return f"{up}{target}" + (f"#{anchor}" if anchor else "") or "./"


def _folders(path: str) -> list[str]:
    parts = path.split("/")
    return parts[:-1] if parts[-1] == "index" else parts
