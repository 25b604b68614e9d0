"""Our own measurements: files that `gpu_memory_grid.py` wrote, as cases.

What is scored is what torch's allocator had reserved at the peak of the phase that the configuration is about.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from memory_grid.configuration import Configuration
from memory_grid.results import SCHEMA

from accuracy import words
from accuracy.case import Case
from accuracy.spec import Precision, RowSpec
from recipe_kb.units import MIB

TIER = "own"
_PHASE = {"train": "training", "evaluate": "evaluation"}
_PRECISIONS: dict[str, Precision] = {"fp32": "fp32", "fp16": "fp16-amp", "bf16": "bf16-amp"}


def grid_files(folder: Path) -> list[Path]:
    """Return the files of the grid in a folder of evidence; they say what they are in `schema`."""
    return [path for path in sorted(folder.glob("*.json")) if _read(path).get("schema") == SCHEMA]


def grid_rows(path: Path) -> Iterator[Case]:
    """Make a case of each result of a file, measured or not.

    Args:
        path: Written by `gpu_memory_grid.py`.
    """
    document = _read(path)
    machine = document["machine"]
    for result in document["results"]:
        configuration = Configuration.from_json(result["configuration"])
        phase = result.get("memory", {}).get(_PHASE[configuration.run])
        case = Case(
            id=result["id"],
            tier=TIER,
            set="held-out" if result["held_out"] else "in-sample",
            measured_mib=phase["peak_reserved_bytes"] / MIB if phase else 0.0,
            spec=None,
        )
        if result["verdict"] == "measured" and phase:
            case.spec = _spec(result, configuration, machine)
        else:
            case.reason = f"not measured: {result['verdict']}"
        yield case


def _spec(result: dict[str, Any], configuration: Configuration, machine: dict[str, Any]) -> RowSpec:
    settings = configuration.settings
    context = result.get("context", {}).get("at_end_bytes") or 0
    return RowSpec(
        id=result["id"],
        model=configuration.model,
        model_class="",
        model_type="",
        config={},
        optimizer=settings.optim,
        optimizer_from="torch",
        foreach=False,
        batch=settings.per_device_train_batch_size,
        accumulation=settings.gradient_accumulation_steps,
        length=configuration.max_length,
        dynamic=False,
        precision=_PRECISIONS[settings.precision],
        checkpointing="non-reentrant" if settings.gradient_checkpointing else "no",
        attention=settings.attn_implementation,
        attention_mask=True,
        loop="trainer",
        max_grad_norm=settings.max_grad_norm,
        counter="reserved",
        context_mib=0.0,
        gpu=machine["gpu"],
        capacity_mib=(machine["gpu_total_bytes"] - context) / MIB,
        transformers=machine["packages"]["transformers"],
        torch=words.torch_version(machine["packages"]["torch"]),
        configuration=result["configuration"],
    )


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document
