"""What a probe asks of this machine before it starts: packages, a GPU; `kb validate` and the pytest plugin share it."""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

from recipe_kb.cli.machine import NEEDED_TO_TRAIN, inspect_machine
from recipe_kb.errors import BadInputError, CannotHereError, Problem
from recipe_kb.i18n import _
from recipe_kb.store.store import Store

if TYPE_CHECKING:
    from recipe_kb.schema.gpu import Gpu

REPEATS = 3
"""Runs whose median is compared with a baseline, where nothing else is asked: times vary from run to run."""


@dataclass(frozen=True, kw_only=True)
class Here:
    """Where a probe will train.

    Attributes:
        gpu_name: The first GPU that CUDA shows, as CUDA names it; None for the CPU.
        gpu: Its id and its facts; None where the knowledge base does not know it.
    """

    gpu_name: str | None = None
    gpu: "tuple[str, Gpu] | None" = None

    def repeats(self, asked: int | None, *, baseline: bool) -> int:
        """Return how often to train each recipe: as asked, else more than once where times are compared."""
        return asked or (REPEATS if baseline and self.gpu_name is not None else 1)


def refuse_playing_on_cpu(device: str, *, as_gpu: str | None, at_prediction: bool) -> None:
    """Refuse options that contradict each other.

    Raises:
        BadInputError: A card is to be played, and on the CPU.
    """
    if device == "cpu" and (as_gpu or at_prediction):
        what = _("A card can only be played on a GPU: --as-gpu and --at-prediction do not go with --device cpu.")
        raise BadInputError(Problem(code="KB207", what=what, next_command="kb validate --help"))


def require_packages() -> None:
    """Raise if this machine cannot train at all.

    Raises:
        CannotHereError: A package is not installed.
    """
    missing = [name for name in NEEDED_TO_TRAIN if find_spec(name) is None]
    if missing:
        what = _("Training needs packages that are not installed: {names}.").format(names=", ".join(missing))
        raise CannotHereError(Problem(code="KB301", what=what, next_command="pip install 'recipe-kb[probe]'"))


def look_here(store: Store, device: Literal["auto", "cpu", "cuda"], *, on_cpu: str) -> Here:
    """Look at this machine, unless it is the CPU that is asked for.

    Args:
        store: Knows the GPU, perhaps.
        device: What is asked for.
        on_cpu: The command that does without a GPU.

    Raises:
        CannotHereError: A GPU is asked for, and there is none.
    """
    if device == "cpu":
        return Here()
    machine = inspect_machine(store)
    if not machine.devices:
        if device == "auto":
            return Here()
        what = _("No NVIDIA GPU found on this machine ({why}).").format(why=machine.gpu_reason)
        raise CannotHereError(Problem(code="KB302", what=what, next_command=on_cpu))
    first = machine.devices[0]
    return Here(gpu_name=first.name, gpu=(first.gpu_id, store.gpu(first.gpu_id)) if first.gpu_id else None)
