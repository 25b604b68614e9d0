"""`kb show ID`: one record in full, whatever it is."""

import re
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any

import click

from recipe_kb.cli.group import Session, session_of, terminal_width
from recipe_kb.cli.output import columns, field_name, kind_name, paragraph, print_json, title
from recipe_kb.cli.recipe_id import answer_id
from recipe_kb.errors import BadInputError, Problem
from recipe_kb.i18n import _, gib, number, percent
from recipe_kb.schema.base import Text
from recipe_kb.store.names import BARE_MEMORY, find_gpu, find_model
from recipe_kb.text import nearest

if TYPE_CHECKING:
    from recipe_kb.resolve.throughput import Throughput


def build() -> click.Command:
    """Make the command in the active language."""
    return click.Command(
        "show",
        callback=_run,
        params=[click.Argument(["record_id"], metavar="ID")],
        help=_(
            "Show a recipe, a GPU, a model, a claim, a guide, a rule, a source or a term.\n\n"
            "Examples: kb show 002-52, kb show t4, kb show sqrt-adam"
        ),
        short_help=_("One record in full."),
    )


@click.pass_context
def _run(ctx: click.Context, record_id: str) -> None:
    session = session_of(ctx)
    if BARE_MEMORY.fullmatch(record_id.lower()):
        what = _("{typed} is a card known only by its size; there is nothing to show.").format(typed=record_id)
        raise BadInputError(Problem(code="KB209", what=what, next_command="kb list gpus"))
    if "/" in record_id and not _is_hub_id(session, record_id):
        answer = answer_id(session.store, record_id)
        if session.as_json:
            print_json(answer.to_json(session.language))
            return
        from recipe_kb.cli.recipe_text import print_answer

        print_answer(answer, session, explain=False)
        return
    kind, found_id, record = find_record(session, record_id)
    throughput = _throughput(session, record) if kind == "claim" else None
    if session.as_json:
        document: dict[str, Any] = {"schema": "kb-show/1", "kind": kind, "id": found_id, "record": asdict(record)}
        print_json(document | ({"throughput": asdict(throughput)} if throughput else {}))
        return
    click.secho(f"{kind_name(kind)} {found_id}", bold=True)
    _print_fields(record, session)
    if throughput:
        title(_("throughput"))
        paragraph(_what_it_takes(throughput), terminal_width())


def _throughput(session: Session, claim: Any) -> "Throughput | None":
    from recipe_kb.resolve.throughput import throughput_of

    return throughput_of(session.store, claim)


def _what_it_takes(throughput: "Throughput") -> str:
    """Say which share of the card's peak a claimed rate implies."""
    what = _("{rate} samples per second imply {share} of the card's dense peak of {peak} TFLOP/s.")
    what = what.format(
        rate=number(throughput.samples_per_s, 0),
        share=percent(throughput.share_of_peak),
        peak=number(throughput.peak_tflops, 0),
    )
    return what + (" " + _("No kernel can do that.") if throughput.share_of_peak > 1 else "")


def _is_hub_id(session: Session, typed: str) -> bool:
    if typed.count("/") != 1:
        return False
    try:
        find_model(session.store, typed)
    except BadInputError:
        return False
    return True


def find_record(session: Session, typed: str) -> tuple[str, str, Any]:
    """Return kind, id and record of whatever is called that.

    Raises:
        BadInputError: Nothing is; the nearest names are offered.
    """
    store = session.store
    if re.fullmatch(r"\d{3}-\d{2}", typed):
        claims = {claim.id: claim for claim in store.claims()}
        if typed in claims:
            return "claim", typed, claims[typed]
    guides = {guide.id: guide for guide in store.guides()}
    if typed in guides:
        return "guide", typed, guides[typed]
    if typed in store.rule_ids():
        return "rule", typed, store.rule(typed)
    terms = {term.id: term for term in store.terms()}
    if typed in terms:
        return "term", typed, terms[typed]
    sources = store.sources()
    if typed in sources:
        return "source", typed, sources[typed]
    lookups: list[tuple[str, Callable[[], str], Callable[[str], Any]]] = [
        ("gpu", lambda: find_gpu(store, typed), store.gpu),
        ("model", lambda: find_model(store, typed), store.model),
    ]
    for kind, find, read in lookups:
        try:
            found = find()
        except BadInputError:
            continue
        return kind, found, read(found)
    known = [*store.gpu_ids(), *store.model_ids(), *store.rule_ids(), *terms, *sources]
    what = _("Nothing is called {typed!r}.").format(typed=typed)
    offered = nearest(typed, known)
    if offered:
        what += " " + _("Did you mean {names}?").format(names=_(" or ").join(offered))
    raise BadInputError(Problem(code="KB209", what=what, next_command=f"kb search {typed}"))


def _print_fields(record: Any, session: Session) -> None:
    """Print every field: texts as paragraphs in the active language, the rest as rows."""
    rows: list[tuple[str, str]] = []
    texts: list[tuple[str, str]] = []
    for name, value in vars(record).items():
        if isinstance(value, Text):
            texts.append((name, value.get(session.language)))
        elif is_dataclass(value):
            rows += [(f"{name}.{inner}", _plain(inner, part, session)) for inner, part in vars(value).items()]
        elif value not in (None, (), {}, ""):
            rows.append((name, _plain(name, value, session)))
    width = terminal_width()
    columns(rows, width)
    for name, text in texts:
        title(field_name(name))
        paragraph(text, width)


def _plain(name: str, value: Any, session: Session) -> str:
    if isinstance(value, Text):
        return value.get(session.language)
    if isinstance(value, tuple):
        return ", ".join(_plain(name, part, session) for part in value) or "-"
    if isinstance(value, dict):
        return ", ".join(f"{key} {part}" for key, part in value.items()) or "-"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if name.endswith("_bytes") and isinstance(value, int):
        return gib(value)
    if isinstance(value, int) and value >= 10**6:
        return number(value, 0)
    return "-" if value is None else str(value)
