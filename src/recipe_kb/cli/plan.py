"""`kb plan`: the arithmetic of a run, samples, steps, warm-up."""

from typing import Any

import click

from recipe_kb.cli.group import session_of, terminal_width
from recipe_kb.cli.output import columns, print_json, title
from recipe_kb.cli.recipe_id import answer_id
from recipe_kb.i18n import _, language, number
from recipe_kb.resolve.rules import num_samples, warmup_steps


def build() -> click.Command:
    """Make the command in the active language."""
    return click.Command(
        "plan",
        callback=_run,
        params=[
            click.Argument(["recipe_id"]),
            click.Option(
                ["--max-steps"], type=click.IntRange(1, 10**9), required=True, help=_("Optimizer steps of the run.")
            ),
            click.Option(
                ["--num-gpus"], type=click.IntRange(1, 1024), default=1, help=_("Cards that share the batch.")
            ),
        ],
        help=_(
            "Work out samples, effective batch and warm-up for a number of optimizer steps.\n\n"
            "Example: kb plan t4/biobert/8t-512-full --max-steps 1000"
        ),
        short_help=_("Samples, steps and warm-up of a run."),
    )


@click.pass_context
def _run(ctx: click.Context, recipe_id: str, max_steps: int, num_gpus: int) -> None:
    session = session_of(ctx)
    answer = answer_id(session.store, recipe_id, num_gpus)
    settings = answer.recipe.settings
    if answer.recipe.refuted:
        click.echo(
            _("This recipe is refuted: {reason}").format(reason=answer.recipe.refuted.reason.get(language())), err=True
        )
    effective = answer.effective_batch_size
    headroom = session.store.rule("num-samples").constants["headroom"]
    plan: dict[str, Any] = {
        "schema": "kb-plan/1",
        "recipe": answer.recipe_id,
        "num_gpus": answer.num_gpus,
        "max_steps": max_steps,
        "effective_batch_size": effective,
        "samples_seen": max_steps * effective,
        "num_train_samples": num_samples(max_steps, effective, headroom),
        "headroom": headroom,
        "warmup_steps": warmup_steps(max_steps, settings.warmup_ratio),
        "forward_passes": max_steps * settings.gradient_accumulation_steps,
    }
    if session.as_json:
        print_json(plan)
        return
    product = f"{settings.per_device_train_batch_size} x {settings.gradient_accumulation_steps} x {answer.num_gpus}"
    count = {name: number(value, 0) for name, value in plan.items() if isinstance(value, int)}
    samples = f"{count['max_steps']} x {count['effective_batch_size']}"
    title(answer.recipe_id)
    columns(
        [
            (_("effective batch size"), count["effective_batch_size"], product),
            (_("samples read"), count["samples_seen"], samples),
            (
                _("samples to prepare"),
                count["num_train_samples"],
                _("{samples} x {headroom}, rule num-samples").format(samples=samples, headroom=number(headroom)),
            ),
            (
                _("warm-up steps"),
                count["warmup_steps"],
                _("{ratio} of {steps}").format(ratio=number(settings.warmup_ratio), steps=count["max_steps"]),
            ),
            (
                _("forward and backward passes"),
                count["forward_passes"],
                _("{steps} x {accumulation} accumulation steps").format(
                    steps=count["max_steps"], accumulation=settings.gradient_accumulation_steps
                ),
            ),
        ],
        terminal_width(),
    )
