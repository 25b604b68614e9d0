"""The result of one probe as a person reads it: the verdict, what it confirms, what it does not."""

from pathlib import Path

import click

from recipe_kb.cli.group import terminal_width
from recipe_kb.cli.output import columns, setting, title
from recipe_kb.i18n import _, gib, number
from recipe_kb.schema.evidence import Evidence, Measured
from recipe_kb.schema.reasons import in_language


def print_result(evidence: Evidence, path: Path | None) -> None:
    """Print one probe."""
    width = terminal_width()
    click.echo()
    colour = "green" if evidence.verdict == "passed" else "red"
    device = evidence.gpu_name or "CPU"
    click.secho(f"{evidence.recipe} · {device} · {_verdicts()[evidence.verdict]}", fg=colour, bold=True)
    if evidence.reason:
        columns([(_("reason"), in_language(evidence.reason))], width)
    if evidence.measured:
        columns(_figures(evidence.measured), width)
    aspects = _aspects()
    title(_("Confirmed here"))
    columns([(aspects[aspect],) for aspect in evidence.confirmed] or [(_("nothing"),)], width)
    if evidence.needs_gpu:
        title(_("Not confirmed; needs the GPU of the recipe"))
        columns([(aspects[aspect],) for aspect in evidence.needs_gpu], width)
    if evidence.deviations and evidence.measured:
        title(_("Run with other values than the recipe's"))
        reasons = _reasons()
        rows = [
            (
                one.setting,
                f"{setting(one.setting, one.recipe)} -> {setting(one.setting, one.probe)}",
                reasons.get(one.why, one.why),
            )
            for one in evidence.deviations
        ]
        columns(rows, width)
    if path:
        title(_("Recorded"))
        columns([(str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path),)], width)


def _figures(measured: Measured) -> list[tuple[str, str]]:
    rows = [(_("optimizer steps"), str(measured.num_steps))]
    if measured.loss_first is not None and measured.loss_last is not None:
        rows.append((_("loss"), f"{number(measured.loss_first, 3)} -> {number(measured.loss_last, 3)}"))
    if measured.step_time_s_median is not None:
        rows.append((_("time per step"), f"{number(measured.step_time_s_median)} s"))
    if measured.peak_reserved_bytes is not None:
        rows.append((_("peak memory reserved"), gib(measured.peak_reserved_bytes)))
    if measured.samples_per_s is not None:
        rows.append((_("samples per second"), number(measured.samples_per_s)))
    rows.append((_("time in all"), f"{number(measured.wall_s, 0)} s"))
    return rows


def _verdicts() -> dict[str, str]:
    return {
        "passed": _("passed"),
        "oom": _("out of memory"),
        "not_finite": _("loss or gradient is not finite"),
        "no_progress": _("the loss does not fall"),
        "alloc_retries": _("memory is too tight"),
        "timeout": _("ran out of time"),
        "crash": _("the training crashed"),
        "unsupported": _("cannot run here"),
    }


def _aspects() -> dict[str, str]:
    return {
        "trains": _("it trains with these arguments"),
        "loss_falls": _("the loss falls"),
        "gradients_finite": _("gradients are finite"),
        "accumulation": _("it trains with gradient accumulation"),
        "multi_task": _("one shared encoder, one head per task"),
        "memory": _("memory"),
        "speed": _("speed"),
        "precision": _("precision"),
    }


def _reasons() -> dict[str, str]:
    return {
        "no-half-precision-on-cpu": _("half precision is for GPUs"),
        "tf32-is-a-gpu-format": _("TF32 is a GPU format"),
        "optimizer-has-gpu-kernels": _("this optimizer has GPU kernels"),
        "attention-has-gpu-kernels": _("this attention has GPU kernels"),
        "nothing-to-overlap-on-cpu": _("the CPU has nothing to overlap"),
        "a-causal-lm-has-one-head": _("a causal language model has one head"),
        "shorter-on-cpu": _("so that a CPU ends in minutes"),
    }
