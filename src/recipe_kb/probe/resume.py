"""Going on where a run was stopped: evidence that already answers a request."""

import json
from collections.abc import Mapping
from pathlib import Path

from recipe_kb.probe.fingerprint import fingerprint
from recipe_kb.probe.request import ProbeRequest
from recipe_kb.schema.evidence import Evidence, Verdict
from recipe_kb.schema.reasons import is_of_the_moment

_SAME = ("recipe_sha256", "recipe_kb", "weights", "torch", "transformers", "accelerate", "peft", "bitsandbytes")
_OF_THIS_RUN: tuple[Verdict, ...] = ("crash", "timeout")


def is_answer(verdict: Verdict, reason: str | None) -> bool:
    """Say whether a verdict is about the recipe, and not about the moment at which it was tried.

    A crash and a time limit may be of that run alone; memory that a neighbour held is given back some day.
    """
    return verdict not in _OF_THIS_RUN and not (verdict == "unsupported" and is_of_the_moment(reason or ""))


def answered(
    request: ProbeRequest, root: Path, gpu_name: str | None, versions: Mapping[str, str | None] | None = None
) -> Path | None:
    """Find evidence of this very question: recipe, devices and how they share, emulation and packages are the same.

    Args:
        request: What would be probed.
        root: The folder of the knowledge base.
        gpu_name: The GPU, as NVML names it; None for the CPU.
        versions: Of the packages where it would run, if that is not here.

    Returns:
        The newest such file whose verdict `is_answer`; None if there is none. What cannot be read answers nothing.
    """
    now = fingerprint(request) | dict(versions or {})
    found: list[tuple[str, Path]] = []
    for path in sorted((root / "evidence" / request.recipe_id).glob("*.json")):
        try:
            evidence = Evidence.model_validate(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            continue
        # CUDA may call a slice of a GPU by another name than NVML, which is what asks here.
        known_as = {evidence.gpu_name, evidence.fingerprint.get("nvml_name")}
        device = gpu_name in known_as and (evidence.mode == "cpu") == (gpu_name is None)
        same = all(evidence.fingerprint.get(name) == now[name] for name in _SAME)
        parallel = request.parallel if request.key.num_gpus > 1 else None
        together = (evidence.num_gpus, evidence.parallel) == (request.key.num_gpus, parallel)
        alike = device and same and together and evidence.emulation == request.emulation
        if alike and is_answer(evidence.verdict, evidence.reason):
            found.append((evidence.started, path))  # not by name: the first of a day sorts behind its `-2`
    return max(found, key=lambda one: one[0])[1] if found else None
