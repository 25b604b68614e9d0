"""What a search of `kb tune` came to that ended without a recipe: kept, so that it is not made again for nothing."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from recipe_kb import __version__
from recipe_kb.errors import Exit
from recipe_kb.probe.fingerprint import PACKAGES, package_version
from recipe_kb.probe.resume import is_answer

SCHEMA: Final = "tune-search/1"


@dataclass(frozen=True, kw_only=True)
class Note:
    """One search in the file of a card.

    Attributes:
        path: The file.
        cell: The cell that was searched.
        gpu_name: The card, as NVML names it; None takes a note of any card and any versions, as a list does.
        code_version: Of all that decides what is found.
    """

    path: Path
    cell: str
    gpu_name: str | None
    code_version: str

    def is_kept(self) -> bool:
        """Say whether this search has ended without a recipe on this card, with this code and these packages."""
        kept = self._read().get(self.cell)
        return kept is not None and (self.gpu_name is None or kept["under"] == self._under())

    def hear(self, exit_code: int, output: str) -> None:
        """Keep the answer of a search that found nothing to recommend.

        What a moment decides is not kept: a probe that crashed or took too long, a card that others share.

        Args:
            exit_code: Of `kb tune --json --record`.
            output: Its standard output.
        """
        if exit_code != Exit.FINDING:
            return
        try:
            answer = json.loads(output)
        except ValueError:  # ended before the search: nothing fits the cell
            answer = None
        if answer is not None and not _is_final(answer):
            return
        kept = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "under": self._under(), "answer": answer}
        document = {"schema": SCHEMA, "searches": self._read() | {self.cell: kept}}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        beside.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        beside.replace(self.path)

    def _under(self) -> dict[str, str | None]:
        packages = {name: package_version(name) for name in PACKAGES}
        return {"gpu": self.gpu_name, "code_version": self.code_version, "recipe_kb": __version__, **packages}

    def _read(self) -> dict[str, Any]:
        try:
            document = json.loads(self.path.read_text(encoding="utf-8"))
            searches: dict[str, Any] = document["searches"]
        except (OSError, ValueError, KeyError, TypeError):
            return {}
        return searches


def _is_final(answer: Mapping[str, Any]) -> bool:
    trials = [batch["measured"] for batch in answer["batches"] if batch["measured"]]
    return not answer["used_by_others_bytes"] and all(is_answer(one["verdict"], one["reason"]) for one in trials)
