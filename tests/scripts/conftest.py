"""The scripts and the benchmarks that they start are no packages: Python searches the folder of the one it runs."""

import sys

from checkout import ROOT

sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "benchmarks")]
