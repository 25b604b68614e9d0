"""kb/signs.yaml: the good and bad signs of the guides as thresholds, each with a verdict of its own."""

from typing import Annotated, Literal

from recipe_kb.schema.base import Limits, Slug, Text, record
from recipe_kb.schema.claim import ClaimId, Verdict

Metric = Literal["kernel_time_share", "memory_share", "device_used_gib", "steps_per_s", "samples_per_s"]
"""What a threshold is about.

kernel_time_share: share of the time in which any kernel ran, NVML's utilisation.
memory_share: peak that torch's allocator reserved, of what it may reserve on the card.
device_used_gib: memory of the whole GPU in use, as nvidia-smi shows it, in GiB.
steps_per_s: optimizer steps, the it/s of a progress bar.
samples_per_s: rows trained.
"""


@record
class Sign:
    """One threshold.

    Attributes:
        metric: What is compared; thresholds are in its unit, shares from 0 to 1.
        gpu: The only card on which the figure means anything; None for a share, which any card can be held against.
        low: Values below it are `below`.
        high: Values above it are `above`; at both ends a value is `within`.
        below: What the guide takes a lower value for; None where it says nothing.
        within: The same of a value that passes.
        above: The same of a higher value.
        claims: Where it comes from.
        verdict: On the threshold itself, in the words of claims.
        reason: Why.
    """

    id: Slug
    metric: Metric
    gpu: Slug | None = None
    low: float | None = None
    high: float | None = None
    below: Text | None = None
    within: Text
    above: Text | None = None
    claims: Annotated[tuple[ClaimId, ...], Limits(min_length=1)]
    verdict: Verdict
    reason: Text


@record
class SignFile:
    """All signs."""

    signs: Annotated[tuple[Sign, ...], Limits(min_length=1)]
