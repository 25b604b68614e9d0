"""The line that says which cell an answer is about."""

from recipe_kb.i18n import _
from recipe_kb.schema.gpu import Gpu
from recipe_kb.schema.model import Model
from recipe_kb.schema.recipe import RecipeKey


def heading_of(key: RecipeKey, gpu: Gpu | None, model: Model, num_gpus: int = 1) -> str:
    """Write network, card, tasks, length, method, and what else is unusual."""
    low, high = key.tasks
    tasks = _("1 task") if high == 1 else _("{count} tasks").format(count=low if low == high else f"{low}-{high}")
    card = gpu.name if gpu else _("a card of {size}").format(size=key.gpu.removeprefix("vram-").upper())
    words = [model.hub_id, card, tasks, _("{count} tokens").format(count=key.max_length), key.method]
    if key.goal != "balanced":
        words.append(key.goal)
    if num_gpus > 1:
        words.append(_("{count} GPUs").format(count=num_gpus))
    return " · ".join(words)
