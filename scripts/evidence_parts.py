"""What evidence a machine with an NVIDIA GPU can give, part by part: the commands, and which of them have answered."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tune_note import Note

from recipe_kb.errors import FindingError
from recipe_kb.probe.asked import request_for
from recipe_kb.probe.resume import answered, is_answer
from recipe_kb.resolve.answer import Answer, answer_key
from recipe_kb.resolve.emulation import emulation_of
from recipe_kb.resolve.evidence_files import read_evidence
from recipe_kb.schema.evidence import Emulation, Evidence
from recipe_kb.schema.recipe import RecipeKey
from recipe_kb.store.store import Store

ROOT = Path(__file__).resolve().parent.parent
KB = (sys.executable, "-c", "from recipe_kb.cli.entry import main; main()")
SMOKE = "all-minilm-l6-v2/1t-256-full"
NATIVE = (
    "biobert/8t-512-full",
    "biobert/1t-512-full",
    "bert-base-cased/1t-512-full",
    "bert-base-uncased/1t-512-full",
    "phobert-base/1t-256-full",
    "deberta-v3-base/1t-512-full",
    "xlm-roberta-base/1t-512-full",
    "modernbert-base/1t-512-full",
    "qwen2.5-0.5b/1t-512-full",
    "qwen2.5-0.5b/1t-512-lora",
    "llama-3.2-3b/1t-512-lora",
)
"""Cells of the main models, derived where this GPU has no file for them."""
TUNED = (
    ("biobert", "full"),
    ("bert-base-cased", "full"),
    ("phobert-base", "full"),
    ("deberta-v3-base", "full"),
    ("qwen2.5-0.5b", "lora"),
)
CPU_STEPS = "8"
TUNE_CODE = (
    *(f"src/recipe_kb/{folder}" for folder in ("memory", "probe", "resolve", "training", "tune")),
    *(f"src/recipe_kb/{file}.py" for file in ("cli/tune", "dialects/training_arguments", "schema/recipe")),
)
"""What decides which batch `kb tune` finds and what a run of it measures; texts, pages and other commands do not."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """One command.

    Attributes:
        name: A recipe or a file.
        command: What is run.
        is_done: Whether it has answered.
        was_tried: Whether it was run without an answer: what was not goes first, so that what fails stops nothing.
        hear: Is told its exit code and its standard output, if it has to be.
        goes_on: It takes `--limit-seconds` and is called again until it has answered all.
    """

    name: str
    command: tuple[str, ...]
    is_done: Callable[[], bool]
    was_tried: Callable[[], bool] = lambda: False
    hear: Callable[[int, str], None] | None = None
    goes_on: bool = False


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where evidence is made and kept.

    Attributes:
        store: The knowledge base that is filled.
        gpu: Id of the card; of the one whose recipes are shrunk on a CPU, where `cpu` is set.
        gpu_name: As NVML names it; None to take any card of that id and any versions, as a list without a GPU must.
        cpu: Walk through everything on tiny settings, to see whether it works; proves nothing.
    """

    store: Store
    gpu: str
    gpu_name: str | None
    cpu: bool = False
    _answers: dict[str, Answer | None] = field(default_factory=dict, init=False, repr=False, compare=False)

    def answer(self, recipe_id: str) -> Answer | None:
        """Return the recipe of a cell; None if nothing fits it or it is refuted."""
        if recipe_id not in self._answers:
            key = RecipeKey.parse(recipe_id)
            assert key, recipe_id
            try:
                found = answer_key(self.store, key)
            except FindingError:
                found = None
            self._answers[recipe_id] = None if found is None or found.recipe.refuted else found
        return self._answers[recipe_id]


def smoke(place: Place) -> Iterator[Work]:
    """Train a small network on the card itself: without that nothing else will work."""
    yield from _validations(place, [f"{place.gpu}/{SMOKE}"], passed=True)


def grid(place: Place) -> Iterator[Work]:
    """Measure what memory real runs take, for the predictor."""
    script, out = ROOT / "benchmarks" / "gpu_memory_grid.py", _beside_recipes(place, "gpu_memory_grid")
    version = code_version("src/recipe_kb/training", "benchmarks/memory_grid", "benchmarks/gpu_memory_grid.py")
    command: tuple[str, ...] = (sys.executable, str(script), "--out", str(out), "--code-version", version)
    if place.cpu:
        command += ("--cpu", "--only", "bert-*joint*")
    yield Work(name=out.name, command=command, is_done=lambda: not _left_of_grid(command, out), goes_on=True)


def native(place: Place) -> Iterator[Work]:
    """Train the recipes of this card, and those of the main models that follow from the rules."""
    if place.cpu:
        return _validations(place, [f"{place.gpu}/all-minilm-l6-v2/{cell}" for cell in ("1t-64-full", "2t-64-full")])
    own = map(str, place.store.recipe_keys(place.gpu))
    return _validations(place, dict.fromkeys([*own, *(f"{place.gpu}/{cell}" for cell in NATIVE)]))


def emulated(place: Place) -> Iterator[Work]:
    """Train the recipes of smaller cards with no more memory than those have."""
    return _validations(place, _of_smaller_cards(place), capped_at="card")


def tune(place: Place) -> Iterator[Work]:
    """Look for the fastest safe batch of the main models."""
    if place.cpu:  # a prediction writes nothing, so nothing says that it was made
        yield Work(
            name=SMOKE, command=(*KB, "tune", "--gpu", place.gpu, "--model", "all-minilm-l6-v2"), is_done=lambda: False
        )
        return
    for model, method in TUNED:
        length = min(512, place.store.model(model).max_length)
        key = RecipeKey(gpu=place.gpu, model=model, tasks=(1, 1), max_length=length, method=method, goal="speed")  # type: ignore[arg-type]
        command = (*KB, "tune", "--gpu", place.gpu, "--model", model, "--method", method, "--record", "--json")
        note = Note(
            path=_beside_recipes(place, "tune_search"),
            cell=str(key),
            gpu_name=place.gpu_name,
            code_version=code_version(*TUNE_CODE),
        )
        yield Work(
            name=str(key),
            command=command,
            is_done=lambda key=key, note=note: place.store.has_recipe(key) or note.is_kept(),  # type: ignore[misc]
            hear=note.hear,
        )


def prediction(place: Place) -> Iterator[Work]:
    """Train the recipes of smaller cards with no more memory than was predicted for them."""
    traced = (name for name in _of_smaller_cards(place) if _is_traced(place.answer(name)))
    return _validations(place, traced, capped_at="prediction")


def comparison(place: Place) -> Iterator[Work]:
    """Time `kb tune` beside other finders of the batch and beside a sweep."""
    script, out = ROOT / "benchmarks" / "time_to_best_batch.py", _beside_recipes(place, "time_to_best_batch")
    version = code_version(*TUNE_CODE, "benchmarks/best_batch", "benchmarks/time_to_best_batch.py")
    command: tuple[str, ...] = (sys.executable, str(script), "--out", str(out), "--code-version", version)
    if place.cpu:
        command += ("--cpu", "--limit-rows", "6")
    yield Work(name=out.name, command=command, is_done=lambda: _is_compared(out), goes_on=True)


PARTS: dict[str, Callable[[Place], Iterator[Work]]] = {
    "smoke": smoke,
    "grid": grid,
    "native": native,
    "emulated": emulated,
    "tune": tune,
    "prediction": prediction,
    "comparison": comparison,
}
"""In the order in which they are worth having, should time run out."""


def code_version(*paths: str) -> str:
    """Return a hash of the text of files and folders: it holds over commits of evidence, and without git."""
    digest = hashlib.sha256()
    for path in paths:
        given = ROOT / path
        for file in [given] if given.is_file() else sorted(given.rglob("*.py")):
            digest.update(f"{file.relative_to(ROOT).as_posix()}\0".encode() + file.read_bytes() + b"\0")
    return f"sha256-{digest.hexdigest()[:16]}"


def evidence_of(place: Place, recipe_id: str) -> list[Evidence]:
    """Return the evidence of one recipe, newest last."""
    paths = sorted((place.store.root / "evidence" / recipe_id).glob("*.json"))
    return sorted((read_evidence(path, str(path)) for path in paths), key=lambda record: record.started)


def _validations(
    place: Place, recipe_ids: Iterable[str], *, capped_at: str | None = None, passed: bool = False
) -> Iterator[Work]:
    how = {None: (), "card": ("--as-gpu",), "prediction": ("--at-prediction",)}[capped_at]
    device = ("--device", "cpu", "--steps", CPU_STEPS) if place.cpu else ("--device", "cuda")
    for recipe_id in recipe_ids:
        if place.answer(recipe_id) is None:
            continue
        words = (*how, recipe_id.split("/")[0]) if capped_at == "card" else how
        yield Work(
            name=recipe_id,
            # A failure on record answers a resumed run, and would keep what has to pass from ever being tried again.
            command=(*KB, "validate", recipe_id, *device, *words, "--record", *(() if passed else ("--resume",))),
            is_done=lambda name=recipe_id: _is_answered(place, name, capped_at, passed=passed),  # type: ignore[misc]
            was_tried=lambda name=recipe_id: _was_tried(place, name, capped_at),  # type: ignore[misc]
        )


def _was_tried(place: Place, recipe_id: str, capped_at: str | None) -> bool:
    """Say whether anything is on record of this question, whatever the versions."""
    answer = place.answer(recipe_id)
    assert answer
    emulation, mode = _emulation(place, answer, capped_at), "cpu" if place.cpu else "native"
    modes = {"emulated"} if emulation else {mode}
    return any(record.mode in modes and record.emulation == emulation for record in evidence_of(place, recipe_id))


def _is_answered(place: Place, recipe_id: str, capped_at: str | None, *, passed: bool) -> bool:
    """Say whether there is evidence of this question, by the rule of `kb validate --resume` where a device is known."""
    answer = place.answer(recipe_id)
    assert answer
    emulation = _emulation(place, answer, capped_at)
    request = request_for(answer, emulation=emulation)
    if place.cpu or place.gpu_name:
        path = answered(request, place.store.root, None if place.cpu else place.gpu_name)
        return path is not None and (not passed or read_evidence(path, str(path)).verdict == "passed")
    names = place.store.gpu(place.gpu).device_names
    return any(
        record.gpu_name in names
        and record.emulation == emulation
        and (record.verdict == "passed" if passed else is_answer(record.verdict, record.reason))
        for record in evidence_of(place, recipe_id)
    )


def _emulation(place: Place, answer: Answer, capped_at: str | None) -> Emulation | None:
    if capped_at is None:
        return None
    if capped_at == "card":
        return emulation_of(place.store, answer.key.gpu)
    predicted = answer.memory.peak_reserved_bytes
    return emulation_of(place.store, answer.key.gpu, capped_at="prediction", predicted_reserved_bytes=predicted)


def _of_smaller_cards(place: Place) -> list[str]:
    """Return the recipes that this card can play; a CPU plays none."""
    if place.cpu:
        return []
    here = place.store.gpu(place.gpu).memory.limit_bytes
    found = []
    for key in place.store.recipe_keys():
        answer = place.answer(str(key)) if key.gpu != place.gpu else None
        if answer and answer.memory.limit_bytes < here:
            found.append(str(key))
    return found


def _is_traced(answer: Answer | None) -> bool:
    return answer is not None and answer.memory.method == "traced"


def _beside_recipes(place: Place, name: str) -> Path:
    """Return the file of a benchmark: beside the folders of the recipes, one for each card."""
    return place.store.root / "evidence" / f"{name}-{'cpu' if place.cpu else place.gpu}.json"


def _left_of_grid(command: tuple[str, ...], out: Path) -> bool:
    """Say whether the grid has configurations without an answer; asks the benchmark, which needs no GPU for that."""
    document = _document(out)
    if document is None:
        return True
    listed = subprocess.run([*command, "--list"], capture_output=True, text=True, check=True).stdout.splitlines()
    known = {result["id"] for result in document["results"]}
    return not {line.split()[-1] for line in listed} <= known


def _is_compared(out: Path) -> bool:
    """Say whether every contestant had its turn, the sweep reached its end, and all that was found is measured."""
    document = _document(out)
    return document is not None and document.get("complete") is True


def _document(out: Path) -> dict[str, Any] | None:
    """Read what a benchmark wrote; None if there is none or it is broken, which the benchmark itself complains of."""
    try:
        document = json.loads(out.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None
