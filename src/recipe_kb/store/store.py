"""The knowledge base on disk: reads only the files that a question needs."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from recipe_kb.errors import BadInputError, Problem
from recipe_kb.i18n import _
from recipe_kb.schema.recipe import Recipe, RecipeKey
from recipe_kb.store.yaml_file import read_record

if TYPE_CHECKING:
    from recipe_kb.schema.base import Text
    from recipe_kb.schema.claim import Claim, ClaimFile, Guide
    from recipe_kb.schema.cuda import Cuda
    from recipe_kb.schema.gpu import Gpu
    from recipe_kb.schema.model import Model
    from recipe_kb.schema.rule import Rule, Source, Term
    from recipe_kb.schema.signs import Sign
    from recipe_kb.schema.spelling import SpellingFile

RecordType = TypeVar("RecordType")


@dataclass(frozen=True)
class Store:
    """Typed access to one `kb/` folder. Schemas are imported where they are needed: a start must stay short.

    A file is read once: one answer asks for the same rule, model and remedies several times.
    """

    root: Path
    _kept: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def shown(self, relative: str) -> str:
        """Return a path the way problems print it: from where the user stands, if that is shorter."""
        path = self.root / relative
        try:
            return str(path.relative_to(Path.cwd()))
        except ValueError:
            return str(path)

    def _read(self, relative: str, record_type: type[RecordType]) -> RecordType:
        if relative not in self._kept:
            self._kept[relative] = read_record(self.root / relative, record_type, self.shown(relative))
        record: RecordType = self._kept[relative]
        return record

    def _stems(self, folder: str) -> list[str]:
        directory = self.root / folder
        return sorted(path.stem for path in directory.glob("*.yaml"))

    def gpu_ids(self) -> list[str]:
        """Return the ids of all GPUs."""
        return self._stems("gpus")

    def gpu(self, gpu_id: str) -> "Gpu":
        """Read one GPU."""
        from recipe_kb.schema.gpu import Gpu

        return self._read(f"gpus/{gpu_id}.yaml", Gpu)

    def model_ids(self) -> list[str]:
        """Return the ids of all models."""
        return self._stems("models")

    def model(self, model_id: str) -> "Model":
        """Read one model."""
        from recipe_kb.schema.model import Model

        return self._read(f"models/{model_id}.yaml", Model)

    def rule_ids(self) -> list[str]:
        """Return the ids of all rules."""
        return self._stems("rules")

    def rule(self, rule_id: str) -> "Rule":
        """Read one rule."""
        from recipe_kb.schema.rule import Rule

        return self._read(f"rules/{rule_id}.yaml", Rule)

    def guides(self) -> "tuple[Guide, ...]":
        """Read the list of source guides."""
        from recipe_kb.schema.claim import GuideFile

        return self._read("guides.yaml", GuideFile).guides

    def claim_file_ids(self) -> list[str]:
        """Return the guides that have a file of claims."""
        return self._stems("claims")

    def claim_file(self, guide: str) -> "ClaimFile":
        """Read the claims of one guide."""
        from recipe_kb.schema.claim import ClaimFile

        return self._read(f"claims/{guide}.yaml", ClaimFile)

    def claims(self) -> "Iterator[Claim]":
        """Read every claim."""
        for guide in self.claim_file_ids():
            yield from self.claim_file(guide).claims

    def claim(self, claim_id: str) -> "Claim":
        """Read one claim without the others of its file; BadInputError if there is none."""
        from recipe_kb.schema.claim import Claim
        from recipe_kb.store.yaml_file import read_item

        relative = f"claims/{claim_id[:3]}.yaml"
        alone = read_item(self.root / relative, claim_id, Claim)
        if alone is not None:
            return alone
        claims = {claim.id: claim for claim in self.claim_file(claim_id[:3]).claims}
        return self._referred(claims, claim_id, relative)

    def _referred(self, records: dict[str, RecordType], name: str, relative: str) -> RecordType:
        """Return a record that another one refers to."""
        if name in records:
            return records[name]
        what = _("{name!r} is referred to but does not exist").format(name=name)
        raise BadInputError(Problem(code="KB106", what=what, where=self.shown(relative), next_command="kb check"))

    def source(self, source_id: str) -> "Source":
        """Read one source."""
        return self._referred(self.sources(), source_id, "sources.yaml")

    def remedy(self, remedy_id: str) -> "Text":
        """Read what one kind of ladder rung does."""
        return self._referred(self.remedies(), remedy_id, "remedies.yaml")

    def sources(self) -> "dict[str, Source]":
        """Read the papers, data sheets and repositories that facts come from."""
        from recipe_kb.schema.rule import SourceFile

        return self._read("sources.yaml", SourceFile).sources

    def terms(self) -> "tuple[Term, ...]":
        """Read the glossary."""
        from recipe_kb.schema.rule import Glossary

        return self._read("glossary.yaml", Glossary).terms

    def remedies(self) -> "dict[str, Text]":
        """Read what each kind of ladder rung does."""
        from recipe_kb.schema.rule import RemedyFile

        return self._read("remedies.yaml", RemedyFile).remedies

    def cuda(self) -> "Cuda":
        """Read what CUDA takes beyond the tensors of a step."""
        from recipe_kb.schema.cuda import Cuda

        return self._read("cuda.yaml", Cuda)

    def signs(self) -> "tuple[Sign, ...]":
        """Read the good and bad signs of the guides."""
        from recipe_kb.schema.signs import SignFile

        return self._read("signs.yaml", SignFile).signs

    def spellings(self) -> "SpellingFile":
        """Read what settings are called elsewhere, and which arguments of transformers came and went."""
        from recipe_kb.schema.spelling import SpellingFile

        return self._read("spellings.yaml", SpellingFile)

    def memory_ids(self) -> list[str]:
        """Return the models that have a file of traced steps."""
        return sorted(path.stem for path in (self.root / "memory").glob("*.json"))

    def memory_path(self, model_id: str) -> str:
        """Return the path of a model's traced steps inside the knowledge base."""
        return f"memory/{model_id}.json"

    def memory(self, model_id: str) -> dict[str, Any] | None:
        """Read the traced steps of one model, as `make curves` wrote them; None if there are none.

        Raises:
            BadInputError: The file is no such file.
        """
        relative = self.memory_path(model_id)
        if relative not in self._kept:
            from recipe_kb.store.traced import read_traced

            self._kept[relative] = read_traced(self.root / relative, self.shown(relative))
        record: dict[str, Any] | None = self._kept[relative]
        return record

    def layout_ids(self) -> list[str]:
        """Return the models whose parameters somebody has laid out."""
        return sorted(path.stem for path in (self.root / "layouts").glob("*.json"))

    def layouts(self, model_id: str) -> dict[str, Any] | None:
        """Read how the parameters of one model are shared out, as `make layouts` wrote it; None if nobody did.

        Raises:
            BadInputError: The file is no such file.
        """
        relative = f"layouts/{model_id}.json"
        if relative not in self._kept:
            from recipe_kb.store.layouts import read_layouts

            self._kept[relative] = read_layouts(self.root / relative, self.shown(relative))
        record: dict[str, Any] | None = self._kept[relative]
        return record

    def recipe_path(self, key: RecipeKey) -> str:
        """Return the path of a recipe inside the knowledge base."""
        return f"recipes/{key}.yaml"

    def has_recipe(self, key: RecipeKey) -> bool:
        """Say whether this very cell has a file."""
        return (self.root / self.recipe_path(key)).is_file()

    def recipe(self, key: RecipeKey) -> Recipe:
        """Read one recipe.

        Raises:
            BadInputError: It cannot be read, or its effective batch is not that of so many GPUs (KB101).
        """
        recipe = self._read(self.recipe_path(key), Recipe)
        settings = recipe.settings
        batch, accumulation = settings.per_device_train_batch_size, settings.gradient_accumulation_steps
        if recipe.effective_batch_size != batch * accumulation * key.num_gpus:
            from recipe_kb.store.messages import wrong_product

            raise BadInputError(wrong_product(recipe, key.num_gpus, self.shown(self.recipe_path(key))))
        return recipe

    def recipe_keys(self, gpu: str = "*", model: str = "*") -> list[RecipeKey]:
        """Return the keys of all recipes, or of those of one GPU and one model; no file is opened."""
        keys = (RecipeKey.parse(recipe_id) for recipe_id in self.recipe_files(gpu, model))
        return sorted((key for key in keys if key is not None), key=_order)

    def recipe_files(self, gpu: str = "*", model: str = "*") -> list[str]:
        """Return the paths below `recipes/` without suffix, valid ids or not."""
        base = self.root / "recipes"
        return sorted(path.relative_to(base).as_posix()[:-5] for path in base.glob(f"{gpu}/{model}/*.yaml"))

    def recipe_for_tasks(self, key: RecipeKey) -> RecipeKey | None:
        """Find the recipe whose range of tasks holds this count, all else equal; names only are compared."""
        if self.has_recipe(key):
            return key
        ending = str(key).rpartition("/")[2].partition("t-")[2]
        folder = self.root / "recipes" / key.gpu / key.model
        if not folder.is_dir():
            return None
        for name in os.listdir(folder):  # noqa: PTH208 - ten thousand names, and Path objects cost a start its speed
            if name.endswith(f"t-{ending}.yaml"):
                found = RecipeKey.parse(f"{key.gpu}/{key.model}/{name[:-5]}")
                if found and found.tasks[0] <= key.tasks[0] <= key.tasks[1] <= found.tasks[1]:
                    return found
        return None

    def evidence(self, recipe_id: str) -> list[dict[str, Any]]:
        """Return what the evidence of one recipe proves, newest first, each with its path."""
        folder = self.root / "evidence" / recipe_id
        if not folder.is_dir():
            return []
        import json

        found = []
        for path in sorted(folder.glob("*.json"), reverse=True):
            relative = path.relative_to(self.root).as_posix()
            try:
                record = json.loads(path.read_text(encoding="utf-8"))
                proof = {name: record[name] for name in ("verdict", "mode", "confirmed", "gpu_name")}
                proof |= {"emulation": record.get("emulation"), "recipe_sha256": record["fingerprint"]["recipe_sha256"]}
                found.append({"path": relative, **proof})
            except (OSError, ValueError, KeyError, TypeError) as error:
                what = _("is not evidence that a probe wrote")
                where = self.shown(relative)
                problem = Problem(code="KB115", what=what, where=where, next_command="kb check")
                raise BadInputError(problem) from error
        return found


def _order(key: RecipeKey) -> tuple[Any, ...]:
    return (key.gpu, key.model, -key.max_length, key.tasks, key.method, key.goal, key.num_gpus)
