"""Keeping evidence: one JSON file per probe, whole or not at all, and never one over another."""

import itertools
import os
import re
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from recipe_kb.errors import CannotHereError, Problem
from recipe_kb.i18n import _
from recipe_kb.schema.evidence import Evidence

_VENDOR_WORDS = {"nvidia", "geforce", "tesla"}


def record(evidence: Evidence, root: Path) -> Path:
    """Write evidence to `root/evidence/RECIPE/DATE[-COUNTx[-fsdp]]-DEVICE[-N].json`.

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
    if hasattr(os, "O_TMPFILE"):
        with suppress(OSError):  # NFS and some others have no nameless files, and /proc may not be there
            return _write_nameless(text, folder, stem)
    return _write_hidden(text, folder, stem)


def _write_nameless(text: str, folder: Path, stem: str) -> Path:
    """Write a file that has no name yet, then name it: whoever is killed in between leaves nothing behind."""
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        descriptor = os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o644)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            _fill(file, text)
            os.fchmod(descriptor, 0o644)  # evidence is to be read, whatever the mask of this process is
            # Only with a folder given does Python follow the link in /proc, instead of linking that.
            nameless = f"/proc/self/fd/{descriptor}"
            return _name_it(lambda name: os.link(nameless, name, dst_dir_fd=place, follow_symlinks=True), folder, stem)
    finally:
        os.close(place)


def _write_hidden(text: str, folder: Path, stem: str) -> Path:
    """Write a hidden file, then link or move it to its name; SIGKILL in between leaves the hidden one."""
    descriptor, hidden = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=folder)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            _fill(file, text)
        Path(hidden).chmod(0o644)  # mkstemp keeps it to ourselves
        return _name_it(lambda name: _link_or_move(Path(hidden), folder / name), folder, stem)
    finally:
        Path(hidden).unlink(missing_ok=True)


def _link_or_move(hidden: Path, target: Path) -> None:
    """Give a finished file its name, and overwrite none: by a link, or by a move where there are no hard links.

    Raises:
        FileExistsError: The name is taken, or was about to be by a process that was killed.
    """
    try:
        os.link(hidden, target)
    except FileExistsError:
        raise
    except OSError:  # exFAT, some network and FUSE file systems
        _move(hidden, target)


def _move(hidden: Path, target: Path) -> None:
    claim = target.with_name(f".{target.name}.claim")
    # A move would overwrite, so only the one process that holds the claim may look and move.
    os.close(os.open(claim, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
    try:
        if target.exists():
            raise FileExistsError(target)
        hidden.replace(target)
    finally:
        claim.unlink()


def _fill(file: IO[str], text: str) -> None:
    file.write(text)
    file.flush()
    os.fsync(file.fileno())


def _name_it(link: Callable[[str], None], folder: Path, stem: str) -> Path:
    """Give the finished file the first free name; linking fails where renaming would overwrite."""
    for number in itertools.count(1):
        name = f"{stem}.json" if number == 1 else f"{stem}-{number}.json"
        try:
            link(name)
        except FileExistsError:
            continue
        return folder / name
    raise AssertionError  # `count` does not end


def _device(evidence: Evidence) -> str:
    if evidence.num_gpus == 1:
        return _one_device(evidence)
    shared = "" if evidence.parallel == "ddp" else f"{evidence.parallel}-"
    return f"{evidence.num_gpus}x-{shared}{_one_device(evidence)}"


def _one_device(evidence: Evidence) -> str:
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
