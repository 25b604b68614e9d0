"""A copy of the knowledge base in which every text that people write is hostile, as files, and still a valid one."""

import dataclasses
import json
import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from small_copy import small_copy

from recipe_kb.schema.base import Limits, Slug, Text
from recipe_kb.schema.claim import ClaimFile, GuideFile
from recipe_kb.schema.cuda import Cuda
from recipe_kb.schema.gpu import Gpu
from recipe_kb.schema.model import Model
from recipe_kb.schema.recipe import Recipe
from recipe_kb.schema.rule import Glossary, RemedyFile, Rule, SourceFile
from recipe_kb.store.store import Store
from recipe_kb.store.yaml_file import dump, read_record

KINDS = {
    "cuda.yaml": Cuda,
    "glossary.yaml": Glossary,
    "gpus/*.yaml": Gpu,
    "guides.yaml": GuideFile,
    "models/*.yaml": Model,
    "recipes/*/*/*.yaml": Recipe,
    "remedies.yaml": RemedyFile,
    "rules/*.yaml": Rule,
    "sources.yaml": SourceFile,
    "claims/*.yaml": ClaimFile,
}
"""Every kind of YAML file whose records get onto pages."""
REFERENCES = {"claim", "conflicts_with", "evidence", "instead", "setting", "model_type"}
"""Names of fields that refer to other records or to arguments; another word there is a finding of `kb check`."""


def hostile_copy(folder, words):
    """Write a small knowledge base below a folder; return its path and how many texts were made hostile."""
    root, count = small_copy(folder), 0
    for pattern, kind in KINDS.items():
        for path in sorted(root.glob(pattern)):
            record = read_record(path, kind, str(path))
            changed, texts = _hostile(kind, record, words, "")
            count += texts
            path.write_text(dump(_plain(changed)), encoding="utf-8")
    for path in (root / "evidence").rglob("*.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps(record | {"gpu_name": words, "reason": words}), encoding="utf-8")
        count += 2
    return root, count


def _hostile(hint, value, words, name):
    """Return a value with every free text replaced, and how many there were."""
    origin = get_origin(hint)
    if value is None or origin is Literal or hint == Slug or name in REFERENCES:
        return value, 0
    if isinstance(value, Text):
        return Text(en=words, vi=words), 2
    if origin is Annotated:
        inner, *limits = get_args(hint)
        if inner is str:
            fits = all(limit.hold(words) for limit in limits if isinstance(limit, Limits))
            return (words, 1) if fits else (value, 0)
        return _hostile(inner, value, words, name)
    if origin in {Union, types.UnionType}:
        inner = [part for part in get_args(hint) if part is not type(None)]
        return _hostile(inner[0], value, words, name) if len(inner) == 1 else (value, 0)
    if hint is str:
        return words, 1
    if isinstance(value, tuple):
        part = get_args(hint)[0]
        return _joined(tuple, [_hostile(part, one, words, name) for one in value])
    if isinstance(value, dict):
        part = (get_args(hint) or (str, Any))[1]
        found = {key: _hostile(part, one, words, key) for key, one in value.items()}
        return {key: one for key, (one, _count) in found.items()}, sum(count for _one, count in found.values())
    if dataclasses.is_dataclass(value):
        hints = get_type_hints(type(value), include_extras=True)
        found = {field: _hostile(hints[field], one, words, field) for field, one in vars(value).items()}
        changed = {field: one for field, (one, _count) in found.items()}
        return dataclasses.replace(value, **changed), sum(count for _one, count in found.values())
    return value, 0


def _joined(kind, pairs):
    return kind(one for one, _count in pairs), sum(count for _one, count in pairs)


def _plain(value):
    if dataclasses.is_dataclass(value):
        return {name: _plain(part) for name, part in vars(value).items() if part is not None or name in _NULLABLE}
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, tuple | list) else value


_NULLABLE = {
    "gpu", "model", "max_length", "tasks", "dataset", "tf32", "fp16", "bf16", "fp8", "task_mixing", "cublaslt",
    "dataloader_prefetch_factor",
}  # fmt: skip
"""Fields without a default that may be null."""


def checked(root):
    """Return the store of a copy; every record of it can be read."""
    store = Store(root)
    for pattern, kind in KINDS.items():
        for path in root.glob(pattern):
            read_record(path, kind, str(path))
    return store
