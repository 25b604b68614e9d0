"""`kb lint`: the configurations in files and in documentation, against rules that explain."""

from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import click

from recipe_kb.cli.group import Session, session_of
from recipe_kb.cli.lint_rules import chosen, explain_rule
from recipe_kb.errors import BadInputError, Exit, Problem
from recipe_kb.i18n import _, ngettext
from recipe_kb.lint.finding import Finding

_FORMATS = ("text", "json", "sarif", "github")


def build() -> click.Command:
    """Make the command in the active language."""
    return click.Command(
        "lint",
        callback=_run,
        params=[
            click.Argument(["paths"], nargs=-1, type=click.Path(path_type=Path)),
            click.Option(["--gpu"], help=_("GPU that the configurations are for; else what the text says.")),
            click.Option(["--model"], help=_("Model that they are for; else what the text says.")),
            click.Option(["--max-length"], type=click.IntRange(1, 1 << 20), help=_("Tokens per sample.")),
            click.Option(["--tasks"], type=click.IntRange(1, 64), help=_("Number of training tasks.")),
            click.Option(["--num-gpus"], type=click.IntRange(1, 1024), help=_("Cards that share the batch.")),
            click.Option(["--transformers"], help=_("Version of transformers that is meant; else the installed one.")),
            click.Option(["--fix"], is_flag=True, help=_("Mend what is safe; comments and layout stay.")),
            click.Option(["--diff"], is_flag=True, help=_("Print what --fix would change, and change nothing.")),
            click.Option(["--format", "form"], type=click.Choice(_FORMATS), default="text", help=_("How to print it.")),
            click.Option(["--select"], multiple=True, help=_("Only these codes, separated by commas.")),
            click.Option(["--ignore"], multiple=True, help=_("All codes but these.")),
            click.Option(["--strict"], is_flag=True, help=_("Warnings fail too.")),
            click.Option(
                ["--baseline"], type=click.Path(path_type=Path), help=_("File of findings that do not count.")
            ),
            click.Option(
                ["--write-baseline"], type=click.Path(path_type=Path), help=_("Write what is found as a baseline.")
            ),
            click.Option(["--explain"], help=_("Print the page of a rule, such as KB505.")),
        ],
        help=_(
            "Check the training configurations in files, notebooks, scripts and documentation; - reads the standard "
            "input.\n\n"
            "Example: kb lint docs/ train.yaml --gpu t4 --model biobert"
        ),
        short_help=_("Configurations against rules that explain."),
    )


@click.pass_context
def _run(ctx: click.Context, /, paths: tuple[Path, ...], explain: str | None, **options: Any) -> int:
    session = session_of(ctx)
    if explain:
        explain_rule(explain)
        return Exit.DONE
    if not paths:
        what = _("Name a file or a folder to lint.")
        raise BadInputError(Problem(code="KB207", what=what, next_command="kb lint --help"))
    return _lint(session, paths, **options)


def _lint(
    session: Session,
    paths: tuple[Path, ...],
    *,
    form: str,
    fix: bool,
    diff: bool,
    strict: bool,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    baseline: Path | None,
    write_baseline: Path | None,
    **context: Any,
) -> int:
    from recipe_kb.cli.lint_files import files_in, lint_file
    from recipe_kb.lint import baseline as baselines
    from recipe_kb.lint.formats.registry import FORMATS

    _refuse_input(paths, writes=fix and not diff)
    known = baselines.read(baseline) if baseline else None
    asked, rules = _asked(session, **context), chosen(select, ignore)
    kept: dict[Any, Any] = {}
    results = [
        lint_file(path, session.store, asked, rules, kept, fix=fix or diff, write=fix and not diff)
        for path in files_in(paths)
    ]
    findings = [finding for result in results for finding in result.findings]
    for result in results:
        for problem in result.problems:
            click.echo(problem, err=True)
    if write_baseline:
        write_baseline.write_text(baselines.write(findings), encoding="utf-8")
        if not session.quiet:
            what = ngettext("{count} finding written to {file}.", "{count} findings written to {file}.", len(findings))
            click.echo(what.format(count=len(findings), file=write_baseline), err=True)
        return Exit.DONE
    shown, talk = findings, []
    if known is not None:
        held = baselines.hold(findings, known)
        shown = list(held.new)
        talk.append(_("{count} known from the baseline").format(count=len(held.covered)))
        if held.gone:
            talk.append(_("{count} of the baseline gone, write it anew").format(count=held.gone))
    if diff:
        click.echo("".join(result.diff for result in results), nl=False)
    else:
        click.echo(FORMATS["json" if session.as_json else form](shown), nl=False)
    if not session.quiet:
        suppressed = sum(result.num_suppressed for result in results)
        mended = sum(len(result.mended) for result in results)
        configurations = sum(result.num_configurations for result in results)
        click.echo(_summary(shown, len(results), configurations, suppressed, mended, talk), err=True)
    if any(result.is_unreadable for result in results):
        return Exit.BAD_INPUT
    failing = {"error", "warning"} if strict else {"error"}
    return Exit.FINDING if any(finding.severity in failing for finding in shown) else Exit.DONE


def _refuse_input(paths: tuple[Path, ...], *, writes: bool) -> None:
    from recipe_kb.cli.lint_files import STANDARD_INPUT

    if writes and Path(STANDARD_INPUT) in paths:
        what = _("The standard input cannot be written back; --diff prints what would change.")
        raise BadInputError(Problem(code="KB596", what=what, next_command="kb lint --fix --diff -"))


def _asked(session: Session, **context: Any) -> Any:
    """Read the options that speak over the text."""
    from recipe_kb.lint.asked import TRAP_VERSION, Asked
    from recipe_kb.store.names import find_gpu, find_model

    gpu, model, stated = context["gpu"], context["model"], context["transformers"]
    if gpu == "auto":
        from recipe_kb.cli.machine import gpu_of_this_machine

        gpu = gpu_of_this_machine(session.store)
    if stated and not stated.partition(".")[0].isdecimal():
        what = _("{value!r} is no version, such as {example}.").format(value=stated, example=TRAP_VERSION)
        raise BadInputError(Problem(code="KB594", what=what, next_command="kb lint --help"))
    try:
        installed = version("transformers")
    except PackageNotFoundError:
        installed = TRAP_VERSION
    return Asked(
        gpu=find_gpu(session.store, gpu) if gpu else None,
        model=find_model(session.store, model) if model else None,
        max_length=context["max_length"],
        tasks=context["tasks"],
        num_gpus=context["num_gpus"],
        transformers=stated or installed,
    )


def _summary(
    findings: list[Finding], files: int, configurations: int, suppressed: int, mended: int, talk: list[str]
) -> str:
    counted = Counter(finding.severity for finding in findings)
    words = [
        ngettext("{count} error", "{count} errors", counted["error"]).format(count=counted["error"]),
        ngettext("{count} warning", "{count} warnings", counted["warning"]).format(count=counted["warning"]),
        ngettext("{count} hint", "{count} hints", counted["info"]).format(count=counted["info"]),
    ]
    if mended:
        words.append(_("{count} mended").format(count=mended))
    if suppressed:
        words.append(_("{count} allowed by comments").format(count=suppressed))
    words += talk
    where = _("{configurations} in {files}").format(
        configurations=ngettext("{count} configuration", "{count} configurations", configurations).format(
            count=configurations
        ),
        files=ngettext("{count} file", "{count} files", files).format(count=files),
    )
    return f"{where}: {', '.join(words)}"
