"""The two processes understand each other, NaN included, and nothing else passes for a message."""

import math

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from recipe_kb.probe.messages import Finished, Progress, Started, Task, Telemetry, UnreadableLineError, parse
from recipe_kb.training.steps import Step


@pytest.mark.parametrize("loss", [1.5, math.inf, math.nan])
def test_messages_survive_the_stream(loss):
    step = Step(loss=loss, grad_norm=math.inf, time_s=0.1, skipped=True)
    for message in (
        Started(device="cuda", gpu_name="Tesla T4", fingerprint={"cuda": "13.0"}),
        Progress(step=3, loss=loss),
        Finished(steps=(step,), telemetry=Telemetry(peak_allocated_bytes=1, not_measured={"x": "why"})),
    ):
        line = message.model_dump_json()
        assert "\n" not in line
        assert parse(line).model_dump_json() == line


def test_the_task_survives_standard_input(ask, tmp_path):
    task = Task(request=ask("t4/tiny/2-3t-64-lora", settings={"lora_r": 8}, weights=tmp_path), scratch=tmp_path)
    assert Task.model_validate_json(task.model_dump_json()) == task


@hypothesis_settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.text())
def test_anything_else_is_refused(line):
    with pytest.raises(UnreadableLineError, match="unreadable line"):
        parse(line)
