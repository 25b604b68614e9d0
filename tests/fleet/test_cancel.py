"""Cancelling against a played Ray that loses cancels, as the real one does; the real one is in test_ray_cluster.py."""

import signal

import pytest

from recipe_kb.fleet import cancel
from recipe_kb.fleet.cancel import cancel_all
from recipe_kb.fleet.engine import Cluster
from recipe_kb.fleet.node import interrupted_once


class PlayedRay:
    """Each task ends at its own number of cancels: of any kind, or forced."""

    def __init__(self, **needed):
        self.needed = needed
        self.heard = []

    def cancel(self, reference, force):
        self.heard.append((reference, force))

    def wait(self, references, num_returns, timeout):
        assert num_returns == len(references)
        return [one for one in references if self._ended(one)], [one for one in references if not self._ended(one)]

    def _ended(self, reference):
        kinds = [force for one, force in self.heard if one == reference]
        needed = self.needed[reference]
        return any(kinds) if needed == "force" else len(kinds) >= needed


@pytest.fixture
def clock(monkeypatch):
    """Time that passes by a second at each look."""
    seconds = iter(range(10_000))
    monkeypatch.setattr(cancel.time, "monotonic", lambda: float(next(seconds)))


def end(ray, unless=lambda: False):
    return cancel_all(Cluster(ray=ray, address=None, gcs_address=""), list(ray.needed), unless=unless)


def test_a_cancel_that_was_lost_is_sent_again_and_one_that_was_heard_is_not(clock):
    ray = PlayedRay(queued=1, lost=4)
    assert end(ray) == 0
    assert ray.heard == [("queued", False)] + 4 * [("lost", False)]


def test_what_does_not_listen_is_killed_after_a_while(clock):
    ray = PlayedRay(deaf="force")
    assert end(ray) == 0
    assert [force for _one, force in ray.heard] == [False] * int(cancel.FORCE_AFTER_S) + [True]


def test_it_gives_up_on_what_never_ends_and_says_how_many(clock):
    assert end(PlayedRay(gone=10**6, other=1)) == 1


def test_nobody_is_told_where_the_head_is_gone(clock):
    ray = PlayedRay(one=1)
    assert end(ray, unless=lambda: True) == 1
    assert ray.heard == []


def test_nothing_to_cancel_asks_nobody(clock):
    assert end(PlayedRay()) == 0


def test_a_second_interrupt_does_not_break_off_the_cleaning_up():
    cleaned, before = [], signal.getsignal(signal.SIGINT)

    def probe():
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            signal.raise_signal(signal.SIGINT)
            cleaned.append(True)

    with pytest.raises(KeyboardInterrupt), interrupted_once():
        probe()
    assert cleaned
    assert signal.getsignal(signal.SIGINT) is before
