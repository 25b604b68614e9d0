"""`--format notebook`: nbformat 4.5 for Kaggle and Colab, which installs, looks at the GPU, and trains.

Before it trains it takes the first rung of the recipe's ladder whose predicted memory the card has, and when memory
runs out nevertheless, the next one.
"""

import ast
import hashlib
import json
from collections.abc import Iterator
from typing import Any

from recipe_kb.dialects import launch, notebook_launch, program, python_script
from recipe_kb.dialects.job import Job

SUFFIX = ".ipynb"
why_not = program.why_not
_GUARD = 'if __name__ == "__main__":\n    print(run())\n'
_GPU = '''# The ladder: the recipe as it stands, then what to change when memory runs out, and the bytes predicted.
LADDER = json.loads("""
{ladder}
""")


def take(rung):
    """Change the settings to those of a rung."""
    global MAX_LENGTH
    changes = dict(rung["changes"])
    MAX_LENGTH = changes.pop("max_length", MAX_LENGTH)
    if "gradient_checkpointing" in changes:
        changes["activation_checkpointing"] = changes.pop("gradient_checkpointing")
    TRAINING_ARGUMENTS.update(changes)
    print("Settings changed:", rung["changes"] or "none")


first = 0
if torch.cuda.is_available():
    gpu = torch.cuda.get_device_properties(0)
    print(f"{{gpu.name}}, {{gpu.total_memory / 2**30:.2f}} GiB; the recipe is for {gpu}.")
    fits = [index for index, rung in enumerate(LADDER) if rung["needs_bytes"] <= gpu.total_memory]
    if not fits:
        print("No rung is predicted to fit this card; the last one is tried.")
    first = fits[0] if fits else len(LADDER) - 1
    if TRAINING_ARGUMENTS.get("bf16") and gpu.major < 8:
        raise SystemExit("This card has no bf16; ask `kb recipe --gpu auto` for a recipe of its own.")
take(LADDER[first])'''
_TRAIN = """import gc

for position, rung in enumerate(LADDER[first:]):
    if position:
        take(rung)
    try:
        scores = run()
        break
    except torch.cuda.OutOfMemoryError:
        print("Memory ran out.")
    gc.collect()
    torch.cuda.empty_cache()
else:
    raise SystemExit("Memory ran out on every rung of the ladder.")
scores"""


def write(job: Job) -> str:
    """Write the notebook; the same recipe gives the same bytes."""
    cells = [_cell(kind, source) for kind, source in _sources(job)]
    names = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": names, "language_info": {"name": "python"}, "accelerator": "GPU"}
    document = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def read(text: str) -> dict[str, Any]:
    """Return the settings of a notebook, by parsing it alone."""
    found: dict[str, Any] = {}
    for cell in json.loads(text)["cells"]:
        source = "".join(cell["source"])
        source = source.removeprefix(notebook_launch.WRITE)
        if cell["cell_type"] == "code" and not source.startswith("%"):
            found |= python_script.constants(ast.parse(source))
    return launch.read(text, python_script.settings_of(found))


def _sources(job: Job) -> Iterator[tuple[str, str]]:
    yield "markdown", f"# {program.title(job)}\n\n`kb export {job.recipe_id} --format notebook`"
    yield "code", "%pip install -q " + " ".join(program.quoted(one) for one in program.requirements(job))
    if job.num_gpus > 1:
        yield from notebook_launch.sources(job)
        return
    yield "code", program.imports(job)
    yield "code", program.places(job)
    yield "markdown", f"## Settings of {job.recipe_id}"
    yield "code", program.settings(job)
    yield "code", program.loading(job) + "\n" + program.fitting()
    yield "markdown", "## The GPU, and the ladder for when memory runs out"
    rungs = [{"changes": dict(rung.changes), "needs_bytes": rung.needs_bytes} for rung in job.rungs]
    ladder = ",\n".join(f" {json.dumps(rung)}" for rung in rungs or [{"changes": {}, "needs_bytes": 0}])
    yield "code", _GPU.format(ladder=f"[\n{ladder}\n]", gpu=job.gpu_name or job.key.gpu)
    for part in program.body(job).split(program.CELL)[1:]:
        heading, source = part.split("\n", 1)
        yield "markdown", f"## {heading}"
        yield "code", source.replace(_GUARD, "")
    yield "code", _TRAIN


def _cell(kind: str, source: str) -> dict[str, Any]:
    source = source.strip("\n")
    cell: dict[str, Any] = {"cell_type": kind, "id": hashlib.sha256(source.encode()).hexdigest()[:8], "metadata": {}}
    if kind == "code":
        cell |= {"execution_count": None, "outputs": []}
    return cell | {"source": source.splitlines(keepends=True)}
