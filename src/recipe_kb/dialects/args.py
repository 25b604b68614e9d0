"""`--format args`: flags for a script that reads transformers.TrainingArguments with HfArgumentParser.

One flag and its value a line, so that the text works as `python train.py $(kb recipe ... --format args)` and as
an `.args` file.
"""

import shlex
from collections.abc import Mapping


def write(arguments: Mapping[str, object]) -> str:
    """Write TrainingArguments as flags."""
    return "".join(f"--{name} {shlex.quote(_value(value))}\n" for name, value in arguments.items())


def read(text: str) -> dict[str, str]:
    """Read flags back; values stay text, as on a command line."""
    words = shlex.split(text)
    return {flag.removeprefix("--"): value for flag, value in zip(words[::2], words[1::2], strict=True)}


def _value(value: object) -> str:
    return repr(value) if isinstance(value, float) else str(value)
