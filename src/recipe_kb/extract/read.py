"""A file of any kind -> the configurations in it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from recipe_kb.errors import BadInputError, Problem
from recipe_kb.extract.cards import card_in_question
from recipe_kb.extract.decode import Decoded, decode, read_bytes
from recipe_kb.extract.found import Entry, NotThisKindError, Parsed, Part
from recipe_kb.extract.kind import DOCUMENTS, is_document, kind_of, kind_of_content, limit_of
from recipe_kb.extract.known import known
from recipe_kb.extract.masked import without_secrets
from recipe_kb.extract.parse import parse
from recipe_kb.extract.parts import MAX_PARTS, of_markdown, of_notebook, of_whole, sides, without_prompts
from recipe_kb.extract.place import Place
from recipe_kb.extract.segments import Segment, label_of, segments
from recipe_kb.extract.worth import is_configuration, quantized, settled, worth_keeping
from recipe_kb.i18n import _
from recipe_kb.schema.configuration import Configuration, Written
from recipe_kb.store.store import Store

_PAIR = re.compile(r"([A-Za-z_]\w*)\s*=\s*([\w.+\-%]+)")


@dataclass(frozen=True, kw_only=True)
class Extracted:
    """What one file holds.

    Attributes:
        configurations: In the order in which they stand there.
        warnings: What was repaired or left out, in the active language.
    """

    configurations: tuple[Configuration, ...]
    warnings: tuple[Problem, ...]


def content_of(path: Path, name: str) -> bytes:
    """Read a file, whose name decides how large it may be.

    Raises:
        BadInputError: It cannot be read (KB434), or is too large (KB430).
    """
    return read_bytes(path, name, limit_of(kind_of(name)))


def configurations_in(source: Path | str | bytes, name: str, store: Store) -> Extracted:
    """Find the training configurations in a file.

    Args:
        source: A file to read, or its content.
        name: As the user named it; its end says what kind it is, else the content does.
        store: Knows spellings, GPUs and models.

    Returns:
        What was found; nothing found is no error.

    Raises:
        BadInputError: It cannot be read (KB430, KB431, KB434 to KB436).
    """
    kind = kind_of(name)
    if isinstance(source, Path):
        source = content_of(source, name)
    kind = kind or kind_of_content(source)
    decoded = decode(source, name, limit_of(kind))
    if not kind and is_document(list(decoded.lines)):
        kind = "markdown"
    return _File(name, decoded, store).read(kind)


class _File:
    """One file while it is read."""

    def __init__(self, name: str, decoded: Decoded, store: Store) -> None:
        self.name, self.decoded = name, decoded
        self.known = known(store)
        self.warnings = list(decoded.warnings)
        self._about: Mapping[str, Any] | None = None

    def read(self, kind: str) -> Extracted:
        lines = self.decoded.lines
        if kind == "markdown":
            parts, _said = of_markdown(lines, range(1, len(lines) + 1), self.known.names)
        elif kind == "notebook":
            try:
                parts = of_notebook(lines, self.known.names)
            except NotThisKindError as error:
                raise BadInputError(self._problem("KB435", error)) from error
        else:
            parts = of_whole(kind, lines)
        if len(parts) > MAX_PARTS:
            what = _("only the first {count} blocks and rows of tables were read").format(count=MAX_PARTS)
            self.warnings.append(Problem(code="KB437", what=what, where=self.name))
        found = [one for part in parts[:MAX_PARTS] for one in self._of_part(part, alone=kind not in DOCUMENTS)]
        found.sort(key=lambda one: one.lines)
        return Extracted(configurations=tuple(found), warnings=tuple(self.warnings))

    def _of_part(self, part: Part, *, alone: bool) -> Iterator[Configuration]:
        if part.kind == "diff":
            for side in sides(part):
                yield from self._of_part(side, alone=alone)
            return
        part = without_prompts(part)
        outcome = parse(part, self.known.names, alone=alone)
        if outcome.failed is not None:
            problem = self._problem("KB436", outcome.failed, part)
            if alone:
                raise BadInputError(problem)
            self.warnings.append(problem)
        if outcome.parsed is None:
            return
        parsed, kind = outcome.parsed, outcome.kind
        blank = {number for number, line in enumerate(part.text.split("\n"), start=1) if not line.strip()}
        kept = worth_keeping(outcome.found, flat=kind in {"yaml", "toml"})
        found = segments(kept, parsed.comments, blank, parsed.breaks)
        useful = [segment for segment in found if is_configuration(segment, kind, alone=alone)]
        of_title = self._of_title(part) if len(useful) == 1 else []
        dialect = self.known.names.dialect(one.entry for one in outcome.found)
        for number, segment in enumerate(useful, start=1):
            found_here = self._configuration(part, kind, segment, parsed, of_title, number if len(useful) > 1 else 0)
            yield replace(found_here, dialect=dialect)

    def _of_title(self, part: Part) -> list[Written]:
        """Return what the line above a block says: `**Default (batch_size=4, grad_accum=4):**`."""
        if part.title_line is None or "=" not in part.title:
            return []
        entries = []
        for match in _PAIR.finditer(self.decoded.lines[part.title_line - 1]):
            start, end = match.span(2)
            name = match[1]
            entries.append(Entry(path=name, written=name, text=match[2], line=part.title_line, start=start, end=end))
        return [one.written for one in self.known.names.understand(entries) if one.written]

    def _configuration(
        self, part: Part, kind: str, segment: Segment, parsed: Parsed, of_title: list[Written], number: int
    ) -> Configuration:
        place = Place(part, self.decoded)
        written = [
            (place.moved(one.written, parsed.comments, one.entry.head), one.flag)
            for one in segment.found
            if one.written
        ]
        missed = [replace(one.missed, line=place.line(one.missed.line)) for one in segment.found if one.missed]
        settings = quantized(settled([one for one, _flag in written], [flag for _one, flag in written]))
        given = {one.name for one in settings}
        settings = [*(one for one in of_title if one.name not in given), *settings]
        lines = [*(one.line for one in settings), *(one.line for one in missed)]
        first, last = min(lines), max(lines)
        if part.span and not number:
            first, last = min(first, part.span[0]), max(last, part.span[1])
        said = [(place.line(line), words) for line, words in segment.said]
        levels = [said, *part.around]
        found = Configuration(
            file=self.name,
            lines=(first, last),
            kind=kind,
            label=_label(part, segment, number),
            context=self.known.prose.context(levels, self._document(), settings),
            settings=tuple(settings),
            not_understood=tuple(missed),
        )
        question = card_in_question(found)
        if question is not None and question not in self.warnings:
            self.warnings.append(question)
        return without_secrets(found)

    def _document(self) -> Mapping[str, Any]:
        """Return what the whole file, or else its name, says that it is about; looked up once."""
        if self._about is None:
            prose = self.known.prose
            of_name = prose.of_document([(1, re.sub(r"[_\-.]+", " ", Path(self.name).stem))])
            of_text = prose.of_document(list(enumerate(self.decoded.lines, start=1)))
            self._about = {name: found or of_name[name] for name, found in of_text.items()}
        return self._about

    def _problem(self, code: str, error: NotThisKindError, part: Part | None = None) -> Problem:
        line, column = error.line, error.column
        if line is not None and part is not None and part.lines:
            position = max(0, min(line, len(part.lines)) - 1)
            line, offset = part.lines[position], part.columns[position]
            column = column + offset if column is not None and offset is not None else None
        place = [self.name, *([str(line)] if line else []), *([str(column + 1)] if line and column is not None else [])]
        return Problem(code=code, what=error.why, where=":".join(place))


def _label(part: Part, segment: Segment, number: int) -> str:
    """Name a configuration: by the comment that heads it where there are several, else by the words before the part."""
    label = label_of(part.title)
    if segment.label and (number or not label):
        return segment.label
    if number:
        return f"{label} ({number})" if label else str(number)
    return label
