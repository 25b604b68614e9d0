"""What is written there -> settings in our names; the facts are in kb/spellings.yaml."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from recipe_kb.extract.found import Entry
from recipe_kb.extract.understood import (
    Meaning,
    Understood,
    decided_elsewhere,
    missed_as,
    natural,
    replace_text,
    switch_of,
    understood,
)
from recipe_kb.extract.values import FALSE, TRUE, Unclear, plain, read_value
from recipe_kb.i18n import _
from recipe_kb.schema.spelling import SpellingFile

_PREFIXES = ("dummy_", "config_", "cfg_", "args_", "hp_", "default_", "arg_")
_ENDINGS = (".value", ".default", ".values")
"""Folders of a value in files that describe settings, as those of Weights & Biases."""
_RANGE = frozenset({"min", "max", "low", "high", "lower", "upper"})
_SWITCHES = {**dict.fromkeys(TRUE, "true"), **dict.fromkeys(FALSE, "false")}


def fold(name: str) -> str:
    """Reduce a name to what counts: letters and digits, Vietnamese ones without their marks."""
    if name.isascii():
        return "".join(char for char in name.lower() if char.isalnum())
    from recipe_kb.text import fold as fold_marks

    return "".join(char for char in fold_marks(name) if char.isalnum())


class Names:
    """All spellings, ready to be looked up."""

    def __init__(self, spellings: SpellingFile) -> None:
        self._codes: dict[str, list[Meaning]] = {}
        self._words: dict[str, Meaning] = {}
        self._marks = {fold(mark): name for name, dialect in spellings.dialects.items() for mark in dialect.marks}
        for name, setting in spellings.settings.items():
            own = Meaning(name=name, kind=setting.kind, spelling=None, weak=setting.weak)
            if not any(name in spelling.written for spelling in setting.spellings):
                self._add(name, own)
            for spelling in setting.spellings:
                weak = spelling.weak or setting.weak
                for written in spelling.written:
                    self._add(written, Meaning(name=name, kind=setting.kind, spelling=spelling, weak=weak))
            for words in (*setting.words, name.replace("_", " ")):
                self._words.setdefault(fold(words), own)
        of_any_program = set(spellings.weak_arguments)
        for name in spellings.arguments:
            self._add(name, Meaning(name=name, kind=None, spelling=None, weak=name in of_any_program))
        for change in spellings.changes:
            if fold(change.argument) not in self._codes:
                self._add(change.argument, Meaning(name=change.argument, kind=None, spelling=None, weak=False))

    def _add(self, written: str, meaning: Meaning) -> None:
        key = ".".join(map(fold, written.split(".")))
        self._codes.setdefault(key, []).append(meaning)

    def dialect(self, entries: Iterable[Entry]) -> str | None:
        """Return the trainer whose configuration this is, by the names in it."""
        for entry in entries:
            for part in entry.path.split("."):
                found = self._marks.get(fold(part))
                if found:
                    return found
        return None

    def meaning(self, entry: Entry, dialect: str | None) -> Meaning | None:
        """Return what an entry's name means; the longest path that is spelled out decides."""
        path = entry.path
        for ending in _ENDINGS:
            path = path.removesuffix(ending)
        parts = [fold(part) for part in path.split(".")]
        for start in range(max(0, len(parts) - 3), len(parts)):
            found = self._codes.get(".".join(parts[start:]))
            chosen = _for_dialect(found, dialect) if found else None
            if chosen:
                return chosen
        if entry.of_words:
            return self._of_words(entry.path)
        last = path.rpartition(".")[2].lower()
        for prefix in _PREFIXES:
            if last.startswith(prefix):
                found = self._codes.get(fold(last.removeprefix(prefix)))
                return _for_dialect(found, dialect) if found else None
        return None

    def _of_words(self, words: str) -> Meaning | None:
        """Look up the heading of a table; what stands in brackets is tried without."""
        for form in (words, re.sub(r"[(\[].*?[)\]]", "", words)):
            key = fold(plain(form))
            if key in self._words:
                return self._words[key]
            if key in self._codes:
                return _for_dialect(self._codes[key], None)
        return None

    def understand(self, entries: Sequence[Entry]) -> list[Understood]:
        """Say what each entry means, in their order."""
        dialect = self.dialect(entries)
        found: list[Understood] = []
        for entry in entries:
            if entry.items:
                found += self._of_list(entry, dialect)
            else:
                meaning = self.meaning(entry, dialect)
                found.append(self._one(entry, meaning) if meaning else self._unknown(entry, dialect))
        return found

    def _unknown(self, entry: Entry, dialect: str | None) -> Understood:
        """Say of an end of a range that a search may choose from what it is."""
        outer, _dot, end = entry.path.rpartition(".")
        meaning = self.meaning(replace(entry, path=outer), dialect) if end in _RANGE and outer else None
        if meaning is None:
            return missed_as(entry, None, _("no setting that is known here"))
        return replace(missed_as(entry, meaning, _("the end of a range to choose from")), flag=meaning.name)

    def _of_list(self, entry: Entry, dialect: str | None) -> list[Understood]:
        items = [(item, self.meaning(item, dialect)) for item in entry.items]
        if any(meaning for _item, meaning in items):
            return [self._one(item, meaning) for item, meaning in items if meaning]
        meaning = self.meaning(entry, dialect)
        if meaning is None or meaning.kind is not None:
            why = _("a list of several values") if meaning else _("no setting that is known here")
            return [missed_as(entry, meaning, why)]
        return [self._one(entry, meaning)]

    def _one(self, entry: Entry, meaning: Meaning) -> Understood:
        if entry.computed:
            missed = missed_as(entry, meaning, _("its value is computed when the program runs"))
            return replace(missed, flag=switch_of(entry, meaning))
        chosen = self._listed(entry, meaning)
        if chosen is not None:
            return chosen
        if meaning.kind is None:
            return understood(entry, meaning, natural(entry.text), entry.start, entry.end, entry.comment)
        try:
            value, first, last, behind = read_value(entry.text, meaning.kind)
        except Unclear:
            return missed_as(entry, meaning, decided_elsewhere(entry.text) or _("no value of the kind that it takes"))
        start = end = None
        if entry.start is not None and entry.end is not None and entry.end - entry.start == len(entry.text):
            start, end = entry.start + first, entry.start + last
        comment = " ".join(part for part in (behind.lstrip("←<-→>—#/ "), entry.comment) if part) or None
        return understood(replace_text(entry, entry.text[first:last]), meaning, value, start, end, comment)

    def _listed(self, entry: Entry, meaning: Meaning) -> Understood | None:
        """Look a value up where the spelling lists them; None where it does not decide."""
        if meaning.spelling and meaning.spelling.values:
            mapped = {key.lower(): value for key, value in meaning.spelling.values.items()}
            lowered = entry.text.strip().lower()
            value = mapped.get(lowered, mapped.get(_SWITCHES.get(lowered, "")))
            if value is None and mapped:
                try:
                    core, _start, _end, _behind = read_value(entry.text, "text")
                    value = mapped.get(core.lower().strip("\"'"))
                except Unclear:
                    value = None
            if value is not None:
                return understood(entry, meaning, value, entry.start, entry.end, entry.comment)
            if meaning.spelling.closed and lowered in FALSE:
                return replace(missed_as(entry, meaning, _("it is off")), flag=meaning.name)
            if meaning.spelling.closed:
                return missed_as(entry, meaning, decided_elsewhere(entry.text) or _("a value that is not known here"))
        return None


def _for_dialect(meanings: Sequence[Meaning], dialect: str | None) -> Meaning | None:
    """Prefer what this dialect means; other dialects do not count."""
    everywhere = None
    for meaning in meanings:
        of = meaning.spelling.dialect if meaning.spelling else None
        if of is not None and of == dialect:
            return meaning
        if of is None and everywhere is None:
            everywhere = meaning
    return everywhere
