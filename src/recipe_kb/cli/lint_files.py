"""What `kb lint` does with files: finds them, reads them, lints what is in them, writes back what was mended."""

import difflib
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
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
STANDARD_INPUT = "-"
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$")
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
    """Yield the files that are named, and those of the folders that are named, in order and each once; `-` is none.

    Raises:
        BadInputError: Something that is named is not there; all such are listed.
    """
    paths = list(paths)
    missing = [path for path in paths if not path.exists() and str(path) != STANDARD_INPUT]
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
        path: As the user named it; `-` is the standard input.
        store: The knowledge base.
        asked: What the command line says of card, model, length, tasks and version.
        rules: Names of the rules to apply.
        kept: Predictions of earlier files.
        fix: Carry out what is safe.
        write: Into the file; else only as a difference.
    """
    from recipe_kb.extract.encodings import read_text
    from recipe_kb.extract.read import configurations_in, content_of

    rules, name = list(rules), str(path)
    try:
        content = sys.stdin.buffer.read() if name == STANDARD_INPUT else content_of(path, name)
        extracted = configurations_in(content, name, store)
        encoded = read_text(content, name)
    except KbError as error:
        return FileResult(problems=error.problems, is_unreadable=True)
    pieces, before = _pieces(encoded.text), encoded.text
    linted = lint(extracted.configurations, store, _without_ends(pieces), asked, rules, kept)
    mended: list[Finding] = []
    problems = [one for one in extracted.warnings if one.code != "KB438" or asked.gpu is None]
    can_write_back = encoded.back(before) == content
    for _round in range(_MOST_ROUNDS if fix and can_write_back else 0):
        done = fixed(pieces, linted.findings)
        if not done.done:
            break
        mended += done.done
        pieces = done.lines
        found = configurations_in("".join(pieces), name, store).configurations
        linted = lint(found, store, _without_ends(pieces), asked, rules, kept)
    findings = linted.findings
    if not can_write_back:
        if fix and any(finding.edits for finding in findings):
            what = _("its encoding cannot be told for sure, so nothing was changed in it; save it as UTF-8 first")
            problems.append(Problem(code="KB593", what=what, where=name))
        findings = tuple(replace(finding, edits=()) for finding in findings)
    after = "".join(pieces)
    if write and mended:
        _replace(path, encoded.back(after) or content)
    return FileResult(
        findings=findings,
        num_suppressed=len(linted.suppressed),
        num_configurations=len(extracted.configurations),
        problems=tuple(problems),
        mended=tuple(mended),
        diff=_difference(name, before, after) if mended else "",
    )


def _pieces(text: str) -> list[str]:
    """Cut a text into lines with their ends: LF, CR LF and CR all end one."""
    return _LINE.findall(text)


def _without_ends(pieces: Iterable[str]) -> list[str]:
    return [piece.rstrip("\r\n") for piece in pieces]


def _difference(name: str, before: str, after: str) -> str:
    first, second = _without_ends(_pieces(before)), _without_ends(_pieces(after))
    return "".join(f"{line}\n" for line in difflib.unified_diff(first, second, f"a/{name}", f"b/{name}", lineterm=""))


def _replace(path: Path, content: bytes) -> None:
    """Write a file in one step, so that an interruption leaves the old or the new one."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        Path(temporary).chmod(path.stat().st_mode & 0o7777)
        Path(temporary).replace(path.resolve())
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
