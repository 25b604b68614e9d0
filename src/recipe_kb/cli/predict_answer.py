"""What `kb predict` has found, as one object: for programs, and in the sentences that text and picture share."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from recipe_kb.cli.heading import heading_of
from recipe_kb.cli.predict_asked import Wish
from recipe_kb.i18n import _, gib, ngettext, percent
from recipe_kb.memory.floor import Floor, floor
from recipe_kb.memory.gpu import best_sdpa_kernel
from recipe_kb.memory.predict import Prediction
from recipe_kb.resolve.several import NOTES
from recipe_kb.store.store import Store
from recipe_kb.tracing.question import (
    DRAWN_MICRO_BATCHES,
    NUM_DRAWS,
    SHORTEST_SHARE,
    VERSION_ERROR,
    Asked,
    Found,
    version_differs,
)

SCHEMA = "kb-predict/1"


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """A question with its answer.

    Attributes:
        wish: What was typed.
        found: The step, and where it comes from.
        prediction: The answer.
        fits_from: Where it does not fit: on how many cards these settings would, with FSDP.
        measured_bytes: What was measured of this very recipe, where its status says that it was.
    """

    wish: Wish
    found: Found
    prediction: Prediction
    fits_from: int | None = None
    measured_bytes: int | None = None

    @property
    def total_bytes(self) -> int:
        """Memory of the GPU as torch reports it."""
        return self.found.question.total_bytes

    @property
    def floor(self) -> Floor | None:
        """The shortest time of an optimizer step; None for a card of which only the size is known."""
        asked, question = self.wish.asked, self.found.question
        if asked.gpu is None:
            return None
        step = question.step.at(question.rows, question.length)
        return floor(
            step.with_update(question.update) if question.update else step,
            asked.gpu,
            precision=asked.settings.precision,
            tf32=asked.settings.tf32,
            accumulation=question.plan.accumulation,
        )


def to_json(predicted: Predicted, language: str) -> dict[str, Any]:
    """Return the command-line contract's object; notes in one language, values never localised."""
    wish, found, prediction = predicted.wish, predicted.found, predicted.prediction
    asked, question, bound = wish.asked, found.question, predicted.floor
    low, high = asked.key.tasks
    return {
        "schema": SCHEMA,
        "recipe": wish.recipe_id,
        "gpu": asked.key.gpu,
        "model": asked.key.model,
        "tasks": low if low == high else [low, high],
        "max_length": asked.key.max_length,
        "num_gpus": asked.key.num_gpus,
        "parallel": asked.parallel if asked.key.num_gpus > 1 else None,
        "method": asked.key.method,
        "task_mixing": asked.mixing,
        "loop": asked.loop,
        "padding": asked.padding,
        "settings": asked.settings.given(),
        "changes": {name: {"recipe": old, "asked": new} for name, (old, new) in wish.changes.items()},
        "evaluation": {"batch": asked.evaluation_rows, "samples_kept": asked.evaluation_samples},
        "peak_allocated_bytes": prediction.peak_allocated_bytes,
        "peak_reserved_bytes": prediction.peak_reserved_bytes,
        "device_used_bytes": prediction.device_used_bytes,
        "interval": list(prediction.interval),
        "fits": prediction.fits,
        "limit_bytes": prediction.limit_bytes,
        "total_bytes": question.total_bytes,
        "margin": prediction.margin,
        "largest_batch": prediction.largest_batch,
        "fits_from_num_gpus": predicted.fits_from,
        "measured_reserved_bytes": predicted.measured_bytes,
        "num_alloc_retries": prediction.num_alloc_retries,
        "breakdown": prediction.breakdown,
        "context": asdict(question.context),
        "floor_s": bound.seconds if bound else None,
        "floor": asdict(bound) if bound else None,
        "flops": prediction.flops,
        "versions": dict(found.versions),
        "source": found.source,
        "notes": list(notes(predicted, language)),
    }


def heading(predicted: Predicted) -> str:
    """Write what was asked in one line."""
    wish = predicted.wish
    batch = _("batch {rows}").format(rows=wish.asked.settings.per_device_train_batch_size)
    asked = wish.asked
    words = [heading_of(asked.key, asked.gpu, wish.answer.model, asked.key.num_gpus), batch]
    return " · ".join([*words, asked.parallel.upper()] if asked.key.num_gpus > 1 else words)


def verdict(predicted: Predicted) -> str:
    """Say whether it fits; the largest batch that would, where it does not."""
    prediction, total = predicted.prediction, predicted.total_bytes
    used = prediction.device_used_bytes
    figures = {"used": gib(used), "total": gib(total), "margin": percent(prediction.margin)}
    if prediction.fits:
        free = percent(1 - used / total)
        return _("Fits: {used} of {total} are used, {free} stay free.").format(free=free, **figures)
    least = prediction.peak_allocated_bytes + predicted.found.question.context.high_bytes
    if predicted.wish.asked.evaluation_samples and least > total:
        what = _("Does not fit: at least {used} are needed, and the GPU has {total}.")
        figures["used"] = gib(least)
    elif used <= total:
        what = _("Too tight: {used} of {total} are used, and the margin of {margin} does not stay free.")
    else:
        what = _("Does not fit: {used} are needed, and the GPU has {total}.")
    if prediction.largest_batch == 0:
        largest = _("Not even one row fits.")
    else:
        largest = _("The largest batch that fits is {rows}.").format(rows=prediction.largest_batch)
    said = f"{what.format(**figures)} {largest}"
    if predicted.fits_from is None:
        return said
    return f"{said} " + _("On this card it fits from {count} cards with FSDP.").format(count=predicted.fits_from)


def measured_bytes(store: Store, wish: Wish) -> int | None:
    """Return the reserved peak that the latest passed probe measured; None where something was changed since.

    Args:
        store: Holds the evidence.
        wish: What was typed; only a recipe as it is has been measured.
    """
    recipe = wish.answer.recipe
    if wish.changes or wish.nothing_fits or recipe.status != "measured":
        return None
    passed = (one for one in store.evidence(wish.recipe_id) if one["verdict"] == "passed" and one["mode"] == "native")
    latest = max(passed, key=lambda one: str(one["started"]), default=None)
    peak = latest["measured"].get("peak_reserved_bytes") if latest else None
    return int(peak) if peak else None


def _about_the_run(asked: Asked) -> Iterator[str]:
    """Say what of the evaluation, the optimizer and the loop is counted."""
    if asked.evaluation_samples:
        what = _("The logits of {samples} rows stay on the GPU until the evaluation, in batches of {rows}, ends.")
        yield what.format(samples=asked.evaluation_samples, rows=asked.evaluation_rows)
        yield _(
            "`Trainer` keeps them where compute_metrics is given. preprocess_logits_for_metrics can reduce them to the "
            "predicted ids, eval_accumulation_steps moves them to the CPU, and prediction_loss_only keeps none."
        )
    elif asked.evaluation_rows:
        rows = asked.evaluation_rows
        what = ngettext(
            "An evaluation in batches of {rows} row is counted, without logits for metrics (--evaluation-samples).",
            "An evaluation in batches of {rows} rows is counted, without logits for metrics (--evaluation-samples).",
            rows,
        )
        yield what.format(rows=rows)
    if asked.key.num_gpus > 1:
        yield _("The figures are those of one of {count} GPUs; an optimizer step takes the rows of all.").format(
            count=asked.key.num_gpus
        )
    if asked.settings.optim.startswith("paged_"):
        yield _("The optimizer's state is in unified memory and is not counted, though part of it may be on the card.")
    if asked.loop == "bare":
        yield _("A bare loop keeps outputs, loss and batch until they are made again; `Trainer` does not.")


def _about_logits(predicted: Predicted) -> Iterator[str]:
    """Say why so much is reserved where the logits of an evaluation are joined to ever larger blocks."""
    prediction = predicted.prediction
    if predicted.wish.asked.evaluation_samples and prediction.peak_reserved_bytes > 2 * prediction.peak_allocated_bytes:
        what = _(
            "Each batch joins its logits to a larger block, and the smaller ones stay reserved; the allocator gives "
            "them back before it fails, so that {allocated} is what tensors need."
        )
        yield what.format(allocated=gib(prediction.peak_allocated_bytes))


def notes(predicted: Predicted, language: str) -> Iterator[str]:
    """Yield what a reader must know besides the figures: what was assumed, and how sure it is."""
    wish, found, asked = predicted.wish, predicted.found, predicted.wish.asked
    question, prediction = found.question, predicted.prediction
    if asked.key.num_gpus > 1:
        yield NOTES[asked.parallel].get(language)
    if predicted.measured_bytes is not None:
        what = _("Measured on this GPU: {measured} reserved; predicted is {predicted}.")
        yield what.format(measured=gib(predicted.measured_bytes), predicted=gib(prediction.peak_reserved_bytes))
    if wish.answer.recipe.refuted:
        reason = wish.answer.recipe.refuted.reason.get(language)
        yield _("This recipe is refuted: {reason}").format(reason=reason)
    if wish.nothing_fits:
        yield _("`kb recipe` finds nothing that fits; what was not given are its rules' settings, one row at a time.")
    if prediction.fits and prediction.interval[1] > prediction.limit_bytes:
        risk = _("A run can still end out of memory: up to {high} is possible.")
        yield risk.format(high=gib(prediction.interval[1]))
    if question.length != asked.key.max_length:
        yield _("Counted as {count} tokens, to which attention pads.").format(count=question.length)
    yield from _about_rows(predicted)
    yield from _about_the_run(asked)
    yield from _about_logits(predicted)
    if version_differs(found.versions):
        what = _(
            "The step was traced with transformers {traced}, and another version is installed here or is the one that "
            "recipes are for: the interval is {error} wider either way."
        )
        yield what.format(traced=found.versions["transformers"], error=percent(VERSION_ERROR))
    if not question.context.measured:
        low, high = question.context.low_bytes, question.context.high_bytes
        what = _("The CUDA context of this card is estimated, {low} to {high}; the larger is counted.")
        yield what.format(low=gib(low), high=gib(high))


def _about_rows(predicted: Predicted) -> Iterator[str]:
    asked = predicted.wish.asked
    if asked.padding == "dynamic":
        what = _(
            "Row lengths are taken to be equally often each from {share} of the maximum on, micro-batches padded to "
            "their longest row; the interval holds {draws} drawn runs of {count} micro-batches."
        )
        yield what.format(share=percent(SHORTEST_SHARE, 1), draws=NUM_DRAWS, count=DRAWN_MICRO_BATCHES)
    elif asked.padding == "none" and asked.settings.attn_implementation == "sdpa":
        what = _("Without padding transformers drops the mask; attention runs the {kernel} kernel.")
        kernel = best_sdpa_kernel(asked.gpu) if asked.settings.precision != "fp32" else "efficient"
        yield what.format(kernel=kernel)
