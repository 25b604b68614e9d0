"""Which models stand under which licence."""

from markupsafe import Markup

from recipe_kb.i18n import _
from recipe_kb.site.blocks import HERE
from recipe_kb.site.facts import Facts
from recipe_kb.site.markup import link, table
from recipe_kb.site.page import address


def make(facts: Facts) -> Markup:
    """Write every licence with its models as a table, the most frequent first."""
    store, held = facts.store, dict[str, list[str]]()
    for model_id in store.model_ids():
        held.setdefault(store.model(model_id).licence, []).append(model_id)
    rows = [
        (
            licence,
            Markup(", ").join(link(address(HERE, f"models/{name}"), name) for name in names),
            _gated(facts, names),
        )
        for licence, names in sorted(held.items(), key=lambda one: (-len(one[1]), one[0]))
    ]
    return table((_("licence"), _("models"), _("accept it on the hub first")), rows, _("Licences"))


def _gated(facts: Facts, names: list[str]) -> str:
    return _("yes") if any(facts.store.model(name).gated for name in names) else _("no")
