"""A training configuration as somebody wrote it: in a guide, a script, a notebook or a file of settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Written:
    """One setting, in our name, and as it was written.

    Attributes:
        name: As in `schema.recipe.Settings` where that has it, else as transformers' `TrainingArguments` has it.
        value: Normalised: a number is a number, whatever quotes stood around it.
        written_name: As it stands there: `BATCH_SIZE`, `train.micro_batch_size`.
        written_value: The text of the value as it stands there, without the quotes of its language.
        line: Of the value in the file, from 1.
        start: Column of the value's first character, from 0; None where it cannot be replaced in its place.
        end: Column after the value's last character.
        comment: What the same line says about it, without the mark of a comment.
        above: What the comment lines directly above it say, in one line; None where there are none.
    """

    name: str
    value: Any
    written_name: str
    written_value: str
    line: int
    start: int | None = None
    end: int | None = None
    comment: str | None = None
    above: str | None = None


@dataclass(frozen=True, kw_only=True)
class NotUnderstood:
    """Something that was written like a setting, and is none that we know.

    Attributes:
        name: As it stands there.
        text: Its value as it stands there.
        line: In the file, from 1.
        why: A sentence in the active language.
    """

    name: str
    text: str
    line: int
    why: str


@dataclass(frozen=True, kw_only=True)
class Context:
    """What the words around a configuration say that it is for; None where they say nothing.

    Attributes:
        gpu: Id of a GPU.
        gpu_one_of: Ids of the GPUs that the name may mean, where it is that of several memory sizes: `V100`.
        model: Id of a model.
        tasks: How many training tasks.
        max_length: Tokens per sample.
        num_samples: Of the training data.
        method: full, lora, qlora.
        num_gpus: How many cards.
        lines: Where each of these stands, by name.
    """

    gpu: str | None = None
    model: str | None = None
    tasks: int | None = None
    max_length: int | None = None
    num_samples: int | None = None
    method: str | None = None
    num_gpus: int | None = None
    gpu_one_of: tuple[str, ...] = ()
    lines: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """One configuration that was found in a file.

    Attributes:
        file: As the user named it.
        lines: First and last line, from 1, both inside.
        kind: What it is written in: markdown-table, yaml, json, toml, python, shell, notebook, text.
        label: What distinguishes it from others of the same file: a heading, `before`, `after`.
        context: What it is for.
        settings: In the order in which they stand there.
        not_understood: What else stands there.
        dialect: The trainer whose names these are, as in kb/spellings.yaml: axolotl, lightning; None for transformers.
    """

    file: str
    lines: tuple[int, int]
    kind: str
    label: str
    context: Context
    settings: tuple[Written, ...]
    not_understood: tuple[NotUnderstood, ...] = ()
    dialect: str | None = None

    def get(self, name: str) -> Written | None:
        """Return a setting by our name; the last one counts where it is written twice, as for a program."""
        found = [setting for setting in self.settings if setting.name == name]
        return found[-1] if found else None
