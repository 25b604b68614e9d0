"""What tests of the fleet share: orders whose probe is played, and Ray clusters of several nodes on this machine."""

import os
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from checkout import ROOT
from recipe_kb.fleet.order import Order
from recipe_kb.probe.request import ProbeRequest
from recipe_kb.schema.recipe import RecipeKey
from tiny import BERT, model_of, recipe_with

PLAYED = (sys.executable, "-I", "-S", str(ROOT / "benchmarks" / "played_probe.py"))
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled", "RAY_task_oom_retries": "2"}


@pytest.fixture
def order():
    """Return a function that makes orders; the words go to the played probe."""

    def make(recipe_id, *words, **request):
        key = RecipeKey.parse(recipe_id)
        asked = {"recipe": recipe_with(), "model": model_of(BERT), "device": "cpu", "timeout_s": 120}
        return Order(
            request=ProbeRequest(recipe_id=recipe_id, key=key, **asked | request), command=(*PLAYED, *map(str, words))
        )

    return make


@pytest.fixture
def short_folder():
    """A folder for temporary files with a path short enough for the sockets of Ray; empty again at the end."""
    with tempfile.TemporaryDirectory(prefix="kbt-", dir="/tmp") as folder:
        yield Path(folder)


@contextmanager
def cluster_of(*nodes, head=None):
    """Start a head without cores and these nodes; each is what Ray counts on it. Yields Ray's own `Cluster`."""
    os.environ.update(QUIET)
    from ray.cluster_utils import Cluster

    started = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False} | (head or {}))
    try:
        for node in nodes:
            started.add_node(**node)
        yield started
    finally:
        started.shutdown()
        for name in QUIET:
            os.environ.pop(name)
