"""The question a probe answers."""

from pathlib import Path
from typing import Literal

from recipe_kb.schema.base import Parallel
from recipe_kb.schema.evidence import Emulation, Record
from recipe_kb.schema.model import Model
from recipe_kb.schema.recipe import Recipe, RecipeKey


class ProbeRequest(Record):
    """One recipe to train here, on as many GPUs of this machine as its key says.

    Attributes:
        gpu_names: CUDA device names of the GPU that the recipe is for; only on one of them is it measured.
        num_steps: Optimizer steps; None means enough for every task to come three times and at least sixteen, and on
            a GPU as many more as it takes until the figures are stable.
        timeout_s: Limit for the whole child process, the import of torch included.
        weights: Local folder of a pretrained network; None means seeded random weights.
        peak_tflops: Dense peak of the GPU in TFLOP/s for the recipe's precision, to state the MFU; None if unknown.
        emulation: The card to play on a larger one; None runs on this device as it is.
        predicted_reserved_bytes: What was predicted for this run, of several GPUs for each, to go on record with what
            is measured.
        parallel: How several GPUs share the work.
        layer: Class of the layers that FSDP gathers one at a time; None leaves it to what the network names.
        code_version: What to call the code that ran, for instance a commit; the package version is recorded anyway.
    """

    recipe_id: str
    key: RecipeKey
    recipe: Recipe
    model: Model
    gpu_names: tuple[str, ...] = ()
    device: Literal["auto", "cpu", "cuda"] = "auto"
    num_steps: int | None = None
    timeout_s: float = 600.0
    weights: Path | None = None
    peak_tflops: float | None = None
    emulation: Emulation | None = None
    predicted_reserved_bytes: int | None = None
    parallel: Parallel = "ddp"
    layer: str | None = None
    code_version: str | None = None
