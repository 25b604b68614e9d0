"""A recipe as a person reads it: settings with their origin, memory as a bar, what to do next."""

import click

from recipe_kb.cli.group import Session, terminal_width
from recipe_kb.cli.heading import heading_of
from recipe_kb.cli.output import bar, columns, paragraph, setting, title
from recipe_kb.i18n import _, gib, number, percent
from recipe_kb.memory.part_names import part_names
from recipe_kb.resolve.answer import Answer, command_for
from recipe_kb.resolve.memory import MemoryEstimate
from recipe_kb.schema.recipe import Provenance, Rung
from recipe_kb.store.store import Store
from recipe_kb.units import GIB

_BATCH = "gradient_accumulation_steps"
_NEGLIGIBLE_BYTES = 2**30 / 200
"""Parts that would print as 0.00 GiB."""
_ONE_LINE = 200
"""Commands are not wrapped: they are copied."""


def print_answer(answer: Answer, session: Session, *, explain: bool) -> None:
    """Print one answer as text."""
    width = terminal_width()
    _print_heading(answer, width)
    if answer.recipe.refuted:
        title(_("Refuted"))
        paragraph(answer.recipe.refuted.reason.get(session.language), width)
    _print_settings(answer, session, width)
    _print_memory(answer, width)
    _print_corrections(answer, session, width)
    if not answer.recipe.refuted:
        _print_ladders(answer, session, width)
    notes = [text.get(session.language) for text in (*answer.recipe.assumptions, *answer.notes)]
    if notes:
        title(_("Good to know"))
        for note in notes:
            paragraph(note, width, "- ")
    if explain:
        _print_sources(answer, session, width)
    if not session.quiet:
        _print_next(answer, explain=explain)


def _print_heading(answer: Answer, width: int) -> None:
    click.secho(heading_of(answer.key, answer.gpu, answer.model, answer.num_gpus), bold=True)
    meaning = {
        "measured": _("measured on this GPU"),
        "emulated": _("measured on a larger GPU that was held to this one's limits"),
        "predicted": _("predicted, not measured yet"),
        "reported": _("reported by a guide, not measured yet"),
        "refuted": _("cannot hold"),
    }
    origin = {
        "guide": _("from a guide, with the changes explained below"),
        "published": _("published by the authors of the model"),
        "derived": _("derived by rules from a published starting point"),
        "tuned": _("found by measuring"),
    }
    recipe = answer.recipe
    paragraph(answer.recipe_id, width, "")
    paragraph(f"{recipe.origin} ({origin[recipe.origin]})", width, _("origin") + ": ")
    paragraph(f"{recipe.status} ({meaning[recipe.status]})", width, _("status") + ": ")
    for record in answer.evidence:
        paragraph(f"{record['path']}: {_(record['verdict'])} ({record['mode']})", width, _("evidence") + ": ")


def _print_settings(answer: Answer, session: Session, width: int) -> None:
    title(_("Settings, and where each comes from"))
    rows = []
    for name, value in answer.recipe.settings.given().items():
        source = answer.recipe.provenance[name]
        rows.append((name, setting(name, value), provenance_label(source, session.language)))
        if name == _BATCH:
            product = str(answer.effective_batch_size)
            rows.append(("= effective_batch_size", product, provenance_label(Provenance(rule="effective-batch"), "")))
    if answer.recipe.task_mixing:
        rows.append(("task_mixing", answer.recipe.task_mixing, provenance_label(Provenance(rule="num-tasks"), "")))
    columns(rows, width)


def provenance_label(source: Provenance, language: str) -> str:
    """Say in a few words where a setting comes from."""
    if source.assumption:
        return _("assumed: {why}").format(why=source.assumption.get(language))
    reference = getattr(source, source.kind)
    names = {
        "claim": _("guide {guide}, claim {ref}").format(guide=str(reference)[:3], ref=reference),
        "rule": _("rule {ref}").format(ref=reference),
        "source": _("source {ref}").format(ref=reference),
        "gpu": _("what the GPU can do ({ref})").format(ref=reference),
        "model": _("file of the model ({ref})").format(ref=reference),
        "evidence": _("evidence {ref}").format(ref=reference),
    }
    return names[source.kind]


def _print_memory(answer: Answer, width: int) -> None:
    memory = answer.memory
    title(_("Memory"))
    figures = {
        "traced": _(
            "{peak} of {limit} ({share}), predicted from a traced step, error about {error}, interval {low} to {high}"
        ),
        "several": _(
            "{peak} of {limit} ({share}) on each of {count} GPUs with {parallel}, predicted from a step traced on one, "
            "interval {low} to {high}; the error on several is not known"
        ),
        "documented-figures": _("{peak} of {limit} ({share}), predicted from documented figures, error up to {error}"),
    }
    low, high = memory.interval
    click.echo(f"  {bar(memory.share, risky=high > memory.limit_bytes)}")
    several = memory.parallel is not None and memory.method == "traced"
    words = figures["several" if several else memory.method].format(
        count=memory.num_gpus,
        parallel=(memory.parallel or "").upper(),
        peak=gib(memory.peak_reserved_bytes),
        limit=gib(memory.limit_bytes),
        share=percent(memory.share),
        error=percent(memory.error),
        low=number(low / GIB),
        high=gib(high),
    )
    paragraph(words, width)
    for remark in _memory_remarks(memory):
        paragraph(remark, width)
    names = part_names()
    shown = {name: size for name, size in memory.parts.items() if size > _NEGLIGIBLE_BYTES}
    paragraph(" · ".join(f"{names[name]} {gib(size)}" for name, size in shown.items()), width)


def _memory_remarks(memory: MemoryEstimate) -> list[str]:
    """Return what a reader must know besides: what was counted instead, and that it can still be too much."""
    remarks = []
    if memory.method == "documented-figures":
        remarks.append(_("The knowledge base holds no traced step for these settings."))
    if memory.counted_length:
        remarks.append(_("Counted as {count} tokens, to which attention pads.").format(count=memory.counted_length))
    if memory.is_joint:
        remarks.append(_("Joint mixing is counted as one batch of all tasks, which is an approximation."))
    if memory.fits and memory.interval[1] > memory.limit_bytes:
        risk = _("A run can still end out of memory: up to {high} is possible.")
        remarks.append(risk.format(high=gib(memory.interval[1])))
    return remarks


def _print_corrections(answer: Answer, session: Session, width: int) -> None:
    if not answer.recipe.corrections:
        return
    title(_("What the guide said, and why it is not taken over"))
    for correction in answer.recipe.corrections:
        claim = session.store.claim(correction.claim)
        values = setting(correction.setting, correction.guide_value)
        now = answer.recipe.settings.given().get(correction.setting)
        if now is not None:
            values += f" -> {setting(correction.setting, now)}"
        reason = f"{claim.reason.get(session.language)} [{claim.id}, {claim.verdict}]"
        paragraph(reason, width, f"{correction.setting} {values}: ")


def _print_ladders(answer: Answer, session: Session, width: int) -> None:
    ladders = (
        (_("When memory runs out, in this order"), answer.recipe.ladder.out_of_memory),
        (_("When training is slow"), answer.recipe.ladder.slow),
    )
    for heading, rungs in ladders:
        if rungs:
            title(heading)
        for position, rung in enumerate(rungs, start=1):
            why = session.store.remedy(rung.why).get(session.language)
            paragraph(f"{rung_values(rung)}: {why}", width, f"{position}. ")


def rung_values(rung: Rung) -> str:
    """Write the settings that a rung changes."""
    return ", ".join(f"{name} {setting(name, value)}" for name, value in rung.set.items())


def _print_sources(answer: Answer, session: Session, width: int) -> None:
    """Print in full every claim, rule and source that a setting refers to."""
    title(_("Why these numbers"))
    explained = dict.fromkeys(
        (source.kind, str(getattr(source, source.kind)))
        for source in answer.recipe.provenance.values()
        if source.kind in {"claim", "rule", "source"}
    )
    for kind, reference in explained:
        paragraph(_describe(session.store, session.language, kind, reference), width, f"{reference}: ")


def _describe(store: Store, language: str, kind: str, reference: str) -> str:
    if kind == "claim":
        claim = store.claim(reference)
        return f"{claim.statement.get(language)} [{claim.verdict}] {claim.reason.get(language)}"
    if kind == "rule":
        return store.rule(reference).statement.get(language)
    source = store.source(reference)
    return " ".join(filter(None, (f"{source.title}, {source.where}", source.note and f"({source.note})")))


def _print_next(answer: Answer, *, explain: bool) -> None:
    title(_("Next"))
    if answer.recipe.refuted:
        columns([(f"kb show {other}", _("works instead")) for other in answer.recipe.refuted.instead], _ONE_LINE)
        return
    rows = []
    if answer.num_gpus == 1:
        rows.append((f"kb validate {answer.recipe_id}", _("train with it briefly on this machine")))
    again = command_for(answer.key, answer.model, answer.num_gpus)
    if not explain:
        rows.append((f"{again} --explain", _("the claims and rules behind each number")))
    rows.append((f"{again} --format yaml", _("the same as a configuration")))
    columns(rows, _ONE_LINE)
