"""The cards to search on belong to a benchmark, which is a script beside the package."""

import sys

from checkout import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
