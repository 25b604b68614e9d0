"""What can be wrong with kb/evidence: a record that no probe wrote, a newer probe's, one in another recipe's folder."""

import json
import re
from pathlib import Path

from recipe_kb.errors import Problem
from recipe_kb.i18n import _
from recipe_kb.resolve.recipe_hash import recipe_hash
from recipe_kb.schema.evidence import SCHEMA, Evidence
from recipe_kb.schema.gpu import Gpu
from recipe_kb.schema.recipe import Recipe, RecipeKey
from recipe_kb.store.store import Store

PROBE_BEHIND = {"measured": "native", "emulated": "emulated"}
"""Status of a recipe -> the mode of the probe that it needs; other statuses need none."""
_SCHEMA = re.compile(r"kb-evidence/([0-9]{1,9})")
_UPGRADE = "pip install --upgrade recipe-kb"


def evidence_files(store: Store) -> list[Path]:
    """Return the files of evidence, in order."""
    # What lies there without a recipe is a memory grid, which its own benchmark reads.
    return sorted((store.root / "evidence").glob("*/**/*.json"))


def evidence_problems(store: Store) -> list[Problem]:
    """Return every problem of the evidence, in the order of the files."""
    found = (_problem_of(path, store) for path in evidence_files(store))
    return [problem for problem in found if problem]


def is_proven(store: Store, key: RecipeKey, recipe: Recipe, gpu: Gpu | None) -> bool:
    """Say whether the status of a recipe needs no evidence or has it: a passed probe of these very settings.

    Raises:
        BadInputError: A file of its evidence cannot be read.
    """
    wanted = PROBE_BEHIND.get(recipe.status)
    return wanted is None or any(
        proof["mode"] == wanted
        and proof["verdict"] == "passed"
        and "memory" in proof["confirmed"]
        and (wanted == "emulated" or (gpu is not None and proof["gpu_name"] in gpu.device_names))
        and proof["recipe_sha256"] == recipe_hash(recipe)
        for proof in store.evidence(str(key))
    )


def _problem_of(path: Path, store: Store) -> Problem | None:
    recipe_id = path.parent.relative_to(store.root / "evidence").as_posix()
    where = store.shown(path.relative_to(store.root).as_posix())
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if _is_newer(content):
            what = _("was written by a newer recipe-kb (schema {found}; this one reads {known})")
            what = what.format(found=content["schema"], known=SCHEMA)
            return Problem(code="KB115", what=what, where=where, next_command=_UPGRADE)
        record = Evidence.model_validate(content)
    except (OSError, ValueError, RecursionError) as error:
        what = _("is not valid evidence: {why}").format(why=str(error).splitlines()[0])
        return Problem(code="KB115", what=what, where=where, next_command="kb check")
    if record.recipe != recipe_id or RecipeKey.parse(recipe_id) is None:
        what = _("lies in the folder of {folder} but is about {recipe}")
        what = what.format(folder=recipe_id, recipe=record.recipe)
        return Problem(code="KB115", what=what, where=where, next_command="kb check")
    return None


def _is_newer(content: object) -> bool:
    schema = _SCHEMA.fullmatch(str(content.get("schema"))) if isinstance(content, dict) else None
    known = _SCHEMA.fullmatch(SCHEMA)
    assert known  # noqa: S101 - our own form
    return schema is not None and int(schema[1]) > int(known[1])
