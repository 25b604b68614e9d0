"""Starting and joining Ray: what is missing is said, and nothing is left behind."""

import os
import tempfile
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


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_what_ray_reads_from_the_environment_is_put_back_and_no_secret_is_written(monkeypatch, tmp_path, short_folder):
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    before = dict(os.environ)
    monkeypatch.setattr(tempfile, "tempdir", str(short_folder))
    with cluster(None, num_cpus=1) as started:
        assert len(os.environ["RAY_AUTH_TOKEN"]) == 64
        assert started.ray.cluster_resources()["CPU"] == 1
        assert list(short_folder.glob("kb-ray-*"))
    assert {name: os.environ.get(name) for name in before} == before
    assert "RAY_AUTH_TOKEN" not in os.environ
    assert not list(short_folder.iterdir())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("address", ["127.0.0.1:9", "127.0.0.1", "head:port"])
def test_an_address_where_nobody_is_says_so(address):
    with pytest.raises(CannotHereError, match=f"KB350 Ray does not start or answer at {address}"), cluster(address):
        pass
