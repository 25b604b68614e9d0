"""The benchmarks are scripts beside the package, and what their children run here is beside these tests."""

import os
import sys

import pytest

from checkout import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))


@pytest.fixture
def own_environ():
    """Variables that a benchmark sets for its children end with the test."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
