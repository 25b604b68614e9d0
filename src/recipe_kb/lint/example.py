"""The good and bad examples of rules: a few lines that become configurations.

    # gpu=t4 model=biobert max_length=512 tasks=8
    per_device_train_batch_size: 16  # Effective = 64

A line of `#` and `name=value` says what the words around the configuration would say; `---` begins the next
configuration of the same file. `--name value` is a flag of a shell script. All else is left to `kb extract`.
"""

import re
from collections.abc import Sequence
from typing import Any

from recipe_kb.lint.asked import Asked
from recipe_kb.schema.configuration import Configuration, Context, NotUnderstood, Written

FILE = "example.yaml"
_HEAD = re.compile(
    r"#(?: (?:gpu|model|tasks|max_length|num_samples|method|num_gpus|transformers|label|dialect)=\S+)+\s*"
)
_LINE = re.compile(
    r"(?P<before>\s*(?:--)?(?P<name>[\w.]+)(?:: | ))(?P<value>(?:[^\s#\\]|\\(?=\S))+)\s*\\?\s*"
    r"(?:(?:#|//|<!--)\s*(?P<comment>.*))?"
)
_AS_PRECISION = {"fp16", "bf16"}


def read(text: str) -> tuple[list[Configuration], Asked, list[str]]:
    """Read an example.

    Returns:
        Its configurations, the version of transformers it is about, and its lines.
    """
    lines = text.strip("\n").splitlines()
    blocks: list[list[int]] = [[]]
    for number, line in enumerate(lines, start=1):
        if line == "---":
            blocks.append([])
        else:
            blocks[-1].append(number)
    asked, found = Asked(), []
    for block in blocks:
        heads = [lines[number - 1] for number in block if _HEAD.fullmatch(lines[number - 1])]
        said = dict(pair.split("=") for head in heads for pair in head.removeprefix("#").split())
        if "transformers" in said:
            asked = Asked(transformers=said.pop("transformers"))
        found.append(_configuration(lines, block, said))
    return found, asked, lines


def _configuration(lines: Sequence[str], block: Sequence[int], said: dict[str, str]) -> Configuration:
    settings, unknown = [], []
    for number in block:
        match = _LINE.fullmatch(lines[number - 1])
        if match is None:
            continue
        name, text = match["name"], match["value"]
        value = _value(text.strip("'\""))
        if value == "${X}":
            unknown.append(NotUnderstood(name=name, text=text, line=number, why=""))
            continue
        ours, value = ("precision", name) if name in _AS_PRECISION and value is True else (name, value)
        ours, value = ("warmup_ratio", value) if _is_share(ours, value) else (ours, value)
        start = match.end("before")
        settings.append(
            Written(
                name=OURS.get(ours, ours),
                value=value,
                written_name=name,
                written_value=text.strip("'\""),
                line=number,
                start=start,
                end=start + len(text),
                comment=match["comment"],
            )
        )
    numbers = {name: int(value) for name, value in said.items() if value.isdecimal()}
    names = {name: value for name, value in said.items() if name in {"gpu", "model", "method"}}
    context = Context(**numbers, **names, lines=dict.fromkeys({**numbers, **names}, block[0]))  # type: ignore[arg-type]
    return Configuration(
        file=FILE,
        lines=(block[0], block[-1]),
        kind="shell" if any(lines[number - 1].lstrip().startswith("--") for number in block) else "yaml",
        label=said.get("label", ""),
        context=context,
        settings=tuple(settings),
        not_understood=tuple(unknown),
        dialect=said.get("dialect"),
    )


OURS = {
    "mixed_precision": "precision",
    "micro_batch_size": "per_device_train_batch_size",
    "train_micro_batch_size_per_gpu": "per_device_train_batch_size",
    "train_batch_size": "effective_batch_size",
    "evaluation_strategy": "eval_strategy",
    "activation_checkpointing": "gradient_checkpointing",
}


def _is_share(name: str, value: Any) -> bool:
    return name == "warmup_steps" and isinstance(value, float) and value < 1


def _value(text: str) -> Any:
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text
