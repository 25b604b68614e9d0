"""Under what evidence was obtained, part by part: figures are compared only where all parts agree.

Left out is what is under test, the version and the code of recipe_kb, and what changes no figure: Python's patch.
"""

from dataclasses import dataclass
from typing import Any

from recipe_kb.schema.evidence import Evidence

ALWAYS = (
    "recipe_sha256",
    "gpu",
    "gpu_total_bytes",
    "driver",
    "cuda",
    "cudnn",
    "torch",
    "transformers",
    "accelerate",
    "peft",
    "bitsandbytes",
    "allocator",
    "attention",
    "weights",
)
"""Parts of the fingerprint that decide memory or speed."""

ON_A_CPU = ("cpu", "num_cores", "torch_num_threads")
"""Further parts where a CPU trains; beside a GPU the processor only feeds it."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One part that is not as it was."""

    name: str
    before: Any
    now: Any


def differences(before: Evidence, now: Evidence) -> tuple[Difference, ...]:
    """List what differs between two records, in a fixed order; empty means that their figures can be compared.

    A run that did not pass may lack parts that only a whole run learns; these are not held against it.
    """
    first, second = _parts(before), _parts(now)
    names = [name for name in first if name in second] + [name for name in second if name not in first]
    names += [name for name in first if name not in second]
    return tuple(
        Difference(name=name, before=first.get(name), now=second.get(name))
        for name in names
        if first.get(name) != second.get(name) and (now.verdict == "passed" or second.get(name) is not None)
    )


def _parts(evidence: Evidence) -> dict[str, Any]:
    names = ALWAYS + (ON_A_CPU if evidence.mode == "cpu" else ())
    parts = {name: evidence.fingerprint.get(name) for name in names}
    if evidence.mode == "cpu":
        parts["num_steps"] = evidence.measured.num_steps if evidence.measured else None
    if evidence.emulation:
        parts["capped_bytes"] = evidence.emulation.capped_bytes
        parts["switched_off"] = sorted(evidence.emulation.switched_off)
    # What was run instead of the recipe's own value: on a CPU nearly everything that takes time.
    return parts | {deviation.setting: deviation.probe for deviation in evidence.deviations}
