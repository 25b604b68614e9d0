"""What a benchmark measured, as the pages quote it: `docs/data/figures/NAME.json`, `{{ figure('NAME', 'a.b') }}`.

Only benchmarks write there, each with `--figures`; a page cannot say another number, `kb site check` compares them.
"""

import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "data" / "figures"
SCHEMA = "kb-figures/1"
_DIGITS = 6
"""Significant digits that are kept: further ones are noise, and make every run another file."""


def write_figures(script: str, values: Mapping[str, Any], folder: Path = FOLDER) -> Path:
    """Write the figures of a benchmark.

    Args:
        script: Of the benchmark, such as `memory_accuracy.py`; names the file.
        values: Numbers, texts and objects of them; shares as fractions, sizes and times with the unit in their name.
        folder: Where to.

    Returns:
        The file.
    """
    header = {
        "schema": SCHEMA,
        "generated": f"by `python benchmarks/{script} --figures`; do not edit",
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {"system": platform.system(), "num_cores": os.cpu_count(), "python": platform.python_version()},
    }
    path = folder / f"{Path(script).stem.replace('_', '-')}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({**header, **_rounded(values)}, indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(f"{text}\n", encoding="utf-8")
    return path


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, Mapping):
        return {name: _rounded(inner) for name, inner in value.items()}
    return value
