"""A folder with one transformers version, to put in front of everything else on a child's PYTHONPATH.

torch and all other packages are those of this environment; only what a transformers release pins goes along.
"""

import os
import re
import subprocess
import sys
import tempfile
from importlib.metadata import Distribution
from pathlib import Path

from accuracy import versions

PINNED_BY_TRANSFORMERS = ("tokenizers", "huggingface-hub")
"""Requirements whose allowed range differs from release to release, taken from the release's own metadata."""
ALONG = ("requests", "urllib3", "charset-normalizer", "idna", "certifi", "tqdm", "filelock", "fsspec")
"""What huggingface-hub before 1.0 imports and a current installation may lack."""
PIP_TIMEOUT_S = 600


class NoEnvironmentError(Exception):
    """The version could not be installed; the message says why."""


def cache_folder() -> Path:
    """Return where installed versions are kept, as the XDG base directory specification has it."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "recipe-kb"


def import_path(version: str) -> list[Path]:
    """Return folders to import first for a transformers version: none if it is the installed one.

    Raises:
        NoEnvironmentError: It is not in the cache and pip cannot install it.
    """
    if versions.numbers(version) == versions.numbers(versions.installed()):
        return []
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    folder = cache_folder() / f"transformers-{version}-{python}"
    if not folder.is_dir():
        _install(version, folder)
    return [folder]


def _install(version: str, folder: Path) -> None:
    """Install into a scratch folder beside the final one and rename: an interrupted run leaves nothing half done."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    print(f"installing transformers {version} into {folder}", file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        target = Path(scratch) / "packages"
        _pip(target, [f"transformers=={version}"])
        _pip(target, [*_pins(target), *ALONG])
        try:
            target.rename(folder)
        except OSError:
            if not folder.is_dir():  # otherwise another run was faster, and its folder is as good
                raise


def _pins(target: Path) -> list[str]:
    """Return the requirements of the transformers release that must be met beside it."""
    (info,) = target.glob("transformers-*.dist-info")
    requires = Distribution.at(info).requires or []
    plain = [line for line in requires if ";" not in line]
    return [line for line in plain if re.split(r"[^A-Za-z0-9_.-]", line)[0] in PINNED_BY_TRANSFORMERS]


def _pip(target: Path, packages: list[str]) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade", "--target", str(target)]
    try:
        done = subprocess.run([*command, *packages], capture_output=True, text=True, timeout=PIP_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise NoEnvironmentError(f"pip took more than {PIP_TIMEOUT_S} s") from error
    if done.returncode:
        last = (done.stderr.strip() or "pip failed without a word").splitlines()[-1]
        raise NoEnvironmentError(last)
