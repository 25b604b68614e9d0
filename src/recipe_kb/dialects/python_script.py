"""`--format python`: a program that trains, with nothing of ours in it.

It holds the mend for gradient accumulation (see `training_arguments`), and trains what the probe trains.
"""

import ast
from typing import Any

from recipe_kb.dialects import launch, program, training_arguments
from recipe_kb.dialects.job import Job
from recipe_kb.dialects.loading import method_of, read_lora

SUFFIX = ".py"
why_not = program.why_not


def write(job: Job) -> str:
    """Write the program."""
    needed = " ".join(program.quoted(one) for one in program.requirements(job))
    run = f"TRAIN_FILE=train.jsonl {launch.line(job)}"
    head = f'"""{program.title(job)}.\n\nNeeds: pip install torch {needed}\nRun: {run}\n"""\n'
    parts = (
        head,
        program.CELL + "Imports\n" + program.imports(job),
        program.CELL + "Where things are\n" + program.places(job),
        program.CELL + f"Settings of {job.recipe_id}\n" + program.settings(job),
        program.CELL + "What follows from them\n" + program.loading(job) + "\n" + program.fitting() + "\n",
        program.body(job),
    )
    return "\n".join(parts)


def read(text: str) -> dict[str, Any]:
    """Return the settings of a program, by parsing it alone."""
    return launch.read(text, settings_of(constants(ast.parse(text))))


def constants(tree: ast.Module) -> dict[str, Any]:
    """Return what a module assigns to names in capitals as literals."""
    found = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            try:
                found[statement.targets[0].id] = ast.literal_eval(statement.value)
            except ValueError:
                continue  # computed
    return found


def settings_of(found: dict[str, Any]) -> dict[str, Any]:
    """Name the program's constants in the words of `Settings` and of the cell."""
    settings = training_arguments.read(found["TRAINING_ARGUMENTS"])
    settings |= {"attn_implementation": found["ATTN_IMPLEMENTATION"], "max_length": found["MAX_LENGTH"]}
    settings |= {"tasks": found["NUM_TASKS"]} if "NUM_TASKS" in found else {}
    method = method_of(has_lora=found["LORA"] is not None, has_quantization="QUANTIZATION" in found)
    return settings | read_lora(found["LORA"] or {}) | {"method": method}
