"""Every block that a guide can ask for."""

from collections.abc import Callable

from markupsafe import Markup

from recipe_kb.site.blocks import ladder, licences, model_table, options, picture, precisions, signs

BLOCKS: dict[str, Callable[..., Markup]] = {
    "ladder": ladder.make,
    "licences": licences.make,
    "model_table": model_table.make,
    "options": options.make,
    "picture": picture.make,
    "precisions": precisions.make,
    "signs": signs.make,
}
"""Name in a guide -> what makes it of the facts and the arguments, in the active language; a test holds it against the
folder."""
