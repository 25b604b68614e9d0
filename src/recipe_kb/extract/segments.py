"""Where one configuration ends and the next begins: before and after, options A, B and C, a value named twice."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from recipe_kb.extract.understood import Understood

BEFORE_AFTER = {
    **dict.fromkeys(
        ("before", "old", "trước", "cũ", "trước đây", "trước khi sửa", "ban đầu", "hiện tại", "current"), "before"
    ),
    **dict.fromkeys(("after", "new", "sau", "mới", "sau khi sửa", "đề xuất"), "after"),
}
"""What documents call the two sides of a change."""

_MARKER = re.compile(
    r"^[\W_]*(?P<words>before|after|old|new|current|trước(?: khi sửa| đây)?|sau(?: khi sửa)?|cũ|mới|ban đầu"
    r"|(?:option|variant|config(?:uration)?|experiment|exp|setup|case|alternative|scenario|run|version"
    r"|phương án|lựa chọn|cách|cấu hình|thí nghiệm|trường hợp|phiên bản)\s*#?(?:[a-d]|\d{1,2}))\b"
    r"(?P<rest>\s*(?:$|[:.)\-–—(/].*))",
    re.IGNORECASE,
)
_LABEL_LENGTH = 80


@dataclass(kw_only=True)
class Segment:
    """The entries of one configuration, with the comment that heads it."""

    found: list[Understood] = field(default_factory=list)
    label: str = ""
    said: list[tuple[int, str]] = field(default_factory=list)


def segments(
    found: Sequence[Understood], comments: Mapping[int, str], blank: set[int], breaks: Sequence[int]
) -> list[Segment]:
    """Split what was found in one text into configurations.

    Args:
        found: In the order of their lines.
        comments: Lines that hold a comment only.
        blank: Lines that hold nothing.
        breaks: Lines at which another document begins.

    Returns:
        At least one setting or value that is computed in each.
    """
    result: list[Segment] = [Segment()]
    seen: dict[str, Any] = {}
    paragraph, last_line = 0, 0
    units: list[Any] = []
    aside: list[Understood] = []
    aside_of: Any = None
    for one in found:
        line = one.entry.line
        between = range(last_line + 1, line) if line > last_line else range(0)
        if any(number in blank or number in comments for number in between) or last_line == 0:
            paragraph += 1
        marker = next((number for number in reversed(between) if _MARKER.match(comments.get(number, ""))), None)
        cut = any(last_line < number <= line for number in breaks) and last_line > 0
        unit = one.entry.holder if one.entry.holder is not None else ("paragraph", paragraph)
        if isinstance(unit, str):
            unit = (unit, paragraph)
        if units and units[-1] == unit and _is_call(unit):
            marker = None  # a comment between the arguments of one call
        current = result[-1]
        repeated = _repeats(one, seen, unit)
        if repeated == "same":
            aside, aside_of = [*(aside if aside_of == unit else []), one], unit
            last_line = max(last_line, line)
            continue
        if (marker or cut or repeated) and current.found:
            moved = 0 if cut else _moved(current, units, unit, one)
            result.append(Segment(found=current.found[len(current.found) - moved :]))
            del current.found[len(current.found) - moved :]
            units = units[len(units) - moved :]
            if aside_of == unit:  # the call says them too, and it is another configuration after all
                result[-1].found[:0] = aside
                units[:0] = [unit] * len(aside)
                aside_of = None
            seen = {each.name: each for each in result[-1].found if each.name}
            if not current.found:
                result.remove(current)
        result[-1].found.append(one)
        units.append(unit)
        if one.name and not one.flag:
            seen[one.name] = one
        last_line = max(last_line, line)
    return _labelled([segment for segment in result if segment.found], comments, blank)


def _repeats(one: Understood, seen: Mapping[str, Understood], unit: Any) -> str:
    """Say whether a setting stands there already: `yes`, or `same` where a call repeats what a variable said."""
    before = seen.get(one.name or "")
    if before is None or one.flag or before.flag:
        return ""
    if _is_again(one, before):
        return "same"
    other_holder = before.entry.holder != one.entry.holder
    if other_holder and _is_call(unit):
        if one.written is None:
            return "same"
        if before.written is not None and before.written.value == one.written.value:
            return "same"
    return "yes"


def _is_again(one: Understood, before: Understood) -> bool:
    """Say whether two parts of one configuration say the same: DeepSpeed's optimizer and its scheduler the rate."""
    first, second = before.entry, one.entry
    if not (isinstance(first.holder, str) and isinstance(second.holder, str) and "." in first.path):
        return False
    if one.written is None or before.written is None or one.written.value != before.written.value:
        return False
    renamed = first.path.rpartition(".")[2] != second.path.rpartition(".")[2]
    return first.path != second.path and "." in second.path and (renamed or "init_args." in second.path)


def _is_call(unit: Any) -> bool:
    return isinstance(unit, tuple) and len(unit) == 3  # noqa: PLR2004 - (function, line, column)


def _moved(current: Segment, units: Sequence[Any], unit: Any, one: Understood) -> int:
    """Count the entries at the end that belong to the next configuration: those of the same paragraph or call."""
    count = 0
    for position in range(len(units) - 1, -1, -1):
        if units[position] != unit or current.found[position].name == one.name:
            break
        count += 1
    names = {each.name for each in current.found[len(units) - count :]}
    if count == len(units) or one.name in names:
        return 0
    if any(units[position] == unit for position in range(len(units) - count)):
        return 0  # the paragraph repeats itself: what came before the repetition stays
    return count


def _labelled(result: list[Segment], comments: Mapping[int, str], blank: set[int]) -> list[Segment]:
    """Give each configuration the comment lines above it, and its label where there are several."""
    end = 0
    for segment in result:
        first = min(one.entry.line for one in segment.found)
        last = max(one.entry.line for one in segment.found)
        segment.said = [(line, words) for line, words in comments.items() if end < line <= last and words]
        above = []
        number = first - 1
        while number > end and (number in comments or number in blank):
            if comments.get(number):
                above.append(comments[number])
            elif number in blank and above:
                break
            number -= 1
        above.reverse()
        marked = next((words for words in above if _MARKER.match(words)), above[0] if above else "")
        segment.label = label_of(marked) if marked else ""
        end = last
    return result


def label_of(words: str) -> str:
    """Return `before` or `after` where a comment or heading says that, else its words."""
    stripped = words.strip(" \t#*=-_:.`→←").strip()
    folded = stripped.lower()
    if folded in BEFORE_AFTER:
        return BEFORE_AFTER[folded]
    match = _MARKER.match(stripped)
    if match and match["words"].lower() in BEFORE_AFTER:
        return BEFORE_AFTER[match["words"].lower()]
    first = folded.partition(" ")[0]
    if first in {"before", "after", "old", "new"} and len(folded) < 40:  # noqa: PLR2004 - `New (64)`, not a sentence
        return BEFORE_AFTER[first]
    return stripped[:_LABEL_LENGTH]
