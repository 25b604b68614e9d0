"""`kb recipe`: which settings for this GPU, this model, this many tasks."""

from typing import Any, get_args

import click

from recipe_kb.cli.group import Session, session_of
from recipe_kb.cli.output import print_json
from recipe_kb.dialects.registry import DIALECTS
from recipe_kb.errors import BadInputError, Exit, Problem
from recipe_kb.i18n import _
from recipe_kb.resolve.answer import Answer, ask
from recipe_kb.schema.base import Parallel
from recipe_kb.schema.recipe import MAX_TASKS

FORMATS = ("text", "json", *DIALECTS)
METHODS = ("full", "lora", "qlora")
GOALS = ("quality", "balanced", "speed")


def build() -> click.Command:
    """Make the command in the active language."""
    return click.Command(
        "recipe",
        callback=_run,
        params=[
            *cell_options(),
            click.Option(["--format", "form"], type=click.Choice(FORMATS), default="text", help=_("How to print it.")),
            click.Option(["--explain"], is_flag=True, help=_("Print the claims and rules behind each number.")),
        ],
        help=_(
            "Answer which batch size, accumulation, learning rate, optimizer and precision to use.\n\n"
            "Example: kb recipe --gpu t4 --model biobert --tasks 8"
        ),
        short_help=_("Settings for a GPU, a model and a number of tasks."),
    )


def cell_options() -> list[click.Parameter]:
    """Return the options that name a cell; `kb recipe` and others share them."""
    return [
        click.Option(["--gpu"], help=_("GPU in any spelling, or auto for the one in this machine.")),
        click.Option(["--vram"], type=click.IntRange(1, 1024), help=_("Memory in GB, where only the size is known.")),
        click.Option(["--model"], required=True, help=_("Model in any spelling, or its hub id.")),
        click.Option(
            ["--tasks"],
            type=click.IntRange(1, MAX_TASKS),
            default=1,
            help=_("Number of training tasks, one head each."),
        ),
        click.Option(["--max-length"], type=click.IntRange(8, 1 << 20), help=_("Tokens per sample (512 if it can).")),
        click.Option(["--method"], type=click.Choice(METHODS), default="full", help=_("What is trained.")),
        click.Option(["--goal"], type=click.Choice(GOALS), default="balanced", help=_("What matters most.")),
        click.Option(["--num-gpus"], type=click.IntRange(1, 1024), default=1, help=_("Cards that share the batch.")),
        click.Option(
            ["--parallel"],
            type=click.Choice(get_args(Parallel)),
            help=_("How several cards share the work (ddp, and fsdp where that needs too much)."),
        ),
    ]


def answer_options(session: Session, gpu: str | None, vram: int | None, **question: Any) -> Answer:
    """Answer the cell that the options name."""
    return ask(session.store, gpu=gpu_named(session, gpu, vram), **question)


def gpu_named(session: Session, gpu: str | None, vram: int | None) -> str:
    """Return what to look for: the GPU as it was typed, the one of this machine, or a bare size.

    Raises:
        BadInputError: Neither or both are given.
        CannotHereError: `auto`, and no GPU that is known is here.
    """
    if (gpu is None) == (vram is None):
        what = _("Give --gpu or --vram, not both.") if gpu else _("Name the card with --gpu, or its size with --vram.")
        raise BadInputError(Problem(code="KB207", what=what, next_command="kb list gpus"))
    if vram is not None:
        return f"vram-{vram}gb"
    if gpu == "auto":
        from recipe_kb.cli.machine import gpu_of_this_machine

        return gpu_of_this_machine(session.store)
    assert gpu is not None  # noqa: S101 - one of the two was given
    return gpu


@click.pass_context
def _run(ctx: click.Context, /, form: str, explain: bool, **question: Any) -> int:
    session = session_of(ctx)
    answer = answer_options(session, **question)
    if session.as_json or form == "json":
        print_json(answer.to_json(session.language))
    elif form == "text":
        from recipe_kb.cli.recipe_text import print_answer

        print_answer(answer, session, explain=explain)
    else:
        from recipe_kb.cli.export import export_text

        click.echo(export_text(session, answer, form), nl=False)
    return Exit.FINDING if answer.recipe.refuted else Exit.DONE
