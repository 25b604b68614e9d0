"""Write kb/memory/MODEL.json from traces, or with --check trace a sample again and compare.

Run by `make curves`. It goes on where it was stopped: what was traced with the installed versions is kept.
Tracing all models takes hours; `scripts/curves.py biobert phobert-base` traces two.

Exit codes: 0 done, 1 a cell could not be traced or differs, 2 malformed arguments.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from recipe_kb.errors import Exit
from recipe_kb.memory.device import Device
from recipe_kb.memory.replay import replay
from recipe_kb.memory.schedule import Plan, schedule
from recipe_kb.memory.shape import ShapedStep, ShapeError, constant
from recipe_kb.memory.stored import pack, unpack
from recipe_kb.schema.recipe import Settings
from recipe_kb.store.location import default_root
from recipe_kb.store.store import Store
from recipe_kb.tracing.curves import OPTIMIZERS, cells, step_of, update_of
from recipe_kb.tracing.question import traced_versions
from recipe_kb.training.unsupported import UnsupportedError

GENERATED = "by make curves, from traces of the training step; do not edit"
_ANY_GPU = Device(sm_count=40, max_threads_per_sm=1024, workspace_bytes=8_519_680)
_TOLERANCE = 0.005
SAMPLE = 3
"""Cells that --check traces again."""


def main() -> None:
    """Trace what is missing, or check a sample."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help="model ids; all without")
    parser.add_argument("--check", action="store_true", help="trace a sample again and fail if it differs")
    parser.add_argument("--seed", type=int, help="of the sample; drawn without")
    parser.add_argument("--only", default="", help="cells whose name contains this")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    store = Store(default_root())
    models = arguments.models or sorted(store.model_ids())
    if arguments.check:
        sys.exit(_check(store, models, arguments.seed))
    if arguments.only:
        _refuse_to_drop(store, models)
    failed = sum([_write(store, model_id, arguments.only) for model_id in models])
    sys.exit(Exit.FINDING if failed else Exit.DONE)


def _refuse_to_drop(store: Store, models: list[str]) -> None:
    """Exit where a few cells would replace a whole file, because it was traced with other packages."""
    old = [model_id for model_id in models if _path(store, model_id).exists() and not _as_installed(store, model_id)]
    if old:
        what = "--only would drop every other cell of models that were traced with other package versions"
        print(f"{what}: {', '.join(old)}; trace them without --only", file=sys.stderr)
        sys.exit(Exit.BAD_INPUT)


def _path(store: Store, model_id: str) -> Path:
    return store.root / "memory" / f"{model_id}.json"


def _as_installed(store: Store, model_id: str) -> bool:
    """Say whether a model's file was traced with the packages that are installed."""
    traced: bool = json.loads(_path(store, model_id).read_text())["versions"] == traced_versions()
    return traced


def _work(store: Store, model_id: str) -> Iterator[tuple[str, str, Callable[[], str]]]:
    """Yield section, key and tracer of everything that a model's file holds."""
    model, settings = store.model(model_id), _settings(store)
    for cell in cells():
        yield "steps", str(cell), lambda cell=cell: pack(step_of(model, settings, cell))  # type: ignore[misc]
    for method in ("full", "lora"):
        for optimizer in OPTIMIZERS:
            yield (
                "updates",
                f"{method}/{optimizer}",
                lambda method=method, optimizer=optimizer: pack(  # type: ignore[misc]
                    constant(update_of(model, settings, method, optimizer))
                ),
            )


def _write(store: Store, model_id: str, only: str) -> int:
    """Trace what a model's file lacks; return how many cells failed."""
    path, failed = _path(store, model_id), 0
    record: dict[str, Any] = {"generated": GENERATED, "versions": traced_versions()}
    record |= {"steps": {}, "updates": {}, "not": {}}
    if path.exists() and _as_installed(store, model_id):
        record = json.loads(path.read_text())
    for section, key, tracer in _work(store, model_id):
        if key in record[section] or key in record["not"] or only not in key:
            continue
        started = time.perf_counter()
        try:
            record[section][key] = tracer()
        except UnsupportedError as error:
            record["not"][key] = str(error)
        except (ShapeError, RuntimeError, NotImplementedError, ValueError, TypeError) as error:
            print(f"{model_id} {key}: {type(error).__name__}: {str(error)[:200]}", file=sys.stderr)
            failed += 1
            continue
        _save(path, record)
        print(f"{model_id} {key} {time.perf_counter() - started:.1f} s", file=sys.stderr, flush=True)
    return failed


def _save(path: Path, record: dict[str, Any]) -> None:
    """Replace the file at once: a stopped run leaves the old one."""
    path.parent.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        json.dump(record, file, indent=1)
        file.write("\n")
    Path(file.name).chmod(0o644)
    Path(file.name).replace(path)


def _check(store: Store, models: list[str], seed: int | None) -> int:
    """Trace a few random cells again; return 1 if one differs."""
    seed = seed if seed is not None else random.SystemRandom().randrange(10**6)
    records = {name: json.loads(_path(store, name).read_text()) for name in models if _path(store, name).exists()}
    every = [
        (model_id, section, key, tracer)
        for model_id, record in records.items()
        for section, key, tracer in _work(store, model_id)
        if key in record[section]
    ]
    if not every:
        print("nothing is traced yet: scripts/curves.py MODEL", file=sys.stderr)
        return 1
    failed = 0
    for model_id, section, key, tracer in random.Random(seed).sample(every, k=min(SAMPLE, len(every))):  # noqa: S311
        same = _same(unpack(tracer()), unpack(records[model_id][section][key]))
        failed += not same
        print(f"{model_id} {key}: {'same' if same else 'differs'} (seed {seed})")
    return int(failed > 0)


def _same(fresh: ShapedStep, kept: ShapedStep) -> bool:
    """Say whether two steps are equal, but for the order in which a few storages are freed: Python decides it."""
    for rows, length in ((2, 128), (8, 512)):
        steps = fresh.at(rows, length), kept.at(rows, length)
        if sorted(steps[0].num_bytes) != sorted(steps[1].num_bytes):
            return False
        if "forward" in steps[0].parts:
            peaks = [replay(schedule([step], Plan(loop="trainer"), _ANY_GPU)).reserved_bytes for step in steps]
            if abs(peaks[0] / peaks[1] - 1) > _TOLERANCE:
                return False
    return True


def _settings(store: Store) -> Settings:
    """Return the rest of the settings: LoRA as the rule starts it, and what changes no memory."""
    lora = store.rule("lora-start").constants
    return Settings(
        per_device_train_batch_size=1,
        per_device_eval_batch_size=1,
        gradient_accumulation_steps=1,
        learning_rate=1e-4,
        lr_scheduler_type="linear",
        warmup_ratio=0.0,
        num_train_epochs=1,
        optim="adamw_torch_fused",
        weight_decay=0.0,
        adam_beta1=0.9,
        adam_beta2=0.999,
        adam_epsilon=1e-8,
        max_grad_norm=1.0,
        precision="bf16",
        tf32=False,
        gradient_checkpointing=False,
        attn_implementation="sdpa",
        dataloader_num_workers=0,
        dataloader_prefetch_factor=None,
        dataloader_pin_memory=True,
        dataloader_persistent_workers=False,
        lora_r=int(lora["lora_r"]),
        lora_alpha=int(lora["lora_alpha"]),
        lora_dropout=float(lora["lora_dropout"]),
    )


if __name__ == "__main__":
    main()
