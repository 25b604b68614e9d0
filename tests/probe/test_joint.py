"""From the results of several ranks to one: who is to blame, and what the figures of all are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe_kb.probe.joint import RankResult, join
from recipe_kb.probe.messages import Finished, Started, Telemetry
from recipe_kb.probe.rank_file import Begun, Ended
from recipe_kb.training.steps import Step


def step(time_s=0.1, grad_norm=1.0, **more):
    return Step(**{"loss": 2.0, "grad_norm": grad_norm, "time_s": time_s, "skipped": False} | more)


def result(rank, *, failure=None, reason=None, steps=(), time_s=0.0, exit_code=None, ended=True, **telemetry):
    finished = Finished(failure=failure, reason=reason, steps=steps, telemetry=Telemetry(**telemetry))
    begun = Begun(pid=100 + rank, started=Started(device="cpu", gpu_name=None, fingerprint={}))
    return RankResult(rank, begun, Ended(time_s=time_s, finished=finished) if ended else None, exit_code)


def test_the_slowest_times_a_step_and_memory_is_the_highest():
    joined = join(
        [
            result(0, steps=(step(0.1), step(0.4)), peak_reserved_bytes=10, num_alloc_retries=0),
            result(1, steps=(step(0.3), step(0.2, skipped=True)), peak_reserved_bytes=12, num_alloc_retries=2),
        ]
    )
    assert [one.time_s for one in joined.steps] == [0.3, 0.4]
    assert [one.skipped for one in joined.steps] == [False, True]
    assert (joined.telemetry.peak_reserved_bytes, joined.telemetry.num_alloc_retries) == (12, 2)
    assert (joined.failure, [end.verdict for end in joined.ranks]) == (None, ["passed", "passed"])
    assert [end.pid for end in joined.ranks] == [100, 101]


LOST = {"failure": "crash", "reason": "RuntimeError: Connection closed by peer"}
LATE = {"failure": "crash", "reason": "late", "time_s": 2.0}
EARLY = {"failure": "crash", "reason": "early", "time_s": 1.0}
REFUSED = {"failure": "unsupported", "reason": "no"}
FULL = {"failure": "oom", "reason": "full", "time_s": 2.0}
KILLED = {"ended": False, "exit_code": -9}
ENDED_BY_TORCHRUN = {"ended": False, "exit_code": -15}


@pytest.mark.parametrize(
    ("first", "second", "failure", "reason", "verdicts"),
    [
        # who loses another one reports a crash, perhaps before the other's own word is read
        (LOST, FULL, "oom", "rank 1: full", ["crash", "oom"]),
        (LOST, KILLED, "crash", "rank 1: killed by SIGKILL", ["crash", "crash"]),
        (ENDED_BY_TORCHRUN, KILLED, "crash", "rank 1: killed by SIGKILL", [None, "crash"]),
        (LATE, EARLY, "crash", "rank 1: early", ["crash", "crash"]),
        (REFUSED, REFUSED, "unsupported", "no", ["unsupported", "unsupported"]),
        ({}, {"ended": False}, "crash", "rank 1: ended without a result", ["passed", None]),
    ],
)
def test_who_is_to_blame(first, second, failure, reason, verdicts):
    joined = join([result(0, **first), result(1, **second)])
    assert (joined.failure, joined.reason) == (failure, reason)
    assert [end.verdict for end in joined.ranks] == verdicts


def test_a_rank_that_the_kernel_killed_ran_out_of_memory():
    joined = join([result(0, **LOST), result(1, **KILLED)], kernel_killed=True)
    assert (joined.failure, joined.reason) == ("oom", "rank 1: killed by the kernel's out-of-memory killer")


def test_ranks_with_other_gradients_do_not_train_one_network():
    steps = (step(grad_norm=1.0), step(grad_norm=2.0))
    joined = join([result(0, steps=steps), result(1, steps=(steps[0], step(grad_norm=2.1)))])
    assert joined.failure == "crash"
    assert joined.reason.startswith("rank 1 has another gradient in step 2")


@given(st.floats(0.999, 1.001), st.sampled_from([float("nan"), float("inf")]))
def test_rounding_and_overflow_are_no_other_gradient(factor, overflow):
    steps = ((step(grad_norm=1.0), step(grad_norm=overflow)), (step(grad_norm=factor * 0.9999), step(grad_norm=1.0)))
    joined = join([result(rank, steps=own) for rank, own in enumerate(steps)])
    assert joined.failure is None or factor < 0.9995


@given(st.lists(st.lists(st.floats(0.001, 10.0), min_size=1, max_size=5), min_size=1, max_size=4))
def test_only_steps_that_all_have_taken_count(times):
    joined = join([result(rank, steps=tuple(map(step, own))) for rank, own in enumerate(times)])
    assert [one.time_s for one in joined.steps] == [max(same) for same in zip(*times, strict=False)]
