"""For code scanning: SARIF 2.1.0, with the page of each rule and, where there is one, its fix."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from recipe_kb import __version__
from recipe_kb.i18n import language
from recipe_kb.lint.finding import Finding
from recipe_kb.lint.registry import RULES
from recipe_kb.lint.rule import page_of

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}


def write(findings: Sequence[Finding]) -> str:
    """Write one run; columns count from 1, and an end is behind the last character."""
    names = list(RULES)
    run = {
        "tool": {
            "driver": {
                "name": "recipe-kb",
                "semanticVersion": __version__,
                "language": language(),
                "rules": [_rule(name) for name in names],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, names) for finding in findings],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, ensure_ascii=False, indent=2) + "\n"


def _rule(name: str) -> dict[str, Any]:
    rule = RULES[name]
    title, paragraphs = page_of(rule, language())
    return {
        "id": rule.CODE,
        "name": "".join(part.capitalize() for part in name.split("-")),
        "shortDescription": {"text": title},
        "fullDescription": {"text": " ".join(paragraphs)},
        "help": {"text": "\n\n".join(paragraphs)},
        "defaultConfiguration": {"level": _LEVELS[rule.SEVERITY]},
    }


def _result(finding: Finding, names: list[str]) -> dict[str, Any]:
    artifact = {"uri": uri_of(finding.file)}
    region: dict[str, int] = {"startLine": finding.line}
    if finding.start is not None and finding.end is not None:
        region |= {"startColumn": finding.start + 1, "endColumn": max(finding.end, finding.start) + 1}
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": names.index(finding.rule),
        "level": _LEVELS[finding.severity],
        "message": {"text": finding.message},
        "locations": [{"physicalLocation": {"artifactLocation": artifact, "region": region}}],
        "partialFingerprints": {"kbLint/v1": finding.fingerprint},
    }
    if finding.edits:
        replacements = [
            {
                "deletedRegion": {"startLine": edit.line, "startColumn": 1, "endLine": edit.line + 1, "endColumn": 1}
                if edit.whole_line
                else {"startLine": edit.line, "startColumn": edit.start + 1, "endColumn": edit.end + 1},
                "insertedContent": {"text": edit.text},
            }
            for edit in finding.edits
        ]
        change = {"artifactLocation": artifact, "replacements": replacements}
        result["fixes"] = [{"description": {"text": finding.message}, "artifactChanges": [change]}]
    return result


def uri_of(file: str) -> str:
    """Return a path as a URI reference; a relative one stays relative, as code scanning wants it."""
    path = Path(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
