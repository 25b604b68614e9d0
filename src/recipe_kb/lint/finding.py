"""What a rule finds, and how it would be mended."""

from dataclasses import dataclass
from typing import Any, Literal

from recipe_kb.schema.configuration import Written

Severity = Literal["error", "warning", "info"]
"""error: it fails, or says what is not so. warning: it costs time, memory or quality. info: worth a look."""
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


@dataclass(frozen=True, kw_only=True)
class Edit:
    """One replacement in a line; a line that nothing is left of goes away with `whole_line`.

    Attributes:
        line: In the file, from 1.
        start: Column of the first character, from 0.
        end: Column after the last one.
        text: What stands there afterwards.
        whole_line: The line goes away; columns and text do not count.
    """

    line: int
    start: int = 0
    end: int = 0
    text: str = ""
    whole_line: bool = False


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a rule says about a configuration; the rule's code and severity are added by the runner.

    Attributes:
        message: One sentence or more in the active language.
        at: The setting it is about; None for the whole configuration.
        line: Where it is where no setting is it; None for the setting's line, or the first of the configuration.
        edits: What mends it and is safe; none where a person must decide.
        severity: Where it differs from the rule's.
    """

    message: str
    at: Written | None = None
    line: int | None = None
    edits: tuple[Edit, ...] = ()
    severity: Severity | None = None


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One finding, complete.

    Attributes:
        code: Stable: `KB503`.
        rule: Name of the rule: `eval-batch-ratio`.
        severity: error, warning, info.
        file: As the user named it.
        line: From 1.
        start: Column of the first character, from 0; None for the whole line.
        end: Column after the last one.
        message: In the active language.
        edits: What `--fix` does.
        label: Of the configuration.
        setting: The setting it is about, in our name.
        fingerprint: Stays the same when lines move; a baseline keeps it.
    """

    code: str
    rule: str
    severity: Severity
    file: str
    line: int
    start: int | None = None
    end: int | None = None
    message: str
    edits: tuple[Edit, ...] = ()
    label: str = ""
    setting: str | None = None
    fingerprint: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the object of the command-line contract."""
        fix = None
        if self.edits:
            fix = [
                {"line": edit.line, "whole_line": True}
                if edit.whole_line
                else {"line": edit.line, "start": edit.start, "end": edit.end, "text": edit.text}
                for edit in self.edits
            ]
        return {
            "code": self.code,
            "rule": self.rule,
            "severity": self.severity,
            "file": self.file,
            "line": self.line,
            "start": self.start,
            "end": self.end,
            "setting": self.setting,
            "label": self.label,
            "message": self.message,
            "fix": fix,
        }


def order(finding: Finding) -> tuple[str, int, int, str, str]:
    """Sort findings as a file is read."""
    return (finding.file, finding.line, finding.start or 0, finding.code, finding.message)
