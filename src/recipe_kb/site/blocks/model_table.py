"""Some models side by side: what they read, how much, and under which licence."""

from markupsafe import Markup

from recipe_kb.i18n import _
from recipe_kb.site.blocks import HERE
from recipe_kb.site.facts import Facts
from recipe_kb.site.markup import link, table
from recipe_kb.site.page import address
from recipe_kb.site.shared import shown


def make(facts: Facts, *model_ids: str) -> Markup:
    """Write models as a table, in the order in which they are named.

    Raises:
        NoSuchFactError: There is no such model.
    """
    rows = [
        (
            link(address(HERE, f"models/{model_id}"), str(facts.find("model", model_id, "hub_id"))),
            shown(facts, "model", model_id, "max_length"),
            shown(facts, "model", model_id, "parameters.base", "millions"),
            shown(facts, "model", model_id, "licence"),
            shown(facts, "model", model_id, "fine_tuning.effective_batch_size"),
            shown(facts, "model", model_id, "fine_tuning.learning_rate"),
        )
        for model_id in model_ids
    ]
    headers = (
        _("model"),
        _("tokens at most"),
        _("parameters"),
        _("licence"),
        _("effective batch of its authors"),
        _("their learning rate"),
    )
    return table(headers, rows, _("Models"))
