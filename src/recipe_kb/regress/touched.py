"""Which recipes a change can affect, so that a GPU runs no others."""

import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from recipe_kb.errors import BadInputError, CannotHereError, Problem
from recipe_kb.i18n import _
from recipe_kb.schema.recipe import RecipeKey
from recipe_kb.store.store import Store

ALL, DERIVED, NONE = "all", "derived", "none"
_FILES: tuple[tuple[str, str], ...] = (
    (r"kb/recipes/(?P<recipe>.+)\.yaml", "recipe"),
    (r"kb/evidence/(?P<recipe>[^/]+/[^/]+/[^/]+)/[^/]+\.json", "recipe"),  # a new baseline is held against this GPU
    (r"kb/gpus/(?P<gpu>[^/]+)\.yaml", "gpu"),
    (r"kb/(models|memory)/(?P<model>[^/]+)\.(yaml|json)", "model"),
    (r"kb/rules/.+|kb/cuda\.yaml", DERIVED),
    (r"pyproject\.toml|constraints\.txt", ALL),
    (r"src/recipe_kb/resolve/(emulation|recipe_hash|rules)\.py", ALL),
    (r"src/recipe_kb/(resolve|memory)/.+", DERIVED),
    # These start, word, store or compare a training and do not change it; tests without a GPU cover them.
    (r"src/recipe_kb/(cli|extract|fleet|lint|locale|pytest_plugin|regress|site|store|tracing)(/.+|\.py)", NONE),
    (r"src/recipe_kb/dialects/(?!training_arguments|__init__).+", NONE),  # a probe trains with those arguments only
    (r"src/recipe_kb/(errors|i18n|text)\.py", NONE),
    (r"src/recipe_kb/.+\.py", ALL),  # what is new runs until somebody says that it need not
)
"""Path -> what it affects; the first that matches decides, and what matches nothing affects nothing."""


def touched(store: Store, changed_paths: Iterable[str]) -> set[str]:
    """Return the recipes that changed files can affect.

    Args:
        store: The knowledge base after the change.
        changed_paths: As `changed_since` gives them: relative to the folder that holds the knowledge base.

    Returns:
        Ids of recipes that have a file, and of derived cells that have evidence; rules and memory decide the latter.
    """
    files = set(store.recipe_files())
    derived = _derived_with_evidence(store) - files
    keys = {name: key for name in files | derived if (key := RecipeKey.parse(name))}
    found: set[str] = set()
    for path in changed_paths:
        kind, name = _affected(_as_kb(path, store))
        if kind == ALL:
            return set(keys)
        if kind == DERIVED:
            found |= derived
        elif kind == "recipe":
            found |= {name} & set(keys)
        else:
            found |= {recipe_id for recipe_id, key in keys.items() if name == getattr(key, kind, None)}
    return found


def changed_since(root: Path, base: str) -> list[str]:
    """Return the files that differ from where this branch left another, those not yet committed among them.

    Args:
        root: The folder of the knowledge base, in a git checkout.
        base: The other branch, or any revision.

    Returns:
        Paths relative to the folder that holds the knowledge base, in order; both names of a file that moved.

    Raises:
        BadInputError: It is no git checkout, the revision is unknown, or both have no history in common (KB220).
        CannotHereError: There is no git (KB323).
    """
    top = Path(_git(root, "rev-parse", "--show-toplevel").removesuffix("\n"))
    # A name that begins with a dash must not become an option of the commands below.
    commit = _git(root, "rev-parse", "--verify", "--end-of-options", f"{base}^{{commit}}", base=base).strip()
    fork = _git(root, "merge-base", commit, "HEAD", base=base).strip()
    changed = _git(top, "diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", fork)
    new = _git(top, "ls-files", "-z", "--others", "--exclude-standard")
    home = root.resolve().parent
    paths = {top.resolve() / name for name in (changed + new).split("\0") if name}
    return sorted(Path(os.path.relpath(path, home)).as_posix() for path in paths)


def _derived_with_evidence(store: Store) -> set[str]:
    base = store.root / "evidence"
    return {path.relative_to(base).as_posix() for path in base.glob("*/*/*") if path.is_dir()}


def _as_kb(path: str, store: Store) -> str:
    """Spell the folder of the knowledge base `kb`, whatever its name here."""
    folder, _slash, rest = path.partition("/")
    return f"kb/{rest}" if folder == store.root.resolve().name else path


def _affected(path: str) -> tuple[str, str]:
    for pattern, kind in _FILES:
        match = re.fullmatch(pattern, path)
        if match:
            return kind, match.groupdict().get(kind, "")
    return NONE, ""


def _git(folder: Path, *words: str, base: str | None = None) -> str:
    environ = os.environ | {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
    command = ["git", "-C", str(folder), *words]
    try:
        done = subprocess.run(command, capture_output=True, check=False, env=environ)
    except FileNotFoundError as error:
        what = _("--touched-by asks git what changed, and git is not installed.")
        raise CannotHereError(Problem(code="KB323", what=what, next_command="kb validate --all")) from error
    if done.returncode == 0:
        return os.fsdecode(done.stdout)
    said = done.stderr.decode(errors="replace").strip().splitlines()
    why = said[-1] if said else _("no history in common")
    if base is None:
        what = _("git does not say what changed: {why}").format(why=why)
        raise BadInputError(Problem(code="KB220", what=what, where=str(folder), next_command="kb validate --all"))
    what = _("git cannot compare with {base!r}: {why}").format(base=base, why=why)
    following = f"git fetch --unshallow origin {base.removeprefix('origin/')}" if _is_shallow(folder) else "git fetch"
    raise BadInputError(Problem(code="KB220", what=what, where=str(folder), next_command=following))


def _is_shallow(folder: Path) -> bool:
    return _git(folder, "rev-parse", "--is-shallow-repository").strip() == "true"
