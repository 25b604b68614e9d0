"""Raise the status of recipes to what their evidence proves, or with --check say which would be raised.

A recipe becomes `measured` by a passed probe of these very settings on the GPU that it names, and `emulated` by one on
a larger card with no more memory than that GPU has; in both the probe must confirm the memory.
No status is ever lowered: what claims more than there is evidence for is a problem that `kb check` names (KB116).
Only the line of the status is changed.

Exit codes: 0 nothing is to be done or it is done, 1 with --check something is to be done, 2 a file cannot be changed.
"""

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from recipe_kb.errors import BadInputError, Exit, KbError, Problem
from recipe_kb.resolve.evidence_files import is_proven
from recipe_kb.schema.base import Status
from recipe_kb.schema.recipe import RecipeKey
from recipe_kb.store.location import default_root
from recipe_kb.store.names import BARE_MEMORY
from recipe_kb.store.store import Store

RANKS: tuple[Status, ...] = ("reported", "predicted", "emulated", "measured")
"""From what nobody has run to what was run on the very card; `refuted` is no rank and stays."""
_LINE = re.compile(rb"^(status:[ \t]+)([a-z]+)(?=[ \t]*(?:#.*)?\r?$)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Rise:
    """One recipe whose evidence proves more than its status says."""

    key: RecipeKey
    before: Status
    now: Status


def main(arguments: Sequence[str] | None = None) -> int:
    """Change the files, or only look; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing")
    options = parser.parse_args(arguments)
    store = Store(default_root())
    try:
        found = list(rises(store))
        for rise in found:
            if not options.check:
                change_line(store.root / store.recipe_path(rise.key), rise)
            print(f"{rise.key}: {rise.before} -> {rise.now}")
    except KbError as error:
        print(*error.problems, sep="\n", file=sys.stderr)
        return error.exit_code
    if options.check and found:
        print("Evidence proves more than these statuses say. -> scripts/statuses.py", file=sys.stderr)
        return Exit.FINDING
    return Exit.DONE


def rises(store: Store) -> Iterator[Rise]:
    """Yield every recipe whose evidence proves a higher status than it has."""
    for key in store.recipe_keys():
        recipe = store.recipe(key)
        if recipe.status not in RANKS:
            continue
        gpu = None if BARE_MEMORY.fullmatch(key.gpu) else store.gpu(key.gpu)
        higher = RANKS[max(RANKS.index(recipe.status) + 1, RANKS.index("emulated")) :]
        for status in reversed(higher):
            if is_proven(store, key, replace(recipe, status=status), gpu):
                yield Rise(key=key, before=recipe.status, now=status)
                break


def change_line(path: Path, rise: Rise) -> None:
    """Write the new status into the one line that has it, and leave every other byte as it is.

    Raises:
        BadInputError: The status does not stand in a line of its own.
    """
    content = path.read_bytes()
    places = list(_LINE.finditer(content))
    if [place[2].decode() for place in places] != [rise.before]:
        what = f"has no line of its own that reads `status: {rise.before}`"
        raise BadInputError(Problem(code="KB121", what=what, where=str(path), next_command=f"kb show {rise.key}"))
    start, end = places[0].span(2)
    beside = path.with_name(f".{path.name}.new")
    beside.write_bytes(content[:start] + rise.now.encode() + content[end:])
    beside.replace(path)


if __name__ == "__main__":
    sys.exit(main())
