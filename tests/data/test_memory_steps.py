"""What kb/memory holds is what a trace says today."""

import json

from checkout import ROOT
from recipe_kb.memory.stored import Cell, unpack
from recipe_kb.resolve.traced import TRACED_OPTIMIZER
from recipe_kb.store.store import Store
from recipe_kb.tracing.curves import step_of
from recipe_kb.tracing.job import job_of
from recipe_kb.tracing.trace import trace
from tiny import settings_with

KB = ROOT / "kb"
MODEL = "all-minilm-l6-v2"
"""The smallest: three traces take seconds."""
CELL = Cell(method="full", precision="bf16", attention="sdpa", checkpointing=False)


def stored():
    record = json.loads((KB / "memory" / f"{MODEL}.json").read_text(encoding="utf-8"))
    return unpack(record["steps"][str(CELL)])


def test_a_fresh_trace_gives_the_stored_step():
    fresh = step_of(Store(KB).model(MODEL), settings_with(), CELL)
    assert fresh.at(4, 64).num_bytes == stored().at(4, 64).num_bytes
    assert fresh.step.categories == stored().step.categories


def test_fp16_takes_what_bf16_takes_where_attention_is_fused():
    settings = CELL.settings(settings_with(), TRACED_OPTIMIZER)
    model = Store(KB).model(MODEL)
    steps = []
    for precision in ("fp16", "bf16"):
        chosen = settings_with(**{**settings.values(), "precision": precision})
        job = job_of(model, chosen, tasks=1, mixing=None, method="full", sdpa="efficient", padded=True)
        steps.append(trace(job, rows=4, length=64, evaluation_rows=4))
    assert steps[0].num_bytes == steps[1].num_bytes == stored().at(4, 64).num_bytes


def test_every_model_of_a_recipe_has_its_steps():
    models = {path.parent.name for path in (KB / "recipes").glob("*/*/*.yaml")}
    assert models
    assert models <= {path.stem for path in (KB / "memory").glob("*.json")}
