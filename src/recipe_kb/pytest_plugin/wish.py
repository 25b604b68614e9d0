"""From the options of a run of pytest to what `kb validate` would be asked."""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from recipe_kb.cli.group import Session
from recipe_kb.cli.machine import NEEDED_TO_TRAIN, inspect_machine
from recipe_kb.errors import BadInputError, CannotHereError, Problem
from recipe_kb.i18n import _

if TYPE_CHECKING:
    from recipe_kb.cli.validate_run import Wish

_REPEATS = 3
"""Runs whose median is compared with a baseline: times vary from run to run."""


def wish_of(session: Session, config: pytest.Config, changes: dict[str, Any]) -> "Wish":
    """Return what to do with a recipe.

    Args:
        session: Gives the knowledge base.
        config: Gives the options.
        changes: Other values than those of the options.

    Raises:
        BadInputError: A change has a name that there is not.
        CannotHereError: A package or the GPU is missing.
    """
    missing = [name for name in NEEDED_TO_TRAIN if find_spec(name) is None]
    if missing:
        what = _("Training needs packages that are not installed: {names}.").format(names=", ".join(missing))
        raise CannotHereError(Problem(code="KB301", what=what, next_command="pip install 'recipe-kb[probe]'"))
    from recipe_kb.cli.validate_run import Wish

    asked = _asked(config, changes)
    machine = None if asked["device"] == "cpu" else inspect_machine(session.store)
    device = machine.devices[0] if machine and machine.devices else None
    if machine and asked["device"] == "cuda" and device is None:
        what = _("No NVIDIA GPU found on this machine ({why}).").format(why=machine.gpu_reason)
        raise CannotHereError(Problem(code="KB302", what=what, next_command="pytest --kb-device cpu"))
    gpu_id = device.gpu_id if device else None
    asked["repeats"] = asked["repeats"] or (_REPEATS if asked["baseline"] and device else 1)
    here = (gpu_id, session.store.gpu(gpu_id)) if gpu_id else None
    return Wish(**asked, here=here, gpu_name=device.name if device else None, resume=False)


def _asked(config: pytest.Config, changes: dict[str, Any]) -> dict[str, Any]:
    from recipe_kb.probe.asked import TIMEOUT_S

    asked: dict[str, Any] = {
        "device": config.getoption("kb_device"),
        "as_gpu": config.getoption("kb_as_gpu"),
        "baseline": config.getoption("kb_baseline"),
        "steps": config.getoption("kb_steps"),
        "timeout": config.getoption("kb_timeout") or TIMEOUT_S,
        "weights": None,
        "at_prediction": False,
        "ladder": True,
        "record": False,
        "repeats": None,
    }
    unknown = sorted(changes.keys() - asked.keys())
    if unknown:
        what = _("validate() takes no {names}; expected one of {known}.")
        what = what.format(names=", ".join(unknown), known=", ".join(sorted(asked)))
        raise BadInputError(Problem(code="KB231", what=what, next_command="kb validate --help"))
    asked |= changes
    if asked["device"] == "cpu" and (asked["as_gpu"] or asked["at_prediction"]):
        what = _("A card can only be played on a GPU: --as-gpu and --at-prediction do not go with --device cpu.")
        raise BadInputError(Problem(code="KB207", what=what, next_command="kb validate --help"))
    return asked
