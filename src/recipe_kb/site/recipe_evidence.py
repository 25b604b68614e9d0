"""The part of a recipe's page that says what probes found: the verdict, what it confirms, what ran otherwise."""

from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup

from recipe_kb.i18n import _
from recipe_kb.resolve.answer import Answer
from recipe_kb.schema.evidence_words import aspect_words, deviation_words, verdict_words
from recipe_kb.schema.reasons import in_language
from recipe_kb.site.api import VERSION
from recipe_kb.site.facts import Facts
from recipe_kb.site.markup import code, details, heading, items, link, paragraph, table
from recipe_kb.site.page import address
from recipe_kb.site.referred import as_typed
from recipe_kb.site.shared import shown


def evidence_part(facts: Facts, answer: Answer, path: str) -> Iterator[Markup | str]:
    """Write what was found, newest first; where nothing was, the command that would find it."""
    yield heading(2, _("Evidence"), "evidence")
    if not answer.evidence:
        yield paragraph(
            _("No probe has run this recipe yet."),
            _("To be the first:"),
            code(f"kb validate {answer.recipe_id} --record"),
        )
        return
    names = [str(proof["path"]).removeprefix("evidence/").removesuffix(".json") for proof in answer.evidence]
    headers = (_("date"), _("verdict"), _("trained on"), _("mode"), _("loss"), _("file"))
    yield table(headers, [_row(facts, name, path) for name in names], _("Evidence"))
    yield from _meaning(facts.record("evidence", names[0]))


def _row(facts: Facts, name: str, path: str) -> list[str]:
    record = facts.record("evidence", name)
    file = f"{name.rpartition('/')[2]}.json"
    root = address(path, "index") + "../"
    return [
        str(record["started"])[:10],
        verdict_words().get(record["verdict"], record["verdict"]),
        record["gpu_name"] or "CPU",
        record["mode"],
        _loss(facts, name, record),
        link(f"{root}api/{VERSION}/evidence/{name}.json", file),
    ]


def _loss(facts: Facts, name: str, record: Mapping[str, Any]) -> str:
    if (record.get("measured") or {}).get("loss_first") is None:
        return "\N{EN DASH}"
    ends = ("loss_first", "loss_last")
    return Markup("{} → {}").format(
        *(shown(facts, "evidence", name, f"measured.{end}", "number", digits=2) for end in ends)
    )


def _meaning(record: Mapping[str, Any]) -> Iterator[Markup]:
    """Say what the newest probe confirms, what it leaves open, and with which values it ran instead."""
    words, reasons = aspect_words(), deviation_words()
    if record["reason"]:
        yield paragraph(_("reason") + ":", in_language(record["reason"]))
    for title, aspects in (
        (_("Confirmed here"), "confirmed"),
        (_("Not confirmed; needs the GPU of the recipe"), "needs_gpu"),
    ):
        if record[aspects]:
            yield paragraph(
                Markup("<strong>{}</strong>: {}").format(title, ", ".join(words[one] for one in record[aspects]))
            )
    if record["deviations"]:
        rows = (
            Markup("{} {} &rarr; {}: {}").format(
                code(one["setting"]),
                code(as_typed(one["recipe"])),
                code(as_typed(one["probe"])),
                reasons.get(one["why"], one["why"]),
            )
            for one in record["deviations"]
        )
        yield details(_("Run with other values than the recipe's"), items(rows))
