"""For programs: `schema` kb-lint/1; keys may be added, none is renamed without another value."""

import json
from collections import Counter
from collections.abc import Sequence

from recipe_kb.lint.finding import SEVERITIES, Finding

SCHEMA = "kb-lint/1"


def write(findings: Sequence[Finding]) -> str:
    """Write findings and how many there are of each severity."""
    counted = Counter(finding.severity for finding in findings)
    document = {
        "schema": SCHEMA,
        "findings": [finding.to_json() for finding in findings],
        "count": {severity: counted[severity] for severity in SEVERITIES},
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"
