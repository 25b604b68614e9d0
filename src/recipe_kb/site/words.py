"""Words that several pages share, in the active language: the same messages as the command line's."""

from recipe_kb.i18n import _, ngettext
from recipe_kb.schema.gpu import Gpu
from recipe_kb.schema.model import Model
from recipe_kb.schema.recipe import RecipeKey
from recipe_kb.store.names import BARE_MEMORY


def status_meaning(status: str) -> str:
    """Say what the status of a recipe means."""
    return {
        "measured": _("measured on this GPU"),
        "emulated": _("measured on a larger GPU that was held to this one's limits"),
        "predicted": _("predicted, not measured yet"),
        "reported": _("reported by a guide, not measured yet"),
        "refuted": _("cannot hold"),
    }[status]


def origin_meaning(origin: str) -> str:
    """Say what the origin of a recipe means."""
    return {
        "guide": _("from a guide, with the changes explained below"),
        "published": _("published by the authors of the model"),
        "derived": _("derived by rules from a published starting point"),
        "tuned": _("found by measuring"),
    }[origin]


def verdict_meaning(verdict: str) -> str:
    """Say what the verdict on a claim means."""
    return {
        "consistent": _("its arithmetic and its facts hold"),
        "inconsistent": _("clashes with itself or with another claim"),
        "contradicted": _("a public fact or exact arithmetic says otherwise"),
        "unverified": _("needs a measurement"),
    }[verdict]


def goal_words(goal: str) -> str:
    """Say what a goal asks for, with the id that is typed."""
    return {
        "balanced": _("as published (balanced)"),
        "quality": _("for the score: half the batch (quality)"),
        "speed": _("for speed: twice the batch (speed)"),
    }[goal]


def method_words(method: str) -> str:
    """Say what a method trains, with the id that is typed."""
    return {
        "full": _("all weights (full)"),
        "lora": _("adapters (lora)"),
        "qlora": _("adapters on 4-bit weights (qlora)"),
    }[method]


def card_name(gpu_id: str, gpu: Gpu | None) -> str:
    """Name a card; one that is known by its size alone has no other name."""
    bare = BARE_MEMORY.fullmatch(gpu_id)
    if gpu is None and bare:
        return _("a card of {size}").format(size=f"{bare[1]} GB")
    return gpu.name if gpu else gpu_id


def tasks_words(tasks: tuple[int, int]) -> str:
    """Write a number of tasks, or a range."""
    low, high = tasks
    return _("1 task") if high == 1 else _("{count} tasks").format(count=low if low == high else f"{low}-{high}")


def recipe_title(key: RecipeKey, gpu: Gpu | None, model: Model) -> str:
    """Write the title of a recipe's page."""
    words = [
        model.hub_id.partition("/")[2],
        card_name(key.gpu, gpu),
        tasks_words(key.tasks),
        _("{count} tokens").format(count=key.max_length),
        key.method,
    ]
    if key.goal != "balanced":
        words.append(key.goal)
    return " · ".join(words)


def counted_recipes(count: int) -> str:
    """Write how many recipes there are."""
    return ngettext("{count} recipe", "{count} recipes", count).format(count=count)
