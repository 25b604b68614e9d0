"""A notebook for several GPUs: it writes the program to a file and starts it once for each; no dialect by itself.

Its own process trains nothing: processes that are forked from a notebook cannot use CUDA once a cell has.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from recipe_kb.dialects import program, python_script
from recipe_kb.dialects.job import Job

WRITE = "%%writefile train.py\n"
_TAKEN = """CHANGES = json.loads(os.environ.get("CHANGES", "{}"))  # a rung of the ladder, from the notebook
MAX_LENGTH = CHANGES.pop("max_length", MAX_LENGTH)
TRAINING_ARGUMENTS.update(CHANGES)
"""
_GPUS = '''import json
import os
import subprocess
import sys
from collections import deque

import torch

# The ladder: the recipe as it stands, then what to change when memory runs out, and the bytes predicted for each GPU.
LADDER = json.loads("""
[
{ladder}
]
""")
NUM_GPUS = {num_gpus}

first = 0
if torch.cuda.is_available():
    gpus = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    print(f"{{len(gpus)}} x {{gpus[0].name}}; the recipe is for {{NUM_GPUS}} x {gpu}.")
    if len(gpus) < NUM_GPUS:
        raise SystemExit("There are fewer GPUs here; ask `kb recipe --num-gpus` for a recipe of so many.")
    memory = min(gpu.total_memory for gpu in gpus[:NUM_GPUS])
    fits = [index for index, rung in enumerate(LADDER) if rung["needs_bytes"] <= memory]
    if not fits:
        print("No rung is predicted to fit these GPUs; the last one is tried.")
    first = fits[0] if fits else len(LADDER) - 1'''
_TRAIN = """def launched(rung):
    \"\"\"Train with the settings of a rung; return the exit code, and whether memory ran out.\"\"\"
    print("Settings changed:", rung["changes"] or "none")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", str(NUM_GPUS), "train.py"]
    environ = os.environ | {"CHANGES": json.dumps(rung["arguments"])}
    said = deque(maxlen=1000)
    with subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout:
            print(line, end="")
            said.append(line)
    return process.returncode, "OutOfMemoryError" in "".join(said)


for rung in LADDER[first:]:
    code, out_of_memory = launched(rung)
    if code == 0:
        break
    if not out_of_memory:
        raise SystemExit(f"The training ended with exit code {code}.")
    print("Memory ran out.")
else:
    raise SystemExit("Memory ran out on every rung of the ladder.")"""


def sources(job: Job) -> Iterator[tuple[str, str]]:
    """Yield (kind, source) of the cells after the one that installs."""
    text = python_script.write(job)
    settings = program.settings(job)
    yield "markdown", f"## The program, with the settings of {job.recipe_id}"
    yield "code", WRITE + text.replace(settings, settings + _TAKEN, 1)
    yield "markdown", "## The GPUs, and the ladder for when memory runs out"
    ladder = ",\n".join(f" {json.dumps(rung)}" for rung in _ladder(job))
    yield "code", _GPUS.format(ladder=ladder, num_gpus=job.num_gpus, gpu=job.gpu_name or job.key.gpu)
    yield "markdown", "## Training"
    yield "code", _TRAIN


def _ladder(job: Job) -> list[dict[str, Any]]:
    """Return each rung with what it changes, in our words and in those of the program."""
    rungs = [(dict(rung.changes), rung.needs_bytes) for rung in job.rungs] or [({}, 0)]
    return [
        {"changes": changes, "arguments": _arguments(job, changes), "needs_bytes": needs} for changes, needs in rungs
    ]


def _arguments(job: Job, changes: dict[str, Any]) -> dict[str, Any]:
    settings = {name: value for name, value in changes.items() if name != "max_length"}
    recipe = replace(job.recipe, settings=replace(job.settings, **settings))
    before, after = job.training_arguments, replace(job, recipe=recipe).training_arguments
    changed = {name: value for name, value in after.items() if name not in before or before[name] != value}
    return changed | {name: value for name, value in changes.items() if name == "max_length"}
