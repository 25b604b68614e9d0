"""From a row of the table to the spec of its training, or the reason why there is none."""

from typing import Any

from accuracy import models, versions, words
from accuracy.architecture import config_of_arch, family_of
from accuracy.gpus import capacity_mib
from accuracy.spec import CannotPredictError, RowSpec
from accuracy.table import MeasuredRow

_OTHER_CODE = {
    "GPUMemNet": "script, optimizer and precision of the GPUMemNet runs are not published",
    "Automodel": "sharded over several GPUs",
    "FSDP": "sharded over several GPUs",
}
"""Word in the source or the conditions -> why nothing of that origin is predicted."""


def spec_of_row(row: MeasuredRow, current: str) -> RowSpec:
    """Read every column of a row.

    Args:
        row: One line of the table.
        current: The installed version of transformers.

    Raises:
        CannotPredictError: The row is of another implementation, or does not say what must be known.
    """
    text = row.text
    _refuse_other_code(text)
    model_class, model_type, config, model_notes = _network(row)
    optimizer = words.optimizer(text["optimizer"])
    idle = optimizer.name == "none"
    length = words.length(text["seq_len"])
    checkpointing, checkpointing_notes = words.checkpointing(text["gradient_checkpointing"])
    loop, loop_notes = words.loop(text["conditions"])
    context = words.context_mib(text["includes_cuda_context"])
    version, version_note = versions.choose(text["transformers"], current)
    capacity = capacity_mib(text["gpu"], context)
    capacity_notes = () if capacity else (f"no memory limit is simulated: the size of {text['gpu']!r} is not known",)
    return RowSpec(
        id=row.id,
        model=text["model"],
        model_class=model_class,
        model_type=model_type,
        config=config,
        optimizer=optimizer.name,
        optimizer_from=optimizer.implementation,
        foreach=optimizer.foreach,
        batch=0 if idle else words.whole_number(text["batch"], "batch"),
        accumulation=1 if idle else words.whole_number(text["grad_accum"], "grad_accum"),
        length=length.tokens,
        dynamic=length.dynamic,
        precision=words.precision(text["precision"]),
        checkpointing=checkpointing,
        attention=words.attention(text["attn"]),
        attention_mask="no attention_mask" not in text["conditions"],
        loop=loop,
        max_grad_norm=words.max_grad_norm(text["conditions"]),
        counter=words.counter(text["counter"]),
        context_mib=context,
        gpu=text["gpu"],
        capacity_mib=capacity,
        transformers=version,
        torch=words.torch_version(text["torch"]),
        notes=(
            *model_notes,
            *optimizer.notes,
            *checkpointing_notes,
            *loop_notes,
            *capacity_notes,
            *([version_note] if version_note else []),
        ),
    )


def _refuse_other_code(text: dict[str, str]) -> None:
    if "own model" in text["transformers"]:
        raise CannotPredictError(f"{text['transformers']}: not a network of transformers")
    for word, reason in _OTHER_CODE.items():
        if word in text["source"] or word in text["conditions"]:
            raise CannotPredictError(reason)


def _network(row: MeasuredRow) -> tuple[str, str, dict[str, Any], tuple[str, ...]]:
    """Return class, model type, config and notes: published values, then what the row itself states."""
    published = models.find(row.text["model"])
    arch = row.arch or {}
    if published is None and not arch:
        raise CannotPredictError(f"model {row.text['model']!r} is not listed and the row gives no architecture")
    model_class = str(arch.get("cls") or (published.model_class if published else ""))
    family = family_of(model_class)
    stated, notes = config_of_arch(arch, family)
    if published is None:
        return model_class, family.model_type, stated, (*notes, "built from the row's own arch alone")
    if published.model_type != family.model_type:
        raise CannotPredictError(f"{row.text['model']} is a {published.model_type}, but arch says {model_class}")
    base = published.config
    differing = [
        f"{key} {value!r}, not {base[key]!r}" for key, value in stated.items() if base.get(key, value) != value
    ]
    if differing:
        notes = (*notes, f"arch differs from the published config, and wins: {'; '.join(differing)}")
    return model_class, family.model_type, base | stated, notes
