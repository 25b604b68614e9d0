"""A run of pytest in a process of its own, with a probe that answers at once what the test wants."""

import json
import os
from pathlib import Path

import pytest

PROBE = """
import json, os, time
from datetime import UTC, datetime
from pathlib import Path

import recipe_kb.probe.run
from recipe_kb.probe.fingerprint import fingerprint
from recipe_kb.schema.evidence import Evidence, Measured

SAYS = json.loads(os.environ["PROBE_SAYS"])
VERDICTS = SAYS.get("verdicts", [])
CALLS = Path(os.environ["PROBE_CALLS"])
FIGURES = dict.fromkeys(Measured.model_fields, None) | {
    "num_steps": 16, "num_micro_batches": 16, "num_skipped_steps": 0, "wall_s": 1.0, "clock": "host",
    "loss_first": 2.0, "loss_last": 1.0, "step_time_s_median": 0.1, "samples_per_s": 40.0,
}


def probe(request, *, on_progress=None, command=None, **_rest):
    begun = time.monotonic()
    time.sleep(SAYS.get("takes_s", 0))
    with CALLS.open("a") as file:
        file.write(f"{request.recipe_id} {request.num_steps} {request.device} {begun} {time.monotonic()}\\n")
    figures = FIGURES | {"samples_per_s": SAYS.get("samples_per_s", 40.0)}
    return Evidence(
        schema="kb-evidence/1", recipe=request.recipe_id, started=datetime.now(UTC).isoformat(timespec="seconds"),
        mode="cpu", gpu_name=None, verdict=VERDICTS.pop(0) if VERDICTS else SAYS.get("verdict", "passed"),
        reason=SAYS.get("reason"),
        confirmed=("trains",), needs_gpu=("memory", "speed", "precision"), deviations=(),
        measured=Measured(**figures), fingerprint=fingerprint(request),
    )


recipe_kb.probe.run.probe = probe
"""


@pytest.fixture
def no_gpu(monkeypatch):
    """A machine whose driver reports no device, whatever this one has."""
    folder = Path(__file__).parent / "no_gpu"
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")])))


@pytest.fixture
def run_pytest(pytester, monkeypatch):
    """Return a function that runs pytest on a file of tests; with `says` the probe is a fake that says so."""
    calls = pytester.path / "calls.txt"
    monkeypatch.setenv("PROBE_CALLS", str(calls))
    pytester.calls = lambda: calls.read_text(encoding="utf-8").splitlines() if calls.exists() else []

    def run(*words, test=None, says=None):
        if says is not None:
            pytester.makeconftest(PROBE)
            monkeypatch.setenv("PROBE_SAYS", json.dumps(says))
        if test:
            pytester.makepyfile(test)
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-rs", *words, timeout=120)

    return run
