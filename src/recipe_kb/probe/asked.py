"""From an answer of the knowledge base to the probe of it: what `kb validate`, `kb tune` and the pytest plugin ask."""

from pathlib import Path
from typing import Literal

from recipe_kb.probe.request import ProbeRequest
from recipe_kb.resolve.answer import Answer
from recipe_kb.schema.evidence import Emulation
from recipe_kb.schema.gpu import Gpu
from recipe_kb.schema.recipe import RecipeKey

TIMEOUT_S = 300.0
"""For one training: four times what BERT-base takes on two cores."""


def request_for(
    answer: Answer,
    *,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    here: tuple[str, Gpu] | None = None,
    num_steps: int | None = None,
    timeout_s: float = TIMEOUT_S,
    weights: Path | None = None,
    emulation: Emulation | None = None,
    code_version: str | None = None,
) -> ProbeRequest:
    """Ask for a probe of an answer.

    Args:
        answer: The recipe, and how several GPUs share its work.
        device: Where to train.
        here: Id and facts of the GPU in this machine, if the knowledge base knows it.
        num_steps: Optimizer steps; None for enough.
        timeout_s: Limit in seconds.
        weights: Folder of a pretrained network.
        emulation: The card to play.
        code_version: What to call the code that runs.
    """
    settings = answer.recipe.settings
    own = here is not None and here[0] == answer.key.gpu
    peaks = vars(here[1].dense_peak_tflops) if here else {}
    # It was for the recipe's card, and of several for each, as they share the work here.
    predicted = answer.memory.method == "traced" and (own or emulation is not None)
    return ProbeRequest(
        recipe_id=answer.recipe_id,
        key=RecipeKey.parse(answer.recipe_id) or answer.key,
        recipe=answer.recipe,
        model=answer.model,
        gpu_names=answer.gpu.device_names if answer.gpu and own else (),
        device=device,
        num_steps=num_steps,
        timeout_s=timeout_s,
        weights=weights,
        peak_tflops=peaks.get("tf32" if settings.precision == "fp32" and settings.tf32 else settings.precision),
        emulation=emulation,
        predicted_reserved_bytes=answer.memory.peak_reserved_bytes if predicted else None,
        code_version=code_version,
        parallel=answer.parallel or "ddp",
        layer=answer.layer,
    )
