"""`kb export`: a recipe as what its trainer reads, printed or written to a file."""

from pathlib import Path
from typing import Any, get_args

import click

from recipe_kb.cli.group import Session, session_of
from recipe_kb.cli.recipe_id import answer_id
from recipe_kb.dialects.registry import DIALECTS, dialect
from recipe_kb.errors import BadInputError, Exit, Problem
from recipe_kb.i18n import _, language
from recipe_kb.resolve.answer import Answer
from recipe_kb.schema.base import Parallel


def build() -> click.Command:
    """Make the command in the active language."""
    return click.Command(
        "export",
        callback=_run,
        params=[
            click.Argument(["recipe_id"]),
            click.Option(
                ["--format", "form"],
                type=click.Choice(list(DIALECTS)),
                required=True,
                help=_("What reads it: flags, a program, a notebook, or a trainer's own configuration."),
            ),
            click.Option(
                ["--output", "-o"],
                type=click.Path(dir_okay=False, path_type=Path),
                help=_("File to write, which must not exist; else it is printed."),
            ),
            click.Option(["--force"], is_flag=True, help=_("Write over a file that exists.")),
            click.Option(
                ["--num-gpus"], type=click.IntRange(1, 1024), default=1, help=_("Cards that share the batch.")
            ),
            click.Option(
                ["--parallel"],
                type=click.Choice(get_args(Parallel)),
                help=_("How several cards share the work (ddp, and fsdp where that needs too much)."),
            ),
        ],
        help=_(
            "Write a recipe as what its trainer reads.\n\n"
            "Example: kb export t4/biobert/8t-512-full --format notebook --output train.ipynb"
        ),
        short_help=_("A recipe as a program, a notebook or a configuration."),
    )


@click.pass_context
def _run(
    ctx: click.Context,
    /,
    recipe_id: str,
    form: str,
    output: Path | None,
    *,
    force: bool,
    num_gpus: int,
    parallel: Parallel | None,
) -> int:
    session = session_of(ctx)
    if output is not None and output.exists() and not force:
        what = _("exists already, and stays as it is.")
        again = f"kb export {recipe_id} --format {form} --output {output} --force"
        raise BadInputError(Problem(code="KB451", what=what, where=str(output), next_command=again))
    answer = answer_id(session.store, recipe_id, num_gpus, parallel)
    text = export_text(session, answer, form)
    if session.as_json:
        print_json_of(answer, form, text, output)
    elif output is None:
        click.echo(text, nl=False)
    if output is not None:
        _write(output, text)
        if not session.quiet:
            click.echo(_("Written: {path}").format(path=output), err=True)
    return Exit.FINDING if answer.recipe.refuted else Exit.DONE


def export_text(session: Session, answer: Answer, form: str) -> str:
    """Write a recipe in a dialect; what the text by itself does not say goes to standard error.

    Raises:
        BadInputError: The trainer cannot train it.
    """
    from recipe_kb.dialects.job import job_of

    module, job = dialect(form), job_of(session.store, answer)
    reason = module.why_not(job)
    if reason:
        what = _("There is no {form} for {recipe}: {reason}.")
        what = what.format(form=form, recipe=answer.recipe_id, reason=reason)
        others = [name for name in DIALECTS if not dialect(name).why_not(job)]
        what += " " + _("These formats can: {names}.").format(names=", ".join(others))
        again = f"kb export {answer.recipe_id} --format {others[0]}"
        raise BadInputError(Problem(code="KB450", what=what, next_command=again))
    text: str = module.write(job)
    for remark in module.remarks(job):
        click.echo(remark, err=True)
    if answer.recipe.refuted:
        refuted = _("This recipe is refuted: {reason}")
        click.echo(refuted.format(reason=answer.recipe.refuted.reason.get(language())), err=True)
    return text


def print_json_of(answer: Answer, form: str, text: str, output: Path | None) -> None:
    """Print the export for programs."""
    from recipe_kb.cli.output import print_json

    document: dict[str, Any] = {
        "schema": "kb-export/1",
        "recipe": answer.recipe_id,
        "format": form,
        "output": str(output) if output else None,
        "text": text,
    }
    print_json(document)


def _write(output: Path, text: str) -> None:
    try:
        output.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        what = _("cannot be written: {why}").format(why=error.strerror)
        raise BadInputError(Problem(code="KB452", what=what, where=str(output))) from error
