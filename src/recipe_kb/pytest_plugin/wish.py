"""From the options of a run of pytest to what `kb validate` would be asked."""

from typing import TYPE_CHECKING, Any

import pytest

from recipe_kb.cli.group import Session
from recipe_kb.cli.validate_machine import look_here, refuse_playing_on_cpu, require_packages
from recipe_kb.errors import BadInputError, Problem
from recipe_kb.i18n import _

if TYPE_CHECKING:
    from recipe_kb.cli.validate_run import Wish


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
    require_packages()
    from recipe_kb.cli.validate_run import Wish

    asked = _asked(config, changes)
    here = look_here(session.store, asked["device"], on_cpu="pytest --kb-device cpu")
    asked["repeats"] = here.repeats(asked["repeats"], baseline=asked["baseline"])
    return Wish(**asked, here=here.gpu, gpu_name=here.gpu_name, resume=False)


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
        "parallel": None,
    }
    unknown = sorted(changes.keys() - asked.keys())
    if unknown:
        what = _("validate() takes no {names}; expected one of {known}.")
        what = what.format(names=", ".join(unknown), known=", ".join(sorted(asked)))
        raise BadInputError(Problem(code="KB231", what=what, next_command="kb validate --help"))
    asked |= changes
    refuse_playing_on_cpu(asked["device"], as_gpu=asked["as_gpu"], at_prediction=asked["at_prediction"])
    return asked
