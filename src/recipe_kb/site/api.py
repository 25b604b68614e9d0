"""The JSON API under `api/v1/`: files, versioned, the same values as the pages and the command line.

Every object names its `schema`; a change that breaks a reader makes `v2`, and `v1` stays.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from recipe_kb.resolve.answer import Answer
from recipe_kb.schema.base import Text
from recipe_kb.site.api_schemas import schemas
from recipe_kb.site.cells import cells_folder
from recipe_kb.site.changelog import read_changes
from recipe_kb.site.exports import exports
from recipe_kb.site.facts import Facts
from recipe_kb.site.languages import ORIGINAL, speaking
from recipe_kb.site.place import Place
from recipe_kb.site.resources import resources

VERSION = "v1"


def write_api(place: Place, facts: Facts, site: Path) -> None:
    """Write every file of the API.

    Args:
        place: Where everything is.
        facts: Values.
        site: Folder of the site.
    """
    folder, store = site / "api" / VERSION, facts.store
    answers = [facts.answer(str(key)) for key in store.recipe_keys()]
    with speaking(ORIGINAL):
        for answer in answers:
            for form, text in exports(answer):
                path = folder / "recipes" / f"{answer.recipe_id}.{form}"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text if text.endswith("\n") else f"{text}\n", encoding="utf-8")
    _write(folder / "recipes.json", _listing("recipes", [_summary(answer) for answer in answers]))
    _write(folder / "gpus.json", _listing("gpus", [_record(gpu_id, store.gpu(gpu_id)) for gpu_id in store.gpu_ids()]))
    models = [_record(model_id, store.model(model_id)) for model_id in store.model_ids()]
    _write(folder / "models.json", _listing("models", models))
    _write(folder / "claims.json", _listing("claims", [_plain(claim) for claim in store.claims()]))
    changes = [asdict(change) for change in read_changes(place.root / "changelog.d")]
    _write(folder / "changes.json", _listing("changes", changes))
    for model_id in store.model_ids():
        path = store.root / "memory" / f"{model_id}.json"
        if path.is_file():
            head = {**_head("memory"), "model": model_id}
            _write(folder / "memory" / path.name, head | json.loads(path.read_text(encoding="utf-8")))
    for name, source in (("cells", cells_folder(place)), ("evidence", store.root / "evidence")):
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("*.md"))
    _write_index(store.root / "schema", folder)


def _write_index(schema_folder: Path, folder: Path) -> None:
    """Write the list of all resources, and the schemas: of what is served, and of the files of the knowledge base."""
    with speaking(ORIGINAL):
        listed = [{**asdict(resource), "schema": resource.schema} for resource in resources()]
    _write(folder / "index.json", {**_head("index"), "total": len(listed), "resources": listed})
    shutil.copytree(schema_folder, folder / "schema")
    for name, schema in schemas(schema_folder):
        _write(folder / "schema" / f"kb-{name}-1.schema.json", schema)


def _summary(answer: Answer) -> dict[str, Any]:
    """Return what a list of recipes holds of each."""
    whole = answer.to_json(ORIGINAL)
    kept = ("id", "gpu", "model", "tasks", "max_length", "method", "goal", "origin", "status", "effective_batch_size")
    batch = {
        name: whole["settings"][name]
        for name in (
            "per_device_train_batch_size",
            "gradient_accumulation_steps",
            "learning_rate",
            "precision",
            "optim",
        )
    }
    memory = {name: whole["memory"][name] for name in ("peak_reserved_bytes", "limit_bytes", "fits")}
    return {
        **{name: whole[name] for name in kept},
        "settings": batch,
        "memory": memory,
        "address": f"recipes/{answer.recipe_id}.json",
    }


def _listing(name: str, rows: list[Any]) -> dict[str, Any]:
    return {**_head(name), "total": len(rows), name: rows}


def _head(name: str) -> dict[str, Any]:
    return {"schema": f"kb-{name}/1", "schema_version": 1}


def _record(record_id: str, record: Any) -> dict[str, Any]:
    return {"id": record_id, **_plain(record)}


def _plain(value: Any) -> Any:
    """Return a record as plain data; texts in both languages."""
    if isinstance(value, Text):
        return {"en": value.en, "vi": value.vi}
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(part) for name, part in vars(value).items()}
    return value


def _write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
