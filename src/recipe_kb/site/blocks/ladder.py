"""The rungs of a recipe when memory runs out, each on top of those before it, with what the predictor says then."""

from typing import Any

from markupsafe import Markup

from recipe_kb.i18n import _, language
from recipe_kb.site.changed import name_of
from recipe_kb.site.facts import Facts
from recipe_kb.site.markup import code, table
from recipe_kb.site.referred import as_typed
from recipe_kb.site.shared import shown


def make(facts: Facts, recipe_id: str) -> Markup:
    """Write the ladder of a recipe as a table.

    Raises:
        NoSuchFactError: There is no such recipe.
    """
    answer = facts.answer(recipe_id)
    rows = [("0", code(recipe_id), _peak(facts, recipe_id), _("the recipe as it stands"))]
    changes: dict[str, Any] = {}
    for number, rung in enumerate(answer.recipe.ladder.out_of_memory, start=1):
        changes |= rung.set
        words = Markup(", ").join(code(f"{name} {as_typed(value)}") for name, value in rung.set.items())
        why = facts.store.remedy(rung.why).get(language())
        rows.append((str(number), words, _peak(facts, name_of(recipe_id, changes)), why))
    headers = (_("rung"), _("what changes, besides the rungs above"), _("predicted peak"), _("what it does"))
    return table(headers, rows, _("When memory runs out, in this order"))


def _peak(facts: Facts, name: str) -> Markup:
    return shown(facts, "predicted", name, "peak_reserved_bytes", "gib")
