"""The training program that the python, shell and notebook dialects share; no dialect by itself.

It trains what the probe trains (`recipe_kb.training`), written out so that it needs nothing of ours: the same model,
heads, adapters, seeds and `TrainingArguments`. A test trains both on the same rows and compares the weights.
Its cells begin with `# %%`, which editors know, and which the notebook is cut at.
"""

import pprint
from importlib.resources import files
from typing import Any

from recipe_kb.dialects import training_arguments
from recipe_kb.dialects.job import Job
from recipe_kb.dialects.loading import load_arguments, lora, quantization
from recipe_kb.i18n import _
from recipe_kb.resolve.rules import NUM_LABELS

CELL = "# %% "
_STANDARD = {
    "encoder": ("functools", "itertools", "json", "math", "os", "random"),
    "decoder": ("functools", "json", "os", "random"),
}
_CLASS = {"encoder": "AutoModelForTokenClassification", "decoder": "AutoModelForCausalLM"}
_MEND = "# Else Trainer adds up what accumulation must average (huggingface/transformers#47688)."
_FITTING = '''
def fitting_arguments():
    """Return the settings; without a GPU, only to try them out, those that a CPU has too."""
    if torch.cuda.is_available():
        return TRAINING_ARGUMENTS
    print("There is no GPU here: float32, no loader processes, a plain optimizer. This shows that it runs, no more.")
    gpu_only = ("fp16", "bf16", "tf32", "dataloader", "fsdp")
    kept = {
        name: value
        for name, value in TRAINING_ARGUMENTS.items()
        if not name.startswith(gpu_only) and "8bit" not in str(value)
    }
    return dict(kept, dataloader_pin_memory=False)
'''


def requirements(job: Job) -> list[str]:
    """Return what pip must install; torch is left to the machine, whose driver decides which one works."""
    needed = ["transformers>=5.23,<6", "accelerate>=1.10"]
    needed += ["peft>=0.19"] if job.key.method != "full" else []
    return needed + (["bitsandbytes>=0.46"] if job.key.method == "qlora" or "8bit" in job.settings.optim else [])


def title(job: Job) -> str:
    """Return the first line of an export: what it is and what is known of it."""
    return f"{job.recipe_id}: {job.recipe.origin}, {job.recipe.status}"


def why_not(job: Job) -> str | None:
    """Return why the program cannot be written for a recipe; None where it can."""
    if job.recipe.task_mixing == "joint":
        return _("the program trains tasks in turn, and this recipe mixes all of them in each step")
    return None


def body(job: Job) -> str:
    """Return data, model and training: everything after the settings."""
    return (files("recipe_kb.dialects") / "templates" / f"{job.model.family}.py.txt").read_text(encoding="utf-8")


def imports(job: Job) -> str:
    """Return the imports."""
    family = job.model.family
    names = ["AutoConfig", _CLASS[family], "AutoTokenizer", "Trainer", "TrainingArguments"]
    if job.key.method == "qlora":
        names.insert(3, "BitsAndBytesConfig")
    lines = [f"import {name}" for name in _STANDARD[family]]
    lines += ["from collections import Counter"] if job.is_encoder else []
    lines += ["from pathlib import Path", "", "import torch"]
    lines += ["from torch import nn"] if job.is_encoder else []
    return "\n".join([*lines, f"from transformers import {', '.join(sorted(names))}"]) + "\n"


def places(job: Job) -> str:
    """Return where model, data and result are; each may be set in the environment."""
    return (
        f'MODEL = os.environ.get("MODEL", {quoted(job.model.hub_id)})\n'
        'TRAIN_FILE = Path(os.environ.get("TRAIN_FILE", "train.jsonl"))\n'
        'EVAL_FILE = Path(os.environ.get("EVAL_FILE", "eval.jsonl"))\n'
        'OUTPUT_DIR = os.environ.get("OUTPUT_DIR", "output")\n'
        'MAX_STEPS = int(os.environ.get("MAX_STEPS", "-1"))  # -1: as many as num_train_epochs makes\n'
    )


def settings(job: Job) -> str:
    """Return the settings as Python literals."""
    written = job.training_arguments
    lines = [f"MAX_LENGTH = {job.key.max_length}"]
    lines += [f"NUM_TASKS = {job.tasks}"] if job.is_encoder else []
    lines.append(f"ATTN_IMPLEMENTATION = {quoted(job.settings.attn_implementation)}")
    lines.append("TRAINING_ARGUMENTS = " + literal(written))
    adapters = lora(job)
    lines.append("LORA = None" if adapters is None else "LORA = " + literal(adapters))
    return "\n".join([*lines, *packing(job)]) + "\n"


def packing(job: Job) -> list[str]:
    """Return the line that says how weights are packed into 4 bits; none where they are not."""
    packed = quantization(job)
    return ["QUANTIZATION = " + literal(packed)] if packed else []


def loading(job: Job) -> str:
    """Return what follows from the settings without being one."""
    attributes = training_arguments.model_attributes(job.model)
    lines = [f"NUM_LABELS = {NUM_LABELS}  # of made-up rows; real ones say it themselves"] if job.is_encoder else []
    lines += [_MEND] if attributes else []
    lines.append(f"MODEL_ATTRIBUTES = {literal(attributes)}")
    lines.append(f'LOAD = {{"dtype": "{load_arguments(job)["dtype"]}", "attn_implementation": ATTN_IMPLEMENTATION}}')
    if quantization(job):
        lines.append('LOAD["quantization_config"] = BitsAndBytesConfig(**QUANTIZATION)')
    lines.append("CONFIG = AutoConfig.from_pretrained(MODEL).get_text_config()")
    return "\n".join(lines) + "\n"


def fitting() -> str:
    """Return the function that leaves out what only a GPU has."""
    return _FITTING


def literal(value: dict[str, Any]) -> str:
    """Write a dict of plain values as Python, one entry a line."""
    if not value:
        return "{}"
    entries = "".join(f"    {quoted(name)}: {_plain(item)},\n" for name, item in value.items())
    return "{\n" + entries + "}"


def quoted(text: str) -> str:
    """Write a text as Python does in these programs, in double quotes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_plain(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(name)}: {_plain(item)}" for name, item in value.items()) + "}"
    return quoted(value) if isinstance(value, str) else pprint.pformat(value)
