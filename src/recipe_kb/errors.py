"""Every way the command line can fail, with its exit code.

A message reads `where: code what (got, expected). Why it matters. -> next command`.
Messages are already in the user's language when an error is made.
"""

from dataclasses import dataclass
from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of `kb`; part of the command-line contract."""

    DONE = 0
    FINDING = 1
    BAD_INPUT = 2
    CANNOT_HERE = 3
    OUR_BUG = 70
    INTERRUPTED = 130


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong: stable code, place, words, and the command that helps next."""

    code: str
    what: str
    where: str | None = None
    next_command: str | None = None

    def __str__(self) -> str:
        """Format as one line."""
        where = f"{self.where}: " if self.where else ""
        following = f" -> {self.next_command}" if self.next_command else ""
        return f"{where}{self.code} {self.what}{following}"


class KbError(Exception):
    """A failure that a user can act on; carries one or more problems."""

    exit_code = Exit.BAD_INPUT

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


class BadInputError(KbError):
    """What was typed or read is wrong."""


class FindingError(KbError):
    """The question was understood and the answer is bad news: nothing fits, a recipe is refuted."""

    exit_code = Exit.FINDING


class CannotHereError(KbError):
    """This machine lacks what is needed: a package or a device."""

    exit_code = Exit.CANNOT_HERE
