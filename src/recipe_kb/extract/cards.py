"""A card whose name is that of several: which one is meant is asked, not guessed."""

import re
import shlex

from recipe_kb.errors import Problem
from recipe_kb.schema.configuration import Configuration
from recipe_kb.store.names import several_cards

_SIZE = re.compile(r"-\d+gb.*")


def card_in_question(found: Configuration) -> Problem | None:
    """Ask which card a configuration is for; None where it names one, or none."""
    ids = found.context.gpu_one_of
    if not ids:
        return None
    return Problem(
        code="KB438",
        what=several_cards(_SIZE.sub("", ids[0]).upper(), ids),
        where=f"{found.file}:{found.context.lines['gpu']}",
        next_command=f"kb lint --gpu {ids[0]} {shlex.quote(found.file)}",
    )
