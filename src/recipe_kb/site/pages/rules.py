"""A page per rule, and the list of all."""

from collections.abc import Iterator

from markupsafe import Markup

from recipe_kb.i18n import _, language
from recipe_kb.site.facts import Facts
from recipe_kb.site.markup import code, heading, link, listing, paragraph, table
from recipe_kb.site.page import Page, address
from recipe_kb.site.place import Place
from recipe_kb.site.shared import said, shown, source_list


def pages(_place: Place, facts: Facts) -> Iterator[Page]:
    """Make the list, then each rule."""
    rule_ids = facts.store.rule_ids()
    rows = [
        (link(address("rules/index", f"rules/{rule_id}"), rule_id), rule.title.get(language()), code(rule.formula))
        for rule_id in rule_ids
        for rule in (facts.store.rule(rule_id),)
    ]
    yield Page(
        path="rules/index",
        title=_("Rules"),
        description=_("The rules by which settings are derived, each with its source."),
        blocks=(table((_("rule"), _("title"), _("formula")), rows, _("Rules")),),
    )
    for position, rule_id in enumerate(rule_ids):
        yield _page(facts, rule_id, rule_ids[position - 1 : position], rule_ids[position + 1 : position + 2])


def _page(facts: Facts, rule_id: str, before: list[str], after: list[str]) -> Page:
    rule, path = facts.store.rule(rule_id), f"rules/{rule_id}"
    parts: list[str] = [
        paragraph(said(rule.statement)),
        heading(2, _("Formula"), "formula"),
        listing(rule.formula),
    ]
    if rule.caveat:
        parts += [heading(2, _("With care"), "caveat"), paragraph(said(rule.caveat))]
    if rule.constants:
        rows = [(code(name), shown(facts, "rule", rule_id, f"constants.{name}")) for name in rule.constants]
        parts += [heading(2, _("Constants"), "constants"), table((_("name"), _("value")), rows, _("Constants"))]
    parts += [heading(2, _("Sources"), "sources"), paragraph(source_list(facts, rule.sources, path))]
    links = [
        link(address(path, f"rules/{name}"), f"{arrow} {name}")
        for arrow, names in (("←", before), ("→", after))
        for name in names
    ]
    parts.append(
        Markup('<nav class="kb-neighbours" aria-label="{}">{}</nav>').format(
            _("Previous and next rule"), Markup(" ").join(links)
        )
    )
    return Page(
        path=path,
        title=rule.title.get(language()),
        description=rule.statement.get(language()),
        blocks=tuple(parts),
        source=f"kb/rules/{rule_id}.yaml",
    )
