"""What to do when memory ran out: the rungs of the recipe, tried in their order until one works."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from recipe_kb.probe.plan import Device, RunPlan, plan_run
from recipe_kb.probe.request import ProbeRequest
from recipe_kb.schema import reasons
from recipe_kb.schema.base import Text
from recipe_kb.schema.evidence import Attempt, Evidence
from recipe_kb.schema.recipe import Provenance, Recipe, Settings


def walk(request: ProbeRequest, evidence: Evidence, *, probe: Callable[[ProbeRequest], Evidence]) -> Evidence:
    """Try the rungs of a recipe's ladder, each on top of those before it, until one works.

    A rung that changes nothing of the run on this device is not tried by itself but stays for the next ones; one that
    cannot run here, as an optimizer whose package is missing, is taken back.

    Args:
        request: What ran out of memory.
        evidence: Of that run.
        probe: Runs a request.

    Returns:
        The evidence with what was tried. Its verdict stays, because it is the recipe's; its reason says what works.
        Unchanged if memory did not run out, if it was held to a prediction, which no rung is about, or if no rung
        changes anything.
    """
    held = request.emulation is not None and request.emulation.capped_at == "prediction"
    if evidence.verdict != "oom" or held:
        return evidence
    device: Device = "cpu" if evidence.mode == "cpu" else "cuda"
    attempts: list[Attempt] = []
    changed: dict[str, Any] = {}
    tried = [_what_runs(request, device)]
    for rung in request.recipe.ladder.out_of_memory:
        candidate = changed | rung.set
        asked = _with(request, candidate)
        runs = _what_runs(asked, device)
        if runs in tried:
            changed = candidate
            continue
        tried.append(runs)
        found = probe(asked)
        peak = found.measured.peak_reserved_bytes if found.measured else None
        attempts.append(
            Attempt(changed=candidate, verdict=found.verdict, reason=found.reason, peak_reserved_bytes=peak)
        )
        if found.verdict == "passed":
            break
        if found.verdict != "unsupported":
            changed = candidate
    if not attempts:
        return evidence
    return evidence.model_copy(update={"ladder": tuple(attempts), "reason": _reason(evidence, attempts[-1])})


def _with(request: ProbeRequest, changed: dict[str, Any]) -> ProbeRequest:
    """Ask for the same recipe with other settings; a shorter length is another cell."""
    settings = {name: value for name, value in changed.items() if name != "max_length"}
    key = replace(request.key, max_length=changed.get("max_length", request.key.max_length))
    recipe = _recipe(request.recipe, replace(request.recipe.settings, **settings), request.key.num_gpus)
    # What was predicted was for the recipe as it stands.
    return request.model_copy(update={"key": key, "recipe": recipe, "predicted_reserved_bytes": None})


def _recipe(recipe: Recipe, settings: Settings, num_gpus: int) -> Recipe:
    from_ladder = Provenance(assumption=Text(en="a rung of the ladder", vi="một bậc dự phòng"))
    return replace(
        recipe,
        settings=settings,
        effective_batch_size=settings.per_device_train_batch_size * settings.gradient_accumulation_steps * num_gpus,
        provenance={name: recipe.provenance.get(name, from_ladder) for name in settings.given()},
    )


def _what_runs(request: ProbeRequest, device: Device) -> dict[str, Any]:
    """Return the run without how it differs from the recipe, which every rung changes."""
    plan = plan_run(request, device)
    return {field.name: getattr(plan, field.name) for field in fields(RunPlan) if field.name != "deviations"}


def _reason(evidence: Evidence, last: Attempt) -> str:
    if last.verdict != "passed":
        said = reasons.NO_RUNG_WORKS
    else:
        changes = ", ".join(f"{name}={value}" for name, value in last.changed.items())
        said = reasons.RUNG_WORKS.format(changes=changes)
    return f"{said}: {evidence.reason}" if evidence.reason else said
