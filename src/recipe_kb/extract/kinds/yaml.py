"""YAML, by its events: positions come with them, and nothing is ever built from a tag.

Merges (`<<`) and aliases are followed as far as a budget goes, so that a small file cannot grow without end.
Keys that occur twice are kept: in a guide the first is `before`, the second `after`.
"""

from collections.abc import Iterator
from typing import Any

import yaml

from recipe_kb.extract.broken import yaml_fault
from recipe_kb.extract.found import MAX_VALUES, Entry, NotThisKindError, Parsed, comment_behind, comment_lines
from recipe_kb.i18n import _

MAX_DEPTH = 50
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_OBJECT = ("tag:yaml.org,2002:python/", "!python/", "!!python/")


def read(text: str) -> Parsed:
    """Return every value of every document.

    Raises:
        NotThisKindError: It is no YAML, too deep, grows without end, or asks for objects.
    """
    lines = text.split("\n")
    reader = _Reader(lines)
    try:
        for event in yaml.parse(text, Loader=_Loader):
            reader.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = min(mark.line + 1, len(lines)) if mark else None
        column = mark.column if mark and mark.line < len(lines) else None
        raise NotThisKindError(_why(error, lines, line), line, column) from error
    except (yaml.YAMLError, ValueError) as error:
        raise NotThisKindError(yaml_fault(str(error).splitlines()[0])) from error
    return Parsed(entries=reader.entries, comments=comment_lines(lines), breaks=reader.breaks)


def _why(error: yaml.MarkedYAMLError, lines: list[str], line: int | None) -> str:
    if line is not None and lines[line - 1][: len(lines[line - 1]) - len(lines[line - 1].lstrip())].count("\t"):
        return yaml_fault("tab")
    return yaml_fault(error.problem or error.context or "")


class _Level:
    """A mapping or a list that is open."""

    __slots__ = ("anchor", "begin", "index", "is_list", "items", "key", "path", "start")

    def __init__(self, path: str, anchor: str | None, begin: int, start: Any, *, is_list: bool) -> None:
        self.path, self.is_list, self.anchor, self.begin, self.start = path, is_list, anchor, begin, start
        self.key: str | None = None
        self.index = 0
        self.items: list[Entry] | None = [] if is_list else None


class _Reader:
    """Follows the events of a stream and notes values with their paths."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.entries: list[Entry] = []
        self.breaks: list[int] = []
        self._open: list[_Level] = []
        self._kept: dict[str, list[tuple[str, Entry]]] = {}
        self._budget = MAX_VALUES

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._refuse_objects(event)
            self._scalar(event)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            self._refuse_objects(event)
            self._begin(event)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self._end(event)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._kept = {}
            self.breaks.append(event.start_mark.line + 1)  # type: ignore[union-attr]

    def _refuse_objects(self, event: Any) -> None:
        if event.tag and event.tag.startswith(_OBJECT):
            why = _("asks for a Python object ({tag}); such YAML can run programs and is not read")
            raise NotThisKindError(why.format(tag=event.tag[:60]), event.start_mark.line + 1, fatal=True)

    def _spend(self, count: int, line: int) -> None:
        self._budget -= count
        if self._budget < 0:
            why = _("holds or grows by its aliases to more than {count} values").format(count=MAX_VALUES)
            raise NotThisKindError(why, line, fatal=True)

    def _path(self) -> str:
        """Return where the next value stands; it uses up the key."""
        if not self._open:
            return ""
        top = self._open[-1]
        if top.is_list:
            top.index += 1
            return f"{top.path}.{top.index - 1}" if top.path else str(top.index - 1)
        name, top.key = top.key or "", None
        return f"{top.path}.{name}" if top.path and name != "<<" else (top.path if name == "<<" else name)

    def _begin(self, event: Any) -> None:
        line = event.start_mark.line + 1
        if len(self._open) >= MAX_DEPTH:
            raise NotThisKindError(_("is nested too deeply"), line, fatal=True)
        if self._open and not self._open[-1].is_list and self._open[-1].key is None:
            self._open[-1].key = "?"  # a key that is no word
        is_list = isinstance(event, yaml.SequenceStartEvent)
        level = _Level(self._path(), event.anchor, len(self.entries), event.start_mark, is_list=is_list)
        self._open.append(level)

    def _end(self, event: Any) -> None:
        level = self._open.pop()
        if level.items:
            start, end = level.start, event.end_mark
            text = ", ".join(item.text for item in level.items)
            name = level.path or "-"
            self._add(
                Entry(
                    path=name,
                    written=name,
                    text=text,
                    line=start.line + 1,
                    items=level.items,
                    holder=self._holder(name),
                )
            )
            if start.line == end.line:
                self.entries[-1].comment = comment_behind(self.lines[end.line][end.column :])
        if level.anchor:
            length = len(level.path) + 1 if level.path else 0
            self._kept[level.anchor] = [(entry.path[length:], entry) for entry in self.entries[level.begin :]]

    def _holder(self, path: str) -> str | None:
        return path.rpartition(".")[0] or None

    def _add(self, entry: Entry) -> None:
        self._spend(1, entry.line)
        self.entries.append(entry)

    def _scalar(self, event: Any) -> None:
        top = self._open[-1] if self._open else None
        if top is not None and not top.is_list and top.key is None:
            top.key = event.value[:200] or "?"
            return
        path = self._path()
        start, end = event.start_mark, event.end_mark
        line = self.lines[start.line] if start.line < len(self.lines) else ""
        entry = Entry(path=path, written=path, text=event.value, line=start.line + 1, holder=self._holder(path))
        if start.line == end.line and event.style not in {"|", ">"}:
            quoted = int(event.style in {'"', "'"})
            if line[start.column + quoted : end.column - quoted] == event.value:
                entry.start, entry.end = start.column + quoted, end.column - quoted
            entry.comment = comment_behind(line[end.column :])
        if event.anchor:
            self._kept[event.anchor] = [("", entry)]
        if top is not None and top.items is not None:
            top.items.append(entry)
            self._spend(1, entry.line)
        else:
            self._add(entry)

    def _alias(self, event: Any) -> None:
        top = self._open[-1] if self._open else None
        if top is not None and not top.is_list and top.key is None:
            top.key = "?"
            return
        path, line = self._path(), event.start_mark.line + 1
        kept = self._kept.get(event.anchor, [])
        self._spend(len(kept) + 1, line)
        for copied in _moved(kept, path):
            copied.holder = self._holder(copied.path)
            self.entries.append(copied)


def _moved(kept: list[tuple[str, Entry]], path: str) -> Iterator[Entry]:
    """Return the values of an anchor under another path; their own place stays where they are written."""
    for below, entry in kept:
        full = f"{path}.{below}" if path and below else path or below
        yield Entry(
            path=full,
            written=full,
            text=entry.text,
            line=entry.line,
            start=entry.start,
            end=entry.end,
            comment=entry.comment,
            items=entry.items,
        )
