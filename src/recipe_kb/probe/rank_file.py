"""What each of several ranks leaves for the leader: where it trains, and what came of it."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from recipe_kb.probe.messages import Finished, Started
from recipe_kb.schema.evidence import Record


class Begun(Record):
    """A rank that has come so far as to know its device."""

    pid: int
    started: Started


class Ended(Record):
    """The result of a rank, and when it was there, in seconds of `time.time()`: the first failure is the cause."""

    time_s: float
    finished: Finished


@dataclass(frozen=True)
class RankFile:
    """The two files of one rank."""

    folder: Path
    rank: int

    def begin(self, started: Started) -> None:
        """Say where this process trains."""
        self._write("begun", Begun(pid=os.getpid(), started=started))

    def end(self, finished: Finished) -> None:
        """Say what came of it."""
        self._write("ended", Ended(time_s=time.time(), finished=finished))

    def begun(self) -> Begun | None:
        """Return what the rank said at its start, if anything."""
        text = self._read("begun")
        return None if text is None else Begun.model_validate_json(text)

    def ended(self) -> Ended | None:
        """Return its result; None if it had none before it was gone."""
        text = self._read("ended")
        return None if text is None else Ended.model_validate_json(text)

    def _path(self, what: str) -> Path:
        return self.folder / f"rank-{self.rank}-{what}.json"

    def _write(self, what: str, record: Record) -> None:
        """Write it whole or not at all: the rank may be ended in the middle."""
        path = self._path(what)
        path.with_suffix(".part").write_text(record.model_dump_json(), encoding="utf-8")
        path.with_suffix(".part").replace(path)

    def _read(self, what: str) -> str | None:
        try:
            return self._path(what).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
