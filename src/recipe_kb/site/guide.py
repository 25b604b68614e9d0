"""A guide as it goes to the engine: references filled in, links to decisions, a banner where it is out of date."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipe_kb.site import front_matter
from recipe_kb.site.facts import Facts
from recipe_kb.site.place import Place
from recipe_kb.site.references import render


@dataclass(frozen=True, kw_only=True)
class Guide:
    """One page that a person wrote, in one language.

    Attributes:
        path: The file.
        where: The same inside the checkout, as problems print it.
        meta: Its front matter.
        body: What follows.
        first_line: Of the body in the file.
    """

    path: Path
    where: str
    meta: dict[str, Any]
    body: str
    first_line: int

    @property
    def name(self) -> str:
        """File name, the same in every language."""
        return self.path.name

    def rendered(self, facts: Facts) -> str:
        """Return the body with its references filled in, in the active language."""
        return render(self.body, facts, self.where, self.first_line)


def read_guide(place: Place, path: Path) -> Guide:
    """Read a guide."""
    text, where = path.read_text(encoding="utf-8"), place.shown(path)
    meta, body = front_matter.split(text, where)
    first_line = text[: len(text) - len(body)].count("\n") + 1
    return Guide(path=path, where=where, meta=meta, body=body, first_line=first_line)
