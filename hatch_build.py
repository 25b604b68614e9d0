"""Build hook: compile the message catalogs and put the data into the wheel."""

from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class DataBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """An installed `kb` speaks Vietnamese and carries the knowledge base; an editable one reads the checkout's."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile every catalog under `src/`; add `kb/` unless the install is editable."""
        if version == "standard":
            build_data["force_include"]["kb"] = "recipe_kb/kb"
        for catalog in Path(self.root, "src").rglob("*.po"):
            compiled = catalog.with_suffix(".mo")
            with catalog.open("rb") as source, compiled.open("wb") as target:
                write_mo(target, read_po(source))
            build_data["artifacts"].append(compiled.relative_to(self.root).as_posix())
