"""`--format shell`: the settings as variables, and a script that trains with them.

The variables become flags, which the program inside reads with HfArgumentParser as every script of transformers does.
"""

import re
import shlex
from typing import Any

from recipe_kb.dialects import launch, program, training_arguments
from recipe_kb.dialects.args import value_of, value_text
from recipe_kb.dialects.job import Job
from recipe_kb.dialects.loading import LORA, lora

SUFFIX = ".sh"
why_not = program.why_not
_VARIABLE = re.compile(r"^([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)
_END = "END_OF_PROGRAM"
_READ_FLAGS = """
from transformers import HfArgumentParser

parser = HfArgumentParser(TrainingArguments)
given = vars(parser.parse_args())
TRAINING_ARGUMENTS = {name: value for name, value in given.items() if value != parser.get_default(name)}
"""


def write(job: Job) -> str:
    """Write the script."""
    written = job.training_arguments
    cell: dict[str, Any] = {"MAX_LENGTH": job.key.max_length}
    cell |= {"NUM_TASKS": job.tasks} if job.is_encoder else {}
    cell["ATTN_IMPLEMENTATION"] = job.settings.attn_implementation
    adapters = {name: value for name, value in job.settings.values().items() if name in LORA and value is not None}
    cell |= {name.upper(): value for name, value in adapters.items()} if lora(job) else {}
    variables = {name.upper(): value for name, value in written.items()}
    flags = "".join(f" \\\n  {_flag(name)}" for name in written)
    python = '"${PYTHON:-python3}"'
    start = python if job.num_gpus == 1 else f"{python} -m torch.distributed.run --nproc_per_node {job.num_gpus}"
    needed = " ".join(shlex.quote(one) for one in program.requirements(job))
    return (
        f"#!/usr/bin/env bash\n# {program.title(job)}\n"
        f"# Needs: pip install torch {needed}\n"
        "# Run: TRAIN_FILE=train.jsonl bash train.sh\nset -euo pipefail\n\n"
        f'export MODEL="${{MODEL:-{job.model.hub_id}}}"\nexport OUTPUT_DIR="${{OUTPUT_DIR:-output}}"\n\n'
        f"# Settings of {job.recipe_id}\n"
        + "".join(f"{name}={shlex.quote(value_text(value))}\n" for name, value in (variables | cell).items())
        + f"export {' '.join(cell)}\n\n"
        f'mkdir -p "$OUTPUT_DIR"\ncat > "$OUTPUT_DIR/train.py" <<\'{_END}\'\n{_program(job)}{_END}\n\n'
        f'{start} "$OUTPUT_DIR/train.py"{flags}\n'
    )


def read(text: str) -> dict[str, Any]:
    """Return what the variables say."""
    script, _, rest = text.partition(f"<<'{_END}'")
    found = {name.lower(): value_of(shlex.split(value)[0]) for name, value in _VARIABLE.findall(script)}
    settings = training_arguments.read(found)
    names = ("max_length", "attn_implementation", *LORA)
    settings |= {name: found[name] for name in names if name in found}
    settings |= {"tasks": found["num_tasks"]} if "num_tasks" in found else {}
    return launch.read(rest, settings)


def _flag(name: str) -> str:
    """Write one flag; `--fsdp` takes no `True`."""
    return "--fsdp" if name == "fsdp" else f'--{name} "${name.upper()}"'


def _program(job: Job) -> str:
    """Return the program, whose settings come from flags and the environment."""
    lines = ['MAX_LENGTH = int(os.environ["MAX_LENGTH"])']
    lines += ['NUM_TASKS = int(os.environ["NUM_TASKS"])'] if job.is_encoder else []
    lines.append('ATTN_IMPLEMENTATION = os.environ["ATTN_IMPLEMENTATION"]')
    adapters = lora(job)
    lines.append("LORA = None" if adapters is None else _lora(job, adapters))
    parts = (
        program.imports(job),
        program.places(job),
        "\n".join([*lines, *program.packing(job)]) + "\n" + _READ_FLAGS,
        program.loading(job) + "\n" + program.fitting() + "\n",
        program.body(job),
    )
    return "\n".join(parts)


def _lora(job: Job, adapters: dict[str, Any]) -> str:
    fixed = {name: value for name, value in adapters.items() if name not in LORA.values()}
    values = job.settings.values()
    read = {
        theirs: f'{"float" if theirs == "lora_dropout" else "int"}(os.environ["{ours.upper()}"])'
        for ours, theirs in LORA.items()
        if values[ours] is not None
    }
    entries = "".join(f'    "{name}": {source},\n' for name, source in read.items())
    return f"LORA = {program.literal(fixed)[:-1]}{entries}}}"
