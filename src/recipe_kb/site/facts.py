"""What pages refer to: a value of the knowledge base, found by kind, id and path; `gpu:t4#memory.torch_total_mib.0`."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recipe_kb.errors import BadInputError, FindingError
from recipe_kb.i18n import _
from recipe_kb.resolve.answer import Answer, answer_key
from recipe_kb.resolve.memory import MemoryEstimate
from recipe_kb.schema.recipe import RecipeKey
from recipe_kb.site.changed import changed, split
from recipe_kb.site.constants import CONSTANTS
from recipe_kb.store.names import BARE_MEMORY
from recipe_kb.store.store import Store
from recipe_kb.text import nearest


class NoSuchFactError(LookupError):
    """A page refers to something that is not there; the text says what, in the active language."""


@dataclass(frozen=True)
class Facts:
    """Values of one knowledge base. An answer is worked out once for all pages and languages.

    Attributes:
        store: Its records.
        figures: Folder of what benchmarks measured; None where pages refer to none.
    """

    store: Store
    figures: Path | None = None
    _answers: dict[str, Answer] = field(default_factory=dict, init=False, repr=False)
    _memories: dict[str, MemoryEstimate] = field(default_factory=dict, init=False, repr=False)
    _records: dict[tuple[str, str], Any] = field(default_factory=dict, init=False, repr=False)
    _known: dict[str, frozenset[str]] = field(default_factory=dict, init=False, repr=False)

    def find(self, kind: str, record_id: str, path: str) -> Any:
        """Return one value.

        Args:
            kind: A key of `KINDS`, or `predicted`, `evidence`, `figure`, `constant`.
            record_id: Of the record.
            path: Names and positions joined by dots.

        Raises:
            NoSuchFactError: There is no such record, no such value, or it is None.
        """
        value = self.record(kind, record_id)
        for part in path.split("."):
            value = _part(value, part, f"{kind}:{record_id}#{path}")
        if value is None:
            raise NoSuchFactError(_("{name} has no value").format(name=f"{kind}:{record_id}#{path}"))
        return value

    def answer(self, recipe_id: str) -> Answer:
        """Answer the cell of a recipe; the same object each time.

        Raises:
            NoSuchFactError: It is no recipe id, or nothing fits.
        """
        if recipe_id not in self._answers:
            key = RecipeKey.parse(recipe_id)
            if key is None:
                raise self._unknown("recipe", recipe_id)
            if key.model not in self.ids("model"):
                raise self._unknown("model", key.model)
            if key.gpu not in self.ids("gpu") and not BARE_MEMORY.fullmatch(key.gpu):
                raise self._unknown("gpu", key.gpu)
            try:
                self._answers[recipe_id] = answer_key(self.store, key)
            except FindingError as error:
                raise NoSuchFactError(str(error)) from error
        return self._answers[recipe_id]

    def keep(self, answer: Answer) -> None:
        """Take an answer that was worked out elsewhere."""
        self._answers[answer.recipe_id] = answer

    def memory(self, name: str) -> MemoryEstimate:
        """Predict the memory of a recipe, or of one with changes: `t4/biobert/8t-512-full?optim=sgd`.

        Raises:
            NoSuchFactError: It is no recipe id, or nothing fits.
            ValueError: There is no such setting, or no step was traced with it.
        """
        if name not in self._memories:
            recipe_id, changes = split(name)
            self._memories[name] = changed(self.answer(recipe_id), changes).memory(self.store)
        return self._memories[name]

    def newest_evidence(self, recipe_id: str) -> str:
        """Return the path of the newest evidence of a recipe below `evidence/`, without suffix.

        Raises:
            NoSuchFactError: There is none.
        """
        found = self.store.evidence(recipe_id)
        if not found:
            raise NoSuchFactError(_("{name} has no evidence").format(name=recipe_id))
        return str(found[0]["path"]).removeprefix("evidence/").removesuffix(".json")

    def ids(self, kind: str) -> list[str]:
        """Return the ids of all records of a kind."""
        listed: dict[str, Callable[[], list[str]]] = {
            "recipe": self.store.recipe_files,
            "predicted": self.store.recipe_files,
            "gpu": self.store.gpu_ids,
            "model": self.store.model_ids,
            "rule": self.store.rule_ids,
            "claim": lambda: [claim.id for claim in self.store.claims()],
            "evidence": self.store.recipe_files,
            "figure": lambda: sorted(path.stem for path in self.figures.glob("*.json")) if self.figures else [],
            "constant": lambda: sorted(CONSTANTS),
        }
        return listed[kind]()

    def record(self, kind: str, record_id: str) -> Any:
        """Return a whole record, read once; `find` has the arguments and the error."""
        if kind == "predicted":
            return self.memory(record_id)
        if (kind, record_id) not in self._records:
            self._records[kind, record_id] = self._read(kind, record_id)
        return self._records[kind, record_id]

    def _read(self, kind: str, record_id: str) -> Any:
        if kind == "evidence":
            path = self.store.root / "evidence" / f"{record_id}.json"
            if not path.is_file():
                raise self._unknown(kind, record_id)
            return json.loads(path.read_text(encoding="utf-8"))
        if kind not in self._known:
            self._known[kind] = frozenset(self.ids(kind))
        if record_id not in self._known[kind]:
            raise self._unknown(kind, record_id)
        if kind == "constant":
            return CONSTANTS[record_id]
        if kind == "figure" and self.figures:
            return json.loads((self.figures / f"{record_id}.json").read_text(encoding="utf-8"))
        return KINDS[kind](self.store, record_id)

    def _unknown(self, kind: str, record_id: str) -> NoSuchFactError:
        what = _("There is no {kind} {name!r}.").format(kind=kind, name=record_id)
        known = self.ids(kind)
        offered = nearest(record_id, known) or _beside(record_id, known)
        if offered:
            what += " " + _("Did you mean {names}?").format(names=_(" or ").join(offered))
        return NoSuchFactError(what)


def _beside(record_id: str, known: Sequence[str]) -> Sequence[str]:
    """Return the first records of the same folder, where no name is like it: `t4/nothing` -> recipes of the T4."""
    folders = record_id.split("/")[:-1]
    while folders:
        found = [name for name in known if name.startswith("/".join(folders) + "/")]
        if found:
            return found[:3]
        folders.pop()
    return []


def _recipe(store: Store, recipe_id: str) -> Any:
    key = RecipeKey.parse(recipe_id)
    if key is None:
        raise NoSuchFactError(recipe_id)
    return store.recipe(key)


KINDS: dict[str, Callable[[Store, str], Any]] = {
    "recipe": _recipe,
    "gpu": Store.gpu,
    "model": Store.model,
    "rule": Store.rule,
    "claim": Store.claim,
}
"""Kind of record that a page may refer to -> how it is read; `Facts` itself knows the other kinds."""


def _part(value: Any, name: str, whole: str) -> Any:
    """Return one part of a value: a key, a position, a field or what is worked out of the fields."""
    missing = NoSuchFactError(_("{name} is not there").format(name=whole))
    if isinstance(value, Mapping):
        if name not in value:
            raise missing
        return value[name]
    if isinstance(value, Sequence) and not isinstance(value, str):
        if not name.isdecimal() or int(name) >= len(value):
            raise missing
        return value[int(name)]
    if name.startswith("_") or not hasattr(value, "__dict__"):
        raise missing
    try:
        found = getattr(value, name)
    except (AttributeError, BadInputError) as error:
        raise missing from error
    if callable(found):
        raise missing
    return found
