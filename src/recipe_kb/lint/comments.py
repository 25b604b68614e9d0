"""What comments say beside a setting: on its line, and on the lines directly above it."""

from recipe_kb.lint.subject import Subject
from recipe_kb.schema.configuration import Written

_MOST_LINES = 20
"""Comments longer than this are about something else."""
_MARKS = ("#", "//", "<!--", "\u2190", ";")


def beside(setting: Written) -> str:
    """Return the comment of the setting's own line, without quotes' and arrows' marks; empty where there is none."""
    return (setting.comment or "").strip().lstrip("#/←<- ").strip()


def above(subject: Subject, setting: Written) -> str:
    """Return the comment lines directly above a setting, as one text; empty where there are none."""
    given = getattr(setting, "above", None)
    if given:
        return str(given)
    words: list[str] = []
    for number in range(setting.line - 1, subject.configuration.lines[0] - 1, -1):
        said = _own_line(subject.line(number))
        if said is None:
            break
        words.insert(0, said)
    return " ".join(words).strip()


def after(subject: Subject, setting: Written) -> str:
    """Return the comment lines directly below a setting, as one text: `# Effective batch size: 16`."""
    words: list[str] = []
    for number in range(setting.line + 1, min(setting.line + _MOST_LINES, len(subject.lines)) + 1):
        said = _own_line(subject.line(number))
        if said is None:
            break
        words.append(said)
    return " ".join(words).strip()


def _own_line(line: str | None) -> str | None:
    """Return the words of a line that holds nothing but a comment."""
    stripped = (line or "").strip()
    if stripped.startswith('"'):  # a line of a notebook is a string of JSON
        stripped = stripped.strip('",').removesuffix("\\n").strip()
    if not stripped.startswith(_MARKS):
        return None
    return stripped.removesuffix("-->").strip("#/<!-\u2190; \t")
