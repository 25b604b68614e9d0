"""For people: one line per finding, as compilers write them, so that editors can jump there."""

from collections.abc import Sequence

from recipe_kb.i18n import _
from recipe_kb.lint.finding import Finding, Severity


def severity_word(severity: Severity) -> str:
    """Name a severity in the active language."""
    return {"error": _("error"), "warning": _("warning"), "info": _("info")}[severity]


def write(findings: Sequence[Finding]) -> str:
    """Write findings, each with the command that helps next."""
    return "".join(f"{line_of(finding)}\n" for finding in findings)


def line_of(finding: Finding) -> str:
    """Write one finding: `guide.md:14:31: KB510 error: ... -> kb lint --fix guide.md`."""
    column = "" if finding.start is None else f":{finding.start + 1}"
    where = f"{finding.file}:{finding.line}{column}"
    fix = "--fix --diff" if finding.file == "-" else "--fix"
    command = f"kb lint {fix} {_quoted(finding.file)}" if finding.edits else f"kb lint --explain {finding.code}"
    return f"{where}: {finding.code} {severity_word(finding.severity)}: {finding.message} -> {command}"


def _quoted(path: str) -> str:
    import shlex

    return shlex.quote(path)
