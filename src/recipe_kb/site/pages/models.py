"""A page per model, and the list of all."""

from collections.abc import Iterator

from markupsafe import Markup

from recipe_kb.i18n import _
from recipe_kb.schema.model import Model
from recipe_kb.site.facts import Facts
from recipe_kb.site.markup import code, heading, items, link, listing, paragraph, table, with_code
from recipe_kb.site.page import Page, address
from recipe_kb.site.place import Place
from recipe_kb.site.shared import recipe_table, said, shown, source_list


def pages(_place: Place, facts: Facts) -> Iterator[Page]:
    """Make the list, then each model."""
    model_ids = facts.store.model_ids()
    yield Page(
        path="models/index",
        title=_("Models"),
        description=_("Networks that the knowledge base can train: size, length, licence, published settings."),
        blocks=(_list(facts, model_ids),),
    )
    for model_id in model_ids:
        yield _page(facts, model_id)


def _list(facts: Facts, model_ids: list[str]) -> Markup:
    headers = (_("model"), _("family"), _("languages"), _("parameters"), _("max length"), _("licence"))
    rows = [
        (
            link(address("models/index", f"models/{model_id}"), model_id),
            facts.store.model(model_id).family,
            ", ".join(facts.store.model(model_id).languages),
            shown(facts, "model", model_id, "parameters.trained", "millions"),
            shown(facts, "model", model_id, "max_length"),
            facts.store.model(model_id).licence,
        )
        for model_id in model_ids
    ]
    return table(headers, rows, _("Models"))


def _page(facts: Facts, model_id: str) -> Page:
    model, path = facts.store.model(model_id), f"models/{model_id}"
    recipe_ids = [str(key) for key in facts.store.recipe_keys(model=model_id)]
    parts: list[str] = [
        paragraph(code(model.hub_id)),
        *([paragraph(said(model.note))] if model.note else []),
        listing(f"kb recipe --gpu t4 --model {model_id}"),
        heading(2, _("The network"), "network"),
        _network(facts, model_id, model),
        heading(2, _("Published settings"), "fine-tuning"),
        *_published(facts, model_id, model, path),
        heading(2, _("Recipes"), "recipes"),
    ]
    if recipe_ids:
        parts.append(recipe_table(facts, recipe_ids, path, _("Recipes")))
    else:
        parts.append(
            paragraph(with_code(_("No recipe of this model is kept as a file; `kb recipe` derives one for any card.")))
        )
    parts += [
        paragraph(link(address(path, "fits"), _("What it fits on"))),
        heading(2, _("What it is called"), "names"),
        items([code(name) for name in (model_id, model.hub_id, *model.aliases)]),
        heading(2, _("Sources"), "sources"),
        paragraph(source_list(facts, model.sources, path)),
    ]
    return Page(
        path=path,
        title=model_id,
        description=_("Size, length, licence and published settings of {name}, with sources.").format(
            name=model.hub_id
        ),
        blocks=tuple(parts),
        source=f"kb/models/{model_id}.yaml",
        data="models.json",
        boost=2,
    )


def _network(facts: Facts, model_id: str, model: Model) -> Markup:
    rows: list[tuple[str, str]] = [
        (_("parameters that are trained"), shown(facts, "model", model_id, "parameters.trained", "millions", digits=1)),
        (
            _("parameters of the embeddings"),
            shown(facts, "model", model_id, "parameters.embeddings", "millions", digits=1),
        ),
        (_("max length"), Markup("{} {}").format(shown(facts, "model", model_id, "max_length"), _("tokens"))),
        (_("layers"), shown(facts, "model", model_id, "shape.num_layers")),
        (_("hidden size"), shown(facts, "model", model_id, "shape.hidden_size")),
        (_("attention heads"), shown(facts, "model", model_id, "shape.num_heads")),
        (_("vocabulary"), shown(facts, "model", model_id, "shape.vocab_size")),
        (_("attention kernel"), code(model.default_attention)),
        (_("languages"), ", ".join(model.languages)),
        (_("licence"), model.licence),
        (_("needs an agreement on the hub"), _("yes") if model.gated else _("no")),
    ]
    if model.overflows_in_fp16:
        rows.append((_("overflows in fp16"), _("yes")))
    return table((_("figure"), _("value")), rows, _("The network"))


def _published(facts: Facts, model_id: str, model: Model, path: str) -> Iterator[Markup]:
    names = {
        "effective_batch_size": _("effective batch size"),
        "learning_rate": _("learning rate"),
        "num_train_epochs": _("epochs"),
        "lr_scheduler_type": _("schedule"),
        "warmup_ratio": _("share of warm-up"),
    }
    rows = [
        (words, shown(facts, "model", model_id, f"fine_tuning.{name}"))
        for name, words in names.items()
        if getattr(model.fine_tuning, name) is not None
    ]
    yield table((_("setting"), _("value")), rows, _("Published settings"))
    if model.fine_tuning.note:
        yield paragraph(said(model.fine_tuning.note))
    yield paragraph(_("Source:"), source_list(facts, [model.fine_tuning.source], path))
