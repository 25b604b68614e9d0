"""Moving a file of results out of the way that new results cannot be added to, and losing nothing of it."""

import itertools
from pathlib import Path


def set_aside(path: Path) -> Path:
    """Rename a file to its own name with the first free `.old-N` behind it; return that path."""
    free = (path.with_name(f"{path.name}.old-{number}") for number in itertools.count(1))
    target = next(candidate for candidate in free if not candidate.exists())
    return path.rename(target)
