"""Reading YAML that a dialect wrote; no dialect by itself."""

from typing import Any

import yaml

from recipe_kb.store.yaml_file import KbLoader


def load(text: str) -> Any:
    """Read one document; `3e-5` is a number."""
    return yaml.load(text, Loader=KbLoader)  # noqa: S506 - KbLoader is a SafeLoader
