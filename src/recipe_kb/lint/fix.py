"""Carrying out what findings propose, without touching anything else in the file."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from recipe_kb.lint.finding import Edit, Finding


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """What came of it.

    Attributes:
        lines: Of the file afterwards.
        done: Findings that were mended; another one may follow, so lint again.
        left: Findings whose edits met those of another one.
    """

    lines: list[str]
    done: tuple[Finding, ...]
    left: tuple[Finding, ...]


def fixed(lines: Sequence[str], findings: Iterable[Finding]) -> Fixed:
    """Carry out the edits of findings; all of one finding or none, and where two meet the first wins.

    Args:
        lines: Of the file, with or without their ends; ends are kept.
        findings: Of that file.
    """
    taken: dict[int, list[Edit]] = {}
    done, left = [], []
    for finding in findings:
        if not finding.edits:
            continue
        if all(_is_free(edit, taken, lines) for edit in finding.edits):
            for edit in finding.edits:
                taken.setdefault(edit.line, []).append(edit)
            done.append(finding)
        elif any(edit not in taken.get(edit.line, []) for edit in finding.edits):
            left.append(finding)
        else:
            done.append(finding)  # another finding asked for the very same
    return Fixed(lines=_carried_out(lines, taken), done=tuple(done), left=tuple(left))


def _is_free(edit: Edit, taken: dict[int, list[Edit]], lines: Sequence[str]) -> bool:
    if not 0 < edit.line <= len(lines):
        return False
    others = taken.get(edit.line, [])
    if edit.whole_line:
        return not others
    return not any(other.whole_line or (edit.start < other.end and other.start < edit.end) for other in others)


def _carried_out(lines: Sequence[str], taken: dict[int, list[Edit]]) -> list[str]:
    result = []
    for number, line in enumerate(lines, start=1):
        edits = sorted(taken.get(number, []), key=lambda edit: -edit.start)
        if any(edit.whole_line for edit in edits):
            continue
        for edit in edits:
            line = line[: edit.start] + edit.text + line[edit.end :]  # noqa: PLW2901 - each edit goes on from the last
        result.append(line)
    return result
