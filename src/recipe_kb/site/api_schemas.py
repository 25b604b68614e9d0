"""JSON Schemas of what the API serves, made of those of the knowledge base; `schema/kb-NAME-1.schema.json` each."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TEXT, _COUNT, _NUMBER, _FLAG = (
    {"type": "string"},
    {"type": "integer", "minimum": 0},
    {"type": "number"},
    {"type": "boolean"},
)
_ONE_OR_RANGE = {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "array", "items": {"type": "integer"}}]}
_NULL_OR_TEXT = {"type": ["string", "null"]}
Schema = dict[str, Any]


def schemas(folder: Path) -> Iterator[tuple[str, Schema]]:
    """Yield the name of each kind of served file with its schema.

    Args:
        folder: `kb/schema`, the schemas of the files of the knowledge base.
    """
    files = {path.name.partition(".")[0]: _read(path) for path in sorted(folder.glob("*.schema.json"))}
    yield "index", _listing("index", "resources", _object(dict.fromkeys(("name", "path", "schema", "words"), _TEXT)))
    yield "recipes", _listing("recipes", "recipes", _recipe_row(files["recipe"]))
    yield "recipe", _recipe(files["recipe"])
    for kind in ("gpu", "model"):
        yield f"{kind}s", _listing(f"{kind}s", f"{kind}s", *_with_id(files[kind]))
    claims = files["claims"]["$defs"]
    yield "claims", _listing("claims", "claims", claims["Claim"], claims)
    change = {"id": _TEXT, "number": _COUNT, "kind": _TEXT, "lines": _array(_TEXT), "written": _TEXT}
    yield "changes", _listing("changes", "changes", _object(change))
    yield "cells", _cells()
    yield "memory", _memory()
    yield "evidence", files["evidence"]


def _listing(name: str, rows: str, row: Schema, definitions: Mapping[str, Schema] | None = None) -> Schema:
    parts = {"total": _COUNT, rows: _array(row)}
    return _document(name, parts, definitions)


def _document(name: str, parts: Mapping[str, Any], definitions: Mapping[str, Schema] | None = None) -> Schema:
    head = {"schema": {"const": f"kb-{name}/1"}, "schema_version": {"const": 1}}
    return {"$schema": _DRAFT, "title": f"kb-{name}/1", "$defs": dict(definitions or {}), **_object({**head, **parts})}


def _object(parts: Mapping[str, Any], optional: tuple[str, ...] = ()) -> Schema:
    required = [name for name in parts if name not in optional]
    return {"type": "object", "properties": dict(parts), "required": required, "additionalProperties": False}


def _array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _map(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


def _with_id(schema: Schema) -> tuple[Schema, Mapping[str, Schema]]:
    """Return the schema of a record that says its id, and what it refers to."""
    row = {name: value for name, value in schema.items() if not name.startswith("$")}
    row |= {"properties": {"id": _TEXT, **schema["properties"]}, "required": ["id", *schema["required"]]}
    return row, schema["$defs"]


def _cell_of_recipe(recipe: Schema) -> Schema:
    """Return what every form of a recipe says of itself."""
    known = recipe["properties"]
    return {
        **dict.fromkeys(("id", "gpu", "model", "method", "goal"), _TEXT),
        "tasks": _ONE_OR_RANGE,
        "max_length": _COUNT,
        "origin": known["origin"],
        "status": known["status"],
        "effective_batch_size": _COUNT,
    }


def _recipe_row(recipe: Schema) -> Schema:
    batch = dict.fromkeys(("per_device_train_batch_size", "gradient_accumulation_steps"), _COUNT)
    settings = _object({**batch, "learning_rate": _NUMBER, "precision": _TEXT, "optim": _TEXT})
    memory = _object({"peak_reserved_bytes": _COUNT, "limit_bytes": _COUNT, "fits": _FLAG})
    return _object({**_cell_of_recipe(recipe), "settings": settings, "memory": memory, "address": _TEXT})


def _recipe(recipe: Schema) -> Schema:
    """Return the schema of one recipe: what `kb recipe --json` prints."""
    sizes = dict.fromkeys(("peak_reserved_bytes", "limit_bytes", "usable_bytes", "context_bytes"), _COUNT)
    memory = {
        **sizes,
        "interval": _array(_COUNT),
        "status": _TEXT,
        "method": _TEXT,
        "fits": _FLAG,
        "margin": _NUMBER,
        "approximate": _FLAG,
        "breakdown": _map(_COUNT),
        "num_gpus": _COUNT,
        "parallel": _NULL_OR_TEXT,
    }
    parts = {
        "schema": {"const": "kb-recipe/1"},
        **_cell_of_recipe(recipe),
        "num_gpus": _COUNT,
        "parallel": _NULL_OR_TEXT,
        "task_mixing": recipe["properties"]["task_mixing"],
        "settings": {"$ref": "#/$defs/Settings"},
        "memory": _object(memory),
        "provenance": _map(_map(_TEXT)),
        "corrections": _array({"$ref": "#/$defs/Correction"}),
        "assumptions": _array(_TEXT),
        "evidence": _array(_TEXT),
        "ladder": {"$ref": "#/$defs/Ladder"},
        "notes": _array(_TEXT),
        "refuted": _object({"reason": _TEXT, "instead": _array(_TEXT)}),
    }
    schema = _object(parts, optional=("refuted",))
    return {"$schema": _DRAFT, "title": "kb-recipe/1", "$defs": recipe["$defs"], **schema}


def _cells() -> Schema:
    """Return the schema of a model's cells: method, length and GPU lead to a row in the order of `columns`."""
    row = {"anyOf": [{"type": "array"}, {"type": "null"}]}
    parts = {
        **dict.fromkeys(("generated", "model", "goal", "inputs"), _TEXT),
        "tasks": _COUNT,
        "columns": _array(_TEXT),
        "gpus": _map(_TEXT),
        "cells": _map(_map(_map(row))),
    }
    return _document("cells", parts)


def _memory() -> Schema:
    """Return the schema of a model's traced steps; each is JSON, packed by zlib, written in base64."""
    packed = _map({"type": "string", "contentEncoding": "base64"})
    parts = {"model": _TEXT, "generated": _TEXT, "versions": _map(_TEXT), "steps": packed, "updates": packed}
    return _document("memory", {**parts, "not": _map(_TEXT)})


def _read(path: Path) -> Schema:
    schema: Schema = json.loads(path.read_text(encoding="utf-8"))
    return schema
