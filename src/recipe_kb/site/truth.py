"""Every value that a page shows, compared with the knowledge base again: another reading than the one that wrote it.

The files are read as plain YAML and JSON here, and the words that a reader sees are read back to a number.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import yaml

from recipe_kb.errors import KbError, Problem
from recipe_kb.i18n import _
from recipe_kb.site.constants import CONSTANTS
from recipe_kb.site.facts import Facts, NoSuchFactError
from recipe_kb.site.place import Place
from recipe_kb.store.store import Store
from recipe_kb.store.yaml_file import KbLoader

_FOLDERS = {"recipe": "recipes", "gpu": "gpus", "model": "models", "rule": "rules"}
_SAME = 1e-9
_BINARY = {"_mib": 2**20, "_bytes": 1, "_gb": 10**9}
_SIGNS: dict[str, dict[int, str | None]] = {"en": {ord(","): None}, "vi": {ord("."): None, ord(","): "."}}
_WORDS = {"en": {"True": "yes", "False": "no"}, "vi": {"True": "có", "False": "không"}}


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One marked value of a page."""

    value: str
    source: str
    form: str
    words: str


class _Marks(HTMLParser):
    """Collects the `data` elements of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Shown] = []
        self._open: dict[str, str | None] | None = None
        self._words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "data":
            self._open, self._words = dict(attrs), []

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self._words.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "data" and self._open is not None:
            value, source, form = (self._open.get(name) or "" for name in ("value", "data-src", "data-as"))
            self.found.append(Shown(value=value, source=source, form=form, words="".join(self._words).strip()))
            self._open = None


@dataclass(frozen=True)
class Reading:
    """The knowledge base read once more, without its records; and, where they are, figures of benchmarks."""

    root: Path
    figures: Path | None = None
    _files: dict[str, Any] = field(default_factory=dict, init=False, repr=False)
    _facts: list[Facts] = field(default_factory=list, init=False, repr=False)

    def value(self, source: str) -> Any:
        """Return what a source says now.

        Raises:
            LookupError: It says nothing.
        """
        kind, _colon, rest = source.partition(":")
        record_id, _hash, path = rest.partition("#")
        if kind == "predicted":
            return self._predictor.find(kind, record_id, path)
        value: Any = self._record(kind, record_id)
        if kind == "model" and path == "parameters.trained":
            counts = value["parameters"]
            return counts.get("causal_lm") or counts.get("image_text_to_text") or counts["base"]
        for part in path.split("."):
            value = value[int(part)] if isinstance(value, list) else value[part]
        return value

    @property
    def _predictor(self) -> Facts:
        if not self._facts:
            self._facts.append(Facts(Store(self.root)))
        return self._facts[0]

    def _record(self, kind: str, record_id: str) -> Any:
        if kind == "claim":
            claims = self._file(f"claims/{record_id[:3]}.yaml")["claims"]
            return next((claim for claim in claims if claim["id"] == record_id), None)
        if kind == "evidence":
            return self._file(f"evidence/{record_id}.json")
        if kind == "constant":
            return CONSTANTS[record_id]
        if kind == "figure" and self.figures is not None:
            return self._file(f"{record_id}.json", self.figures)
        return self._file(f"{_FOLDERS[kind]}/{record_id}.yaml")

    def _file(self, relative: str, folder: Path | None = None) -> Any:
        if relative not in self._files:
            path = (folder or self.root) / relative
            try:
                text = path.read_text(encoding="utf-8")
            except OSError as error:
                raise LookupError(relative) from error
            is_json = path.suffix == ".json"
            self._files[relative] = json.loads(text) if is_json else yaml.load(text, Loader=KbLoader)  # noqa: S506
        return self._files[relative]


def truth_problems(place: Place, site: Path, languages: Iterator[str]) -> tuple[int, list[Problem]]:
    """Compare every marked value of a site.

    Returns:
        How many values were compared, and what is wrong with them.
    """
    reading, count, problems = Reading(place.store.root, place.figures), 0, []
    for language in languages:
        for path in sorted((site / language).rglob("*.html")):
            for mark in marks(path.read_text(encoding="utf-8")):
                count += 1
                why = fault(mark, reading, language)
                if why:
                    where = path.relative_to(site).as_posix()
                    what = _("{source}: {why}").format(source=mark.source, why=why)
                    problems.append(Problem(code="KB410", what=what, where=where, next_command="kb site build"))
    return count, problems


def marks(html: str) -> list[Shown]:
    """Return the marked values of a page."""
    if "data-src" not in html:
        return []
    parser = _Marks()
    parser.feed(html)
    return parser.found


def fault(mark: Shown, reading: Reading, language: str) -> str | None:
    """Say what is wrong with a marked value; None if nothing is."""
    try:
        value = reading.value(mark.source)
    except (LookupError, TypeError, ValueError, KbError, NoSuchFactError):
        return _("is not in the knowledge base")
    if isinstance(value, dict) and set(value) == {"en", "vi"}:
        value = value[language]
    if not _same(mark.value, value):
        return _("the page has {shown}, the knowledge base {value}").format(shown=mark.value, value=value)
    if not _reads_as(mark, value, language):
        return _("the page says {words!r} for {value}").format(words=mark.words, value=value)
    return None


def _same(shown: str, value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return " ".join(shown.split()).lower() == " ".join(str(value).split()).lower()
    number = _number(shown)
    return number is not None and abs(number - value) <= _SAME * max(1e-12, abs(value))


def _reads_as(mark: Shown, value: Any, language: str) -> bool:
    """Say whether the words mean the value, to the last digit that they have."""
    form, _colon, _digits = mark.form.partition(":")
    if isinstance(value, bool):
        said = str(value).lower() if form == "code" else _WORDS[language][str(value)]
        return mark.words.lower() == said
    if not isinstance(value, int | float):
        return " ".join(mark.words.split()) == " ".join(str(value).split())
    words = re.sub(r"[^\d.,e+-]", "", mark.words.replace("million", ""))
    if form not in {"code", "scientific"} and "e" not in words:
        words = words.translate(_SIGNS[language])
    number = _number(words)
    if number is None:
        return False
    wanted = _SCALES[form](value, mark.source) if form in _SCALES else float(value)
    decimals = len(words.partition("e")[0].partition(".")[2])
    exponent = int(words.partition("e")[2] or 0)
    half = 0.5 * 10.0 ** (exponent - decimals)
    exact = form in {"code", "plain", "scientific"}
    return abs(number - wanted) <= (_SAME * max(abs(wanted), 1e-12) if exact else half * (1 + 1e-6))


def _bytes(value: float, source: str) -> float:
    name = [part for part in source.partition("#")[2].split(".") if not part.isdecimal()][-1]
    return value * next((size for ending, size in _BINARY.items() if name.endswith(ending)), 1)


_SCALES: dict[str, Callable[[float, str], float]] = {
    "gib": lambda value, source: _bytes(value, source) / 2**30,
    "millions": lambda value, _source: value / 1e6,
    "percent": lambda value, _source: value * 100,
}
"""Form -> the number that the words should show."""


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
