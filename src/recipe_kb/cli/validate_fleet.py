"""The options of `kb validate` that share the work among machines: shards for a queue, Ray for a cluster."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

import click

from recipe_kb.errors import BadInputError, Problem
from recipe_kb.i18n import _

if TYPE_CHECKING:
    from recipe_kb.fleet.shard import Shard


@dataclass(frozen=True, kw_only=True)
class Place:
    """A cluster to train on.

    Attributes:
        address: Of its head; None starts one on this machine.
        resource: Where the trainings may go; None places them by the card of each recipe.
        repeats: How often to train each recipe, if it was said: what trains is known only when the cluster is.
    """

    address: str | None
    resource: str | None
    repeats: int | None = None

    @classmethod
    def of(
        cls, engine: Literal["local", "ray"], *, address: str | None, resource: str | None, repeats: int | None
    ) -> Self | None:
        """Return where to train; None for this process.

        Raises:
            BadInputError: An address or a resource without an engine that has them.
        """
        if engine == "ray":
            return cls(address=address, resource=resource, repeats=repeats)
        if address or resource:
            what = _("--address and --resource are of a cluster; they go with --engine ray.")
            raise BadInputError(Problem(code="KB207", what=what, next_command="kb validate --all --engine ray"))
        return None


def shard_options() -> list[click.Parameter]:
    """Return the option that chooses a part of all recipes."""
    return [
        click.Option(
            ["--shard"],
            metavar="I/N",
            help=_("With --all: only part I of N; the same on every machine, and all parts are every recipe once."),
        )
    ]


def engine_options() -> list[click.Parameter]:
    """Return the options that choose where trainings run."""
    return [
        click.Option(
            ["--engine"],
            type=click.Choice(["local", "ray"]),
            default="local",
            help=_("Who runs the trainings: this process, one after the other, or Ray, many at a time."),
        ),
        click.Option(
            ["--address"],
            metavar="HOST:PORT",
            help=_("With --engine ray: the cluster to join; auto finds one here, and without it one is started."),
        ),
        click.Option(
            ["--resource"],
            metavar="NAME",
            help=_("With --engine ray: train where this resource is, instead of where the recipe's card is."),
        ),
    ]


def shard_of(text: str | None, *, everything: bool) -> "Shard | None":
    """Read a shard.

    Raises:
        BadInputError: It is none, or there is nothing to share.
    """
    if text is None:
        return None
    from recipe_kb.fleet.shard import Shard

    if not everything:
        what = _("--shard shares out all recipes; it goes with --all.")
        raise BadInputError(Problem(code="KB207", what=what, next_command=f"kb validate --all --shard {text}"))
    shard = Shard.parse(text)
    if shard is None:
        what = _("{typed!r} is no shard; expected I/N with I from 1 to N, for example 1/8.").format(typed=text)
        raise BadInputError(Problem(code="KB207", what=what, next_command="kb validate --all --shard 1/8"))
    return shard
