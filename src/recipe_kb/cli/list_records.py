"""`kb list`: what the knowledge base holds."""

from collections.abc import Callable
from typing import Any, get_args

import click

from recipe_kb.cli.group import Session, session_of
from recipe_kb.cli.output import print_json, table
from recipe_kb.errors import BadInputError, Problem
from recipe_kb.i18n import _, gib, number
from recipe_kb.schema.base import Status
from recipe_kb.schema.claim import Verdict
from recipe_kb.store.names import BARE_MEMORY, find_gpu, find_model
from recipe_kb.units import MIB

Rows = list[dict[str, Any]]
_STATUSES = (*get_args(Status), *get_args(Verdict))


def build() -> click.Command:
    """Make the command in the active language."""
    return click.Command(
        "list",
        callback=_run,
        params=[
            click.Argument(["kind"], type=click.Choice(list(_KINDS))),
            click.Option(["--gpu"], help=_("Only of this GPU.")),
            click.Option(["--model"], help=_("Only of this model.")),
            click.Option(
                ["--status"],
                type=click.Choice(_STATUSES),
                help=_("Only recipes with this status, or claims with this verdict."),
            ),
        ],
        help=_("List GPUs, models, recipes, claims or guides."),
        short_help=_("What the knowledge base holds."),
    )


@click.pass_context
def _run(ctx: click.Context, kind: str, gpu: str | None, model: str | None, status: str | None) -> None:
    session = session_of(ctx)
    store = session.store
    wanted = {
        "gpu": find_gpu(store, gpu) if gpu else None,
        "model": find_model(store, model) if model else None,
        "status": status,
    }
    read, headers = _KINDS[kind]
    everything = read(session)
    for name, value in wanted.items():
        if value is not None and everything and name not in everything[0]:
            what = _("--{option} does not apply to {kind}.").format(option=name, kind=kind)
            raise BadInputError(Problem(code="KB207", what=what, next_command="kb list --help"))
    if status and status not in (get_args(Verdict) if kind == "claims" else get_args(Status)):
        what = _("{kind} have no status {status!r}.").format(kind=kind, status=status)
        raise BadInputError(Problem(code="KB207", what=what, next_command="kb list --help"))
    rows = [row for row in everything if _matches(row, wanted)]
    if session.as_json:
        print_json({"schema": "kb-list/1", "kind": kind, kind: rows})
        return
    shown = headers()
    table(list(shown.values()), [[_cell(row[name], name) for name in shown] for row in rows])


def _matches(row: dict[str, Any], wanted: dict[str, str | None]) -> bool:
    for name, value in wanted.items():
        if value is None or name not in row:
            continue
        own = row[name]
        if value not in own if isinstance(own, list) else own != value:
            return False
    return True


def _cell(value: Any, name: str) -> str:
    if value is None:
        return "-"
    if name.endswith("_bytes"):
        return gib(value)
    if name == "parameters":
        return number(value, 0)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return str(value)


def _gpus(session: Session) -> Rows:
    rows = []
    for gpu_id in session.store.gpu_ids():
        gpu = session.store.gpu(gpu_id)
        rows.append(
            {
                "id": gpu_id,
                "gpu": gpu_id,
                "name": gpu.name,
                "memory_bytes": gpu.memory.torch_total_mib[0] * MIB,
                "compute_capability": gpu.compute_capability,
                "bf16": gpu.supports.bf16,
                "tf32": gpu.supports.tf32,
            }
        )
    return rows


def _models(session: Session) -> Rows:
    rows = []
    for model_id in session.store.model_ids():
        model = session.store.model(model_id)
        rows.append(
            {
                "id": model_id,
                "model": model_id,
                "hub_id": model.hub_id,
                "family": model.family,
                "parameters": model.parameters.trained,
                "max_length": model.max_length,
                "licence": model.licence,
            }
        )
    return rows


def _recipes(session: Session) -> Rows:
    from recipe_kb.resolve.memory import memory_of

    rows = []
    store = session.store
    for key in store.recipe_keys():
        recipe = store.recipe(key)
        settings = recipe.settings
        gpu = None if BARE_MEMORY.fullmatch(key.gpu) else store.gpu(key.gpu)
        memory = memory_of(store, key, settings, recipe.task_mixing, gpu, store.model(key.model))
        rows.append(
            {
                "id": str(key),
                "gpu": key.gpu,
                "model": key.model,
                "per_device_train_batch_size": settings.per_device_train_batch_size,
                "gradient_accumulation_steps": settings.gradient_accumulation_steps,
                "precision": settings.precision,
                "peak_reserved_bytes": memory.peak_reserved_bytes,
                "memory_method": memory.method,
                "origin": recipe.origin,
                "status": recipe.status,
            }
        )
    return rows


def _claims(session: Session) -> Rows:
    return [
        {
            "id": claim.id,
            "gpu": claim.context.gpu,
            "model": list(claim.context.model) if claim.context.model else None,
            "kind": claim.kind,
            "status": claim.verdict,
            "statement": claim.statement.get(session.language),
        }
        for claim in session.store.claims()
    ]


def _guides(session: Session) -> Rows:
    return [
        {
            "id": guide.id,
            "title": guide.title,
            "subject": guide.subject.get(session.language),
            "num_claims": guide.num_claims,
        }
        for guide in session.store.guides()
    ]


_KINDS: dict[str, tuple[Callable[[Session], Rows], Callable[[], dict[str, str]]]] = {
    "gpus": (
        _gpus,
        lambda: {
            "id": "id",
            "name": _("name"),
            "memory_bytes": _("memory torch sees"),
            "compute_capability": _("compute capability"),
            "bf16": "bf16",
            "tf32": "TF32",
        },
    ),
    "models": (
        _models,
        lambda: {
            "id": "id",
            "family": _("family"),
            "parameters": _("parameters"),
            "max_length": _("max length"),
            "licence": _("licence"),
        },
    ),
    "recipes": (
        _recipes,
        lambda: {
            "id": "id",
            "per_device_train_batch_size": _("batch"),
            "gradient_accumulation_steps": _("accumulation"),
            "precision": _("precision"),
            "peak_reserved_bytes": _("memory"),
            "memory_method": _("predicted from"),
            "origin": _("origin"),
            "status": _("status"),
        },
    ),
    "claims": (_claims, lambda: {"id": "id", "status": _("verdict"), "statement": _("statement")}),
    "guides": (
        _guides,
        lambda: {"id": "id", "title": _("title"), "subject": _("subject"), "num_claims": _("claims")},
    ),
}
"""Kind -> how its rows are read, and the columns a person sees."""
