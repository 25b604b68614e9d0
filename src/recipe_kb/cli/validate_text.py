"""The result of one probe as a person reads it: the verdict, what it confirms, what it does not."""

from pathlib import Path

import click

from recipe_kb.cli.group import Session, terminal_width
from recipe_kb.cli.output import columns, setting, title
from recipe_kb.cli.validate_run import Outcome
from recipe_kb.i18n import _, gib, ngettext, number, percent
from recipe_kb.resolve.signs import signs_of
from recipe_kb.schema.evidence import Attempt, Evidence, GpuLoad, Measured, Rank
from recipe_kb.schema.evidence_words import aspect_words, deviation_words, verdict_words
from recipe_kb.schema.reasons import in_language


def print_outcome(outcome: Outcome) -> None:
    """Print what came of one recipe: the run that speaks for all repeats, and how it compares with a baseline."""
    if outcome.skipped:
        what = _("{id}: {path} answers already; left out.")
        click.echo(what.format(id=outcome.answer.recipe_id, path=_shown(outcome.skipped)))
        return
    print_result(outcome.reported, outcome.path)
    if outcome.num_failed and len(outcome.runs) > 1 and outcome.comparison is None:  # else the comparison says it
        num_runs = len(outcome.runs)
        count = ngettext("{failed} of {count} run", "{failed} of {count} runs", num_runs)
        click.echo()
        columns([(_("did not pass"), count.format(failed=outcome.num_failed, count=num_runs))], terminal_width())
    if outcome.comparison is not None:
        from recipe_kb.cli.validate_baseline import print_comparison

        print_comparison(outcome.comparison)


def print_result(evidence: Evidence, path: Path | None) -> None:
    """Print one probe."""
    width = terminal_width()
    click.echo()
    colour = "green" if evidence.verdict == "passed" else "red"
    click.secho(f"{evidence.recipe} · {_device(evidence)} · {verdict_words()[evidence.verdict]}", fg=colour, bold=True)
    if evidence.reason:
        columns([(_("reason"), in_language(evidence.reason))], width)
    if evidence.measured:
        columns(_figures(evidence.measured, evidence.predicted_reserved_bytes), width)
    if evidence.ranks:
        title(_("Each process"))
        columns([_rank(rank) for rank in evidence.ranks], width)
    if evidence.gpu_load:
        title(_("What the GPU did meanwhile"))
        columns(_load(evidence.gpu_load), width)
    if evidence.not_comparable:
        title(_("Not to be compared with other runs"))
        columns([(in_language(reason),) for reason in evidence.not_comparable], width)
    if evidence.ladder:
        title(_("After memory ran out"))
        columns([_attempt(attempt) for attempt in evidence.ladder], width)
    aspects = aspect_words()
    title(_("Confirmed here"))
    columns([(aspects[aspect],) for aspect in evidence.confirmed] or [(_("nothing"),)], width)
    if evidence.needs_gpu:
        title(_("Not confirmed; needs the GPU of the recipe"))
        columns([(aspects[aspect],) for aspect in evidence.needs_gpu], width)
    if evidence.deviations and evidence.measured:
        title(_("Run with other values than the recipe's"))
        reasons = deviation_words()
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
        columns([(_shown(path),)], width)


def print_signs(session: Session, outcome: Outcome) -> None:
    """Print what the thresholds of the guides make of a run on the card of the recipe, and what they are worth."""
    if outcome.skipped:
        return
    evidence, key = outcome.reported, outcome.answer.key
    if evidence.mode != "native" or "memory" in evidence.needs_gpu:
        return
    limit = outcome.answer.memory.limit_bytes
    readings = signs_of(session.store.signs(), evidence.measured, evidence.gpu_load, limit, gpu_id=key.gpu)
    rows = []
    for reading in readings:
        said = getattr(reading.sign, reading.place)
        if said is not None:
            claims = ", ".join(reading.sign.claims)
            rows.append((reading.sign.id, said.get(session.language), f"{reading.verdict} ({claims})"))
    if rows:
        title(_("What the guides would say, and what that is worth"))
        columns(rows, terminal_width())


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _device(evidence: Evidence) -> str:
    device = evidence.gpu_name or "CPU"
    if evidence.parallel is not None:
        device = f"{evidence.num_gpus} x {device}, {evidence.parallel.upper()}"
    if evidence.emulation is None:
        return device
    played, cap = evidence.emulation.gpu, gib(evidence.emulation.capped_bytes)
    if evidence.emulation.capped_at == "prediction":
        return _("{device} with the {cap} predicted for {played}").format(device=device, played=played, cap=cap)
    return _("{device} playing {played}, {cap} for tensors").format(device=device, played=played, cap=cap)


def _rank(rank: Rank) -> tuple[str, ...]:
    verdict = _("ended with the others") if rank.verdict is None else verdict_words()[rank.verdict]
    time = "" if rank.step_time_s_median is None else f"{number(rank.step_time_s_median)} s"
    memory = "" if rank.peak_reserved_bytes is None else gib(rank.peak_reserved_bytes)
    load = rank.gpu_load
    busy = "" if load is None or load.kernel_time_share is None else percent(load.kernel_time_share)
    return str(rank.rank), rank.gpu_name or "CPU", time, memory, busy, verdict


def _load(load: GpuLoad) -> list[tuple[str, str]]:
    rows = []
    if load.kernel_time_share is not None:
        rows.append((_("time with a kernel running"), percent(load.kernel_time_share)))
    if load.power_w_mean is not None:
        limit = "" if load.power_limit_w is None else _(" of {limit} W").format(limit=number(load.power_limit_w, 0))
        rows.append((_("power"), f"{number(load.power_w_mean, 0)}{limit or ' W'}"))
    if load.sm_clock_mhz is not None:
        rows.append((_("clock"), f"{number(load.sm_clock_mhz, 0)} MHz"))
    if load.temperature_c_max is not None:
        rows.append((_("highest temperature"), f"{number(load.temperature_c_max, 0)} °C"))
    if load.process_used_bytes is not None:
        rows.append((_("memory of the process"), gib(load.process_used_bytes)))
    if load.device_used_bytes is not None:
        rows.append((_("memory of the device in use"), gib(load.device_used_bytes)))
    if load.throttle_reasons:
        rows.append((_("slowed down by"), ", ".join(load.throttle_reasons)))
    return rows


def _attempt(attempt: Attempt) -> tuple[str, str, str]:
    changed = ", ".join(f"{name}={setting(name, value)}" for name, value in attempt.changed.items())
    memory = "" if attempt.peak_reserved_bytes is None else gib(attempt.peak_reserved_bytes)
    return changed, verdict_words()[attempt.verdict], memory


def _figures(measured: Measured, predicted_reserved_bytes: int | None) -> list[tuple[str, str]]:
    rows = [(_("optimizer steps"), str(measured.num_steps))]
    if measured.loss_first is not None and measured.loss_last is not None:
        rows.append((_("loss"), f"{number(measured.loss_first, 3)} -> {number(measured.loss_last, 3)}"))
    if measured.step_time_s_median is not None:
        rows.append((_("time per step"), f"{number(measured.step_time_s_median)} s"))
    if measured.peak_reserved_bytes is not None:
        rows.append((_("peak memory reserved"), gib(measured.peak_reserved_bytes)))
        if predicted_reserved_bytes is not None:
            rows.append((_("predicted"), gib(predicted_reserved_bytes)))
    if measured.samples_per_s is not None:
        rows.append((_("samples per second"), number(measured.samples_per_s)))
    if measured.mfu is not None:
        rows.append((_("share of the dense peak (MFU)"), percent(measured.mfu)))
    rows.append((_("time in all"), f"{number(measured.wall_s, 0)} s"))
    return rows
