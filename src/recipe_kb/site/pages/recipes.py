"""A page per recipe, and the list of all."""

from collections.abc import Iterator

from markupsafe import Markup

from recipe_kb.i18n import _, gib, number, percent
from recipe_kb.resolve.answer import Answer, command_for
from recipe_kb.schema.recipe import Correction, Rung
from recipe_kb.site.bar import legend, memory_bar
from recipe_kb.site.exports import exports
from recipe_kb.site.facts import Facts
from recipe_kb.site.markup import badge, code, heading, items, link, listing, paragraph, table, tabs, with_code
from recipe_kb.site.page import Page, address
from recipe_kb.site.place import Place
from recipe_kb.site.recipe_evidence import evidence_part
from recipe_kb.site.referred import Referred, as_typed
from recipe_kb.site.shared import memory_words, provenance_words, recipe_table, said, shown, status_badge
from recipe_kb.site.words import counted_recipes, origin_meaning, recipe_title
from recipe_kb.units import GIB


def pages(_place: Place, facts: Facts) -> Iterator[Page]:
    """Make the list, then each recipe."""
    recipe_ids = [str(key) for key in facts.store.recipe_keys()]
    yield Page(
        path="recipes/index",
        title=_("Recipes"),
        description=_("Settings that are kept as files, each with its source and its status."),
        blocks=(
            paragraph(
                counted_recipes(len(recipe_ids)) + ".",
                with_code(
                    _("Every other cell of GPU, model, tasks and length is derived by `kb recipe` when it is asked.")
                ),
                link(address("recipes/index", "recipe-picker"), _("Find one with the picker")),
            ),
            recipe_table(facts, recipe_ids, "recipes/index", _("Recipes")),
        ),
    )
    for position, recipe_id in enumerate(recipe_ids):
        before = recipe_ids[position - 1] if position else None
        after = recipe_ids[position + 1] if position + 1 < len(recipe_ids) else None
        yield _page(facts, facts.answer(recipe_id), before, after)


def _page(facts: Facts, answer: Answer, before: str | None, after: str | None) -> Page:
    path = f"recipes/{answer.recipe_id}"
    title = recipe_title(answer.key, answer.gpu, answer.model)
    parts = [
        *_lead(answer, path),
        *_refuted(answer, path),
        heading(2, _("Settings, and where each comes from"), "settings"),
        _settings(facts, answer, path),
        *_memory(answer),
        *evidence_part(facts, answer, path),
        *_corrections(facts, answer, path),
        *_ladders(facts, answer),
        *_notes(answer),
        heading(2, _("Take it with you"), "exports", indexed=False),
        tabs("export", [(form, listing(text)) for form, text in exports(answer)]),
        _neighbours(path, before, after),
    ]
    return Page(
        path=path,
        title=title,
        description=_("Batch size, accumulation, learning rate, optimizer and precision: {title}").format(title=title),
        blocks=tuple(parts),
        source=f"kb/recipes/{answer.recipe_id}.yaml",
        data=f"recipes/{answer.recipe_id}.json",
        boost=0.5,
    )


def _lead(answer: Answer, path: str) -> Iterator[Markup]:
    key, recipe = answer.key, answer.recipe
    card = link(address(path, f"gpus/{key.gpu}"), answer.gpu.name) if answer.gpu else Markup("")
    network = link(address(path, f"models/{key.model}"), answer.model.hub_id)
    yield paragraph(*(part for part in (network, Markup("·") if card else Markup(""), card) if part))
    yield paragraph(code(answer.recipe_id))
    yield items(
        (
            Markup("{}: {}").format(_("status"), status_badge(recipe.status, explained=True)),
            Markup("{}: {}").format(_("origin"), badge("origin", recipe.origin, origin_meaning(recipe.origin))),
            Markup("{}: {}").format(_("memory"), memory_words(answer)),
        )
    )
    yield listing(command_for(key, answer.model))


def _refuted(answer: Answer, path: str) -> Iterator[Markup | str]:
    refuted = answer.recipe.refuted
    if refuted is None:
        return
    yield heading(2, _("Refuted"), "refuted")
    yield paragraph(said(refuted.reason))
    yield items(
        Markup("{}: {}").format(_("works instead"), link(address(path, f"recipes/{name}"), name))
        for name in refuted.instead
    )


def _settings(facts: Facts, answer: Answer, path: str) -> Markup:
    recipe, rows = answer.recipe, []
    for name, value in recipe.settings.given().items():
        marked = Referred(value=value, source=f"recipe:{answer.recipe_id}#settings.{name}")
        rows.append((code(name), marked.code(), provenance_words(recipe.provenance[name], path)))
        if name == "gradient_accumulation_steps":
            product = Markup("<strong>{}</strong>").format(
                shown(facts, "recipe", answer.recipe_id, "effective_batch_size")
            )
            rule = link(address(path, "rules/effective-batch"), _("rule {ref}").format(ref="effective-batch"))
            rows.append((Markup("= {}").format(code("effective_batch_size")), product, rule))
    if recipe.task_mixing:
        rule = link(address(path, "rules/num-tasks"), _("rule {ref}").format(ref="num-tasks"))
        rows.append((code("task_mixing"), code(recipe.task_mixing), rule))
    return table((_("setting"), _("value"), _("where it comes from")), rows, _("Settings, and where each comes from"))


def _memory(answer: Answer) -> Iterator[Markup | str]:
    memory = answer.memory
    low, high = memory.interval
    figures = {
        "traced": _(
            "{peak} of {limit} ({share}), predicted from a traced step, error about {error}, interval {low} to {high}"
        ),
        "documented-figures": _("{peak} of {limit} ({share}), predicted from documented figures, error up to {error}"),
    }
    words = figures[memory.method].format(
        peak=gib(memory.peak_reserved_bytes),
        limit=gib(memory.limit_bytes),
        share=percent(memory.share),
        error=percent(memory.error),
        low=number(low / GIB),
        high=gib(high),
    )
    yield heading(2, _("Memory"), "memory")
    yield paragraph(words + ".", *_risk(answer))
    yield Markup("<figure>{}</figure>").format(memory_bar(memory.parts, memory.limit_bytes, words))
    rows = [(name, gib(size)) for name, size in legend(memory.parts)]
    yield table((_("part"), _("at the peak")), rows, _("What lives at the peak"), indexed=False)


def _risk(answer: Answer) -> Iterator[str]:
    high = answer.memory.interval[1]
    if answer.memory.fits and high > answer.memory.limit_bytes:
        yield _("A run can still end out of memory: up to {high} is possible.").format(high=gib(high))


def _corrections(facts: Facts, answer: Answer, path: str) -> Iterator[Markup | str]:
    if not answer.recipe.corrections:
        return
    yield heading(2, _("What the guide said, and why it is not taken over"), "corrections")
    yield items(_correction(facts, answer, correction, path) for correction in answer.recipe.corrections)


def _correction(facts: Facts, answer: Answer, correction: Correction, path: str) -> Markup:
    claim = facts.store.claim(correction.claim)
    values = Markup("{} {}").format(code(correction.setting), code(as_typed(correction.guide_value)))
    now = answer.recipe.settings.given().get(correction.setting)
    if now is not None:
        values += Markup(" &rarr; {}").format(code(as_typed(now)))
    where = link(address(path, f"claims/{claim.id[:3]}", f"c{claim.id}"), claim.id)
    return Markup("{}: {} ({}, {})").format(values, said(claim.reason), where, claim.verdict)


def _ladders(facts: Facts, answer: Answer) -> Iterator[Markup | str]:
    if answer.recipe.refuted:
        return
    ladder = answer.recipe.ladder
    for words, anchor, rungs in (
        (_("When memory runs out, in this order"), "out-of-memory", ladder.out_of_memory),
        (_("When training is slow"), "slow", ladder.slow),
    ):
        if rungs:
            yield heading(2, words, anchor)
            yield items((_rung(facts, rung) for rung in rungs), ordered=True)


def _rung(facts: Facts, rung: Rung) -> Markup:
    changed = Markup(", ").join(code(f"{name} {as_typed(value)}") for name, value in rung.set.items())
    return Markup("{}: {}").format(changed, said(facts.store.remedy(rung.why)))


def _notes(answer: Answer) -> Iterator[Markup | str]:
    notes = [said(text) for text in (*answer.recipe.assumptions, *answer.notes)]
    if notes:
        yield heading(2, _("Good to know"), "notes")
        yield items(notes)


def _neighbours(path: str, before: str | None, after: str | None) -> Markup:
    links = [
        link(address(path, f"recipes/{name}"), f"{arrow} {name}")
        for arrow, name in (("←", before), ("→", after))
        if name
    ]
    return Markup('<nav class="kb-neighbours" aria-label="{}">{}</nav>').format(
        _("Previous and next recipe"), Markup(" ").join(links)
    )
