"""Importing a library without the optional packages that it would import in turn."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_packages(*names: str) -> Iterator[None]:
    """Let imports inside believe that packages are not installed, unless they are imported already.

    transformers imports scipy for the losses of object detection, wherever it is installed: half a second that no
    network here needs. It asks once and remembers the answer.

    Args:
        names: Top-level packages.
    """
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None is how Python itself marks it
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
