"""What is written in our own format: recipes and models of a knowledge base, commands of `kb`.

`kb check` holds such files against stricter rules, and their names are not those of a trainer.
"""

import re
from collections.abc import Sequence

from recipe_kb.schema.configuration import Configuration

_MARK = re.compile(r"(?:provenance|task_mixing|fine_tuning|verdict|origin: *(?:guide|published|derived|tuned))\b")
_COMMAND = re.compile(r"\s*[$%!>]?\s*(?:\S*/)?kb\s")
_MOST_LINES = 400


def is_ours(configuration: Configuration, lines: Sequence[str]) -> bool:
    """Say whether a configuration is written for `kb` itself.

    Args:
        configuration: As it was found.
        lines: Of the file.
    """
    first, last = max(configuration.lines[0], 1), min(configuration.lines[1], len(lines))
    if first > last:
        return False
    if configuration.kind == "shell":
        return _COMMAND.match(lines[first - 1][:200]) is not None
    for number in range(last, max(0, first - _MOST_LINES), -1):
        line = lines[number - 1]
        if line.lstrip().startswith(("```", "~~~")):
            return False
        if _MARK.match(line.strip("- ")):
            return True
    return False
