"""A node whose memory is full: Ray kills the worker and sends its order again, but not for ever."""

import pytest

from conftest import cluster_of
from recipe_kb.fleet.engine import cluster
from recipe_kb.fleet.placement import Placement
from recipe_kb.fleet.run import Job, run

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray"), pytest.mark.filterwarnings("ignore::ResourceWarning")]
FULL = {"memory_usage_threshold": 0.001, "memory_monitor_refresh_ms": 50}
"""Whatever runs is too much."""


def test_a_worker_that_is_killed_for_memory_is_given_up_after_some_tries(order, tmp_path):
    with cluster_of({"num_cpus": 1}, head={"_system_config": FULL}) as nodes, cluster(nodes.address) as engine:
        asked = Job(order=order("t4/tiny/1t-64-full", 60, "--log", tmp_path), placement=Placement())
        (result,) = run(engine, [asked])
    assert result.delivery is None
    assert "memory" in result.why
