"""Where the knowledge base lies: `KB_ROOT`, the installed package, or the checkout."""

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def default_root() -> Path:
    """Return the folder that holds `gpus/`, `models/`, `recipes/`.

    `KB_ROOT` wins, so that a team can keep a knowledge base of its own.
    A wheel carries the data inside the package; an editable install reads the checkout.
    """
    chosen = os.environ.get("KB_ROOT")
    if chosen:
        return Path(chosen)
    packaged = _PACKAGE / "kb"
    return packaged if packaged.is_dir() else _PACKAGE.parent.parent / "kb"


def evidence_root(root: Path) -> Path:
    """Return where new evidence goes: the knowledge base itself, or `./kb` when it is installed read-only."""
    return Path.cwd() / "kb" if root == _PACKAGE / "kb" else root
