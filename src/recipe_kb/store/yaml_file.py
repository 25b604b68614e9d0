"""One YAML file -> one record; on any fault, every problem with its line.

The fast path constructs and validates.
Only when something is wrong is the file composed again, as nodes that know their lines.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml

from recipe_kb.errors import BadInputError, Problem
from recipe_kb.i18n import _
from recipe_kb.store.strict import OddError, accept

RecordType = TypeVar("RecordType")
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _DuplicateKeyError(yaml.YAMLError):
    pass


class KbLoader(_Loader):  # type: ignore[misc, valid-type]
    """Safe loader that refuses duplicate keys and reads `3e-5` as a number, as YAML 1.2 does."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Build a dict; a key that occurs twice is an error."""
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        if len(mapping) != len(node.value):
            raise _DuplicateKeyError
        return mapping


KbLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9]+(?:\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def read_record(path: Path, record_type: type[RecordType], shown: str) -> RecordType:
    """Read and validate one file.

    Args:
        path: The file.
        record_type: The pydantic class it must fit.
        shown: The path as problems print it, for example `kb/gpus/t4.yaml`.

    Raises:
        BadInputError: With every problem of the file, each at its line.
    """
    try:
        content = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInputError(_problem("KB100", _("is not UTF-8 text"), f"{shown}:{_line_of(path, error)}")) from error
    except OSError as error:
        raise BadInputError(_problem("KB100", _("cannot be read: {why}").format(why=error.strerror), shown)) from error
    try:
        _refuse_aliases(content)
        data = yaml.load(content, Loader=KbLoader)  # noqa: S506 - KbLoader is a SafeLoader
    except (yaml.YAMLError, RecursionError) as error:
        raise BadInputError(*_problems(content, error, shown)) from error
    try:
        accepted: RecordType = accept(record_type, data)
    except OddError:
        return _judge(content, data, record_type, shown)
    return accepted


def _refuse_aliases(content: str) -> None:
    """Refuse `*name`: no file needs it, and it can make a small file endless."""
    if "&" not in content or "*" not in content:
        return
    for event in yaml.parse(content, Loader=KbLoader):
        if isinstance(event, yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, _("aliases are not allowed here"), event.start_mark)  # type: ignore[arg-type]


def read_item(path: Path, item_id: str, record_type: type[RecordType]) -> RecordType | None:
    """Read one `- id: ...` item of a long list without the rest.

    Returns:
        The record, or None if the item does not stand alone; the caller then reads the whole file.
    """
    start = f"- id: {item_id}\n".encode()
    try:
        before, found, after = path.read_bytes().partition(start)
    except OSError:
        return None
    if not found or (before and not before.endswith(b"\n")):
        return None
    try:
        items = yaml.load(start + after.partition(b"\n- id: ")[0], Loader=KbLoader)  # noqa: S506 - a SafeLoader
        accepted: RecordType = accept(record_type, items[0])
    except (yaml.YAMLError, UnicodeDecodeError, OddError):
        return None
    return accepted


def _judge(content: str, data: Any, record_type: type[RecordType], shown: str) -> RecordType:
    """Let pydantic decide about data that are not plainly right."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(record_type).validate_python(data)
    except ValidationError as error:
        raise BadInputError(*_problems(content, error, shown)) from error


def _problem(code: str, what: str, where: str) -> Problem:
    return Problem(code=code, what=what, where=where, next_command="kb check")


def _line_of(path: Path, error: UnicodeDecodeError) -> int:
    return path.read_bytes()[: error.start].count(b"\n") + 1


def _problems(content: str, error: Exception, shown: str) -> list[Problem]:
    """Name every fault of a file that could not be read, in the order of its lines."""
    if isinstance(error, RecursionError):
        return [_problem("KB100", _("is nested too deeply"), shown)]
    try:
        _refuse_aliases(content)
        root = yaml.compose(content, Loader=KbLoader)
    except yaml.MarkedYAMLError as broken:
        mark = broken.problem_mark or broken.context_mark
        line = mark.line + 1 if mark else 1
        what = _("is not valid YAML: {why}").format(why=broken.problem or broken.context)
        return [_problem("KB100", what, f"{shown}:{line}")]
    except yaml.YAMLError as broken:
        return [_problem("KB100", _("is not valid YAML: {why}").format(why=broken), f"{shown}:1")]
    problems = [
        _problem("KB102", _("key {key!r} occurs twice").format(key=key), f"{shown}:{line}")
        for key, line in _duplicates(root)
    ]
    if hasattr(error, "errors"):
        from recipe_kb.store.messages import WHOLE_RECORD, problem_of

        for detail in error.errors(include_url=False):
            place = (*detail["loc"], *WHOLE_RECORD.get(detail["type"], ()))
            on_key = detail["type"] == "unexpected_keyword_argument"
            line = line_at(root, place, on_key=on_key)
            problems.append(problem_of(detail, f"{shown}:{line}"))
    elif not problems:
        problems.append(_problem("KB100", _("is not valid YAML: {why}").format(why=error), shown))
    return problems


def _duplicates(node: yaml.Node | None) -> Iterator[tuple[str, int]]:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                yield name, key.start_mark.line + 1
            seen.add(name)
            yield from _duplicates(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _duplicates(item)


def line_at(node: yaml.Node | None, loc: Sequence[str | int], *, on_key: bool = False) -> int:
    """Return the 1-based line of a place in a document, or of the nearest parent that exists."""
    line: int = node.start_mark.line + 1 if node else 1
    for depth, step in enumerate(loc):
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(step)), None)
            if found is None:
                continue  # pydantic names union branches in the location; the document does not have them
            key, node = found
            line = key.start_mark.line + 1
            if on_key and depth == len(loc) - 1:
                return line
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
    return line


def line_in(path: Path, loc: Sequence[str | int]) -> int:
    """Return the line of a place in a file that is known to be valid YAML."""
    return line_at(yaml.compose(path.read_text(encoding="utf-8"), Loader=KbLoader), loc)


def yaml_error() -> type[Exception]:
    """Return what is raised for text that is no YAML; only this module imports the library."""
    return yaml.YAMLError


def dump(value: Any) -> str:
    """Write plain data as YAML, keys in their own order, Vietnamese as it is."""
    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=110))
