"""Probes as a JUnit report, which GitLab, Jenkins and most others read."""

import io
import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from recipe_kb.errors import CannotHereError, Problem
from recipe_kb.i18n import _
from recipe_kb.regress.compare import Comparison
from recipe_kb.regress.words import lines, outcome_words, remedy, summary
from recipe_kb.schema.evidence import Evidence
from recipe_kb.schema.reasons import in_language

if TYPE_CHECKING:
    from junitparser import Error, Failure, Skipped, TestCase

Result = tuple[Evidence, Path | None, Comparison | None]
"""One recipe: the run that speaks for all repeats, its file of evidence, and how it compares with a baseline."""

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, such as the colours of a terminal in a traceback's last line."""


def write_junit(path: Path, results: Iterable[Result], *, suite: str = "kb validate", seconds: float) -> None:
    """Write a report, whole or not at all; an older one is replaced.

    A recipe is a test case of class `GPU.MODEL`. A probe that did not pass, or that is a regression, is a failure; one
    that cannot run here or cannot be compared is skipped; one without a baseline is an error, since it is no pass.

    Args:
        path: The report.
        results: One per recipe.
        suite: Name of the suite.
        seconds: That all of it took.

    Raises:
        CannotHereError: junitparser is not installed (KB301), or the report cannot be written (KB320).
    """
    _require_junitparser()
    from junitparser import JUnitXml, TestSuite

    results = list(results)
    written = TestSuite(suite)
    written.add_testcases([_case(*result) for result in results])
    written.time = round(seconds, 3)
    if results:
        written.timestamp = min(run.started for run, _path, _comparison in results)[:19]
    report = JUnitXml(suite)
    report.add_testsuite(written)
    for name in ("tests", "failures", "errors", "skipped", "time"):
        setattr(report, name, getattr(written, name))
    content = io.BytesIO()
    report.write(content)
    _replace(path, content.getvalue())


def require_junit(path: Path) -> None:
    """Find out before hours of training that the report could not be written; raises as `write_junit` does."""
    _require_junitparser()
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise _unwritable(path, error) from error


def _case(run: Evidence, path: Path | None, comparison: Comparison | None) -> "TestCase":
    from junitparser import Properties, Property, TestCase

    gpu, model, cell = run.recipe.split("/")
    wall_s = comparison.wall_s if comparison else run.measured.wall_s if run.measured else 0.0
    case = TestCase(cell, classname=f"{gpu}.{model}", time=round(wall_s, 3))
    properties = Properties()  # type: ignore[no-untyped-call]
    for name, value in _facts(run, path, comparison).items():
        if value is not None:
            properties.add_property(Property(name, _xml(value)))
    case.append(properties)  # type: ignore[no-untyped-call]
    finding = _finding(run, comparison)
    if finding:
        case.result = finding
    return case


def _facts(run: Evidence, path: Path | None, comparison: Comparison | None) -> dict[str, object]:
    """Describe the run; figures that were compared are medians of all repeats, as in the comparison."""
    names = ("peak_reserved_bytes", "samples_per_s")
    figures = {name: getattr(run.measured, name) if run.measured else None for name in names}
    figures |= {row.name: row.now for row in comparison.rows if row.now is not None} if comparison else {}
    return {
        "recipe": run.recipe,
        "mode": run.mode,
        "gpu": run.gpu_name,
        "torch": run.fingerprint.get("torch"),
        "transformers": run.fingerprint.get("transformers"),
        **{name: figures[name] for name in names},
        "evidence": path,
    }


def _finding(run: Evidence, comparison: Comparison | None) -> "Error | Failure | Skipped | None":
    """Return what is not a pass, with the reason in one line and all figures below it."""
    from junitparser import Error, Failure, Skipped

    if comparison is None:
        if run.verdict == "passed":
            return None
        reason = in_language(run.reason) if run.reason else run.verdict
        return (Skipped if run.verdict == "unsupported" else Failure)(_xml(reason), run.verdict)
    if comparison.outcome in {"same", "improved"}:
        return None
    kinds: dict[str, type[Error | Failure | Skipped]] = {"not_comparable": Skipped, "no_baseline": Error}
    kind = kinds.get(comparison.outcome, Failure)
    found = kind(_xml(summary(comparison)), comparison.outcome)
    text = [outcome_words(comparison.outcome), *("  ".join(filter(None, line)) for line in lines(comparison))]
    following = remedy(comparison)
    found.text = _xml("\n".join([*text, *([f"-> {following}"] if following else [])]))
    return found


def _xml(value: object) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", str(value))


def _require_junitparser() -> None:
    try:
        import junitparser  # noqa: F401 - only asked whether it is there
    except ImportError as error:
        what = _("A JUnit report needs a package that is not installed: {names}.").format(names="junitparser")
        raise CannotHereError(Problem(code="KB301", what=what, next_command="pip install junitparser")) from error


def _replace(path: Path, content: bytes) -> None:
    try:
        descriptor, name = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        temporary.chmod(0o644)  # mkstemp keeps it to ourselves; another user's agent collects reports
        temporary.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError) -> CannotHereError:
    what = _("The JUnit report could not be written: {reason}.").format(reason=error.strerror or error)
    return CannotHereError(Problem(code="KB320", what=what, where=str(path), next_command=f"ls -ld {path.parent}"))
