"""Everything about the site that can be wrong, in one list: translations, bare numbers, values, links."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from recipe_kb.errors import Problem
from recipe_kb.i18n import _, ngettext
from recipe_kb.site.bare_numbers import bare_numbers, is_allowed
from recipe_kb.site.build import build_site
from recipe_kb.site.cells import cells_problems
from recipe_kb.site.decisions import decision_problems
from recipe_kb.site.freshness import statuses
from recipe_kb.site.guide import read_guide
from recipe_kb.site.languages import NAMES, ORIGINAL
from recipe_kb.site.links import link_problems
from recipe_kb.site.parity import parity_problems
from recipe_kb.site.place import Place
from recipe_kb.site.truth import truth_problems


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What a check found.

    Attributes:
        problems: Findings.
        allowed: Findings that a page allows itself, with a reason.
        num_values: Values that were compared with the knowledge base.
        num_pages: HTML pages.
    """

    problems: tuple[Problem, ...]
    allowed: tuple[Problem, ...]
    num_values: int
    num_pages: int

    def summary(self) -> str:
        """Say in one line what was checked."""
        words = ngettext("{count} finding", "{count} findings", len(self.problems)).format(count=len(self.problems))
        return _("{findings}; {pages} pages, {values} values compared, {allowed} bare numbers allowed").format(
            findings=words, pages=self.num_pages, values=self.num_values, allowed=len(self.allowed)
        )

    def to_json(self) -> dict[str, Any]:
        """Return the object for programs."""
        return {
            "findings": [_plain(problem) for problem in self.problems],
            "allowed": [_plain(problem) for problem in self.allowed],
            "num_values": self.num_values,
            "num_pages": self.num_pages,
        }


def check_site(place: Place) -> Checked:
    """Build the site and check it.

    Raises:
        KbError: It cannot be built.
    """
    problems, allowed = [*translation_problems(place), *decision_problems(place)], list[Problem]()
    problems += cells_problems(place)
    for language in NAMES:
        for path in place.guides(language):
            guide = read_guide(place, path)
            (allowed if is_allowed(guide) else problems).extend(bare_numbers(guide))
    built = build_site(place)
    num_values, wrong = truth_problems(place, built.folder, iter(NAMES))
    problems += wrong + link_problems(built.folder)
    return Checked(
        problems=tuple(problems),
        allowed=tuple(allowed),
        num_values=num_values,
        num_pages=sum(built.num_pages.values()),
    )


def translation_problems(place: Place) -> Iterator[Problem]:
    """Yield every page that a language lacks, that is older than its original, or that is built differently."""
    words = {
        "stale": _("its original has changed since it was translated"),
        "orphan": _("its original is gone"),
        "unmarked": _("does not say what it was translated from (l10n)"),
        "missing": _("there is no such page in this language"),
    }
    for language, name, status in statuses(place):
        path = place.docs / language / name
        where = place.shown(path)
        if status in words:
            command = f"kb site accept {where}" if status in {"stale", "unmarked"} else None
            yield Problem(code="KB414", what=words[status], where=where, next_command=command)
        if status in {"current", "stale", "unmarked"}:
            guide = read_guide(place, path)
            source = (guide.meta.get("l10n") or {}).get("source", ORIGINAL)
            yield from parity_problems(read_guide(place, place.docs / source / name), guide)


def _plain(problem: Problem) -> dict[str, str | None]:
    return {"code": problem.code, "where": problem.where, "what": problem.what}
