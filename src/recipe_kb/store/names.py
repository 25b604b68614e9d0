"""From what people type to the id of a GPU or a model."""

import re
import string
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recipe_kb.errors import BadInputError, Problem
from recipe_kb.i18n import _
from recipe_kb.store.store import Store
from recipe_kb.text import nearest, squash
from recipe_kb.units import MIB

if TYPE_CHECKING:
    from recipe_kb.schema.gpu import Gpu
    from recipe_kb.schema.model import Model

BARE_MEMORY = re.compile(r"vram-([1-9]\d{0,3})gb")
"""A card known only by its size: the id of `--vram 8` is `vram-8gb`."""


_SIZE_TOLERANCE = 0.06
"""Drivers before R510 leave out their own reserve, up to a twentieth of the card."""
_SIZED = re.compile(r"(?P<card>.+?)[\s-]+\d{1,3}\s?GB", re.IGNORECASE)
_PUNCTUATION = str.maketrans("", "", string.punctuation.replace(".", "") + string.whitespace)


def gpu_spellings(gpu_id: str, gpu: "Gpu") -> tuple[str, ...]:
    """Return what a GPU is called: id, name, device names, aliases."""
    return (gpu_id, gpu.name, *gpu.device_names, *gpu.aliases)


def shared_gpu_names(spelled: Iterable[tuple[str, Sequence[str]]]) -> dict[str, tuple[str, ...]]:
    """Return what people call cards of several memory sizes: `v100` -> v100-16gb, v100-32gb.

    Args:
        spelled: Ids with what each is called.
    """
    own: set[str] = set()
    shared: dict[str, set[str]] = {}
    for gpu_id, names in spelled:
        for name in names:
            own.add(squash(name))
            match = _SIZED.fullmatch(name)
            if match:
                shared.setdefault(squash(match["card"]), set()).add(gpu_id)
    return {name: tuple(sorted(ids)) for name, ids in shared.items() if len(ids) > 1 and name not in own}


def model_spellings(model_id: str, model: "Model") -> tuple[str, ...]:
    """Return what a model is called: id, hub id with and without its owner, aliases."""
    return (model_id, model.hub_id, model.hub_id.partition("/")[2], *model.aliases)


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """One kind of record that people name."""

    folder: str
    ids: Callable[[Store], list[str]]
    spellings: Callable[[Store, str], tuple[str, ...]]
    code: str
    unknown: Callable[[], str]


_GPUS = _Kind(
    folder="gpus",
    ids=Store.gpu_ids,
    spellings=lambda store, gpu_id: gpu_spellings(gpu_id, store.gpu(gpu_id)),
    code="KB201",
    unknown=lambda: _("Unknown GPU {typed!r}."),
)
_MODELS = _Kind(
    folder="models",
    ids=Store.model_ids,
    spellings=lambda store, model_id: model_spellings(model_id, store.model(model_id)),
    code="KB202",
    unknown=lambda: _("Unknown model {typed!r}."),
)


def find_gpu(store: Store, typed: str) -> str:
    """Return the id of a GPU.

    Raises:
        BadInputError: Nothing is called that; the nearest names are offered.
    """
    lowered = typed.strip().lower()
    return lowered if BARE_MEMORY.fullmatch(lowered) else _find(typed, _GPUS, store)


def find_model(store: Store, typed: str) -> str:
    """Return the id of a model.

    Raises:
        BadInputError: Nothing is called that; the nearest names are offered.
    """
    return _find(typed, _MODELS, store)


def gpu_of_device(store: Store, device_name: str, total_bytes: int) -> str | None:
    """Return the id of a GPU in a machine.

    Args:
        store: The knowledge base.
        device_name: What the driver calls it; cards of several memory sizes share names.
        total_bytes: Memory as NVML reports it.

    Returns:
        None if the knowledge base knows no card of that name and size.
    """
    found = _spelled(squash(device_name), _GPUS, store)
    if found is None:
        return None
    expected = store.gpu(found).memory.nvidia_smi_total_mib * MIB
    return found if abs(total_bytes - expected) <= _SIZE_TOLERANCE * expected else None


def _find(typed: str, kind: _Kind, store: Store) -> str:
    lowered = typed.strip().lower()
    if re.fullmatch(r"[a-z0-9][a-z0-9.\-]*", lowered) and (store.root / kind.folder / f"{lowered}.yaml").is_file():
        return lowered
    found = _spelled(squash(typed), kind, store)
    if found:
        return found
    if kind is _GPUS:
        _refuse_several(typed, store)
    owners = {name: record_id for record_id in kind.ids(store) for name in kind.spellings(store, record_id)}
    offered = list(dict.fromkeys(owners[name] for name in nearest(typed, owners, limit=20)))[:3]
    what = kind.unknown().format(typed=typed)
    if offered:
        what += " " + _("Did you mean {names}?").format(names=_(" or ").join(offered))
    elif kind is _GPUS:
        what += " " + _("Where only the size is known, use --vram.")
    raise BadInputError(Problem(code=kind.code, what=what, next_command=f"kb list {kind.folder}"))


def _refuse_several(typed: str, store: Store) -> None:
    """Ask which card is meant where the name is that of several memory sizes."""
    shared = shared_gpu_names((gpu_id, _GPUS.spellings(store, gpu_id)) for gpu_id in store.gpu_ids())
    found = shared.get(squash(typed))
    if found:
        what = several_cards(typed, found)
        raise BadInputError(Problem(code="KB222", what=what, next_command=f"kb show {found[0]}"))


def several_cards(typed: str, ids: Sequence[str]) -> str:
    """Say that a name is that of several cards, and ask for one of them."""
    what = _("{typed} is the name of {count} cards with different memory; say which: {names}.")
    return what.format(typed=typed, count=len(ids), names=_(" or ").join(ids))


def _spelled(wanted: str, kind: _Kind, store: Store) -> str | None:
    """Return the record with this squashed spelling; only files that hold it as text are parsed."""
    if not wanted:
        return None
    for record_id in kind.ids(store):
        content = (store.root / kind.folder / f"{record_id}.yaml").read_text(encoding="utf-8", errors="replace")
        held = wanted in f"{record_id} {content}".lower().translate(_PUNCTUATION)
        if held and wanted in map(squash, kind.spellings(store, record_id)):
            return record_id
    return None
