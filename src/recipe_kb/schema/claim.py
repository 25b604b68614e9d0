"""kb/claims/GUIDE.yaml: every checkable statement of one guide; kb/guides.yaml: the guides."""

from typing import Any, Literal

from pydantic import Field

from recipe_kb.schema.base import Record, Slug, Text

Verdict = Literal["consistent", "inconsistent", "contradicted", "unverified"]
"""consistent: arithmetic and facts hold. inconsistent: clashes with itself or another claim.
contradicted: a cited public fact or exact arithmetic says otherwise. unverified: needs a measurement."""

ClaimId = str


class ClaimContext(Record):
    """What the guide says the statement is about; None where the guide is silent."""

    gpu: Slug | None
    model: tuple[Slug, ...] | None
    max_length: tuple[int, ...] | None
    tasks: str | None
    dataset: str | None


class Claim(Record):
    """One statement with a verdict. `numbers` are the guide's own figures, unit in the key."""

    id: ClaimId = Field(pattern=r"^\d{3}-\d{2}$")
    lines: str = Field(pattern=r"^\d+(-\d+)?(,\d+(-\d+)?)*$")
    kind: Literal["recipe", "rule", "expected_result", "software_fact", "procedure", "command", "hardware_fact"]
    context: ClaimContext
    numbers: dict[str, Any]
    statement: Text
    verdict: Verdict
    reason: Text
    source: str | None = None
    conflicts_with: tuple[ClaimId, ...] = ()
    evidence: tuple[str, ...] = ()


class ClaimFile(Record):
    """All claims of one guide."""

    guide: str = Field(pattern=r"^\d{3}$")
    claims: tuple[Claim, ...] = Field(min_length=1)


class Guide(Record):
    """One source guide."""

    id: str = Field(pattern=r"^\d{3}$")
    title: str
    subject: Text
    num_claims: int = Field(gt=0)
    repaired_encoding: str | None = None


class GuideFile(Record):
    """All source guides."""

    guides: tuple[Guide, ...]
