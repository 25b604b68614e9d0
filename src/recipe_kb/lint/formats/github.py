"""For GitHub Actions: workflow commands that become annotations in the diff of a pull request."""

from collections.abc import Sequence

from recipe_kb.lint.finding import Finding

_COMMANDS = {"error": "error", "warning": "warning", "info": "notice"}


def write(findings: Sequence[Finding]) -> str:
    """Write one workflow command per finding."""
    return "".join(f"{_command(finding)}\n" for finding in findings)


def _command(finding: Finding) -> str:
    place = {"file": finding.file, "line": str(finding.line), "endLine": str(finding.line)}
    if finding.start is not None and finding.end is not None:
        place |= {"col": str(finding.start + 1), "endColumn": str(max(finding.end, finding.start + 1))}
    place["title"] = f"{finding.code} {finding.rule}"
    properties = ",".join(f"{name}={_property(value)}" for name, value in place.items())
    return f"::{_COMMANDS[finding.severity]} {properties}::{_data(finding.message)}"


def _data(text: str) -> str:
    """Escape what would end a message."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Escape what would end a property."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
