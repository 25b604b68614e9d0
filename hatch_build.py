"""Build hook: compile the message catalogs, so that an installed `kb` speaks Vietnamese."""

from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CatalogBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Write the `.mo` next to every `.po` and put it in the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Compile every catalog under `src/`."""
        for catalog in Path(self.root, "src").rglob("*.po"):
            compiled = catalog.with_suffix(".mo")
            with catalog.open("rb") as source, compiled.open("wb") as target:
                write_mo(target, read_po(source))
            build_data["artifacts"].append(compiled.relative_to(self.root).as_posix())
