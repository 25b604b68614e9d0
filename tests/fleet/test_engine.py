"""Starting and joining Ray: what is missing is said, and nothing is left behind."""

import os
import subprocess
import sys
from importlib import util

import pytest

from recipe_kb.errors import BadInputError, CannotHereError
from recipe_kb.fleet import engine
from recipe_kb.fleet.engine import cluster


def test_without_ray_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(engine, "find_spec", lambda name: None if name == "ray" else util.find_spec(name))
    with pytest.raises(CannotHereError) as caught, cluster(None):
        pass
    (problem,) = caught.value.problems
    assert (problem.code, problem.next_command) == ("KB301", "pip install 'recipe-kb[fleet]'")


def test_a_client_address_is_none_of_a_head():
    with (
        pytest.raises(BadInputError, match="KB207 ray://head:10001 is no address of a head"),
        cluster("ray://head:10001"),
    ):
        pass


IN_A_PROCESS = """
import os, pathlib
from recipe_kb.fleet.engine import cluster
folder = pathlib.Path(os.environ["TMPDIR"])
ours = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_task_oom_retries", "RAY_USAGE_STATS_ENABLED")
before = [os.environ.get(name) for name in ours]
tokens = set()
for _cluster in range(2):
    with cluster(None, num_cpus=1) as started:
        tokens.add(os.environ["RAY_AUTH_TOKEN"])
        assert started.ray.cluster_resources()["CPU"] == 1
        assert list(folder.glob("kb-ray-*"))
    assert [os.environ.get(name) for name in ours] == before == [None, None, None, "1"]
    assert not list(folder.iterdir())
assert len(tokens) == 1 and len(tokens.pop()) == 64
"""
"""What Ray reads of the environment it reads once in a process, so this one is of its own."""


@pytest.mark.slow
@pytest.mark.xdist_group("ray")
def test_a_cluster_of_our_own_leaves_nothing_and_writes_no_secret(tmp_path, short_folder):
    environ = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environ |= {"HOME": str(tmp_path), "TMPDIR": str(short_folder), "RAY_USAGE_STATS_ENABLED": "1"}
    done = subprocess.run(
        [sys.executable, "-c", IN_A_PROCESS], env=environ, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.iterdir())


def test_there_is_no_secret_where_ray_was_imported_before(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", object())
    assert engine._secret.__wrapped__() is None
    monkeypatch.delitem(sys.modules, "ray")
    assert len(engine._secret.__wrapped__()) == 64


@pytest.mark.parametrize("address", ["127.0.0.1:9", "127.0.0.1", "head:port"])
def test_an_address_where_nobody_is_says_so(address):
    with pytest.raises(CannotHereError, match=f"KB350 Ray does not start or answer at {address}"), cluster(address):
        pass
