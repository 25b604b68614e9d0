"""What can be wrong with kb/evidence: a record that no probe wrote, a newer probe's, one in another recipe's folder.

And what is not wrong but may no longer hold: a record that is old, or of another major version of the libraries.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from recipe_kb.errors import BadInputError, Problem
from recipe_kb.i18n import _
from recipe_kb.resolve.recipe_hash import recipe_hash
from recipe_kb.schema.evidence import SCHEMA, Evidence
from recipe_kb.schema.gpu import Gpu
from recipe_kb.schema.recipe import Recipe, RecipeKey
from recipe_kb.store.store import Store

PROBE_BEHIND = {"measured": "native", "emulated": "emulated"}
"""Status of a recipe -> the mode of the probe that it needs; other statuses need none."""
MAX_AGE_DAYS = 365
"""Days after which evidence is worth a new run: drivers, CUDA and torch have each had several releases by then."""
WATCHED = ("torch", "transformers")
"""Packages whose major versions train differently."""
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

    A probe that played the card proves it only as far as it was held to what the files say of the card today.

    Raises:
        BadInputError: A file of its evidence cannot be read.
    """
    wanted = PROBE_BEHIND.get(recipe.status)
    return wanted is None or any(
        proof["mode"] == wanted
        and proof["verdict"] == "passed"
        and "memory" in proof["confirmed"]
        and proof["recipe_sha256"] == recipe_hash(recipe)
        and (
            _is_held_to(store, key, proof["emulation"])
            if wanted == "emulated"
            else gpu is not None and proof["gpu_name"] in gpu.device_names
        )
        for proof in store.evidence(str(key))
    )


def _is_held_to(store: Store, key: RecipeKey, played: dict[str, Any] | None) -> bool:
    """Say whether a probe had no more memory of a card than the card leaves by its file of today."""
    from recipe_kb.resolve.emulation import emulation_of  # only where something was played

    if played is None:
        return False
    alike = (played["gpu"], played["capped_at"]) == (key.gpu, "card")
    return alike and played["capped_bytes"] <= emulation_of(store, key.gpu).capped_bytes


@dataclass(frozen=True, kw_only=True)
class Aged:
    """Evidence that is worth a new run.

    Attributes:
        path: Its file.
        recipe: What it is about.
        age_days: Since it was made.
        too_old: Whether that is more than was asked.
        versions: Package -> its version then and the one that memory is traced with, where the major ones differ.
    """

    path: Path
    recipe: str
    age_days: int
    too_old: bool
    versions: dict[str, tuple[str, str]]


def aged(store: Store, today: date, max_age_days: int = MAX_AGE_DAYS) -> list[Aged]:
    """Return the evidence that is older than this, or was made with another major version of torch or transformers.

    Args:
        store: Its traced steps say which versions are current: the same on every machine.
        today: In UTC, as evidence is dated.
        max_age_days: Evidence of this age is not yet too old.

    Returns:
        In the order of the files. Evidence that cannot be read is left out: `evidence_problems` has it.
    """
    current = _traced_versions(store)
    found = []
    for path in evidence_files(store):
        try:
            record = read_evidence(path, str(path))
        except BadInputError:
            continue
        age_days = (today - started_at(record).date()).days
        then = {name: str(record.fingerprint.get(name) or "") for name in WATCHED}
        versions = {
            name: (then[name], current[name])
            for name in WATCHED
            if name in current and then[name] and _major(then[name]) != _major(current[name])
        }
        if age_days > max_age_days or versions:
            found.append(
                Aged(
                    path=path,
                    recipe=record.recipe,
                    age_days=age_days,
                    too_old=age_days > max_age_days,
                    versions=versions,
                )
            )
    return found


def read_evidence(path: Path, shown: str) -> Evidence:
    """Read one file of evidence.

    Args:
        path: The file.
        shown: The path as problems print it.

    Raises:
        BadInputError: It is not what a probe of this version writes (KB115).
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if _is_newer(content):
            what = _("was written by a newer recipe-kb (schema {found}; this one reads {known})")
            what = what.format(found=content["schema"], known=SCHEMA)
            raise BadInputError(Problem(code="KB115", what=what, where=shown, next_command=_UPGRADE))
        record = Evidence.model_validate(content)
        started_at(record)
    except (OSError, ValueError, OverflowError, RecursionError) as error:
        what = _("is not valid evidence: {why}").format(why=str(error).splitlines()[0])
        raise BadInputError(Problem(code="KB115", what=what, where=shown, next_command="kb check")) from error
    return record


def started_at(evidence: Evidence) -> datetime:
    """Return when a probe began; a time without a zone is UTC, as probes write it.

    Raises:
        ValueError, OverflowError: It is no ISO time, or none that UTC can write.
    """
    started = datetime.fromisoformat(evidence.started)
    return started.astimezone(UTC) if started.tzinfo else started.replace(tzinfo=UTC)


def _problem_of(path: Path, store: Store) -> Problem | None:
    recipe_id = path.parent.relative_to(store.root / "evidence").as_posix()
    where = store.shown(path.relative_to(store.root).as_posix())
    try:
        record = read_evidence(path, where)
    except BadInputError as error:
        return error.problems[0]
    if record.recipe != recipe_id or RecipeKey.parse(recipe_id) is None:
        what = _("lies in the folder of {folder} but is about {recipe}")
        what = what.format(folder=recipe_id, recipe=record.recipe)
        return Problem(code="KB115", what=what, where=where, next_command="kb check")
    return None


def _traced_versions(store: Store) -> dict[str, str]:
    """Return what memory is traced with; `kb check` holds all models to one set of versions."""
    for model_id in store.memory_ids():
        try:
            record = store.memory(model_id)
        except BadInputError:  # reported where it was read
            continue
        if record:
            versions: dict[str, str] = record["versions"]
            return versions
    return {}


def _major(version: str) -> str:
    return version.partition(".")[0]


def _is_newer(content: object) -> bool:
    schema = _SCHEMA.fullmatch(str(content.get("schema"))) if isinstance(content, dict) else None
    known = _SCHEMA.fullmatch(SCHEMA)
    assert known  # noqa: S101 - our own form
    return schema is not None and int(schema[1]) > int(known[1])
