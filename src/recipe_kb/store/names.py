"""From what people type to the id of a GPU or a model."""

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from recipe_kb.errors import BadInputError, Problem
from recipe_kb.i18n import _
from recipe_kb.store.store import Store
from recipe_kb.text import nearest, squash

if TYPE_CHECKING:
    from recipe_kb.schema.gpu import Gpu
    from recipe_kb.schema.model import Model

BARE_MEMORY = re.compile(r"vram-(\d{1,4})gb")
"""A card known only by its size: the id of `--vram 8` is `vram-8gb`."""


def gpu_names(store: Store) -> dict[str, str]:
    """Return every spelling of every GPU -> its id."""
    names: dict[str, str] = {}
    for gpu_id in store.gpu_ids():
        _add(names, gpu_id, gpu_spellings(gpu_id, store.gpu(gpu_id)))
    return names


def model_names(store: Store) -> dict[str, str]:
    """Return every spelling of every model -> its id; the hub id with and without its owner."""
    names: dict[str, str] = {}
    for model_id in store.model_ids():
        _add(names, model_id, model_spellings(model_id, store.model(model_id)))
    return names


def gpu_spellings(gpu_id: str, gpu: "Gpu") -> tuple[str, ...]:
    """Return what a GPU is called: id, name, device names, aliases."""
    return (gpu_id, gpu.name, *gpu.device_names, *gpu.aliases)


def model_spellings(model_id: str, model: "Model") -> tuple[str, ...]:
    """Return what a model is called: id, hub id with and without its owner, aliases."""
    return (model_id, model.hub_id, model.hub_id.partition("/")[2], *model.aliases)


def _add(names: dict[str, str], record_id: str, spellings: Iterable[str]) -> None:
    for spelling in spellings:
        names.setdefault(spelling, record_id)


def find_gpu(store: Store, typed: str) -> str:
    """Return the id of a GPU.

    Raises:
        BadInputError: Nothing is called that; the nearest names are offered.
    """
    if BARE_MEMORY.fullmatch(typed):
        return typed
    return _find(typed, "gpus", store, gpu_names)


def find_model(store: Store, typed: str) -> str:
    """Return the id of a model.

    Raises:
        BadInputError: Nothing is called that; the nearest names are offered.
    """
    return _find(typed, "models", store, model_names)


def _find(typed: str, folder: str, store: Store, all_names: Callable[[Store], dict[str, str]]) -> str:
    lowered = typed.strip().lower()
    if re.fullmatch(r"[a-z0-9][a-z0-9.\-]*", lowered) and (store.root / folder / f"{lowered}.yaml").is_file():
        return lowered
    names = all_names(store)
    wanted = squash(typed)
    for spelling, record_id in names.items():
        if wanted and squash(spelling) == wanted:
            return record_id
    offered = list(dict.fromkeys(names[name] for name in nearest(typed, names, limit=20)))[:3]
    if folder == "gpus":
        code, what = "KB201", _("Unknown GPU {typed!r}.")
    else:
        code, what = "KB202", _("Unknown model {typed!r}.")
    what = what.format(typed=typed)
    if offered:
        what += " " + _("Did you mean {names}?").format(names=_(" or ").join(offered))
    raise BadInputError(Problem(code=code, what=what, next_command=f"kb list {folder}"))
