"""The ledger of claims: what each guide says, what is true of it, and why."""

from collections import Counter
from collections.abc import Iterator
from typing import get_args

from markupsafe import Markup

from recipe_kb.i18n import _, language, ngettext, number, percent
from recipe_kb.resolve.throughput import throughput_of
from recipe_kb.schema.claim import Claim, Guide, Verdict
from recipe_kb.site.facts import Facts
from recipe_kb.site.markup import badge, code, heading, items, link, paragraph, table, with_code
from recipe_kb.site.page import Page, address
from recipe_kb.site.place import Place
from recipe_kb.site.shared import said
from recipe_kb.site.words import verdict_meaning


def pages(_place: Place, facts: Facts) -> Iterator[Page]:
    """Make the list of guides, then the ledger of each."""
    guides = facts.store.guides()
    yield Page(
        path="claims/index",
        title=_("What the guides said"),
        description=_("Every statement of the source guides that can be checked, with a verdict and its reason."),
        blocks=(
            paragraph(_taken_apart(len(guides))),
            items(_meanings()),
            _list(facts, guides),
        ),
        data="claims.json",
    )
    for guide in guides:
        yield _page(facts, guide)


def _taken_apart(count: int) -> str:
    return ngettext(
        "{count} guide on batch size and memory was taken apart into statements that can be checked.",
        "{count} guides on batch size and memory were taken apart into statements that can be checked.",
        count,
    ).format(count=count)


def _meanings(count: Counter[Verdict] | None = None) -> Iterator[Markup]:
    """Say what each verdict means, and how many statements have it."""
    for verdict in get_args(Verdict):
        number_of = f" ({count[verdict]})" if count is not None else ""
        yield badge(verdict, verdict, verdict_meaning(verdict)) + number_of


def _list(facts: Facts, guides: tuple[Guide, ...]) -> Markup:
    rows = []
    for guide in guides:
        count = Counter(claim.verdict for claim in facts.store.claim_file(guide.id).claims)
        name = link(address("claims/index", f"claims/{guide.id}"), guide.id)
        rows.append((name, guide.subject.get(language()), *(str(count[verdict]) for verdict in get_args(Verdict))))
    return table((_("guide"), _("subject"), *get_args(Verdict)), rows, _("Guides"))


def _page(facts: Facts, guide: Guide) -> Page:
    path = f"claims/{guide.id}"
    claims = facts.store.claim_file(guide.id).claims
    counted = ngettext("{count} statement", "{count} statements", len(claims)).format(count=len(claims))
    verdicts = Counter[Verdict](claim.verdict for claim in claims)
    parts: list[str] = [paragraph(guide.subject.get(language()) + ".", counted + "."), items(_meanings(verdicts))]
    for claim in claims:
        parts += _claim(facts, claim, path)
    return Page(
        path=path,
        title=_("Guide {guide}: {title}").format(guide=guide.id, title=guide.title),
        description=guide.subject.get(language()),
        blocks=tuple(parts),
        source=f"kb/claims/{guide.id}.yaml",
        data="claims.json",
        boost=0.4,
    )


def _claim(facts: Facts, claim: Claim, path: str) -> Iterator[str]:
    yield heading(2, f"{claim.id} {claim.verdict}", f"c{claim.id}")
    yield Markup("<blockquote>{}</blockquote>").format(paragraph(said(claim.statement)))
    yield paragraph(badge(claim.verdict, claim.verdict, ""), said(claim.reason))
    facts_of_it = [*_throughput(facts, claim)]
    if claim.source:
        facts_of_it.append(Markup("{} {}").format(_("Source:"), with_code(claim.source)))
    if claim.evidence:
        files = Markup(", ").join(code(name) for name in claim.evidence)
        facts_of_it.append(Markup("{}: {}").format(_("evidence"), files))
    if claim.conflicts_with:
        others = Markup(", ").join(
            link(address(path, f"claims/{other[:3]}", f"c{other}"), other) for other in claim.conflicts_with
        )
        facts_of_it.append(Markup("{}: {}").format(_("clashes with"), others))
    if facts_of_it:
        yield items(facts_of_it)


def _throughput(facts: Facts, claim: Claim) -> Iterator[str]:
    """Say which share of the card's peak a claimed rate implies."""
    throughput = throughput_of(facts.store, claim)
    if throughput is None:
        return
    what = _("{rate} samples per second imply {share} of the card's dense peak of {peak} TFLOP/s.").format(
        rate=number(throughput.samples_per_s, 0),
        share=percent(throughput.share_of_peak),
        peak=number(throughput.peak_tflops, 0),
    )
    yield what + (" " + _("No kernel can do that.") if throughput.share_of_peak > 1 else "")
