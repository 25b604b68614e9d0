"""What is written there -> settings in our names; the facts are in kb/spellings.yaml."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from recipe_kb.extract.found import Entry
from recipe_kb.extract.values import FALSE, TRUE, Unclear, plain, read_value
from recipe_kb.i18n import _
from recipe_kb.schema.configuration import NotUnderstood, Written
from recipe_kb.schema.spelling import Spelling, SpellingFile, ValueKind

_MAX_SHOWN = 120
_PREFIXES = ("dummy_", "config_", "cfg_", "args_", "hp_", "default_", "arg_")
_ENDINGS = (".value", ".default")
"""Folders of a value in files that describe settings, as those of Weights & Biases."""
_SWITCHES = {**dict.fromkeys(TRUE, "true"), **dict.fromkeys(FALSE, "false")}
_DECIDED_ELSEWHERE = frozenset({"auto", "none", "null", "~", "default", "", "..."})


@dataclass(frozen=True, kw_only=True, slots=True)
class Meaning:
    """What one name may mean."""

    name: str
    kind: ValueKind | None
    spelling: Spelling | None
    weak: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Understood:
    """An entry with what it means.

    Attributes:
        entry: As it was found.
        written: The setting; None where it is none that we know, or has no value that we know.
        missed: Why there is no setting; None where there is one.
        name: Our name of it, where we know it.
        weak: It makes no configuration alone.
        flag: It is one of several switches for one setting, or is off: `fp16`, `bf16`, `load_in_8bit: false`.
    """

    entry: Entry
    written: Written | None
    missed: NotUnderstood | None
    name: str | None
    weak: bool
    flag: str | None = None


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
        understood: list[Understood] = []
        for entry in entries:
            if entry.items:
                understood += self._of_list(entry, dialect)
            else:
                understood.append(self._one(entry, self.meaning(entry, dialect)))
        return understood

    def _of_list(self, entry: Entry, dialect: str | None) -> list[Understood]:
        items = [(item, self.meaning(item, dialect)) for item in entry.items]
        if any(meaning for _item, meaning in items):
            return [self._one(item, meaning) for item, meaning in items if meaning]
        meaning = self.meaning(entry, dialect)
        if meaning is None or meaning.kind is not None:
            why = _("a list of several values") if meaning else _("no setting that is known here")
            return [_missed(entry, meaning, why)]
        return [self._one(entry, meaning)]

    def _one(self, entry: Entry, meaning: Meaning | None) -> Understood:
        if meaning is None:
            return _missed(entry, None, _("no setting that is known here"))
        if entry.computed:
            return _missed(entry, meaning, _("its value is computed when the program runs"))
        chosen = self._listed(entry, meaning)
        if chosen is not None:
            return chosen
        if meaning.kind is None:
            return _understood(entry, meaning, _natural(entry.text), entry.start, entry.end, entry.comment)
        try:
            value, first, last, behind = read_value(entry.text, meaning.kind)
        except Unclear:
            return _missed(entry, meaning, _decided_elsewhere(entry.text) or _("no value of the kind that it takes"))
        start = end = None
        if entry.start is not None and entry.end is not None and entry.end - entry.start == len(entry.text):
            start, end = entry.start + first, entry.start + last
        comment = " ".join(part for part in (behind.lstrip("←<-→>—#/ "), entry.comment) if part) or None
        return _understood(replace_text(entry, entry.text[first:last]), meaning, value, start, end, comment)

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
                return _understood(entry, meaning, value, entry.start, entry.end, entry.comment)
            if meaning.spelling.closed and lowered in FALSE:
                return replace(_missed(entry, meaning, _("it is off")), flag=meaning.name)
            if meaning.spelling.closed:
                return _missed(entry, meaning, _decided_elsewhere(entry.text) or _("a value that is not known here"))
        return None


def replace_text(entry: Entry, text: str) -> Entry:
    """Return the entry with only the part of its text that is the value."""
    if text == entry.text:
        return entry
    return replace(entry, text=text)


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


def _understood(
    entry: Entry, meaning: Meaning, value: Any, start: int | None, end: int | None, comment: str | None
) -> Understood:
    name, flag = meaning.name, None
    if isinstance(value, str) and meaning.kind not in {None, "text"}:
        value = _natural(value)
    if meaning.name == "precision" and fold(entry.path.removesuffix(".enabled").rpartition(".")[2]) in {"fp16", "bf16"}:
        flag = fold(entry.path.removesuffix(".enabled").rpartition(".")[2])
    if name == "warmup_steps":
        if isinstance(value, float) and value != int(value) and not 0 <= value < 1:
            return _missed(entry, meaning, _("no value of the kind that it takes"))
        name, value = ("warmup_ratio", value) if isinstance(value, float) and 0 < value < 1 else (name, int(value))
    if name == "num_train_epochs" and isinstance(value, float) and value == int(value):
        value = int(value)
    if name in _FLOATS and isinstance(value, int):
        value = float(value)
    written = Written(
        name=name,
        value=value,
        written_name=entry.written,
        written_value=entry.text[:_MAX_SHOWN],
        line=entry.line,
        start=start,
        end=end,
        comment=comment,
    )
    return Understood(entry=entry, written=written, missed=None, name=name, weak=meaning.weak, flag=flag)


_FLOATS = frozenset(
    {
        "learning_rate",
        "warmup_ratio",
        "weight_decay",
        "adam_beta1",
        "adam_beta2",
        "adam_epsilon",
        "max_grad_norm",
        "lora_dropout",
    }
)
"""Fractions in `schema.recipe.Settings`; `0` and `1` are written for them too."""


def _missed(entry: Entry, meaning: Meaning | None, why: str) -> Understood:
    shown = entry.text if len(entry.text) <= _MAX_SHOWN else entry.text[: _MAX_SHOWN - 1] + "…"
    missed = NotUnderstood(name=entry.written[:_MAX_SHOWN], text=shown, line=entry.line, why=why)
    name = meaning.name if meaning else None
    return Understood(entry=entry, written=None, missed=missed, name=name, weak=meaning.weak if meaning else True)


def _decided_elsewhere(text: str) -> str | None:
    if text.strip().lower() in _DECIDED_ELSEWHERE:
        return _("it leaves the value to something else")
    return None


def _natural(text: str) -> Any:
    """Read a value whose kind nobody says: true and false, numbers, else words."""
    lowered = text.strip().lower()
    if lowered in {"true", "false"}:
        return lowered == "true"
    if lowered in {"none", "null", "~"}:
        return None
    if re.fullmatch(r"[-+]?\d{1,18}", lowered):
        return int(lowered)
    if re.fullmatch(r"[-+]?(\d{1,30}\.?\d{0,30}|\.\d{1,30})(e[-+]?\d{1,3})?", lowered):
        return float(lowered)
    return text.strip()
