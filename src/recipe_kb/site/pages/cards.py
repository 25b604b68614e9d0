"""How many cards: the smallest number on which each model trains in full, where one card does not hold it."""

from collections.abc import Iterator

from markupsafe import Markup

from recipe_kb.i18n import _
from recipe_kb.resolve.several import COUNTS
from recipe_kb.site.cards import ModelCards, read_cards
from recipe_kb.site.facts import Facts
from recipe_kb.site.markup import heading, items, link, paragraph, with_code
from recipe_kb.site.page import Page, address
from recipe_kb.site.place import Place

PATH = "cards"


def pages(place: Place, facts: Facts) -> Iterator[Page]:
    """Make the one page, where the numbers have been worked out."""
    cards = read_cards(place)
    large = {model_id: one for model_id, one in cards.items() if set(one.counts.values()) != {1}}
    if not large:
        return
    title = _("How many cards")
    yield Page(
        path=PATH,
        title=title,
        description=_(
            "The smallest number of cards on which each model trains in full, with FSDP where one is too small."
        ),
        boost=0.8,
        blocks=(
            paragraph(
                _("Each cell is the smallest number of equal cards on which all weights of a model can be trained."),
                _("1 means that one card holds it; more cards share weights, gradients and optimizer state with FSDP."),
                _("DDP does not lower what a card needs: each holds the whole network, and buckets besides."),
            ),
            items(_legend()),
            _table(facts, large, title),
            paragraph(_("Models that every card holds are left out.")),
            heading(2, _("How it was worked out"), "how"),
            paragraph(
                with_code(
                    _(
                        "As `kb recipe` derives it, for one task and the longest of the usual lengths: at least one "
                        "row at a time fits with the margin, with gradient checkpointing if it must be."
                    )
                ),
                _("It is predicted: no run on several cards has measured it, and NCCL's own buffers are not counted."),
            ),
        ),
    )


def _legend() -> list[Markup]:
    most = COUNTS[-1]
    rows = (
        ("kb-yes", "1", _("one card holds it")),
        ("kb-small", str(COUNTS[0]), _("so many cards hold it with FSDP")),
        ("kb-no", "\N{EN DASH}", _("{count} cards are not enough").format(count=most)),
    )
    return [Markup('<span class="kb-sample {}">{}</span> {}').format(*row) for row in rows]


def _table(facts: Facts, cards: dict[str, ModelCards], title: str) -> Markup:
    store = facts.store
    gpu_ids = sorted(store.gpu_ids(), key=lambda gpu_id: (store.gpu(gpu_id).memory.limit_bytes, gpu_id))
    head = Markup(" ").join(
        Markup('<th scope="col" id="{}">{}</th>').format(gpu_id, link(address(PATH, f"gpus/{gpu_id}"), gpu_id))
        for gpu_id in gpu_ids
    )
    rows = []
    for model_id, one in cards.items():
        row = Markup(" ").join(_cell(one.counts.get(gpu_id)) for gpu_id in gpu_ids)
        name = link(address(PATH, f"models/{model_id}"), model_id)
        rows.append(Markup('<tr><th scope="row">{}</th> {}</tr>').format(name, row))
    return Markup(
        '<div class="kb-scroll kb-heat" role="region" aria-label="{}" tabindex="0" data-search-exclude>\n<table>\n'
        '<thead><tr><th scope="col">{}</th> {}</tr></thead>\n<tbody>\n{}\n</tbody>\n</table>\n</div>'
    ).format(title, _("model"), head, Markup("\n").join(rows))


def _cell(count: int | None) -> Markup:
    if count is None:
        return Markup('<td class="kb-no">&ndash;</td>')
    return Markup('<td class="{}">{}</td>').format("kb-yes" if count == 1 else "kb-small", count)
