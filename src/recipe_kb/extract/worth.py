"""What is a training configuration, and what only looks like one: most files with `workers: 4` are about others."""

from collections.abc import Sequence
from dataclasses import replace

from recipe_kb.extract.segments import Segment
from recipe_kb.extract.understood import Understood
from recipe_kb.schema.configuration import Written

_CONTEXT_ONLY = frozenset(
    {
        "dataset_name",
        "debug",
        "deepspeed",
        "do_eval",
        "do_predict",
        "do_train",
        "local_rank",
        "log_level",
        "method",
        "model_name_or_path",
        "num_gpus",
        "output_dir",
        "project",
        "quantization_bits",
        "report_to",
        "run_name",
        "seed",
        "tasks",
    }
)
"""Names that say what a configuration is for, or that any program has."""


_AT_LEAST = 2
_QLORA_BITS = 4


def worth_keeping(found: Sequence[Understood], *, flat: bool = False) -> list[Understood]:
    """Leave out unknown names that stand apart from everything that is known.

    Args:
        found: In the order of their lines.
        flat: The text is a file of settings, where names without an owner belong together; in programs they do not.
    """
    holders = {one.entry.holder for one in found if one.name is not None}
    owners = {_owner(one) for one in found if one.name is not None} - (set() if flat else {""})
    kept = []
    for one in found:
        if one.name is not None:
            keep = not (one.entry.computed and one.weak and one.name in _CONTEXT_ONLY)
        elif one.entry.computed:
            keep = False
        elif one.entry.holder is not None or one.entry.of_words:
            keep = one.entry.holder in holders
        else:
            keep = _owner(one) in owners
        if keep:
            kept.append(one)
    return kept


def _owner(one: Understood) -> str:
    """Return the object that a plain statement belongs to: `CONFIG` of `CONFIG.lr`."""
    return one.entry.path.rpartition(".")[0]


def is_configuration(segment: Segment, kind: str, *, alone: bool) -> bool:
    """Say whether what was found is about training.

    Args:
        segment: What stands together.
        kind: What it is written in.
        alone: It is a whole file; in a guide one common word is enough, because people put into a fence what they
            write about. A program needs two settings: every model's class has a `gradient_checkpointing`.
    """
    known = [one for one in segment.found if one.name is not None]
    written = [one for one in known if one.written is not None]
    if kind in {"text", "markdown-table"} and not written:
        return False
    strong = [one for one in known if not one.weak]
    if alone and kind == "python" and len({one.name for one in known} - _CONTEXT_ONLY) < _AT_LEAST:
        return False
    if strong:
        return bool(written) or any(one.entry.computed for one in strong)
    names = {one.name for one in written} - _CONTEXT_ONLY
    return len(names) >= (_AT_LEAST if alone else 1)


def quantized(settings: list[Written]) -> list[Written]:
    """Name adapters on 4-bit weights qlora, as LLaMA-Factory has no word of its own for them."""
    if not any(one.name == "quantization_bits" and one.value == _QLORA_BITS for one in settings):
        return settings
    return [replace(one, value="qlora") if one.name == "method" and one.value == "lora" else one for one in settings]


def settled(settings: list[Written], flags: Sequence[str | None]) -> list[Written]:
    """Settle the switches fp16 and bf16: one that is off says fp32 only where none is on.

    Args:
        settings: Of one configuration.
        flags: For each of them the switch that it is, if it is one.
    """
    if not any(one.name == "precision" and one.value != "fp32" for one in settings):
        return settings
    return [
        replace(one, name=flag, value=False) if flag and one.value == "fp32" else one
        for one, flag in zip(settings, flags, strict=True)
    ]
