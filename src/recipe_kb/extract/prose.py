"""What the words around a configuration say that it is for: GPU, model, length, tasks, samples, method, cards.

The nearest words decide. Where they name two cards or two models, nothing is chosen.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recipe_kb.schema.configuration import Context, Written
from recipe_kb.store.names import gpu_spellings, model_spellings
from recipe_kb.store.store import Store
from recipe_kb.text import fold

Line = tuple[int, str]

_TOKEN = re.compile(r"[^\W_]+(?:[.\-/_][^\W_]+)*")
_LONGEST = 6
"""Words of the longest name: `NVIDIA GeForce RTX 2080 Ti 11GB`."""
_LINE_LENGTH = 600
_QLORA_BITS = 4
_DOCUMENT_LINES = 3000

_TASKS = (
    (
        re.compile(
            r"(?:\d+\s*(?:-|–|to|đến)\s*)?(\d{1,2})\s*(?:training |different |ner |nlp )?(?:tasks?"
            r"|datasets?|tác vụ|nhiệm vụ|tập dữ liệu|bộ dữ liệu|bài toán)\b"
        ),
        None,
    ),
    (re.compile(r"\(\s*(?:all|cả)\s+(\d{1,2})\s*\)"), None),
    (re.compile(r"\b(?:tasks?|datasets?|số tác vụ|số task|num_tasks)\s*[=:]\s*(\d{1,2})\b"), None),
    (re.compile(r"\b(?:single[- ]?task|one task|single task|đơn tác vụ|đơn nhiệm|một tác vụ|một task)\b"), 1),
)
_SEVERAL_TASKS = re.compile(r"\b(?:multi[- ]?tasks?|đa tác vụ|đa nhiệm|nhiều tác vụ|nhiều task)\b")
_LENGTH = (
    re.compile(
        r"(?:max(?:imum)?[ _-]*(?:seq(?:uence)?[ _-]*)?(?:len(?:gth)?|tokens)|sequence length"
        r"|seq(?:uence)?[ _]len|context length|độ dài(?: chuỗi| câu)?(?: tối đa)?"
        r"|chiều dài(?: chuỗi)?(?: tối đa)?)\s*(?:of|is|=|:|là|bằng)?\s*[`*\"]*(\d{2,6})\b"
    ),
    re.compile(r"\b(\d{2,6})[ -]?tokens?\b(?!\s*/|\s*per s|\s*mỗi giây)"),
)
_SAMPLES = re.compile(
    r"(?<![\d.])(\d{1,3}(?:[.,]\d{3})+|\d+(?:[.,]\d+)?)\s*(k|m|nghìn|ngàn"
    r"|triệu)?\+?\s*(?:-?\s*(?:training |train |labelled |labeled )?(?:samples?|examples?|sentences"
    r"|rows)|[- ](?:sample )?dataset|mẫu|câu|ví dụ)\b"
)
_TIMES = {"": 1, "k": 1_000, "nghìn": 1_000, "ngàn": 1_000, "m": 1_000_000, "triệu": 1_000_000}
_METHODS = (
    ("qlora", re.compile(r"\bqlora\b|\b4[- ]?bits?\b")),
    ("lora", re.compile(r"\blora\b")),
    ("full", re.compile(r"\bfull[- ](?:fine[- ]?tun|parameter|ft\b)|tinh chỉnh toàn bộ|fine-?tune toàn bộ")),
)
_GPUS = re.compile(
    r"(?<![\d.,x×=+*-])\b([2-9]|1\d|[2-6]4)\s*(?:gpus?\b|cards?\b|card\b)|\b([2-8])x\s?(?=(?:t4|a10"
    r"|v100|a100|h100|rtx|l4|p100|nvidia))"
)


@dataclass(frozen=True)
class _Found:
    value: Any
    line: int
    words: str = ""


class Prose:
    """The names of a knowledge base, ready to be found in sentences."""

    def __init__(self, store: Store) -> None:
        self._gpus = _Spelled((gpu_id, gpu_spellings(gpu_id, store.gpu(gpu_id))) for gpu_id in store.gpu_ids())
        self._models = _Spelled((name, model_spellings(name, store.model(name))) for name in store.model_ids())

    def of_document(self, lines: Sequence[Line]) -> dict[str, Any]:
        """Return the GPU and the model that a whole document names, where it names one only."""
        lines = lines[:_DOCUMENT_LINES]
        return {"gpu": _only(_search(lines, self._gpus)), "model": _only(_search(lines, self._models))}

    def context(
        self, levels: Sequence[Sequence[Line]], document: Mapping[str, Any], settings: Sequence[Written]
    ) -> Context:
        """Return what a configuration is for.

        Args:
            levels: What is said about it, nearest first.
            document: What `of_document` found; it decides where nothing nearer does.
            settings: Of the configuration; what they say comes before any sentence.
        """
        found: dict[str, _Found] = {}
        self._of_settings(settings, found)
        seekers: dict[str, Callable[[Sequence[Line]], _Found | bool | None]] = {
            "gpu": lambda lines: _only(_search(lines, self._gpus)),
            "model": lambda lines: _only(_search(lines, self._models)),
            "tasks": _tasks,
            "max_length": _max_length,
            "num_samples": _num_samples,
            "method": _method,
            "num_gpus": _num_gpus,
        }
        for name, seek in seekers.items():
            if name in found:
                continue
            for lines in levels:
                answer = seek(lines)
                if answer is not None:
                    break
            else:
                answer = document.get(name)
            if isinstance(answer, _Found):
                found[name] = answer
        values: dict[str, Any] = {name: each.value for name, each in found.items()}
        return Context(**values, lines={name: each.line for name, each in found.items()})

    def _of_settings(self, settings: Sequence[Written], found: dict[str, _Found]) -> None:
        by_name: Mapping[str, Written] = {setting.name: setting for setting in settings}
        for name, theirs in (
            ("max_length", "max_length"),
            ("num_samples", "num_train_samples"),
            ("num_gpus", "num_gpus"),
            ("tasks", "tasks"),
        ):
            setting = by_name.get(theirs)
            if setting is not None and isinstance(setting.value, int) and setting.value > 0:
                found[name] = _Found(setting.value, setting.line)
        model = by_name.get("model_name_or_path")
        if model is not None:
            known = _search([(model.line, str(model.value))], self._models)
            if len({each.value for each in known}) == 1:
                found["model"] = known[0]
        method = self._method_of(by_name)
        if method is not None:
            found["method"] = method

    def _method_of(self, settings: Mapping[str, Written]) -> _Found | None:
        said, bits, rank = (settings.get(name) for name in ("method", "quantization_bits", "lora_r"))
        lora = rank is not None or (said is not None and said.value in {"lora", "qlora"})
        line = next((each.line for each in (said, rank) if each is not None), 0)
        if lora:
            return _Found(
                "qlora"
                if (bits is not None and bits.value == _QLORA_BITS) or (said and said.value == "qlora")
                else "lora",
                line,
            )
        return _Found("full", line) if said is not None and said.value == "full" else None


def _squash(text: str) -> str:
    return "".join(char for char in text if char.isalnum() or char == ".")


class _Spelled:
    """Squashed spelling -> id, and every beginning of one, so that a search ends where no name can follow."""

    def __init__(self, records: Iterable[tuple[str, Sequence[str]]]) -> None:
        self._ids: dict[str, str] = {}
        for record_id, spellings in records:
            for spelling in spellings:
                self._ids.setdefault(_squash(fold(spelling)), record_id)
        self._beginnings = {name[:length] for name in self._ids for length in range(1, len(name) + 1)}

    def is_general(self, words: str, others: set[str]) -> bool:
        """Say whether some words are a second name, and the beginning of another record's: `PhoBERT` of the v2."""
        own = self._ids[words]
        return words != _squash(fold(own)) and any(
            name.startswith(words) for name, record_id in self._ids.items() if record_id in others - {own}
        )

    def longest(self, words: Sequence[str], position: int) -> tuple[int, str | None]:
        """Return how many words from a position on are the longest name, and whose it is."""
        joined = ""
        found: tuple[int, str | None] = (0, None)
        for count, word in enumerate(words[position : position + _LONGEST], start=1):
            joined += word
            if joined not in self._beginnings:
                break
            if joined in self._ids:
                found = (count, self._ids[joined])
        return found


def _search(lines: Sequence[Line], names: "_Spelled") -> list[_Found]:
    """Return every name in some lines, the longest at each place."""
    found = []
    for number, line in lines:
        words = [_squash(word) for word in _TOKEN.findall(fold(line[:_LINE_LENGTH]))]
        position = 0
        while position < len(words):
            length, name = names.longest(words, position)
            if name is not None:
                found.append(_Found(name, number, "".join(words[position : position + length])))
            position += max(1, length)
    named = {each.value for each in found}
    return [each for each in found if len(named) == 1 or not names.is_general(each.words, named)]


def _only(found: Sequence[_Found]) -> _Found | bool | None:
    """Return what is named if it is one thing; False, which ends the search, where it is several."""
    if not found:
        return None
    return found[0] if len({each.value for each in found}) == 1 else False


def _tasks(lines: Sequence[Line]) -> _Found | bool | None:
    found, several = [], False
    for number, line in lines:
        lowered = line[:_LINE_LENGTH].lower()
        for pattern, value in _TASKS:
            for match in pattern.finditer(lowered):
                tasks = value if value is not None else int(match[1])
                if 0 < tasks <= 64:  # noqa: PLR2004 - MAX_TASKS
                    found.append(_Found(tasks, number))
        several = several or _SEVERAL_TASKS.search(lowered) is not None
    return False if several and not found else _only(found)


def _max_length(lines: Sequence[Line]) -> _Found | bool | None:
    found = [
        _Found(int(match[1]), number)
        for number, line in lines
        for pattern in _LENGTH
        for match in pattern.finditer(line[:_LINE_LENGTH].lower())
        if int(match[1]) > 0
    ]
    return _only(found)


def _num_samples(lines: Sequence[Line]) -> _Found | bool | None:
    found = []
    for number, line in lines:
        for match in _SAMPLES.finditer(line[:_LINE_LENGTH].lower()):
            digits = match[1]
            times = _TIMES[match[2] or ""]
            grouped = re.fullmatch(r"\d{1,3}([.,]\d{3})+", digits) is not None
            value = float(re.sub(r"[.,]", "", digits) if grouped else digits.replace(",", ".")) * times
            if value >= 200:  # noqa: PLR2004 - `16 samples` are a step, not a data set
                found.append(_Found(int(value), number))
    return _only(found)


def _method(lines: Sequence[Line]) -> _Found | bool | None:
    found = []
    for number, line in lines:
        lowered = line[:_LINE_LENGTH].lower()
        for method, pattern in _METHODS:
            if pattern.search(lowered):
                found.append(_Found(method, number))
                break
    return _only(found)


def _num_gpus(lines: Sequence[Line]) -> _Found | bool | None:
    found = [
        _Found(int(match[1] or match[2]), number)
        for number, line in lines
        for match in _GPUS.finditer(line[:_LINE_LENGTH].lower())
    ]
    return _only(found)
