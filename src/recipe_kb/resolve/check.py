"""The knowledge base itself: every file fits its schema, every reference leads somewhere, every sum holds."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from recipe_kb.errors import BadInputError, Problem
from recipe_kb.i18n import _, gib
from recipe_kb.resolve.cuda_references import cuda_references
from recipe_kb.resolve.evidence_files import PROBE_BEHIND, evidence_files, evidence_problems, is_proven
from recipe_kb.resolve.layout_files import layout_problems
from recipe_kb.resolve.memory import RULE, memory_of
from recipe_kb.resolve.rules import RULES
from recipe_kb.resolve.signs import odd_bounds, sign_references
from recipe_kb.resolve.traced_files import traced_problems
from recipe_kb.schema.gpu import Gpu
from recipe_kb.schema.model import Model
from recipe_kb.schema.recipe import MAX_TASKS, Recipe, RecipeKey, Rung, Settings
from recipe_kb.store.names import BARE_MEMORY, gpu_spellings, model_spellings
from recipe_kb.store.store import Store
from recipe_kb.store.yaml_file import line_in, yaml_error
from recipe_kb.text import squash

Found = TypeVar("Found")
_PLACES = re.compile(
    r"[a-z]+\.yaml|(gpus|models|rules|claims)/[^/]+\.yaml|recipes/[^/]+/[^/]+/[^/]+\.yaml"
    r"|(memory|layouts)/[^/]+\.json|schema/[^/]+\.json|evidence/([^/]+/[^/]+/[^/]+/)?[^/]+\.json"
)
_BATCH = ("per_device_train_batch_size", "gradient_accumulation_steps")
_CORRECTABLE = {*Settings.__dataclass_fields__, "max_length", "warmup_steps"}
"""Settings that a guide may name; a fixed number of warm-up steps is one we do not take over."""


class Checker:
    """Collects problems over one pass; what cannot be read is reported once and then left out."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.problems: list[Problem] = []
        self.counts: dict[str, int] = {}

    def run(self) -> list[Problem]:
        """Check everything and return the problems in the order of the files."""
        store = self.store
        self.sources = self._one(store.sources, {})
        self.remedies = self._one(store.remedies, {})
        self.terms = self._one(store.terms, ())
        self.guides = {guide.id: guide for guide in self._one(store.guides, ())}
        self.gpus = self._all("gpus", store.gpu_ids(), store.gpu)
        self.models = self._all("models", store.model_ids(), store.model)
        self.rules = self._all("rules", store.rule_ids(), store.rule)
        claim_files = self._all("claims", store.claim_file_ids(), store.claim_file)
        self.claims = {claim.id: claim for claim_file in claim_files.values() for claim in claim_file.claims}
        self.counts |= {"claims": len(self.claims), "sources": len(self.sources), "terms": len(self.terms)}
        self._check_files()
        self._check_facts()
        self._check_cuda()
        self.problems += traced_problems(store)
        self.counts["memory"] = len(store.memory_ids())
        self.problems += layout_problems(store)
        self.counts["layouts"] = len(store.layout_ids())
        self._check_claims(claim_files)
        self._check_signs()
        self._check_recipes()
        self.problems += evidence_problems(store)
        self.counts["evidence"] = len(evidence_files(store))
        return self.problems

    def _one(self, read: Callable[[], Found], otherwise: Any) -> Found | Any:
        try:
            return read()
        except BadInputError as error:
            self.problems += error.problems
            return otherwise

    def _all(self, kind: str, ids: Iterable[str], read: Callable[[str], Found]) -> dict[str, Found]:
        records = {}
        for record_id in ids:
            record = self._one(lambda record_id=record_id: read(record_id), None)  # type: ignore[misc]
            if record is not None:
                records[record_id] = record
        self.counts[kind] = len(records)
        return records

    def add(self, code: str, what: str, relative: str, loc: Sequence[str | int] = ()) -> None:
        """Add one problem at a place of a file that is known to be readable."""
        try:
            where = f"{self.store.shown(relative)}:{line_in(self.store.root / relative, loc)}"
        except (OSError, ValueError, yaml_error()):
            where = self.store.shown(relative)  # the file is no YAML; only its name can be wrong
        self.problems.append(Problem(code=code, what=what, where=where, next_command="kb check"))

    def refer(self, known: Iterable[str], name: str, relative: str, loc: Sequence[str | int]) -> None:
        """Report a reference that leads nowhere."""
        if name not in known:
            what = _("{name!r} is referred to but does not exist").format(name=name)
            self.add("KB106", what, relative, loc)

    def _check_files(self) -> None:
        """Names are data too: no stray file, and one Unicode form so that search and comparison agree."""
        for path in sorted(path for kind in ("yaml", "yml", "json") for path in self.store.root.rglob(f"*.{kind}")):
            relative = path.relative_to(self.store.root).as_posix()
            if not _PLACES.fullmatch(relative):
                what = _("no file belongs here")
                where = self.store.shown(relative)
                self.problems.append(Problem(code="KB108", what=what, where=where, next_command="kb check"))
            try:
                content = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError):
                continue  # reported where it was read
            for number, line in enumerate(content.splitlines(), start=1):
                if not unicodedata.is_normalized("NFC", line):
                    what = _("text is not in Unicode form NFC")
                    where = f"{self.store.shown(relative)}:{number}"
                    self.problems.append(Problem(code="KB112", what=what, where=where, next_command="kb check"))

    def _check_facts(self) -> None:
        for gpu_id, gpu in self.gpus.items():
            low, high = gpu.memory.torch_total_mib
            if not 0 < low <= high <= gpu.memory.nvidia_smi_total_mib * 1.01:
                what = _("torch_total_mib must rise and stay within nvidia_smi_total_mib")
                self.add("KB113", what, f"gpus/{gpu_id}.yaml", ("memory", "torch_total_mib"))
            for position, source in enumerate(gpu.sources):
                self.refer(self.sources, source, f"gpus/{gpu_id}.yaml", ("sources", position))
        for model_id, model in self.models.items():
            for position, source in enumerate(model.sources):
                self.refer(self.sources, source, f"models/{model_id}.yaml", ("sources", position))
            if model.parameters.embeddings >= model.parameters.base:
                what = _("embeddings cannot hold more parameters than the model")
                self.add("KB113", what, f"models/{model_id}.yaml", ("parameters", "embeddings"))
            place = ("fine_tuning", "source")
            self.refer(self.sources, model.fine_tuning.source, f"models/{model_id}.yaml", place)
        for rule_id, rule in self.rules.items():
            if rule_id not in RULES:
                self.add("KB117", _("this rule is not in resolve/rules.py"), f"rules/{rule_id}.yaml")
            for position, source in enumerate(rule.sources):
                self.refer(self.sources, source, f"rules/{rule_id}.yaml", ("sources", position))
        self._check_spellings("gpus", {name: gpu_spellings(name, gpu) for name, gpu in self.gpus.items()})
        self._check_spellings("models", {name: model_spellings(name, model) for name, model in self.models.items()})

    def _check_cuda(self) -> None:
        cuda = self._one(self.store.cuda, None)
        if cuda is not None:
            known = {"source": self.sources, "gpu": self.store.gpu_ids(), "capability": cuda.max_threads_per_sm.values}
            for kind, name, relative, place in cuda_references(cuda, self.gpus):
                self.refer(known[kind], name, relative, place)

    def _check_signs(self) -> None:
        signs = self._one(self.store.signs, ())
        self.counts["signs"] = len(signs)
        known = {"claim": self.claims, "gpu": self.store.gpu_ids()}
        for kind, name, place in sign_references(signs):
            self.refer(known[kind], name, "signs.yaml", place)
        for index, sign in enumerate(signs):
            if odd_bounds(sign):
                what = _("{id} needs a threshold, the lower one first, and words only for a side that has one")
                self.add("KB113", what.format(id=sign.id), "signs.yaml", ("signs", index))

    def _check_spellings(self, folder: str, spellings: dict[str, tuple[str, ...]]) -> None:
        """No spelling may mean two records; ids win over other spellings."""
        owners = {squash(record_id): record_id for record_id in spellings}
        for record_id, names in spellings.items():
            for spelling in names:
                owner = owners.setdefault(squash(spelling), record_id)
                if owner != record_id:
                    what = _("the spelling {alias!r} already means {owner}").format(alias=spelling, owner=owner)
                    self.add("KB110", what, f"{folder}/{record_id}.yaml", ("aliases",))

    def _check_claims(self, claim_files: dict[str, Any]) -> None:
        for guide, claim_file in claim_files.items():
            relative = f"claims/{guide}.yaml"
            self.refer(self.guides, guide, relative, ("guide",))
            expected = self.guides[guide].num_claims if guide in self.guides else len(claim_file.claims)
            if len(claim_file.claims) != expected:
                what = _("{count} claims, {expected} expected by guides.yaml")
                self.add("KB111", what.format(count=len(claim_file.claims), expected=expected), relative)
            seen: set[str] = set()
            for position, claim in enumerate(claim_file.claims):
                if claim.id in seen or not claim.id.startswith(guide):
                    what = _("claim id {id} is used twice or belongs to another guide").format(id=claim.id)
                    self.add("KB110", what, relative, ("claims", position, "id"))
                seen.add(claim.id)
                for index, other in enumerate(claim.conflicts_with):
                    self.refer(self.claims, other, relative, ("claims", position, "conflicts_with", index))
                if claim.context.gpu:
                    self.refer(
                        self.store.gpu_ids(), claim.context.gpu, relative, ("claims", position, "context", "gpu")
                    )
                for model in claim.context.model or ():
                    self.refer(self.store.model_ids(), model, relative, ("claims", position, "context", "model"))

    def _check_recipes(self) -> None:
        store = self.store
        recipes: dict[RecipeKey, Recipe] = {}
        for recipe_id in store.recipe_files():
            key = RecipeKey.parse(recipe_id)
            if key is None or str(key) != recipe_id or not 1 <= key.tasks[0] <= key.tasks[1] <= MAX_TASKS:
                what = _("the path is no recipe id; expected GPU/MODEL/8t-512-full.yaml")
                self.add("KB108", what, f"recipes/{recipe_id}.yaml")
                continue
            recipe = self._one(lambda key=key: store.recipe(key), None)  # type: ignore[misc]
            if recipe is not None:
                recipes[key] = recipe
        self.counts["recipes"] = len(recipes)
        known = self._known() | {"recipe": {str(key): recipe for key, recipe in recipes.items()}}
        for key, recipe in recipes.items():
            self._check_cell(key, recipe)
            self._check_references(key, recipe, known)
            self._check_status(key, recipe)
        self._check_overlaps(list(recipes))

    def _check_cell(self, key: RecipeKey, recipe: Recipe) -> None:
        """Hold a recipe against the facts of its GPU and model."""
        relative = self.store.recipe_path(key)
        bare = BARE_MEMORY.fullmatch(key.gpu)
        gpu = self.gpus.get(key.gpu)
        if not bare:
            self.refer(self.store.gpu_ids(), key.gpu, relative, ())
        self.refer(self.store.model_ids(), key.model, relative, ())
        model = self.models.get(key.model)
        if model and key.max_length > model.max_length:
            what = _("{model} takes at most {limit} tokens").format(model=key.model, limit=model.max_length)
            self.add("KB204", what, relative)
        if gpu and recipe.settings.precision == "bf16" and not gpu.supports.bf16:
            self.add("KB113", _("this GPU has no bf16 units"), relative, ("settings", "precision"))
        if gpu and recipe.settings.tf32 and not gpu.supports.tf32:
            self.add("KB113", _("this GPU has no TF32 units"), relative, ("settings", "tf32"))
        several_heads = key.tasks[1] > 1 and (model is None or model.family == "encoder")
        if several_heads != (recipe.task_mixing is not None):
            what = _("task_mixing belongs to recipes of several tasks, and only to them")
            self.add("KB113", what, relative, ("task_mixing",))
        if model and RULE in self.rules and (gpu or bare):
            self._check_memory(key, recipe, gpu, model)

    def _check_memory(self, key: RecipeKey, recipe: Recipe, gpu: Gpu | None, model: Model) -> None:
        """A recipe fits or is refuted, and what is predicted is not only reported."""
        relative = self.store.recipe_path(key)
        try:
            memory = memory_of(self.store, key, recipe.settings, recipe.task_mixing, gpu, model)
        except BadInputError:
            return  # reported where its file was read
        if not memory.fits and recipe.status != "refuted":
            what = _("predicted memory {peak} exceeds what the card leaves, {limit}")
            what = what.format(peak=gib(memory.peak_reserved_bytes), limit=gib(memory.usable_bytes))
            self.add("KB114", what, relative, ("settings", "per_device_train_batch_size"))
        if recipe.status == "reported" and memory.method == "traced":
            what = _("status is reported, but a traced step predicts the memory of these settings")
            self.add("KB119", what, relative, ("status",))

    def _known(self) -> dict[str, Any]:
        """Return what a recipe may refer to, by kind; looked up once for all recipes."""
        root = self.store.root
        return {
            "claim": self.claims,
            "rule": self.store.rule_ids(),
            "source": self.sources,
            "gpu": self.store.gpu_ids(),
            "model": self.store.model_ids(),
            "evidence": {path.relative_to(root).as_posix() for path in (root / "evidence").rglob("*.json")},
        }

    def _check_references(self, key: RecipeKey, recipe: Recipe, known: dict[str, Any]) -> None:
        relative = self.store.recipe_path(key)
        claimed = [source.claim for source in recipe.provenance.values() if source.claim]
        if recipe.origin == "guide" and not claimed:
            self.add("KB107", _("origin is guide, but no setting comes from a claim"), relative, ("origin",))
        for name, source in recipe.provenance.items():
            if source.kind in known:
                reference = str(getattr(source, source.kind))
                self.refer(known[source.kind], reference, relative, ("provenance", name, source.kind))
        for position, correction in enumerate(recipe.corrections):
            self.refer(self.claims, correction.claim, relative, ("corrections", position, "claim"))
            self.refer(_CORRECTABLE, correction.setting, relative, ("corrections", position, "setting"))
        for ladder in ("out_of_memory", "slow"):
            for position, rung in enumerate(getattr(recipe.ladder, ladder)):
                self._check_rung(key, recipe, rung, relative, ("ladder", ladder, position))
        by_id = known["recipe"]
        for position, other in enumerate(recipe.refuted.instead if recipe.refuted else ()):
            self.refer(by_id, other, relative, ("refuted", "instead", position))
            if other in by_id and by_id[other].status == "refuted":
                what = _("{id} is refuted itself and cannot be what works instead").format(id=other)
                self.add("KB106", what, relative, ("refuted", "instead", position))

    def _check_status(self, key: RecipeKey, recipe: Recipe) -> None:
        """A recipe is measured or emulated only by a passed probe of these very settings."""
        if not self._one(lambda: is_proven(self.store, key, recipe, self.gpus.get(key.gpu)), False):
            what = _("status is {status}, but there is no evidence of a passed {mode} probe of these settings")
            what = what.format(status=recipe.status, mode=PROBE_BEHIND[recipe.status])
            self.add("KB116", what, self.store.recipe_path(key), ("status",))

    def _check_rung(
        self, key: RecipeKey, recipe: Recipe, rung: Rung, relative: str, place: tuple[str | int, ...]
    ) -> None:
        self.refer(self.remedies, rung.why, relative, (*place, "why"))
        if rung.why == "smaller-batch":
            batch, steps = (rung.set.get(name) for name in _BATCH)
            whole = isinstance(batch, int) and isinstance(steps, int)
            if not whole or batch * steps * key.num_gpus != recipe.effective_batch_size:  # type: ignore[operator]
                what = _("this rung does not keep the effective batch of {effective}")
                self.add("KB101", what.format(effective=recipe.effective_batch_size), relative, place)
        changes = {name: value for name, value in rung.set.items() if name != "max_length"}
        try:
            _settings().validate_python(recipe.settings.values() | changes)
        except ValidationError as error:
            what = _("this rung does not make valid settings ({why})")
            names = ", ".join(str(detail["loc"][0]) for detail in error.errors())
            self.add("KB105", what.format(why=names), relative, place)

    def _check_overlaps(self, keys: list[RecipeKey]) -> None:
        cells: dict[tuple[Any, ...], list[RecipeKey]] = {}
        for key in keys:
            cells.setdefault((key.gpu, key.model, key.max_length, key.method, key.goal, key.num_gpus), []).append(key)
        for same in cells.values():
            for first, second in zip(sorted(same, key=_tasks), sorted(same, key=_tasks)[1:], strict=False):
                if second.tasks[0] <= first.tasks[1]:
                    what = _("its task counts overlap with {other}").format(other=first)
                    self.add("KB108", what, self.store.recipe_path(second))


@cache
def _settings() -> "TypeAdapter[Settings]":
    """Return what validates settings; making it takes longer than using it."""
    return TypeAdapter(Settings)


def _tasks(key: RecipeKey) -> tuple[int, int]:
    return key.tasks


def check(store: Store) -> tuple[list[Problem], dict[str, int]]:
    """Return every problem of the knowledge base, and how many records of each kind were read."""
    checker = Checker(store)
    problems = checker.run()
    return problems, checker.counts
