"""What `kb lint` does with files: finds them, reads them, lints what is in them, writes back what was mended."""

import difflib
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipe_kb.errors import BadInputError, KbError, Problem
from recipe_kb.i18n import _
from recipe_kb.lint.asked import Asked
from recipe_kb.lint.finding import Finding
from recipe_kb.lint.fix import fixed
from recipe_kb.lint.run import lint
from recipe_kb.store.store import Store

SUFFIXES = frozenset({".md", ".markdown", ".yaml", ".yml", ".json", ".toml", ".ipynb", ".py", ".sh"})
"""Kinds of files that are looked for in folders; a file that is named is read whatever it is called."""
_SKIPPED = frozenset({"node_modules", "__pycache__", "build", "dist", "venv", "site-packages"})
_MOST_ROUNDS = 10
"""One fix may uncover another finding; rules that undo each other would never end."""


@dataclass(frozen=True, kw_only=True)
class FileResult:
    """What came of one file.

    Attributes:
        findings: What is left.
        num_suppressed: Findings that comments allow.
        num_configurations: How many configurations were found in it.
        problems: Why it could not be read, or not completely.
        mended: Findings that were fixed.
        diff: Lines of what the fixes change.
        is_unreadable: Nothing was read.
    """

    findings: tuple[Finding, ...] = ()
    num_suppressed: int = 0
    num_configurations: int = 0
    problems: tuple[Problem, ...] = ()
    mended: tuple[Finding, ...] = ()
    diff: str = ""
    is_unreadable: bool = False


def files_in(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the files that are named, and those of the folders that are named, in order and each once.

    Raises:
        BadInputError: Something that is named is not there; all such are listed.
    """
    paths = list(paths)
    missing = [path for path in paths if not path.exists()]
    if missing:
        raise BadInputError(
            *(Problem(code="KB592", what=_("There is no such file or folder."), where=str(path)) for path in missing)
        )
    seen: set[Path] = set()
    for path in paths:
        for found in _walk(path) if path.is_dir() else [path]:
            resolved = found.resolve()
            if resolved not in seen:
                seen.add(resolved)
                yield found


def _walk(folder: Path) -> Iterator[Path]:
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED and not name.startswith("."))
        for name in sorted(names):
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."):
                yield Path(where, name)


def lint_file(
    path: Path, store: Store, asked: Asked, rules: Iterable[str], kept: dict[Any, Any], *, fix: bool, write: bool
) -> FileResult:
    """Lint one file.

    Args:
        path: As the user named it.
        store: The knowledge base.
        asked: What the command line says of card, model, length, tasks and version.
        rules: Names of the rules to apply.
        kept: Predictions of earlier files.
        fix: Carry out what is safe.
        write: Into the file; else only as a difference.
    """
    from recipe_kb.extract.read import configurations_in

    rules, name = list(rules), str(path)
    try:
        extracted = configurations_in(path, name, store)
    except KbError as error:
        return FileResult(problems=error.problems, is_unreadable=True)
    before = _text(path)
    lines = lines_of(before if before is not None else path.read_bytes().decode("utf-8", "replace"))
    linted = lint(extracted.configurations, store, lines, asked, rules, kept)
    mended: list[Finding] = []
    problems, text = list(extracted.warnings), before
    for _round in range(_MOST_ROUNDS if fix and before is not None else 0):
        done = fixed(lines, linted.findings)
        if not done.done:
            break
        mended += done.done
        text = _joined(done.lines, text or "")
        lines = done.lines
        linted = lint(configurations_in(text, name, store).configurations, store, lines, asked, rules, kept)
    if fix and before is None and any(finding.edits for finding in linted.findings):
        what = _("is not UTF-8, so nothing was changed in it")
        problems.append(Problem(code="KB593", what=what, where=name))
    if write and mended and text is not None:
        _replace(path, text)
    return FileResult(
        findings=linted.findings,
        num_suppressed=len(linted.suppressed),
        num_configurations=len(extracted.configurations),
        problems=tuple(problems),
        mended=tuple(mended),
        diff=_difference(name, before, text) if mended else "",
    )


def lines_of(text: str) -> list[str]:
    """Cut a text into lines without their ends, as editors count them."""
    return [line.removesuffix("\r") for line in text.split("\n")]


def _text(path: Path) -> str | None:
    """Read a file that is UTF-8; None where it is not, as it could not be written back unharmed."""
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return None


def _joined(lines: Iterable[str], before: str) -> str:
    """Put lines together with the ends that the file has."""
    return ("\r\n" if "\r\n" in before else "\n").join(lines)


def _difference(name: str, before: str | None, after: str | None) -> str:
    first, second = lines_of(before or ""), lines_of(after or "")
    return "".join(f"{line}\n" for line in difflib.unified_diff(first, second, f"a/{name}", f"b/{name}", lineterm=""))


def _replace(path: Path, text: str) -> None:
    """Write a file in one step, so that an interruption leaves the old or the new one."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(text.encode("utf-8"))
        Path(temporary).chmod(path.stat().st_mode & 0o7777)
        Path(temporary).replace(path.resolve())
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
