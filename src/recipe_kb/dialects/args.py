"""`--format args`: flags for a script that reads transformers.TrainingArguments with HfArgumentParser.

One flag and its value a line, so that the text works as `python train.py $(kb recipe ... --format args)` and as
an `.args` file.
"""

import shlex
from typing import Any

from recipe_kb.dialects import training_arguments
from recipe_kb.dialects.job import Job
from recipe_kb.i18n import _

SUFFIX = ".args"


def write(job: Job) -> str:
    """Write TrainingArguments as flags."""
    flags = job.training_arguments.items()
    return "".join(f"--{name} {shlex.quote(value_text(value))}\n" for name, value in flags)


def read(text: str) -> dict[str, Any]:
    """Read flags back, each value as the number or word that it looks like."""
    words = shlex.split(text, comments=True)
    flags = zip(words[::2], words[1::2], strict=True)
    return training_arguments.read({flag.removeprefix("--"): value_of(value) for flag, value in flags})


def remarks(job: Job) -> list[str]:
    """Say what flags cannot carry."""
    attributes = training_arguments.model_attributes(job.model).items()
    what = _("Flags cannot carry this: set model.{name} = {value} before the Trainer is made.")
    said = [what.format(name=name, value=value) for name, value in attributes]
    if job.key.method != "full":
        what = _("Flags cannot carry {method}: the adapters are in --format yaml.")
        said.append(what.format(method=job.key.method))
    return said


def value_text(value: object) -> str:
    """Write a value as a word of a command line, a number without loss."""
    return repr(value) if isinstance(value, float) else str(value)


def value_of(word: str) -> Any:
    """Read a word of a command line; `1e-08` is a number here, though YAML 1.1 says a text."""
    try:
        return int(word)
    except ValueError:
        pass
    try:
        return float(word)
    except ValueError:
        return {"true": True, "false": False}.get(word.lower(), word)
