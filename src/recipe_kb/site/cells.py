"""Settings of cells that no recipe file answers, worked out beforehand: GPU x model x length x method, for one task.

Deriving one takes up to a second, and there are thousands, so they are kept in `docs/data/cells/`, one file per model;
`kb site cells` brings them up to date. They say what `kb recipe` says, and a test holds some of them against it.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from recipe_kb.errors import BadInputError, Problem
from recipe_kb.i18n import _
from recipe_kb.schema.base import Method
from recipe_kb.schema.model import Model
from recipe_kb.site.cell_inputs import gpu_hash, model_hash
from recipe_kb.site.place import Place

SCHEMA = "kb-cells/1"
GENERATED = "by `kb site cells`; do not edit"
METHODS: tuple[Method, ...] = ("full", "lora", "qlora")
_ENCODER_LENGTHS = (128, 256, 512)
_DECODER_LENGTHS = (512,)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What `kb recipe` answers for one task; memory in MiB."""

    batch: int
    accumulation: int
    learning_rate: float
    precision: str
    checkpointing: bool
    optim: str
    peak_mib: int
    limit_mib: int


@dataclass(frozen=True, kw_only=True)
class ModelCells:
    """All cells of one model.

    Attributes:
        model: Its id.
        inputs: Hash of what every cell depends on beside its GPU; see `cell_inputs`.
        gpus: GPU to the hash of what its cells depend on, at the time they were worked out.
        cells: (method, length, gpu) to the cell; None where nothing fits.
    """

    model: str
    inputs: str
    gpus: dict[str, str]
    cells: dict[tuple[str, int, str], Cell | None]

    def to_json(self) -> dict[str, Any]:
        """Return the file's object."""
        nested: dict[str, dict[str, dict[str, Any]]] = {}
        for (method, length, gpu), cell in self.cells.items():
            values = list(asdict(cell).values()) if cell else None
            nested.setdefault(method, {}).setdefault(str(length), {})[gpu] = values
        return {
            "generated": GENERATED,
            "schema": SCHEMA,
            "schema_version": 1,
            "model": self.model,
            "tasks": 1,
            "goal": "balanced",
            "columns": list(Cell.__dataclass_fields__),
            "inputs": self.inputs,
            "gpus": self.gpus,
            "cells": nested,
        }


def cells_folder(place: Place) -> Path:
    """Return the folder of all cells."""
    return place.docs / "data" / "cells"


def cells_path(place: Place, model_id: str) -> Path:
    """Return the file of a model's cells."""
    return cells_folder(place) / f"{model_id}.json"


def read_cells(place: Place, model_id: str) -> ModelCells | None:
    """Read the cells of a model; None if nobody has worked them out yet.

    Raises:
        BadInputError: It is no such file.
    """
    path = cells_path(place, model_id)
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        cells = {
            (method, int(length), gpu): Cell(**dict(zip(Cell.__dataclass_fields__, values, strict=True)))
            if values
            else None
            for method, by_length in content["cells"].items()
            for length, by_gpu in by_length.items()
            for gpu, values in by_gpu.items()
        }
        return ModelCells(model=content["model"], inputs=content["inputs"], gpus=content["gpus"], cells=cells)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        what = _("is not what `kb site cells` writes: {why}").format(why=f"{type(error).__name__}: {error}")
        problem = Problem(code="KB417", what=what, where=place.shown(path), next_command=f"kb site cells {model_id}")
        raise BadInputError(problem) from error


def lengths_of(model: Model) -> tuple[int, ...]:
    """Return the lengths for which cells of a model are worked out, in tokens."""
    standard = _ENCODER_LENGTHS if model.family == "encoder" else _DECODER_LENGTHS
    return tuple(length for length in standard if length <= model.max_length) or (model.max_length,)


def cells_problems(place: Place) -> Iterator[Problem]:
    """Yield the models whose cells are missing or out of date."""
    store = place.store
    hashes = {gpu_id: gpu_hash(store, gpu_id) for gpu_id in store.gpu_ids()}
    for model_id in store.model_ids():
        where, command = place.shown(cells_path(place, model_id)), f"kb site cells {model_id}"
        found = read_cells(place, model_id)
        if found is None:
            yield Problem(code="KB417", what=_("there are no cells of this model"), where=where, next_command=command)
        elif found.inputs != model_hash(store, model_id) or found.gpus != hashes:
            what = _("the knowledge base has changed since these cells were worked out")
            yield Problem(code="KB417", what=what, where=where, next_command=command)
