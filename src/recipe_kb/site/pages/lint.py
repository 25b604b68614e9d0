"""A page per rule of `kb lint`, and the list of all: what their files say, with their examples."""

from collections.abc import Iterable, Iterator

from markupsafe import Markup

from recipe_kb.i18n import _, language
from recipe_kb.lint.formats.text import severity_word
from recipe_kb.lint.registry import RULES
from recipe_kb.lint.rule import Rule, page_of
from recipe_kb.site.facts import Facts
from recipe_kb.site.markup import badge, code, heading, items, link, listing, paragraph, table, with_code
from recipe_kb.site.page import Page, address
from recipe_kb.site.place import Place

_COLOURS = {"error": "contradicted", "warning": "inconsistent", "info": "unverified"}
"""Severities have the colours of the verdicts."""


def pages(_place: Place, facts: Facts) -> Iterator[Page]:
    """Make the list, then each rule."""
    rows = [
        (
            link(address("lint/index", f"lint/{name}"), rule.CODE),
            badge(_COLOURS[rule.SEVERITY], severity_word(rule.SEVERITY), ""),
            page_of(rule, language())[0],
        )
        for name, rule in RULES.items()
    ]
    yield Page(
        path="lint/index",
        title=_("Rules of kb lint"),
        description=_("What `kb lint` looks for in configurations and documentation, and why."),
        blocks=(
            paragraph(
                with_code(
                    _("`kb lint PATH` reads configurations in files and in documentation and says what is wrong.")
                )
            ),
            listing(
                "kb lint docs/ train.yaml --gpu t4 --model biobert\nkb lint --fix train.yaml\nkb lint --explain KB505"
            ),
            table((_("code"), _("severity"), _("finding")), rows, _("Rules of kb lint")),
            heading(2, _("Allowing a finding"), "allow"),
            paragraph(
                with_code(
                    _(
                        "A comment with a reason allows a finding: on its line, on the line above, or before a "
                        "configuration for all of it; `kb: ignore-file` counts for the file."
                    )
                )
            ),
            listing(
                "per_device_eval_batch_size: 192  # kb: ignore KB503 -- measured on this card\n"
                "<!-- kb: ignore KB501 KB503 -- quoted as the mistake -->"
            ),
        ),
        source="src/recipe_kb/lint/registry.py",
    )
    names = list(RULES)
    for position, name in enumerate(names):
        yield _page(facts, name, names[position - 1 : position], names[position + 1 : position + 2])


def _page(facts: Facts, name: str, before: list[str], after: list[str]) -> Page:
    rule, path = RULES[name], f"lint/{name}"
    title, paragraphs = page_of(rule, language())
    parts: list[str] = [
        paragraph(badge(_COLOURS[rule.SEVERITY], severity_word(rule.SEVERITY), ""), code(rule.CODE), code(name)),
        *(paragraph(with_code(text)) for text in paragraphs),
        heading(2, _("Found"), "bad"),
        *map(listing, rule.BAD),
        heading(2, _("Not found"), "good"),
        *map(listing, rule.GOOD),
    ]
    if rule.SOURCES:
        parts += [heading(2, _("Sources"), "sources"), items(_sources(facts, rule, path))]
    neighbours = [
        link(address(path, f"lint/{other}"), f"{arrow} {RULES[other].CODE}")
        for arrow, others in (("←", before), ("→", after))
        for other in others
    ]
    parts.append(
        Markup('<nav class="kb-neighbours" aria-label="{}">{}</nav>').format(
            _("Previous and next rule"), Markup(" ").join(neighbours)
        )
    )
    return Page(
        path=path,
        title=f"{rule.CODE}: {title}",
        description=paragraphs[0],
        blocks=tuple(parts),
        source=f"src/recipe_kb/lint/rules/{name.replace('-', '_')}.py",
    )


def _sources(facts: Facts, rule: Rule, here: str) -> Iterable[Markup]:
    known = facts.store.sources()
    for source in rule.SOURCES:
        kind, _colon, reference = source.partition(":")
        if kind == "rule":
            yield link(address(here, f"rules/{reference}"), _("rule {ref}").format(ref=reference))
        elif kind == "claim":
            words = _("guide {guide}, claim {ref}").format(guide=reference[:3], ref=reference)
            yield link(address(here, f"claims/{reference[:3]}", f"c{reference}"), words)
        else:
            yield link(address(here, "sources", reference), known[reference].title)
