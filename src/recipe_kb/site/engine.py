"""MkDocs, in a process for each language at once; it warns of nothing, or the build fails."""

import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from recipe_kb.errors import CannotHereError, FindingError, Problem
from recipe_kb.i18n import _

_PACKAGES = ("mkdocs", "material")
_QUIET = {"NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "1"}
"""Both packages advertise other software on every run."""


def require() -> None:
    """Raise CannotHereError unless the engine is installed."""
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        what = _("The site is built with packages that are not installed: {names}.").format(names=", ".join(missing))
        raise CannotHereError(Problem(code="KB301", what=what, next_command="pip install 'recipe-kb[docs]'"))


def run_engine(configs: Sequence[Path]) -> None:
    """Build every language.

    Args:
        configs: One configuration file for each.

    Raises:
        FindingError: The engine warned or failed; holds all it said.
    """
    # Not --quiet: what is not logged is not counted, and strict mode would let every broken link pass.
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file"]
    started = [
        subprocess.Popen(
            [*command, str(config)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=os.environ | _QUIET,
        )
        for config in configs
    ]
    try:
        said = [process.communicate()[0] for process in started]
    except BaseException:
        for process in started:
            process.kill()
            process.wait()
        raise
    problems = [
        Problem(code="KB404", what=what, where=config.parent.name)
        for config, process, output in zip(configs, started, said, strict=True)
        if process.returncode
        for what in _complaints(output) or [_("exit code {code}").format(code=process.returncode)]
    ]
    if problems:
        raise FindingError(*problems)


def _complaints(output: str) -> list[str]:
    """Return what the engine complained of; all that it said where it ended without a complaint."""
    complaints: list[str] = []
    goes_on = False
    for line in output.splitlines():
        starts = line.startswith(("WARNING", "ERROR"))
        goes_on = starts or (goes_on and line.startswith(" "))
        if starts:
            complaints.append(line.partition("-")[2].strip())
        elif goes_on:
            complaints[-1] += f" {line.strip()}"
    return complaints or [line.strip() for line in output.splitlines() if line.strip()]
