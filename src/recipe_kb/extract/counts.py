"""Numbers and methods in sentences: tasks, length, samples, cards, full fine-tuning or adapters."""

import re
from collections.abc import Sequence

from recipe_kb.extract.spelled import LINE_LENGTH, Line, Said, only

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
    r"|v100|a100|h100|rtx|l4|p100|nvidia))|\b(?:t4|a10g?|v100|a100|h100|l4|p100)\s*[x×]\s*([2-8])\b"
)


def tasks_of(lines: Sequence[Line]) -> Said | bool | None:
    """Return how many tasks are trained; False where lines disagree."""
    found, several = [], False
    for number, line in lines:
        lowered = line[:LINE_LENGTH].lower()
        for pattern, value in _TASKS:
            for match in pattern.finditer(lowered):
                count = value if value is not None else int(match[1])
                if 0 < count <= 64:  # noqa: PLR2004 - MAX_TASKS
                    found.append(Said(count, number))
        several = several or _SEVERAL_TASKS.search(lowered) is not None
    return False if several and not found else only(found)


def max_length_of(lines: Sequence[Line]) -> Said | bool | None:
    """Return how many tokens a sample has; False where lines disagree."""
    found = [
        Said(int(match[1]), number)
        for number, line in lines
        for pattern in _LENGTH
        for match in pattern.finditer(line[:LINE_LENGTH].lower())
        if int(match[1]) > 0
    ]
    return only(found)


def num_samples_of(lines: Sequence[Line]) -> Said | bool | None:
    """Return how many samples there are; False where lines disagree."""
    found = []
    for number, line in lines:
        for match in _SAMPLES.finditer(line[:LINE_LENGTH].lower()):
            digits = match[1]
            times = _TIMES[match[2] or ""]
            grouped = re.fullmatch(r"\d{1,3}([.,]\d{3})+", digits) is not None
            value = float(re.sub(r"[.,]", "", digits) if grouped else digits.replace(",", ".")) * times
            if value >= 200:  # noqa: PLR2004 - `16 samples` are a step, not a data set
                found.append(Said(int(value), number))
    return only(found)


def method_of(lines: Sequence[Line]) -> Said | bool | None:
    """Return full, lora or qlora; False where lines disagree."""
    found = []
    for number, line in lines:
        lowered = line[:LINE_LENGTH].lower()
        for method, pattern in _METHODS:
            if pattern.search(lowered):
                found.append(Said(method, number))
                break
    return only(found)


def num_gpus_of(lines: Sequence[Line]) -> Said | bool | None:
    """Return how many cards there are; False where lines disagree."""
    found = [
        Said(int(match[1] or match[2] or match[3]), number)
        for number, line in lines
        for match in _GPUS.finditer(line[:LINE_LENGTH].lower())
    ]
    return only(found)
