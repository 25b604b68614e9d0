"""`kb doctor`: what this machine is, and what it can confirm."""

from dataclasses import asdict
from importlib.util import find_spec
from typing import Any

import click

from recipe_kb.cli.group import session_of, terminal_width
from recipe_kb.cli.machine import NEEDED_TO_TRAIN, Machine, inspect_machine
from recipe_kb.cli.output import columns, print_json, title
from recipe_kb.i18n import _, gib, ngettext
from recipe_kb.store.store import Store

_TRAINING_BYTES = 16
"""fp32 weights, gradients and two Adam states, per parameter."""


def build() -> click.Command:
    """Make the command in the active language."""
    return click.Command(
        "doctor",
        callback=_run,
        help=_("Say what this machine is and which recipes it can confirm."),
        short_help=_("This machine, and the recipes it can confirm."),
    )


@click.pass_context
def _run(ctx: click.Context) -> None:
    session = session_of(ctx)
    machine = inspect_machine(session.store)
    ready = all(machine.packages[name] for name in NEEDED_TO_TRAIN)
    measured, trained = _confirmable(session.store, machine)
    if session.as_json:
        document: dict[str, Any] = {
            "schema": "kb-doctor/1",
            **asdict(machine),
            "can_validate": ready,
            "recipes_measurable": measured,
            "recipes_trainable_on_cpu": trained,
        }
        print_json(document)
        return
    width = terminal_width()
    title(_("This machine"))
    rows = [("Python", machine.python), (_("system"), machine.system), (_("processor cores"), str(machine.num_cores))]
    rows.append((_("memory"), gib(machine.memory_bytes)))
    for device in machine.devices:
        known = device.gpu_id or _("not in the knowledge base")
        rows.append(("GPU", f"{device.name}, {gib(device.total_bytes)} ({known})"))
    if not machine.devices:
        rows.append(("GPU", _("none ({why})").format(why=machine.gpu_reason)))
    rows += [(name, found or _("not installed")) for name, found in machine.packages.items()]
    columns(rows, width)
    title(_("What it can confirm"))
    if not ready:
        columns([(_("Nothing yet: training needs the probe packages."), "pip install 'recipe-kb[probe]'")], 200)
        return
    on_gpu = ngettext("{count} recipe on its own GPU", "{count} recipes on their own GPU", len(measured))
    on_cpu = ngettext("{count} recipe on the CPU", "{count} recipes on the CPU", len(trained))
    columns(
        [
            (on_gpu.format(count=len(measured)), _("memory, speed and function")),
            (on_cpu.format(count=len(trained)), _("function only: that it trains and learns")),
        ],
        width,
    )
    example = (measured or trained or [""])[0]
    if example:
        title(_("Next"))
        columns([(f"kb validate {example}", "")], width)


def _confirmable(store: Store, machine: Machine) -> tuple[list[str], list[str]]:
    """Return the recipes whose GPU is in this machine, and those that fit into its memory in fp32 on the CPU."""
    here = {device.gpu_id for device in machine.devices}
    measured, trained = [], []
    four_bit = find_spec("bitsandbytes") is not None
    sizes: dict[str, int] = {}
    for key in store.recipe_keys():
        if store.recipe(key).status == "refuted":
            continue
        if key.model not in sizes:
            sizes[key.model] = store.model(key.model).parameters.trained
        if key.gpu in here and (key.method != "qlora" or four_bit):
            measured.append(str(key))
        if key.method == "full" and sizes[key.model] * _TRAINING_BYTES < machine.memory_bytes / 2:
            trained.append(str(key))
    return measured, trained
