"""Which evidence answers a request: verdicts about the recipe do, verdicts about the moment do not."""

import pytest

from recipe_kb.probe.fingerprint import fingerprint
from recipe_kb.probe.record import record
from recipe_kb.probe.resume import answered
from recipe_kb.schema import reasons
from recorded import on_gpu

CARD = "NVIDIA H200"
RECIPE = "t4/tiny/1t-64-full"
NEIGHBOUR = reasons.NOT_FREE.format(free="3.00", needed="14.42", gpu="t4")


@pytest.fixture
def keep(ask, tmp_path):
    request = ask(RECIPE, device="cuda")

    def kept(gpu_name=CARD, fingerprint_too=(), **changes):
        facts = fingerprint(request) | dict(fingerprint_too)
        evidence = on_gpu(recipe=RECIPE, gpu_name=gpu_name, **changes)
        return record(evidence.model_copy(update={"fingerprint": facts}), tmp_path)

    kept.answered = lambda gpu_name=CARD: answered(request, tmp_path, gpu_name)
    return kept


@pytest.mark.parametrize(
    ("verdict", "reason", "answers"),
    [
        ("passed", None, True),
        ("oom", "CUDA out of memory", True),
        ("no_progress", "mean loss went from 1 to 2", True),
        ("not_finite", None, True),
        ("alloc_retries", None, True),
        ("unsupported", reasons.NO_LORA, True),
        ("unsupported", reasons.CARD_LACKS.format(gpu="t4", names="bf16"), True),
        ("unsupported", NEIGHBOUR, False),
        ("unsupported", f"rank 1: {NEIGHBOUR}", False),
        ("unsupported", f"{reasons.SHARED_MEMORY}: RuntimeError", False),
        ("unsupported", reasons.TOO_FEW_GPUS.format(wanted=2, found=1), False),
        ("crash", "killed by SIGKILL", False),
        ("timeout", "no result within 300 s", False),
    ],
)
def test_only_what_is_about_the_recipe_answers(keep, verdict, reason, answers):
    path = keep(verdict=verdict, reason=reason)
    assert keep.answered() == (path if answers else None)


def test_an_older_answer_stands_where_the_last_try_crashed(keep):
    answer = keep(verdict="oom", started="2026-11-20T10:00:00+00:00")
    keep(verdict="crash", started="2026-11-21T10:00:00+00:00")
    assert keep.answered() == answer


def test_a_slice_of_a_card_is_known_by_nvmls_own_name(keep):
    path = keep(gpu_name="NVIDIA H200 MIG 1g.18gb by CUDA", fingerprint_too={"nvml_name": "NVIDIA H200 MIG 1g.18gb"})
    assert keep.answered("NVIDIA H200 MIG 1g.18gb") == path
    assert keep.answered() is None
