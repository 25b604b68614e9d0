"""`--format args`: flags for a script that reads transformers.TrainingArguments with HfArgumentParser.

One flag and its value a line, so that the text works as `python train.py $(kb recipe ... --format args)` and as
an `.args` file.
"""

import json
from typing import Any

from recipe_kb.dialects import launch, training_arguments
from recipe_kb.dialects.job import Job
from recipe_kb.i18n import _

SUFFIX = ".args"


def write(job: Job) -> str:
    """Write TrainingArguments as flags."""
    return "".join(f"{_flag(name, value)}\n" for name, value in job.training_arguments.items())


def read(text: str) -> dict[str, Any]:
    """Read flags back, each value as the number or word that it looks like."""
    flags = (line.partition(" ") for line in text.splitlines() if line.startswith("--"))
    return training_arguments.read({flag.removeprefix("--"): value_of(value or "true") for flag, _, value in flags})


def remarks(job: Job) -> list[str]:
    """Say what flags cannot carry."""
    attributes = training_arguments.model_attributes(job.model).items()
    what = _("Flags cannot carry this: set model.{name} = {value} before the Trainer is made.")
    said = [what.format(name=name, value=value) for name, value in attributes]
    if job.key.method != "full":
        what = _("Flags cannot carry {method}: the adapters are in --format yaml.")
        said.append(what.format(method=job.key.method))
    if job.num_gpus > 1:
        what = _("Flags cannot carry the number of GPUs: start the script with {command}.")
        said.append(what.format(command=launch.line(job)))
    return said


def _flag(name: str, value: object) -> str:
    """Write one flag; no shell takes away quotes that a substituted text or an `.args` file has."""
    return "--fsdp" if name == "fsdp" else f"--{name} {value_text(value)}"


def value_text(value: object) -> str:
    """Write a value as a word of a command line: a number without loss, more than one value as JSON without spaces."""
    if isinstance(value, dict):
        return json.dumps(value, separators=(",", ":"))
    return repr(value) if isinstance(value, float) else str(value)


def value_of(word: str) -> Any:
    """Read a word of a command line; `1e-08` is a number here, though YAML 1.1 says a text."""
    if word.startswith("{"):
        return json.loads(word)
    try:
        return int(word)
    except ValueError:
        pass
    try:
        return float(word)
    except ValueError:
        return {"true": True, "false": False}.get(word.lower(), word)
