"""The value of the fixture: one recipe, and what became of it on this machine."""

import tempfile
from dataclasses import dataclass, field
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from recipe_kb.cli.group import Session
from recipe_kb.cli.recipe_id import answer_id
from recipe_kb.cli.validate_choice import chosen
from recipe_kb.errors import CannotHereError, KbError
from recipe_kb.pytest_plugin.judgement import judge
from recipe_kb.pytest_plugin.session import kb_session
from recipe_kb.pytest_plugin.wish import wish_of
from recipe_kb.resolve.answer import Answer

if TYPE_CHECKING:
    from recipe_kb.cli.validate_run import Outcome
    from recipe_kb.schema.evidence import Evidence
    from recipe_kb.schema.recipe import Recipe

_PROBED = pytest.StashKey["dict[str, Outcome]"]()


@dataclass(kw_only=True)
class KbRecipe:
    """One recipe in a test.

    Attributes:
        answer: All that the knowledge base says of it: memory, evidence, GPU, model.
    """

    answer: Answer
    _config: pytest.Config = field(repr=False)
    _last: "Outcome | None" = field(default=None, repr=False)

    @property
    def id(self) -> str:
        """The id of the recipe, such as `t4/biobert/8t-512-full`."""
        return self.answer.recipe_id

    @property
    def recipe(self) -> "Recipe":
        """Its settings, their provenance, its ladder."""
        return self.answer.recipe

    def validate(self, **changes: Any) -> "Evidence":
        """Train it here, briefly; asked twice, it is trained once per session.

        Args:
            changes: Other values than those of the command line: device, steps, timeout, as_gpu, at_prediction,
                baseline, repeats, weights, ladder, record.

        Returns:
            The evidence, whatever happened to the training; of several repeats that of the worst, of equals the last.

        Raises:
            pytest.skip.Exception: This machine lacks a package or the GPU.
            pytest.fail.Exception: What is asked makes no sense.
        """
        __tracebackhide__ = True
        with kb_session() as session:
            try:
                self._last = self._outcome(session, changes)
            except CannotHereError as error:
                pytest.skip("; ".join(map(str, error.problems)))
            except KbError as error:
                pytest.fail(str(error), pytrace=False)
        return self._last.reported

    def assert_passed(self, **changes: Any) -> None:
        """Train it, and fail with what `kb validate` would print unless it passed.

        With a baseline a regression fails, and so does a recipe that nothing is on record for: that is no pass.
        What cannot run or cannot be compared here skips the test, with the reason.
        """
        __tracebackhide__ = True
        self.validate(**changes)
        assert self._last is not None  # noqa: S101 - `validate` has set it
        with kb_session():
            judge(self._last)

    def figures(self) -> list[tuple[str, object]]:
        """Return what was measured, for a report: names and values that are known."""
        if self._last is None:
            return []
        evidence = self._last.reported
        measured = evidence.measured
        found = {
            "verdict": evidence.verdict,
            "mode": evidence.mode,
            "gpu": evidence.gpu_name,
            "torch": evidence.fingerprint.get("torch"),
            "peak_reserved_bytes": measured.peak_reserved_bytes if measured else None,
            "samples_per_s": measured.samples_per_s if measured else None,
        }
        return [(name, value) for name, value in found.items() if value is not None]

    def _outcome(self, session: Session, changes: dict[str, Any]) -> "Outcome":
        wish = wish_of(session, self._config, changes)
        probed = self._config.stash.setdefault(_PROBED, {})
        question = f"{self.id} {wish}"
        if question not in probed:
            from filelock import FileLock

            from recipe_kb.cli.validate_run import run_one

            # Refuses a card that is not the recipe's.
            chosen(session, [self.id], everything=False, gpu=None, as_gpu=wish.as_gpu, touched_by=None)
            with FileLock(_lock_path()):  # two at once, as with xdist, would share the device and measure each other
                probed[question] = run_one(session, self.answer, wish)
        return probed[question]


def recipe_of(config: pytest.Config, recipe_id: str) -> KbRecipe:
    """Return the recipe of an id, in any spelling; an id that names none fails the test with the nearest."""
    with kb_session() as session:
        try:
            return KbRecipe(answer=answer_id(session.store, recipe_id), _config=config)
        except KbError as error:
            pytest.fail(str(error), pytrace=False)


def _lock_path() -> Path:
    return Path(tempfile.gettempdir()) / f"recipe-kb-probe-{getuser()}.lock"
