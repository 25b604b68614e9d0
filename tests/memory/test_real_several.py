"""Two real processes on this CPU allocate what the predictor lays down for two GPUs, byte for byte.

Sizes that are asked for are compared, not peaks: the CPU has another allocator.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import several_processes
import torch
from several_processes import CONFIGS, LENGTH, ROWS
from tiny_jobs import tiny_job

from recipe_kb.memory.ddp import first_buckets, rebuilt_buckets
from recipe_kb.memory.fsdp import with_fsdp
from recipe_kb.memory.fsdp_groups import GATHER_STREAM, REDUCE_STREAM
from recipe_kb.memory.shape import constant
from recipe_kb.tracing.layout import layout_of
from recipe_kb.tracing.trace import trace

pytestmark = pytest.mark.slow
TIMEOUT_S = 500


def of_two_processes(folder, way, name, precision="no"):
    """What rank 0 wrote."""
    tests = Path(__file__).parents[1]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join([str(tests), str(Path(__file__).parent)])}
    words = [sys.executable, several_processes.__file__, way, name]
    started = [
        subprocess.Popen([*words, str(rank), str(folder), precision], env=environ, stderr=subprocess.PIPE, text=True)
        for rank in range(several_processes.WORLD_SIZE)
    ]
    errors = [process.communicate(timeout=TIMEOUT_S)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0], errors[0][-2000:]
    return json.loads((folder / "0.json").read_text())


def traced(name, precision="no"):
    """The step and the layout of the same network."""
    job = tiny_job(CONFIGS[name], precision="fp32" if precision == "no" else precision)
    with torch.device("meta"):
        layout = layout_of(job.build())
    return constant(trace(job, rows=ROWS, length=LENGTH, evaluation_rows=0)), layout


@pytest.mark.parametrize("name", ["bert", "qwen2"])
def test_the_reducer_makes_the_buckets_that_are_predicted(name, tmp_path):
    found = of_two_processes(tmp_path, "ddp", name)
    shaped, layout = traced(name)
    step = shaped.at(ROWS, LENGTH)
    assert found["True"]["bucket_sizes"] == first_buckets(layout, finds_unused=True)
    assert found["False"]["bucket_sizes"] == first_buckets(layout, finds_unused=False)
    rebuilt = rebuilt_buckets([step.num_bytes[storage] for _, storage in step.gradients])
    assert found["False"]["rebuilt_bucket_sizes"] == rebuilt
    assert len(rebuilt) > 1


@pytest.mark.parametrize(
    ("name", "precision"), [("bert", "bf16"), ("qwen2", "no"), ("qwen2", "bf16"), ("qwen2-tied", "bf16")]
)
def test_fsdp_gathers_and_sums_what_is_predicted_in_that_order(name, precision, tmp_path):
    found = of_two_processes(tmp_path, "fsdp", name, precision)
    shaped, layout = traced(name, precision)
    assert found["shards"] == [one.shard_elements(2) * one.element_bytes for one in layout.parameters]
    shaped = with_fsdp(shaped, layout, num_gpus=2, compute_bytes=4 if precision == "no" else 2)
    assert predicted_log(shaped.at(ROWS, LENGTH)) == [
        [kind, sorted(sizes[0]), *sizes[1:]] if kind == "reduce" else [kind, *sizes] for kind, *sizes in found["log"]
    ]


def predicted_log(step):
    """What the step allocates to exchange, in the words of `several_processes`."""
    log, gathers = [], 0
    gradients = {storage for _, storage in step.gradients}
    for event in (*step.parts["forward"], *step.parts["backward"]):
        stream = step.streams.get(event, 0)
        if event < 0:
            if ~event in gradients:
                log[-1][1].append(step.num_bytes[~event])
        elif stream == GATHER_STREAM:
            gathers += 1
            if gathers % 2 == 0:  # behind the shares that are cast for it
                log.append(["gather", step.num_bytes[event]])
        elif stream == REDUCE_STREAM:
            log[-1][3:] = [step.num_bytes[event]]
        elif event in step.on_sync:
            log.append(["reduce", [], step.num_bytes[event]])
        elif step.categories[event] == "exchange":
            if log[-1][0] != "weights":
                log.append(["weights", []])
            log[-1][1].append(step.num_bytes[event])
    return [[kind, sorted(sizes[0]), *sizes[1:]] if kind == "reduce" else [kind, *sizes] for kind, *sizes in log]
