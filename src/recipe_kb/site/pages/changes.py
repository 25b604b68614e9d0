"""What changed, most recent first."""

from collections.abc import Iterator

from markupsafe import Markup

from recipe_kb.i18n import _, language
from recipe_kb.site.changelog import read_changes
from recipe_kb.site.facts import Facts
from recipe_kb.site.markup import heading, items, link, paragraph, with_code
from recipe_kb.site.page import Page
from recipe_kb.site.place import Place


def pages(place: Place, _facts: Facts) -> Iterator[Page]:
    """Make the one page."""
    kinds = {"added": _("Added"), "changed": _("Changed"), "fixed": _("Fixed"), "removed": _("Removed")}
    parts: list[str] = [paragraph(link("../../feed.xml", _("Feed")))]
    if language() != "en":
        parts.append(paragraph(_("Changes are kept in English only.")))
    for change in read_changes(place.root / "changelog.d"):
        parts.append(
            heading(
                2,
                f"{change.written[:10]}: {kinds.get(change.kind, change.kind)}",
                f"change-{change.id.replace('.', '-')}",
            )
        )
        parts.append(Markup('<div lang="en">{}</div>').format(items(with_code(line) for line in change.lines)))
    yield Page(
        path="changes",
        title=_("Changes"),
        description=_("What changed in the knowledge base and in the program."),
        blocks=tuple(parts),
        data="changes.json",
        boost=0.5,
    )
