"""Work cells out, only those whose facts have changed; files are written as they are done, so it can be stopped."""

import json
from collections.abc import Iterable, Iterator

from recipe_kb.resolve.derive import derive
from recipe_kb.resolve.memory import memory_of
from recipe_kb.schema.recipe import RecipeKey
from recipe_kb.site.cell_inputs import gpu_hash, model_hash
from recipe_kb.site.cells import METHODS, Cell, ModelCells, cells_path, lengths_of, read_cells
from recipe_kb.site.place import Place
from recipe_kb.store.store import Store
from recipe_kb.units import MIB


def make_cells(place: Place, model_ids: Iterable[str], *, again: bool = False) -> Iterator[tuple[str, int]]:
    """Bring the cells of models up to date.

    Args:
        place: Where everything is.
        model_ids: Of which models.
        again: Work out every cell, not only those whose facts have changed: after a change of the code.

    Yields:
        Each model with how many of its cells were worked out anew.
    """
    store = place.store
    hashes = {gpu_id: gpu_hash(store, gpu_id) for gpu_id in store.gpu_ids()}
    for model_id in model_ids:
        inputs, before = model_hash(store, model_id), None if again else read_cells(place, model_id)
        same = before if before and before.inputs == inputs else None
        kept = {gpu_id for gpu_id in hashes if same and same.gpus.get(gpu_id) == hashes[gpu_id]}
        cells: dict[tuple[str, int, str], Cell | None] = {}
        count = 0
        for key in _keys(store, model_id):
            name = (key.method, key.max_length, key.gpu)
            if same and key.gpu in kept and name in same.cells:
                cells[name] = same.cells[name]
            else:
                cells[name], count = cell_of(store, key), count + 1
        path = cells_path(place, model_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        content = ModelCells(model=model_id, inputs=inputs, gpus=hashes, cells=cells).to_json()
        path.write_text(json.dumps(content, indent=None, separators=(",", ":")) + "\n", encoding="utf-8")
        yield model_id, count


def cell_of(store: Store, key: RecipeKey) -> Cell | None:
    """Derive one cell, as `kb recipe` does where no file answers; None if nothing fits."""
    gpu, model = store.gpu(key.gpu), store.model(key.model)
    recipe = derive(store, key, gpu, model, None).recipe
    if recipe is None:
        return None
    settings = recipe.settings
    memory = memory_of(store, key, settings, None, gpu, model)
    return Cell(
        batch=settings.per_device_train_batch_size,
        accumulation=settings.gradient_accumulation_steps,
        learning_rate=settings.learning_rate,
        precision=settings.precision,
        checkpointing=settings.gradient_checkpointing,
        optim=settings.optim,
        peak_mib=-(-memory.peak_reserved_bytes // MIB),
        limit_mib=memory.limit_bytes // MIB,
    )


def _keys(store: Store, model_id: str) -> Iterator[RecipeKey]:
    for method in METHODS:
        for length in lengths_of(store.model(model_id)):
            for gpu_id in store.gpu_ids():
                yield RecipeKey(gpu=gpu_id, model=model_id, tasks=(1, 1), max_length=length, method=method)
