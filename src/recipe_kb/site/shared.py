"""Pieces of pages: a value of a record, marked; where a setting comes from, linked; recipes as a table."""

from collections.abc import Iterable

from markupsafe import Markup

from recipe_kb.i18n import _, gib, language, percent
from recipe_kb.resolve.answer import Answer
from recipe_kb.schema.base import Text
from recipe_kb.schema.recipe import Provenance
from recipe_kb.site.facts import Facts
from recipe_kb.site.markup import badge, link, table, with_code
from recipe_kb.site.page import address
from recipe_kb.site.referred import FILTERS, Referred
from recipe_kb.site.words import card_name, status_meaning, tasks_words


def said(text: Text) -> Markup:
    """Write a text of the knowledge base in the active language; what stands between backticks is code."""
    return with_code(text.get(language()))


def shown(facts: Facts, kind: str, record_id: str, path: str, form: str | None = None, **how: int) -> Markup:
    """Show one value of the knowledge base, marked with where it is.

    Args:
        facts: Where it is read.
        kind: As `Facts.find`.
        record_id: As `Facts.find`.
        path: As `Facts.find`.
        form: A key of `FILTERS`; None shows it as it is read most easily.
        how: For the form, such as digits.
    """
    value = Referred(value=facts.find(kind, record_id, path), source=f"{kind}:{record_id}#{path}")
    return FILTERS[form](value, **how) if form else value.__html__()


def provenance_words(source: Provenance, here: str) -> Markup:
    """Say where a setting comes from, with a link to it where it has a page."""
    reference = str(getattr(source, source.kind))
    targets = {
        "claim": address(here, f"claims/{reference[:3]}", f"c{reference}"),
        "rule": address(here, f"rules/{reference}"),
        "gpu": address(here, f"gpus/{reference}"),
        "model": address(here, f"models/{reference}"),
        "source": address(here, "sources", reference),
    }
    names = {
        "claim": _("guide {guide}, claim {ref}"),
        "rule": _("rule {ref}"),
        "source": _("source {ref}"),
        "gpu": _("what the GPU can do ({ref})"),
        "model": _("file of the model ({ref})"),
        "evidence": _("evidence {ref}"),
    }
    if source.assumption:
        words = with_code(_("assumed: {why}").format(why=source.assumption.get(language())))
    else:
        text = names[source.kind].format(guide=reference[:3], ref=reference)
        words = link(targets[source.kind], text) if source.kind in targets else Markup("{}").format(text)
    return Markup("{} <small>{}</small>").format(words, said(source.note)) if source.note else words


def source_list(facts: Facts, sources: Iterable[str], here: str) -> Markup:
    """Write sources with links to their entries."""
    known = facts.store.sources()
    return Markup(" · ").join(link(address(here, "sources", name), known[name].title) for name in sources)


def recipe_table(facts: Facts, recipe_ids: Iterable[str], here: str, label: str) -> Markup:
    """Write recipes as a table, each with its memory and status; a GPU's or a model's page does not repeat itself."""
    headers = [_("recipe"), _("GPU"), _("model"), _("tasks"), _("batch"), _("learning rate"), _("memory"), _("status")]
    rows = [_recipe_row(facts, facts.answer(recipe_id), here) for recipe_id in recipe_ids]
    if here.startswith("models/"):
        headers[2] = _("length, method")
    if here.startswith("gpus/"):
        headers, rows = headers[:1] + headers[2:], [row[:1] + row[2:] for row in rows]
    return table(headers, rows, label)


def _recipe_row(facts: Facts, answer: Answer, here: str) -> list[str]:
    key, name = answer.key, answer.recipe_id
    batch = Markup("{} &times; {}").format(
        shown(facts, "recipe", name, "settings.per_device_train_batch_size"),
        shown(facts, "recipe", name, "settings.gradient_accumulation_steps"),
    )
    cell = f"{key.max_length} · {key.method}" + ("" if key.goal == "balanced" else f" · {key.goal}")
    return [
        link(address(here, f"recipes/{name}"), name),
        link(address(here, f"gpus/{key.gpu}"), answer.gpu.name) if answer.gpu else card_name(key.gpu, None),
        cell
        if here == f"models/{key.model}"
        else Markup("{} · {}").format(link(address(here, f"models/{key.model}"), key.model), cell),
        tasks_words(key.tasks),
        batch,
        shown(facts, "recipe", name, "settings.learning_rate"),
        memory_words(answer),
        status_badge(answer.recipe.status),
    ]


def memory_words(answer: Answer) -> Markup:
    """Write the predicted peak, and its share of what the card can give."""
    memory = answer.memory
    source = f"predicted:{answer.recipe_id}"
    peak = Referred(value=memory.peak_reserved_bytes, source=f"{source}#peak_reserved_bytes")
    share = Referred(value=memory.share, source=f"{source}#share")
    return Markup("{} ({})").format(
        peak.show("gib:2", gib(memory.peak_reserved_bytes)),
        share.show("percent:0", percent(memory.share)),
    )


def status_badge(status: str, *, explained: bool = False) -> Markup:
    """Write the status of a recipe; its meaning goes on where the badge ends, and does not say the word again."""
    meaning = status_meaning(status).removeprefix(status).removeprefix(",").lstrip() if explained else ""
    return badge(status, status, meaning)
