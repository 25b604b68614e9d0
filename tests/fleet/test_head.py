"""A head that is silent, or that has forgotten the run, is gone; one that hiccups is not."""

import threading
import time

import pytest

from recipe_kb.fleet.engine import Cluster
from recipe_kb.fleet.head import HeadWatch, lost_head


def wait_until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


@pytest.fixture
def watch():
    made = []

    def make(remembers, **times):
        made.append(HeadWatch(remembers, **{"interval_s": 0.01, "grace_s": 0.5} | times))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def test_one_that_answers_is_there(watch):
    asked = threading.Semaphore(0)
    head = watch(lambda: asked.release() or True)
    for _question in range(5):
        assert asked.acquire(timeout=20)
    assert not head.is_gone()


def test_one_that_forgot_is_gone_at_once_and_for_ever(watch):
    answers = iter([True, False])
    head = watch(lambda: next(answers, True), grace_s=1000)
    wait_until(head.is_gone)
    time.sleep(0.05)
    assert head.is_gone()


def test_one_that_only_raises_is_gone_after_a_while(watch):
    def refuses():
        raise ConnectionError

    wait_until(watch(refuses).is_gone)


def test_one_that_does_not_return_is_gone_after_a_while(watch):
    never = threading.Event()
    head = watch(lambda: never.wait(20))
    wait_until(head.is_gone)
    never.set()


def test_a_hiccup_is_no_end(watch):
    answers = iter([ConnectionError] * 5)

    def hiccups():
        error = next(answers, None)
        if error:
            raise error
        return True

    head = watch(hiccups, grace_s=1000)
    wait_until(lambda: next(answers, None) is None)
    assert not head.is_gone()


def test_the_error_says_how_to_go_on():
    (problem,) = lost_head(Cluster(ray=None, address="10.0.0.1:6379", gcs_address="10.0.0.1:6379")).problems
    assert problem.code == "KB351"
    assert problem.next_command.endswith("--address 10.0.0.1:6379 --record --resume")
