"""Keeping evidence: one JSON file per probe, whole or not at all, and never one over another."""

import itertools
import os
import re
import tempfile
from pathlib import Path

from recipe_kb.errors import CannotHereError, Problem
from recipe_kb.i18n import _
from recipe_kb.schema.evidence import Evidence

_VENDOR_WORDS = {"nvidia", "geforce", "tesla"}


def record(evidence: Evidence, root: Path) -> Path:
    """Write evidence to `root/evidence/RECIPE/DATE-DEVICE[-N].json`.

    Args:
        evidence: Of one probe.
        root: The folder of the knowledge base.

    Returns:
        The new file; a second one of the same day and device gets `-2`.

    Raises:
        CannotHereError: It cannot be written (KB310); nothing is left behind then.
    """
    folder = root / "evidence" / evidence.recipe
    text = evidence.model_dump_json(by_alias=True, indent=2) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _write(text, folder, f"{evidence.started[:10]}-{_device(evidence)}")
    except OSError as error:
        what = _("The evidence could not be written: {reason}. The probe's result is not on record.")
        raise CannotHereError(
            Problem(
                code="KB310",
                where=str(folder),
                what=what.format(reason=error.strerror or error),
                next_command=f"df -h {root}",
            )
        ) from error


def _write(text: str, folder: Path, stem: str) -> Path:
    descriptor, name = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=folder)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)  # mkstemp keeps it to ourselves; evidence is to be read
        return _name_it(temporary, folder, stem)
    finally:
        temporary.unlink()


def _name_it(temporary: Path, folder: Path, stem: str) -> Path:
    """Link the finished file to the first free name; linking fails where renaming would overwrite."""
    for number in itertools.count(1):
        target = folder / (f"{stem}.json" if number == 1 else f"{stem}-{number}.json")
        try:
            os.link(temporary, target)
        except FileExistsError:
            continue
        return target
    raise AssertionError  # `count` does not end


def _device(evidence: Evidence) -> str:
    if evidence.mode == "cpu":
        return "cpu"
    slug, played = gpu_slug(evidence.gpu_name or "unknown"), evidence.emulation
    if played is None:
        return f"{slug}-{evidence.mode}"
    return f"{slug}-as-{played.gpu}-{'emulated' if played.capped_at == 'card' else 'at-prediction'}"


def gpu_slug(gpu_name: str) -> str:
    """Spell a CUDA device name as a file name: `NVIDIA GeForce RTX 3070` is `rtx-3070`."""
    words = re.findall(r"[a-z0-9]+", gpu_name.lower())
    return "-".join(word for word in words if word not in _VENDOR_WORDS) or "gpu"
