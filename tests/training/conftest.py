"""Makes `tests/tiny.py` importable from here, in any order of collection."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
