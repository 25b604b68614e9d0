"""kb/claims/GUIDE.yaml: every checkable statement of one guide; kb/guides.yaml: the guides."""

from typing import Annotated, Any, Literal

from recipe_kb.schema.base import Limits, Positive, Slug, Text, record

Verdict = Literal["consistent", "inconsistent", "contradicted", "unverified"]
"""consistent: arithmetic and facts hold. inconsistent: clashes with itself or another claim.
contradicted: a cited public fact or exact arithmetic says otherwise. unverified: needs a measurement."""

ClaimId = str


@record
class ClaimContext:
    """What the guide says the statement is about; None where the guide is silent."""

    gpu: Slug | None
    model: tuple[Slug, ...] | None
    max_length: tuple[int, ...] | None
    tasks: str | None
    dataset: str | None


@record
class Claim:
    """One statement with a verdict. `numbers` are the guide's own figures, unit in the key."""

    id: Annotated[str, Limits(pattern=r"^\d{3}-\d{2}$")]
    lines: Annotated[str, Limits(pattern=r"^\d+(-\d+)?(,\d+(-\d+)?)*$")]
    kind: Literal["recipe", "rule", "expected_result", "software_fact", "procedure", "command", "hardware_fact"]
    context: ClaimContext
    numbers: dict[str, Any]
    statement: Text
    verdict: Verdict
    reason: Text
    source: str | None = None
    conflicts_with: tuple[ClaimId, ...] = ()
    evidence: tuple[str, ...] = ()


@record
class ClaimFile:
    """All claims of one guide."""

    guide: Annotated[str, Limits(pattern=r"^\d{3}$")]
    claims: Annotated[tuple[Claim, ...], Limits(min_length=1)]


@record
class Guide:
    """One source guide."""

    id: Annotated[str, Limits(pattern=r"^\d{3}$")]
    title: str
    subject: Text
    num_claims: Positive
    repaired_encoding: str | None = None


@record
class GuideFile:
    """All source guides."""

    guides: tuple[Guide, ...]
