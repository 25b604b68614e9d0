"""The fragments of `changelog.d/` as entries: what was added, changed and fixed, most recent first."""

import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_NAME = re.compile(r"(?P<number>\d+)\.(?P<kind>[a-z]+)\.md")


@dataclass(frozen=True, kw_only=True)
class Change:
    """One fragment.

    Attributes:
        id: Number and kind, as the file is called.
        number: Rises with time.
        kind: added, changed, fixed, ...
        lines: One sentence each, Markdown.
        written: Date and time of its last commit, ISO 8601; of the file where there is no history.
    """

    id: str
    number: int
    kind: str
    lines: tuple[str, ...]
    written: str


def read_changes(folder: Path) -> list[Change]:
    """Read every fragment, most recent first."""
    found = []
    committed = _last_commits(folder)
    for path in folder.glob("*.md"):
        name = _NAME.fullmatch(path.name)
        if name:
            lines = tuple(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
            written = committed.get(path.name) or _modified(path)
            change = Change(id=path.stem, number=int(name["number"]), kind=name["kind"], lines=lines, written=written)
            found.append(change)
    return sorted(found, key=lambda change: (-change.number, change.kind))


def _last_commits(folder: Path) -> dict[str, str]:
    """Return file name to the time of its last commit; nothing where there is no history."""
    command = ["git", "log", "--format=%x00%cI", "--name-only", "--", "."]
    try:
        listed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return {}
    found: dict[str, str] = {}
    for commit in listed.split("\0")[1:]:
        when, *names = commit.split("\n")
        for name in names:
            found.setdefault(name.rpartition("/")[2], _in_utc(datetime.fromisoformat(when)))
    return found


def _modified(path: Path) -> str:
    return _in_utc(datetime.fromtimestamp(path.stat().st_mtime, UTC))


def _in_utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
