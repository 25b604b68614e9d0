"""Every JSON file that is served keeps to a schema that is served beside it."""

import json
from collections import Counter

import pytest
from jsonschema import Draft202012Validator

from checkout import ROOT
from recipe_kb.site.api_schemas import schemas
from recipe_kb.site.resources import resources

SCHEMAS = {
    name: Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    for name, schema in schemas(ROOT / "kb" / "schema")
}


def api(built):
    return built.site / "api" / "v1"


def served(built):
    folder = api(built)
    for path in sorted(folder.rglob("*.json")):
        if path.parent.name != "schema":
            yield path.relative_to(folder).as_posix(), json.loads(path.read_text(encoding="utf-8"))


def kind_of(document):
    name, _slash, version = document["schema"].removeprefix("kb-").partition("/")
    assert version == "1"
    return name


def test_every_file_keeps_to_the_schema_that_it_names(built):
    seen = Counter()
    for path, document in served(built):
        kind = kind_of(document)
        seen[kind] += 1
        errors = [
            f"{path}: {list(error.absolute_path)}: {error.message}" for error in SCHEMAS[kind].iter_errors(document)
        ]
        assert not errors
    assert set(seen) == set(SCHEMAS)
    assert seen["recipe"] == len(list((ROOT / "kb" / "recipes").rglob("*.yaml")))
    assert seen["memory"] == len(list((ROOT / "kb" / "memory").glob("*.json")))


def test_schemas_are_served_and_are_schemas(built):
    for kind, kept in SCHEMAS.items():
        schema = json.loads((api(built) / "schema" / f"kb-{kind}-1.schema.json").read_text(encoding="utf-8"))
        Draft202012Validator.check_schema(schema)
        assert schema == kept.schema


def test_every_list_says_its_version(built):
    for path, document in served(built):
        if kind_of(document) not in {"recipe", "evidence"}:  # what the command prints and keeps, unchanged
            assert document["schema_version"] == 1, path


def test_the_index_lists_every_kind_of_file_and_each_is_there(built):
    index = json.loads((api(built) / "index.json").read_text(encoding="utf-8"))
    assert {one["name"] for one in index["resources"]} == set(SCHEMAS)
    for one in index["resources"]:
        assert (api(built) / one["schema"]).is_file()
        wildcard = "/".join("*" if part.isupper() else part for part in one["path"].removesuffix(".json").split("/"))
        assert list(api(built).glob(f"{wildcard}.json")), one["path"]


def test_a_page_of_each_language_and_the_text_for_programs_document_every_kind(built):
    texts = [
        (built.site / language / "json-api" / "index.html").read_text(encoding="utf-8") for language in ("en", "vi")
    ]
    texts.append((built.site / "llms.txt").read_text(encoding="utf-8"))
    for one in resources():
        assert all(one.path in text for text in texts), one.path


def first(built, kind):
    return next(document for _path, document in served(built) if kind_of(document) == kind)


@pytest.mark.parametrize("kind", sorted(SCHEMAS))
def test_a_schema_refuses_what_is_missing_what_is_unknown_and_another_version(built, kind):
    document, schema = first(built, kind), SCHEMAS[kind]
    assert schema.is_valid(document)
    assert not schema.is_valid(document | {"unknown": 1})
    assert not schema.is_valid(document | {"schema": f"kb-{kind}/2"})
    for name in SCHEMAS[kind].schema["required"]:
        assert not schema.is_valid({key: value for key, value in document.items() if key != name}), name


@pytest.mark.parametrize("kind", ["recipes", "gpus", "models", "claims", "changes", "index"])
def test_a_schema_looks_into_every_row(built, kind):
    document = first(built, kind)
    rows = "resources" if kind == "index" else kind
    for name in document[rows][-1]:
        broken = json.loads(json.dumps(document))
        broken[rows][-1][name] = [[{}]]  # no value has this form
        assert not SCHEMAS[kind].is_valid(broken), name
