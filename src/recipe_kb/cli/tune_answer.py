"""What `kb tune` has found, as one object for programs, and in the sentences that text and picture share."""

from collections.abc import Iterator
from typing import Any

from recipe_kb.cli.heading import heading_of
from recipe_kb.cli.output import setting
from recipe_kb.cli.tune_record import Recorded
from recipe_kb.i18n import _, gib, ngettext, number, percent
from recipe_kb.schema.reasons import in_language
from recipe_kb.tune.trial import KEPT_FREE, Trial, Unsafe
from recipe_kb.tune.tuned import Row, Tuned

SCHEMA = "kb-tune/1"


def to_json(tuned: Tuned, recorded: Recorded | None, language: str) -> dict[str, Any]:
    """Return the command-line contract's object; notes in one language, values never localised."""
    start, best = tuned.start, tuned.recommended
    key, room = start.answer.key, start.room
    return {
        "schema": SCHEMA,
        "recipe": start.answer.recipe_id,
        "gpu": key.gpu,
        "model": key.model,
        "tasks": key.tasks[0] if key.tasks[0] == key.tasks[1] else list(key.tasks),
        "max_length": key.max_length,
        "method": key.method,
        "measured": tuned.search is not None,
        "why_predicted": tuned.why_predicted,
        "effective_batch_size": start.effective,
        "scale_lr": start.grows,
        "recommended": _shape(tuned, best) if best else None,
        "settings": start.settings(best).given() if best else None,
        "batches": [_row(row, tuned) for row in tuned.rows()],
        "num_probes": len(tuned.trials),
        "num_out_of_memory": sum(trial.measurement.verdict == "oom" for trial in tuned.trials),
        "limit_bytes": room.limit_bytes,
        "usable_bytes": room.usable_bytes,
        "used_by_others_bytes": start.used_bytes,
        "margin": start.answer.memory.margin,
        "memory_method": start.answer.memory.method,
        "wall_s": tuned.wall_s,
        "recorded": {"recipe": str(recorded.recipe), "evidence": str(recorded.evidence)} if recorded else None,
        "notes": list(notes(tuned, language)),
    }


def _shape(tuned: Tuned, shape: Any) -> dict[str, Any]:
    return {
        "per_device_train_batch_size": shape.batch,
        "gradient_accumulation_steps": shape.accumulation,
        "effective_batch_size": shape.effective_batch_size,
        "learning_rate": tuned.start.settings(shape).learning_rate,
    }


def _row(row: Row, tuned: Tuned) -> dict[str, Any]:
    forecast, trial = row.forecast, row.trial
    return _shape(tuned, row.shape) | {
        "predicted_reserved_bytes": forecast.reserved_bytes,
        "fits": row.fits,
        "step_floor_s": forecast.step_floor_s,
        "most_samples_per_s": forecast.most_samples_per_s,
        "measured": _measured(trial) if trial else None,
    }


def _measured(trial: Trial) -> dict[str, Any]:
    measurement = trial.measurement
    return {
        "verdict": measurement.verdict,
        "reason": measurement.evidence.reason if measurement.evidence else None,
        "samples_per_s": measurement.samples_per_s,
        "peak_reserved_bytes": measurement.peak_reserved_bytes,
        "num_alloc_retries": measurement.retries,
        "unsafe": trial.unsafe,
    }


def heading(tuned: Tuned) -> str:
    """Write what was asked in one line."""
    answer = tuned.start.answer
    return heading_of(answer.key, answer.gpu, answer.model)


def verdict(tuned: Tuned) -> str:
    """Say which batch to take."""
    shape, limit = tuned.recommended, tuned.start.room.limit_bytes
    if tuned.search is None:
        if shape is None:
            return _("Not even the smallest batch is predicted to be safe.")
        what = _("Batch {rows} x {steps} is the largest that is predicted to be safe: {peak} of {limit}.")
        peak = tuned.start.forecast(shape).reserved_bytes
        return what.format(rows=shape.batch, steps=shape.accumulation, peak=gib(peak), limit=gib(limit))
    best = tuned.search.best
    if best is None:
        count = len(tuned.trials)
        if count == 0:
            return _("Not even the smallest batch is predicted to be safe; nothing was measured.")
        return ngettext(
            "The {count} batch that was measured is not safe.",
            "None of the {count} batches that were measured is safe.",
            count,
        ).format(count=count)
    what = _("Batch {rows} x {steps} is the fastest safe one: {rate} samples per second, {peak} of {limit}.")
    measured = best.measurement.peak_reserved_bytes
    return what.format(
        rows=best.shape.batch,
        steps=best.shape.accumulation,
        rate=number(best.samples_per_s, 1),
        peak="-" if measured is None else gib(measured),
        limit=gib(limit),
    )


def unsafe_words(unsafe: Unsafe) -> str:
    """Say why a batch is not recommended."""
    words = {
        "ran-out": _("out of memory"),
        "retried": _("too tight: the allocator had to give its cache back"),
        "tight": _("too tight: less than {share} stays free").format(share=percent(KEPT_FREE)),
        "failed": _("the probe failed"),
        "smaller-failed": _("a smaller batch was not safe"),
    }
    return words[unsafe]


def notes(tuned: Tuned, language: str) -> Iterator[str]:
    """Yield what a reader must know besides the figures."""
    start, shape = tuned.start, tuned.recommended
    recipe, memory = start.answer.recipe, start.answer.memory
    if tuned.search is None:
        yield _(
            "A larger batch fills the GPU better and is rarely slower per sample, so the largest safe one is named; "
            "only a measurement shows whether a smaller one is as fast."
        )
    if memory.method != "traced":
        yield _("No step was traced for these settings: memory is predicted from documented figures.")
    if shape and shape.effective_batch_size != recipe.effective_batch_size:
        what = _(
            "The effective batch goes from {before} to {after}, and the learning rate from {old} to {new} ({rule})."
        )
        yield what.format(
            before=recipe.effective_batch_size,
            after=shape.effective_batch_size,
            old=setting("learning_rate", recipe.settings.learning_rate),
            new=setting("learning_rate", start.settings(shape).learning_rate),
            rule=start.rate_rule,
        )
        caveat = start.store.rule(start.rate_rule).caveat
        if caveat:
            yield f"{start.rate_rule}: {caveat.get(language)}"
    elif shape and not start.grows and shape == start.choices[-1]:
        what = _("The effective batch of {effective} is one batch already; --scale-lr lets it grow.")
        yield what.format(effective=start.effective)
    for trial in tuned.trials:
        evidence = trial.measurement.evidence
        if evidence is not None and evidence.not_comparable:
            why = "; ".join(map(in_language, evidence.not_comparable))
            yield _("The throughput of batch {rows} may be off: {why}.").format(rows=trial.shape.batch, why=why)
    if start.used_bytes:
        what = _("Other processes hold {size} of the card, which is not counted on.")
        yield what.format(size=gib(start.used_bytes))
